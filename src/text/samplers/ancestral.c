/* ancestral.c - K time steps of the reverse process, alpha = 1 - t on a uniform grid.
 *
 * From t to s every masked place is revealed with probability (alpha_s - alpha_t) / (1 - alpha_t), here 1 / (steps
 * left); Sahoo et al. (MDLM) 2024. The reveals are drawn first, with 53 bits, and only then the tokens: drawing the
 * mask and all tokens from one distribution in limited precision loses most of the reveals. A step without a reveal
 * needs no evaluation. Places revealed together are drawn independently: the distribution has an error of O(1 / K). */
#include "samplers.h"

pal_ask_fn pal_ancestral_ask;
pal_step_fn pal_ancestral_step;

bool pal_ancestral_ask(pal_fill *f)
{
    int32_t left = pal_fill_steps(f) - pal_fill_time_step(f) + 1;
    f->chosen_count = 0;
    for (int32_t place = 0; place < f->places; place++)
        if (pal_fill_is_open(f, place) && pal_fill_uniform(f, PAL_DRAW_REVEAL, place) * left < 1.0)
            f->chosen[f->chosen_count++] = place;
    if (f->chosen_count) pal_fill_ask_open(f);
    return f->chosen_count > 0;
}

void pal_ancestral_step(pal_fill *f)
{
    for (int32_t i = 0; i < f->chosen_count; i++) pal_fill_draw(f, f->chosen[i]);
}
