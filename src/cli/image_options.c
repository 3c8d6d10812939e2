/* image_options.c - options of `palimpsest image` as the library has them. */
#include "image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- samplers --------------------------------------------------------------------------------------- */

static void list_samplers(const pal_model *model)
{
    const char *comma = "";
    fputs("This model can run: ", stderr);
    for (int i = 0; i < PAL_IMAGE_SAMPLERS; i++) {
        if (!pal_image_can(model, (pal_image_sampler)i, NULL)) continue;
        fprintf(stderr, "%s%s", comma, pal_image_sampler_name((pal_image_sampler)i));
        comma = ", ";
    }
    fputs(".\n", stderr);
}

int image_refused(const pal_model *model, const pal_image_options *o, const pal_error *err)
{
    int code = report("image", err);
    if (!pal_image_can(model, o->sampler, NULL)) list_samplers(model);
    return code;
}

static int take_sampler(const image_request *r, const pal_model *model, pal_image_sampler *out)
{
    *out = pal_image_best(model);
    if (!r->sampler || pal_image_sampler_find(r->sampler, out)) return -1;
    fprintf(stderr, "palimpsest image: there is no sampler '%s'\n", r->sampler);
    list_samplers(model);
    return EXIT_USAGE;
}

/* ---- labels ----------------------------------------------------------------------------------------- */

static int no_such_label(const pal_model *model, const char *name)
{
    const int32_t labels = pal_model_image(model)->labels;
    fprintf(stderr, "palimpsest image: the model has no label '%s'%s", name,
            labels ? "; it knows " : ": it knows no labels\n");
    for (int32_t i = 0; i < labels; i++) {
        put_printable(stderr, pal_image_label(model, i));
        fputs(i + 1 < labels ? ", " : "\n", stderr);
    }
    return EXIT_USAGE;
}

/* Each label in turn, so that the pictures numbered first .. have label number modulo labels. */
static int label_each(const pal_model *model, pal_image_options *o, int32_t **labels)
{
    const uint32_t kinds = (uint32_t)pal_model_image(model)->labels;
    if (!kinds) return no_such_label(model, "all");
    *labels = malloc((size_t)o->count * sizeof **labels);
    if (!*labels) return no_memory("image", "the labels");
    for (int32_t i = 0; i < o->count; i++) (*labels)[i] = (int32_t)(((uint64_t)o->first + (uint64_t)i) % kinds);
    o->labels = *labels;
    return -1;
}

static int take_label(const image_request *r, const pal_model *model, pal_image_options *o, int32_t **labels)
{
    int32_t number;
    if (!r->label || strcmp(r->label, "none") == 0) return -1;
    if (pal_image_label_find(model, r->label, &o->label)) return -1;
    if (strcmp(r->label, "all") == 0) return label_each(model, o, labels);
    if (!parse_ints(r->label, ' ', &number, 1) || number >= pal_model_image(model)->labels)
        return no_such_label(model, r->label);
    o->label = number;
    return -1;
}

void image_put_labels(json *j, const pal_model *model, const pal_image_options *o)
{
    if (!o->labels && o->label < 0) return;
    if (!o->labels) {
        json_string(j, "label", pal_image_label(model, o->label));
        return;
    }
    json_open(j, "labels", '[');
    for (int32_t i = 0; i < o->count; i++) json_int(j, NULL, o->labels[i]);
    json_close(j, ']');
}

/* ---- the rest --------------------------------------------------------------------------------------- */

static void take_int(int32_t *out, int32_t given)
{
    if (given != IMAGE_NO_INT) *out = given;
}

static void take_number(double *out, double given)
{
    if (!isnan(given)) *out = given;
}

/* Which of two words; -1 to go on. */
static int take_word(const char *name, const char *given, const char *first, const char *second, int *out)
{
    if (!given) return -1;
    *out = strcmp(given, second) == 0;
    if (*out || strcmp(given, first) == 0) return -1;
    fprintf(stderr, "palimpsest image: '%s' is not a value for --%s (%s or %s)\n", given, name, first, second);
    return EXIT_USAGE;
}

static int take_words(const image_request *r, pal_image_options *o)
{
    int grid = o->grid, variance = o->variance, process = o->process, solver = o->solver;
    int code = take_word("grid", r->grid, "even", "quadratic", &grid);
    if (code < 0) code = take_word("variance", r->variance, "small", "large", &variance);
    if (code < 0) code = take_word("process", r->process, "vp", "ve", &process);
    if (code < 0) code = take_word("solver", r->solver, "rk45", "heun", &solver);
    o->grid = (pal_image_grid)grid;
    o->variance = (pal_image_variance)variance;
    o->process = (pal_image_process)process;
    o->solver = (pal_image_solver)solver;
    return code;
}

int image_options(const image_request *r, const pal_model *model, int32_t count, pal_image_options *o, int32_t **labels)
{
    enum { HEUN_STEPS = 25 };
    pal_image_sampler sampler;
    int code = take_sampler(r, model, &sampler);
    if (code >= 0) return code;
    *o = pal_image_defaults(sampler);
    o->seed = r->seed;
    o->first = (uint32_t)r->first;
    o->count = count;
    o->clip_x0 = r->clip_x0;
    code = take_words(r, o);
    if (o->solver == PAL_FLOW_HEUN) o->steps = HEUN_STEPS;
    take_int(&o->steps, r->steps);
    take_int(&o->resample, r->resample);
    take_int(&o->iterations, r->iterations);
    take_int(&o->correctors, r->correctors);
    take_number(&o->guidance, r->guidance);
    take_number(&o->eta, r->eta);
    take_number(&o->clip_pixel, r->clip_pixel);
    take_number(&o->sigma_max, r->sigma_max);
    take_number(&o->sigma_min, r->sigma_min);
    take_number(&o->langevin_step, r->langevin_step);
    take_number(&o->snr, r->snr);
    take_number(&o->tolerance, r->tolerance);
    return code < 0 ? take_label(r, model, o, labels) : code;
}
