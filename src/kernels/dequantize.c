/* dequantize.c - weights of every tensor type to f32; not for inner loops.
 *
 * The blocks are ggml's (ggml-common.h; for the 6-bit scales ggml-quants.c, get_scale_min_k4).  The products are
 * taken in the order in which the `gguf` Python package takes them: the two levels of a scale first, then the
 * integer, then the minimum is subtracted or added; so the bits are equal (tests/golden/dequantize.bin). */
#include "blocks.h"
#include "../gguf/gguf.h"

enum { SUPER = 256, SUB = 32, SUPER_SCALES = 12 }; /* elements of a K block and of its parts; bytes of its scales */

static void dequantize_f16(float *x, const unsigned char *w, size_t count)
{
    for (size_t i = 0; i < count; i++) x[i] = pal_f16_to_f32(pal_load_u16(w + 2 * i));
}

/* The upper half of a float. */
static void dequantize_bf16(float *x, const unsigned char *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)pal_load_u16(w + 2 * i) << 16;
        memcpy(x + i, &bits, sizeof bits);
    }
}

/* ---- blocks of 32 ------------------------------------------------------- */

static void dequantize_q8_0(float *x, const unsigned char *w)
{
    int8_t q[PAL_BLOCK];
    float scale = pal_block_scale(w);
    pal_unpack_q8_0(q, w);
    for (int i = 0; i < PAL_BLOCK; i++) x[i] = (float)q[i] * scale;
}

static void dequantize_q4_0(float *x, const unsigned char *w)
{
    int8_t q[PAL_BLOCK];
    float scale = pal_block_scale(w);
    pal_unpack_q4_0(q, w);
    for (int i = 0; i < PAL_BLOCK; i++) x[i] = (float)q[i] * scale;
}

/* Element i of a block whose low nibbles are the elements 0..15. */
static int nibble_at(const unsigned char *bytes, int i)
{
    return i < PAL_BLOCK / 2 ? bytes[i] & 15 : bytes[i - PAL_BLOCK / 2] >> 4;
}

/* { f16 scale, minimum; nibbles } */
static void dequantize_q4_1(float *x, const unsigned char *w)
{
    float scale = pal_block_scale(w), minimum = pal_block_scale(w + 2);
    for (int i = 0; i < PAL_BLOCK; i++) x[i] = scale * (float)nibble_at(w + 4, i) + minimum;
}

/* The fifth bit of element i is bit i of four bytes. */
static int fifth_bit(const unsigned char *bytes, int i)
{
    return (bytes[i / 8] >> i % 8 & 1) << 4;
}

/* { f16 scale; u32 fifth bits; nibbles } */
static void dequantize_q5_0(float *x, const unsigned char *w)
{
    float scale = pal_block_scale(w);
    for (int i = 0; i < PAL_BLOCK; i++) x[i] = scale * (float)((nibble_at(w + 6, i) | fifth_bit(w + 2, i)) - 16);
}

/* { f16 scale, minimum; u32 fifth bits; nibbles } */
static void dequantize_q5_1(float *x, const unsigned char *w)
{
    float scale = pal_block_scale(w), minimum = pal_block_scale(w + 2);
    for (int i = 0; i < PAL_BLOCK; i++) x[i] = scale * (float)(nibble_at(w + 8, i) | fifth_bit(w + 4, i)) + minimum;
}

/* ---- blocks of 256 ------------------------------------------------------ */

/* Eight scales and eight minima of 6 bits in 12 bytes: the first four of each in the low bits of bytes 0..3 and
 * 4..7, of the last four the low nibbles in bytes 8..11 and the rest above the first ones. */
static int super_scale(const unsigned char *s, int i)
{
    return i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
}

static int super_minimum(const unsigned char *s, int i)
{
    return i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | (s[i] >> 6) << 4;
}

/* { f16 scale, scale of minima; scales; [high: 32 bytes, bit p belongs to part p]; nibbles, 32 bytes for two parts } */
static void dequantize_super(float *x, const unsigned char *w, const unsigned char *high, const unsigned char *nibbles)
{
    for (int part = 0; part < SUPER / SUB; part++) {
        float scale = pal_block_scale(w) * (float)super_scale(w + 4, part);
        float minimum = pal_block_scale(w + 2) * (float)super_minimum(w + 4, part);
        const unsigned char *low = nibbles + (size_t)(part / 2) * SUB;
        for (int i = 0; i < SUB; i++) {
            int q = low[i] >> part % 2 * 4 & 15;
            if (high) q |= (high[i] >> part & 1) << 4;
            *x++ = scale * (float)q - minimum;
        }
    }
}

static void dequantize_q4_k(float *x, const unsigned char *w)
{
    dequantize_super(x, w, NULL, w + 4 + SUPER_SCALES);
}

static void dequantize_q5_k(float *x, const unsigned char *w)
{
    const unsigned char *high = w + 4 + SUPER_SCALES;
    dequantize_super(x, w, high, high + SUB);
}

/* { 128 bytes of nibbles, 64 of upper pairs of bits, int8 scales of 16 elements each, f16 scale }.  Each half of the
 * block, 128 elements, has 64 bytes of nibbles (low ones first) and 32 bytes with four pairs each. */
static void dequantize_q6_k(float *x, const unsigned char *w)
{
    float scale = pal_block_scale(w + 208);
    for (int i = 0; i < SUPER; i++) {
        int half = i / 128, part = i / SUB % 4, at = i % SUB;
        int low = w[64 * half + part % 2 * SUB + at] >> part / 2 * 4 & 15;
        int high = w[128 + SUB * half + at] >> 2 * part & 3;
        x[i] = scale * (float)(int8_t)w[192 + i / 16] * (float)((low | high << 4) - 32);
    }
}

/* ---- by type ------------------------------------------------------------ */

typedef void dequantize_fn(float *x, const unsigned char *w);

static dequantize_fn *block_function(uint32_t type)
{
    switch (type) {
    case PAL_Q8_0: return dequantize_q8_0;
    case PAL_Q4_0: return dequantize_q4_0;
    case PAL_Q4_1: return dequantize_q4_1;
    case PAL_Q5_0: return dequantize_q5_0;
    case PAL_Q5_1: return dequantize_q5_1;
    case PAL_Q4_K: return dequantize_q4_k;
    case PAL_Q5_K: return dequantize_q5_k;
    case PAL_Q6_K: return dequantize_q6_k;
    default: return NULL;
    }
}

void pal_dequantize(float *x, const void *w, uint32_t type, size_t count)
{
    const unsigned char *bytes = w;
    if (type == PAL_F32) {
        memcpy(x, w, count * sizeof *x);
    } else if (type == PAL_F16) {
        dequantize_f16(x, bytes, count);
    } else if (type == PAL_BF16) {
        dequantize_bf16(x, bytes, count);
    } else {
        dequantize_fn *block = block_function(type);
        size_t elements = pal_tensor_block(type), size = pal_tensor_block_bytes(type);
        PAL_ASSERT(block != NULL); /* types were checked when the model was opened */
        for (size_t i = 0; i < count; i += elements, bytes += size) block(x + i, bytes);
    }
}
