/* matmul_simd128.h - quantised products on panels with WebAssembly SIMD (internal to kernels/).
 *
 * A register holds pairs of columns of four rows in 16 bits, i32x4.dot_i16x8 multiplies and adds each pair: a lane
 * is an output, blocks are added to it in index order, and nothing is summed across.  Every second byte of a panel
 * is one shift or one mask away from 16 bits, which is why activations wait in the order 0, 2, 1, 3
 * (pal_quantized.wide).
 *
 * From four rows of activations on, a panel is widened once, into a tile that stays in the first-level cache, and
 * multiplied by tiles of four rows: 4 x 2 accumulators, two weights and one activation fit the 16 registers that
 * x86 has.  With fewer rows the weights are widened on their way, for that is read once and bound by memory.
 */
#ifndef PAL_MATMUL_SIMD128_H
#define PAL_MATMUL_SIMD128_H

#include "lanes.h"
#include "panels.h"

#if defined(PAL_HAVE_SIMD128)

#include <stdalign.h>

enum { PAIRS = PAL_BLOCK / 2, TILE_ROWS = 4, TILE_BLOCKS = 32, MOST_DIRECT = TILE_ROWS - 1 };

/* Weights of one panel, up to 1024 columns of them: 17 KB. */
typedef struct {
    alignas(16) int16_t q[TILE_BLOCKS][PAIRS][PAL_PANEL][2];
    alignas(16) float scale[TILE_BLOCKS][PAL_PANEL];
} wide_tile;

/* A block at work: dots for up to four rows of activations, by the low and the high four rows of weights. */
typedef struct {
    v128_t dot[TILE_ROWS][2];
    const int16_t *x[TILE_ROWS];
} block_at_work;

/* Adds pair `pair` of the low and the high four rows to the dots of every row of activations. */
PAL_INLINE void add_pairs(block_at_work *l, v128_t low, v128_t high, int pair, const int count)
{
    PAL_UNROLL for (int k = 0; k < count; k++)
    {
        v128_t x = wasm_v128_load32_splat(l->x[k] + 2 * pair);
        l->dot[k][0] = wasm_i32x4_add(l->dot[k][0], wasm_i32x4_dot_i16x8(low, x));
        l->dot[k][1] = wasm_i32x4_add(l->dot[k][1], wasm_i32x4_dot_i16x8(high, x));
    }
}

/* The sums so far: zero at first, later what the blocks before have left in y. */
PAL_INLINE void load_sums(v128_t sum[][2], const pal_product *p, int i, int row, int count, bool fresh)
{
    PAL_UNROLL for (int k = 0; k < count; k++)
    {
        const float *y = p->y + (size_t)(i + k) * p->y_stride + row;
        sum[k][0] = fresh ? wasm_f32x4_splat(0.0f) : wasm_v128_load(y);
        sum[k][1] = fresh ? wasm_f32x4_splat(0.0f) : wasm_v128_load(y + 4);
    }
}

PAL_INLINE void store_sums(v128_t sum[][2], const pal_product *p, int i, int row, int count)
{
    PAL_UNROLL for (int k = 0; k < count; k++)
    {
        float *y = p->y + (size_t)(i + k) * p->y_stride + row;
        wasm_v128_store(y, sum[k][0]);
        wasm_v128_store(y + 4, sum[k][1]);
    }
}

/* Starts the dots of a block from the activations' bias, so that weights without a sign come out right. */
PAL_INLINE void start_block(block_at_work *l, const pal_product *p, int i, size_t block, int bias_shift, int count)
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

/* sum += (float)dot * (weight scale * activation scale) */
PAL_INLINE void end_block(v128_t sum[][2], const block_at_work *l, const pal_product *p, int i, size_t block,
                          v128_t low_scale, v128_t high_scale, const int count)
{
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    PAL_UNROLL for (int k = 0; k < count; k++)
    {
        v128_t s = wasm_v128_load32_splat(p->xq->scale + (size_t)(i + k) * blocks + block);
        v128_t low = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(l->dot[k][0]), wasm_f32x4_mul(low_scale, s));
        v128_t high = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(l->dot[k][1]), wasm_f32x4_mul(high_scale, s));
        sum[k][0] = wasm_f32x4_add(sum[k][0], low);
        sum[k][1] = wasm_f32x4_add(sum[k][1], high);
    }
}

/* Rows i .. i + count of activations by a widened tile: blocks first .. first + blocks of eight rows from `row`. */
PAL_INLINE void tile_rows(const wide_tile *t, const pal_product *p, int bias_shift, int row, int first, int blocks,
                          int i, const int count)
{
    v128_t sum[TILE_ROWS][2];
    load_sums(sum, p, i, row, count, first == 0);
    for (int b = 0; b < blocks; b++) {
        block_at_work l;
        start_block(&l, p, i, (size_t)(first + b), bias_shift, count);
        PAL_ROLLED for (int pair = 0; pair < PAIRS; pair++)
        {
            v128_t low = wasm_v128_load(t->q[b][pair][0]), high = wasm_v128_load(t->q[b][pair][4]);
            add_pairs(&l, low, high, pair, count);
        }
        end_block(sum, &l, p, i, (size_t)(first + b), wasm_v128_load(t->scale[b]), wasm_v128_load(t->scale[b] + 4),
                  count);
    }
    store_sums(sum, p, i, row, count);
}

static inline void tile_all_rows(const wide_tile *t, const pal_product *p, int bias_shift, int row, int first,
                                 int blocks)
{
    int i = 0;
    for (; i + TILE_ROWS <= p->n; i += TILE_ROWS) tile_rows(t, p, bias_shift, row, first, blocks, i, TILE_ROWS);
    switch (p->n - i) {
    case 3: tile_rows(t, p, bias_shift, row, first, blocks, i, 3); break;
    case 2: tile_rows(t, p, bias_shift, row, first, blocks, i, 2); break;
    case 1: tile_rows(t, p, bias_shift, row, first, blocks, i, 1); break;
    default: break;
    }
}

#endif
#endif
