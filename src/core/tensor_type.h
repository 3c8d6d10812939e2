/* tensor_type.h - ggml's tensor types and the sizes of their blocks (internal). */
#ifndef PAL_TENSOR_TYPE_H
#define PAL_TENSOR_TYPE_H

#include "core.h"

/* ggml's tensor types that an engine may run, by ggml's numbers; tensor_type.c has the sizes of more. */
typedef enum {
    PAL_F32 = 0,
    PAL_F16 = 1,
    PAL_Q4_0 = 2,
    PAL_Q4_1 = 3,
    PAL_Q5_0 = 6,
    PAL_Q5_1 = 7,
    PAL_Q8_0 = 8,
    PAL_Q4_K = 12,
    PAL_Q5_K = 13,
    PAL_Q6_K = 14,
    PAL_BF16 = 30
} pal_tensor_type;

/* Elements per block, and bytes per block, of a tensor type; 0 for an unknown type. */
uint32_t pal_tensor_block(uint32_t type);
uint32_t pal_tensor_block_bytes(uint32_t type);
const char *pal_tensor_type_name(uint32_t type); /* "F32", "Q8_0", ...; "unknown" */

/* Computes the bytes of a tensor; false for an unknown type, an overflow, or rows of a fraction of a block. */
bool pal_tensor_bytes(uint32_t type, uint32_t dims, const uint64_t *extent, uint64_t *bytes);

#endif
