/* analytic.c - the optimal variance among those that are equal for all states and elements.
 *
 * Bao et al., Analytic-DPM (2022), theorem 1: the covariance of x0 is beta / alpha (1 - Gamma) with Gamma = E[eps^2] of
 * the predicted noise.  Gamma is measured once on the training data and stored in a table. */
#include "../transition.h"

double pal_gamma_at(const pal_noise_predictor *p, double time)
{
    double n = time * p->gammas - 1.0; /* entry 0 is for t = 1 / gammas */
    if (n <= 0.0) return p->gamma[0];
    int32_t below = (int32_t)(n + 1e-9); /* as in log_alpha_at of schedule.c */
    if (below >= p->gammas - 1) return p->gamma[p->gammas - 1];
    double part = n - below;
    return part < 1e-9 ? p->gamma[below] : p->gamma[below] + part * (p->gamma[below + 1] - p->gamma[below]);
}

void pal_variance_analytic(const pal_image_options *o, const pal_noise_predictor *p, const pal_transition *tr,
                           const pal_level *t, const float *eps, const float *second, double *variance)
{
    (void)eps, (void)second;
    double value = pal_transition_variance(tr, 1.0 - pal_gamma_at(p, t->time), o->clip_x0);
    for (int32_t i = 0; i < p->size; i++) variance[i] = value;
}
