/* langevin.c - Langevin dynamics on geometrically decreasing noise levels.
 *
 * Song and Ermon (2019), algorithm 1: at level sigma, x := x + a s(x, sigma) + sqrt(2 a) z with a proportional to
 * sigma^2.  The score of the data with added noise sigma comes from the network, trained on the VP process, at the time
 * with the same signal-to-noise ratio: s(x, sigma) = -eps(sqrt(alpha) x, t) / sigma.  The options give r = a / sigma^2
 * and the number of moves per level; the last evaluation denoises (Jolicoeur-Martineau et al. 2021).  With one move per
 * level and sigma falling by a factor g per level, the remaining noise is not sigma^2 but 2 r sigma^2 / (1 - (1 - r)^2
 * g^2): at best 1.4 sigma^2, with r between 0.4 and 0.5, for 100 levels from 50 to 0.01.  More levels or moves reduce
 * it. */
#include "../denoise.h"

#include <math.h>

void pal_denoise_langevin(pal_denoise *d)
{
    const pal_image_options *o = &d->options;
    const pal_level *level = &d->level[d->at];
    pal_denoise_evaluate(d, level, PAL_HEAD_NONE);
    if (++d->turn == o->iterations) {
        d->turn = 0;
        d->at++;
    }
    if (d->at == o->steps) {
        pal_denoise_finish(d);
        return;
    }
    double sigma = pal_level_sigma(level), along = o->langevin_step * sigma,
           noise = sqrt(2.0 * o->langevin_step) * sigma;
    for (int32_t row = 0; row < d->count; row++) {
        float *x = d->x + pal_denoise_row(d, row);
        const float *eps = d->eps + pal_denoise_row(d, row);
        pal_denoise_normal(d, PAL_NOISE_MOVE, row);
        for (int32_t i = 0; i < pal_denoise_size(d); i++)
            x[i] = (float)((double)x[i] - along * (double)eps[i] + noise * (double)d->z[i]);
    }
    pal_denoise_put_back(d, &d->level[d->at]);
}
