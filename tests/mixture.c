/* mixture.c - see mixture.h. */
#include "mixture.h"
#include "core/math.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt, sin and erfc */
#include <stdlib.h>
#include <string.h>

#define TWO_PI 0x1.921fb54442d18p2

mixture mixture_reference(const pal_schedule *s)
{
    return (mixture){
        .size = 1, .components = 2, .weight = {0.3, 0.7}, .mean = {{-2.0}, {1.0}}, .spread = {0.2, 0.4}, .schedule = s};
}

mixture mixture_gaussian(const pal_schedule *s, int32_t size, double mean, double spread)
{
    mixture m = {.size = size, .components = 1, .weight = {1.0}, .spread = {spread}, .schedule = s};
    for (int32_t i = 0; i < size; i++) m.mean[0][i] = mean;
    return m;
}

mixture mixture_two(const pal_schedule *s, int32_t size, double weight, double far, double spread)
{
    mixture m = {
        .size = size, .components = 2, .weight = {weight, 1.0 - weight}, .spread = {spread, spread}, .schedule = s};
    for (int32_t i = 0; i < size; i++) {
        m.mean[0][i] = -far;
        m.mean[1][i] = far;
    }
    return m;
}

/* Weighted log densities of the components, and the log of their sum. */
static double shares(const mixture *m, const pal_level *l, const double *x, double *share)
{
    double max = -INFINITY, sum = 0.0;
    for (int32_t k = 0; k < m->components; k++) {
        double v = l->alpha * m->spread[k] * m->spread[k] + l->beta, squares = 0.0;
        for (int32_t i = 0; i < m->size; i++) {
            double off = x[i] - sqrt(l->alpha) * m->mean[k][i];
            squares += off * off;
        }
        share[k] = pal_log(m->weight[k]) - 0.5 * (squares / v + m->size * pal_log(TWO_PI * v));
        if (share[k] > max) max = share[k];
    }
    for (int32_t k = 0; k < m->components; k++) {
        share[k] = pal_exp(share[k] - max);
        sum += share[k];
    }
    for (int32_t k = 0; k < m->components; k++) share[k] /= sum;
    return max + pal_log(sum);
}

double mixture_density(const mixture *m, const pal_level *l, const double *x)
{
    double share[MIXTURE_COMPONENTS];
    return shares(m, l, x, share);
}

double mixture_cumulative(const mixture *m, const pal_level *l, double x)
{
    double sum = 0.0;
    for (int32_t k = 0; k < m->components; k++) {
        double v = l->alpha * m->spread[k] * m->spread[k] + l->beta;
        sum += m->weight[k] * 0.5 * erfc(-(x - sqrt(l->alpha) * m->mean[k][0]) / sqrt(2.0 * v));
    }
    return sum;
}

double mixture_draw(const mixture *m, double u, double z, int32_t element, int32_t *component)
{
    int32_t k = 0;
    for (double sum = m->weight[0]; u >= sum && k + 1 < m->components; sum += m->weight[k]) k++;
    *component = k;
    return m->mean[k][element] + m->spread[k] * z;
}

/* The mean of eps for one component and element. */
static double mean_of(const mixture *m, const pal_level *l, int32_t k, int32_t i, double x)
{
    double v = l->alpha * m->spread[k] * m->spread[k] + l->beta;
    return sqrt(l->beta) * (x - sqrt(l->alpha) * m->mean[k][i]) / v;
}

void mixture_moments(const mixture *m, const pal_level *l, const double *x, double *eps, double *second)
{
    double share[MIXTURE_COMPONENTS];
    shares(m, l, x, share);
    for (int32_t i = 0; i < m->size; i++) {
        eps[i] = second[i] = 0.0;
        for (int32_t k = 0; k < m->components; k++) {
            double data = l->alpha * m->spread[k] * m->spread[k], e = mean_of(m, l, k, i, x[i]);
            eps[i] += share[k] * e;
            second[i] += share[k] * (data / (data + l->beta) + e * e);
        }
    }
}

void mixture_measure_gamma(mixture *m)
{
    for (int32_t n = 0; n < MIXTURE_GAMMAS; n++) {
        const pal_level l = pal_level_at(m->schedule, (n + 1.0) / MIXTURE_GAMMAS);
        const double stride = 0.01;
        double sum = 0.0;
        for (int32_t i = -900; i <= 900; i++) {
            double x = i * stride, eps, second;
            mixture_moments(m, &l, &x, &eps, &second);
            sum += pal_exp(mixture_density(m, &l, &x)) * eps * eps * stride;
        }
        m->gamma[n] = sum;
    }
}

/* ---- as a network ----------------------------------------------------------------------------------- */

static void predict(const mixture *m, const pal_level *l, const double *x, double *eps, double *second)
{
    mixture_moments(m, l, x, eps, second);
    for (int32_t i = 0; i < m->size && m->wrong > 0.0; i++) {
        double sine, cosine;
        pal_sincos(3.0 * x[i], &sine, &cosine);
        eps[i] += m->wrong * sine;
    }
}

static void evaluate(void *context, const pal_noise_query *q)
{
    mixture *m = context;
    double x[MIXTURE_SIZE], eps[MIXTURE_SIZE], right[MIXTURE_SIZE], second[MIXTURE_SIZE];
    for (int32_t row = 0; row < q->count; row++) {
        const pal_level l = pal_level_at(m->schedule, q->time[row]);
        const size_t at = (size_t)row * (size_t)m->size;
        for (int32_t i = 0; i < m->size; i++) x[i] = (double)q->x[at + (size_t)i];
        predict(m, &l, x, eps, second);
        if (q->head == PAL_HEAD_RESIDUAL) mixture_moments(m, &l, x, right, second);
        for (int32_t i = 0; i < m->size; i++) {
            q->eps[at + (size_t)i] = (float)eps[i];
            if (q->head == PAL_HEAD_RESIDUAL) second[i] += eps[i] * eps[i] - 2.0 * right[i] * eps[i];
            if (q->head != PAL_HEAD_NONE) q->second[at + (size_t)i] = (float)second[i];
        }
    }
    m->states += q->count;
    m->evaluations++;
}

/* The derivative of sum share_k e_k along v: the e_k change by sqrt(beta) v / v_k, the shares by the slopes of the
 * components' log densities. */
static void product_row(const mixture *m, const pal_level *l, const double *x, const float *v, float *product)
{
    double share[MIXTURE_COMPONENTS], slope[MIXTURE_COMPONENTS], mean = 0.0;
    shares(m, l, x, share);
    for (int32_t k = 0; k < m->components; k++) {
        slope[k] = 0.0;
        for (int32_t i = 0; i < m->size; i++) slope[k] -= mean_of(m, l, k, i, x[i]) * (double)v[i] / sqrt(l->beta);
        mean += share[k] * slope[k];
    }
    for (int32_t i = 0; i < m->size; i++) {
        double sum = 0.0;
        for (int32_t k = 0; k < m->components; k++) {
            double variance = l->alpha * m->spread[k] * m->spread[k] + l->beta;
            sum += share[k] * (sqrt(l->beta) * (double)v[i] / variance + mean_of(m, l, k, i, x[i]) * (slope[k] - mean));
        }
        product[i] = (float)sum;
    }
}

static void product(void *context, const pal_noise_query *q, const float *v, float *out)
{
    mixture *m = context;
    double x[MIXTURE_SIZE];
    evaluate(context, q);
    for (int32_t row = 0; row < q->count; row++) {
        const pal_level l = pal_level_at(m->schedule, q->time[row]);
        const size_t at = (size_t)row * (size_t)m->size;
        for (int32_t i = 0; i < m->size; i++) x[i] = (double)q->x[at + (size_t)i];
        product_row(m, &l, x, v + at, out + at);
    }
}

pal_noise_predictor mixture_predictor(mixture *m, bool products)
{
    return (pal_noise_predictor){.context = m,
                                 .size = m->size,
                                 .has_second_moment = true,
                                 .has_residual = true,
                                 .gammas = m->gamma[0] > 0.0 ? MIXTURE_GAMMAS : 0,
                                 .gamma = m->gamma,
                                 .evaluate = evaluate,
                                 .product = products ? product : NULL};
}

/* ---- drawing ---------------------------------------------------------------------------------------- */

void mixture_start(mixture_drawing *w, mixture *m, const pal_image_options *o, uint32_t first, int32_t count,
                   pal_normal_fn *normal, void *context)
{
    pal_arena arena = {0};
    *w = (mixture_drawing){.d = {.predictor = mixture_predictor(m, false),
                                 .schedule = m->schedule,
                                 .options = *o,
                                 .channels = 1,
                                 .first = first,
                                 .count = count,
                                 .normal = normal,
                                 .normal_context = context}};
    pal_denoise_layout(&w->d, &arena);
    w->block = malloc(arena.used + PAL_ARENA_SLACK);
    if (!w->block || arena.overflow) abort();
    memset(w->block, 0xa5, arena.used + PAL_ARENA_SLACK); /* reads of unwritten memory then give a wrong result */
    arena = pal_arena_in(w->block);
    pal_denoise_layout(&w->d, &arena);
    pal_denoise_start(&w->d);
}

void mixture_finish(mixture_drawing *w)
{
    while (pal_denoise_step(&w->d) == PAL_MORE) continue;
}

void mixture_free(mixture_drawing *w)
{
    free(w->block);
}

int mixture_by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The integral of |empirical - true| over a range that contains all samples, in steps of 0.005. */
double mixture_distance(const mixture *m, float *samples, int32_t count)
{
    const pal_level clean = {.alpha = 1.0};
    double sum = 0.0;
    int32_t below = 0;
    qsort(samples, (size_t)count, sizeof *samples, mixture_by_value);
    for (int32_t i = -2000; i < 2000; i++) {
        double x = (i + 0.5) * 0.005;
        while (below < count && (double)samples[below] < x) below++;
        sum += fabs((double)below / count - mixture_cumulative(m, &clean, x)) * 0.005;
    }
    return sum;
}
