/* picture_testing.h - drawings between guard bytes, for test_picture.c and test_picture_refused.c. */
#ifndef PAL_PICTURE_TESTING_H
#define PAL_PICTURE_TESTING_H

#include "guard_testing.h"
#include "model_testing.h"

enum { SIDE = 14, SIZE = SIDE * SIDE };

static pal_model *model; /* unet-labels: 14 x 14 grey, 3 labels, both heads, Gamma, guidance, a schedule of 20 steps */
static pal_model *plain; /* unet-plain: 7 x 9 colour, without any of these */

static inline int open_models(void **state)
{
    (void)state;
    model = open_test_model("unet-labels");
    plain = open_test_model("unet-plain");
    return 0;
}

static inline int close_models(void **state)
{
    (void)state;
    pal_model_close(model);
    pal_model_close(plain);
    return 0;
}

typedef struct {
    pal_drawing *drawing;
    pal_likelihood *job;
    unsigned char *memory;
    size_t bytes;
} lent;

static inline unsigned char *lend(lent *l)
{
    return lend_guarded(&l->memory, l->bytes);
}

static inline void end(lent *l)
{
    end_guarded(l->memory, l->bytes);
}

static inline lent start(const pal_model *m, const pal_image_options *o)
{
    lent l = {0};
    pal_error err = {0};
    if (pal_image_bytes(m, o, &l.bytes, &err)) fail_msg("%s", err.text);
    if (pal_image_init(&l.drawing, m, o, lend(&l), l.bytes, &err)) fail_msg("%s", err.text);
    return l;
}

static inline void finish(lent *l)
{
    pal_error err = {0};
    pal_status s = PAL_MORE;
    while (s == PAL_MORE) s = pal_image_step(l->drawing, &err);
    if (s) fail_msg("%s", err.text);
}

/* pixels[count, SIZE] of the model with labels. */
static inline void draw(const pal_image_options *o, uint8_t *pixels)
{
    lent l = start(model, o);
    finish(&l);
    for (int32_t i = 0; i < o->count; i++)
        pal_image_pixels(l.drawing, PAL_IMAGE_PREDICTED, i, pixels + (size_t)i * SIZE);
    end(&l);
}

static inline pal_image_options small(pal_image_sampler sampler)
{
    pal_image_options o = pal_image_defaults(sampler);
    o.seed = 7;
    if (sampler == PAL_IMAGE_PROBABILITY_FLOW)
        o.tolerance = 0.05;
    else if (sampler != PAL_IMAGE_ANNEALED_LANGEVIN)
        o.steps = 4;
    return o;
}

#endif
