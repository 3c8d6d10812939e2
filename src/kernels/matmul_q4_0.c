/* matmul_q4_0.c - 8-bit activations by 4-bit weights, in blocks of 32 with one scale each.
 *
 * A weight is nibble - 8, activations are -127..127.  Panels keep the nibbles unchanged; the products add the bias,
 * minus 8 times the sum of the activations.  Products of nibbles are small: 8 * 2 * 15 * 127 = 30480 is below 2^15, so
 * the pair sums of a whole block can be added in 16 bits, if the instruction set supports that. */
#include "matmul_avx2.h"
#include "matmul_simd128.h"

/* ---- reference ---------------------------------------------------------- */

/* |dot| <= 32 * 8 * 127 = 32512.  Low nibbles are elements 0..15 of the block, high nibbles are 16..31. */
static int32_t dot_row(const unsigned char *block, const int8_t *x)
{
    int32_t dot = 0;
    for (int i = 0; i < PAL_BLOCK / 2; i++) {
        int byte = block[PAL_SCALE_BYTES + i];
        dot += ((byte & 15) - 8) * x[i] + ((byte >> 4) - 8) * x[i + PAL_BLOCK / 2];
    }
    return dot;
}

/* Adds the dots of a panel's block, for eight rows side by side. */
PAL_REFERENCE static void dot_panel(int32_t dot[PAL_PANEL], const unsigned char *block, const int8_t *x)
{
    const unsigned char *q = block + PAL_SCALES_BYTES;
    for (int g = 0; g < PAL_BLOCK / 2; g += 4)
        for (int r = 0; r < PAL_PANEL; r++, q += 4)
            for (int c = 0; c < 4; c++)
                dot[r] += ((q[c] & 15) - 8) * x[g + c] + ((q[c] >> 4) - 8) * x[g + c + PAL_BLOCK / 2];
}

PAL_REFERENCE static void multiply_panel(const pal_product *p, const unsigned char *block, int row, int i)
{
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    const int8_t *x = p->xq->q + (size_t)i * (size_t)p->cols;
    const float *xs = p->xq->scale + (size_t)i * blocks;
    float *y = p->y + (size_t)i * p->y_stride + row;
    for (int r = 0; r < PAL_PANEL; r++) y[r] = 0.0f;
    for (size_t b = 0; b < blocks; b++, x += PAL_BLOCK, block += PAL_Q4_0_PANEL_BYTES) {
        int32_t dot[PAL_PANEL] = {0};
        dot_panel(dot, block, x);
        for (int r = 0; r < PAL_PANEL; r++)
            y[r] += (float)dot[r] * (pal_block_scale(block + (size_t)r * PAL_SCALE_BYTES) * xs[b]);
    }
}

/* Computes the rows after the last panel, which are stored as in the file. */
PAL_REFERENCE static void multiply_rest(const pal_product *p)
{
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    for (int i = 0; i < p->n; i++)
        for (int r = pal_panel_rows(p->rows); r < p->rows; r++) {
            const unsigned char *block = (const unsigned char *)p->w + (size_t)r * blocks * PAL_Q4_0_BYTES;
            const int8_t *x = p->xq->q + (size_t)i * (size_t)p->cols;
            float sum = 0.0f;
            for (size_t b = 0; b < blocks; b++, x += PAL_BLOCK, block += PAL_Q4_0_BYTES)
                sum += (float)dot_row(block, x) * (pal_block_scale(block) * p->xq->scale[(size_t)i * blocks + b]);
            p->y[(size_t)i * p->y_stride + (size_t)r] = sum;
        }
}

PAL_REFERENCE static void matmul_q4_0_ref(const pal_product *p)
{
    const size_t panel_bytes = (size_t)p->cols / PAL_BLOCK * PAL_Q4_0_PANEL_BYTES;
    const unsigned char *panel = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL, panel += panel_bytes)
        for (int i = 0; i < p->n; i++) multiply_panel(p, panel, row, i);
    multiply_rest(p);
}

/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128) && !defined(PAL_HAVE_RELAXED) /* each build uses one of the two */

/* Splits 16 bytes of a panel into four pairs: columns 0, 2 and 1, 3 of the low nibbles, then of the high nibbles. */
PAL_INLINE void split_nibbles(v128_t pairs[4], v128_t w)
{
    const v128_t low = wasm_i16x8_splat(0x0f);
    pairs[0] = wasm_v128_and(w, low);
    pairs[1] = wasm_v128_and(wasm_u16x8_shr(w, 8), low);
    pairs[2] = wasm_v128_and(wasm_u16x8_shr(w, 4), low);
    pairs[3] = wasm_u16x8_shr(w, 12);
}

static void widen(pal_weight_tile *t, int panel, const unsigned char *from, int blocks)
{
    const v128_t offset = wasm_i16x8_splat(8);
    for (int b = 0; b < blocks; b++, from += PAL_Q4_0_PANEL_BYTES) {
        const unsigned char *q = from + PAL_SCALES_BYTES;
        v128_t scale[2];
        pal_load_f16_simd128(scale, from);
        wasm_v128_store(t->scale[panel][b], scale[0]);
        wasm_v128_store(t->scale[panel][b] + 4, scale[1]);
        PAL_UNROLL for (int pair = 0; pair < PAL_TILE_PAIRS / 2; pair += 2)
            PAL_UNROLL for (int half = 0; half < 8; half += 4, q += 16)
        {
            v128_t w[4];
            split_nibbles(w, wasm_v128_load(q));
            PAL_UNROLL for (int j = 0; j < 4; j++) wasm_v128_store(
                t->q[panel][b][pair + j % 2 + j / 2 * (PAL_TILE_PAIRS / 2)][half], wasm_i16x8_sub(w[j], offset));
        }
    }
}

/* Multiplies up to three rows of activations, from i on, by a panel in place. */
PAL_INLINE void direct_rows(const pal_product *p, const unsigned char *panel, int row, int i, const int count)
{
    v128_t sum[PAL_TILE_ROWS][2];
    pal_load_sums_simd128(sum, p, i, row, count, true);
    for (int b = 0; b < p->cols / PAL_BLOCK; b++, panel += PAL_Q4_0_PANEL_BYTES) {
        const unsigned char *q = panel + PAL_SCALES_BYTES;
        pal_block_sums l;
        pal_start_block_simd128(&l, p, i, (size_t)b, 0, count);
        PAL_ROLLED for (int pair = 0; pair < PAL_TILE_PAIRS / 2; pair += 2, q += 32)
        {
            v128_t low[4], high[4];
            split_nibbles(low, wasm_v128_load(q));
            split_nibbles(high, wasm_v128_load(q + 16));
            PAL_UNROLL for (int j = 0; j < 4; j++)
                pal_add_pairs_simd128(&l, low[j], high[j], pair + j % 2 + j / 2 * (PAL_TILE_PAIRS / 2), count);
        }
        pal_end_block_simd128(sum, &l, p, i, (size_t)b, panel, count);
    }
    pal_store_sums_simd128(sum, p, i, row, count);
}

static void matmul_q4_0_simd128(const pal_product *p)
{
    const size_t panel_bytes = (size_t)p->cols / PAL_BLOCK * PAL_Q4_0_PANEL_BYTES;
    const unsigned char *panel = p->w;
    const int rest = p->n % PAL_TILE_ROWS, i = p->n - rest;
    if (i) pal_run_tiles(p, PAL_Q4_0_PANEL_BYTES, widen);
    for (int row = 0; rest && row < pal_panel_rows(p->rows); row += PAL_PANEL, panel += panel_bytes) switch (rest) {
        case 1: direct_rows(p, panel, row, i, 1); break;
        case 2: direct_rows(p, panel, row, i, 2); break;
        default: direct_rows(p, panel, row, i, 3); break;
        }
    multiply_rest(p);
}

#endif
/* ---- wasm relaxed simd -------------------------------------------------- */
#if defined(PAL_HAVE_RELAXED)

/* Nibbles are the 7-bit operand, so every engine returns the same integers.  The sums of a block, in two registers (low
 * and high four rows), are added in 16 bits and widened once per block. */
PAL_INLINE void relaxed_rows(const pal_product *p, const unsigned char *panel, int row, int i, const int count)
{
    const v128_t low_nibble = wasm_i8x16_splat(0x0f), ones = wasm_i16x8_splat(1);
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    v128_t sum[PAL_TILE_ROWS][2];
    pal_load_sums_simd128(sum, p, i, row, count, true);
    for (size_t b = 0; b < blocks; b++, panel += PAL_Q4_0_PANEL_BYTES) {
        const unsigned char *q = panel + PAL_SCALES_BYTES;
        v128_t narrow[PAL_TILE_ROWS][2];
        PAL_UNROLL for (int k = 0; k < count; k++) narrow[k][0] = narrow[k][1] = wasm_i16x8_splat(0);
        PAL_ROLLED for (size_t g = 0; g < 4; g++) PAL_UNROLL for (int half = 0; half < 2; half++, q += 16)
        {
            v128_t w = wasm_v128_load(q), low = wasm_v128_and(w, low_nibble), high = wasm_u8x16_shr(w, 4);
            PAL_UNROLL for (int k = 0; k < count; k++)
            {
                const int8_t *x = p->xq->q + (size_t)(i + k) * (size_t)p->cols + b * PAL_BLOCK + 4 * g;
                v128_t a = wasm_i16x8_relaxed_dot_i8x16_i7x16(wasm_v128_load32_splat(x), low);
                v128_t c = wasm_i16x8_relaxed_dot_i8x16_i7x16(wasm_v128_load32_splat(x + PAL_BLOCK / 2), high);
                narrow[k][half] = wasm_i16x8_add(narrow[k][half], wasm_i16x8_add(a, c));
            }
        }
        v128_t scale[2];
        pal_load_f16_simd128(scale, panel);
        PAL_UNROLL for (int k = 0; k < count; k++)
        {
            const size_t at = (size_t)(i + k) * blocks + b;
            v128_t bias = wasm_v128_load32_splat(p->xq->bias + at);
            const v128_t dot[2] = {wasm_i32x4_add(bias, wasm_i32x4_dot_i16x8(narrow[k][0], ones)),
                                   wasm_i32x4_add(bias, wasm_i32x4_dot_i16x8(narrow[k][1], ones))};
            pal_add_block_simd128(sum[k], dot, scale, p->xq->scale + at);
        }
    }
    pal_store_sums_simd128(sum, p, i, row, count);
}

static void matmul_q4_0_relaxed(const pal_product *p)
{
    const size_t panel_bytes = (size_t)p->cols / PAL_BLOCK * PAL_Q4_0_PANEL_BYTES;
    const unsigned char *panel = p->w;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL, panel += panel_bytes) {
        int i = 0;
        for (; i + PAL_TILE_ROWS <= p->n; i += PAL_TILE_ROWS) relaxed_rows(p, panel, row, i, PAL_TILE_ROWS);
        for (; i < p->n; i++) relaxed_rows(p, panel, row, i, 1);
    }
    multiply_rest(p);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

PAL_AVX2_INLINE void panel_avx2(const pal_product *p, const unsigned char *panel, int row, int i, const int count)
{
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    const __m256i low_nibble = _mm256_set1_epi8(0x0f), ones = _mm256_set1_epi16(1);
    __m256 sum[PAL_MAX_ROWS];
    for (int k = 0; k < count; k++) sum[k] = _mm256_setzero_ps();
    for (size_t b = 0; b < blocks; b++, panel += PAL_Q4_0_PANEL_BYTES) {
        __m256i dot[PAL_MAX_ROWS];
        for (int k = 0; k < count; k++) dot[k] = _mm256_setzero_si256();
        for (size_t g = 0; g < 4; g++) {
            __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(panel + PAL_SCALES_BYTES + 32 * g));
            __m256i low = _mm256_and_si256(w, low_nibble);
            __m256i high = _mm256_and_si256(_mm256_srli_epi16(w, 4), low_nibble);
            for (int k = 0; k < count; k++) {
                __m256i a = _mm256_maddubs_epi16(low, pal_four_columns_avx2(p, i + k, b, g));
                __m256i c = _mm256_maddubs_epi16(high, pal_four_columns_avx2(p, i + k, b, g + 4));
                dot[k] = _mm256_add_epi16(dot[k], _mm256_add_epi16(a, c));
            }
        }
        for (int k = 0; k < count; k++)
            dot[k] = _mm256_add_epi32(pal_bias_avx2(p, i + k, b), _mm256_madd_epi16(dot[k], ones));
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

static void matmul_q4_0_avx2(const pal_product *p)
{
    pal_run_panels_avx2(p, PAL_Q4_0_PANEL_BYTES, rows_avx2);
    multiply_rest(p);
}

/* ---- x86 avx-512 vnni, 256 bits wide ------------------------------------ */

PAL_VNNI_INLINE void panel_vnni(const pal_product *p, const unsigned char *panel, int row, int i, const int count)
{
    const size_t blocks = (size_t)p->cols / PAL_BLOCK;
    const __m256i low_nibble = _mm256_set1_epi8(0x0f);
    __m256 sum[PAL_MAX_ROWS];
    for (int k = 0; k < count; k++) sum[k] = _mm256_setzero_ps();
    for (size_t b = 0; b < blocks; b++, panel += PAL_Q4_0_PANEL_BYTES) {
        __m256i dot[PAL_MAX_ROWS];
        for (int k = 0; k < count; k++) dot[k] = pal_bias_avx2(p, i + k, b);
        for (size_t g = 0; g < 4; g++) {
            __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(panel + PAL_SCALES_BYTES + 32 * g));
            __m256i low = _mm256_and_si256(w, low_nibble);
            __m256i high = _mm256_and_si256(_mm256_srli_epi16(w, 4), low_nibble);
            for (int k = 0; k < count; k++) {
                dot[k] = _mm256_dpbusd_epi32(dot[k], low, pal_four_columns_avx2(p, i + k, b, g));
                dot[k] = _mm256_dpbusd_epi32(dot[k], high, pal_four_columns_avx2(p, i + k, b, g + 4));
            }
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

static void matmul_q4_0_vnni(const pal_product *p)
{
    pal_run_panels_avx2(p, PAL_Q4_0_PANEL_BYTES, rows_vnni);
    multiply_rest(p);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_matmul_q4_0(pal_kernels *k)
{
    k->matmul_q4_0 = matmul_q4_0_ref;
#if defined(PAL_HAVE_RELAXED)
    if (pal_uses(k, PAL_ISA_RELAXED)) k->matmul_q4_0 = matmul_q4_0_relaxed;
#elif defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->matmul_q4_0 = matmul_q4_0_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->matmul_q4_0 = matmul_q4_0_avx2;
    if (pal_uses(k, PAL_ISA_VNNI)) k->matmul_q4_0 = matmul_q4_0_vnni;
#endif
}
