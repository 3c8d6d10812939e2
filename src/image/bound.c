/* bound.c - the variational bound of the stochastic discrete samplers, one level per step.
 *
 * -log p(x0) <= KL(q(x_1 | x0) || N(0, I)) + sum over the steps t -> s of KL(q(x_s | x_t, x0) || p(x_s | x_t))
 *               - log p(x0 | x_t of the cleanest level),
 * with x_t drawn from q(x_t | x0). q has variance lambda^2 in every element; p has the variance of the sampler. */
#include "likelihood.h"
#include "transition.h"
#include "../core/math.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt and INFINITY */

#define LOG_TWO_PI 0x1.d67f1c864beb5p0

pal_status pal_bound_check(const pal_bound *b, pal_error *err)
{
    const pal_image_options *o = &b->options;
    pal_status status = pal_denoise_check(o, &b->predictor, b->schedule, err);
    if (status) return status;
    if (!pal_variance_of(o->sampler))
        return pal_fail(err, PAL_E_OPTION,
                        "only the ddpm and ddim samplers (also analytic-, npr- and sn-) have a variational bound",
                        SIZE_MAX);
    if (!(pal_image_eta(o) > 0.0))
        return pal_fail(
            err, PAL_E_OPTION,
            "with eta 0 there is no variational bound, because the steps are deterministic: use an eta above 0",
            SIZE_MAX);
    if (b->bins != 0 && b->bins != 256)
        return pal_fail(err, PAL_E_OPTION, "bins must be 256 (bytes) or 0 (a density)", SIZE_MAX);
    if (b->predictor.guided)
        return pal_fail(err, PAL_E_OPTION,
                        "there is no likelihood with guidance: the guided prediction is not the score of a density",
                        SIZE_MAX);
    if (o->known)
        return pal_fail(err, PAL_E_OPTION, "the bound is computed for whole pictures: known parts cannot be used",
                        SIZE_MAX);
    return PAL_OK;
}

void pal_bound_layout(pal_bound *b, pal_arena *arena)
{
    const size_t count = (size_t)b->count, size = (size_t)b->predictor.size;
    b->x = pal_take2(arena, count, size, sizeof(float));
    b->nats = pal_take(arena, count, sizeof *b->nats);
    b->level = pal_take(arena, (size_t)b->options.steps + 1, sizeof *b->level);
    b->time = pal_take(arena, count, sizeof *b->time);
    b->picture = pal_take(arena, count, sizeof *b->picture);
    b->noised = pal_take2(arena, count, size, sizeof(float));
    b->noise = pal_take2(arena, count, size, sizeof(float));
    b->eps = pal_take2(arena, count, size, sizeof(float));
    b->second = pal_take2(arena, count, size, sizeof(float));
    b->variance = pal_take(arena, size, sizeof *b->variance);
}

/* KL(q(x_1 | x0) || N(0, I)) of a row. */
static double prior_term(const pal_level *t, const float *x, int32_t size)
{
    double sum = 0.0, same = t->beta - 1.0 - pal_log(t->beta);
    for (int32_t i = 0; i < size; i++) sum += 0.5 * (t->alpha * (double)x[i] * (double)x[i] + same);
    return sum;
}

void pal_bound_begin(pal_bound *b)
{
    const int32_t size = b->predictor.size;
    b->evaluations = 0;
    b->done = false;
    pal_grid_levels(b->schedule, b->options.grid, b->options.times, b->options.steps, b->level);
    for (int32_t row = 0; row < b->count; row++) {
        b->picture[row] = row;
        b->nats[row] = prior_term(&b->level[0], b->x + (size_t)row * (size_t)size, size);
    }
}

/* ---- a step ----------------------------------------------------------------------------------------- */

static void noise_row(pal_bound *b, const pal_level *t, int32_t row)
{
    const int32_t size = b->predictor.size;
    const uint32_t step = b->draw * (uint32_t)b->options.steps + (uint32_t)b->evaluations;
    float *noise = b->noise + (size_t)row * (size_t)size, *noised = b->noised + (size_t)row * (size_t)size;
    const float *x = b->x + (size_t)row * (size_t)size;
    pal_normals(b->options.seed, PAL_NOISE_BOUND, b->first + (uint32_t)row, step, size, noise);
    for (int32_t i = 0; i < size; i++)
        noised[i] = (float)(sqrt(t->alpha) * (double)x[i] + sqrt(t->beta) * (double)noise[i]);
    b->time[row] = t->time;
}

typedef struct {
    double eps, x0; /* predicted */
    double eps_error, x0_error;
} guess;

static guess guess_at(const pal_bound *b, const pal_level *t, size_t at)
{
    double scale = 1.0 / sqrt(t->alpha), sigma = pal_level_sigma(t), noised = (double)b->noised[at];
    guess g = {.eps = (double)b->eps[at]};
    g.x0 = scale * noised - sigma * g.eps;
    if (b->options.clip_x0) { /* as in transition.c */
        g.x0 = g.x0 < -1.0 ? -1.0 : g.x0 > 1.0 ? 1.0 : g.x0;
        g.eps = (noised - sqrt(t->alpha) * g.x0) / sqrt(t->beta);
    }
    g.x0_error = g.x0 - (double)b->x[at];
    g.eps_error = g.eps - (noised - sqrt(t->alpha) * (double)b->x[at]) / sqrt(t->beta);
    return g;
}

/* The -ddpm and -ddim steps of a sampler differ only in how the mean is computed, see transition.h. */
static double between_term(const pal_bound *b, const pal_transition *tr, const pal_level *t, size_t at, double variance)
{
    const guess g = guess_at(b, t, at);
    bool ddim = pal_image_mean_by_eps(b->options.sampler);
    double off = ddim ? tr->x0_of_ddim * g.x0_error + tr->eps_of_ddim * g.eps_error : tr->x0_of_ddpm * g.x0_error;
    double ratio = tr->lambda2 / variance;
    return 0.5 * (ratio - 1.0 - pal_log(ratio) + off * off / variance);
}

/* -log p(x0 | x_t) of one element. */
static double last_term(const pal_bound *b, const pal_level *t, size_t at, double variance)
{
    const guess g = guess_at(b, t, at);
    double sigma = sqrt(variance), off = -g.x0_error;
    if (!b->bins) return 0.5 * (off * off / variance + LOG_TWO_PI + pal_log(variance));
    const double half = 1.0 / 255.0, x = (double)b->x[at];
    double low = x < -1.0 + half ? -INFINITY : (off - half) / sigma;
    double high = x > 1.0 - half ? INFINITY : (off + half) / sigma;
    return -pal_log_normal_between(low, high);
}

/* beta-tilde between the cleanest level and twice its time, that is, of the schedule's first two steps.  Ho et al. use
 * it for the last step, whose own beta-tilde would be 0. */
static double min_variance(const pal_bound *b, const pal_level *t)
{
    if (t->time > 0.5) return t->beta;
    const pal_level twice = pal_level_at(b->schedule, 2.0 * t->time);
    return pal_transition_of(&twice, t, 1.0).beta_tilde;
}

static double row_terms(pal_bound *b, const pal_transition *tr, const pal_level *t, int32_t row)
{
    const int32_t size = b->predictor.size;
    const size_t from = (size_t)row * (size_t)size;
    const bool last = b->evaluations == b->options.steps;
    const double min = last ? min_variance(b, t) : 0.0;
    double sum = 0.0;
    pal_variance_of(b->options.sampler)(&b->options, &b->predictor, tr, t, b->eps + from, b->second + from,
                                        b->variance);
    for (int32_t i = 0; i < size; i++) {
        double v = b->variance[i] > min ? b->variance[i] : min;
        sum += last ? last_term(b, t, from + (size_t)i, v) : between_term(b, tr, t, from + (size_t)i, v);
    }
    return sum;
}

pal_status pal_bound_step(pal_bound *b)
{
    if (b->done) return PAL_OK;
    const pal_level *t = &b->level[b->evaluations];
    const pal_noise_head head = pal_image_head(b->options.sampler);
    for (int32_t row = 0; row < b->count; row++) noise_row(b, t, row);
    b->predictor.evaluate(b->predictor.context, &(pal_noise_query){.count = b->count,
                                                                   .picture = b->picture,
                                                                   .time = b->time,
                                                                   .x = b->noised,
                                                                   .head = head,
                                                                   .eps = b->eps,
                                                                   .second = head ? b->second : NULL});
    b->evaluations++;
    const pal_transition tr = pal_transition_of(t, t + 1, pal_image_eta(&b->options));
    for (int32_t row = 0; row < b->count; row++) b->nats[row] += row_terms(b, &tr, t, row);
    b->done = b->evaluations == b->options.steps;
    return b->done ? PAL_OK : PAL_MORE;
}
