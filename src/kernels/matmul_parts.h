/* matmul_parts.h - panels of weights with small scales and minima, unpacked for vector units (internal to kernels/).
 *
 * A part is 32 columns of a row: all of a block of Q4_1, Q5_0 and Q5_1, an eighth of a K block.  Eight rows of a panel
 * are unpacked together, one row per 32-bit lane, into a tile that stays in the first-level cache.  The tile holds
 * integers as bytes, four columns of eight rows side by side, and scales as floats.  The layout of a panel block, in
 * words (four bytes of each row):
 *
 *   Q4_1  0: scale, minimum      1-4: nibbles as in Q4_0
 *   Q5_0  (scales before) 0: fifth bits, that of column 4g+k as bit g of byte k      1-4: nibbles
 *   Q5_1  0: scale, minimum      1: fifth bits as in Q5_0      2-5: nibbles
 *   Q4_K  0: scale, scale of minima      1-3: scales, minima      4-35: nibbles, eight words for two parts
 *   Q5_K  0-3: as Q4_K      4-11: fifth bits, bit p of a byte for part p      12-43: nibbles
 *   Q6_K  (scales before) 0-31: nibbles      32-47: upper pairs of bits      48-51: scales of 16 columns
 *
 * The code uses the vector extensions of GCC and Clang, so the same lines compile to AVX2 and to simd128. */
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

typedef uint32_t pal_u32x8 __attribute__((vector_size(32)));
typedef int32_t pal_i32x8 __attribute__((vector_size(32)));
typedef uint8_t pal_u8x32 __attribute__((vector_size(32)));
typedef uint16_t pal_u16x8 __attribute__((vector_size(16)));
typedef float pal_f32x8 __attribute__((vector_size(32)));

enum { PAL_TILE_PARTS = 32, PAL_BLOCK_GROUPS = PAL_BLOCK / 4 };

typedef struct {
    pal_u32x8 q[PAL_TILE_PARTS][PAL_BLOCK_GROUPS]; /* columns 4g .. 4g+3 of eight rows */
    pal_f32x8 scale[PAL_TILE_PARTS][2]; /* of columns 0..15 and 16..31; if the type has one scale for both, [0] only */
    pal_f32x8 minimum[PAL_TILE_PARTS];  /* added to scale * q */
} pal_part_tile;

PAL_EIGHT_INLINE pal_u32x8 pal_word_at(const unsigned char *words, int index)
{
    pal_u32x8 word;
    memcpy(&word, words + (size_t)index * sizeof word, sizeof word);
    return word;
}

/* Converts the halves in the lower 16 bits to floats, as pal_load_f16_simd128 does. */
PAL_EIGHT_INLINE pal_f32x8 pal_f32_of_halves(pal_u32x8 word)
{
    pal_u32x8 bits = (pal_u32x8)((pal_i32x8)(word << 16) >> 3) & 0x8fffe000u;
    pal_f32x8 value = (pal_f32x8)bits * 0x1p112f;
    pal_u32x8 infinite = (pal_u32x8)((word & 0x7c00u) == 0x7c00u) & 0x7f800000u;
    return (pal_f32x8)((pal_u32x8)value | infinite);
}

PAL_EIGHT_INLINE pal_f32x8 pal_f32_of_ints(pal_u32x8 word)
{
    return __builtin_convertvector((pal_i32x8)word, pal_f32x8);
}

/* Converts the upper bytes, which are signed. */
PAL_EIGHT_INLINE pal_f32x8 pal_f32_of_signed_bytes(pal_u32x8 word)
{
    return __builtin_convertvector((pal_i32x8)word >> 24, pal_f32x8);
}

/* The f16 scales that precede the words. */
PAL_EIGHT_INLINE pal_f32x8 pal_scales_before(const unsigned char *panel)
{
    pal_u16x8 halves;
    memcpy(&halves, panel, sizeof halves);
    return pal_f32_of_halves(__builtin_convertvector(halves, pal_u32x8));
}

/* Splits nibbles: the low ones of every byte, and the high ones. */
PAL_EIGHT_INLINE void pal_split_nibbles(pal_u32x8 *low, pal_u32x8 *high, pal_u32x8 word)
{
    *low = word & 0x0f0f0f0fu;
    *high = word >> 4 & 0x0f0f0f0fu;
}

/* Moves bit `bit` of every byte to bit 4. */
PAL_EIGHT_INLINE pal_u32x8 pal_fifth_bits(pal_u32x8 word, int bit)
{
    return (word >> bit & 0x01010101u) << 4;
}

/* A part of five bits each: four words of nibbles, and the fifth bits. */
PAL_EIGHT_INLINE void pal_unpack_fives(pal_u32x8 q[PAL_BLOCK_GROUPS], const unsigned char *words, pal_u32x8 fifth)
{
    PAL_UNROLL for (int g = 0; g < 4; g++)
    {
        pal_u32x8 low, high;
        pal_split_nibbles(&low, &high, pal_word_at(words, g));
        q[g] = low | pal_fifth_bits(fifth, g);
        q[g + 4] = high | pal_fifth_bits(fifth, g + 4);
    }
}

/* ---- blocks of 32 ------------------------------------------------------- */

PAL_EIGHT void pal_unpack_part_q4_1(pal_part_tile *t, int part, const unsigned char *words)
{
    const pal_u32x8 both = pal_word_at(words, 0);
    t->scale[part][0] = pal_f32_of_halves(both);
    t->minimum[part] = pal_f32_of_halves(both >> 16);
    PAL_UNROLL for (int g = 0; g < 4; g++)
        pal_split_nibbles(&t->q[part][g], &t->q[part][g + 4], pal_word_at(words, 1 + g));
}

PAL_EIGHT void pal_unpack_part_q5_0(pal_part_tile *t, int part, const unsigned char *panel)
{
    const unsigned char *words = panel + PAL_SCALES_BYTES;
    const pal_u32x8 fifth = pal_word_at(words, 0);
    t->scale[part][0] = pal_scales_before(panel);
    pal_unpack_fives(t->q[part], words + sizeof fifth, fifth);
}

PAL_EIGHT void pal_unpack_part_q5_1(pal_part_tile *t, int part, const unsigned char *words)
{
    const pal_u32x8 both = pal_word_at(words, 0), fifth = pal_word_at(words, 1);
    t->scale[part][0] = pal_f32_of_halves(both);
    t->minimum[part] = pal_f32_of_halves(both >> 16);
    pal_unpack_fives(t->q[part], words + 2 * sizeof fifth, fifth);
}

/* ---- blocks of 256 ------------------------------------------------------ */

/* pal_super_scale and pal_super_minimum for eight rows: once in the engine, because it takes little of the time. */
__attribute__((noinline)) PAL_EIGHT void pal_unpack_scales(pal_part_tile *t, int part, const unsigned char *words)
{
    const pal_u32x8 both = pal_word_at(words, 0), low = pal_word_at(words, 1), middle = pal_word_at(words, 2),
                    high = pal_word_at(words, 3);
    const pal_f32x8 scale = pal_f32_of_halves(both), minimum = -pal_f32_of_halves(both >> 16);
    PAL_UNROLL for (int i = 0; i < 4; i++)
    {
        const int at = 8 * i;
        t->scale[part + i][0] = scale * pal_f32_of_ints(low >> at & 63u);
        t->minimum[part + i] = minimum * pal_f32_of_ints(middle >> at & 63u);
        t->scale[part + i + 4][0] = scale * pal_f32_of_ints((high >> at & 15u) | (low >> (at + 6) & 3u) << 4);
        t->minimum[part + i + 4] = minimum * pal_f32_of_ints((high >> (at + 4) & 15u) | (middle >> (at + 6) & 3u) << 4);
    }
}

PAL_EIGHT void pal_unpack_part_q4_k(pal_part_tile *t, int part, const unsigned char *words)
{
    pal_unpack_scales(t, part, words);
    for (int i = 0; i < 8; i += 2)
        PAL_UNROLL for (int g = 0; g < PAL_BLOCK_GROUPS; g++) pal_split_nibbles(
            &t->q[part + i][g], &t->q[part + i + 1][g], pal_word_at(words, 4 + i / 2 * PAL_BLOCK_GROUPS + g));
}

PAL_EIGHT void pal_unpack_part_q5_k(pal_part_tile *t, int part, const unsigned char *words)
{
    pal_unpack_scales(t, part, words);
    PAL_UNROLL for (int i = 0; i < 8; i += 2) for (int g = 0; g < PAL_BLOCK_GROUPS; g++)
    {
        const pal_u32x8 fifth = pal_word_at(words, 4 + g);
        pal_u32x8 low, high;
        pal_split_nibbles(&low, &high, pal_word_at(words, 12 + i / 2 * PAL_BLOCK_GROUPS + g));
        t->q[part + i][g] = low | pal_fifth_bits(fifth, i);
        t->q[part + i + 1][g] = high | pal_fifth_bits(fifth, i + 1);
    }
}

/* A value of six bits: a nibble, and pair `at` of the upper bits; minus 32. */
PAL_EIGHT_INLINE pal_u32x8 pal_six_bits(pal_u32x8 nibbles, pal_u32x8 upper, int at)
{
    return (pal_u32x8)((pal_u8x32)(nibbles | (upper >> 2 * at & 0x03030303u) << 4) - 32);
}

PAL_EIGHT void pal_unpack_part_q6_k(pal_part_tile *t, int part, const unsigned char *panel)
{
    const unsigned char *words = panel + PAL_SCALES_BYTES;
    const pal_f32x8 scale = pal_scales_before(panel);
    for (int i = 0; i < 4; i++) {
        const pal_u32x8 four = pal_word_at(words, 48 + i);
        t->scale[part + 2 * i][0] = scale * pal_f32_of_signed_bytes(four << 24);
        t->scale[part + 2 * i][1] = scale * pal_f32_of_signed_bytes(four << 16);
        t->scale[part + 2 * i + 1][0] = scale * pal_f32_of_signed_bytes(four << 8);
        t->scale[part + 2 * i + 1][1] = scale * pal_f32_of_signed_bytes(four);
    }
    PAL_UNROLL for (int i = 0; i < 4; i++) /* parts 0 and 2, 1 and 3, 4 and 6, 5 and 7 share nibbles */
    {
        const int half = i / 2, at = i % 2;
        for (int g = 0; g < PAL_BLOCK_GROUPS; g++) {
            const pal_u32x8 upper = pal_word_at(words, 32 + half * PAL_BLOCK_GROUPS + g);
            pal_u32x8 low, high;
            pal_split_nibbles(&low, &high, pal_word_at(words, i * PAL_BLOCK_GROUPS + g));
            t->q[part + 4 * half + at][g] = pal_six_bits(low, upper, at);
            t->q[part + 4 * half + at + 2][g] = pal_six_bits(high, upper, at + 2);
        }
    }
}

#endif
#endif
