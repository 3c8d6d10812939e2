/* image.h - what the two halves of `palimpsest image` share: drawing and likelihood (internal to the command). */
#ifndef PAL_CLI_IMAGE_H
#define PAL_CLI_IMAGE_H

#include "cli.h"
#include "png.h"

enum { IMAGE_FILES = 256, IMAGE_TOGETHER = 64 }; /* most files measured; pictures drawn at once */

/* The structs of options say what was given; the rest are a sampler's own defaults, once a model is open to choose it. */
typedef struct {
    const char *model, *isa, *out, *raw, *trace, *inpaint, *mask, *label, *sampler, *view;
    const char *likelihood[IMAGE_FILES], *likelihood_raw;
    int32_t files; /* in likelihood */
    bool json;
    int32_t columns, gap, draws;
    pal_image_options picture;
    pal_likelihood_options measure; /* but for its picture */
    option_group of_picture, of_measure;
} image_request;

/* What is given, in the options of the sampler, for `count` pictures; -1 to go on, otherwise the exit code after printing what is wrong.
 * labels[count] becomes the caller's to free, where each picture has its own. */
int image_options(const image_request *r, const pal_model *model, int32_t count, pal_image_options *o,
                  int32_t **labels);

/* A problem with the options; lists the samplers of the model where it is about those. */
int image_refused(const pal_model *model, const pal_image_options *o, const pal_error *err);

int image_likelihood(const image_request *r, const pal_model *model);

void image_put_labels(json *j, const pal_model *model, const pal_image_options *o);

#endif
