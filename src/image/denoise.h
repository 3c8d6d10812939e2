/* denoise.h - a batch of pictures being drawn out of noise, and what every sampler does to it (internal).
 *
 * A step makes exactly one evaluation of the network and returns: the state x and the predicted picture x0 can be
 * looked at, and drawing can stop there.  The last evaluation only denoises: x becomes the prediction, no noise is
 * added.
 *
 *   pal_image_options options = pal_image_defaults(PAL_IMAGE_SN_DDPM);
 *   if (pal_image_check(&options, &predictor, &schedule, &err)) report(err.text);
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

/* eps is the predicted noise, x0 the prediction made of it; K is options.steps. */
typedef enum {
    PAL_IMAGE_DDPM,                /* ancestral steps, variance beta-tilde or beta; K evaluations */
    PAL_IMAGE_DDIM,                /* eta from 0 (deterministic) to 1 (as ddpm); K */
    PAL_IMAGE_ANALYTIC_DDPM,       /* optimal variance, one for all elements; K */
    PAL_IMAGE_ANALYTIC_DDIM,       /* the same around the steps of ddim; K */
    PAL_IMAGE_NPR_DDPM,            /* optimal variance by element, for the mean as it was learnt; K */
    PAL_IMAGE_NPR_DDIM,            /* K */
    PAL_IMAGE_SN_DDPM,             /* optimal variance by element; K */
    PAL_IMAGE_SN_DDIM,             /* K */
    PAL_IMAGE_ANNEALED_LANGEVIN,   /* K >= 100 noise levels; K * iterations */
    PAL_IMAGE_REVERSE_SDE,         /* Euler and Maruyama; K */
    PAL_IMAGE_PREDICTOR_CORRECTOR, /* K * (1 + correctors) */
    PAL_IMAGE_PROBABILITY_FLOW,    /* RK45: as many as the tolerance needs; Heun: 2 K - 1 */
    PAL_IMAGE_DPM_SOLVER,          /* dpm-solver++ 2M; K */
    PAL_IMAGE_SAMPLERS
} pal_image_sampler;

typedef enum { PAL_VARIANCE_SMALL, PAL_VARIANCE_LARGE } pal_ddpm_variance; /* beta-tilde; beta */
typedef enum { PAL_PROCESS_VP, PAL_PROCESS_VE } pal_process;               /* x; x / sqrt(alpha) */
typedef enum { PAL_FLOW_RK45, PAL_FLOW_HEUN } pal_flow_solver;

/* pal_image_defaults() fills in what is named here; an option that its sampler has no use for must keep its default. */
typedef struct {
    pal_image_sampler sampler;
    int32_t steps;       /* 25 (annealed-langevin 100); 0 with RK45, which finds its own */
    uint64_t seed;       /* 0 */
    const double *times; /* [steps] of the given grid, NULL otherwise; read when the drawing starts */
    pal_grid grid;       /* even */
    bool clip_x0;        /* on: predictions to [-1, 1], which -ddpm, -ddim and dpm-solver++ also compute with, and
                            covariances of x0 to at most 1; see transition.c */
    double clip_pixel;   /* bound of the last noise in grey levels: 2 for -ddpm, 1 for -ddim with optimal variances,
                            0 (off) for ddpm and ddim */
    double eta;          /* 0; samplers -ddim alone */
    pal_ddpm_variance variance; /* small; ddpm alone */
    pal_process process;        /* VP; reverse-sde and predictor-corrector */
    double sigma_max;           /* annealed-langevin and VE: 0 is 50, or where the schedule ends if that is less */
    double sigma_min;           /* annealed-langevin and VE: 0 is the schedule's least */
    double langevin_step;       /* 0.5; annealed-langevin: a move's step in units of sigma^2 */
    int32_t iterations;         /* 1; annealed-langevin: moves a level */
    int32_t correctors;         /* 1; predictor-corrector: corrections a step */
    double snr;                 /* 0.16; predictor-corrector: r of its step rule */
    double tolerance;           /* 1e-4, absolute and relative; RK45 alone */
    pal_flow_solver solver;     /* RK45; probability-flow alone */
    int32_t resample;   /* 1; with known: how often each step is made (RePaint, Lugmayr et al. 2022, jumps of one step);
                             (K - 1) * resample + 1 evaluations then */
    const float *known; /* NULL, or [size]: a picture of which parts are kept; must stay until the end */
    const uint8_t *mask; /* [size] where known is kept (not 0); given together with known; must stay too */
} pal_image_options;

pal_image_options pal_image_defaults(pal_image_sampler sampler);
const char *pal_image_sampler_name(pal_image_sampler sampler); /* "ddpm", ...; NULL outside the enum */
bool pal_image_sampler_find(const char *name, pal_image_sampler *out);
pal_status pal_image_check(const pal_image_options *o, const pal_noise_predictor *p, const pal_schedule *s,
                           pal_error *err);
/* How many evaluations a drawing takes; 0: not known before (RK45). */
int32_t pal_image_evaluations(const pal_image_options *o);

typedef struct pal_denoise pal_denoise;
typedef struct pal_flow_clock pal_flow_clock; /* rk45.h */

/* Where chance comes from: z[size] for one purpose, the present step and one row.  NULL before pal_denoise_start means
 * the addressed numbers of noise.h; a test may put its own. */
typedef void pal_normal_fn(void *context, const pal_denoise *d, pal_noise_purpose purpose, int32_t row, float *z);

struct pal_denoise {
    pal_noise_predictor predictor;
    const pal_schedule *schedule;
    pal_image_options options; /* checked */
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
/* Puts the known parts back into x, with the noise of a level. */
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
