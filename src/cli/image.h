/* image.h - what the two parts of `palimpsest image`, drawing and likelihood, share (internal to the command). */
#ifndef PAL_CLI_IMAGE_H
#define PAL_CLI_IMAGE_H

#include "cli.h"
#include "png.h"

enum { IMAGE_FILES = 256, IMAGE_TOGETHER = 64 }; /* maximum number of files; of pictures drawn at once */

/* Of `picture` and `measure` only the options that were given are used.  The others get the defaults of the sampler,
 * which is known only when a model is open. */
typedef struct {
    const char *model, *isa, *out, *raw, *trace, *inpaint, *mask, *label, *sampler, *view;
    const char *likelihood[IMAGE_FILES], *likelihood_raw;
    int32_t files; /* number of elements of likelihood */
    bool json;
    int32_t columns, gap, draws, threads;
    pal_image_options picture;
    pal_likelihood_options measure; /* measure.picture is not used */
    option_group of_picture, of_measure;
} image_request;

/* Sets *o to the defaults of the sampler and the options that were given, for `count` pictures.  If each picture has a
 * label of its own, allocates labels[count], which the caller frees.  Returns -1 on success; otherwise prints an error
 * and returns the exit code. */
int image_options(const image_request *r, const pal_model *model, int32_t count, pal_image_options *o,
                  int32_t **labels);

/* Reports an error of the options; if it is about the sampler, lists the samplers that the model supports. */
int image_refused(const pal_model *model, const pal_image_options *o, const pal_error *err);

int image_likelihood(const image_request *r, const pal_model *model);

void image_put_labels(json *j, const pal_model *model, const pal_image_options *o);

#endif
