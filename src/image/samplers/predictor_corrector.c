/* predictor_corrector.c - Langevin corrections at a level, then a step to the next level.
 *
 * Song et al. (2021), algorithms 2 to 5, corrections first, as in their program.
 * Correction: x + e s + sqrt(2 e) z with e = 2 a (r |z| / |s|)^2, a = 1 - beta of the step for VP and 1 for VE.  Norms
 * are computed per picture (theirs are averaged over the batch), so no picture depends on another.  With only a few
 * elements the rule is not a Langevin step, because its e then depends on the draw.
 * Prediction: the ancestral step (x + beta s) / sqrt(1 - beta) + sqrt(beta) z for VP;
 * x + (sigma_t^2 - sigma_s^2) s + sqrt(sigma_t^2 - sigma_s^2) z for VE. */
#include "../denoise.h"

#include <math.h>

/* |v|, in order of the elements. */
static double norm(const float *v, int32_t size)
{
    double squares = 0.0;
    for (int32_t i = 0; i < size; i++) squares += (double)v[i] * (double)v[i];
    return sqrt(squares);
}

/* The score is -eps / spread. */
static void correct_row(pal_denoise *d, double keep, double spread, int32_t row)
{
    const int32_t size = pal_denoise_size(d);
    float *x = d->x + pal_denoise_row(d, row);
    const float *eps = d->eps + pal_denoise_row(d, row);
    pal_denoise_normal(d, PAL_NOISE_MOVE, row);
    double steep = norm(eps, size);
    if (!(steep > 0.0)) return; /* at a stationary point the step is undefined */
    double ratio = d->options.snr * norm(d->z, size) * spread / steep, e = 2.0 * keep * ratio * ratio;
    double along = e / spread, noise = sqrt(2.0 * e);
    for (int32_t i = 0; i < size; i++) x[i] = (float)((double)x[i] - along * (double)eps[i] + noise * (double)d->z[i]);
}

static void predict(pal_denoise *d, const pal_level *t, const pal_level *s)
{
    double beta = pal_one_minus_exp(t->log_alpha - s->log_alpha), from = pal_level_sigma(t), to = pal_level_sigma(s);
    double keep = d->exploding ? 1.0 : 1.0 / sqrt(1.0 - beta);
    double added = d->exploding ? from * from - to * to : beta;
    double along = d->exploding ? added / from : keep * beta / sqrt(t->beta), noise = sqrt(added);
    for (int32_t row = 0; row < d->count; row++) {
        float *x = d->x + pal_denoise_row(d, row);
        const float *eps = d->eps + pal_denoise_row(d, row);
        pal_denoise_normal(d, PAL_NOISE_MOVE, row);
        for (int32_t i = 0; i < pal_denoise_size(d); i++)
            x[i] = (float)(keep * (double)x[i] - along * (double)eps[i] + noise * (double)d->z[i]);
    }
}

void pal_denoise_predictor_corrector(pal_denoise *d)
{
    const pal_level *t = &d->level[d->at], *s = t + 1;
    pal_denoise_evaluate(d, t, PAL_HEAD_NONE);
    if (d->turn < d->options.correctors) {
        double keep = d->exploding ? 1.0 : t->alpha / s->alpha;
        double spread = d->exploding ? pal_level_sigma(t) : sqrt(t->beta);
        for (int32_t row = 0; row < d->count; row++) correct_row(d, keep, spread, row);
        pal_denoise_put_back(d, t);
        d->turn++;
        return;
    }
    d->turn = 0;
    if (d->at + 1 == d->options.steps) {
        pal_denoise_finish(d);
        return;
    }
    predict(d, t, s);
    pal_denoise_advance(d);
}
