/* drawing_testing.h - a schedule and a data distribution to sample, for test_image_drawing.c, test_image_guidance.c,
 * test_image_samplers.c and test_image_variance.c. */
#ifndef PAL_DRAWING_TESTING_H
#define PAL_DRAWING_TESTING_H

#include "image/guidance.h"
#include "mixture.h"

static unsigned char block[1 << 14];
static pal_schedule discrete;
static mixture data; /* the reference data on 1000 linear steps, with its table */

static inline int set_up(void **state)
{
    (void)state;
    pal_arena arena = pal_arena_in(block);
    if (pal_schedule_layout(&discrete, 1000, &arena, NULL) || pal_schedule_linear(&discrete, 1e-4, 0.02, NULL))
        return 1;
    data = mixture_reference(&discrete);
    mixture_measure_gamma(&data);
    return 0;
}

static inline pal_image_options unclipped(pal_image_sampler sampler)
{
    pal_image_options o = pal_image_defaults(sampler);
    o.clip_x0 = false;
    o.clip_pixel = 0.0;
    return o;
}

static inline void check(const pal_image_options *o, const mixture *m)
{
    pal_error err = {PAL_OK, "", 0};
    mixture other = *m;
    const pal_noise_predictor p = mixture_predictor(&other, false);
    if (pal_denoise_check(o, &p, m->schedule, &err)) fail_msg("%s: %s", pal_image_sampler_name(o->sampler), err.text);
}

static inline void steady_noise(void *context, const pal_denoise *d, pal_noise_purpose purpose, int32_t row, float *z)
{
    (void)purpose, (void)row;
    for (int32_t i = 0; i < d->predictor.size; i++) z[i] = ((const float *)context)[i];
}

#endif
