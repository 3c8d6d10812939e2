/* mixture.h - mixtures of Gaussians, whose noise can be predicted in closed form, as networks of pictures.
 *
 * A component has a weight, a mean for every element and one standard deviation s.  At a noise level its distribution
 * is normal with mean sqrt(alpha) m and variance v = alpha s^2 + beta, and E[eps | x, component] = sqrt(beta) (x -
 * sqrt(alpha) m) / v with variance alpha s^2 / v.  All computations use double and core/math.h, so tests may compare
 * bits between targets.
 *
 * Used by the tests of image samplers; does not use cmocka, which is included once per program. */
#ifndef MIXTURE_H
#define MIXTURE_H

#include "image/denoise.h"

enum { MIXTURE_COMPONENTS = 4, MIXTURE_SIZE = 64, MIXTURE_GAMMAS = 1000 };

typedef struct {
    int32_t size, components;
    double weight[MIXTURE_COMPONENTS], mean[MIXTURE_COMPONENTS][MIXTURE_SIZE], spread[MIXTURE_COMPONENTS];
    const pal_schedule *schedule;
    double wrong; /* adds `wrong` sin(3 x) to the predicted noise: an imperfect mean, for NPR */
    double gamma[MIXTURE_GAMMAS];
    int64_t states;      /* predicted so far */
    int32_t evaluations; /* calls so far */
} mixture;

/* The data of the reference checks C15 to C17: weights 0.3 and 0.7, means -2 and 1, spreads 0.2 and 0.4. */
mixture mixture_reference(const pal_schedule *s);
mixture mixture_gaussian(const pal_schedule *s, int32_t size, double mean, double spread);
/* Two modes of many elements: weight of the first, means -+ far in all elements. */
mixture mixture_two(const pal_schedule *s, int32_t size, double weight, double far, double spread);

double mixture_density(const mixture *m, const pal_level *l, const double *x); /* log of it */
double mixture_cumulative(const mixture *m, const pal_level *l, double x);     /* of element 0 */
double mixture_draw(const mixture *m, double u, double z, int32_t element, int32_t *component);
/* eps[size] := E[eps | x], second[size] := E[eps^2 | x]. */
void mixture_moments(const mixture *m, const pal_level *l, const double *x, double *eps, double *second);

/* Fills m->gamma by quadrature; size must be 1. */
void mixture_measure_gamma(mixture *m);
/* A predictor with both heads, the table if it was measured, and forward-mode products if requested. */
pal_noise_predictor mixture_predictor(mixture *m, bool products);

/* ---- drawing ---- */

/* A drawing with its memory; mixture_start measures and allocates, mixture_free frees. */
typedef struct {
    pal_denoise d;
    void *block;
} mixture_drawing;

void mixture_start(mixture_drawing *w, mixture *m, const pal_image_options *o, uint32_t first, int32_t count,
                   pal_normal_fn *normal, void *context);
void mixture_finish(mixture_drawing *w); /* to the end */
void mixture_free(mixture_drawing *w);

/* For qsort: floats in ascending order. */
int mixture_by_value(const void *a, const void *b);
/* Wasserstein-1 distance between the samples (sorted on return) and element 0 of the data. */
double mixture_distance(const mixture *m, float *samples, int32_t count);

#endif
