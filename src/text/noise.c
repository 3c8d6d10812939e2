/* noise.c - schedules, transition probabilities and rates of discrete diffusion. */
#include "noise.h"
#include "../core/math.h"

/* ---- small arguments -------------------------------------------------------------------------------- */

/* Kahan's forms: the rounding error of exp or of 1 + x is in both factors, and cancels. */
double pal_expm1(double x)
{
    const double u = pal_exp(x), difference = u - 1.0;
    if (!(u < 1.0) && !(u > 1.0)) return x;
    if (x > 40.0 || x < -40.0) return difference;
    return difference * x / pal_log(u);
}

double pal_log1p(double x)
{
    const double u = 1.0 + x;
    if (!(u < 1.0) && !(u > 1.0)) return x;
    return pal_log(u) * x / (u - 1.0);
}

/* ---- schedules -------------------------------------------------------------------------------------- */

double pal_noise_sigma(const pal_noise *n, double t)
{
    if (n->schedule == PAL_NOISE_LOG_LINEAR) return -pal_log1p(-(1.0 - n->epsilon) * t);
    return n->sigma_min * pal_pow(n->sigma_max / n->sigma_min, t);
}

double pal_noise_rate(const pal_noise *n, double t)
{
    if (n->schedule == PAL_NOISE_LOG_LINEAR) return (1.0 - n->epsilon) / (1.0 - (1.0 - n->epsilon) * t);
    return pal_noise_sigma(n, t) * pal_log(n->sigma_max / n->sigma_min);
}

double pal_noise_share(double sigma)
{
    return -pal_expm1(-sigma);
}

double pal_noise_of_share(double share)
{
    return -pal_log1p(-share);
}

double pal_noise_told(const pal_noise *n, double sigma)
{
    const double first = pal_noise_sigma(n, PAL_NOISE_FIRST), last = pal_noise_sigma(n, 1.0);
    return sigma > first ? (sigma < last ? sigma : last) : first; /* also for infinity */
}

double pal_noise_log_divisor(const pal_noise *n, double sigma, int32_t vocab)
{
    return n->scaled ? pal_log(pal_expm1(sigma)) + pal_log(vocab - 1.0) : 0.0;
}

/* ---- transitions ------------------------------------------------------------------------------------ */

double pal_noise_transition(const pal_noise *n, double sigma, int32_t from, int32_t to)
{
    const double kept = pal_exp(-sigma), replaced = pal_noise_share(sigma);
    if (n->graph == PAL_GRAPH_UNIFORM) return (from == to ? kept : 0.0) + replaced / n->states;
    if (from == n->mask) return to == n->mask ? 1.0 : 0.0;
    return from == to ? kept : to == n->mask ? replaced : 0.0;
}

double pal_noise_forward(const pal_noise *n, int32_t from, int32_t to)
{
    if (n->graph == PAL_GRAPH_UNIFORM) return 1.0 / n->states;
    return from != n->mask && to == n->mask ? 1.0 : 0.0;
}

double pal_noise_reverse(const pal_noise *n, int32_t from, int32_t to, double score)
{
    return score * pal_noise_forward(n, to, from);
}
