/* transition.c - Gaussian steps of the reverse process, with the clipping of the published code.
 *
 * Clipping follows the published code of Analytic-DPM and of its extension (Bao et al. 2022a, b):
 * - x0 is clipped to [-1, 1] before it enters the mean.  -ddpm then computes the mean from x0 and x_t, -ddim from x0
 *   and the eps that fits x0 and x_t.  The latter is our choice; the published code does not do this as far as we know.
 *   (With the predicted eps, x0 and eps no longer give x_t: where much is clipped, as in bright pictures at the first
 *   steps, the state diverged from its distribution.)
 * - The covariance of x0 is clipped to [0, 1].
 * - The standard deviation of the last step that has noise is limited to `clip_pixel` 2 / 255 sqrt(pi / 2), which
 *   limits the mean absolute noise to that many grey levels. */
#include "transition.h"

#include <math.h>

pal_transition pal_transition_of(const pal_level *t, const pal_level *s, double eta)
{
    pal_transition tr = {.beta = pal_one_minus_exp(t->log_alpha - s->log_alpha), .sigma2 = t->beta / t->alpha};
    tr.beta_tilde = s->beta / t->beta * tr.beta;
    tr.lambda2 = eta * eta * tr.beta_tilde;
    double rest = s->beta - tr.lambda2;
    tr.x0_of_ddim = sqrt(s->alpha);
    tr.eps_of_ddim = rest > 0.0 ? sqrt(rest) : 0.0;
    tr.x0_of_ddpm = sqrt(s->alpha) * tr.beta / t->beta;
    tr.x_of_ddpm = sqrt(t->alpha / s->alpha) * s->beta / t->beta;
    double k = tr.x0_of_ddim - tr.eps_of_ddim * sqrt(t->alpha / t->beta);
    tr.k2 = k * k;
    return tr;
}

double pal_transition_variance(const pal_transition *tr, double unit, bool clip)
{
    double covariance = tr->sigma2 * unit;
    if (!(covariance > 0.0)) covariance = 0.0;
    if (clip && covariance > 1.0) covariance = 1.0;
    return tr->lambda2 + tr->k2 * covariance;
}

bool pal_image_mean_by_eps(pal_image_sampler sampler)
{
    return sampler == PAL_IMAGE_DDIM || sampler == PAL_IMAGE_ANALYTIC_DDIM || sampler == PAL_IMAGE_NPR_DDIM ||
           sampler == PAL_IMAGE_SN_DDIM;
}

double pal_image_eta(const pal_image_options *o)
{
    return pal_image_mean_by_eps(o->sampler) ? o->eta : 1.0;
}

pal_noise_head pal_image_head(pal_image_sampler sampler)
{
    if (sampler == PAL_IMAGE_SN_DDPM || sampler == PAL_IMAGE_SN_DDIM) return PAL_HEAD_SECOND_MOMENT;
    if (sampler == PAL_IMAGE_NPR_DDPM || sampler == PAL_IMAGE_NPR_DDIM) return PAL_HEAD_RESIDUAL;
    return PAL_HEAD_NONE;
}

pal_variance_fn *pal_variance_of(pal_image_sampler sampler)
{
    switch (sampler) {
    case PAL_IMAGE_DDPM: return pal_variance_ddpm;
    case PAL_IMAGE_DDIM: return pal_variance_ddim;
    case PAL_IMAGE_ANALYTIC_DDPM:
    case PAL_IMAGE_ANALYTIC_DDIM: return pal_variance_analytic;
    case PAL_IMAGE_NPR_DDPM:
    case PAL_IMAGE_NPR_DDIM: return pal_variance_npr;
    case PAL_IMAGE_SN_DDPM:
    case PAL_IMAGE_SN_DDIM: return pal_variance_sn;
    default: return NULL;
    }
}

/* Bounds the variance of the last step that has noise; other steps have no bound. */
static double greatest_variance(const pal_denoise *d)
{
    if (d->at + 2 != d->options.steps || !(d->options.clip_pixel > 0.0)) return INFINITY;
    double sigma = d->options.clip_pixel * 2.0 / 255.0;
    return sigma * sigma * 0x1.921fb54442d18p0; /* pi / 2 */
}

/* x := mean + sqrt(variance) noise. */
static void move_row(pal_denoise *d, const pal_transition *tr, int32_t row)
{
    bool ddim = pal_image_mean_by_eps(d->options.sampler);
    double by_x0 = ddim ? tr->x0_of_ddim : tr->x0_of_ddpm, by_other = ddim ? tr->eps_of_ddim : tr->x_of_ddpm;
    double max = greatest_variance(d);
    const pal_level *t = &d->level[d->at];
    const double scale = sqrt(t->alpha), spread = sqrt(t->beta);
    float *x = d->x + pal_denoise_row(d, row);
    const float *x0 = d->x0 + pal_denoise_row(d, row), *eps = d->eps + pal_denoise_row(d, row);
    const float *second = d->second ? d->second + pal_denoise_row(d, row) : NULL;
    pal_denoise_normal(d, PAL_NOISE_MOVE, row);
    pal_variance_of(d->options.sampler)(&d->options, &d->predictor, tr, t, eps, second, d->variance);
    for (int32_t i = 0; i < pal_denoise_size(d); i++) {
        double v = d->variance[i] < max ? d->variance[i] : max;
        double other = (double)(ddim ? eps[i] : x[i]);
        if (ddim && d->options.clip_x0) other = ((double)x[i] - scale * (double)x0[i]) / spread;
        double mean = by_x0 * (double)x0[i] + by_other * other;
        x[i] = (float)(mean + sqrt(v) * (double)d->z[i]);
    }
}

void pal_denoise_transit(pal_denoise *d)
{
    pal_denoise_evaluate(d, &d->level[d->at], pal_image_head(d->options.sampler));
    if (d->at + 1 == d->options.steps) {
        pal_denoise_finish(d);
        return;
    }
    const pal_transition tr = pal_transition_of(&d->level[d->at], &d->level[d->at + 1], pal_image_eta(&d->options));
    for (int32_t row = 0; row < d->count; row++) move_row(d, &tr, row);
    pal_denoise_advance(d);
}
