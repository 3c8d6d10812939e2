/* ancestral.c - K time steps of the reverse process, alpha = 1 - t on an even grid.
 *
 * From t to s every masked place is revealed with probability (alpha_s - alpha_t) / (1 - alpha_t), here
 * 1 / (steps left); Sahoo et al. (MDLM) 2024.  The reveal events are drawn first, with 53 bits, and only
 * then the tokens: one race of all tokens against the mask in limited precision loses most of what
 * is due (ALGORITHMS, 2.10).  A step without an event needs no evaluation.  Places revealed together
 * are drawn independently: the law is off by O(1 / K). */
#include "../fill.h"

bool pal_sample_ancestral(pal_fill *f)
{
    int32_t count = 0, left = pal_fill_steps(f) - f->step;
    f->step++;
    for (int32_t slot = 0; slot < f->slots; slot++)
        if (pal_fill_is_open(f, slot) && pal_fill_uniform(f, PAL_DRAW_REVEAL, slot) * left < 1.0)
            f->chosen[count++] = slot;
    if (count) pal_fill_evaluate(f);
    for (int32_t i = 0; i < count; i++) pal_fill_draw(f, f->chosen[i]);
    return count > 0;
}
