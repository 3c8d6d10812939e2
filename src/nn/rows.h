/* rows.h - norms, activations and other operations whose rows or elements do not depend on each other, divided among
 * the threads of the compute context (internal).  kernels.h defines the results. */
#ifndef PAL_ROWS_H
#define PAL_ROWS_H

#include "../kernels/compute.h"

/* For every row of x [n, dim]; y may be x. */
void pal_rows_rms_norm(const pal_compute *compute, float *y, const float *x, const float *gain, float eps, int n,
                       int dim);
void pal_rows_layer_norm(const pal_compute *compute, float *y, const float *x, const float *gain, const float *bias,
                         float eps, int n, int dim);

/* For x [count] or gate [count]. */
void pal_rows_swiglu(const pal_compute *compute, float *gate, const float *up, size_t count);
void pal_rows_gelu(const pal_compute *compute, float *x, size_t count);
void pal_rows_add(const pal_compute *compute, float *x, const float *y, size_t count);

/* x [count] in blocks of 32; count is a multiple of 32. */
void pal_rows_quantize(const pal_compute *compute, const pal_quantized *to, const float *x, size_t count);

#endif
