/* likelihood.h - likelihood of pictures under a network (internal): by the probability flow, and by a variational
 * bound.
 *
 * Both are state machines like the samplers: one evaluation per step, caller-owned memory, addressed random numbers,
 * and the result for a picture does not depend on the others.  Both refuse guided predictors, because a guided
 * prediction is not the score of a density. */
#ifndef PAL_IMAGE_LIKELIHOOD_H
#define PAL_IMAGE_LIKELIHOOD_H

#include "denoise.h"

/* Converts a log density in nats of pictures scaled to [-1, 1) by pal_dequantise to bits per dimension of bytes.
 * Scaling to the units of bytes divides the density by 128^size, hence the 7.  With uniform u the expected log density
 * is a lower bound of the log probability of the bytes (Theis et al. 2016). */
double pal_bits_per_dimension(double log_density, int32_t size);

/* ---- the probability flow: a log density ------------------------------------------------------------- */

typedef struct {
    uint64_t seed;
    double tolerance;  /* of the solver, absolute and relative; default 1e-5 */
    int32_t probes;    /* number of random directions of Hutchinson's estimate of the divergence; default 1. 0: exact,
                          with all `size` unit vectors as directions */
    double difference; /* half step of the central difference in units of sqrt(beta), used if there are no forward-mode
                          products; default 0.02; for its error see flow.c */
} pal_flow_options;

pal_flow_options pal_flow_defaults(void);
pal_status pal_flow_check(const pal_flow_options *o, const pal_noise_predictor *p, pal_error *err);

/* The log density, in nats, of x[size] at t = 1, the end of the flow. */
typedef double pal_log_density_fn(void *context, const float *x, int32_t size);

typedef struct {
    pal_noise_predictor predictor;
    const pal_schedule *schedule;
    pal_flow_options options; /* checked */
    uint32_t first;           /* number of the picture in row 0 */
    uint32_t draw;            /* another value gives other directions */
    int32_t count;
    pal_log_density_fn *end; /* NULL: a standard normal, which is only approximately true at the end of a schedule */
    void *end_context;
    float *x;            /* [count, size] the pictures, written by the caller after the layout; moved to t = 1 by the
                            steps */
    double *log_density; /* [count]; complete when done */
    int32_t evaluations; /* so far */
    bool done;

    int32_t turn;                 /* index of the next evaluation in the current stage */
    pal_flow_clock *clock;        /* [count] */
    double (*rate)[7];            /* [count] divergence at each stage */
    double *trace, *time;         /* [count] */
    int32_t *picture;             /* [count] the rows that are not done */
    float *stages;                /* [count, 7, size] */
    float *state, *shown, *along; /* [count, size] state of the stage; input of the network; directions */
    float *eps, *output;          /* [count, size] */
} pal_flow;

/* The log density is that of pictures with the noise of the schedule's smallest time (1e-3, or one step): the flow
 * starts there, because the score of pictures without noise need not exist. pal_flow_begin reads x. */
void pal_flow_layout(pal_flow *f, pal_arena *arena);
void pal_flow_begin(pal_flow *f);
pal_status pal_flow_step(pal_flow *f); /* PAL_MORE, or PAL_OK when done */

/* ---- the variational bound of the stochastic discrete samplers --------------------------------------- */

/* An upper bound of -log p(x) for the samplers ddpm, ddim (eta above 0) and their variants (Ho et al. 2020, eq. 5).
 * One noised picture is drawn per level; given it, the term of the level is exact.  The last step draws a pixel from a
 * normal distribution around the prediction.  Its variance is that of the sampler, but at least beta-tilde of the first
 * two steps; clip_pixel is not used. */
typedef struct {
    pal_noise_predictor predictor;
    const pal_schedule *schedule;
    pal_image_options options; /* checked by pal_bound_check */
    int32_t bins;   /* 256: pixels are byte / 127.5 - 1, a bin ends halfway to the next one, and the outer bins extend
                       to infinity; 0: the density at x */
    uint32_t first; /* number of the picture in row 0 */
    uint32_t draw;  /* another value gives other noise: the bound is the mean over draws */
    int32_t count;
    float *x;            /* [count, size], written by the caller after the layout; not changed by the steps */
    double *nats;        /* [count]; complete when done */
    int32_t evaluations; /* so far; options.steps in total */
    bool done;

    pal_level *level;                     /* [steps + 1] */
    double *time;                         /* [count] */
    int32_t *picture;                     /* [count] */
    float *noised, *noise, *eps, *second; /* [count, size] */
    double *variance;                     /* [size] */
} pal_bound;

pal_status pal_bound_check(const pal_bound *b, pal_error *err);
void pal_bound_layout(pal_bound *b, pal_arena *arena);
void pal_bound_begin(pal_bound *b);
pal_status pal_bound_step(pal_bound *b);

/* log of the probability of [a, b] under the standard normal distribution. a < b; either may be infinite.  The relative
 * error of the probability is at most 1e-12 unless b - a is far below 1e-3.  The result is never -infinity for finite
 * ends below 1e150. */
double pal_log_normal_between(double a, double b);

#endif
