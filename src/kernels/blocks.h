/* blocks.h - blocks of quantised weights, read byte by byte (internal to kernels/).
 *
 * A block starts with its scale as a half float, little endian; tensors are aligned in the file, blocks
 * (34 and 18 bytes) are not. */
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

/* A half float at any address. */
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

/* Eight nibbles at a time, each alone in its byte: with the top bit set, 8 can be subtracted from all without
 * borrowing from a neighbour. */
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

#endif
