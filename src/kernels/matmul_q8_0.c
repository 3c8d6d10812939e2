/* matmul_q8_0.c - 8-bit activations by 8-bit weights, in blocks of 32 with one scale each.
 *
 * Weights can be any of -128..127 (files from other programs may use all), activations are -127..127.  Panels store
 * weight + 128, so the products subtract 128 times the sum of the activations: they add b << 4, where b = -8 * sum. */
#include "matmul_avx2.h"
#include "matmul_simd128.h"

enum { BIAS_SHIFT = 4 };

/* ---- reference ---------------------------------------------------------- */

/* |dot| <= 32 * 128 * 127 = 520192: exact as int32 and as float. */
PAL_REFERENCE static int32_t dot_row(const unsigned char *block, const int8_t *x)
{
    int32_t dot = 0;
    for (int i = 0; i < PAL_BLOCK; i++) dot += (int8_t)block[PAL_SCALE_BYTES + i] * x[i];
    return dot;
}

/* Adds the dots of a panel's block, for eight rows side by side. */
PAL_REFERENCE static void dot_panel(int32_t dot[PAL_PANEL], const unsigned char *block, const int8_t *x)
{
    const unsigned char *q = block + PAL_SCALES_BYTES;
    for (int g = 0; g < PAL_BLOCK; g += 4)
        for (int r = 0; r < PAL_PANEL; r++, q += 4)
            for (int c = 0; c < 4; c++) dot[r] += (q[c] - 128) * x[g + c];
}

PAL_REFERENCE static void multiply_panel(const pal_product *p, const unsigned char *block, int row, int i)
{
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    const int8_t *x = p->xq->q + (size_t)i * (size_t)p->cols;
    const float *xs = p->xq->scale + (size_t)i * blocks;
    float *y = p->y + (size_t)i * p->y_stride + row;
    for (int r = 0; r < PAL_PANEL; r++) y[r] = 0.0f;
    for (size_t b = 0; b < blocks; b++, x += PAL_BLOCK, block += PAL_Q8_0_PANEL_BYTES) {
        int32_t dot[PAL_PANEL] = {0};
        dot_panel(dot, block, x);
        for (int r = 0; r < PAL_PANEL; r++)
            y[r] += (float)dot[r] * (pal_block_scale(block + (size_t)r * PAL_SCALE_BYTES) * xs[b]);
    }
}

typedef int32_t dot_fn(const unsigned char *block, const int8_t *x);

/* Computes the rows after the last panel, which are stored as in the file. */
__attribute__((always_inline)) static inline void multiply_rest(const pal_product *p, dot_fn *dot)
{
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    for (int i = 0; i < p->n; i++)
        for (int r = pal_panel_rows(p->rows); r < p->rows; r++) {
            const unsigned char *block = (const unsigned char *)p->w + (size_t)r * blocks * PAL_Q8_0_BYTES;
            const int8_t *x = p->xq->q + (size_t)i * (size_t)p->cols;
            float sum = 0.0f;
            for (size_t b = 0; b < blocks; b++, x += PAL_BLOCK, block += PAL_Q8_0_BYTES)
                sum += (float)dot(block, x) * (pal_block_scale(block) * p->xq->scale[(size_t)i * blocks + b]);
            p->y[(size_t)i * p->y_stride + (size_t)r] = sum;
        }
}

PAL_REFERENCE static void matmul_q8_0_ref(const pal_product *p)
{
    const size_t panel_bytes = (size_t)p->cols / PAL_BLOCK * PAL_Q8_0_PANEL_BYTES;
    const unsigned char *panel = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL, panel += panel_bytes)
        for (int i = 0; i < p->n; i++) multiply_panel(p, panel, row, i);
    multiply_rest(p, dot_row);
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

static void widen(pal_weight_tile *t, int panel, const unsigned char *from, int blocks)
{
    const v128_t low_byte = wasm_i16x8_splat(0xff), offset = wasm_i16x8_splat(128);
    for (int b = 0; b < blocks; b++, from += PAL_Q8_0_PANEL_BYTES) {
        const unsigned char *q = from + PAL_SCALES_BYTES;
        v128_t scale[2];
        pal_load_f16_simd128(scale, from);
        wasm_v128_store(t->scale[panel][b], scale[0]);
        wasm_v128_store(t->scale[panel][b] + 4, scale[1]);
        PAL_UNROLL for (int pair = 0; pair < PAL_TILE_PAIRS; pair += 2)
            PAL_UNROLL for (int half = 0; half < 8; half += 4, q += 16)
        {
            v128_t w = wasm_v128_load(q);
            v128_t even = wasm_i16x8_sub(wasm_v128_and(w, low_byte), offset);
            v128_t odd = wasm_i16x8_sub(wasm_u16x8_shr(w, 8), offset);
            wasm_v128_store(t->q[panel][b][pair][half], even);
            wasm_v128_store(t->q[panel][b][pair + 1][half], odd);
        }
    }
}

/* Multiplies up to three rows of activations, from i on, by a panel in place. */
PAL_INLINE void direct_rows(const pal_product *p, const unsigned char *panel, int row, int i, const int count)
{
    const v128_t low_byte = wasm_i16x8_splat(0xff);
    v128_t sum[PAL_TILE_ROWS][2];
    pal_load_sums_simd128(sum, p, i, row, count, true);
    for (int b = 0; b < p->cols / PAL_BLOCK; b++, panel += PAL_Q8_0_PANEL_BYTES) {
        const unsigned char *q = panel + PAL_SCALES_BYTES;
        pal_block_sums l;
        pal_start_block_simd128(&l, p, i, (size_t)b, BIAS_SHIFT, count);
        PAL_ROLLED for (int pair = 0; pair < PAL_TILE_PAIRS; pair += 2, q += 32)
        {
            v128_t low = wasm_v128_load(q), high = wasm_v128_load(q + 16);
            pal_add_pairs_simd128(&l, wasm_v128_and(low, low_byte), wasm_v128_and(high, low_byte), pair, count);
            pal_add_pairs_simd128(&l, wasm_u16x8_shr(low, 8), wasm_u16x8_shr(high, 8), pair + 1, count);
        }
        pal_end_block_simd128(sum, &l, p, i, (size_t)b, panel, count);
    }
    pal_store_sums_simd128(sum, p, i, row, count);
}

/* Multiplies all panels by `count` rows of activations, 1 to 3, from i on. */
static void direct_all(const pal_product *p, int i, int count)
{
    const size_t panel_bytes = (size_t)p->cols / PAL_BLOCK * PAL_Q8_0_PANEL_BYTES;
    const unsigned char *panel = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL, panel += panel_bytes) {
        if (count == 1)
            direct_rows(p, panel, row, i, 1);
        else if (count == 2)
            direct_rows(p, panel, row, i, 2);
        else
            direct_rows(p, panel, row, i, 3);
    }
}

/* The dot of sixteen columns: pairs of products in 32 bits. */
static inline v128_t dot_sixteen(const unsigned char *w, const int8_t *x)
{
    const v128_t a = wasm_v128_load(w), b = wasm_v128_load(x);
    return wasm_i32x4_add(wasm_i32x4_dot_i16x8(wasm_i16x8_extend_low_i8x16(a), wasm_i16x8_extend_low_i8x16(b)),
                          wasm_i32x4_dot_i16x8(wasm_i16x8_extend_high_i8x16(a), wasm_i16x8_extend_high_i8x16(b)));
}

static inline int32_t dot_row_simd128(const unsigned char *block, const int8_t *x)
{
    const unsigned char *w = block + PAL_SCALE_BYTES;
    v128_t s = wasm_i32x4_add(dot_sixteen(w, x), dot_sixteen(w + 16, x + 16));
    s = wasm_i32x4_add(s, wasm_i32x4_shuffle(s, s, 2, 3, 0, 1));
    return wasm_i32x4_extract_lane(s, 0) + wasm_i32x4_extract_lane(s, 1);
}

static void rest_simd128(const pal_product *p)
{
    multiply_rest(p, dot_row_simd128);
}

static void matmul_q8_0_simd128(const pal_product *p)
{
    const int rest = p->n % PAL_TILE_ROWS;
    if (p->n >= PAL_TILE_ROWS) pal_run_tiles(p, PAL_Q8_0_PANEL_BYTES, widen);
    if (rest) direct_all(p, p->n - rest, rest);
    rest_simd128(p);
}

#endif
/* ---- wasm relaxed simd -------------------------------------------------- */
#if defined(PAL_HAVE_RELAXED)

/* 6-bit weights plus 32 are 1..63, an unsigned 7-bit operand, so every engine returns the same integers.  A pair of
 * products is at most 2 * 63 * 127 = 16002 and two such pairs 32004, below 2^15: they can be added in 16 bits. */
enum { NARROW_OFFSET = 128 - 32, NARROW_BIAS_SHIFT = 2, PAL_BLOCK_GROUPS = PAL_BLOCK / 4 };

/* Groups of four columns of four rows of activations, side by side. */
typedef struct {
    alignas(16) int8_t q[PAL_TILE_BLOCKS][PAL_BLOCK_GROUPS][PAL_TILE_ROWS][4];
    float scale[PAL_TILE_BLOCKS][PAL_TILE_ROWS];
    int32_t bias[PAL_TILE_BLOCKS][PAL_TILE_ROWS];
} narrow_tile;

static inline void fill_narrow(narrow_tile *t, const pal_product *p, int i, int first, int blocks)
{
    const size_t stride = (size_t)p->cols / PAL_BLOCK, at = (size_t)i * stride + (size_t)first;
    for (int b = 0; b < blocks; b++) {
        for (int g = 0; g < PAL_BLOCK_GROUPS; g += 4) {
            v128_t row[PAL_TILE_ROWS];
            PAL_UNROLL for (size_t k = 0; k < PAL_TILE_ROWS; k++) row[k] =
                wasm_v128_load(p->xq->q + (at + k * stride + (size_t)b) * PAL_BLOCK + 4 * g);
            pal_transpose_simd128(row);
            PAL_UNROLL for (int k = 0; k < PAL_TILE_ROWS; k++) wasm_v128_store(t->q[b][g + k], row[k]);
        }
        PAL_UNROLL for (size_t k = 0; k < PAL_TILE_ROWS; k++)
        {
            t->scale[b][k] = p->xq->scale[at + k * stride + (size_t)b];
            t->bias[b][k] = p->xq->bias[at + k * stride + (size_t)b];
        }
    }
}

/* dot += x0 * w0 + x1 * w1, four columns each. */
PAL_INLINE v128_t add_two(v128_t dot, v128_t x0, v128_t w0, v128_t x1, v128_t w1)
{
    v128_t pairs =
        wasm_i16x8_add(wasm_i16x8_relaxed_dot_i8x16_i7x16(x0, w0), wasm_i16x8_relaxed_dot_i8x16_i7x16(x1, w1));
    return wasm_i32x4_add(dot, wasm_i32x4_dot_i16x8(pairs, wasm_i16x8_splat(1)));
}

/* Adds some blocks of one panel to the outputs of four rows of activations, from i on. */
static inline void multiply_narrow(const unsigned char *panel, const narrow_tile *x, const pal_product *p, int row,
                                   int i, int blocks, bool from_zero)
{
    const v128_t offset = wasm_i8x16_splat(NARROW_OFFSET);
    v128_t sum[PAL_TILE_ROWS][2];
    pal_load_sums_simd128(sum, p, i, row, PAL_TILE_ROWS, from_zero);
    for (int b = 0; b < blocks; b++, panel += PAL_Q8_0_PANEL_BYTES) {
        const unsigned char *w = panel + PAL_SCALES_BYTES;
        const int8_t *a = x->q[b][0][0];
        v128_t dot[PAL_TILE_ROWS][2], scale[2];
        PAL_UNROLL for (int k = 0; k < PAL_TILE_ROWS; k++) dot[k][0] = dot[k][1] =
            wasm_i32x4_shl(wasm_v128_load32_splat(&x->bias[b][k]), NARROW_BIAS_SHIFT);
        PAL_ROLLED for (int g = 0; g < PAL_BLOCK_GROUPS; g += 2, w += 64, a += 32)
        {
            v128_t low0 = wasm_i8x16_sub(wasm_v128_load(w), offset);
            v128_t high0 = wasm_i8x16_sub(wasm_v128_load(w + 16), offset);
            v128_t low1 = wasm_i8x16_sub(wasm_v128_load(w + 32), offset);
            v128_t high1 = wasm_i8x16_sub(wasm_v128_load(w + 48), offset);
            PAL_UNROLL for (int k = 0; k < PAL_TILE_ROWS; k++)
            {
                v128_t x0 = wasm_v128_load32_splat(a + 4 * k), x1 = wasm_v128_load32_splat(a + 16 + 4 * k);
                dot[k][0] = add_two(dot[k][0], x0, low0, x1, low1);
                dot[k][1] = add_two(dot[k][1], x0, high0, x1, high1);
            }
        }
        pal_load_f16_simd128(scale, panel);
        PAL_UNROLL for (int k = 0; k < PAL_TILE_ROWS; k++)
            pal_add_block_simd128(sum[k], dot[k], scale, &x->scale[b][k]);
    }
    pal_store_sums_simd128(sum, p, i, row, PAL_TILE_ROWS);
}

/* Multiplies up to three rows of activations, from i on, by a panel in place. */
PAL_INLINE void direct_narrow(const pal_product *p, const unsigned char *panel, int row, int i, const int count)
{
    const v128_t offset = wasm_i8x16_splat(NARROW_OFFSET);
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    v128_t sum[PAL_TILE_ROWS][2];
    pal_load_sums_simd128(sum, p, i, row, count, true);
    for (size_t b = 0; b < blocks; b++, panel += PAL_Q8_0_PANEL_BYTES) {
        const unsigned char *w = panel + PAL_SCALES_BYTES;
        const int8_t *a = p->xq->q + ((size_t)i * blocks + b) * PAL_BLOCK;
        v128_t dot[PAL_TILE_ROWS][2], scale[2];
        PAL_UNROLL for (size_t k = 0; k < (size_t)count; k++)
        {
            v128_t bias = wasm_v128_load32_splat(p->xq->bias + ((size_t)i + k) * blocks + b);
            dot[k][0] = dot[k][1] = wasm_i32x4_shl(bias, NARROW_BIAS_SHIFT);
        }
        PAL_ROLLED for (int g = 0; g < PAL_BLOCK_GROUPS; g += 2, w += 64, a += 8)
        {
            v128_t low0 = wasm_i8x16_sub(wasm_v128_load(w), offset);
            v128_t high0 = wasm_i8x16_sub(wasm_v128_load(w + 16), offset);
            v128_t low1 = wasm_i8x16_sub(wasm_v128_load(w + 32), offset);
            v128_t high1 = wasm_i8x16_sub(wasm_v128_load(w + 48), offset);
            PAL_UNROLL for (size_t k = 0; k < (size_t)count; k++)
            {
                const int8_t *x = a + k * blocks * PAL_BLOCK;
                v128_t x0 = wasm_v128_load32_splat(x), x1 = wasm_v128_load32_splat(x + 4);
                dot[k][0] = add_two(dot[k][0], x0, low0, x1, low1);
                dot[k][1] = add_two(dot[k][1], x0, high0, x1, high1);
            }
        }
        pal_load_f16_simd128(scale, panel);
        PAL_UNROLL for (size_t k = 0; k < (size_t)count; k++)
            pal_add_block_simd128(sum[k], dot[k], scale, p->xq->scale + ((size_t)i + k) * blocks + b);
    }
    pal_store_sums_simd128(sum, p, i, row, count);
}

static void direct_all_narrow(const pal_product *p, int i, int count)
{
    const size_t panel_bytes = (size_t)p->cols / PAL_BLOCK * PAL_Q8_0_PANEL_BYTES;
    const unsigned char *panel = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL, panel += panel_bytes) {
        if (count == 1)
            direct_narrow(p, panel, row, i, 1);
        else if (count == 2)
            direct_narrow(p, panel, row, i, 2);
        else
            direct_narrow(p, panel, row, i, 3);
    }
}

static void matmul_q8_0_relaxed(const pal_product *p)
{
    const int blocks = p->cols / PAL_BLOCK, panels = p->rows / PAL_PANEL, rest = p->n % PAL_TILE_ROWS;
    const size_t panel_bytes = (size_t)blocks * PAL_Q8_0_PANEL_BYTES;
    narrow_tile x;
    if (!p->narrow) {
        matmul_q8_0_simd128(p);
        return;
    }
    for (int panel = 0; p->n >= PAL_TILE_ROWS && panel < panels; panel += PAL_TILE_PANELS)
        for (int first = 0; first < blocks; first += PAL_TILE_BLOCKS) {
            const int some = blocks - first < PAL_TILE_BLOCKS ? blocks - first : PAL_TILE_BLOCKS;
            const int wide = panels - panel < PAL_TILE_PANELS ? panels - panel : PAL_TILE_PANELS;
            const unsigned char *from = (const unsigned char *)p->w + (size_t)first * PAL_Q8_0_PANEL_BYTES;
            for (int i = 0; i + PAL_TILE_ROWS <= p->n; i += PAL_TILE_ROWS) {
                fill_narrow(&x, p, i, first, some);
                for (int j = 0; j < wide; j++)
                    multiply_narrow(from + (size_t)(panel + j) * panel_bytes, &x, p, (panel + j) * PAL_PANEL, i, some,
                                    first == 0);
            }
        }
    if (rest) direct_all_narrow(p, p->n - rest, rest);
    rest_simd128(p);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

/* maddubs multiplies unsigned by signed bytes and adds neighbours in 16 bits.  It gets |w|, and x with the sign of w
 * applied. |w| <= 128 and |x| <= 127, so the result is at most 2 * 128 * 127 = 32512, below 2^15. (-128 keeps its bit
 * pattern as |w|; read as unsigned it is 128.) */
PAL_AVX2_INLINE void panel_avx2(const pal_product *p, const unsigned char *panel, int row, int i, const int count)
{
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    const __m256i flip = _mm256_set1_epi8(-128), ones = _mm256_set1_epi16(1);
    __m256 sum[PAL_MAX_ROWS];
    for (int k = 0; k < count; k++) sum[k] = _mm256_setzero_ps();
    for (size_t b = 0; b < blocks; b++, panel += PAL_Q8_0_PANEL_BYTES) {
        __m256i dot[PAL_MAX_ROWS];
        for (int k = 0; k < count; k++) dot[k] = _mm256_setzero_si256();
        for (size_t g = 0; g < PAL_BLOCK / 4; g++) {
            const __m256i *at = (const __m256i *)(const void *)(panel + PAL_SCALES_BYTES + 32 * g);
            __m256i w = _mm256_xor_si256(_mm256_loadu_si256(at), flip), magnitude = _mm256_abs_epi8(w);
            for (int k = 0; k < count; k++) {
                __m256i x = _mm256_sign_epi8(pal_four_columns_avx2(p, i + k, b, g), w);
                dot[k] = _mm256_add_epi32(dot[k], _mm256_madd_epi16(_mm256_maddubs_epi16(magnitude, x), ones));
            }
        }
        pal_end_block_avx2(sum, dot, p, i, b, panel, count);
    }
    pal_store_sums_avx2(sum, p, i, row, count);
}

PAL_AVX2 static void rows_avx2(const pal_product *p, const unsigned char *panel, int row)
{
    int i = 0;
    for (; i + 4 <= p->n; i += 4) panel_avx2(p, panel, row, i, 4);
    if (i + 2 <= p->n) panel_avx2(p, panel, row, i, 2), i += 2;
    if (i < p->n) panel_avx2(p, panel, row, i, 1);
}

PAL_AVX2_INLINE int32_t dot_row_avx2(const unsigned char *block, const int8_t *x)
{
    const __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(block + PAL_SCALE_BYTES));
    const __m256i with_sign = _mm256_sign_epi8(_mm256_loadu_si256((const __m256i *)(const void *)x), w);
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), with_sign);
    const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

PAL_AVX2 static void rest_avx2(const pal_product *p)
{
    multiply_rest(p, dot_row_avx2);
}

static void matmul_q8_0_avx2(const pal_product *p)
{
    pal_run_panels_avx2(p, PAL_Q8_0_PANEL_BYTES, rows_avx2);
    rest_avx2(p);
}

/* ---- x86 avx-512 vnni, 256 bits wide ------------------------------------ */

/* dpbusd multiplies unsigned w + 128 by signed x and adds four products in 32 bits without saturation. */
PAL_VNNI_INLINE void panel_vnni(const pal_product *p, const unsigned char *panel, int row, int i, const int count)
{
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    __m256 sum[PAL_MAX_ROWS];
    for (int k = 0; k < count; k++) sum[k] = _mm256_setzero_ps();
    for (size_t b = 0; b < blocks; b++, panel += PAL_Q8_0_PANEL_BYTES) {
        __m256i dot[PAL_MAX_ROWS];
        for (int k = 0; k < count; k++) dot[k] = _mm256_slli_epi32(pal_bias_avx2(p, i + k, b), BIAS_SHIFT);
        for (size_t g = 0; g < PAL_BLOCK / 4; g++) {
            const __m256i *at = (const __m256i *)(const void *)(panel + PAL_SCALES_BYTES + 32 * g);
            __m256i w = _mm256_loadu_si256(at);
            for (int k = 0; k < count; k++)
                dot[k] = _mm256_dpbusd_epi32(dot[k], w, pal_four_columns_avx2(p, i + k, b, g));
        }
        pal_end_block_avx2(sum, dot, p, i, b, panel, count);
    }
    pal_store_sums_avx2(sum, p, i, row, count);
}

PAL_VNNI static void rows_vnni(const pal_product *p, const unsigned char *panel, int row)
{
    int i = 0;
    for (; i + 8 <= p->n; i += 8) panel_vnni(p, panel, row, i, 8);
    for (; i + 2 <= p->n; i += 2) panel_vnni(p, panel, row, i, 2);
    if (i < p->n) panel_vnni(p, panel, row, i, 1);
}

static void matmul_q8_0_vnni(const pal_product *p)
{
    pal_run_panels_avx2(p, PAL_Q8_0_PANEL_BYTES, rows_vnni);
    rest_avx2(p);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_matmul_q8_0(pal_kernels *k)
{
    k->matmul_q8_0 = matmul_q8_0_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->matmul_q8_0 = matmul_q8_0_simd128;
#endif
#if defined(PAL_HAVE_RELAXED)
    if (pal_uses(k, PAL_ISA_RELAXED)) k->matmul_q8_0 = matmul_q8_0_relaxed;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->matmul_q8_0 = matmul_q8_0_avx2;
    if (pal_uses(k, PAL_ISA_VNNI)) k->matmul_q8_0 = matmul_q8_0_vnni;
#endif
}
