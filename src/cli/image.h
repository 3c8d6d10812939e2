/* image.h - what the two halves of `palimpsest image` share: drawing and likelihood (internal to the command). */
#ifndef PAL_CLI_IMAGE_H
#define PAL_CLI_IMAGE_H

#include "cli.h"
#include "png.h"

enum { IMAGE_FILES = 256, IMAGE_TOGETHER = 64 }; /* most files measured; pictures drawn at once */

/* Numbers keep these values while they are not given: a sampler's own defaults then hold. */
#define IMAGE_NO_INT INT32_MIN

typedef struct {
    const char *model, *isa, *out, *raw, *trace, *inpaint, *mask, *label, *sampler, *solver, *grid, *variance, *process,
        *view;
    const char *likelihood[IMAGE_FILES], *likelihood_raw, *method;
    int32_t files; /* in likelihood */
    uint64_t seed, first;
    bool has_seed, json, clip_x0;
    int32_t count, columns, gap, steps, resample, iterations, correctors, probes, draws;
    double guidance, eta, clip_pixel, sigma_max, sigma_min, langevin_step, snr, tolerance,
        difference; /* NaN: not given */
} image_request;

/* What is given, in the options of the sampler; -1 to go on, otherwise the exit code after printing what is wrong.
 * labels[count] becomes the caller's to free, where each picture has its own. */
int image_options(const image_request *r, const pal_model *model, int32_t count, pal_image_options *o,
                  int32_t **labels);

/* A problem with the options; lists the samplers of the model where it is about those. */
int image_refused(const pal_model *model, const pal_image_options *o, const pal_error *err);

int image_likelihood(const image_request *r, const pal_model *model);

void image_put_labels(json *j, const pal_model *model, const pal_image_options *o);

#endif
