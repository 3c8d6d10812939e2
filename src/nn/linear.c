/* linear.c - products with weight matrices: quantises inputs if needed, adds adapters and biases. */
#include "linear.h"
#include "../kernels/lanes.h"
#include "../kernels/panels.h"
#include "rows.h"

/* ---- inputs ------------------------------------------------------------- */

void pal_quantized_layout(pal_quantized *scratch, size_t n, size_t widest, pal_arena *arena)
{
    const size_t blocks = widest / PAL_BLOCK + 1;
    *scratch = (pal_quantized){0};
    scratch->q = pal_take2(arena, n, blocks, PAL_BLOCK * sizeof *scratch->q);
    scratch->scale = pal_take2(arena, n, blocks, sizeof *scratch->scale);
    scratch->bias = pal_take2(arena, n, blocks, sizeof *scratch->bias);
#if defined(PAL_HAVE_SIMD128)
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
    pal_rows_quantize(compute, in->scratch, in->x, (size_t)in->n * (size_t)in->cols);
    in->quantized = true;
}

/* The product of w with rows first .. first + n of the input, which are quantised if w needs it: `rows` refers to them. */
static pal_product product_of(float *y, const pal_input *in, int first, int n, const pal_matrix *w, pal_quantized *rows)
{
    const size_t from = (size_t)first * (size_t)in->cols;
    const bool floats = pal_weights_float(w->type);
    PAL_ASSERT(in->cols == w->cols && (in->x || !floats));
    *rows = floats ? (pal_quantized){0} : pal_quantized_from(in->scratch, from);
    return (pal_product){.y = y,
                         .y_stride = (size_t)w->rows,
                         .x = floats ? in->x + from : NULL,
                         .xq = rows,
                         .w = w->data,
                         .n = n,
                         .rows = w->rows,
                         .cols = w->cols,
                         .type = w->type,
                         .narrow = w->narrow};
}

/* Several products with the same rows of an input, divided into tiles of TILE_ROWS rows of weights. */
enum { TILE_ROWS = 16 }; /* two panels */

typedef struct {
    const pal_compute *compute;
    const pal_input *in;
    const pal_output *out;
    int first, n, count; /* rows of the input; products */
} products;

static int tiles_of(const pal_matrix *w)
{
    return (w->rows + TILE_ROWS - 1) / TILE_ROWS;
}

/* Computes tiles from .. to of one product. */
static void multiply_part(const products *j, const pal_output *out, int from, int to)
{
    pal_quantized rows;
    pal_product p = product_of(out->y, j->in, j->first, j->n, out->w, &rows);
    const int row = from * TILE_ROWS, end = to < tiles_of(out->w) ? to * TILE_ROWS : p.rows;
    p.w = (const unsigned char *)p.w + (size_t)row * pal_row_bytes(p.type, p.cols);
    p.y += row;
    p.rows = end - row;
    pal_matmul_of(j->compute->kernels, p.type)(&p);
}

static void multiply_tiles(void *context, int from, int to, int thread)
{
    const products *j = context;
    (void)thread;
    for (int i = 0, start = 0; i < j->count && start < to; start += tiles_of(j->out[i++].w)) {
        const int tiles = tiles_of(j->out[i].w), low = from > start ? from - start : 0;
        const int high = to - start < tiles ? to - start : tiles;
        if (low < high) multiply_part(j, &j->out[i], low, high);
    }
}

/* Computes out[i].y [n, out[i].w.rows] from rows first .. first + n of the input. */
static void multiply(const pal_compute *compute, pal_input *in, int first, int n, const pal_output *out, int count)
{
    size_t rows = 0;
    int tiles = 0;
    for (int i = 0; i < count; i++) {
        rows += (size_t)out[i].w->rows;
        tiles += tiles_of(out[i].w);
        if (!pal_weights_float(out[i].w->type)) quantize(compute, in);
    }
    products j = {compute, in, out, first, n, count};
    pal_team *team = pal_compute_team(compute, rows * (size_t)in->cols * (size_t)n);
    if (team) {
        pal_team_run(team, multiply_tiles, &j, tiles);
        return;
    }
    for (int i = 0; i < count; i++) {
        pal_quantized quantized;
        const pal_product p = product_of(out[i].y, in, first, n, out[i].w, &quantized);
        pal_matmul_of(compute->kernels, p.type)(&p);
    }
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
        multiply(compute, in, first, n, &(pal_output){s->low, &by->a}, 1);
        pal_input low = pal_input_of(&s->quantized, s->low, n, by->a.rows);
        multiply(compute, &low, 0, n, &(pal_output){s->added, &by->b}, 1);
        for (size_t i = 0; i < (size_t)n * rows; i++) to[i] += by->scale * s->added[i];
    }
}

typedef struct {
    const pal_compute *compute;
    const pal_output *out;
} biased;

static void add_bias(void *context, int from, int to, int thread)
{
    const biased *j = context;
    const size_t rows = (size_t)j->out->w->rows;
    (void)thread;
    for (int i = from; i < to; i++) j->compute->kernels->add(j->out->y + (size_t)i * rows, j->out->w->bias, rows);
}

void pal_linear_all(const pal_compute *compute, pal_input *in, const pal_output *out, int count)
{
    multiply(compute, in, 0, in->n, out, count);
    for (const pal_output *o = out; o < out + count; o++) {
        if (o->w->adapter) adapt(compute, o->y, in, o->w->adapter);
        if (!o->w->bias) continue;
        pal_team *team = pal_compute_team(compute, 2 * (size_t)in->n * (size_t)o->w->rows);
        pal_team_run(team, add_bias, &(biased){compute, o}, in->n);
    }
}

void pal_linear(const pal_compute *compute, float *y, pal_input *in, const pal_matrix *w)
{
    pal_linear_all(compute, in, &(pal_output){y, w}, 1);
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
