/* self_check.c - every kernel against its reference on inputs small enough for the start of a page.
 *
 * Shapes reach what a variant treats apart: full tiles and their rests in queries, rows and lanes.  Values are
 * ordinary ones and, every third case, the largest magnitudes with alternating signs, where integer sums come
 * nearest to their limits. */
#include "self_check.h"
#include "blocks.h"
#include "kernels.h"
#include "panels.h"

#include "../core/math.h"
#include "../gguf/gguf.h"

#include <string.h>

enum { QUERIES = 9, ROWS = 19, COLS = 160, FLOATS = QUERIES * COLS, KEYS = 24, HEAD = 40 };

/* What two runs of a kernel are given and give. */
typedef struct {
    pal_kernels best, reference;
    uint32_t state;
    float x[FLOATS], gain[FLOATS], sine[FLOATS];
    float y[2][FLOATS], scratch[PAL_ATTENTION_ROWS * KEYS];
    float keys[KEYS * HEAD], values[KEYS * HEAD];
    unsigned char weights[ROWS * COLS * 4], room[PAL_PANEL * COLS * 4];
    int8_t q[2][FLOATS];
    int16_t wide[2][FLOATS];
    float scale[2][FLOATS / PAL_BLOCK];
    int32_t bias[2][FLOATS / PAL_BLOCK];
} bench;

/* The linear congruential generator of Numerical Recipes, upper bits: any inputs do, the same in every run. */
static uint32_t next(bench *b)
{
    b->state = b->state * 1664525u + 1013904223u;
    return b->state >> 8;
}

static void fill(bench *b, float *x, int count, bool extreme)
{
    for (int i = 0; i < count; i++) {
        float u = (float)next(b) * 0x1p-23f - 1.0f;
        x[i] = extreme ? (i % 2 ? -127.0f : 127.0f) : u;
    }
}

static bool same(const bench *b, int count)
{
    return memcmp(b->y[0], b->y[1], (size_t)count * sizeof(float)) == 0;
}

/* ---- products ----------------------------------------------------------- */

static void put_half(unsigned char *at, float value)
{
    uint16_t half = pal_f32_to_f16(value);
    memcpy(at, &half, sizeof half);
}

/* One element in half precision or f32. */
static void put_float(unsigned char *at, uint32_t type, float value)
{
    if (type == PAL_F16)
        put_half(at, value);
    else if (type == PAL_BF16)
        memcpy(at, (char *)&value + 2, 2);
    else
        memcpy(at, &value, sizeof value);
}

/* One block of integers: random ones; or -128 and 127, nibbles -8 and 7, and what else is all ones: whole blocks of one
 * sign, against every second activation.  Then its scale, and its minimum where it has one. */
static void put_block(bench *b, unsigned char *at, uint32_t type, bool extreme)
{
    const size_t size = pal_tensor_block_bytes(type), scale = type == PAL_Q6_K ? size - PAL_SCALE_BYTES : 0;
    const bool sign = type == PAL_Q8_0, nibbles = type == PAL_Q4_0;
    const unsigned char odd = sign ? 0x80 : nibbles ? 0x00 : 0xff, even = sign ? 0x7f : 0xff;
    for (size_t i = 0; i < size; i++) at[i] = (unsigned char)(extreme ? (i % 2 ? odd : even) : next(b));
    put_half(at + scale, (float)next(b) * 0x1p-24f);
    if (type == PAL_Q4_1 || type == PAL_Q5_1 || type == PAL_Q4_K || type == PAL_Q5_K)
        put_half(at + PAL_SCALE_BYTES, (float)next(b) * 0x1p-24f);
}

/* A matrix [ROWS, cols] as in a file, then in panels. */
static void make_weights(bench *b, uint32_t type, int cols, bool extreme)
{
    const size_t bytes = pal_row_bytes(type, cols) * ROWS, size = pal_tensor_block_bytes(type);
    for (unsigned char *at = b->weights; at < b->weights + bytes; at += size)
        if (pal_weights_float(type))
            put_float(at, type, (float)next(b) * 0x1p-23f - 1.0f);
        else
            put_block(b, at, type, extreme);
    pal_panels_pack(b->weights, type, ROWS, cols, b->room);
}

static bool check_product(bench *b, uint32_t type, int n, int cols, bool extreme)
{
    const size_t count = (size_t)n * (size_t)cols;
    fill(b, b->x, n * cols, extreme);
    make_weights(b, type, cols, extreme);
    for (int which = 0; which < 2; which++) {
        const pal_kernels *k = which ? &b->best : &b->reference;
        const pal_quantized xq = {b->q[which], b->scale[which], b->bias[which], b->wide[which]};
        k->quantize(&xq, b->x, count);
        pal_matmul_of(k, type)(&(pal_product){.y = b->y[which],
                                              .y_stride = ROWS,
                                              .x = b->x,
                                              .xq = &xq,
                                              .w = b->weights,
                                              .n = n,
                                              .rows = ROWS,
                                              .cols = cols,
                                              .type = type});
    }
    return same(b, n * ROWS) && memcmp(b->q[0], b->q[1], count) == 0 &&
           memcmp(b->scale[0], b->scale[1], count / PAL_BLOCK * sizeof(float)) == 0;
}

static bool check_products(bench *b)
{
    static const uint32_t types[] = {PAL_Q8_0, PAL_Q4_0, PAL_F16,  PAL_F32,  PAL_BF16, PAL_Q4_1,
                                     PAL_Q5_0, PAL_Q5_1, PAL_Q4_K, PAL_Q5_K, PAL_Q6_K};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int n = 1; n <= QUERIES; n++) {
            const int cols = pal_tensor_block(types[t]) == PAL_SUPER ? PAL_SUPER : n == QUERIES ? COLS : 64;
            if (n * cols <= FLOATS && !check_product(b, types[t], n, cols, n % 3 == 2)) return false;
        }
    return true;
}

/* ---- rows --------------------------------------------------------------- */

static bool check_rows(bench *b, int dim)
{
    const int n = 2;
    const size_t count = (size_t)n * (size_t)dim;
    bool good = true;
    for (int which = 0; which < 2; which++) {
        const pal_kernels *k = which ? &b->best : &b->reference;
        k->rms_norm(b->y[which], b->x, b->gain, 1e-5f, n, dim);
    }
    good = good && same(b, n * dim);
    for (int which = 0; which < 2; which++) {
        const pal_kernels *k = which ? &b->best : &b->reference;
        k->layer_norm(b->y[which], b->x, b->gain, b->sine, 1e-5f, n, dim);
        k->rope_halves(b->y[which], b->gain, b->sine, n, 1, dim - dim % 2);
        k->gelu(b->y[which], count);
    }
    good = good && same(b, n * dim);
    for (int which = 0; which < 2; which++) {
        const pal_kernels *k = which ? &b->best : &b->reference;
        memcpy(b->y[which], b->x, sizeof b->x);
        k->rope(b->y[which], b->gain, b->sine, n, 1, dim - dim % 2);
        k->swiglu(b->y[which], b->gain, count);
        k->add(b->y[which], b->x, count);
    }
    return good && same(b, n * dim);
}

/* ---- attention ---------------------------------------------------------- */

static bool check_attention(bench *b, int head_dim)
{
    static const int seen[QUERIES] = {1, 7, 8, 9, 16, 17, 23, 24, 24};
    const pal_attention_shape shape = {
        .n = QUERIES, .heads = 2, .kv_heads = 1, .head_dim = head_dim, .capacity = KEYS, .seen = seen, .scale = 0.3f};
    for (int which = 0; which < 2; which++) {
        const pal_kernels *k = which ? &b->best : &b->reference;
        k->attention(b->y[which], b->x, b->keys, b->values, b->scratch, &shape);
    }
    return same(b, QUERIES * 2 * head_dim);
}

bool pal_self_check(unsigned isa)
{
    bench b;
    memset(&b, 0, sizeof b);
    pal_kernels_init(&b.reference, PAL_ISA_REF);
    pal_kernels_init(&b.best, isa);
    if (!check_products(&b)) return false;
    fill(&b, b.gain, FLOATS, false);
    fill(&b, b.sine, FLOATS, false);
    fill(&b, b.keys, KEYS * HEAD, false);
    fill(&b, b.values, KEYS * HEAD, false);
    for (int dim = 2; dim <= 50; dim += 3) {
        fill(&b, b.x, FLOATS, false);
        if (!check_rows(&b, dim)) return false;
    }
    fill(&b, b.x, FLOATS, false);
    for (int head_dim = 8; head_dim <= HEAD; head_dim += 8)
        if (!check_attention(&b, head_dim)) return false;
    return true;
}
