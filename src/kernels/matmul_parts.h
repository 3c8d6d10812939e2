/* matmul_parts.h - panels of weights with small scales and minima, unpacked for vector units (internal to kernels/).
 *
 * A part is 32 columns of a row: all of a block of Q4_1, Q5_0 and Q5_1, an eighth of a K block.  Eight rows of a panel
 * are unpacked together, a row in each 32-bit lane, into a tile that stays in the first-level cache: bytes, one an
 * integer, four columns of eight rows side by side, and the scales as floats.  Where a panel block has what, in words
 * (four bytes of each row):
 *
 *   Q4_1  0: scale, minimum      1-4: nibbles as in Q4_0
 *   Q5_0  (scales before) 0: fifth bits, that of column 4g+k as bit g of byte k      1-4: nibbles
 *   Q5_1  0: scale, minimum      1: fifth bits, likewise      2-5: nibbles
 *   Q4_K  0: scale, scale of minima      1-3: scales, minima      4-35: nibbles, eight words for two parts
 *   Q5_K  0-3: as Q4_K      4-11: fifth bits, bit p of a byte for part p      12-43: nibbles
 *   Q6_K  (scales before) 0-31: nibbles      32-47: upper pairs of bits      48-51: scales of 16 columns
 *
 * Written with the vectors of GCC and Clang: the same lines are AVX2 and simd128. */
#ifndef PAL_MATMUL_PARTS_H
#define PAL_MATMUL_PARTS_H

#include "lanes.h"
#include "panels.h"

#if defined(PAL_HAVE_SIMD128) || defined(PAL_HAVE_AVX2)

#if defined(PAL_HAVE_AVX2)
#define PAL_EIGHT        PAL_AVX2 static
#define PAL_EIGHT_INLINE __attribute__((always_inline)) PAL_AVX2 static inline
#else
#define PAL_EIGHT        static
#define PAL_EIGHT_INLINE __attribute__((always_inline)) static inline
#endif

typedef uint32_t u32x8 __attribute__((vector_size(32)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef uint8_t u8x32 __attribute__((vector_size(32)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef float f32x8 __attribute__((vector_size(32)));

enum { TILE_PARTS = 32, GROUPS = PAL_BLOCK / 4 };

typedef struct {
    u32x8 q[TILE_PARTS][GROUPS]; /* columns 4g .. 4g+3 of eight rows */
    f32x8 scale[TILE_PARTS][2];  /* of columns 0..15 and 16..31; of all where the type has only one */
    f32x8 minimum[TILE_PARTS];   /* what is added to scale * q */
} part_tile;

PAL_EIGHT_INLINE u32x8 word_at(const unsigned char *words, int index)
{
    u32x8 word;
    memcpy(&word, words + (size_t)index * sizeof word, sizeof word);
    return word;
}

/* The halves in the lower 16 bits as floats, by the recipe of pal_load_f16_simd128. */
PAL_EIGHT_INLINE f32x8 half_of(u32x8 word)
{
    u32x8 bits = (u32x8)((i32x8)(word << 16) >> 3) & 0x8fffe000u;
    f32x8 value = (f32x8)bits * 0x1p112f;
    u32x8 infinite = (u32x8)((word & 0x7c00u) == 0x7c00u) & 0x7f800000u;
    return (f32x8)((u32x8)value | infinite);
}

PAL_EIGHT_INLINE f32x8 float_of(u32x8 word)
{
    return __builtin_convertvector((i32x8)word, f32x8);
}

/* The f16 scales before the words. */
PAL_EIGHT_INLINE f32x8 scales_before(const unsigned char *panel)
{
    u16x8 halves;
    memcpy(&halves, panel, sizeof halves);
    return half_of(__builtin_convertvector(halves, u32x8));
}

PAL_EIGHT_INLINE u32x8 nibbles(u32x8 word, bool high)
{
    return (high ? word >> 4 : word) & 0x0f0f0f0fu;
}

/* Bit `bit` of every byte as its bit 4. */
PAL_EIGHT_INLINE u32x8 fifth_bits(u32x8 word, int bit)
{
    return (word >> bit & 0x01010101u) << 4;
}

/* ---- blocks of 32 ------------------------------------------------------- */

PAL_EIGHT void unpack_q4_1(part_tile *t, int part, const unsigned char *words)
{
    const u32x8 both = word_at(words, 0);
    t->scale[part][0] = half_of(both);
    t->minimum[part] = half_of(both >> 16);
    for (int g = 0; g < GROUPS; g++) t->q[part][g] = nibbles(word_at(words, 1 + g % 4), g >= 4);
}

PAL_EIGHT void unpack_q5_0(part_tile *t, int part, const unsigned char *panel)
{
    const unsigned char *words = panel + PAL_SCALES_BYTES;
    const u32x8 fifth = word_at(words, 0);
    t->scale[part][0] = scales_before(panel);
    for (int g = 0; g < GROUPS; g++) t->q[part][g] = nibbles(word_at(words, 1 + g % 4), g >= 4) | fifth_bits(fifth, g);
}

PAL_EIGHT void unpack_q5_1(part_tile *t, int part, const unsigned char *words)
{
    const u32x8 both = word_at(words, 0), fifth = word_at(words, 1);
    t->scale[part][0] = half_of(both);
    t->minimum[part] = half_of(both >> 16);
    for (int g = 0; g < GROUPS; g++) t->q[part][g] = nibbles(word_at(words, 2 + g % 4), g >= 4) | fifth_bits(fifth, g);
}

/* ---- blocks of 256 ------------------------------------------------------ */

/* pal_super_scale and pal_super_minimum, of eight rows. */
PAL_EIGHT_INLINE void unpack_scales(part_tile *t, int part, const unsigned char *words)
{
    const u32x8 both = word_at(words, 0), low = word_at(words, 1), middle = word_at(words, 2), high = word_at(words, 3);
    const f32x8 scale = half_of(both), minimum = -half_of(both >> 16);
    for (int i = 0; i < 4; i++) {
        const int at = 8 * i;
        t->scale[part + i][0] = scale * float_of(low >> at & 63u);
        t->minimum[part + i] = minimum * float_of(middle >> at & 63u);
        t->scale[part + i + 4][0] = scale * float_of((high >> at & 15u) | (low >> (at + 6) & 3u) << 4);
        t->minimum[part + i + 4] = minimum * float_of((high >> (at + 4) & 15u) | (middle >> (at + 6) & 3u) << 4);
    }
}

PAL_EIGHT void unpack_q4_k(part_tile *t, int part, const unsigned char *words)
{
    unpack_scales(t, part, words);
    for (int i = 0; i < 8; i++)
        for (int g = 0; g < GROUPS; g++) t->q[part + i][g] = nibbles(word_at(words, 4 + i / 2 * GROUPS + g), i % 2);
}

PAL_EIGHT void unpack_q5_k(part_tile *t, int part, const unsigned char *words)
{
    unpack_scales(t, part, words);
    for (int i = 0; i < 8; i++)
        for (int g = 0; g < GROUPS; g++) {
            const u32x8 fifth = fifth_bits(word_at(words, 4 + g), i);
            t->q[part + i][g] = nibbles(word_at(words, 12 + i / 2 * GROUPS + g), i % 2) | fifth;
        }
}

PAL_EIGHT void unpack_q6_k(part_tile *t, int part, const unsigned char *panel)
{
    const unsigned char *words = panel + PAL_SCALES_BYTES;
    const f32x8 scale = scales_before(panel);
    for (int i = 0; i < 8; i++) {
        const int half = i / 4, quarter = i % 4;
        const u32x8 two = word_at(words, 48 + i / 2) >> i % 2 * 16;
        t->scale[part + i][0] = scale * float_of((u32x8)((i32x8)(two << 24) >> 24));
        t->scale[part + i][1] = scale * float_of((u32x8)((i32x8)(two << 16) >> 24));
        for (int g = 0; g < GROUPS; g++) {
            const u32x8 high = (word_at(words, 32 + half * GROUPS + g) >> 2 * quarter & 0x03030303u) << 4;
            const u32x8 q = nibbles(word_at(words, half * 16 + quarter % 2 * GROUPS + g), quarter / 2) | high;
            t->q[part + i][g] = (u32x8)((u8x32)q - 32);
        }
    }
}

#endif
#endif
