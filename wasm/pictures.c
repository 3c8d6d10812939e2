/* pictures.c - functions of the picture engine for JavaScript: drawings and likelihoods.
 *
 * web/src/painter.ts is the other side. */
#include "palimpsest.h"
#include "kernels/kernels.h"
#include "kernels/self_check.h"
#include "core/options.h"
#include "memory.h"
#include "network/kinds.h"

#include <stdlib.h>
#include <string.h>

const pal_network_kind pal_network_kinds[] = {PAL_KINDS_OF_UNETS};
const size_t pal_network_kind_count = sizeof pal_network_kinds / sizeof *pal_network_kinds;

/* Whether the best kernels of this build compute correct results on this machine. */
int pw_self_check(void)
{
    return pal_self_check(pal_cpu_isa()) && pal_self_check_pictures(pal_cpu_isa());
}

/* ---- models ------------------------------------------------------------------------------------------ */

enum { INFO = 8 };
void pw_image_info(const pal_model *model, double out[INFO])
{
    const pal_image_info *i = pal_model_image(model);
    const pal_image_sampler best = pal_image_default_sampler(model);
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

/* A text that says what the sampler needs and the model lacks; NULL: nothing. */
const char *pw_image_missing(const pal_model *model, int sampler)
{
    const char *why = NULL;
    return pal_image_supports(model, (pal_image_sampler)sampler, &why) ? NULL : why;
}

/* ---- options ----------------------------------------------------------------------------------------- */

/* Options from JavaScript: options[] has the rows of pal_image_table; times[time_count], one per step, may be NULL. */
typedef struct {
    const double *options, *times;
    int32_t time_count;
} given;

/* Copies them to *o; labels may be NULL. */
static void take_options(pal_image_options *o, const given *g, const int32_t *labels)
{
    if (g->times) o->steps = g->time_count;
    pal_options_read(&pal_image_table, g->options, o);
    if (g->times) o->grid = PAL_GRID_GIVEN;
    o->labels = labels;
    o->times = g->times;
}

/* If there were fewer times than steps, the library would read beyond their end. */
static pal_status check_times(const pal_image_options *o, const given *g, pal_error *err)
{
    if (!o->times || o->steps == g->time_count) return PAL_OK;
    *err = (pal_error){PAL_E_OPTION, "steps and times do not agree: give only one of them", SIZE_MAX};
    return PAL_E_OPTION;
}

/* The sampler in options[]; `standard` if there is none. */
static pal_image_sampler sampler_of(const double *options, pal_image_sampler standard)
{
    pal_image_options o = {.sampler = standard};
    pal_options_read(&pal_image_table, options, &o);
    return o.sampler;
}

/* ---- drawing ----------------------------------------------------------------------------------------- */

typedef struct {
    pal_drawing *drawing;
    double *times; /* a copy: the library reads times in the first step */
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
    *err = (pal_error){PAL_E_MEMORY, "not enough memory for so many pictures at once", SIZE_MAX};
    return PAL_E_MEMORY;
}

/* A copy of times[count], which the caller frees; NULL if there is not enough memory. */
static double *copy_times(const double *times, int32_t count)
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

/* options[] has the rows of pal_image_table; labels[count], times[time_count], known[height, width, channels] and
 * mask[height, width] may be NULL. */
pw_drawing *pw_image_start(const pal_model *model, const double *options, const int32_t *labels, const double *times,
                           int32_t time_count, const uint8_t *known, const uint8_t *mask, pal_error *err)
{
    pal_image_options o = pal_image_defaults(sampler_of(options, PAL_IMAGE_DDPM));
    pw_drawing *d = calloc(1, sizeof *d);
    if (d && times) d->times = copy_times(times, time_count);
    if (!d || (times && !d->times)) {
        no_memory(err);
        pw_image_end(d);
        return NULL;
    }
    const given g = {options, d->times, time_count};
    take_options(&o, &g, labels);
    o.known = known;
    o.mask = mask;
    if (!check_times(&o, &g, err) && !begin(d, model, &o, err)) return d;
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

/* Writes pixels[height, width, channels]; view 0: the predicted picture, 1: the state. */
void pw_image_pixels(const pw_drawing *d, int view, int32_t index, uint8_t *pixels)
{
    pal_image_pixels(d->drawing, view ? PAL_IMAGE_STATE : PAL_IMAGE_PREDICTED, index, pixels);
}

/* ---- likelihood -------------------------------------------------------------------------------------- */

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

/* own[] has the rows of pal_likelihood_table.  o.picture gets the defaults of the sampler in picture[], but the number
 * of steps of pal_likelihood_defaults. */
static pal_likelihood_options likelihood_options(const pal_model *model, const double *picture, const double *own)
{
    pal_likelihood_options o = {0};
    pal_options_read(&pal_likelihood_table, own, &o);
    o = pal_likelihood_defaults(model, o.method);
    pal_options_read(&pal_likelihood_table, own, &o);
    const int32_t steps = o.picture.steps;
    o.picture = pal_image_defaults(sampler_of(picture, o.picture.sampler));
    o.picture.steps = steps;
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

/* options[] has the rows of pal_image_table, own[] those of pal_likelihood_table.  Measures pixels[count, height,
 * width, channels]; labels[count] and times[time_count] may be NULL. */
pw_likelihood *pw_likelihood_start(const pal_model *model, const double *options, const double *own,
                                   const int32_t *labels, const double *times, int32_t time_count,
                                   const uint8_t *pixels, pal_error *err)
{
    pal_likelihood_options o = likelihood_options(model, options, own);
    pw_likelihood *l = calloc(1, sizeof *l);
    if (l && times) l->times = copy_times(times, time_count);
    if (!l || (times && !l->times)) {
        no_memory(err);
        pw_likelihood_end(l);
        return NULL;
    }
    const given g = {options, l->times, time_count};
    take_options(&o.picture, &g, labels);
    if (!check_times(&o.picture, &g, err) && !begin_likelihood(l, model, &o, pixels, err)) return l;
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
