/* matmul_simd128.h - quantised products on panels with WebAssembly SIMD (internal to kernels/).
 *
 * A register holds pairs of columns of four rows in 16 bits; i32x4.dot_i16x8 multiplies and adds each pair.  So a lane
 * is an output, blocks are added to it in index order, and lanes are never summed.  One shift or mask extracts every
 * second byte of a panel to 16 bits; this is why activations are stored in the order 0, 2, 1, 3 (pal_quantized.wide).
 *
 * Four rows of activations at a time are multiplied by tiles of weights.  A weight tile is four panels by up to 256
 * columns, widened (with their sign restored) once for all rows, 17 KB.  An activation tile is the same columns of the
 * four rows side by side, 2 KB.  Both fit in a first-level cache of 32 KB, and both are read with constant offsets from
 * one address. 4 x 2 sums, two weights and one activation fit the 16 registers of x86.
 *
 * For fewer rows the weights are widened as they are loaded, without a tile: memory bandwidth is the limit then. */
#ifndef PAL_MATMUL_SIMD128_H
#define PAL_MATMUL_SIMD128_H

#include "lanes.h"
#include "panels.h"

#if defined(PAL_HAVE_SIMD128)

#include <stdalign.h>

enum { PAL_TILE_PAIRS = PAL_BLOCK / 2, PAL_TILE_ROWS = 4, PAL_TILE_PANELS = 4, PAL_TILE_BLOCKS = 8 };

typedef struct {
    alignas(16) int16_t q[PAL_TILE_PANELS][PAL_TILE_BLOCKS][PAL_TILE_PAIRS][PAL_PANEL][2];
    alignas(16) float scale[PAL_TILE_PANELS][PAL_TILE_BLOCKS][PAL_PANEL];
} pal_weight_tile;

typedef struct {
    alignas(16) int16_t q[PAL_TILE_BLOCKS][PAL_TILE_PAIRS][PAL_TILE_ROWS][2];
    float scale[PAL_TILE_BLOCKS][PAL_TILE_ROWS];
} pal_activation_tile;

/* How a format fills a tile: up to PAL_TILE_BLOCKS blocks of one panel. */
typedef void pal_widen_fn(pal_weight_tile *t, int panel, const unsigned char *from, int blocks);

/* Loads the sums so far: zero at first, later what earlier blocks have left in y. */
PAL_INLINE void pal_load_sums_simd128(v128_t sum[][2], const pal_product *p, int i, int row, int count, bool from_zero)
{
    PAL_UNROLL for (int k = 0; k < count; k++)
    {
        const float *y = p->y + (size_t)(i + k) * p->y_stride + row;
        sum[k][0] = from_zero ? wasm_f32x4_splat(0.0f) : wasm_v128_load(y);
        sum[k][1] = from_zero ? wasm_f32x4_splat(0.0f) : wasm_v128_load(y + 4);
    }
}

PAL_INLINE void pal_store_sums_simd128(v128_t sum[][2], const pal_product *p, int i, int row, int count)
{
    PAL_UNROLL for (int k = 0; k < count; k++)
    {
        float *y = p->y + (size_t)(i + k) * p->y_stride + row;
        wasm_v128_store(y, sum[k][0]);
        wasm_v128_store(y + 4, sum[k][1]);
    }
}

/* sum += (float)dot * (weight scale * activation scale), for one row of activations. */
PAL_INLINE void pal_add_block_simd128(v128_t sum[2], const v128_t dot[2], const v128_t weight_scale[2],
                                      const float *scale)
{
    v128_t s = wasm_v128_load32_splat(scale);
    v128_t low = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(dot[0]), wasm_f32x4_mul(weight_scale[0], s));
    v128_t high = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(dot[1]), wasm_f32x4_mul(weight_scale[1], s));
    sum[0] = wasm_f32x4_add(sum[0], low);
    sum[1] = wasm_f32x4_add(sum[1], high);
}

/* ---- tiles -------------------------------------------------------------- */

/* Copies blocks first .. first + blocks of rows i .. i + 3 of the activations. */
static inline void pal_fill_activation_tile(pal_activation_tile *t, const pal_product *p, int i, int first, int blocks)
{
    const size_t stride = (size_t)p->cols / PAL_BLOCK, at = (size_t)i * stride + (size_t)first;
    for (int b = 0; b < blocks; b++) {
        for (int pair = 0; pair < PAL_TILE_PAIRS; pair += 4) {
            v128_t row[PAL_TILE_ROWS];
            PAL_UNROLL for (size_t k = 0; k < PAL_TILE_ROWS; k++) row[k] =
                wasm_v128_load(p->xq->wide + (at + k * stride + (size_t)b) * PAL_BLOCK + 2 * pair);
            pal_transpose_simd128(row);
            PAL_UNROLL for (int k = 0; k < PAL_TILE_ROWS; k++) wasm_v128_store(t->q[b][pair + k], row[k]);
        }
        PAL_UNROLL for (size_t k = 0; k < PAL_TILE_ROWS; k++) t->scale[b][k] =
            p->xq->scale[at + k * stride + (size_t)b];
    }
}

/* Adds the tiles' product to the outputs of rows i .. i + 3 of the activations, eight rows of weights from `row`. */
static inline void pal_multiply_tiles(const pal_weight_tile *t, int panel, const pal_activation_tile *x,
                                      const pal_product *p, int row, int i, int blocks, bool from_zero)
{
    v128_t sum[PAL_TILE_ROWS][2];
    pal_load_sums_simd128(sum, p, i, row, PAL_TILE_ROWS, from_zero);
    const int16_t *w = t->q[panel][0][0][0], *a = x->q[0][0][0];
    for (int b = 0; b < blocks; b++) {
        v128_t dot[PAL_TILE_ROWS][2];
        PAL_UNROLL for (int k = 0; k < PAL_TILE_ROWS; k++) dot[k][0] = dot[k][1] = wasm_i32x4_splat(0);
        PAL_ROLLED for (int pair = 0; pair < PAL_TILE_PAIRS; pair++, w += 2 * PAL_PANEL, a += 2 * PAL_TILE_ROWS)
        {
            v128_t low = wasm_v128_load(w), high = wasm_v128_load(w + PAL_PANEL);
            PAL_UNROLL for (int k = 0; k < PAL_TILE_ROWS; k++)
            {
                v128_t v = wasm_v128_load32_splat(a + 2 * k);
                dot[k][0] = wasm_i32x4_add(dot[k][0], wasm_i32x4_dot_i16x8(low, v));
                dot[k][1] = wasm_i32x4_add(dot[k][1], wasm_i32x4_dot_i16x8(high, v));
            }
        }
        const v128_t scale[2] = {wasm_v128_load(t->scale[panel][b]), wasm_v128_load(t->scale[panel][b] + 4)};
        PAL_UNROLL for (int k = 0; k < PAL_TILE_ROWS; k++)
            pal_add_block_simd128(sum[k], dot[k], scale, &x->scale[b][k]);
    }
    pal_store_sums_simd128(sum, p, i, row, PAL_TILE_ROWS);
}

/* Multiplies all panels by the first n - n % 4 rows of activations. */
PAL_INLINE void pal_run_tiles(const pal_product *p, size_t block_bytes, pal_widen_fn *widen)
{
    pal_weight_tile t;
    pal_activation_tile x;
    const int blocks = p->cols / PAL_BLOCK, panels = p->rows / PAL_PANEL;
    const size_t panel_bytes = (size_t)blocks * block_bytes;
    for (int panel = 0; panel < panels; panel += PAL_TILE_PANELS)
        for (int first = 0; first < blocks; first += PAL_TILE_BLOCKS) {
            const int some = blocks - first < PAL_TILE_BLOCKS ? blocks - first : PAL_TILE_BLOCKS;
            const int wide = panels - panel < PAL_TILE_PANELS ? panels - panel : PAL_TILE_PANELS;
            const unsigned char *from = (const unsigned char *)p->w + (size_t)first * block_bytes;
            for (int j = 0; j < wide; j++) widen(&t, j, from + (size_t)(panel + j) * panel_bytes, some);
            for (int i = 0; i + PAL_TILE_ROWS <= p->n; i += PAL_TILE_ROWS) {
                pal_fill_activation_tile(&x, p, i, first, some);
                for (int j = 0; j < wide; j++)
                    pal_multiply_tiles(&t, j, &x, p, (panel + j) * PAL_PANEL, i, some, first == 0);
            }
        }
}

/* ---- few rows ----------------------------------------------------------- */

/* The dots of one block: up to three rows of activations with the low and the high four rows of weights. */
typedef struct {
    v128_t dot[PAL_TILE_ROWS][2];
    const int16_t *x[PAL_TILE_ROWS];
} pal_block_sums;

/* Starts with the activations' bias, which corrects for weights stored without a sign. */
PAL_INLINE void pal_start_block_simd128(pal_block_sums *l, const pal_product *p, int i, size_t block, int bias_shift,
                                        int count)
{
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    PAL_UNROLL for (int k = 0; k < count; k++)
    {
        const size_t at = (size_t)(i + k) * blocks + block;
        v128_t bias = wasm_v128_load32_splat(p->xq->bias + at);
        l->x[k] = p->xq->wide + at * PAL_BLOCK;
        l->dot[k][0] = l->dot[k][1] = wasm_i32x4_shl(bias, bias_shift);
    }
}

/* Adds pair `pair` for the low and the high four rows. */
PAL_INLINE void pal_add_pairs_simd128(pal_block_sums *l, v128_t low, v128_t high, int pair, const int count)
{
    PAL_UNROLL for (int k = 0; k < count; k++)
    {
        v128_t x = wasm_v128_load32_splat(l->x[k] + 2 * pair);
        l->dot[k][0] = wasm_i32x4_add(l->dot[k][0], wasm_i32x4_dot_i16x8(low, x));
        l->dot[k][1] = wasm_i32x4_add(l->dot[k][1], wasm_i32x4_dot_i16x8(high, x));
    }
}

/* block_scales: the panel's block, which starts with its scales. */
PAL_INLINE void pal_end_block_simd128(v128_t sum[][2], pal_block_sums *l, const pal_product *p, int i, size_t block,
                                      const unsigned char *block_scales, const int count)
{
    v128_t scale[2];
    pal_load_f16_simd128(scale, block_scales);
    PAL_UNROLL for (int k = 0; k < count; k++) pal_add_block_simd128(
        sum[k], l->dot[k], scale, p->xq->scale + (size_t)(i + k) * ((size_t)p->cols / PAL_BLOCK) + block);
}

#endif
#endif
