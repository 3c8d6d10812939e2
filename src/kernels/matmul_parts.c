/* matmul_parts.c - 8-bit activations by weights with small scales and minima: Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K.
 *
 * A value is scale * q + minimum.  Every 32 columns (Q6_K: 16) have a scale; if it has two levels, they are multiplied
 * first.  Such a part adds (float)(exact dot of the integers) * (scale * activation scale).  If the type has minima, it
 * then adds (float)(exact sum of the activations' integers) * (minimum * activation scale).  K blocks subtract their
 * minimum, so its sign is inverted here. */
#include "matmul_parts.h"
#include "matmul_avx2.h"
#include "matmul_simd128.h"
#include "../core/tensor_type.h"

/* The form of a type's integers: unsigned with a minimum; unsigned with 16 to be subtracted; or signed, with two scales
 * per 32 columns. */
typedef enum { WITH_MINIMUM, WITH_OFFSET, SIGNED_HALVES } part_kind;

/* ---- reference ---------------------------------------------------------- */

/* A decoded block of a row. */
typedef struct {
    int8_t q[PAL_SUPER];
    float scale[PAL_SUPER / 16]; /* of 16 columns each for SIGNED_HALVES, otherwise of 32 */
    float minimum[PAL_SUPER / PAL_BLOCK];
} row_parts;

typedef struct {
    uint32_t type;
    part_kind kind;
    void (*decode)(row_parts *d, const unsigned char *block);
} part_form;

PAL_REFERENCE static void decode_q4_1(row_parts *d, const unsigned char *block)
{
    d->scale[0] = pal_block_scale(block);
    d->minimum[0] = pal_block_scale(block + 2);
    for (int i = 0; i < PAL_BLOCK; i++) d->q[i] = (int8_t)pal_nibble_at(block + 4, i);
}

PAL_REFERENCE static void decode_q5_0(row_parts *d, const unsigned char *block)
{
    d->scale[0] = pal_block_scale(block);
    for (int i = 0; i < PAL_BLOCK; i++)
        d->q[i] = (int8_t)((pal_nibble_at(block + 6, i) | pal_fifth_bit(block + 2, i)) - 16);
}

PAL_REFERENCE static void decode_q5_1(row_parts *d, const unsigned char *block)
{
    d->scale[0] = pal_block_scale(block);
    d->minimum[0] = pal_block_scale(block + 2);
    for (int i = 0; i < PAL_BLOCK; i++) d->q[i] = (int8_t)(pal_nibble_at(block + 8, i) | pal_fifth_bit(block + 4, i));
}

/* high: 32 bytes of fifth bits, or NULL. */
PAL_REFERENCE static void decode_super(row_parts *d, const unsigned char *block, const unsigned char *high,
                                       const unsigned char *nibble_bytes)
{
    for (int part = 0; part < PAL_SUPER / PAL_BLOCK; part++) {
        const unsigned char *low = nibble_bytes + (size_t)(part / 2) * PAL_BLOCK;
        d->scale[part] = pal_block_scale(block) * (float)pal_super_scale(block + 4, part);
        d->minimum[part] = -(pal_block_scale(block + 2) * (float)pal_super_minimum(block + 4, part));
        for (int i = 0; i < PAL_BLOCK; i++) {
            int q = low[i] >> part % 2 * 4 & 15;
            if (high) q |= (high[i] >> part & 1) << 4;
            d->q[part * PAL_BLOCK + i] = (int8_t)q;
        }
    }
}

PAL_REFERENCE static void decode_q4_k(row_parts *d, const unsigned char *block)
{
    decode_super(d, block, NULL, block + 4 + PAL_SUPER_SCALES);
}

PAL_REFERENCE static void decode_q5_k(row_parts *d, const unsigned char *block)
{
    const unsigned char *high = block + 4 + PAL_SUPER_SCALES;
    decode_super(d, block, high, high + PAL_BLOCK);
}

PAL_REFERENCE static void decode_q6_k(row_parts *d, const unsigned char *block)
{
    for (int i = 0; i < PAL_SUPER / 16; i++) d->scale[i] = pal_block_scale(block + 208) * (float)(int8_t)block[192 + i];
    for (int i = 0; i < PAL_SUPER; i++) d->q[i] = (int8_t)pal_q6_k_at(block, i);
}

/* The magnitude is at most 32 * 31 * 127 or 16 * 32 * 127: exact as float. */
static int32_t dot_of(const int8_t *w, const int8_t *x, int count)
{
    int32_t dot = 0;
    for (int i = 0; i < count; i++) dot += w[i] * x[i];
    return dot;
}

static int32_t sum_of(const int8_t *x)
{
    int32_t sum = 0;
    for (int i = 0; i < PAL_BLOCK; i++) sum += x[i];
    return sum;
}

/* Adds the parts of a block, `cols` columns, to the sum so far. */
static float add_parts(float sum, const row_parts *d, part_kind kind, const int8_t *x, const float *x_scale, int cols)
{
    const int width = kind == SIGNED_HALVES ? 16 : PAL_BLOCK;
    for (int c = 0; c < cols; c += width) {
        const float s = x_scale[c / PAL_BLOCK];
        sum += (float)dot_of(d->q + c, x + c, width) * (d->scale[c / width] * s);
        if (kind == WITH_MINIMUM) sum += (float)sum_of(x + c) * (d->minimum[c / width] * s);
    }
    return sum;
}

/* Computes rows from..to, in panels or as in the file. */
static void multiply_rows(const pal_product *p, const part_form *f, int from, int to)
{
    const int cols = (int)pal_tensor_block(f->type), blocks = p->cols / cols;
    const size_t scales = (size_t)p->cols / PAL_BLOCK;
    unsigned char block[PAL_Q6_K_BYTES];
    for (int r = from; r < to; r++)
        for (int b = 0; b < blocks; b++) {
            row_parts d;
            pal_panels_blocks(block, p->w, f->type, p->rows, p->cols, r, b, 1);
            f->decode(&d, block);
            for (int i = 0; i < p->n; i++) {
                float *y = p->y + (size_t)i * p->y_stride + r;
                const int8_t *x = p->xq->q + (size_t)i * (size_t)p->cols + (size_t)b * (size_t)cols;
                const float *x_scale = p->xq->scale + (size_t)i * scales + (size_t)b * (size_t)cols / PAL_BLOCK;
                *y = add_parts(b ? *y : 0.0f, &d, f->kind, x, x_scale, cols);
            }
        }
}

static const part_form *form_of(uint32_t type)
{
    static const part_form forms[] = {
        {PAL_Q4_1, WITH_MINIMUM, decode_q4_1}, {PAL_Q5_0, WITH_OFFSET, decode_q5_0},
        {PAL_Q5_1, WITH_MINIMUM, decode_q5_1}, {PAL_Q4_K, WITH_MINIMUM, decode_q4_k},
        {PAL_Q5_K, WITH_MINIMUM, decode_q5_k}, {PAL_Q6_K, SIGNED_HALVES, decode_q6_k},
    };
    size_t i = 0;
    while (forms[i].type != type) i++; /* types were checked when the model was opened */
    return &forms[i];
}

PAL_REFERENCE static void matmul_parts_ref(const pal_product *p)
{
    multiply_rows(p, form_of(p->type), 0, p->rows);
}

/* ---- what the variants share -------------------------------------------- */
#if defined(PAL_HAVE_SIMD128) || defined(PAL_HAVE_AVX2)

PAL_EIGHT void unpack(pal_part_tile *t, int part, const unsigned char *panel, uint32_t type)
{
    switch (type) {
    case PAL_Q4_1: pal_unpack_part_q4_1(t, part, panel); break;
    case PAL_Q5_0: pal_unpack_part_q5_0(t, part, panel); break;
    case PAL_Q5_1: pal_unpack_part_q5_1(t, part, panel); break;
    case PAL_Q4_K: pal_unpack_part_q4_k(t, part, panel); break;
    case PAL_Q5_K: pal_unpack_part_q5_k(t, part, panel); break;
    default: pal_unpack_part_q6_k(t, part, panel); break;
    }
}

/* Multiplies all rows of activations by `parts` parts of a panel, from `first` on; `row`: the panel's first row. */
typedef void tile_fn(const pal_part_tile *t, const pal_product *p, part_kind kind, int row, int first, int parts);

/* For every panel: unpacks as many parts as fill a tile, and multiplies them while they are in the cache. */
PAL_EIGHT void run_part_tiles(const pal_product *p, tile_fn *multiply)
{
    const part_form *f = form_of(p->type);
    const int block_parts = (int)pal_tensor_block(p->type) / PAL_BLOCK, parts = p->cols / PAL_BLOCK;
    const size_t block_bytes = (size_t)PAL_PANEL * pal_tensor_block_bytes(p->type);
    const unsigned char *panel = p->w;
    pal_part_tile t;
    for (int row = 0; row < pal_panel_rows(p->rows); row += PAL_PANEL)
        for (int first = 0; first < parts; first += PAL_TILE_PARTS) {
            const int count = parts - first < PAL_TILE_PARTS ? parts - first : PAL_TILE_PARTS;
            for (int part = 0; part < count; part += block_parts, panel += block_bytes)
                unpack(&t, part, panel, p->type);
            multiply(&t, p, f->kind, row, first, count);
        }
    multiply_rows(p, f, pal_panel_rows(p->rows), p->rows);
}

/* The exact sum of the integers of a block of activations; bias is minus 8 times that sum. */
static inline float activation_sum(const pal_product *p, int i, size_t at)
{
    const int32_t sum = p->xq->bias[(size_t)i * ((size_t)p->cols / PAL_BLOCK) + at] / -8;
    return (float)sum;
}

static inline float activation_scale(const pal_product *p, int i, size_t at)
{
    return p->xq->scale[(size_t)i * ((size_t)p->cols / PAL_BLOCK) + at];
}

#endif
/* ---- wasm simd128 ------------------------------------------------------- */
#if defined(PAL_HAVE_SIMD128)

/* The dots of one part: up to four rows of activations by the low and the high four rows of weights. */
typedef struct {
    v128_t dot[PAL_TILE_ROWS][2];
    const int16_t *x[PAL_TILE_ROWS];
} part_at_work;

/* Adds a pair of columns of eight rows to the dots of every row of activations. */
PAL_INLINE void add_pair(part_at_work *l, v128_t low, v128_t high, int pair, const int count)
{
    PAL_UNROLL for (int k = 0; k < count; k++)
    {
        v128_t x = wasm_v128_load32_splat(l->x[k] + 2 * pair);
        l->dot[k][0] = wasm_i32x4_add(l->dot[k][0], wasm_i32x4_dot_i16x8(low, x));
        l->dot[k][1] = wasm_i32x4_add(l->dot[k][1], wasm_i32x4_dot_i16x8(high, x));
    }
}

/* Adds columns 4g .. 4g+3: 0 and 2 are the lower bytes of 16-bit lanes, 1 and 3 the upper bytes. */
PAL_INLINE void add_group(part_at_work *l, const pal_u32x8 *words, int g, const int count, const part_kind kind)
{
    const v128_t low = wasm_v128_load(words), high = wasm_v128_load((const char *)words + 16);
    if (kind != SIGNED_HALVES) {
        const v128_t byte = wasm_i16x8_splat(0xff);
        add_pair(l, wasm_v128_and(low, byte), wasm_v128_and(high, byte), 2 * g, count);
        add_pair(l, wasm_u16x8_shr(low, 8), wasm_u16x8_shr(high, 8), 2 * g + 1, count);
    } else {
        add_pair(l, wasm_i16x8_shr(wasm_i16x8_shl(low, 8), 8), wasm_i16x8_shr(wasm_i16x8_shl(high, 8), 8), 2 * g,
                 count);
        add_pair(l, wasm_i16x8_shr(low, 8), wasm_i16x8_shr(high, 8), 2 * g + 1, count);
    }
}

PAL_INLINE void clear_dots(part_at_work *l, const int count)
{
    PAL_UNROLL for (int k = 0; k < count; k++) l->dot[k][0] = l->dot[k][1] = wasm_i32x4_splat(0);
}

/* Minus 16 times the sum of the activations' integers is twice their bias. */
PAL_INLINE void start_part(part_at_work *l, const pal_product *p, int i, size_t at, const int count,
                           const part_kind kind)
{
    clear_dots(l, count);
    PAL_UNROLL for (int k = 0; k < count; k++)
    {
        const size_t block = (size_t)(i + k) * ((size_t)p->cols / PAL_BLOCK) + at;
        l->x[k] = p->xq->wide + block * PAL_BLOCK;
        if (kind == WITH_OFFSET) l->dot[k][0] = l->dot[k][1] = wasm_i32x4_splat(2 * p->xq->bias[block]);
    }
}

/* sum += value * (scales * activation scale) */
PAL_INLINE void add_term(v128_t sum[2], v128_t low, v128_t high, const pal_f32x8 *scales, float x_scale)
{
    const v128_t s = wasm_f32x4_splat(x_scale);
    const v128_t low_scale = wasm_v128_load(scales), high_scale = wasm_v128_load((const char *)scales + 16);
    sum[0] = wasm_f32x4_add(sum[0], wasm_f32x4_mul(low, wasm_f32x4_mul(low_scale, s)));
    sum[1] = wasm_f32x4_add(sum[1], wasm_f32x4_mul(high, wasm_f32x4_mul(high_scale, s)));
}

PAL_INLINE void add_dots(v128_t sum[][2], const part_at_work *l, const pal_product *p, int i, size_t at,
                         const pal_f32x8 *scales, const int count)
{
    PAL_UNROLL for (int k = 0; k < count; k++)
        add_term(sum[k], wasm_f32x4_convert_i32x4(l->dot[k][0]), wasm_f32x4_convert_i32x4(l->dot[k][1]), scales,
                 activation_scale(p, i + k, at));
}

PAL_INLINE void tile_rows_simd128(const pal_part_tile *t, const pal_product *p, int row, int first, int parts, int i,
                                  const int count, const part_kind kind)
{
    v128_t sum[PAL_TILE_ROWS][2];
    pal_load_sums_simd128(sum, p, i, row, count, first == 0);
    for (int b = 0; b < parts; b++) {
        const size_t at = (size_t)first + (size_t)b;
        part_at_work l;
        start_part(&l, p, i, at, count, kind);
        PAL_ROLLED for (int g = 0; g < PAL_BLOCK_GROUPS / 2; g++) add_group(&l, &t->q[b][g], g, count, kind);
        if (kind == SIGNED_HALVES) {
            add_dots(sum, &l, p, i, at, &t->scale[b][0], count);
            clear_dots(&l, count);
        }
        PAL_ROLLED for (int g = PAL_BLOCK_GROUPS / 2; g < PAL_BLOCK_GROUPS; g++)
            add_group(&l, &t->q[b][g], g, count, kind);
        add_dots(sum, &l, p, i, at, &t->scale[b][kind == SIGNED_HALVES], count);
        if (kind != WITH_MINIMUM) continue;
        PAL_UNROLL for (int k = 0; k < count; k++)
        {
            const v128_t total = wasm_f32x4_splat(activation_sum(p, i + k, at));
            add_term(sum[k], total, total, &t->minimum[b], activation_scale(p, i + k, at));
        }
    }
    pal_store_sums_simd128(sum, p, i, row, count);
}

PAL_INLINE void tile_kind_simd128(const pal_part_tile *t, const pal_product *p, int row, int first, int parts,
                                  const part_kind kind)
{
    int i = 0;
    for (; i + PAL_TILE_ROWS <= p->n; i += PAL_TILE_ROWS)
        tile_rows_simd128(t, p, row, first, parts, i, PAL_TILE_ROWS, kind);
    for (; i < p->n; i++) tile_rows_simd128(t, p, row, first, parts, i, 1, kind);
}

static void tile_simd128(const pal_part_tile *t, const pal_product *p, part_kind kind, int row, int first, int parts)
{
    switch (kind) {
    case WITH_MINIMUM: tile_kind_simd128(t, p, row, first, parts, WITH_MINIMUM); break;
    case WITH_OFFSET: tile_kind_simd128(t, p, row, first, parts, WITH_OFFSET); break;
    default: tile_kind_simd128(t, p, row, first, parts, SIGNED_HALVES); break;
    }
}

static void matmul_parts_simd128(const pal_product *p)
{
    run_part_tiles(p, tile_simd128);
}

#endif
/* ---- x86 avx2 ----------------------------------------------------------- */
#if defined(PAL_HAVE_AVX2)

/* The dots of columns 0..15 (half 0) or 16..31 of a part with `count` rows of activations. */
typedef void half_dots_fn(__m256i *dot, const pal_part_tile *t, const pal_product *p, int b, size_t at, int i,
                          size_t half, const int count, const part_kind kind);

/* maddubs multiplies unsigned by signed bytes and adds neighbours in 16 bits.  For signed weights it gets their
 * magnitudes, and activations with the weights' signs applied.  Four of its results cover 16 columns of 8 rows: at most
 * 4 * 2 * 31 * 127 = 31496 or 4 * 2 * 32 * 127 = 32512, which fits. */
PAL_AVX2_INLINE void half_dots_avx2(__m256i *dot, const pal_part_tile *t, const pal_product *p, int b, size_t at, int i,
                                    size_t half, const int count, const part_kind kind)
{
    __m256i narrow[PAL_MAX_ROWS];
    for (int k = 0; k < count; k++) narrow[k] = _mm256_setzero_si256();
    for (size_t g = 4 * half; g < 4 * half + 4; g++) {
        const __m256i w = (__m256i)t->q[b][g], magnitude = kind != SIGNED_HALVES ? w : _mm256_abs_epi8(w);
        for (int k = 0; k < count; k++) {
            __m256i x = pal_four_columns_avx2(p, i + k, at, g);
            if (kind == SIGNED_HALVES) x = _mm256_sign_epi8(x, w);
            narrow[k] = _mm256_add_epi16(narrow[k], _mm256_maddubs_epi16(magnitude, x));
        }
    }
    for (int k = 0; k < count; k++) dot[k] = _mm256_madd_epi16(narrow[k], _mm256_set1_epi16(1));
}

/* dpbusd does the same and adds in 32 bits. */
PAL_VNNI_INLINE void half_dots_vnni(__m256i *dot, const pal_part_tile *t, const pal_product *p, int b, size_t at, int i,
                                    size_t half, const int count, const part_kind kind)
{
    for (int k = 0; k < count; k++) dot[k] = _mm256_setzero_si256();
    for (size_t g = 4 * half; g < 4 * half + 4; g++) {
        const __m256i w = (__m256i)t->q[b][g], magnitude = kind != SIGNED_HALVES ? w : _mm256_abs_epi8(w);
        for (int k = 0; k < count; k++) {
            __m256i x = pal_four_columns_avx2(p, i + k, at, g);
            if (kind == SIGNED_HALVES) x = _mm256_sign_epi8(x, w);
            dot[k] = _mm256_dpbusd_epi32(dot[k], magnitude, x);
        }
    }
}

PAL_AVX2_INLINE __m256 add_term_avx2(__m256 sum, __m256 value, pal_f32x8 scales, float x_scale)
{
    return _mm256_add_ps(sum, _mm256_mul_ps(value, _mm256_mul_ps((__m256)scales, _mm256_set1_ps(x_scale))));
}

PAL_AVX2_INLINE void tile_rows_avx2(const pal_part_tile *t, const pal_product *p, int row, int first, int parts, int i,
                                    const int count, const part_kind kind, half_dots_fn *half_dots)
{
    __m256 sum[PAL_MAX_ROWS];
    for (int k = 0; k < count; k++)
        sum[k] = first ? _mm256_loadu_ps(p->y + (size_t)(i + k) * p->y_stride + row) : _mm256_setzero_ps();
    for (int b = 0; b < parts; b++) {
        const size_t at = (size_t)first + (size_t)b;
        __m256i dot[2][PAL_MAX_ROWS];
        half_dots(dot[0], t, p, b, at, i, 0, count, kind);
        half_dots(dot[1], t, p, b, at, i, 1, count, kind);
        for (int k = 0; k < count; k++) {
            const float s = activation_scale(p, i + k, at);
            if (kind == SIGNED_HALVES)
                sum[k] = add_term_avx2(sum[k], _mm256_cvtepi32_ps(dot[0][k]), t->scale[b][0], s);
            else
                dot[1][k] = _mm256_add_epi32(dot[0][k], dot[1][k]);
            if (kind == WITH_OFFSET) /* minus 16 times the sum of the activations' integers is twice their bias */
                dot[1][k] = _mm256_add_epi32(dot[1][k], _mm256_slli_epi32(pal_bias_avx2(p, i + k, at), 1));
            sum[k] = add_term_avx2(sum[k], _mm256_cvtepi32_ps(dot[1][k]), t->scale[b][kind == SIGNED_HALVES], s);
            if (kind == WITH_MINIMUM)
                sum[k] = add_term_avx2(sum[k], _mm256_set1_ps(activation_sum(p, i + k, at)), t->minimum[b], s);
        }
    }
    pal_store_sums_avx2(sum, p, i, row, count);
}

PAL_AVX2_INLINE void tile_kind_avx2(const pal_part_tile *t, const pal_product *p, int row, int first, int parts,
                                    const part_kind kind, half_dots_fn *half_dots)
{
    int i = 0;
    for (; i + 4 <= p->n; i += 4) tile_rows_avx2(t, p, row, first, parts, i, 4, kind, half_dots);
    for (; i < p->n; i++) tile_rows_avx2(t, p, row, first, parts, i, 1, kind, half_dots);
}

PAL_AVX2 static void tile_avx2(const pal_part_tile *t, const pal_product *p, part_kind kind, int row, int first,
                               int parts)
{
    switch (kind) {
    case WITH_MINIMUM: tile_kind_avx2(t, p, row, first, parts, WITH_MINIMUM, half_dots_avx2); break;
    case WITH_OFFSET: tile_kind_avx2(t, p, row, first, parts, WITH_OFFSET, half_dots_avx2); break;
    default: tile_kind_avx2(t, p, row, first, parts, SIGNED_HALVES, half_dots_avx2); break;
    }
}

PAL_AVX2 static void matmul_parts_avx2(const pal_product *p)
{
    run_part_tiles(p, tile_avx2);
}

PAL_VNNI static void tile_vnni(const pal_part_tile *t, const pal_product *p, part_kind kind, int row, int first,
                               int parts)
{
    switch (kind) {
    case WITH_MINIMUM: tile_kind_avx2(t, p, row, first, parts, WITH_MINIMUM, half_dots_vnni); break;
    case WITH_OFFSET: tile_kind_avx2(t, p, row, first, parts, WITH_OFFSET, half_dots_vnni); break;
    default: tile_kind_avx2(t, p, row, first, parts, SIGNED_HALVES, half_dots_vnni); break;
    }
}

PAL_AVX2 static void matmul_parts_vnni(const pal_product *p)
{
    run_part_tiles(p, tile_vnni);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_matmul_parts(pal_kernels *k)
{
    k->matmul_parts = matmul_parts_ref;
#if defined(PAL_HAVE_SIMD128)
    if (pal_uses(k, PAL_ISA_SIMD128)) k->matmul_parts = matmul_parts_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (pal_uses(k, PAL_ISA_AVX2)) k->matmul_parts = matmul_parts_avx2;
    if (pal_uses(k, PAL_ISA_VNNI)) k->matmul_parts = matmul_parts_vnni;
#endif
}
