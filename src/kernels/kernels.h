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
 *   block adds (float)(exact integer dot) * (weight scale * activation scale); parts of a block that have scales
 *   of their own do so each, in index order, and a minimum adds (float)(exact sum of the activations' integers) *
 *   (minimum * activation scale) behind its part;
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
    PAL_ISA_RELAXED = 1 << 2, /* WebAssembly relaxed SIMD, always beside SIMD128 */
    PAL_ISA_VNNI = 1 << 3,    /* AVX-512 VNNI on 256-bit registers, always beside AVX2 */
    PAL_ISA_ALL = ~0
};

#define PAL_BLOCK 32 /* elements in a block of Q8_0, Q4_0 and of quantised activations */
#define PAL_PANEL 8  /* rows of weights, or keys, that lie together: see panels.h */

/* Activations [n, cols] quantised in blocks of 32.  What a set of kernels reads of it, its quantize writes. */
typedef struct {
    int8_t *q;     /* [n, cols], -127..127 */
    float *scale;  /* [n, cols / 32] */
    int32_t *bias; /* [n, cols / 32]: minus 8 times the sum of a block's integers */
    int16_t *wide; /* [n, cols]: q in 16 bits, columns of every four in the order 0, 2, 1, 3; only as WebAssembly */
} pal_quantized;

/* y[n, rows] = x[n, cols] * w^T. */
typedef struct {
    float *y;                /* y_stride floats from one row to the next */
    size_t y_stride;         /* at least rows */
    const float *x;          /* what float weights are multiplied with */
    const pal_quantized *xq; /* what quantised weights are multiplied with */
    const void *w;           /* [rows, cols] in panels, rows % 8 rows at the end as in the file */
    int n, rows, cols;
    uint32_t type; /* of w; only matmul_parts asks */
    /* Q8_0 whose integers are -31..31, as far as they lie in panels: see matmul_q8_0.c; the result is the same with and
     * without. */
    bool narrow;
} pal_product;

typedef void pal_matmul_fn(const pal_product *p);

/* What a row of attention sees of the places: those below `below` that are in `set`, and its own.  At least one. */
typedef struct {
    int below;
    const uint8_t *set; /* place j is bit j % 8 of byte j / 8, up to the byte of below - 1; NULL: all */
    int own;            /* the place where the row's own key and value stand, whatever k and v have there; -1: none */
} pal_seen;

/* Attention of n rows to keys and values that lie at their places; head h reads key head h / (heads / kv_heads).  A
 * score is the dot of q and k, accumulated in index order, times scale, plus the bias.  Softmax: the maximum is
 * subtracted, exponentials by pal_expf, summed in 8 lanes by place, each multiplied by 1.0f / sum; y accumulates
 * weight * v in order of place.  Places that a row does not see count for nothing, whatever lies there: a row's bits
 * depend on what it sees, not on what else there is.  Strides are in floats; a call may take some of the heads or of the
 * rows, by pointers to the first of them. */
typedef struct {
    float *y;                   /* [n, heads, head_dim], rows y_stride apart; overlaps nothing */
    const float *q;             /* the same, q_stride apart */
    const float *k;             /* [kv_heads, capacity / 8, head_dim, 8], heads k_stride apart: see panels.h */
    const float *v;             /* [places, kv_heads, head_dim], places v_stride and heads v_head apart */
    const float *own_k, *own_v; /* [n, kv_heads, head_dim], rows own_stride apart: of rows that have an own place */
    const float *bias;          /* [heads, n, places], heads bias_head and rows bias_row apart; NULL: none */
    float *scores;              /* scratch of the call, [PAL_ATTENTION_ROWS, capacity] */
    const pal_seen *seen;       /* [n] */
    size_t y_stride, q_stride, k_stride, v_stride, v_head, own_stride, bias_head, bias_row;
    int n, heads, kv_heads;
    int head_dim; /* a multiple of 8, but for the reference */
    int capacity; /* a multiple of 8, and above all places that are seen.  Panels of keys are read whole if one is */
    float scale;
} pal_attention;

#define PAL_ATTENTION_ROWS 4 /* rows taken together; scratch holds this many rows of scores */

typedef struct {
    unsigned isa; /* what the entries were picked from */
    /* x [count], count = n * cols, a multiple of 32.  A scale is amax / 127, q is x * (127 / amax) rounded to
     * even.  A block whose amax is below 2^-100 counts as zeros: scale 0, q 0.  A block with a value that is
     * not finite gets such a scale, and some q: every product with it shows that. */
    void (*quantize)(const pal_quantized *to, const float *x, size_t count);
    pal_matmul_fn *matmul_q8_0, *matmul_q4_0, *matmul_f32, *matmul_f16;
    pal_matmul_fn *matmul_bf16, *matmul_parts; /* parts: Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, by p->type */
    /* Row by row of x [n, dim]: s = pal_rsqrtf(sum / dim + eps) with the 8-lane sum of squares,
     * y[i] = (x[i] * s) * gain[i]; y may be x. */
    void (*rms_norm)(float *y, const float *x, const float *gain, float eps, int n, int dim);
    /* Row by row of x [n, dim]: m = sum / dim, s = pal_rsqrtf(sum of (x[i] - m)^2 / dim + eps), sums in 8 lanes,
     * y[i] = ((x[i] - m) * s) * gain[i] + bias[i]; y may be x. */
    void (*layer_norm)(float *y, const float *x, const float *gain, const float *bias, float eps, int n, int dim);
    /* Rotates consecutive pairs (a, b) of every head to (a cos - b sin, a sin + b cos):
     * x [n, heads * head_dim], cosine and sine [n, head_dim / 2], head_dim even. */
    void (*rope)(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim);
    /* The same of elements i and i + head_dim / 2. */
    void (*rope_halves)(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim);
    /* gate[i] = (gate[i] / (1 + pal_expf(-gate[i]))) * up[i] */
    void (*swiglu)(float *gate, const float *up, size_t count);
    /* x[i] = x[i] / (1 + pal_expf(-(x[i] * (x[i] * x[i] * PAL_GELU_CUBE + PAL_GELU_LINE)))) */
    void (*gelu)(float *x, size_t count);
    void (*add)(float *x, const float *y, size_t count); /* x[i] += y[i] */
    void (*attention)(const pal_attention *a);
    /* x[i] = half[i] */
    void (*expand_f16)(float *x, const uint16_t *half, size_t count);
    /* Blocks of Q8_0 of `lanes` (1 or 8) tokens side by side: x[d, lane] = q[d, lane] * scale[lane], d below dims. */
    void (*expand_q8_0)(float *x, const int8_t *q, const uint16_t *scale, int dims, int lanes);

    /* What only networks of pictures use; pal_kernels_add_pictures fills it.  x, y [n, dim]; y may be x. */
    void (*column_sums)(float *sum, const float *x, int n, int dim); /* sum[c] of x[i][c] over i, in order */
    /* sum[c] of (x[i][c] - mean[c])^2 over i, in order */
    void (*column_squares)(float *sum, const float *x, const float *mean, int n, int dim);
    /* y[i][c] = v = x[i][c] * factor[c] + addend[c], and v / (1 + pal_expf(-v)) */
    void (*scale_shift)(float *y, const float *x, const float *factor, const float *addend, int n, int dim);
    void (*scale_shift_silu)(float *y, const float *x, const float *factor, const float *addend, int n, int dim);
    void (*silu)(float *x, size_t count); /* x[i] = x[i] / (1 + pal_expf(-x[i])) */
} pal_kernels;

/* 2 sqrt(2 / pi), and that times 0.044715: GELU in its tanh form, 0.5 x (1 + tanh u), is x / (1 + e^-2u). */
#define PAL_GELU_LINE 0x1.988454p+0f
#define PAL_GELU_CUBE 0x1.2444f2p-4f

unsigned pal_cpu_isa(void);             /* what this machine can run */
const char *pal_isa_name(unsigned isa); /* "scalar", "simd128", "relaxed", "avx2", "avx512vnni": the best in the mask */

/* Fills *k with the best variant of each kernel out of `allowed`. */
void pal_kernels_init(pal_kernels *k, unsigned allowed);

/* The entries for pictures, for k->isa; by itself, so that a program for texts alone does not carry them. */
void pal_kernels_add_pictures(pal_kernels *k);

bool pal_weights_known(uint32_t type); /* whether there are products with weights of this type */
bool pal_weights_float(uint32_t type); /* whether they multiply activations as they are: F32, F16, BF16 */
pal_matmul_fn *pal_matmul_of(const pal_kernels *k, uint32_t type); /* NULL: none */

/* One function a kernel file: sets its entries for k->isa. */
void pal_pick_quantize(pal_kernels *k);
void pal_pick_matmul_q8_0(pal_kernels *k);
void pal_pick_matmul_q4_0(pal_kernels *k);
void pal_pick_matmul_float(pal_kernels *k);
void pal_pick_matmul_bf16(pal_kernels *k);
void pal_pick_matmul_parts(pal_kernels *k);
void pal_pick_norm(pal_kernels *k);
void pal_pick_layer_norm(pal_kernels *k);
void pal_pick_rope(pal_kernels *k);
void pal_pick_rope_halves(pal_kernels *k);
void pal_pick_activation(pal_kernels *k);
void pal_pick_gelu(pal_kernels *k);
void pal_pick_attention(pal_kernels *k);
void pal_pick_expand(pal_kernels *k);

/* Weights of one type to f32: x [count], count a number of whole blocks. */
void pal_dequantize(float *x, const void *w, uint32_t type, size_t count);

/* And back, as llama.cpp's reference quantisers do it.  false: a type other than these four, a broken block,
 * or a value (F16) or scale (Q8_0, Q4_0) that is not finite as a half float; then w is untouched.  F32 is copied. */
bool pal_quantize_weights(void *w, const float *x, uint32_t type, size_t count);

#endif
