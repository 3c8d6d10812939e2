/* ddim.c - the steps of Song, Meng and Ermon (2021): variance lambda^2 = eta^2 beta-tilde.
 *
 * With eta 0 only the start is random, and the steps are a first-order solver of the probability-flow equation.  With
 * eta 1 it is ddpm with the small variance. */
#include "../transition.h"

void pal_variance_ddim(const pal_image_options *o, const pal_noise_predictor *p, const pal_transition *tr,
                       const pal_level *t, const float *eps, const float *second, double *variance)
{
    (void)o, (void)t, (void)eps, (void)second;
    for (int32_t i = 0; i < p->size; i++) variance[i] = tr->lambda2;
}
