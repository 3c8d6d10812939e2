/* linear.h - a product with a weight matrix of any type (internal). */
#ifndef PAL_LINEAR_H
#define PAL_LINEAR_H

#include "../kernels/compute.h"

/* Places (or measures) room for n rows of up to `widest` activations on their way into a product. */
void pal_quantized_layout(pal_quantized *room, size_t n, size_t widest, pal_arena *arena);

/* y[n, w.rows] = x[n, w.cols] * w^T + w.bias.  With `fresh` x is quantised into *room first (if w needs it), without
 * it *room still holds x from the call before: several matrices read one input. */
void pal_linear(const pal_compute *compute, float *y, const float *x, const pal_matrix *w, int n,
                const pal_quantized *room, bool fresh);

/* Puts w's data into the panels that products read, where they lie; `room` holds eight rows of the file's type. */
void pal_matrix_pack(pal_matrix *w, void *room);

/* Row `row` of w as f32: x[w.cols]; the row's bytes go through `room` of pal_row_bytes. */
void pal_matrix_row(float *x, const pal_matrix *w, int row, void *room);

#endif
