/* linear.h - products with weight matrices of any type, and low-rank adapters (internal).
 *
 * An output is y = W x.  If an adapter is attached and requested for the row, s * (B (A x)) is added; then the bias is
 * added, in this order.  Each product is accumulated like every product (kernels.h); s is multiplied first, then the
 * result is added, never fused.  A row's bits depend only on that row, not on the other rows. */
#ifndef PAL_LINEAR_H
#define PAL_LINEAR_H

#include "../kernels/compute.h"

typedef struct pal_adapter pal_adapter;

/* Weights [rows, cols]; after pal_matrix_pack in panels, with the last rows % 8 rows as in the file. cols is a multiple
 * of the type's block. */
typedef struct {
    uint32_t type; /* a pal_tensor_type for which pal_weights_known is true */
    int rows, cols;
    const void *data;
    const float *bias;          /* [rows], added to every product; NULL: none */
    bool narrow;                /* as in pal_product */
    const pal_adapter *adapter; /* added to the rows that request it; NULL: none */
} pal_matrix;

/* A low-rank change to a matrix [rows, cols]: W + scale * B A (Hu et al., "LoRA", 2021). */
struct pal_adapter {
    pal_matrix a; /* [rank, cols] */
    pal_matrix b; /* [rows, rank]; biases and adapters of a and b are ignored */
    float scale;
};

/* ---- inputs ------------------------------------------------------------- */

/* Places (or measures) scratch memory for n quantised rows of up to `widest` activations. */
void pal_quantized_layout(pal_quantized *scratch, size_t n, size_t widest, pal_arena *arena);

/* The same values from index `at` on; `at` is a multiple of 32. */
pal_quantized pal_quantized_from(const pal_quantized *q, size_t at);

enum { PAL_ADAPTED_ROWS = 32 }; /* rows computed together */

/* Scratch memory for adapters of rank up to `rank`, for matrices of up to `rows` rows; empty if rank is 0. */
typedef struct {
    float *low;              /* A x: [PAL_ADAPTED_ROWS, rank] */
    float *added;            /* B (A x): [PAL_ADAPTED_ROWS, rows] */
    pal_quantized quantized; /* `low`, quantised */
} pal_adapter_scratch;

void pal_adapter_layout(pal_adapter_scratch *scratch, size_t rank, size_t rows, pal_arena *arena);

/* Input rows of products.  They are floats; the first product whose weights need it also quantises them.  Several
 * matrices can use one input.  It is valid until x changes or another input is made with the same scratch memory. */
typedef struct {
    const float *x; /* [n, cols]; NULL: only the quantised rows exist */
    int n, cols;
    const pal_quantized *scratch; /* for the quantised rows */
    bool quantized;               /* whether the rows in `scratch` are filled */
    int plain; /* number of rows at the front that adapters do not change; n unless pal_input_adapt is called */
    const pal_adapter_scratch *adapting; /* scratch memory for the other rows */
} pal_input;

/* An input x [n, cols] without adapters; `scratch` must have space for it. */
pal_input pal_input_of(const pal_quantized *scratch, const float *x, int n, int cols);

/* An input of rows [n, cols] that are already quantised, without adapters; only for quantised weights. */
pal_input pal_input_quantized(const pal_quantized *rows, int n, int cols);

/* Requests adapters for the rows from `plain` on.  One pass over the weights computes both kinds of rows. */
void pal_input_adapt(pal_input *in, int plain, const pal_adapter_scratch *scratch);

/* ---- products ----------------------------------------------------------- */

/* Computes y [n, w.rows] from in [n, w.cols] as described above.  Threads share the work by rows of w. */
void pal_linear(const pal_compute *compute, float *y, pal_input *in, const pal_matrix *w);

typedef struct {
    float *y; /* [n, w.rows] */
    const pal_matrix *w;
} pal_output;

/* The same for several matrices with one input: threads are woken once for all of them. */
void pal_linear_all(const pal_compute *compute, pal_input *in, const pal_output *out, int count);

/* Rearranges w's data into panels, in place; `scratch` holds eight rows of the file's type. */
void pal_matrix_pack(pal_matrix *w, void *scratch);

/* Converts row `row` of w to f32: x[w.cols]; `scratch` holds pal_row_bytes. */
void pal_matrix_row(float *x, const pal_matrix *w, int row, void *scratch);

#endif
