/* dequantize.c - converts weights of every tensor type to f32; not for inner loops.
 *
 * The blocks are ggml's (ggml-common.h; for the 6-bit scales ggml-quants.c, get_scale_min_k4).  Products are computed
 * in the order of the `gguf` Python package: the two levels of a scale first, then the integer; then the minimum is
 * subtracted or added.  So the bits are equal (tests/golden/dequantize.bin). */
#include "blocks.h"
#include "../core/tensor_type.h"

static void dequantize_f16(float *x, const unsigned char *w, size_t count)
{
    for (size_t i = 0; i < count; i++) x[i] = pal_f16_to_f32(pal_load_u16(w + 2 * i));
}

/* A bf16 is the upper half of a float. */
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

/* { f16 scale, minimum; nibbles } */
static void dequantize_q4_1(float *x, const unsigned char *w)
{
    float scale = pal_block_scale(w), minimum = pal_block_scale(w + 2);
    for (int i = 0; i < PAL_BLOCK; i++) x[i] = scale * (float)pal_nibble_at(w + 4, i) + minimum;
}

/* { f16 scale; u32 fifth bits; nibbles } */
static void dequantize_q5_0(float *x, const unsigned char *w)
{
    float scale = pal_block_scale(w);
    for (int i = 0; i < PAL_BLOCK; i++)
        x[i] = scale * (float)((pal_nibble_at(w + 6, i) | pal_fifth_bit(w + 2, i)) - 16);
}

/* { f16 scale, minimum; u32 fifth bits; nibbles } */
static void dequantize_q5_1(float *x, const unsigned char *w)
{
    float scale = pal_block_scale(w), minimum = pal_block_scale(w + 2);
    for (int i = 0; i < PAL_BLOCK; i++)
        x[i] = scale * (float)(pal_nibble_at(w + 8, i) | pal_fifth_bit(w + 4, i)) + minimum;
}

/* ---- blocks of 256 ------------------------------------------------------ */

/* { f16 scale, scale of minima; scales; [high: 32 bytes, bit p for part p]; nibbles, 32 bytes for two parts } */
static void dequantize_super(float *x, const unsigned char *w, const unsigned char *high, const unsigned char *nibbles)
{
    for (int part = 0; part < PAL_SUPER / PAL_BLOCK; part++) {
        float scale = pal_block_scale(w) * (float)pal_super_scale(w + 4, part);
        float minimum = pal_block_scale(w + 2) * (float)pal_super_minimum(w + 4, part);
        const unsigned char *low = nibbles + (size_t)(part / 2) * PAL_BLOCK;
        for (int i = 0; i < PAL_BLOCK; i++) {
            int q = low[i] >> part % 2 * 4 & 15;
            if (high) q |= (high[i] >> part & 1) << 4;
            *x++ = scale * (float)q - minimum;
        }
    }
}

static void dequantize_q4_k(float *x, const unsigned char *w)
{
    dequantize_super(x, w, NULL, w + 4 + PAL_SUPER_SCALES);
}

static void dequantize_q5_k(float *x, const unsigned char *w)
{
    const unsigned char *high = w + 4 + PAL_SUPER_SCALES;
    dequantize_super(x, w, high, high + PAL_BLOCK);
}

/* { 128 bytes of nibbles, 64 bytes of pairs of upper bits, int8 scales of 16 elements each, f16 scale } */
static void dequantize_q6_k(float *x, const unsigned char *w)
{
    float scale = pal_block_scale(w + 208);
    for (int i = 0; i < PAL_SUPER; i++) x[i] = scale * (float)(int8_t)w[192 + i / 16] * (float)pal_q6_k_at(w, i);
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
