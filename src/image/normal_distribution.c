/* normal_distribution.c - probabilities of intervals under the standard normal distribution, accurate in the far tails.
 *
 * phi is the density and M(x) = (probability above x) / phi(x) is Mills' ratio.  Small x use the series of the central
 * part (Abramowitz and Stegun 26.2.11), large x Laplace's continued fraction (26.2.14). */
#include "likelihood.h"
#include "../core/math.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for INFINITY */

#define LOG_TWO_PI 0x1.d67f1c864beb5p0

static double log_phi(double x)
{
    return -0.5 * (x * x + LOG_TWO_PI);
}

/* (probability of [0, x]) / phi(x) for 0 <= x <= 2.5. */
static double central_series(double x)
{
    double term = x, sum = x;
    for (int n = 1; n < 60; n++) {
        term *= x * x / (2 * n + 1);
        sum += term;
    }
    return sum;
}

/* x >= 0.  At 2.5 the series loses about two digits, and the continued fraction converges within 100 terms. */
static double mills(double x)
{
    if (x <= 2.5) return 0.5 * pal_exp(-log_phi(x)) - central_series(x);
    double below = x;
    for (int n = 100; n >= 1; n--) below = x + n / below;
    return 1.0 / below;
}

static double central(double x) /* the probability of [0, x] */
{
    if (x <= 2.5) return central_series(x) * pal_exp(log_phi(x));
    return x < INFINITY ? 0.5 - mills(x) * pal_exp(log_phi(x)) : 0.5;
}

double pal_log_normal_between(double a, double b)
{
    if (b <= 0.0) return pal_log_normal_between(-b, -a);
    if (a < 0.0) return pal_log(central(b) + central(-a));
    double rest = b < INFINITY ? mills(b) * pal_exp(0.5 * (a - b) * (a + b)) : 0.0;
    return log_phi(a) + pal_log(mills(a) - rest);
}
