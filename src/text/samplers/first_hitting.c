/* first_hitting.c - one token an evaluation, at a uniformly random open place.
 *
 * Zheng et al., "Masked diffusion models are secretly time-agnostic masked models" (2024): the times at
 * which the reverse process reveals tokens carry no information for a network without a time input, so
 * that drawing the order uniformly simulates the continuous-time process exactly. */
#include "../fill.h"

bool pal_sample_first_hitting(pal_fill *f)
{
    f->step++;
    int32_t skip = (int32_t)(pal_fill_uniform(f, PAL_DRAW_POSITION, -1) * f->open);
    int32_t slot = 0;
    for (;; slot++)
        if (pal_fill_is_open(f, slot) && skip-- == 0) break;
    pal_fill_evaluate(f);
    pal_fill_draw(f, slot);
    return true;
}
