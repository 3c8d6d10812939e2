/* transition.h - one step of the reverse process from a noise level to a cleaner one (internal).
 *
 * t is the noisier level, s the cleaner one (Song, Meng and Ermon, DDIM, 2021, eq. 12; Bao et al., Analytic-DPM, 2022,
 * eqs. 4 to 8):
 *   q(x_s | x_t, x0) = N(sqrt(alpha_s) x0 + sqrt(beta_s - lambda^2) eps, lambda^2),
 * lambda^2 = eta^2 beta-tilde.  If x0 is not known, the best Gaussian has the variance
 *   lambda^2 + k^2 Cov[x0 | x_t],  k = sqrt(alpha_s) - sqrt(beta_s - lambda^2) sqrt(alpha_t / beta_t). */
#ifndef PAL_TRANSITION_H
#define PAL_TRANSITION_H

#include "denoise.h"

typedef struct {
    double beta;                    /* 1 - alpha_t / alpha_s: the noise between the levels */
    double beta_tilde;              /* beta_s / beta_t beta */
    double lambda2;                 /* eta^2 beta-tilde */
    double x0_of_ddim, eps_of_ddim; /* coefficients of the mean from x0 and eps */
    double x0_of_ddpm, x_of_ddpm;   /* of the mean from x0 and x_t (eta 1); differs if x0 was clipped */
    double k2;                      /* k^2 */
    double sigma2;                  /* beta_t / alpha_t: covariance of x0 in units of that of eps */
} pal_transition;

pal_transition pal_transition_of(const pal_level *t, const pal_level *s, double eta);

/* lambda^2 + k^2 C with C = sigma2 unit, where unit is the predicted (co)variance of eps: 1 - Gamma, h - eps^2 or g.  C
 * is clamped to at least 0 and, if clip is set, to at most 1, the maximum variance of values in [-1, 1]. */
double pal_transition_variance(const pal_transition *tr, double unit, bool clip);

/* eta of the sampler: 1 for -ddpm samplers, the option for -ddim samplers. */
double pal_image_eta(const pal_image_options *o);
/* Whether the mean is computed from x0 and eps (-ddim) instead of x0 and x_t (-ddpm). */
bool pal_image_mean_by_eps(pal_image_sampler sampler);
/* The head that the sampler needs. */
pal_noise_head pal_image_head(pal_image_sampler sampler);

/* Computes variance[size] of a step of the samplers ddpm to sn-ddim for one state at level t. eps[size] and
 * second[size] are the predictions for that state (second is NULL if the sampler needs no head).  One per file in
 * samplers/. */
typedef void pal_variance_fn(const pal_image_options *o, const pal_noise_predictor *p, const pal_transition *tr,
                             const pal_level *t, const float *eps, const float *second, double *variance);
pal_variance_fn pal_variance_ddpm, pal_variance_ddim, pal_variance_analytic, pal_variance_npr, pal_variance_sn;
pal_variance_fn *pal_variance_of(pal_image_sampler sampler); /* NULL for other samplers */

/* E[eps^2] at a time from the predictor's table, linear between its entries. */
double pal_gamma_at(const pal_noise_predictor *p, double time);

#endif
