/* dpm_solver.c - DPM-Solver++ 2M.
 *
 * Lu et al., "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models" (2022), algorithm 2:
 * with l = log sqrt(alpha / beta) the equation is integrated exactly, except that the predicted picture is extrapolated
 * linearly in l from the last two predictions.  The first step and the last one (to the clean level) are of first
 * order. */
#include "../denoise.h"
#include "../../core/math.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt */

void pal_denoise_dpm_solver(pal_denoise *d)
{
    const size_t n = pal_denoise_row(d, d->count);
    const pal_level *t = &d->level[d->at], *s = t + 1;
    pal_denoise_evaluate(d, t, PAL_HEAD_NONE);
    if (d->at + 1 == d->options.steps) {
        pal_denoise_finish(d);
        return;
    }
    double now = pal_level_snr(t), h = pal_level_snr(s) - now, slope = 0.0;
    if (d->at > 0) slope = h / (2.0 * (now - pal_level_snr(t - 1))); /* 1 / (2 r) */
    double keep = sqrt(s->beta / t->beta), to = sqrt(s->alpha) * pal_one_minus_exp(-h);
    for (size_t i = 0; i < n; i++) {
        double x0 = (double)d->x0[i], ahead = d->at > 0 ? x0 + slope * (x0 - (double)d->before[i]) : x0;
        d->x[i] = (float)(keep * (double)d->x[i] + to * ahead);
        d->before[i] = d->x0[i];
    }
    pal_denoise_advance(d);
}
