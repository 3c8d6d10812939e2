#include "fit.h"

#include "../core/math.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt */
#include <string.h>

enum { A = 0, W = PAL_FIT_HIDDEN, B = 2 * PAL_FIT_HIDDEN, LAST = 3 * PAL_FIT_HIDDEN };

static double tanh_of(double x)
{
    if (x > 350.0) return 1.0;
    return 1.0 - 2.0 / (1.0 + pal_exp(2.0 * x));
}

void pal_fit_start(pal_fit *f, double wide)
{
    memset(f, 0, sizeof *f);
    f->decay_first = f->decay_second = 1.0;
    for (int j = 0; j < PAL_FIT_HIDDEN; j++) {
        const double at = wide * (2.0 * (j + 0.5) / (double)PAL_FIT_HIDDEN - 1.0),
                     slope = (double)PAL_FIT_HIDDEN / (2.0 * wide);
        f->weight[W + j] = slope;
        f->weight[B + j] = -slope * at;
    }
}

double pal_fit_score(const pal_fit *f, double x)
{
    double sum = f->weight[LAST];
    for (int j = 0; j < PAL_FIT_HIDDEN; j++) sum += f->weight[A + j] * tanh_of(f->weight[W + j] * x + f->weight[B + j]);
    return sum;
}

/* Adds by_score ds/dweight + by_slope ds'/dweight. */
static void add_gradient(pal_fit *f, double x, double by_score, double by_slope)
{
    for (int j = 0; j < PAL_FIT_HIDDEN; j++) {
        const double a = f->weight[A + j], w = f->weight[W + j], h = tanh_of(w * x + f->weight[B + j]);
        const double d = 1.0 - h * h, bend = -2.0 * h * d; /* first and second derivative of tanh */
        f->gradient[A + j] += by_score * h + by_slope * w * d;
        f->gradient[W + j] += by_score * a * d * x + by_slope * (a * d + a * w * bend * x);
        f->gradient[B + j] += by_score * a * d + by_slope * a * w * bend;
    }
    f->gradient[LAST] += by_score;
}

void pal_fit_denoising(pal_fit *f, double x, double target)
{
    add_gradient(f, x, 2.0 * (pal_fit_score(f, x) - target), 0.0);
}

void pal_fit_sliced(pal_fit *f, double x)
{
    add_gradient(f, x, pal_fit_score(f, x), 1.0);
}

void pal_fit_move(pal_fit *f, double rate, int samples)
{
    f->decay_first *= 0.9;
    f->decay_second *= 0.999;
    for (int i = 0; i < PAL_FIT_WEIGHTS; i++) {
        const double g = f->gradient[i] / samples;
        f->first[i] = 0.9 * f->first[i] + 0.1 * g;
        f->second[i] = 0.999 * f->second[i] + 0.001 * g * g;
        const double mean = f->first[i] / (1.0 - f->decay_first), square = f->second[i] / (1.0 - f->decay_second);
        f->weight[i] -= rate * mean / (sqrt(square) + 1e-8);
        f->gradient[i] = 0.0;
    }
}
