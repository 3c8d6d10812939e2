/* blocks.h - reads blocks of quantised weights byte by byte (internal to kernels/).
 *
 * A block starts with its scale as a half float, little endian.  Tensors are aligned in the file, blocks (34 and 18
 * bytes) are not. */
#ifndef PAL_BLOCKS_H
#define PAL_BLOCKS_H

#include "kernels.h"
#include "../core/math.h"

#include <string.h>

enum {
    PAL_SCALE_BYTES = 2,
    PAL_Q8_0_BYTES = PAL_SCALE_BYTES + PAL_BLOCK,
    PAL_Q4_0_BYTES = PAL_SCALE_BYTES + PAL_BLOCK / 2
};

/* K blocks: elements per block, and bytes of the packed scales of Q4_K and Q5_K. */
enum {
    PAL_SUPER = 256,
    PAL_SUPER_SCALES = 12,
    PAL_Q6_K_BYTES = PAL_SUPER / 2 + PAL_SUPER / 4 + PAL_SUPER / 16 + PAL_SCALE_BYTES
};

/* Loads a half float from any address. */
static inline uint16_t pal_load_u16(const unsigned char *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline float pal_block_scale(const unsigned char *block)
{
    return pal_f16_to_f32(pal_load_u16(block));
}

/* The integers of one block, in order. */
typedef void pal_unpack_fn(int8_t q[PAL_BLOCK], const unsigned char *block);

static inline void pal_unpack_q8_0(int8_t q[PAL_BLOCK], const unsigned char *block)
{
    memcpy(q, block + PAL_SCALE_BYTES, PAL_BLOCK);
}

/* Unpacks eight nibbles, each to its own byte.  With the top bit of every byte set, 8 can be subtracted from all bytes
 * at once without a borrow from the next byte. */
static inline void pal_unpack_nibbles(int8_t q[8], uint64_t nibbles)
{
    const uint64_t ones = 0x0101010101010101u;
    nibbles = (((nibbles & ones * 15) | ones * 128) - ones * 8) ^ ones * 128;
    memcpy(q, &nibbles, sizeof nibbles);
}

static inline void pal_unpack_q4_0(int8_t q[PAL_BLOCK], const unsigned char *block)
{
    for (int i = 0; i < PAL_BLOCK / 2; i += 8) {
        uint64_t bytes;
        memcpy(&bytes, block + PAL_SCALE_BYTES + i, sizeof bytes);
        pal_unpack_nibbles(q + i, bytes);
        pal_unpack_nibbles(q + i + PAL_BLOCK / 2, bytes >> 4);
    }
}

/* Element i of a block whose low nibbles are elements 0..15 and whose high nibbles are elements 16..31. */
static inline int pal_nibble_at(const unsigned char *bytes, int i)
{
    return i < PAL_BLOCK / 2 ? bytes[i] & 15 : bytes[i - PAL_BLOCK / 2] >> 4;
}

/* The fifth bit of element i, shifted to its position in the value; it is bit i of four bytes. */
static inline int pal_fifth_bit(const unsigned char *bytes, int i)
{
    return (bytes[i / 8] >> i % 8 & 1) << 4;
}

/* Eight scales and eight minima of 6 bits are packed in 12 bytes.  The first four of each are the low 6 bits of bytes
 * 0..3 and 4..7.  The last four have their low nibbles in bytes 8..11 and their upper two bits in the top bits of bytes
 * 0..7. */
static inline int pal_super_scale(const unsigned char *s, int i)
{
    return i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
}

static inline int pal_super_minimum(const unsigned char *s, int i)
{
    return i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | (s[i] >> 6) << 4;
}

/* Element i of a Q6_K block, -32..31.  Each half of the block, 128 elements, has 64 bytes of nibbles (low ones first)
 * and 32 bytes with four pairs of upper bits each. */
static inline int pal_q6_k_at(const unsigned char *block, int i)
{
    int half = i / 128, part = i / 32 % 4, at = i % 32;
    int low = block[64 * half + part % 2 * 32 + at] >> part / 2 * 4 & 15;
    int high = block[128 + 32 * half + at] >> 2 * part & 3;
    return (low | high << 4) - 32;
}

#endif
