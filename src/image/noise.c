/* noise.c - normal deviates, signs and dequantisation from addressed blocks of Philox. */
#include "noise.h"
#include "../core/math.h"
#include "../core/random.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt */

#define TWO_PI 0x1.921fb54442d18p2

static void block(uint32_t word[4], uint64_t seed, pal_noise_purpose purpose, uint32_t picture, uint32_t step,
                  int32_t i)
{
    const uint32_t counter[4] = {(uint32_t)i, step, picture, (uint32_t)purpose};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    pal_philox(word, counter, key);
}

static double uniform_of(uint32_t high, uint32_t low)
{
    return (double)((uint64_t)high << 21 | low >> 11) * 0x1p-53;
}

void pal_normals(uint64_t seed, pal_noise_purpose purpose, uint32_t picture, uint32_t step, int32_t size, float *z)
{
    for (int32_t i = 0; i < size; i += 2) {
        uint32_t word[4];
        double sine, cosine;
        block(word, seed, purpose, picture, step, i / 2);
        double radius = sqrt(-2.0 * pal_log(1.0 - uniform_of(word[0], word[1])));
        pal_sincos(TWO_PI * uniform_of(word[2], word[3]), &sine, &cosine);
        z[i] = (float)(radius * cosine);
        if (i + 1 < size) z[i + 1] = (float)(radius * sine);
    }
}

void pal_signs(uint64_t seed, pal_noise_purpose purpose, uint32_t picture, uint32_t step, int32_t size, float *v)
{
    uint32_t word[4] = {0, 0, 0, 0};
    for (int32_t i = 0; i < size; i++) {
        if (i % 128 == 0) block(word, seed, purpose, picture, step, i / 128);
        v[i] = word[i % 128 / 32] >> (i % 32) & 1u ? 1.0f : -1.0f;
    }
}

void pal_dequantise(uint64_t seed, uint32_t picture, uint32_t draw, const uint8_t *bytes, int32_t size, float *x)
{
    for (int32_t i = 0; i < size; i++) {
        uint32_t word[4];
        block(word, seed, PAL_NOISE_DEQUANTISE, picture, draw, i);
        /* 15 bits are enough to dequantise a byte, and with 15 bits the sum below is exact in a float. */
        x[i] = ((float)bytes[i] + (float)(word[0] >> 17) * 0x1p-15f) * 0x1p-7f - 1.0f;
    }
}
