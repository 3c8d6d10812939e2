#include "modes.h"

#include "../core/math.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt */

#define TWICE_PI 6.283185307179586

static double variance_of(const pal_modes *m, const pal_level *l, int k)
{
    return l->alpha * m->spread[k] * m->spread[k] + l->beta;
}

static double offset_of(const pal_modes *m, const pal_level *l, int k, double x)
{
    return x - sqrt(l->alpha) * m->mean[k];
}

/* log(weight density) of a component. */
static double log_part(const pal_modes *m, const pal_level *l, int k, double x)
{
    const double v = variance_of(m, l, k), off = offset_of(m, l, k, x);
    return pal_log(m->weight[k] / sqrt(TWICE_PI * v)) - off * off / (2.0 * v);
}

double pal_modes_density(const pal_modes *m, const pal_level *l, double x)
{
    return pal_exp(log_part(m, l, 0, x)) + pal_exp(log_part(m, l, 1, x));
}

void pal_modes_moments(const pal_modes *m, const pal_level *l, double x, double *eps, double *second)
{
    /* far out both parts are 0: only their quotient counts */
    double ahead = log_part(m, l, 1, x) - log_part(m, l, 0, x);
    if (ahead > 700.0) ahead = 700.0;
    const double first = 1.0 / (1.0 + pal_exp(ahead)), share[2] = {first, 1.0 - first};
    *eps = *second = 0.0;
    for (int k = 0; k < 2; k++) {
        const double v = variance_of(m, l, k), e = sqrt(l->beta) * offset_of(m, l, k, x) / v;
        *eps += share[k] * e;
        *second += share[k] * (e * e + (v - l->beta) / v);
    }
}

double pal_modes_draw(const pal_modes *m, double u, double z)
{
    const int k = u >= m->weight[0];
    return m->mean[k] + m->spread[k] * z;
}

static void evaluate(void *context, const pal_noise_query *q)
{
    const pal_modes *m = context;
    pal_level l = {.time = -1.0};
    for (int32_t row = 0; row < q->count; row++) {
        double eps, second;
        if (!row || q->time[row] < l.time || q->time[row] > l.time) l = pal_level_at(m->schedule, q->time[row]);
        pal_modes_moments(m, &l, (double)q->x[row], &eps, &second);
        q->eps[row] = (float)eps;
        /* E[(eps - mean)^2] is what a residual head learns if the mean is exact */
        if (q->head == PAL_HEAD_RESIDUAL) second -= eps * eps;
        if (q->head != PAL_HEAD_NONE) q->second[row] = (float)second;
    }
}

pal_noise_predictor pal_modes_predictor(pal_modes *m)
{
    return (pal_noise_predictor){.context = m,
                                 .size = 1,
                                 .has_second_moment = true,
                                 .has_residual = true,
                                 .gammas = m->gammas,
                                 .gamma = m->gamma,
                                 .evaluate = evaluate};
}
