/* reverse_sde.c - the Euler-Maruyama method on the reverse stochastic differential equation.
 *
 * Anderson's reversal, as used by Song et al. (2021, eq. 6).  VP: dx = -(beta(t) / 2) x dt + sqrt(beta(t)) dw, so a
 * step back by h is x + h beta (x / 2 + s) + sqrt(h beta) z with s = -eps / sqrt(beta-bar).  VE: sigma is geometric in
 * time, dx = sigma sqrt(2 c) dw with c = -d log sigma, so a step is x + 2 c sigma^2 s + sigma sqrt(2 c) z with s(x,
 * sigma) = -eps(sqrt(alpha) x, t) / sigma. */
#include "../denoise.h"
#include "../../core/math.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt */

/* x := keep x + by_eps eps + noise z. */
typedef struct {
    double keep, by_eps, noise;
} move;

static move move_of(const pal_denoise *d, const pal_level *t, const pal_level *s)
{
    if (d->exploding) {
        double from = pal_level_sigma(t), twice = 2.0 * pal_log(from / pal_level_sigma(s));
        return (move){1.0, -twice * from, from * sqrt(twice)};
    }
    double amount = pal_schedule_rate(d->schedule, t->time) * (t->time - s->time);
    return (move){1.0 + 0.5 * amount, -amount / sqrt(t->beta), sqrt(amount)};
}

void pal_denoise_reverse_sde(pal_denoise *d)
{
    const pal_level *t = &d->level[d->at];
    pal_denoise_evaluate(d, t, PAL_HEAD_NONE);
    if (d->at + 1 == d->options.steps) {
        pal_denoise_finish(d);
        return;
    }
    const move m = move_of(d, t, t + 1);
    for (int32_t row = 0; row < d->count; row++) {
        float *x = d->x + pal_denoise_row(d, row);
        const float *eps = d->eps + pal_denoise_row(d, row);
        pal_denoise_normal(d, PAL_NOISE_MOVE, row);
        for (int32_t i = 0; i < pal_denoise_size(d); i++)
            x[i] = (float)(m.keep * (double)x[i] + m.by_eps * (double)eps[i] + m.noise * (double)d->z[i]);
    }
    pal_denoise_advance(d);
}
