/* linear.h - a product with a weight matrix of any type (internal). */
#ifndef PAL_LINEAR_H
#define PAL_LINEAR_H

#include "../kernels/kernels.h"

/* Room for activations quantised on their way into a product. */
typedef struct {
    int8_t *q;    /* [n, cols] */
    float *scale; /* [n, cols / 32] */
} pal_quantized;

/* y[n, w.rows] = x[n, w.cols] * w^T.  With `fresh` x is quantised into *room first (if w needs it), without
 * it *room still holds x from the call before: several matrices read one input. */
void pal_linear(const pal_kernels *k, float *y, const float *x, const pal_matrix *w, int n, pal_quantized *room,
                bool fresh);

/* Row `row` of w as f32: x[w.cols]. */
void pal_matrix_row(float *x, const pal_matrix *w, int row);

#endif
