/* denoise.c - the state of a batch of pictures: layout, start, evaluation, known pixels, finish. */
#include "denoise.h"
#include "rk45.h"
#include "transition.h"

#include <math.h>

/* Whether the noise levels are geometric in sigma; otherwise they come from a grid of times. */
static bool has_sigmas(const pal_image_options *o)
{
    return o->sampler == PAL_IMAGE_ANNEALED_LANGEVIN || o->process == PAL_PROCESS_VE;
}

static bool has_clocks(const pal_image_options *o)
{
    return o->sampler == PAL_IMAGE_PROBABILITY_FLOW && o->solver == PAL_FLOW_RK45;
}

void pal_denoise_layout(pal_denoise *d, pal_arena *arena)
{
    const pal_image_options *o = &d->options;
    const size_t count = (size_t)d->count, size = (size_t)pal_denoise_size(d);
    const bool heun = o->sampler == PAL_IMAGE_PROBABILITY_FLOW && o->solver == PAL_FLOW_HEUN;
    d->exploding = has_sigmas(o);
    d->x = pal_take2(arena, count, size, sizeof(float));
    d->x0 = pal_take2(arena, count, size, sizeof(float));
    d->eps = pal_take2(arena, count, size, sizeof(float));
    d->second = pal_image_head(o->sampler) ? pal_take2(arena, count, size, sizeof(float)) : NULL;
    d->input = d->exploding || has_clocks(o) ? pal_take2(arena, count, size, sizeof(float)) : NULL;
    d->before = heun || o->sampler == PAL_IMAGE_DPM_SOLVER ? pal_take2(arena, count, size, sizeof(float)) : NULL;
    d->before_eps = heun ? pal_take2(arena, count, size, sizeof(float)) : NULL;
    d->stages = has_clocks(o) ? pal_take3(arena, count, PAL_RK45_STAGES, size, sizeof(float)) : NULL;
    d->clock = has_clocks(o) ? pal_take(arena, count, sizeof *d->clock) : NULL;
    d->level = pal_take(arena, (size_t)o->steps + 1, sizeof *d->level);
    d->time = pal_take(arena, count, sizeof *d->time);
    d->picture = pal_take(arena, count, sizeof *d->picture);
    d->known = o->known ? pal_take(arena, size, sizeof *d->known) : NULL;
    d->kept = o->known ? pal_take(arena, size, sizeof *d->kept) : NULL;
    d->z = pal_take(arena, size, sizeof *d->z);
    d->variance = pal_take(arena, size, sizeof *d->variance);
}

/* The address contains the number of evaluations so far, so no two draws share an address. */
static void addressed(void *context, const pal_denoise *d, pal_noise_purpose purpose, int32_t row, float *z)
{
    (void)context;
    pal_normals(d->options.seed, purpose, d->first + (uint32_t)row, (uint32_t)d->evaluations, pal_denoise_size(d), z);
}

void pal_denoise_normal(pal_denoise *d, pal_noise_purpose purpose, int32_t row)
{
    d->normal(d->normal_context, d, purpose, row, d->z);
}

static void take_levels(pal_denoise *d)
{
    const pal_image_options *o = &d->options;
    if (has_clocks(o)) {
        d->level[0] = pal_level_at(d->schedule, 1.0);
    } else if (has_sigmas(o)) {
        const pal_level end = pal_level_at(d->schedule, 1.0), min = pal_level_at(d->schedule, d->schedule->min_time);
        double sigma = pal_level_sigma(&end), high = o->sigma_max > 0.0 ? o->sigma_max : sigma < 50.0 ? sigma : 50.0;
        pal_grid_geometric(d->schedule, high, o->sigma_min > 0.0 ? o->sigma_min : pal_level_sigma(&min), o->steps,
                           d->level);
    } else {
        pal_grid_levels(d->schedule, o->grid, o->times, o->steps, d->level);
    }
}

static void take_known(pal_denoise *d)
{
    for (int32_t i = 0; d->options.known && i < pal_denoise_size(d); i++) {
        d->known[i] = (float)d->options.known[i] / 127.5f - 1.0f;
        d->kept[i] = !d->options.mask[i / d->channels];
    }
    d->options.known = d->options.mask = NULL;
}

void pal_denoise_start(pal_denoise *d)
{
    d->normal = d->normal ? d->normal : addressed;
    d->at = d->turn = d->again = d->evaluations = 0;
    d->done = false;
    take_known(d);
    take_levels(d);
    double scale = d->exploding ? pal_level_sigma(&d->level[0]) : 1.0;
    for (int32_t row = 0; row < d->count; row++) {
        float *x = d->x + pal_denoise_row(d, row), *x0 = d->x0 + pal_denoise_row(d, row);
        d->picture[row] = row;
        pal_denoise_normal(d, PAL_NOISE_START, row);
        for (int32_t i = 0; i < pal_denoise_size(d); i++) {
            x[i] = (float)(scale * (double)d->z[i]);
            x0[i] = 0.0f; /* there is no prediction yet */
        }
    }
    if (d->clock)
        for (int32_t row = 0; row < d->count; row++) pal_flow_start(&d->clock[row], d->schedule, false);
    pal_denoise_put_back(d, &d->level[0]);
}

/* ---- an evaluation ---------------------------------------------------------------------------------- */

void pal_denoise_predict(const pal_denoise *d, const pal_level *level, const float *x, const float *eps, float *x0)
{
    double scale = d->exploding ? 1.0 : 1.0 / sqrt(level->alpha), sigma = pal_level_sigma(level);
    for (int32_t i = 0; i < pal_denoise_size(d); i++) {
        float y = (float)(scale * (double)x[i] - sigma * (double)eps[i]);
        if (d->options.clip_x0) y = y < -1.0f ? -1.0f : y > 1.0f ? 1.0f : y;
        x0[i] = y;
    }
}

/* Writes the known pixels into x0, which callers display.  Call it when the prediction is no longer needed for
 * computing. */
static void show_known(pal_denoise *d)
{
    if (!d->known) return;
    for (int32_t row = 0; row < d->count; row++) {
        float *x0 = d->x0 + pal_denoise_row(d, row);
        for (int32_t i = 0; i < pal_denoise_size(d); i++)
            if (d->kept[i]) x0[i] = d->known[i];
    }
}

void pal_denoise_evaluate(pal_denoise *d, const pal_level *level, pal_noise_head head)
{
    const float *input = d->x;
    if (d->exploding) {
        size_t n = pal_denoise_row(d, d->count);
        double scale = sqrt(level->alpha);
        for (size_t i = 0; i < n; i++) d->input[i] = (float)(scale * (double)d->x[i]);
        input = d->input;
    }
    for (int32_t row = 0; row < d->count; row++) d->time[row] = level->time;
    d->predictor.evaluate(d->predictor.context, &(pal_noise_query){.count = d->count,
                                                                   .picture = d->picture,
                                                                   .time = d->time,
                                                                   .x = input,
                                                                   .head = head,
                                                                   .eps = d->eps,
                                                                   .second = d->second});
    d->evaluations++;
    for (int32_t row = 0; row < d->count; row++) {
        size_t at = pal_denoise_row(d, row);
        pal_denoise_predict(d, level, d->x + at, d->eps + at, d->x0 + at);
    }
}

/* ---- known parts ------------------------------------------------------------------------------------ */

void pal_denoise_put_back(pal_denoise *d, const pal_level *level)
{
    if (!d->known) return;
    show_known(d);
    double scale = d->exploding ? 1.0 : sqrt(level->alpha);
    double noise = d->exploding ? pal_level_sigma(level) : sqrt(level->beta);
    for (int32_t row = 0; row < d->count; row++) {
        float *x = d->x + pal_denoise_row(d, row);
        pal_denoise_normal(d, PAL_NOISE_KNOWN, row);
        for (int32_t i = 0; i < pal_denoise_size(d); i++)
            if (d->kept[i]) x[i] = (float)(scale * (double)d->known[i] + noise * (double)d->z[i]);
    }
}

void pal_denoise_finish(pal_denoise *d)
{
    size_t n = pal_denoise_row(d, d->count);
    show_known(d);
    for (size_t i = 0; i < n; i++) d->x[i] = d->x0[i];
    d->done = true;
}

/* Adds noise to x to go from level s to the noisier level t, as the forward process does. */
static void noise_again(pal_denoise *d, const pal_level *s, const pal_level *t)
{
    double keep = d->exploding ? 1.0 : sqrt(t->alpha / s->alpha);
    double noise = d->exploding ? sqrt(t->beta / t->alpha - s->beta / s->alpha)
                                : sqrt(pal_one_minus_exp(t->log_alpha - s->log_alpha));
    for (int32_t row = 0; row < d->count; row++) {
        float *x = d->x + pal_denoise_row(d, row);
        pal_denoise_normal(d, PAL_NOISE_AGAIN, row);
        for (int32_t i = 0; i < pal_denoise_size(d); i++) x[i] = (float)(keep * (double)x[i] + noise * (double)d->z[i]);
    }
}

void pal_denoise_advance(pal_denoise *d)
{
    const pal_level *t = &d->level[d->at], *s = t + 1;
    pal_denoise_put_back(d, s);
    if (++d->again < d->options.resample) {
        noise_again(d, s, t);
        return;
    }
    d->again = 0;
    d->at++;
}

/* ---- a step ----------------------------------------------------------------------------------------- */

static void probability_flow(pal_denoise *d)
{
    if (d->options.solver == PAL_FLOW_HEUN)
        pal_denoise_heun(d);
    else
        pal_denoise_rk45(d);
}

pal_status pal_denoise_step(pal_denoise *d)
{
    if (d->done) return PAL_OK;
    switch (d->options.sampler) {
    case PAL_IMAGE_ANNEALED_LANGEVIN: pal_denoise_langevin(d); break;
    case PAL_IMAGE_REVERSE_SDE: pal_denoise_reverse_sde(d); break;
    case PAL_IMAGE_PREDICTOR_CORRECTOR: pal_denoise_predictor_corrector(d); break;
    case PAL_IMAGE_PROBABILITY_FLOW: probability_flow(d); break;
    case PAL_IMAGE_DPM_SOLVER: pal_denoise_dpm_solver(d); break;
    default: pal_denoise_transit(d); break;
    }
    return d->done ? PAL_OK : PAL_MORE;
}
