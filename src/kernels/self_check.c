/* self_check.c - a digest of the results of every kernel, on inputs small enough to run when a page starts.
 *
 * Shapes cover the cases that variants treat separately: one full tile, more than one, and remainders in queries, rows,
 * columns and lanes.  Values are ordinary ones; the largest magnitudes with alternating signs, which bring integer sums
 * closest to their limits; and infinite scales, which vector code treats separately. */
#include "self_check.h"
#include "blocks.h"
#include "panels.h"

#include "../core/math.h"
#include "../core/tensor_type.h"

#include <string.h>

/* Sizes of products.  SOME rows of activations are one tile and a remainder; LARGE_ROWS by LARGE_COLS weights are more
 * than one tile. matmul_parts has tiles of 1024 columns. y has a gap between its rows. */
enum { SOME = 5, LARGE_ROWS = 43, LARGE_COLS = 288, MAX_COLS = SOME * 5 * PAL_SUPER, GAP = 3 };
enum { RESULTS = SOME * (LARGE_ROWS + GAP), WEIGHTS = LARGE_ROWS * LARGE_COLS * 2, PANEL_BYTES = 5 * PAL_SUPER * 9 };
/* Sizes of attention and of row kernels. */
enum { KEYS = 48, HEAD = 40, QUERIES = 9, ROW_FLOATS = 2 * QUERIES * HEAD };

/* The inputs of the kernels, and the digest of their results. */
typedef struct {
    const pal_kernels *k;
    uint32_t state, digest;
    float x[MAX_COLS], y[RESULTS];
    int8_t q[MAX_COLS];
    int16_t wide[MAX_COLS];
    float scale[MAX_COLS / PAL_BLOCK];
    int32_t bias[MAX_COLS / PAL_BLOCK];
    unsigned char weights[WEIGHTS], scratch[PANEL_BYTES];
    float gain[ROW_FLOATS], sine[ROW_FLOATS], out[ROW_FLOATS];
    float keys[2 * KEYS * HEAD], values[2 * KEYS * HEAD], scores[PAL_ATTENTION_ROWS * KEYS];
} bench;

typedef enum { ORDINARY, EXTREME, INFINITE, NARROW, NARROW_EXTREME, NARROW_INFINITE, KINDS } value_kind;

/* The linear congruential generator of Numerical Recipes, upper bits; the inputs must be the same in every run. */
static uint32_t next(bench *b)
{
    b->state = b->state * 1664525u + 1013904223u;
    return b->state >> 8;
}

/* Fills x with values in -largest .. largest. */
static void fill(bench *b, float *x, int count, float largest)
{
    for (int i = 0; i < count; i++) x[i] = ((float)next(b) * 0x1p-23f - 1.0f) * largest;
}

static uint32_t mix(uint32_t digest, uint32_t word)
{
    return ((digest << 5 | digest >> 27) ^ word) * 0x9e3779b1u;
}

uint32_t pal_digest_add(uint32_t digest, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        digest = mix(digest, (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits);
    }
    return digest;
}

static void take(bench *b, const float *x, size_t count)
{
    b->digest = pal_digest_add(b->digest, x, count);
}

/* ---- products ----------------------------------------------------------- */

static void put_half(unsigned char *at, float value)
{
    uint16_t half = pal_f32_to_f16(value);
    memcpy(at, &half, sizeof half);
}

/* Stores one element in half precision or f32. */
static void put_float(unsigned char *at, uint32_t type, float value)
{
    if (type == PAL_F16)
        put_half(at, value);
    else if (type == PAL_BF16)
        memcpy(at, (char *)&value + 2, 2);
    else
        memcpy(at, &value, sizeof value);
}

/* Makes one block of integers: random ones; the extremes -128 and 127, or nibbles -8 and 7, or all ones for other
 * types, so that whole blocks have one sign against every second activation; 6-bit ones, random or extreme; or positive
 * dots, so that infinities do not cancel.  Then adds its scale, and its minimum if the type has one. */
static void put_block(bench *b, unsigned char *at, uint32_t type, value_kind kind, float scale, float minimum)
{
    const size_t size = pal_tensor_block_bytes(type), scale_at = type == PAL_Q6_K ? size - PAL_SCALE_BYTES : 0;
    const bool sign = type == PAL_Q8_0, nibbles = type == PAL_Q4_0;
    const unsigned char odd = sign ? 0x80 : nibbles ? 0x00 : 0xff, even = sign ? 0x7f : 0xff;
    for (size_t i = 0; i < size; i++) switch (kind) {
        case EXTREME: at[i] = i % 2 ? odd : even; break;
        case NARROW: at[i] = (unsigned char)(next(b) % 63 - 31); break;
        case NARROW_EXTREME: at[i] = (unsigned char)(i % 2 ? -31 : 31); break;
        case INFINITE: at[i] = type == PAL_Q6_K ? 0xff : 0x7f; break; /* 0x7f is of both signs in Q6_K: NaN */
        case NARROW_INFINITE: at[i] = 31; break;
        default: at[i] = (unsigned char)next(b); break;
        }
    put_half(at + scale_at, scale);
    if (type == PAL_Q4_1 || type == PAL_Q5_1 || type == PAL_Q4_K || type == PAL_Q5_K)
        put_half(at + PAL_SCALE_BYTES, minimum);
}

/* In -1 .. 1; for the infinite kinds negative or -infinity, so that all eight rows of a panel have one sign. */
static float some_weight(bench *b, value_kind kind, bool infinite)
{
    const float u = (float)next(b) * 0x1p-23f - 1.0f;
    if (kind != INFINITE && kind != NARROW_INFINITE) return u;
    return infinite ? -__builtin_inff() : u > 0.0f ? -u : u;
}

/* Makes a matrix as in a file, then packs it into panels. */
static void make_weights(bench *b, uint32_t type, int rows, int cols, value_kind kind)
{
    const size_t size = pal_tensor_block_bytes(type), blocks = pal_row_bytes(type, cols) * (size_t)rows / size;
    const bool whole = pal_weights_float(type);
    const size_t apart = whole ? 83 : 4; /* distance between infinite values */
    for (size_t i = 0; i < blocks; i++) {
        const float value = some_weight(b, kind, i % apart == 1), minimum = some_weight(b, kind, i % apart == 2);
        if (whole)
            put_float(b->weights + i * size, type, value);
        else
            put_block(b, b->weights + i * size, type, kind, value * 0.5f, minimum * 0.5f);
    }
    pal_panels_pack(b->weights, type, rows, cols, b->scratch);
}

/* The values include ties, which round to even, and blocks close to the magnitude below which a block becomes zeros. */
static void make_activations(bench *b, int count, value_kind kind)
{
    fill(b, b->x, count, 1.0f);
    for (int i = 0; i < count; i++)
        if (kind == INFINITE || kind == NARROW_INFINITE)
            b->x[i] = b->x[i] < 0.0f ? -b->x[i] : b->x[i];
        else if (kind == EXTREME || kind == NARROW_EXTREME)
            b->x[i] = i % 2 ? -127.0f : 127.0f;
        else if (i / PAL_BLOCK % 5 == 3)
            b->x[i] = i % PAL_BLOCK ? (float)(int)(b->x[i] * 127.0f) + 0.5f : 127.0f;
        else if (i / PAL_BLOCK % 7 >= 5)
            b->x[i] = i % (7 * PAL_BLOCK) == 5 * PAL_BLOCK ? 0x1p-100f : b->x[i] * 0x1p-100f;
    const int whole = count - count % PAL_BLOCK;
    const pal_quantized xq = {b->q, b->scale, b->bias, b->wide};
    b->k->quantize(&xq, b->x, (size_t)whole);
    for (int i = 0; i < whole; i++) b->digest = mix(b->digest, (uint8_t)b->q[i]);
    take(b, b->scale, (size_t)whole / PAL_BLOCK);
}

/* Multiplies n rows of activations by the weights made last. */
static void run_product(bench *b, uint32_t type, int n, int rows, int cols, value_kind kind)
{
    const pal_quantized xq = {b->q, b->scale, b->bias, b->wide};
    const bool narrow = pal_panels_narrow(b->weights, type, rows, cols);
    make_activations(b, n * cols, kind);
    memset(b->y, 0, sizeof b->y);
    pal_matmul_of(b->k, type)(&(pal_product){.y = b->y,
                                             .y_stride = (size_t)rows + GAP,
                                             .x = b->x,
                                             .xq = &xq,
                                             .w = b->weights,
                                             .n = n,
                                             .rows = rows,
                                             .cols = cols,
                                             .type = type,
                                             .narrow = narrow});
    b->digest = mix(b->digest, narrow);
    take(b, b->y, (size_t)n * ((size_t)rows + GAP));
}

/* Looks up rows, as embeddings are looked up. */
static void run_lookup(bench *b, uint32_t type, int rows, int cols)
{
    for (int row = 0; row < rows; row += 5) {
        pal_panels_row(b->scratch, b->weights, type, rows, cols, row);
        pal_dequantize(b->x, b->scratch, type, (size_t)cols);
        take(b, b->x, (size_t)cols);
    }
}

/* One panel and a remainder, for every number of activation rows that is treated separately. */
static void run_small(bench *b, uint32_t type, value_kind kind)
{
    static const int n[] = {1, 2, 3, SOME};
    const int block = (int)pal_tensor_block(type), rows = PAL_PANEL + GAP;
    const int cols = block == PAL_SUPER ? PAL_SUPER : 2 * PAL_BLOCK + (block == 1) * GAP;
    make_weights(b, type, rows, cols, kind);
    for (size_t i = 0; i < sizeof n / sizeof *n; i++) run_product(b, type, n[i], rows, cols, kind);
    run_lookup(b, type, rows, cols);
}

/* More than one tile in every dimension. */
static void run_large(bench *b, uint32_t type, value_kind kind)
{
    const bool whole = pal_weights_float(type), wide = !whole && type != PAL_Q8_0 && type != PAL_Q4_0;
    const int rows = whole || wide ? PAL_PANEL + GAP : LARGE_ROWS;
    const int cols = whole                                 ? LARGE_COLS + GAP
                     : !wide                               ? LARGE_COLS
                     : pal_tensor_block(type) == PAL_SUPER ? 5 * PAL_SUPER
                                                           : 33 * PAL_BLOCK;
    make_weights(b, type, rows, cols, kind);
    run_product(b, type, SOME, rows, cols, kind);
}

/* Checks which weights count as 6-bit: none may be out of range, wherever in the panel it is. */
static void run_narrow(bench *b)
{
    make_weights(b, PAL_Q8_0, PAL_PANEL, PAL_BLOCK, NARROW);
    for (int i = 0; i < 8; i++) {
        unsigned char *at = b->weights + PAL_SCALES_BYTES + 17 * (size_t)i, kept = *at;
        for (int beyond = 128 - 32; beyond <= 128 + 32; beyond += 64) {
            *at = (unsigned char)beyond;
            b->digest = mix(b->digest, pal_panels_narrow(b->weights, PAL_Q8_0, PAL_PANEL, PAL_BLOCK));
        }
        *at = kept;
    }
}

static void run_products(bench *b, uint32_t type)
{
    const value_kind end = type == PAL_Q8_0 ? KINDS : NARROW;
    for (value_kind kind = ORDINARY; kind < end; kind++) run_small(b, type, kind);
    run_large(b, type, ORDINARY);
    if (type == PAL_Q8_0) run_large(b, type, NARROW), run_narrow(b);
}

/* ---- rows --------------------------------------------------------------- */

/* Lengths with and without a remainder, and values from the whole range of the exponential. */
static void run_rows(bench *b, int dim)
{
    enum { N = 2, HEADS = 2 };
    const int head_dim = dim - dim % 2, count = N * dim, turned = N * HEADS * head_dim;
    fill(b, b->x, ROW_FLOATS, 1.0f);
    b->k->rms_norm(b->out, b->x, b->gain, 1e-5f, N, dim);
    take(b, b->out, (size_t)count);
    b->k->layer_norm(b->out, b->x, b->gain, b->sine, 1e-5f, N, dim);
    take(b, b->out, (size_t)count);
    b->k->rope(b->x, b->gain, b->sine, N, HEADS, head_dim);
    take(b, b->x, (size_t)turned);
    b->k->rope_halves(b->x, b->gain, b->sine, N, HEADS, head_dim);
    take(b, b->x, (size_t)turned);
    b->k->add(b->x, b->gain, (size_t)count);
    take(b, b->x, (size_t)count);
    fill(b, b->x, count, dim % 4 ? 4.0f : 130.0f);
    b->k->swiglu(b->x, b->gain, (size_t)count);
    take(b, b->x, (size_t)count);
    fill(b, b->x, count, dim % 4 ? 4.0f : 16.0f);
    b->k->gelu(b->x, (size_t)count);
    take(b, b->x, (size_t)count);
}

/* Any half; of every eight, one is subnormal and one in each of their two registers is infinite. */
static uint16_t some_half(bench *b, int i, int count)
{
    const uint16_t any = (uint16_t)next(b);
    if (i % 8 == 4) return any & 0x83ffu;
    return i % 4 != 1 ? any : count % 3 ? 0xfc00u : 0x7c00u;
}

/* The conversions of cached keys and values. */
static void run_expand(bench *b, int count)
{
    uint16_t half[ROW_FLOATS];
    for (int i = 0; i < count; i++) half[i] = some_half(b, i, count);
    b->k->expand_f16(b->out, half, (size_t)count);
    take(b, b->out, (size_t)count);
    for (int lanes = 1; lanes <= PAL_PANEL; lanes += PAL_PANEL - 1) {
        for (int i = 0; i < count * lanes; i++) b->q[i] = (int8_t)next(b);
        for (int i = 0; i < lanes; i++) half[i] = count % 2 ? some_half(b, i, count) & 0x3fffu : some_half(b, i, count);
        b->k->expand_q8_0(b->out, b->q, half, count, lanes);
        take(b, b->out, (size_t)count * (size_t)lanes);
    }
}

/* ---- attention ---------------------------------------------------------- */

/* Rows of up to two heads.  The strides of the bias differ from all sizes. */
static void attend(bench *b, pal_attention a, const pal_seen *seen)
{
    const size_t dim = (size_t)a.head_dim;
    a.y = b->out, a.q = b->x, a.k = b->keys, a.v = b->values, a.own_k = b->gain, a.own_v = b->sine;
    a.scores = b->scores, a.seen = seen, a.capacity = KEYS;
    a.y_stride = a.q_stride = (size_t)a.heads * dim;
    a.v_stride = a.own_stride = (size_t)a.kv_heads * dim;
    a.k_stride = KEYS * dim, a.v_head = dim, a.bias_head = 7, a.bias_row = 5;
    b->k->attention(&a);
    take(b, b->out, (size_t)a.n * (size_t)a.heads * dim);
}

/* One to four rows of a head at a time, with score differences from the whole range of the exponential: first rows that
 * see all places below one, then rows that see sets, some with an own place, and with a bias. */
static void run_attention(bench *b, int head_dim)
{
    static const int below[QUERIES] = {43, 1, 7, 8, 9, 33, 16, 40, 24},
                     own[QUERIES] = {-1, 3, 44, 8, -1, 17, 0, -1, 39};
    static const uint8_t sets[4][KEYS / PAL_PANEL] = {{0xff, 0xff, 0, 0x2d, 0xff, 0xff},
                                                      {0xff, 0, 0, 0x80, 0xff, 0xff},
                                                      {0x01, 0, 0xa5, 0xff, 0, 0xff},
                                                      {0, 0, 0, 0, 0, 0x0c}};
    static const struct {
        int n, heads, kv_heads, first;
        float scale;
    } shapes[] = {
        {QUERIES, 2, 1, 0, 0.3f}, {1, 1, 1, 0, 0.3f}, {3, 2, 2, 5, 9.3f}, {1, 2, 1, 0, 30.1f}, {5, 1, 1, 4, 3.1f}};
    pal_seen all[QUERIES], some[QUERIES], mine[QUERIES];
    for (int i = 0; i < QUERIES; i++) {
        all[i] = (pal_seen){.below = below[i], .own = -1};
        some[i] = (pal_seen){.below = KEYS - i / 8, .set = sets[i % 4], .own = -1};
        mine[i] = (pal_seen){.below = below[i], .set = i % 3 ? sets[i % 4] : NULL, .own = own[i] < 0 ? 11 : own[i]};
    }
    fill(b, b->x, QUERIES * 2 * head_dim, 1.0f);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        pal_attention a = {.n = shapes[i].n,
                           .heads = shapes[i].heads,
                           .kv_heads = shapes[i].kv_heads,
                           .head_dim = head_dim,
                           .scale = shapes[i].scale};
        attend(b, a, all + shapes[i].first);
        attend(b, a, some + shapes[i].first);
        attend(b, a, mine + shapes[i].first);
        a.bias = b->gain;
        attend(b, a, all + shapes[i].first);
        attend(b, a, mine + shapes[i].first);
    }
}

uint32_t pal_kernels_digest(const pal_kernels *k)
{
    bench b;
    memset(&b, 0, sizeof b);
    b.k = k;
    for (uint32_t type = 0; type <= PAL_BF16; type++)
        if (pal_weights_known(type)) run_products(&b, type);
    fill(&b, b.gain, ROW_FLOATS, 1.0f);
    fill(&b, b.sine, ROW_FLOATS, 1.0f);
    fill(&b, b.keys, 2 * KEYS * HEAD, 1.0f);
    fill(&b, b.values, 2 * KEYS * HEAD, 1.0f);
    for (int dim = 2; dim <= 50; dim += 3) run_rows(&b, dim);
    for (int count = 1; count <= 34; count += 3) run_expand(&b, count);
    for (int head_dim = 8; head_dim <= HEAD; head_dim += 16) run_attention(&b, head_dim);
    return b.digest;
}

bool pal_self_check(unsigned isa)
{
    pal_kernels best, reference;
    pal_kernels_init(&best, isa);
    pal_kernels_init(&reference, PAL_ISA_REF);
    return pal_kernels_digest(&best) == PAL_DIGEST_TEXTS && pal_kernels_digest(&reference) == PAL_DIGEST_TEXTS;
}
