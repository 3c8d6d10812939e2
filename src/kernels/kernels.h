/* kernels.h - the table of numeric kernels that a model runs on (internal).
 *
 * Every entry has one portable reference, named *_ref, which defines the result bit by bit.  Every other variant
 * returns the same bits; tests/test_kernels*.c compare them with `==`.  Kernels trust their arguments (shapes were
 * checked when the model was opened; all counts are at least 1), allocate nothing, keep no state and never fail.
 * Pointers need no alignment beyond that of their type.  Infinities and NaNs in weights or activations are harmless,
 * but which NaN results is unspecified.
 *
 * The arithmetic (ARCHITECTURE.md, Numbers):
 * - an output element of a product is accumulated in index order; multiply, then add, never fused;
 * - quantised weights: activations are quantised per block of 32 (scale amax / 127, ties to even), and each
 *   block adds (float)(exact integer dot) * (weight scale * activation scale); if parts of a block have their own
 *   scales, each part adds its term, in index order; a minimum then adds (float)(exact sum of the activations'
 *   integers) * (minimum * activation scale) after the term of its part;
 * - every sum starts from +0;
 * - sums along a row run in 8 lanes (element i belongs to lane i mod 8, elements in order), and the lanes
 *   are then combined as ((0+4) + (2+6)) + ((1+5) + (3+7)). */
#ifndef PAL_KERNELS_H
#define PAL_KERNELS_H

#include "../core/core.h"

/* Instruction sets, as bits of a mask. */
enum {
    PAL_ISA_REF = 0,
    PAL_ISA_SIMD128 = 1 << 0, /* WebAssembly fixed-width SIMD; on ARM the same kernels with NEON */
    PAL_ISA_AVX2 = 1 << 1,    /* with F16C */
    PAL_ISA_RELAXED = 1 << 2, /* WebAssembly relaxed SIMD, always together with SIMD128 */
    PAL_ISA_VNNI = 1 << 3,    /* AVX-512 VNNI on 256-bit registers, always together with AVX2 */
    PAL_ISA_ALL = ~0
};

#define PAL_BLOCK 32 /* elements in a block of Q8_0, Q4_0 and of quantised activations */
#define PAL_PANEL 8  /* rows of weights, or keys, that are interleaved: see panels.h */

/* Activations [n, cols] quantised in blocks of 32.  The quantize kernel writes the fields that the products of the same
 * instruction set read. */
typedef struct {
    int8_t *q;     /* [n, cols], -127..127 */
    float *scale;  /* [n, cols / 32] */
    int32_t *bias; /* [n, cols / 32]: minus 8 times the sum of a block's integers */
    int16_t *wide; /* [n, cols]: q in 16 bits, with every four columns in the order 0, 2, 1, 3; only for simd128 */
} pal_quantized;

/* y[n, rows] = x[n, cols] * w^T. */
typedef struct {
    float *y;                /* y_stride floats from one row to the next */
    size_t y_stride;         /* at least rows */
    const float *x;          /* multiplied with float weights */
    const pal_quantized *xq; /* multiplied with quantised weights */
    const void *w;           /* [rows, cols] in panels, the last rows % 8 rows as in the file */
    int n, rows, cols;
    uint32_t type; /* of w; only matmul_parts uses it */
    /* whether w is Q8_0 and all integers in its panels are -31..31: see matmul_q8_0.c.  The result is the same. */
    bool narrow;
} pal_product;

typedef void pal_matmul_fn(const pal_product *p);

/* The places that a row of attention sees: those below `below` that are in `set`, and its own place.  At least one. */
typedef struct {
    const uint8_t *set; /* place j is bit j % 8 of byte j / 8, up to the byte of place below - 1; NULL: all */
    int below;
    int own; /* the place where the row uses its own key and value instead of those in k and v; -1: none */
} pal_seen;

/* Attention of n rows to keys and values, which are stored by place.  Head h uses key head h / (heads / kv_heads).  A
 * score is the dot product of q and k, accumulated in index order, times scale, plus the bias.  Softmax subtracts the
 * maximum, takes exponentials with pal_expf, sums them in 8 lanes by place, and multiplies each by 1.0f / sum. y
 * accumulates weight * v in order of place.  Places that a row does not see have no effect, whatever they contain: a
 * row's bits depend only on what it sees.  Strides are in floats.  A call may compute only some of the heads or rows:
 * pass pointers to the first of them. */
typedef struct {
    float *y;                   /* [n, heads, head_dim], rows y_stride apart; overlaps nothing */
    const float *q;             /* as y, rows q_stride apart */
    const float *k;             /* [kv_heads, capacity / 8, head_dim, 8], heads k_stride apart: see panels.h */
    const float *v;             /* [places, kv_heads, head_dim], places v_stride and heads v_head apart */
    const float *own_k, *own_v; /* [n, kv_heads, head_dim], rows own_stride apart; only for rows with an own place */
    const float *bias;          /* [heads, n, places], heads bias_head and rows bias_row apart; NULL: none */
    float *scores;              /* scratch of the call, [PAL_ATTENTION_ROWS, capacity] */
    const pal_seen *seen;       /* [n] */
    size_t y_stride, q_stride, k_stride, v_stride, v_head, own_stride, bias_head, bias_row;
    int n, heads, kv_heads;
    int head_dim; /* a multiple of 8, except for the reference */
    int capacity; /* a multiple of 8, and larger than any place that is seen; a panel with a seen key is read whole */
    float scale;
} pal_attention;

#define PAL_ATTENTION_ROWS 4 /* rows computed together; scratch memory holds this many rows of scores */

typedef struct {
    unsigned isa; /* the instruction sets that the entries were chosen for */
    /* x [count], count = n * cols, a multiple of 32.  A scale is amax / 127, q is x * (127 / amax) rounded to even.  A
     * block whose amax is below 2^-100 becomes zeros: scale 0, q 0.  If a value of a block is not finite, neither is
     * the scale, and q is unspecified: every product with the block is then not finite. */
    void (*quantize)(const pal_quantized *to, const float *x, size_t count);
    pal_matmul_fn *matmul_q8_0, *matmul_q4_0, *matmul_f32, *matmul_f16;
    pal_matmul_fn *matmul_bf16, *matmul_parts; /* parts: Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, by p->type */
    /* For every row of x [n, dim]: s = pal_rsqrtf(sum / dim + eps), where sum is the 8-lane sum of squares; y[i] =
     * (x[i] * s) * gain[i]. y may be x. */
    void (*rms_norm)(float *y, const float *x, const float *gain, float eps, int n, int dim);
    /* For every row of x [n, dim]: m = sum / dim, s = pal_rsqrtf(sum of (x[i] - m)^2 / dim + eps), sums in 8 lanes;
     * y[i] = ((x[i] - m) * s) * gain[i] + bias[i]. y may be x. */
    void (*layer_norm)(float *y, const float *x, const float *gain, const float *bias, float eps, int n, int dim);
    /* Rotates consecutive pairs (a, b) of every head to (a cos - b sin, a sin + b cos):
     * x [n, heads * head_dim], cosine and sine [n, head_dim / 2], head_dim even. */
    void (*rope)(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim);
    /* The same for pairs of elements i and i + head_dim / 2. */
    void (*rope_halves)(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim);
    /* gate[i] = (gate[i] / (1 + pal_expf(-gate[i]))) * up[i] */
    void (*swiglu)(float *gate, const float *up, size_t count);
    /* x[i] = x[i] / (1 + pal_expf(-(x[i] * (x[i] * x[i] * PAL_GELU_CUBE + PAL_GELU_LINE)))) */
    void (*gelu)(float *x, size_t count);
    void (*add)(float *x, const float *y, size_t count); /* x[i] += y[i] */
    void (*attention)(const pal_attention *a);
    /* x[i] = half[i] */
    void (*expand_f16)(float *x, const uint16_t *half, size_t count);
    /* Expands Q8_0 blocks of `lanes` (1 or 8) interleaved tokens: x[d, lane] = q[d, lane] * scale[lane], d < dims. */
    void (*expand_q8_0)(float *x, const int8_t *q, const uint16_t *scale, int dims, int lanes);

    /* Only picture networks use the rest; pal_kernels_add_pictures sets it. x, y [n, dim]; y may be x. */
    void (*column_sums)(float *sum, const float *x, int n, int dim); /* sum[c] = sum of x[i][c] over i, in order */
    /* sum[c] = sum of (x[i][c] - mean[c])^2 over i, in order */
    void (*column_squares)(float *sum, const float *x, const float *mean, int n, int dim);
    /* y[i][c] = v, where v = x[i][c] * factor[c] + addend[c]; the second: v / (1 + pal_expf(-v)) */
    void (*scale_shift)(float *y, const float *x, const float *factor, const float *addend, int n, int dim);
    void (*scale_shift_silu)(float *y, const float *x, const float *factor, const float *addend, int n, int dim);
    void (*silu)(float *x, size_t count); /* x[i] = x[i] / (1 + pal_expf(-x[i])) */
} pal_kernels;

/* 2 sqrt(2 / pi), and the same times 0.044715: GELU in its tanh form, 0.5 x (1 + tanh u), equals x / (1 + e^-2u). */
#define PAL_GELU_LINE 0x1.988454p+0f
#define PAL_GELU_CUBE 0x1.2444f2p-4f

unsigned pal_cpu_isa(void);             /* the instruction sets of this machine */
const char *pal_isa_name(unsigned isa); /* "scalar", "simd128", "relaxed", "avx2", "avx512vnni": the best in the mask */

/* Fills *k with the best variant of each kernel that `allowed` permits. */
void pal_kernels_init(pal_kernels *k, unsigned allowed);

/* Sets the entries for pictures, for k->isa.  It is separate so that a program only for texts does not contain them. */
void pal_kernels_add_pictures(pal_kernels *k);

bool pal_weights_known(uint32_t type); /* whether products with weights of this type exist */
bool pal_weights_float(uint32_t type); /* whether they use unquantised activations: F32, F16, BF16 */
pal_matmul_fn *pal_matmul_of(const pal_kernels *k, uint32_t type); /* NULL: none */

/* Whether kernels of an instruction set are chosen for k->isa.  The engines for the browser have the kernels of
 * PAL_ALWAYS only (CMakeLists.txt): they run with nothing less, so the references are not downloaded. */
static inline bool pal_uses(const pal_kernels *k, unsigned isa)
{
#if defined(PAL_ALWAYS)
    if (isa & PAL_ALWAYS) return true;
#endif
    return k->isa & isa;
}

/* One function per kernel file: sets its entries for k->isa. */
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

/* Converts weights of one type to f32: x [count], count a whole number of blocks. */
void pal_dequantize(float *x, const void *w, uint32_t type, size_t count);

/* The reverse, as llama.cpp's reference quantisers do it, for F32 (copied), F16, Q8_0 and Q4_0.  It returns false, and
 * leaves w unchanged, for another type, an incomplete block, or a value (F16) or scale (Q8_0, Q4_0) that is not finite
 * as a half float. */
bool pal_quantize_weights(void *w, const float *x, uint32_t type, size_t count);

#endif
