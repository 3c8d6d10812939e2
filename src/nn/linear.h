/* linear.h - products with weight matrices of any type, and what adapters add to them (internal).
 *
 * An output is y = W x, to which s * (B (A x)) is added once where an adapter is attached and asked for, to which the
 * bias is added: in this order, each product accumulated as every product is (kernels.h), the factor s multiplied first,
 * then added, never fused.  A row's bits depend on that row alone, not on the rows beside it. */
#ifndef PAL_LINEAR_H
#define PAL_LINEAR_H

#include "../kernels/compute.h"

typedef struct pal_adapter pal_adapter;

/* Weights [rows, cols], in panels once pal_matrix_pack has been over them; rows % 8 rows at the end as in the
 * file.  cols is a multiple of the type's block. */
typedef struct {
    uint32_t type; /* pal_tensor_type, one that pal_weights_known knows */
    int rows, cols;
    const void *data;
    const float *bias;          /* [rows], added to every product; NULL: none */
    bool narrow;                /* as pal_product has it */
    const pal_adapter *adapter; /* what is added where it is asked for; NULL: none */
} pal_matrix;

/* A change of low rank to a matrix [rows, cols]: W + scale * B A (Hu et al., "LoRA", 2021). */
struct pal_adapter {
    pal_matrix a; /* [rank, cols] */
    pal_matrix b; /* [rows, rank]; biases and adapters of the two are not looked at */
    float scale;
};

/* ---- inputs ------------------------------------------------------------- */

/* Places (or measures) room for n rows of up to `widest` activations on their way into a product. */
void pal_quantized_layout(pal_quantized *scratch, size_t n, size_t widest, pal_arena *arena);

/* The same values from number `at` on, a multiple of 32. */
pal_quantized pal_quantized_from(const pal_quantized *q, size_t at);

enum { PAL_ADAPTED_ROWS = 32 }; /* taken together */

/* Scratch for what adapters add: of up to `rank`, to matrices of up to `rows`; nothing where rank is 0. */
typedef struct {
    float *low;              /* A x: [PAL_ADAPTED_ROWS, rank] */
    float *added;            /* B (A x): [PAL_ADAPTED_ROWS, rows] */
    pal_quantized quantized; /* as low */
} pal_adapter_scratch;

void pal_adapter_layout(pal_adapter_scratch *scratch, size_t rank, size_t rows, pal_arena *arena);

/* Rows on their way into products: as floats, and quantised at the first product whose weights need them so.  Several
 * matrices read one input.  It holds until x changes or another input is made on the same scratch. */
typedef struct {
    const float *x; /* [n, cols]; NULL: the quantised rows are all there is */
    int n, cols;
    const pal_quantized *scratch; /* for the rows quantised */
    bool quantized;               /* whether they are in it */
    int plain; /* rows at the front that adapters leave alone: all, unless pal_input_adapt is called */
    const pal_adapter_scratch *adapting; /* for the others */
} pal_input;

/* x [n, cols], plain; `scratch` has room for as much. */
pal_input pal_input_of(const pal_quantized *scratch, const float *x, int n, int cols);

/* Rows [n, cols] that are quantised already, plain; for quantised weights only. */
pal_input pal_input_quantized(const pal_quantized *rows, int n, int cols);

/* From now on adapters are added to the rows from `plain` on: one pass through the weights serves both kinds of rows. */
void pal_input_adapt(pal_input *in, int plain, const pal_adapter_scratch *scratch);

/* ---- products ----------------------------------------------------------- */

/* y [n, w.rows] := in [n, w.cols] times w, see above. */
void pal_linear(const pal_compute *compute, float *y, pal_input *in, const pal_matrix *w);

/* Puts w's data into the panels that products read, where they lie; `scratch` holds eight rows of the file's type. */
void pal_matrix_pack(pal_matrix *w, void *scratch);

/* Row `row` of w as f32: x[w.cols]; the row's bytes go through `scratch` of pal_row_bytes. */
void pal_matrix_row(float *x, const pal_matrix *w, int row, void *scratch);

#endif
