/* first_hitting.c - one token per evaluation, at a uniformly random open place.
 *
 * Zheng et al., "Masked diffusion models are secretly time-agnostic masked models" (2024): the times at which the
 * reverse process reveals tokens carry no information for a network without a time input, so drawing the order
 * uniformly simulates the continuous-time process exactly. */
#include "samplers.h"

pal_ask_fn pal_first_hitting_ask;
pal_step_fn pal_first_hitting_step;

bool pal_first_hitting_ask(pal_fill *f)
{
    int32_t skip = (int32_t)(pal_fill_uniform(f, PAL_DRAW_POSITION, -1) * f->open);
    int32_t place = 0;
    for (;; place++)
        if (pal_fill_is_open(f, place) && skip-- == 0) break;
    f->chosen[0] = place;
    pal_fill_ask(f, place);
    return true;
}

void pal_first_hitting_step(pal_fill *f)
{
    pal_fill_draw(f, f->chosen[0]);
}
