/* likelihood.h - how likely pictures are under a network (internal): the probability flow, and a variational bound.
 *
 * Both are state machines like the samplers: an evaluation a step, memory lent, numbers of chance addressed, a picture
 * independent of the others.  Both refuse guided predictors: their combination is the score of no density. */
#ifndef PAL_IMAGE_LIKELIHOOD_H
#define PAL_IMAGE_LIKELIHOOD_H

#include "denoise.h"

/* Bits per dimension of bytes from a log density, in nats, of pictures scaled to [-1, 1) by pal_dequantise: the density
 * of byte + u in 256ths is (1 / 128)^size of it, hence the 7.  With uniform u its expectation is a lower bound of the
 * log probability of the bytes (Theis et al. 2016). */
double pal_bits_per_dimension(double log_density, int32_t size);

/* ---- the probability flow: a log density ------------------------------------------------------------- */

typedef struct {
    uint64_t seed;
    double tolerance;  /* of the solver, absolute and relative: 1e-5 */
    int32_t probes;    /* Hutchinson's estimate of the divergence by so many random directions: 1; 0: exact, by all
                          unit vectors, which costs `size` of them */
    double difference; /* without forward-mode products: how far a central difference moves the state to either side, in
                          units of sqrt(beta): 0.02; its error is said in flow.c */
} pal_flow_options;

pal_flow_options pal_flow_defaults(void);
pal_status pal_flow_check(const pal_flow_options *o, const pal_noise_predictor *p, pal_error *err);

/* The log density, in nats, that the end of the flow is given: that of x[size] at t = 1. */
typedef double pal_log_density_fn(void *context, const float *x, int32_t size);

typedef struct {
    pal_noise_predictor predictor;
    const pal_schedule *schedule;
    pal_flow_options options; /* checked */
    uint32_t first;           /* number of the picture in row 0 */
    uint32_t draw;            /* another draw has other directions */
    int32_t count;
    pal_log_density_fn *end; /* NULL: a standard normal, which the end of a schedule only nearly is */
    void *end_context;
    float *x;            /* [count, size] the pictures, written after the layout; carried to t = 1 */
    double *log_density; /* [count]; complete when done */
    int32_t evaluations; /* so far */
    bool done;

    int32_t turn;                 /* which evaluation of the present stage comes next */
    pal_flow_clock *clock;        /* [count] */
    double (*rate)[7];            /* [count] divergences of the stages */
    double *trace, *time;         /* [count] */
    int32_t *picture;             /* [count] rows that are not done */
    float *stages;                /* [count, 7, size] */
    float *state, *shown, *along; /* [count, size] of the stage; shown to the network; directions */
    float *eps, *output;          /* [count, size] */
} pal_flow;

/* The log density is that of pictures with the noise of the schedule's least time (1e-3, or a step) in them: the flow
 * is cut there, because the score of pictures without noise need not exist.  pal_flow_begin reads x. */
void pal_flow_layout(pal_flow *f, pal_arena *arena);
void pal_flow_begin(pal_flow *f);
pal_status pal_flow_step(pal_flow *f); /* PAL_MORE, or PAL_OK when done */

/* ---- the variational bound of the stochastic discrete samplers --------------------------------------- */

/* An upper bound of -log p(x) for pictures drawn with ddpm, ddim (eta above 0) and their kin (Ho et al. 2020, eq. 5;
 * the terms between are exact, given a noised picture a level, which is drawn).  The last step draws a pixel from a
 * normal law around the prediction, with the sampler's variance but at least beta-tilde of the first two steps;
 * clip_pixel does not enter. */
typedef struct {
    pal_noise_predictor predictor;
    const pal_schedule *schedule;
    pal_image_options options; /* checked by pal_bound_check */
    int32_t bins;   /* 256: pixels are byte / 127.5 - 1, a bin reaches halfway to the next, the outer ones to infinity;
                       0: the density at x */
    uint32_t first; /* number of the picture in row 0 */
    uint32_t draw;  /* another draw has other noise: the bound is the mean over draws */
    int32_t count;
    float *x;            /* [count, size], written after the layout and left alone */
    double *nats;        /* [count]; complete when done */
    int32_t evaluations; /* so far; options.steps in all */
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

/* log of the probability of [a, b] under the standard normal law, a < b, either may be infinite; good to a relative
 * 1e-12 of the probability wherever b - a is not far below 1e-3, and never -infinity for finite ends below 1e150. */
double pal_log_normal_between(double a, double b);

#endif
