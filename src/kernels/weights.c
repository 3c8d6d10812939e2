/* weights.c - converts f32 to the weight types that this engine writes; not for inner loops.
 *
 * It follows the reference quantisers of llama.cpp (ggml-quants.c, quantize_row_q8_0_ref and quantize_row_q4_0_ref):
 * the scale is rounded to half only when it is stored, and the integers are computed from the unrounded scale.
 * tests/golden/kernels.bin has the output of the `gguf` Python package for the same numbers; the bytes are equal. */
#include "blocks.h"
#include "../core/tensor_type.h"

#define F16_MAX 65504.0f

static float magnitude(float x)
{
    return x < 0.0f ? -x : x;
}

/* The first value of the largest magnitude, with its sign; +0 for a block of zeros of either sign. */
static float extreme(const float x[PAL_BLOCK])
{
    float best = 0.0f;
    for (int i = 0; i < PAL_BLOCK; i++)
        if (magnitude(x[i]) > magnitude(best)) best = x[i];
    return best;
}

/* 1 / scale, or 0 if that is not finite: the stored scale is zero then anyway. */
static float inverse_of(float scale)
{
    return magnitude(scale) > 0x1p-126f ? 1.0f / scale : 0.0f;
}

/* C's roundf, halves away from zero, for |x| < 2^23. */
static int round_half_away(float x)
{
    float a = magnitude(x);
    int whole = (int)a;
    whole += a - (float)whole >= 0.5f;
    return x < 0.0f ? -whole : whole;
}

static void store_scale(unsigned char *block, float scale)
{
    uint16_t half = pal_f32_to_f16(scale);
    block[0] = (unsigned char)(half & 255);
    block[1] = (unsigned char)(half >> 8);
}

static void quantize_q8_0(unsigned char *block, const float x[PAL_BLOCK])
{
    float scale = magnitude(extreme(x)) / 127.0f, inverse = inverse_of(scale);
    store_scale(block, scale);
    for (int i = 0; i < PAL_BLOCK; i++) block[PAL_SCALE_BYTES + i] = (unsigned char)round_half_away(x[i] * inverse);
}

/* The extreme value becomes -8, because the range has one more negative value. */
static int nibble(float x, float inverse)
{
    int q = (int)(x * inverse + 8.5f);
    return q < 15 ? q : 15;
}

static void quantize_q4_0(unsigned char *block, const float x[PAL_BLOCK])
{
    float scale = extreme(x) / -8.0f, inverse = inverse_of(scale);
    store_scale(block, scale);
    for (int i = 0; i < PAL_BLOCK / 2; i++) {
        int low = nibble(x[i], inverse), high = nibble(x[i + PAL_BLOCK / 2], inverse);
        block[PAL_SCALE_BYTES + i] = (unsigned char)(low | high << 4);
    }
}

/* Whether every value / divisor is finite as a half: refuses infinity, NaN and values that would become infinite. */
static bool fits(const float *x, size_t count, float divisor)
{
    for (size_t i = 0; i < count; i++)
        if (!(magnitude(x[i]) <= F16_MAX * divisor)) return false;
    return true;
}

bool pal_quantize_weights(void *w, const float *x, uint32_t type, size_t count)
{
    unsigned char *out = w;
    switch (type) {
    case PAL_F32: memcpy(w, x, count * sizeof *x); return true;
    case PAL_F16:
        if (!fits(x, count, 1.0f)) return false;
        for (size_t i = 0; i < count; i++) store_scale(out + 2 * i, x[i]);
        return true;
    case PAL_Q8_0:
        if (count % PAL_BLOCK != 0 || !fits(x, count, 127.0f)) return false;
        for (size_t i = 0; i < count; i += PAL_BLOCK, out += PAL_Q8_0_BYTES) quantize_q8_0(out, x + i);
        return true;
    case PAL_Q4_0:
        if (count % PAL_BLOCK != 0 || !fits(x, count, 8.0f)) return false;
        for (size_t i = 0; i < count; i += PAL_BLOCK, out += PAL_Q4_0_BYTES) quantize_q4_0(out, x + i);
        return true;
    default: return false;
    }
}
