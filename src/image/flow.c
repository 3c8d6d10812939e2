/* flow.c - the log density of pictures by the probability-flow equation.
 *
 * Song et al. (2021, eq. 39): along the flow d log p = -div F dl.  With l = log sqrt(alpha / beta) decreasing from the
 * picture to noise, log p(x) = log p_end(x_end) + the integral of div F dl, F = beta x - sqrt(beta) eps and div F =
 * beta size - sqrt(beta) tr(d eps / d x).  The trace is the mean of v (d eps / d x) v over random signs v (Hutchinson
 * 1990; a picture keeps its v from start to end), or exactly the sum over unit vectors.
 *
 * If the network has no forward-mode products, (d eps / d x) v = (eps(x + h v) - eps(x - h v)) / 2h with h |v| =
 * difference sqrt(beta): the state moves by that fraction of the noise of one element, for any number of elements.  The
 * error has two parts.  The third derivative causes one that grows with the square of `difference`. Rounding of eps,
 * about 1e-7 in single precision, causes a random one of about 1e-7 size / difference per evaluation.  At the default
 * both are small compared with the error of Hutchinson's estimate (tests/test_image_likelihood.c has figures). */
#include "likelihood.h"
#include "rk45.h"
#include "../core/math.h"
#include "../core/options.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt and fabs */

#define LN_2       0x1.62e42fefa39efp-1
#define LOG_TWO_PI 0x1.d67f1c864beb5p0

double pal_bits_per_dimension(double log_density, int32_t size)
{
    return 7.0 - log_density / (size * LN_2);
}

pal_flow_options pal_flow_defaults(void)
{
    return (pal_flow_options){.tolerance = 1e-5, .probes = 1, .difference = 0.02};
}

pal_status pal_flow_check(const pal_flow_options *o, const pal_noise_predictor *p, pal_error *err)
{
    const pal_likelihood_options given = {.tolerance = o->tolerance, .probes = o->probes, .difference = o->difference};
    pal_status status = pal_options_check(&pal_likelihood_table, &given, err);
    if (status) return status;
    if (p->guided)
        return pal_fail(err, PAL_E_OPTION,
                        "there is no likelihood with guidance: the guided prediction is not the score of a density",
                        SIZE_MAX);
    return PAL_OK;
}

void pal_flow_layout(pal_flow *f, pal_arena *arena)
{
    const size_t count = (size_t)f->count, size = (size_t)f->predictor.size;
    f->x = pal_take2(arena, count, size, sizeof(float));
    f->log_density = pal_take(arena, count, sizeof *f->log_density);
    f->clock = pal_take(arena, count, sizeof *f->clock);
    f->rate = pal_take(arena, count, sizeof *f->rate);
    f->trace = pal_take(arena, count, sizeof *f->trace);
    f->time = pal_take(arena, count, sizeof *f->time);
    f->picture = pal_take(arena, count, sizeof *f->picture);
    f->stages = pal_take3(arena, count, PAL_RK45_STAGES, size, sizeof(float));
    f->state = pal_take2(arena, count, size, sizeof(float));
    f->shown = pal_take2(arena, count, size, sizeof(float));
    f->along = pal_take2(arena, count, size, sizeof(float));
    f->eps = pal_take2(arena, count, size, sizeof(float));
    f->output = pal_take2(arena, count, size, sizeof(float));
}

void pal_flow_begin(pal_flow *f)
{
    f->evaluations = f->turn = 0;
    f->done = false;
    for (int32_t row = 0; row < f->count; row++) {
        pal_flow_start(&f->clock[row], f->schedule, true);
        f->log_density[row] = 0.0;
    }
}

/* ---- an evaluation ---------------------------------------------------------------------------------- */

static size_t row_at(const pal_flow *f, int32_t row)
{
    return (size_t)row * (size_t)f->predictor.size;
}

static int32_t directions(const pal_flow *f)
{
    return f->options.probes ? f->options.probes : f->predictor.size;
}

/* Returns the number of rows that are not done.  At the first turn of a stage, also fills picture, state and time for
 * them. */
static int32_t collect_rows(pal_flow *f)
{
    int32_t n = 0;
    for (int32_t row = 0; row < f->count; row++) {
        const pal_flow_clock *c = &f->clock[row];
        if (c->done) continue;
        if (f->turn == 0) {
            pal_flow_state(c, f->x + row_at(f, row), f->stages + PAL_RK45_STAGES * row_at(f, row), f->predictor.size,
                           f->state + row_at(f, n));
            f->time[n] = pal_flow_level(c, f->schedule).time;
            f->trace[row] = 0.0;
            f->picture[n] = row;
        }
        n++;
    }
    return n;
}

/* v := direction number `which` of a picture. */
static void direct(const pal_flow *f, int32_t row, int32_t which, float *v)
{
    if (f->options.probes) {
        pal_signs(f->options.seed, PAL_NOISE_PROBE, f->first + (uint32_t)row,
                  f->draw * (uint32_t)f->options.probes + (uint32_t)which, f->predictor.size, v);
        return;
    }
    for (int32_t i = 0; i < f->predictor.size; i++) v[i] = i == which ? 1.0f : 0.0f;
}

static double dot(const float *a, const float *b, int32_t size)
{
    double sum = 0.0;
    for (int32_t i = 0; i < size; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* h of a row at its current stage. */
static double distance(const pal_flow *f, int32_t row)
{
    const pal_level level = pal_flow_level(&f->clock[row], f->schedule);
    double length = f->options.probes ? sqrt((double)f->predictor.size) : 1.0; /* of a direction */
    return f->options.difference * sqrt(level.beta) / length;
}

static pal_noise_query query(const pal_flow *f, int32_t n, const float *x, float *eps)
{
    return (pal_noise_query){.count = n, .picture = f->picture, .time = f->time, .x = x, .eps = eps};
}

/* A turn with forward-mode products: eps and one direction.  Returns whether it was the last turn of the stage. */
static bool turn_by_product(pal_flow *f, int32_t n)
{
    for (int32_t i = 0; i < n; i++) direct(f, f->picture[i], f->turn, f->along + row_at(f, i));
    const pal_noise_query q = query(f, n, f->state, f->eps);
    f->predictor.product(f->predictor.context, &q, f->along, f->output);
    for (int32_t i = 0; i < n; i++)
        f->trace[f->picture[i]] += dot(f->along + row_at(f, i), f->output + row_at(f, i), f->predictor.size);
    return ++f->turn == directions(f);
}

/* A turn with central differences: first eps alone, then the two ends of each direction.  Returns as above. */
static bool turn_by_difference(pal_flow *f, int32_t n)
{
    const int32_t which = (f->turn - 1) / 2, size = f->predictor.size;
    const double sign = f->turn % 2 ? 1.0 : -1.0;
    if (f->turn == 0) {
        const pal_noise_query q = query(f, n, f->state, f->eps);
        f->predictor.evaluate(f->predictor.context, &q);
        f->turn++;
        return false;
    }
    for (int32_t i = 0; i < n; i++) {
        const float *state = f->state + row_at(f, i);
        float *v = f->along + row_at(f, i), *shown = f->shown + row_at(f, i);
        double h = distance(f, f->picture[i]);
        direct(f, f->picture[i], which, v);
        for (int32_t j = 0; j < size; j++) shown[j] = (float)((double)state[j] + sign * h * (double)v[j]);
    }
    const pal_noise_query q = query(f, n, f->shown, f->output);
    f->predictor.evaluate(f->predictor.context, &q);
    for (int32_t i = 0; i < n; i++) {
        double along = dot(f->along + row_at(f, i), f->output + row_at(f, i), size);
        f->trace[f->picture[i]] += sign * along / (2.0 * distance(f, f->picture[i]));
    }
    return ++f->turn == 1 + 2 * directions(f);
}

/* ---- the end of a stage ----------------------------------------------------------------------------- */

static double normal_log_density(const float *x, int32_t size)
{
    return -0.5 * (dot(x, x, size) + size * LOG_TWO_PI);
}

static void arrive(pal_flow *f, int32_t row)
{
    const float *x = f->x + row_at(f, row);
    f->clock[row].done = true;
    f->log_density[row] +=
        f->end ? f->end(f->end_context, x, f->predictor.size) : normal_log_density(x, f->predictor.size);
}

static void advance_row(pal_flow *f, int32_t row, const float *state, const float *eps)
{
    const int32_t size = f->predictor.size;
    pal_flow_clock *c = &f->clock[row];
    const pal_level level = pal_flow_level(c, f->schedule);
    float *k = f->stages + PAL_RK45_STAGES * row_at(f, row);
    double *rate = f->rate[row], trace = f->options.probes ? f->trace[row] / f->options.probes : f->trace[row];
    pal_flow_rate(&level, state, eps, size, k + (size_t)c->stage * (size_t)size);
    rate[c->stage] = level.beta * size - sqrt(level.beta) * trace;
    if (c->stage < PAL_RK45_STAGES - 1) {
        c->stage++;
        return;
    }
    double change = pal_flow_change(c, rate), sum = f->log_density[row] + change;
    double slip = fabs(pal_flow_slip(c, rate)) / (f->options.tolerance * (size + fabs(sum)));
    if (!pal_flow_judge(c, f->x + row_at(f, row), state, k, size, f->options.tolerance, slip)) return;
    f->log_density[row] = sum;
    rate[0] = rate[PAL_RK45_STAGES - 1];
    if (c->arrived) arrive(f, row);
}

pal_status pal_flow_step(pal_flow *f)
{
    if (f->done) return PAL_OK;
    const int32_t n = collect_rows(f);
    bool last = f->predictor.product ? turn_by_product(f, n) : turn_by_difference(f, n);
    f->evaluations++;
    if (!last) return PAL_MORE;
    f->turn = 0;
    f->done = true;
    for (int32_t i = 0; i < n; i++) {
        advance_row(f, f->picture[i], f->state + row_at(f, i), f->eps + row_at(f, i));
        f->done = f->done && f->clock[f->picture[i]].done;
    }
    return f->done ? PAL_OK : PAL_MORE;
}
