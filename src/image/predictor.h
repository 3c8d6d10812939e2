/* predictor.h - what samplers of pictures need of a network (internal).
 *
 * The seam between mathematics and networks: the samplers are proven on mixtures of Gaussians, whose noise can be
 * predicted in closed form, and run on networks through the same fields. */
#ifndef PAL_IMAGE_PREDICTOR_H
#define PAL_IMAGE_PREDICTOR_H

#include "../arch/noise_head.h"

#include <stdbool.h>
#include <stdint.h>

/* One evaluation of a batch.  Every state has its own time, because adaptive solvers give every picture its own clock,
 * so that it does not depend on the others; elsewhere all times are equal.  What is answered about a state must not
 * depend on the other states either. */
typedef struct {
    int32_t count;          /* states */
    const int32_t *picture; /* [count] which row of the batch a state belongs to: the network's labels go by it */
    const double *time;     /* [count] in (0, 1] */
    const float *x;         /* [count, size]: sqrt(alpha) x0 + sqrt(beta) eps */
    pal_noise_head head;    /* what second receives */
    float *eps;             /* [count, size]: E[eps | x] */
    float *second;          /* [count, size], or NULL without a head */
} pal_noise_query;

typedef struct {
    void *context;
    int32_t size;                         /* elements of a state */
    bool has_second_moment, has_residual; /* the heads it has */
    bool guided;         /* answers a combination of two predictions, which is the score of no density */
    int32_t gammas;      /* entries of gamma, 0: none */
    const double *gamma; /* [gammas]: E[predicted eps^2] over data and elements at t = 1 / gammas, ..., 1 */
    void (*evaluate)(void *context, const pal_noise_query *q);
    /* The same, and product[count, size] := (d eps / d x) v, v[count, size], by forward-mode differentiation; NULL
     * where the network cannot. */
    void (*product)(void *context, const pal_noise_query *q, const float *v, float *product);
} pal_noise_predictor;

#endif
