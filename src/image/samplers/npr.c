/* npr.c - the optimal variance of each element around the learnt mean.
 *
 * Bao et al., "Estimating the optimal covariance with imperfect mean in diffusion probabilistic models" (2022): a
 * second head predicts g = E[(eps - predicted eps)^2 | x], which includes the error of the mean. */
#include "../transition.h"

void pal_variance_npr(const pal_image_options *o, const pal_noise_predictor *p, const pal_transition *tr,
                      const pal_level *t, const float *eps, const float *second, double *variance)
{
    (void)t, (void)eps;
    for (int32_t i = 0; i < p->size; i++) variance[i] = pal_transition_variance(tr, (double)second[i], o->clip_x0);
}
