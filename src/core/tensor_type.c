/* tensor_type.c - ggml's tensor types: names and block sizes. */
#include "tensor_type.h"

typedef struct {
    const char *name;
    uint16_t block, bytes; /* elements per block, bytes per block */
} type_layout;

/* By type number.  The gaps are numbers that ggml has withdrawn or never written to files.  Types without kernels are
 * included so that files with them can be checked and listed. */
static const type_layout layouts[] = {
    [PAL_F32] = {"F32", 1, 4},
    [PAL_F16] = {"F16", 1, 2},
    [PAL_Q4_0] = {"Q4_0", 32, 18},
    [PAL_Q4_1] = {"Q4_1", 32, 20},
    [PAL_Q5_0] = {"Q5_0", 32, 22},
    [PAL_Q5_1] = {"Q5_1", 32, 24},
    [PAL_Q8_0] = {"Q8_0", 32, 34},
    [10] = {"Q2_K", 256, 84},
    [11] = {"Q3_K", 256, 110},
    [PAL_Q4_K] = {"Q4_K", 256, 144},
    [PAL_Q5_K] = {"Q5_K", 256, 176},
    [PAL_Q6_K] = {"Q6_K", 256, 210},
    [16] = {"IQ2_XXS", 256, 66},
    [17] = {"IQ2_XS", 256, 74},
    [18] = {"IQ3_XXS", 256, 98},
    [19] = {"IQ1_S", 256, 50},
    [20] = {"IQ4_NL", 32, 18},
    [21] = {"IQ3_S", 256, 110},
    [22] = {"IQ2_S", 256, 82},
    [23] = {"IQ4_XS", 256, 136},
    [24] = {"I8", 1, 1},
    [25] = {"I16", 1, 2},
    [26] = {"I32", 1, 4},
    [27] = {"I64", 1, 8},
    [28] = {"F64", 1, 8},
    [29] = {"IQ1_M", 256, 56},
    [PAL_BF16] = {"BF16", 1, 2},
    [34] = {"TQ1_0", 256, 54},
    [35] = {"TQ2_0", 256, 66},
    [39] = {"MXFP4", 32, 17},
};

static type_layout layout_of(uint32_t type)
{
    bool known = type < sizeof layouts / sizeof layouts[0] && layouts[type].name;
    return known ? layouts[type] : (type_layout){"unknown", 0, 0};
}

uint32_t pal_tensor_block(uint32_t type)
{
    return layout_of(type).block;
}

uint32_t pal_tensor_block_bytes(uint32_t type)
{
    return layout_of(type).bytes;
}

const char *pal_tensor_type_name(uint32_t type)
{
    return layout_of(type).name;
}

bool pal_tensor_bytes(uint32_t type, uint32_t dims, const uint64_t *extent, uint64_t *bytes)
{
    type_layout layout = layout_of(type);
    if (layout.block == 0 || extent[0] % layout.block != 0) return false;
    uint64_t product = extent[0];
    for (uint32_t i = 1; i < dims; i++) {
        if (__builtin_mul_overflow(product, extent[i], &product)) return false;
    }
    return !__builtin_mul_overflow(product / layout.block, (uint64_t)layout.bytes, bytes);
}
