/* denoise.h - a batch of pictures being drawn out of noise, and what every sampler does to it (internal).
 *
 * A step makes exactly one evaluation of the network and returns: the state x and the predicted picture x0 can be
 * looked at, and drawing can stop there.  The last evaluation only denoises: x becomes the prediction, no noise is
 * added.
 *
 *   pal_image_options options = pal_image_defaults(PAL_IMAGE_SN_DDPM);
 *   if (pal_denoise_check(&options, &predictor, &schedule, &err)) report(err.text);
 *   pal_denoise d = {.predictor = predictor, .schedule = &schedule, .options = options, .count = 16};
 *   pal_denoise_layout(&d, &measuring);                       // ask, then lend, as everywhere
 *   pal_denoise_layout(&d, &placing);
 *   pal_denoise_start(&d);
 *   while (pal_denoise_step(&d) == PAL_MORE) show(d.x0);
 *
 * Pictures are floats in whatever range the network was trained on; clipping assumes [-1, 1]. */
#ifndef PAL_DENOISE_H
#define PAL_DENOISE_H

#include "noise.h"
#include "predictor.h"
#include "schedule.h"

/* Whether a network has the heads or the table that a sampler needs; PAL_E_OPTION says what is missing. */
pal_status pal_denoise_supports(pal_image_sampler sampler, const pal_noise_predictor *p, pal_error *err);
/* Of the options (palimpsest.h) first, count, label, labels and guidance are left to the caller. */
pal_status pal_denoise_check(const pal_image_options *o, const pal_noise_predictor *p, const pal_schedule *s,
                             pal_error *err);

typedef struct pal_denoise pal_denoise;
typedef struct pal_flow_clock pal_flow_clock; /* rk45.h */

/* Where chance comes from: z[size] for one purpose, the present step and one row.  NULL before pal_denoise_start means
 * the addressed numbers of noise.h; a test may put its own. */
typedef void pal_normal_fn(void *context, const pal_denoise *d, pal_noise_purpose purpose, int32_t row, float *z);

struct pal_denoise {
    pal_noise_predictor predictor;
    const pal_schedule *schedule;
    pal_image_options options; /* checked; known and mask are read by pal_denoise_start */
    int32_t channels;          /* elements of a pixel, which is what the mask is about */
    uint32_t first;            /* number of the picture in row 0: random numbers are addressed by it */
    int32_t count;             /* pictures, rows of x and x0 */

    /* To look at between steps. */
    float *x;            /* [count, size] the state; divided by sqrt(alpha) for annealed-langevin and VE */
    float *x0;           /* [count, size] the picture predicted at the last evaluation, known parts in their place */
    int32_t evaluations; /* so far, which is the number of steps */
    bool done;

    /* ---- for samplers ---- */
    int32_t at, turn, again; /* level of the next evaluation; which of its evaluations; how often it was made before */
    bool exploding;          /* x is the variance-exploding view */
    pal_level *level;        /* [steps + 1], clean at the end */
    double *time;            /* [count] */
    int32_t *picture;        /* [count] */
    float *eps, *second;     /* [count, size]; second: where a head is needed */
    float *input;            /* [count, size] what the network is shown, where that is not x */
    float *before;           /* [count, size] memory of heun and dpm-solver++ */
    float *before_eps;       /* [count, size] heun */
    float *stages;           /* [7, count, size] RK45 */
    pal_flow_clock *clock;   /* [count] RK45 */
    float *known;            /* [size] the known picture, where there is one */
    uint8_t *kept;           /* [size] not 0 where it stays */
    float *z;                /* [size] */
    double *variance;        /* [size] */
    pal_normal_fn *normal;
    void *normal_context;
};

/* Places what the options need; predictor, schedule, options and count are set. */
void pal_denoise_layout(pal_denoise *d, pal_arena *arena);
/* Ready for the first step: x is noise.  Uses first, and normal where that is set. */
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

/* One evaluation of all rows of x at a level: eps, x0 and, with a head, second. */
void pal_denoise_evaluate(pal_denoise *d, const pal_level *level, pal_noise_head head);
/* x0[size] of one state x[size] and eps[size]. */
void pal_denoise_predict(const pal_denoise *d, const pal_level *level, const float *x, const float *eps, float *x0);
/* d->z := the noise of a row for a purpose. */
void pal_denoise_normal(pal_denoise *d, pal_noise_purpose purpose, int32_t row);
/* Puts the known parts back into x, with the noise of a level, and into x0. */
void pal_denoise_put_back(pal_denoise *d, const pal_level *level);
/* x := x0: the last evaluation only denoises. */
void pal_denoise_finish(pal_denoise *d);
/* After a move from level d->at to the next: puts known parts back; with resampling goes back up instead of on. */
void pal_denoise_advance(pal_denoise *d);

/* Samplers, one per file in samplers/: one evaluation and what follows from it.  ddpm to sn-ddim share their step
 * (transition.h) and differ in its variance. */
void pal_denoise_transit(pal_denoise *d);
void pal_denoise_langevin(pal_denoise *d);
void pal_denoise_reverse_sde(pal_denoise *d);
void pal_denoise_predictor_corrector(pal_denoise *d);
void pal_denoise_rk45(pal_denoise *d);
void pal_denoise_heun(pal_denoise *d);
void pal_denoise_dpm_solver(pal_denoise *d);

#endif
