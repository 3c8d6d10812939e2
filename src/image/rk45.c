/* rk45.c - Dormand and Prince's pair, with a separate step for every picture.
 *
 * Step control: the error is the root mean square of (difference between the two orders) / (tolerance (1 + |x|)).  The
 * next step is the current one times 0.9 error^(-1/5), limited to between 1/5 and 5 times, and to at most 1 time after
 * a rejection.  A step of 1e-3 is accepted with any error.  This bounds the number of evaluations (l changes by about
 * 10 in total), and in single precision the error of a smaller step is mostly rounding.  The maximum step is 1: near
 * pure noise the state hardly moves, and a larger step would skip the levels at which the picture takes shape. */
#include "rk45.h"
#include "../core/math.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt and fabs */

#define MIN_STEP      1e-3
#define GREATEST_STEP 1.0
#define FIRST_STEP    0.1

static const double node[PAL_RK45_STAGES] = {0.0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1.0, 1.0};

/* The last row is the fifth-order solution; its derivative is the first one of the next step. */
static const double weight[PAL_RK45_STAGES][PAL_RK45_STAGES - 1] = {
    {0.0},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0.0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
};

/* Fifth order minus fourth order. */
static const double difference[PAL_RK45_STAGES] = {71.0 / 57600,      0.0,        -71.0 / 16695, 71.0 / 1920,
                                                   -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

void pal_flow_start(pal_flow_clock *c, const pal_schedule *s, bool up)
{
    const pal_level noise = pal_level_at(s, 1.0), clean = pal_level_at(s, s->min_time);
    double low = pal_level_snr(&noise), high = pal_level_snr(&clean);
    *c = (pal_flow_clock){.at = up ? high : low, .end = up ? low : high, .step = up ? -FIRST_STEP : FIRST_STEP};
    if (fabs(c->step) > fabs(c->end - c->at)) c->step = c->end - c->at;
}

pal_level pal_flow_level(const pal_flow_clock *c, const pal_schedule *s)
{
    return pal_level_of_snr(s, c->at + node[c->stage] * c->step);
}

void pal_flow_state(const pal_flow_clock *c, const float *x, const float *k, int32_t size, float *state)
{
    const double *w = weight[c->stage];
    for (int32_t i = 0; i < size; i++) {
        double sum = 0.0;
        for (int32_t j = 0; j < c->stage && j < PAL_RK45_STAGES - 1; j++)
            sum += w[j] * (double)k[(size_t)j * (size_t)size + (size_t)i];
        state[i] = (float)((double)x[i] + c->step * sum);
    }
}

void pal_flow_rate(const pal_level *level, const float *x, const float *eps, int32_t size, float *k)
{
    double root = sqrt(level->beta);
    for (int32_t i = 0; i < size; i++) k[i] = (float)(level->beta * (double)x[i] - root * (double)eps[i]);
}

double pal_flow_change(const pal_flow_clock *c, const double *rate)
{
    double sum = 0.0;
    for (int32_t j = 0; j < PAL_RK45_STAGES - 1; j++) sum += weight[PAL_RK45_STAGES - 1][j] * rate[j];
    return c->step * sum;
}

double pal_flow_slip(const pal_flow_clock *c, const double *rate)
{
    double sum = 0.0;
    for (int32_t j = 0; j < PAL_RK45_STAGES; j++) sum += difference[j] * rate[j];
    return c->step * sum;
}

static double error_of(const pal_flow_clock *c, const float *x, const float *state, const float *k, int32_t size,
                       double tolerance)
{
    double squares = 0.0;
    for (int32_t i = 0; i < size; i++) {
        double sum = 0.0, from = fabs((double)x[i]), to = fabs((double)state[i]);
        for (int32_t j = 0; j < PAL_RK45_STAGES; j++)
            sum += difference[j] * (double)k[(size_t)j * (size_t)size + (size_t)i];
        double e = c->step * sum / (tolerance * (1.0 + (from > to ? from : to)));
        squares += e * e;
    }
    return sqrt(squares / size);
}

static void go_on(pal_flow_clock *c, double error, bool accepted)
{
    double factor = error > 0.0 ? 0.9 * pal_pow(error, -0.2) : 5.0;
    factor = factor < 0.2 ? 0.2 : factor > 5.0 ? 5.0 : factor;
    if (factor != factor) factor = 0.2; /* the prediction is NaN */
    if (c->rejected && accepted && factor > 1.0) factor = 1.0;
    c->rejected = !accepted;
    c->step *= factor;
    if (fabs(c->step) > GREATEST_STEP) c->step = c->step < 0.0 ? -GREATEST_STEP : GREATEST_STEP;
    if (fabs(c->step) > fabs(c->end - c->at)) c->step = c->end - c->at;
    c->stage = 1;
}

bool pal_flow_judge(pal_flow_clock *c, float *x, const float *state, float *k, int32_t size, double tolerance,
                    double other)
{
    double error = error_of(c, x, state, k, size, tolerance), way = fabs(c->end - c->at);
    if (other > error) error = other;
    bool last = fabs(c->step) >= way;
    bool accepted = error <= 1.0 || fabs(c->step) <= MIN_STEP;
    if (accepted) {
        c->at = last ? c->end : c->at + c->step;
        c->arrived = last;
        for (int32_t i = 0; i < size; i++) {
            x[i] = state[i];
            k[i] = k[(size_t)(PAL_RK45_STAGES - 1) * (size_t)size + (size_t)i];
        }
    }
    go_on(c, error, accepted);
    return accepted;
}
