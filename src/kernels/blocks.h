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

static inline void pal_unpack_q4_0(int8_t q[PAL_BLOCK], const unsigned char *block)
{
    for (int i = 0; i < PAL_BLOCK / 2; i++) {
        q[i] = (int8_t)((block[PAL_SCALE_BYTES + i] & 15) - 8);
        q[i + PAL_BLOCK / 2] = (int8_t)((block[PAL_SCALE_BYTES + i] >> 4) - 8);
    }
}

#endif
