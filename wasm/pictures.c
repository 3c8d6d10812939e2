/* pictures.c - the engine of pictures: drawings and likelihoods as flat functions for JavaScript.
 *
 * web/src/painter.ts is the other side. */
#include "palimpsest.h"
#include "kernels/kernels.h"
#include "kernels/self_check.h"
#include "core/core.h"
#include "memory.h"
#include "network/kinds.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

const pal_network_kind pal_network_kinds[] = {PAL_KINDS_OF_UNETS};
const size_t pal_network_kind_count = sizeof pal_network_kinds / sizeof *pal_network_kinds;

/* Whether this machine computes with the best kernels of this build what it should. */
int pw_self_check(void)
{
    return pal_self_check(pal_cpu_isa()) && pal_self_check_pictures(pal_cpu_isa());
}

/* ---- what a model is --------------------------------------------------------------------------------- */

enum { INFO = 8 };
void pw_image_info(const pal_model *model, double out[INFO])
{
    const pal_image_info *i = pal_model_image(model);
    const pal_image_sampler best = pal_image_best(model);
    const double numbers[INFO] = {i->width,    i->height,         i->channels, i->labels,
                                  i->guidance, i->schedule_steps, best,        pal_image_defaults(best).steps};
    memcpy(out, numbers, sizeof numbers);
}

const char *pw_image_schedule(const pal_model *model)
{
    return pal_model_image(model)->schedule;
}

const char *pw_image_neighbours(const pal_model *model)
{
    return pal_model_image(model)->neighbours;
}

/* What a sampler needs and the model has not; NULL: nothing. */
const char *pw_image_missing(const pal_model *model, int sampler)
{
    const char *why = NULL;
    return pal_image_can(model, (pal_image_sampler)sampler, &why) ? NULL : why;
}

/* ---- options ----------------------------------------------------------------------------------------- */

/* Options as doubles; NaN stands for the default.  The last three are how many times are given, and the seed. */
enum {
    SAMPLER,
    FIRST,
    COUNT,
    GUIDANCE,
    RESAMPLE,
    STEPS,
    GRID,
    CLIP_X0,
    CLIP_PIXEL,
    ETA,
    VARIANCE,
    PROCESS,
    SIGMA_MAX,
    SIGMA_MIN,
    LANGEVIN_STEP,
    ITERATIONS,
    CORRECTORS,
    SNR,
    TOLERANCE,
    SOLVER,
    TIMES,
    SEED_LOW,
    SEED_HIGH,
    OPTIONS
};

/* Puts into o what is given; as many times as options say, or NULL; labels NULL: any. */
static void take_options(pal_image_options *o, const double v[OPTIONS], const int32_t *labels, const double *times)
{
    if (!isnan(v[FIRST])) o->first = (uint32_t)(v[FIRST] < UINT32_MAX ? v[FIRST] : UINT32_MAX);
    take_int(&o->count, v[COUNT]);
    take_double(&o->guidance, v[GUIDANCE]);
    take_int(&o->resample, v[RESAMPLE]);
    take_int(&o->steps, v[STEPS]);
    if (!isnan(v[GRID])) o->grid = (pal_image_grid)whole(v[GRID]);
    take_bool(&o->clip_x0, v[CLIP_X0]);
    take_double(&o->clip_pixel, v[CLIP_PIXEL]);
    take_double(&o->eta, v[ETA]);
    if (!isnan(v[VARIANCE])) o->variance = (pal_image_variance)whole(v[VARIANCE]);
    if (!isnan(v[PROCESS])) o->process = (pal_image_process)whole(v[PROCESS]);
    take_double(&o->sigma_max, v[SIGMA_MAX]);
    take_double(&o->sigma_min, v[SIGMA_MIN]);
    take_double(&o->langevin_step, v[LANGEVIN_STEP]);
    take_int(&o->iterations, v[ITERATIONS]);
    take_int(&o->correctors, v[CORRECTORS]);
    take_double(&o->snr, v[SNR]);
    take_double(&o->tolerance, v[TOLERANCE]);
    if (!isnan(v[SOLVER])) o->solver = (pal_image_solver)whole(v[SOLVER]);
    o->labels = labels;
    o->times = times;
    if (times) {
        o->grid = PAL_GRID_GIVEN;
        if (isnan(v[STEPS])) o->steps = whole(v[TIMES]);
    }
    o->seed = (uint64_t)v[SEED_HIGH] << 32 | (uint32_t)v[SEED_LOW];
}

/* Times that are not as many as steps would be read beyond their end. */
static pal_status check_times(const pal_image_options *o, const double v[OPTIONS], pal_error *err)
{
    if (!o->times || o->steps == whole(v[TIMES])) return PAL_OK;
    *err = (pal_error){PAL_E_OPTION, "steps and times are not as many as each other: give one of the two", SIZE_MAX};
    return PAL_E_OPTION;
}

/* ---- drawing ----------------------------------------------------------------------------------------- */

typedef struct {
    pal_drawing *drawing;
    double *times; /* read until the drawing starts, which its first step does */
    void *block;
} pw_drawing;

void pw_image_end(pw_drawing *d)
{
    if (!d) return;
    free(d->times);
    free(d->block);
    free(d);
}

static pal_status no_memory(pal_error *err)
{
    *err = (pal_error){PAL_E_MEMORY, "no memory for so many pictures at once", SIZE_MAX};
    return PAL_E_MEMORY;
}

/* A copy of times[count]; NULL where there is no memory for one. */
static double *copy_times(const double *times, double count)
{
    const size_t bytes = pal_times((size_t)count, sizeof *times);
    double *copy = malloc(bytes);
    if (copy) memcpy(copy, times, bytes);
    return copy;
}

static pal_status begin(pw_drawing *d, const pal_model *model, const pal_image_options *o, pal_error *err)
{
    size_t bytes;
    pal_status status = pal_image_bytes(model, o, &bytes, err);
    if (status) return status;
    d->block = pw_alloc(bytes);
    return d->block ? pal_image_init(&d->drawing, model, o, d->block, bytes, err) : no_memory(err);
}

/* labels[count], times, known[height, width, channels] and mask[height, width] may be NULL. */
pw_drawing *pw_image_start(const pal_model *model, const double options[OPTIONS], const int32_t *labels,
                           const double *times, const uint8_t *known, const uint8_t *mask, pal_error *err)
{
    pal_image_options o = pal_image_defaults((pal_image_sampler)whole(options[SAMPLER]));
    pw_drawing *d = calloc(1, sizeof *d);
    if (d && times) d->times = copy_times(times, options[TIMES]);
    if (!d || (times && !d->times)) {
        no_memory(err);
        pw_image_end(d);
        return NULL;
    }
    take_options(&o, options, labels, d->times);
    o.known = known;
    o.mask = mask;
    if (!check_times(&o, options, err) && !begin(d, model, &o, err)) return d;
    pw_image_end(d);
    return NULL;
}

int pw_image_step(pw_drawing *d, pal_error *err)
{
    return pal_image_step(d->drawing, err);
}

enum { PROGRESS = 4 };
static void put_progress(pal_image_progress p, double out[PROGRESS])
{
    const double numbers[PROGRESS] = {p.evaluations, p.total, (double)p.passes, p.done};
    memcpy(out, numbers, sizeof numbers);
}

void pw_image_progress(const pw_drawing *d, double out[PROGRESS])
{
    put_progress(pal_drawing_progress(d->drawing), out);
}

/* view: 0 what is predicted, 1 the state; pixels[height, width, channels]. */
void pw_image_pixels(const pw_drawing *d, int view, int32_t index, uint8_t *pixels)
{
    pal_image_pixels(d->drawing, view ? PAL_IMAGE_STATE : PAL_IMAGE_PREDICTED, index, pixels);
}

/* ---- likelihood -------------------------------------------------------------------------------------- */

/* Behind the options of a drawing. */
enum { METHOD = OPTIONS, DRAW, FLOW_TOLERANCE, PROBES, DIFFERENCE, LIKELIHOOD_OPTIONS };

typedef struct {
    pal_likelihood *job;
    double *times;
    void *block;
} pw_likelihood;

void pw_likelihood_end(pw_likelihood *l)
{
    if (!l) return;
    free(l->times);
    free(l->block);
    free(l);
}

/* The sampler's own defaults, with as many steps as a bound has by default. */
static pal_likelihood_options likelihood_options(const pal_model *model, const double v[LIKELIHOOD_OPTIONS])
{
    pal_likelihood_options o = pal_likelihood_defaults(model, (pal_image_method)whole(v[METHOD]));
    if (!isnan(v[SAMPLER])) {
        const int32_t steps = o.picture.steps;
        o.picture = pal_image_defaults((pal_image_sampler)whole(v[SAMPLER]));
        o.picture.steps = steps;
    }
    if (!isnan(v[DRAW])) o.draw = (uint32_t)(v[DRAW] < UINT32_MAX ? v[DRAW] : UINT32_MAX);
    take_double(&o.tolerance, v[FLOW_TOLERANCE]);
    take_int(&o.probes, v[PROBES]);
    take_double(&o.difference, v[DIFFERENCE]);
    return o;
}

static pal_status begin_likelihood(pw_likelihood *l, const pal_model *model, const pal_likelihood_options *o,
                                   const uint8_t *pixels, pal_error *err)
{
    size_t bytes;
    pal_status status = pal_likelihood_bytes(model, o, &bytes, err);
    if (status) return status;
    l->block = pw_alloc(bytes);
    return l->block ? pal_likelihood_init(&l->job, model, o, pixels, l->block, bytes, err) : no_memory(err);
}

/* pixels[count, height, width, channels]; labels[count] and times may be NULL. */
pw_likelihood *pw_likelihood_start(const pal_model *model, const double options[LIKELIHOOD_OPTIONS],
                                   const int32_t *labels, const double *times, const uint8_t *pixels, pal_error *err)
{
    pal_likelihood_options o = likelihood_options(model, options);
    pw_likelihood *l = calloc(1, sizeof *l);
    if (l && times) l->times = copy_times(times, options[TIMES]);
    if (!l || (times && !l->times)) {
        no_memory(err);
        pw_likelihood_end(l);
        return NULL;
    }
    take_options(&o.picture, options, labels, l->times);
    if (!check_times(&o.picture, options, err) && !begin_likelihood(l, model, &o, pixels, err)) return l;
    pw_likelihood_end(l);
    return NULL;
}

int pw_likelihood_step(pw_likelihood *l, pal_error *err)
{
    return pal_likelihood_step(l->job, err);
}

void pw_likelihood_progress(const pw_likelihood *l, double out[PROGRESS])
{
    put_progress(pal_likelihood_progress(l->job), out);
}

/* Bits per dimension of a picture. */
double pw_likelihood_bits(const pw_likelihood *l, int32_t index)
{
    return pal_likelihood_bits(l->job, index);
}
