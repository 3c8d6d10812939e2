/* linear.c - products with weight matrices: quantises inputs if needed, adds adapters and biases. */
#include "linear.h"
#include "../kernels/panels.h"

/* ---- inputs ------------------------------------------------------------- */

void pal_quantized_layout(pal_quantized *scratch, size_t n, size_t widest, pal_arena *arena)
{
    const size_t blocks = widest / PAL_BLOCK + 1;
    *scratch = (pal_quantized){0};
    scratch->q = pal_take2(arena, n, blocks, PAL_BLOCK * sizeof *scratch->q);
    scratch->scale = pal_take2(arena, n, blocks, sizeof *scratch->scale);
    scratch->bias = pal_take2(arena, n, blocks, sizeof *scratch->bias);
#if defined(__wasm__)
    scratch->wide = pal_take2(arena, n, blocks, PAL_BLOCK * sizeof *scratch->wide);
#endif
}

pal_quantized pal_quantized_from(const pal_quantized *q, size_t at)
{
    return (pal_quantized){.q = q->q + at,
                           .scale = q->scale + at / PAL_BLOCK,
                           .bias = q->bias + at / PAL_BLOCK,
                           .wide = q->wide ? q->wide + at : NULL};
}

void pal_adapter_layout(pal_adapter_scratch *scratch, size_t rank, size_t rows, pal_arena *arena)
{
    *scratch = (pal_adapter_scratch){0};
    if (!rank) return;
    scratch->low = pal_take2(arena, PAL_ADAPTED_ROWS, rank, sizeof *scratch->low);
    scratch->added = pal_take2(arena, PAL_ADAPTED_ROWS, rows, sizeof *scratch->added);
    pal_quantized_layout(&scratch->quantized, PAL_ADAPTED_ROWS, rank, arena);
}

pal_input pal_input_of(const pal_quantized *scratch, const float *x, int n, int cols)
{
    return (pal_input){.x = x, .n = n, .cols = cols, .scratch = scratch, .plain = n};
}

pal_input pal_input_quantized(const pal_quantized *rows, int n, int cols)
{
    return (pal_input){.n = n, .cols = cols, .scratch = rows, .quantized = true, .plain = n};
}

void pal_input_adapt(pal_input *in, int plain, const pal_adapter_scratch *scratch)
{
    PAL_ASSERT(plain >= 0 && plain <= in->n);
    in->plain = plain;
    in->adapting = scratch;
}

/* ---- products ----------------------------------------------------------- */

static void quantize(const pal_compute *compute, pal_input *in)
{
    if (in->quantized) return;
    compute->kernels->quantize(in->scratch, in->x, (size_t)in->n * (size_t)in->cols);
    in->quantized = true;
}

/* Computes y [n, w.rows] from rows first .. first + n of the input. */
static void multiply(const pal_compute *compute, float *y, pal_input *in, int first, int n, const pal_matrix *w)
{
    const size_t from = (size_t)first * (size_t)in->cols;
    const bool floats = pal_weights_float(w->type);
    pal_quantized rows = {0};
    PAL_ASSERT(in->cols == w->cols && (in->x || !floats));
    if (!floats) {
        quantize(compute, in);
        rows = pal_quantized_from(in->scratch, from);
    }
    const pal_product p = {.y = y,
                           .y_stride = (size_t)w->rows,
                           .x = floats ? in->x + from : NULL,
                           .xq = &rows,
                           .w = w->data,
                           .n = n,
                           .rows = w->rows,
                           .cols = w->cols,
                           .type = w->type,
                           .narrow = w->narrow};
    pal_matmul_of(compute->kernels, w->type)(&p);
}

/* Adds scale * (B (A x)) to y [n, rows] for the rows that request adapters. */
static void adapt(const pal_compute *compute, float *y, pal_input *in, const pal_adapter *by)
{
    const pal_adapter_scratch *s = in->adapting;
    const size_t rows = (size_t)by->b.rows;
    PAL_ASSERT(in->plain == in->n ||
               (s && s->low)); /* the adapter was attached before the scratch memory was laid out */
    for (int first = in->plain; first < in->n; first += PAL_ADAPTED_ROWS) {
        const int n = in->n - first < PAL_ADAPTED_ROWS ? in->n - first : PAL_ADAPTED_ROWS;
        float *to = y + (size_t)first * rows;
        multiply(compute, s->low, in, first, n, &by->a);
        pal_input low = pal_input_of(&s->quantized, s->low, n, by->a.rows);
        multiply(compute, s->added, &low, 0, n, &by->b);
        for (size_t i = 0; i < (size_t)n * rows; i++) to[i] += by->scale * s->added[i];
    }
}

void pal_linear(const pal_compute *compute, float *y, pal_input *in, const pal_matrix *w)
{
    multiply(compute, y, in, 0, in->n, w);
    if (w->adapter) adapt(compute, y, in, w->adapter);
    for (int i = 0; w->bias && i < in->n; i++)
        compute->kernels->add(y + (size_t)i * (size_t)w->rows, w->bias, (size_t)w->rows);
}

void pal_matrix_pack(pal_matrix *w, void *scratch)
{
    pal_panels_pack((void *)(uintptr_t)w->data, w->type, w->rows, w->cols, scratch);
    w->narrow = pal_panels_narrow(w->data, w->type, w->rows, w->cols);
}

void pal_matrix_row(float *x, const pal_matrix *w, int row, void *scratch)
{
    pal_panels_row(scratch, w->data, w->type, w->rows, w->cols, row);
    pal_dequantize(x, scratch, w->type, (size_t)w->cols);
}
