/* picture_likelihood.c - pal_likelihood: how likely given pictures are, computed by image/likelihood.h in the caller's
 * block. */
#include "../core/options.h"
#include "../image/likelihood.h"
#include "../network/model.h"
#include "../network/picture.h"

#include <math.h>

#define LN_2 0x1.62e42fefa39efp-1

struct pal_likelihood {
    const pal_model *model;
    pal_image_method method;
    uint64_t seed;
    pal_picture_runner runner;
    pal_flow flow;   /* method flow */
    pal_bound bound; /* method bound */
};

/* With quantised weights activations are rounded too, and this noise is larger than small differences.  Measured on
 * four pictures of Fashion-MNIST (with a network in training): with float weights, bits per dimension change by 0.003
 * from difference 0.02 to 1, and from tolerance 1e-4 to 1e-2; with Q8_0 weights their error is +0.2 or more at
 * difference 0.02, and +0.04 at 1. */
static bool has_float_weights(const pal_model *m)
{
    const char first = *m->info.weights; /* F32, F16, BF16 or a quantised type */
    return first == 'F' || first == 'B';
}

pal_likelihood_options pal_likelihood_defaults(const pal_model *m, pal_image_method method)
{
    pal_likelihood_options o = {.picture = pal_image_defaults(pal_image_default_sampler(m))};
    pal_options_default(&pal_likelihood_table, &o);
    o.method = method;
    o.picture.steps = 100;
    if (!has_float_weights(m)) o.difference = 1.0;
    return o;
}

/* Sets the fields that the checks of the methods read. */
static void set_up(pal_likelihood *l, const pal_model *m, const pal_likelihood_options *o)
{
    *l = (pal_likelihood){.model = m, .method = o->method, .seed = o->picture.seed};
    l->flow = (pal_flow){.predictor = pal_picture_shape(m),
                         .schedule = &m->picture->schedule,
                         .options = {.seed = o->picture.seed,
                                     .tolerance = o->tolerance,
                                     .probes = o->probes,
                                     .difference = o->difference},
                         .first = o->picture.first,
                         .draw = o->draw,
                         .count = o->picture.count};
    l->bound = (pal_bound){.predictor = l->flow.predictor,
                           .schedule = l->flow.schedule,
                           .options = o->picture,
                           .bins = 256,
                           .first = o->picture.first,
                           .draw = o->draw,
                           .count = o->picture.count};
}

static pal_status check(const pal_model *m, const pal_likelihood_options *o, pal_error *err)
{
    pal_likelihood l;
    pal_status status = pal_picture_check(m, &o->picture, err);
    if (status) return status;
    if ((status = pal_options_check(&pal_likelihood_table, o, err))) return status;
    if (o->picture.known || o->picture.mask)
        return pal_fail(err, PAL_E_OPTION, "the likelihood is measured for whole pictures: known parts cannot be used",
                        SIZE_MAX);
    set_up(&l, m, o);
    l.flow.predictor.guided = l.bound.predictor.guided = o->picture.guidance < 1.0 || o->picture.guidance > 1.0;
    if (o->method == PAL_LIKELIHOOD_FLOW) return pal_flow_check(&l.flow.options, &l.flow.predictor, err);
    return pal_bound_check(&l.bound, err);
}

static pal_likelihood *lay_out(pal_likelihood *l, const pal_model *m, const pal_likelihood_options *o, pal_arena *arena)
{
    pal_likelihood *placed = pal_take(arena, 1, sizeof *placed);
    if (placed) l = placed;
    set_up(l, m, o);
    if (o->method == PAL_LIKELIHOOD_FLOW)
        pal_flow_layout(&l->flow, arena);
    else
        pal_bound_layout(&l->bound, arena);
    pal_picture_layout(&l->runner, m, o->picture.count, arena);
    return l;
}

pal_status pal_likelihood_bytes(const pal_model *m, const pal_likelihood_options *o, size_t *bytes, pal_error *err)
{
    pal_likelihood measured;
    pal_arena arena = {0};
    pal_status status = check(m, o, err);
    if (status) return status;
    lay_out(&measured, m, o, &arena);
    if (!pal_arena_bytes(&arena, bytes))
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for so many pictures: measure fewer at a time", SIZE_MAX);
    return PAL_OK;
}

static void begin(pal_likelihood *l, const uint8_t *pixels)
{
    const int32_t size = l->flow.predictor.size, count = l->flow.count;
    const size_t n = (size_t)count * (size_t)size;
    if (l->method == PAL_LIKELIHOOD_BOUND) {
        for (size_t i = 0; i < n; i++) l->bound.x[i] = pal_picture_value(pixels[i]);
        pal_bound_begin(&l->bound);
        return;
    }
    for (int32_t row = 0; row < count; row++) {
        const size_t at = (size_t)row * (size_t)size;
        pal_dequantise(l->seed, l->flow.first + (uint32_t)row, l->flow.draw, pixels + at, size, l->flow.x + at);
    }
    pal_flow_begin(&l->flow);
}

pal_status pal_likelihood_init(pal_likelihood **out, const pal_model *m, const pal_likelihood_options *o,
                               const uint8_t *pixels, void *block, size_t bytes, pal_error *err)
{
    size_t needed;
    pal_likelihood unplaced;
    pal_status status = pal_likelihood_bytes(m, o, &needed, err);
    if (status) return status;
    if (!block || bytes < needed)
        return pal_fail(err, PAL_E_MEMORY, "the memory block for the likelihood is too small", SIZE_MAX);
    pal_arena arena = pal_arena_in(block);
    pal_likelihood *l = lay_out(&unplaced, m, o, &arena);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == needed);
    pal_picture_start(&l->runner, &o->picture);
    l->flow.predictor = l->bound.predictor = pal_picture_labelled(&l->runner);
    begin(l, pixels);
    *out = l;
    return PAL_OK;
}

pal_status pal_likelihood_step(pal_likelihood *l, pal_error *err)
{
    pal_status status = PAL_MORE;
    if (!l->runner.broken)
        status = l->method == PAL_LIKELIHOOD_FLOW ? pal_flow_step(&l->flow) : pal_bound_step(&l->bound);
    if (l->runner.broken) return pal_fail_not_finite(err);
    return status;
}

pal_image_progress pal_likelihood_progress(const pal_likelihood *l)
{
    const bool flow = l->method == PAL_LIKELIHOOD_FLOW;
    return (pal_image_progress){.evaluations = flow ? l->flow.evaluations : l->bound.evaluations,
                                .total = flow ? 0 : l->bound.options.steps,
                                .passes = l->runner.passes,
                                .done = flow ? l->flow.done : l->bound.done};
}

double pal_likelihood_bits(const pal_likelihood *l, int32_t index)
{
    const int32_t size = l->flow.predictor.size;
    if (!pal_likelihood_progress(l).done) return (double)NAN;
    if (l->method == PAL_LIKELIHOOD_FLOW) return pal_bits_per_dimension(l->flow.log_density[index], size);
    return l->bound.nats[index] / (size * LN_2);
}
