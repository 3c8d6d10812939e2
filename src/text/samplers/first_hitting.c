/* first_hitting.c - one token per evaluation, at a uniformly random open place.
 *
 * Zheng et al., "Masked diffusion models are secretly time-agnostic masked models" (2024): the times at which the
 * reverse process reveals tokens carry no information for a network without a time input, so drawing the order
 * uniformly simulates the continuous-time process exactly.
 *
 * A network that computes scores of masked texts reads the noise level.  There the times are drawn too.  It is exact for
 * the exact score, whose conditional probabilities do not depend on the noise level; those of a trained network do a
 * little. */
#include "samplers.h"
#include "../../core/math.h"

pal_ask_fn pal_first_hitting_ask;
pal_step_fn pal_first_hitting_step;

/* The share of masked tokens falls from 1 to u^(1 / n) of itself until one of n is revealed.  What it was after each of
 * the steps so far follows from their number and from how many places are open now. */
static double share_now(const pal_fill *f)
{
    const int32_t last = pal_fill_time_step(f);
    double share = 1.0;
    for (int32_t step = 1; step <= last; step++) {
        const uint32_t number = (uint32_t)(f->first_step + step);
        const double u = pal_uniform(f->options.seed, PAL_DRAW_REVEAL, f->options.draft, number, 0);
        share *= pal_pow(u > 0.0 ? u : 0x1p-53, 1.0 / (f->open + last - step));
    }
    return share;
}

bool pal_first_hitting_ask(pal_fill *f)
{
    if (f->classes->noise) f->time = share_now(f);
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
