/* image_options.c - converts the options of `palimpsest image` to those of the library. */
#include "image.h"

#include <stdlib.h>
#include <string.h>

/* ---- samplers --------------------------------------------------------------------------------------- */

static void list_samplers(const pal_model *model)
{
    const char *comma = "";
    fputs("This model supports: ", stderr);
    for (int i = 0; i < PAL_IMAGE_SAMPLERS; i++) {
        if (!pal_image_supports(model, (pal_image_sampler)i, NULL)) continue;
        fprintf(stderr, "%s%s", comma, pal_image_sampler_name((pal_image_sampler)i));
        comma = ", ";
    }
    fputs(".\n", stderr);
}

int image_refused(const pal_model *model, const pal_image_options *o, const pal_error *err)
{
    int code = report("image", err);
    if (!pal_image_supports(model, o->sampler, NULL)) list_samplers(model);
    return code;
}

static int take_sampler(const image_request *r, const pal_model *model, pal_image_sampler *out)
{
    *out = pal_image_default_sampler(model);
    if (!r->sampler || pal_image_sampler_find(r->sampler, out)) return -1;
    fprintf(stderr, "palimpsest image: unknown sampler '%s'\n", r->sampler);
    list_samplers(model);
    return EXIT_USAGE;
}

/* ---- labels ----------------------------------------------------------------------------------------- */

static int no_such_label(const pal_model *model, const char *name)
{
    const int32_t labels = pal_model_image(model)->labels;
    fprintf(stderr, "palimpsest image: the model has no label '%s'%s", name,
            labels ? "; it has " : ": it has no labels\n");
    for (int32_t i = 0; i < labels; i++) {
        put_printable(stderr, pal_image_label(model, i));
        fputs(i + 1 < labels ? ", " : "\n", stderr);
    }
    return EXIT_USAGE;
}

/* Uses the labels in turn: the label of a picture is its number modulo the number of labels. */
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

/* ---- all options ------------------------------------------------------------------------------------ */

int image_options(const image_request *r, const pal_model *model, int32_t count, pal_image_options *o, int32_t **labels)
{
    enum { HEUN_STEPS = 25 };
    pal_image_sampler sampler;
    int code = take_sampler(r, model, &sampler);
    if (code >= 0) return code;
    *o = pal_image_defaults(sampler);
    if (r->picture.solver == PAL_FLOW_HEUN) o->steps = HEUN_STEPS;
    options_copy_given(&r->of_picture, o);
    o->count = count;
    return take_label(r, model, o, labels);
}
