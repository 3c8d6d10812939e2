/* product_inputs.h - quantised inputs of products, for test_kernels.c,
 * test_kernels_products.c and test_kernels_parts.c. */
#ifndef PAL_PRODUCT_INPUTS_H
#define PAL_PRODUCT_INPUTS_H

#include "kernel_inputs.h"
#include "kernels/panels.h"

/* Quantised activations as a variant makes them; `wide` is there for WebAssembly alone, but any may write it. */
typedef struct {
    room q, scale, bias, wide;
    pal_quantized x;
} quantised;

static inline quantised quantised_room(size_t count)
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

/* Weights [rows, cols] of the file, into panels. */
static inline void pack(room *w, uint32_t type, int rows, int cols)
{
    room eight = take(PAL_PANEL, pal_row_bytes(type, cols), 1);
    pal_panels_pack(w->data, type, rows, cols, eight.data);
    drop(&eight);
}

#endif
