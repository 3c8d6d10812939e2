/* sn.c - the optimal variance of each element, from the second moment of the noise.
 *
 * From the same paper as npr.c: a second head predicts h = E[eps^2 | x]. h - eps^2 is the variance of the noise if the
 * predicted mean is exact. */
#include "../transition.h"

void pal_variance_sn(const pal_image_options *o, const pal_noise_predictor *p, const pal_transition *tr,
                     const pal_level *t, const float *eps, const float *second, double *variance)
{
    (void)t;
    for (int32_t i = 0; i < p->size; i++) {
        double e = (double)eps[i];
        variance[i] = pal_transition_variance(tr, (double)second[i] - e * e, o->clip_x0);
    }
}
