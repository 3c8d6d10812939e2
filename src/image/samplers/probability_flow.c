/* probability_flow.c - the probability-flow equation with adaptive steps, one clock per picture (../rk45.h).
 *
 * A picture that has arrived is denoised by one more evaluation, together with the stages of the others, and then
 * leaves the batch. */
#include "../rk45.h"

#include <string.h>

static float *stages_of(const pal_denoise *d, int32_t row)
{
    return d->stages + PAL_RK45_STAGES * pal_denoise_row(d, row);
}

/* The level at which a row is evaluated now. */
static pal_level level_of(const pal_denoise *d, int32_t row)
{
    const pal_flow_clock *c = &d->clock[row];
    return c->arrived ? pal_level_at(d->schedule, d->schedule->min_time) : pal_flow_level(c, d->schedule);
}

/* Collects the rows that are not done in d->picture, d->time and d->input. */
static int32_t collect_rows(pal_denoise *d)
{
    int32_t n = 0;
    for (int32_t row = 0; row < d->count; row++) {
        const float *x = d->x + pal_denoise_row(d, row);
        float *input = d->input + pal_denoise_row(d, n);
        if (d->clock[row].done) continue;
        if (d->clock[row].arrived)
            memcpy(input, x, (size_t)pal_denoise_size(d) * sizeof *x);
        else
            pal_flow_state(&d->clock[row], x, stages_of(d, row), pal_denoise_size(d), input);
        d->time[n] = level_of(d, row).time;
        d->picture[n++] = row;
    }
    return n;
}

/* Advances one row, given eps at its state. */
static void advance_row(pal_denoise *d, int32_t row, const float *state, const float *eps)
{
    const int32_t size = pal_denoise_size(d);
    const pal_level level = level_of(d, row);
    pal_flow_clock *c = &d->clock[row];
    float *x = d->x + pal_denoise_row(d, row), *x0 = d->x0 + pal_denoise_row(d, row), *k = stages_of(d, row);
    pal_denoise_predict(d, &level, state, eps, x0);
    if (c->arrived) {
        memcpy(x, x0, (size_t)size * sizeof *x);
        c->done = true;
        return;
    }
    pal_flow_rate(&level, state, eps, size, k + (size_t)c->stage * (size_t)size);
    if (c->stage < PAL_RK45_STAGES - 1)
        c->stage++;
    else
        pal_flow_judge(c, x, state, k, size, d->options.tolerance, 0.0);
}

void pal_denoise_rk45(pal_denoise *d)
{
    int32_t n = collect_rows(d);
    d->predictor.evaluate(
        d->predictor.context,
        &(pal_noise_query){.count = n, .picture = d->picture, .time = d->time, .x = d->input, .eps = d->eps});
    d->evaluations++;
    for (int32_t i = 0; i < n; i++)
        advance_row(d, d->picture[i], d->input + pal_denoise_row(d, i), d->eps + pal_denoise_row(d, i));
    d->done = true;
    for (int32_t row = 0; row < d->count; row++) d->done = d->done && d->clock[row].done;
}
