/* product_inputs.h - inputs of matrix products, for test_kernels.c, test_kernels_products.c, test_kernels_parts.c and
 * test_linear.c. */
#ifndef PAL_PRODUCT_INPUTS_H
#define PAL_PRODUCT_INPUTS_H

#include "kernel_inputs.h"
#include "kernels/panels.h"

/* Quantised activations as a variant makes them; only WebAssembly needs `wide`, but any variant may write it. */
typedef struct {
    test_array q, scale, bias, wide;
    pal_quantized x;
} quantised;

static inline quantised quantised_buffers(size_t count)
{
    quantised r = {.q = take(count, 1, 1),
                   .scale = take(count / PAL_BLOCK, sizeof(float), sizeof(float)),
                   .bias = take(count / PAL_BLOCK, sizeof(int32_t), sizeof(int32_t)),
                   .wide = take(count, sizeof(int16_t), sizeof(int16_t))};
    r.x = (pal_quantized){r.q.data, r.scale.data, r.bias.data, r.wide.data};
    return r;
}

static inline void quantised_drop(quantised *r)
{
    drop(&r->q);
    drop(&r->scale);
    drop(&r->bias);
    drop(&r->wide);
}

/* bias and wide as kernels.h defines them, from the integers. */
static inline void derive(const pal_quantized *x, size_t count)
{
    static const int order[4] = {0, 2, 1, 3};
    for (size_t b = 0; b < count / PAL_BLOCK; b++) {
        x->bias[b] = 0;
        for (size_t i = 0; i < PAL_BLOCK; i++) x->bias[b] -= 8 * x->q[b * PAL_BLOCK + i];
    }
    for (size_t i = 0; i < count; i++) x->wide[i] = x->q[i - i % 4 + (size_t)order[i % 4]];
}

/* Packs weights [rows, cols] as in a file into panels. */
static inline void pack(test_array *w, uint32_t type, int rows, int cols)
{
    test_array eight = take(PAL_PANEL, pal_row_bytes(type, cols), 1);
    pal_panels_pack(w->data, type, rows, cols, eight.data);
    drop(&eight);
}

/* ---- blocks with small scales and minima -------------------------------- */

/* Offsets of the half-precision numbers in a block of a type: one or two. */
static inline size_t half_places(uint32_t type, size_t place[2])
{
    place[0] = type == PAL_Q6_K ? 208 : 0;
    place[1] = 2;
    return type == PAL_Q5_0 || type == PAL_Q6_K ? 1 : 2;
}

static inline uint16_t some_half(fill kind)
{
    switch (kind) {
    case ZERO: return (uint16_t)(below(2) << 15);
    case DENORMAL: return (uint16_t)(1 + below(1023));
    case HUGE_VALUES: return 0x7bff;
    case RANGE: return (uint16_t)(below(0x7c00) | below(2) << 15);
    default: return pal_f32_to_f16((float)(uniform() * 0.1 + 0.001) * (below(2) ? 1.0f : -1.0f));
    }
}

/* Fills integers, fifth bits and small scales with random bits, or sets all to one end of their range. */
static inline test_array block_weights(fill kind, uint32_t type, size_t count)
{
    const size_t block = pal_tensor_block_bytes(type), blocks = count / pal_tensor_block(type);
    test_array r = take(blocks, block, 1);
    unsigned char *w = r.data;
    for (size_t b = 0; b < blocks; b++, w += block) {
        size_t place[2], halves = half_places(type, place);
        for (size_t i = 0; i < block; i++)
            w[i] = (unsigned char)(kind == MAX           ? 0xff
                                   : kind == MIN         ? 0x00
                                   : kind == ALTERNATING ? (i % 2 ? 0x80 : 0x7f)
                                                         : below(256));
        for (size_t i = 0; i < halves; i++) {
            uint16_t half = some_half(kind);
            memcpy(w + place[i], &half, sizeof half);
        }
    }
    return r;
}

#endif
