/* kernels.h - the table of numeric kernels a model runs on (internal).
 *
 * Every entry has one portable reference, named *_ref, that defines what the operation means down to the
 * last bit; every other variant returns the same bits, and tests/test_kernels.c says `==`.  Kernels trust
 * their arguments (shapes were checked when the model was opened; all counts are at least 1), allocate
 * nothing, keep no state, never fail.  Pointers need no alignment beyond that of their type.  Infinities and
 * NaNs in weights or activations are harmless, but which NaN comes out is not promised.
 *
 * The arithmetic (ARCHITECTURE.md, Numbers):
 * - an output element of a product is accumulated in index order; multiply, then add, never fused;
 * - quantised weights: activations are quantised per block of 32 (scale amax / 127, ties to even), and each
 *   block adds (float)(exact integer dot) * (weight scale * activation scale);
 * - every sum starts from +0;
 * - sums along a row run in 8 lanes (element i belongs to lane i mod 8, elements in order), and the lanes
 *   are then combined as ((0+4) + (2+6)) + ((1+5) + (3+7)). */
#ifndef PAL_KERNELS_H
#define PAL_KERNELS_H

#include "../core/core.h"

/* Instruction sets, combined as a mask. */
enum {
    PAL_ISA_REF = 0,
    PAL_ISA_SIMD128 = 1 << 0, /* WebAssembly fixed-width SIMD */
    PAL_ISA_AVX2 = 1 << 1,    /* with F16C */
    PAL_ISA_ALL = ~0
};

#define PAL_BLOCK 32 /* elements in a block of Q8_0, Q4_0 and of quantised activations */

/* Weights as they lie in the file: [rows, cols], rows one after the other.
 * Q8_0: blocks of { f16 scale; int8 q[32] }.  Q4_0: { f16 scale; uint8 q[16] }, value (nibble - 8) * scale,
 * low nibbles are elements 0..15.  cols is a multiple of 32 for both.  data need not be aligned. */
typedef struct {
    uint32_t type; /* pal_tensor_type: F32, F16, Q8_0 or Q4_0 */
    int rows, cols;
    const void *data;
} pal_matrix;

/* y[n, rows] = x[n, cols] * w^T for float weights. */
typedef void pal_matmul_float_fn(float *y, const float *x, const void *w, int n, int rows, int cols);
/* The same for quantised weights: xq [n, cols] in -127..127, xs [n, cols / 32], both from quantize. */
typedef void pal_matmul_quant_fn(float *y, const int8_t *xq, const float *xs, const void *w, int n, int rows, int cols);

/* Attention of n_q queries over n_k keys; grouped heads: query head h reads key head h / (heads / kv_heads).
 *   q, y  [n_q, heads * head_dim]        k, v  [n_k, kv_heads * head_dim]       scores  [n_k] of scratch
 * A score is the 8-lane dot of q and k, times scale.  Query i sees all keys, or with causal the keys
 * 0 .. first + i, of which the last is below n_k.  Softmax: the maximum is subtracted, exponentials by
 * pal_expf, summed in 8 lanes by key, each multiplied by 1.0f / sum; y accumulates weight * v in key order.
 * head_dim is a multiple of 8.  y overlaps nothing. */
typedef struct {
    int n_q, n_k, heads, kv_heads, head_dim;
    bool causal;
    int first; /* position of the first query among the keys */
    float scale;
} pal_attention_shape;

typedef struct {
    unsigned isa; /* what the entries were picked from */
    /* x [count] -> q [count] in -127..127, scale [count / 32]; count = n * cols, a multiple of 32.  A scale
     * is amax / 127, q is x * (127 / amax) rounded to even.  A block whose amax is below 2^-100 counts as
     * zeros: scale 0, q 0.  Values that are not finite are harmless: they give some q. */
    void (*quantize)(int8_t *q, float *scale, const float *x, size_t count);
    pal_matmul_quant_fn *matmul_q8_0, *matmul_q4_0;
    pal_matmul_float_fn *matmul_f32, *matmul_f16;
    /* Row by row of x [n, dim]: s = pal_rsqrtf(sum / dim + eps) with the 8-lane sum of squares,
     * y[i] = (x[i] * s) * gain[i]; y may be x. */
    void (*rms_norm)(float *y, const float *x, const float *gain, float eps, int n, int dim);
    /* Rotates consecutive pairs (a, b) of every head to (a cos - b sin, a sin + b cos):
     * x [n, heads * head_dim], cosine and sine [n, head_dim / 2], head_dim even. */
    void (*rope)(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim);
    /* gate[i] = (gate[i] / (1 + pal_expf(-gate[i]))) * up[i] */
    void (*swiglu)(float *gate, const float *up, size_t count);
    void (*add)(float *x, const float *y, size_t count); /* x[i] += y[i] */
    void (*attention)(float *y, const float *q, const float *k, const float *v, float *scores,
                      const pal_attention_shape *shape);
} pal_kernels;

unsigned pal_cpu_isa(void);             /* what this machine can run */
const char *pal_isa_name(unsigned isa); /* "scalar", "simd128", "avx2": the best in the mask */

/* Fills *k with the best variant of each kernel out of `allowed`. */
void pal_kernels_init(pal_kernels *k, unsigned allowed);

/* One function a kernel file: sets its entries for k->isa. */
void pal_pick_quantize(pal_kernels *k);
void pal_pick_matmul_q8_0(pal_kernels *k);
void pal_pick_matmul_q4_0(pal_kernels *k);
void pal_pick_matmul_float(pal_kernels *k);
void pal_pick_norm(pal_kernels *k);
void pal_pick_rope(pal_kernels *k);
void pal_pick_activation(pal_kernels *k);
void pal_pick_attention(pal_kernels *k);

/* Weights of one type to f32: x [count], count a number of whole blocks. */
void pal_dequantize(float *x, const void *w, uint32_t type, size_t count);

/* And back, as llama.cpp's reference quantisers do it.  false: a type other than these four, a broken block,
 * or a value (F16) or scale (Q8_0, Q4_0) that is not finite as a half float; then w is untouched.  F32 is copied. */
bool pal_quantize_weights(void *w, const float *x, uint32_t type, size_t count);

#endif
