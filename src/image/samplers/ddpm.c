/* ddpm.c - the two classical variances of ancestral steps.
 *
 * Ho, Jain and Abbeel (2020), section 3.2: beta-tilde is optimal if the data is a single point, beta if it is a
 * standard normal; for other data the optimum is between the two. */
#include "../transition.h"

void pal_variance_ddpm(const pal_image_options *o, const pal_noise_predictor *p, const pal_transition *tr,
                       const pal_level *t, const float *eps, const float *second, double *variance)
{
    (void)t, (void)eps, (void)second;
    double value = o->variance == PAL_VARIANCE_LARGE ? tr->beta : tr->beta_tilde;
    for (int32_t i = 0; i < p->size; i++) variance[i] = value;
}
