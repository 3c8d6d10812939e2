/* predictor.h - the interface between samplers of pictures and networks (internal).
 *
 * Tests run the samplers through the same interface on mixtures of Gaussians, whose noise can be predicted in closed
 * form. */
#ifndef PAL_IMAGE_PREDICTOR_H
#define PAL_IMAGE_PREDICTOR_H

#include "../arch/noise_head.h"

#include <stdbool.h>
#include <stdint.h>

/* One evaluation of a batch.  Every state has its own time, because adaptive solvers choose the steps of each picture
 * independently; with other samplers all times are equal.  The result for a state must not depend on the other
 * states. */
typedef struct {
    int32_t count;          /* states */
    const int32_t *picture; /* [count] row of the batch that a state belongs to; selects its label */
    const double *time;     /* [count] in (0, 1] */
    const float *x;         /* [count, size]: sqrt(alpha) x0 + sqrt(beta) eps */
    pal_noise_head head;    /* what is written to second */
    float *eps;             /* [count, size]: E[eps | x] */
    float *second;          /* [count, size], or NULL without a head */
} pal_noise_query;

typedef struct {
    void *context;
    int32_t size;                         /* elements of a state */
    bool has_second_moment, has_residual; /* the heads that the network has */
    bool guided;                          /* eps combines two predictions and is not the score of a density */
    int32_t gammas;                       /* number of entries of gamma; 0: no table */
    const double *gamma; /* [gammas]: E[predicted eps^2] over data and elements at t = 1 / gammas, ..., 1 */
    void (*evaluate)(void *context, const pal_noise_query *q);
    /* Does the same as evaluate, and computes product[count, size] := (d eps / d x) v for v[count, size] by
     * forward-mode differentiation.  NULL if the network does not support it. */
    void (*product)(void *context, const pal_noise_query *q, const float *v, float *product);
} pal_noise_predictor;

#endif
