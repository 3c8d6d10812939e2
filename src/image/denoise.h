/* denoise.h - the state of a batch of pictures that is being sampled from noise, and the parts that all samplers share
 * (internal).
 *
 * A step evaluates the network exactly once and returns.  The caller may then read the state x and the predicted
 * picture x0, and may stop.  The last evaluation only denoises: x becomes the prediction, and no noise is added.
 *
 *   pal_image_options options = pal_image_defaults(PAL_IMAGE_SN_DDPM);
 *   if (pal_denoise_check(&options, &predictor, &schedule, &err)) report(err.text);
 *   pal_denoise d = {.predictor = predictor, .schedule = &schedule, .options = options, .count = 16};
 *   pal_denoise_layout(&d, &measuring);                       // measure, then place
 *   pal_denoise_layout(&d, &placing);
 *   pal_denoise_start(&d);
 *   while (pal_denoise_step(&d) == PAL_MORE) show(d.x0);
 *
 * Pictures are floats in the range that the network was trained on; clipping assumes [-1, 1]. */
#ifndef PAL_DENOISE_H
#define PAL_DENOISE_H

#include "noise.h"
#include "predictor.h"
#include "schedule.h"

/* Checks that a network has the heads or the table that a sampler needs; otherwise returns PAL_E_OPTION, and err says
 * what is missing. */
pal_status pal_denoise_supports(pal_image_sampler sampler, const pal_noise_predictor *p, pal_error *err);
/* Checks all options (palimpsest.h) except first, count, label, labels and guidance, which the caller must check. */
pal_status pal_denoise_check(const pal_image_options *o, const pal_noise_predictor *p, const pal_schedule *s,
                             pal_error *err);

typedef struct pal_denoise pal_denoise;
typedef struct pal_flow_clock pal_flow_clock; /* rk45.h */

/* The source of random numbers: fills z[size] for one purpose, the current step and one row.  If `normal` is NULL
 * before pal_denoise_start, the addressed numbers of noise.h are used; a test may set its own function. */
typedef void pal_normal_fn(void *context, const pal_denoise *d, pal_noise_purpose purpose, int32_t row, float *z);

struct pal_denoise {
    pal_noise_predictor predictor;
    const pal_schedule *schedule;
    pal_image_options options; /* checked; known and mask are read by pal_denoise_start */
    int32_t channels;          /* elements per pixel; the mask has one entry per pixel */
    uint32_t first;            /* number of the picture in row 0, part of the address of random numbers */
    int32_t count;             /* number of pictures: the rows of x and x0 */

    /* May be read between steps. */
    float *x;            /* [count, size] the state; divided by sqrt(alpha) with annealed-langevin and VE */
    float *x0;           /* [count, size] the picture predicted by the last evaluation, with the known pixels in it */
    int32_t evaluations; /* so far; equal to the number of steps */
    bool done;

    /* ---- for samplers ---- */
    int32_t at, turn, again; /* level of the next evaluation; its index at this level; resampling passes made */
    bool exploding;          /* x is in variance-exploding form */
    pal_level *level;        /* [steps + 1], the last one is clean */
    double *time;            /* [count] */
    int32_t *picture;        /* [count] */
    float *eps, *second;     /* [count, size]; second: NULL if the sampler needs no head */
    float *input;            /* [count, size] input of the network if it differs from x, otherwise NULL */
    float *before;           /* [count, size] earlier values for heun and dpm-solver++ */
    float *before_eps;       /* [count, size] heun */
    float *stages;           /* [7, count, size] RK45 */
    pal_flow_clock *clock;   /* [count] RK45 */
    float *known;            /* [size] the known picture, or NULL */
    uint8_t *kept;           /* [size] not 0 for known elements */
    float *z;                /* [size] */
    double *variance;        /* [size] */
    pal_normal_fn *normal;
    void *normal_context;
};

/* Places the arrays that the options need. predictor, schedule, options and count must be set. */
void pal_denoise_layout(pal_denoise *d, pal_arena *arena);
/* Prepares the first step: fills x with noise.  Uses first, and normal if it is set. */
void pal_denoise_start(pal_denoise *d);
pal_status pal_denoise_step(pal_denoise *d); /* PAL_MORE, or PAL_OK when done */

/* ---- for samplers ---- */

static inline int32_t pal_denoise_size(const pal_denoise *d)
{
    return d->predictor.size;
}
static inline size_t pal_denoise_row(const pal_denoise *d, int32_t row)
{
    return (size_t)row * (size_t)d->predictor.size;
}

/* Evaluates all rows of x at a level: computes eps, x0 and, with a head, second. */
void pal_denoise_evaluate(pal_denoise *d, const pal_level *level, pal_noise_head head);
/* Computes x0[size] of one state from x[size] and eps[size]. */
void pal_denoise_predict(const pal_denoise *d, const pal_level *level, const float *x, const float *eps, float *x0);
/* d->z := noise for one row and purpose. */
void pal_denoise_normal(pal_denoise *d, pal_noise_purpose purpose, int32_t row);
/* Writes the known pixels into x, with the noise of the level, and into x0. */
void pal_denoise_put_back(pal_denoise *d, const pal_level *level);
/* x := x0: the last evaluation only denoises. */
void pal_denoise_finish(pal_denoise *d);
/* Call after a move from level d->at to the next.  Writes the known pixels back; with resampling, returns to the
 * noisier level until all passes are made. */
void pal_denoise_advance(pal_denoise *d);

/* Samplers, one per file in samplers/: each call makes one evaluation and the update that follows. ddpm to sn-ddim
 * share their step (transition.h) and differ in its variance. */
void pal_denoise_transit(pal_denoise *d);
void pal_denoise_langevin(pal_denoise *d);
void pal_denoise_reverse_sde(pal_denoise *d);
void pal_denoise_predictor_corrector(pal_denoise *d);
void pal_denoise_rk45(pal_denoise *d);
void pal_denoise_heun(pal_denoise *d);
void pal_denoise_dpm_solver(pal_denoise *d);

#endif
