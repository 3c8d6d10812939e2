/* heun.c - Heun's method on the probability-flow equation, with fixed steps.
 *
 * Karras et al. (2022), algorithm 1 without its noise: with y = x / sqrt(alpha) the equation is dy / d sigma = eps,
 * whose solutions are nearly straight lines.  A step makes two evaluations; the last step (to sigma 0) makes one. */
#include "../denoise.h"

#include <math.h>

void pal_denoise_heun(pal_denoise *d)
{
    const size_t n = pal_denoise_row(d, d->count);
    const pal_level *t = &d->level[d->at], *s = t + 1;
    const double from = sqrt(1.0 / t->alpha), to = sqrt(s->alpha), way = pal_level_sigma(s) - pal_level_sigma(t);
    pal_denoise_evaluate(d, d->turn ? s : t, PAL_HEAD_NONE);
    if (d->at + 1 == d->options.steps) {
        pal_denoise_finish(d);
    } else if (d->turn == 0) {
        for (size_t i = 0; i < n; i++) {
            d->before[i] = d->x[i];
            d->before_eps[i] = d->eps[i];
            d->x[i] = (float)(to * (from * (double)d->x[i] + way * (double)d->eps[i]));
        }
        d->turn = 1;
    } else {
        for (size_t i = 0; i < n; i++) {
            double slope = 0.5 * ((double)d->before_eps[i] + (double)d->eps[i]);
            d->x[i] = (float)(to * (from * (double)d->before[i] + way * slope));
        }
        d->turn = 0;
        d->at++;
    }
}
