/* modes.h - a mixture of two Gaussians on a line, as a network of pictures of one element that knows everything (internal).
 *
 * At a noise level a component is normal with mean sqrt(alpha) m and variance alpha s^2 + beta, so density, score, and the
 * mean and second moment of the noise in a state have closed forms. */
#ifndef PAL_LAB_MODES_H
#define PAL_LAB_MODES_H

#include "../image/denoise.h"

typedef struct {
    double weight[2], mean[2], spread[2]; /* the weights sum to 1 */
    const pal_schedule *schedule;
    int32_t gammas;
    const double *gamma; /* [gammas] for analytic-ddpm and -ddim (image/predictor.h), or 0 and NULL */
} pal_modes;

double pal_modes_density(const pal_modes *m, const pal_level *l, double x);
/* E[eps | x] and E[eps^2 | x]; the score is -E[eps | x] / sqrt(beta). */
void pal_modes_moments(const pal_modes *m, const pal_level *l, double x, double *eps, double *second);
/* A picture without noise: component by u, place by the normal number z. */
double pal_modes_draw(const pal_modes *m, double u, double z);

/* With both heads; m must stay where it is. */
pal_noise_predictor pal_modes_predictor(pal_modes *m);

#endif
