/* drawing.c - pal_drawing: a batch of pictures being drawn with the samplers of image/, in the caller's block. */
#include "../network/picture.h"
#include "../network/model.h"

#include <math.h>

struct pal_drawing {
    const pal_model *model;
    pal_picture_runner runner;
    pal_guidance guidance;
    pal_denoise denoise;
};

static bool is_guided(const pal_image_options *o)
{
    return o->guidance < 1.0 || o->guidance > 1.0;
}

pal_status pal_image_check(const pal_model *m, const pal_image_options *o, pal_error *err)
{
    pal_status status = pal_picture_check(m, o, err);
    if (status) return status;
    const pal_noise_predictor shape = pal_picture_shape(m);
    return pal_denoise_check(o, &shape, &m->picture->schedule, err);
}

/* If the arena has no block, only measures, using the caller's *d.  Otherwise places the drawing first in the block,
 * and its arrays after it. */
static pal_drawing *lay_out(pal_drawing *d, const pal_model *m, const pal_image_options *o, pal_arena *arena)
{
    pal_drawing *placed = pal_take(arena, 1, sizeof *placed);
    if (placed) d = placed;
    *d = (pal_drawing){.model = m,
                       .denoise = {.predictor = pal_picture_shape(m),
                                   .schedule = &m->picture->schedule,
                                   .options = *o,
                                   .channels = m->picture->info.channels,
                                   .first = o->first,
                                   .count = o->count}};
    pal_denoise_layout(&d->denoise, arena);
    pal_picture_layout(&d->runner, m, o->count, arena);
    d->guidance = (pal_guidance){
        .with = pal_picture_labelled(&d->runner), .without = pal_picture_unlabelled(&d->runner), .scale = o->guidance};
    if (is_guided(o)) pal_guidance_layout(&d->guidance, o->count, arena);
    return d;
}

pal_status pal_image_bytes(const pal_model *m, const pal_image_options *o, size_t *bytes, pal_error *err)
{
    pal_drawing measured;
    pal_arena arena = {0};
    pal_status status = pal_image_check(m, o, err);
    if (status) return status;
    lay_out(&measured, m, o, &arena);
    if (!pal_arena_bytes(&arena, bytes))
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for so many pictures: draw fewer at a time", SIZE_MAX);
    return PAL_OK;
}

pal_status pal_image_init(pal_drawing **out, const pal_model *m, const pal_image_options *o, void *block, size_t bytes,
                          pal_error *err)
{
    size_t needed;
    pal_drawing unplaced;
    pal_status status = pal_image_bytes(m, o, &needed, err);
    if (status) return status;
    if (!block || bytes < needed)
        return pal_fail(err, PAL_E_MEMORY, "the memory block for the drawing is too small", SIZE_MAX);
    pal_arena arena = pal_arena_in(block);
    pal_drawing *d = lay_out(&unplaced, m, o, &arena);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == needed);
    pal_picture_start(&d->runner, o);
    d->denoise.predictor = is_guided(o) ? pal_guidance_predictor(&d->guidance) : pal_picture_labelled(&d->runner);
    pal_denoise_start(&d->denoise);
    *out = d;
    return PAL_OK;
}

pal_status pal_image_step(pal_drawing *d, pal_error *err)
{
    pal_status status = d->runner.broken ? PAL_MORE : pal_denoise_step(&d->denoise);
    if (d->runner.broken) return pal_fail_not_finite(err);
    return status;
}

void pal_image_pixels(const pal_drawing *d, pal_image_view view, int32_t index, uint8_t *pixels)
{
    const pal_denoise *s = &d->denoise;
    const float *from = (view == PAL_IMAGE_STATE ? s->x : s->x0) + pal_denoise_row(s, index);
    const bool scaled = view == PAL_IMAGE_STATE && s->exploding && !s->done;
    const double scale = scaled ? sqrt(s->level[s->at].alpha) : 1.0;
    for (int32_t i = 0; i < pal_denoise_size(s); i++) pixels[i] = pal_picture_byte(scale * (double)from[i]);
}

pal_image_progress pal_drawing_progress(const pal_drawing *d)
{
    return (pal_image_progress){.evaluations = d->denoise.evaluations,
                                .total = pal_image_evaluations(&d->denoise.options),
                                .passes = d->runner.passes,
                                .done = d->denoise.done};
}
