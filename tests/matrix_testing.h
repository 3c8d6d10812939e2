/* matrix_testing.h - random matrices of every type of weights, in panels, for test_linear.c and test_shared.c.  Include
 * cmocka.h first. */
#ifndef PAL_MATRIX_TESTING_H
#define PAL_MATRIX_TESTING_H

#include "nn/linear.h"
#include "product_inputs.h"

static const uint32_t types[] = {PAL_F32,  PAL_F16,  PAL_BF16, PAL_Q8_0, PAL_Q4_0, PAL_Q4_1,
                                 PAL_Q5_0, PAL_Q5_1, PAL_Q4_K, PAL_Q5_K, PAL_Q6_K};

typedef struct {
    test_array file, data, bias; /* as in a file, in panels */
    pal_matrix m;
} matrix;

static inline test_array some_weights(uint32_t type, size_t count)
{
    test_array values = floats(RANDOM, count, 1.0f), w;
    if (type == PAL_BF16) {
        w = take(count, 2, 1);
        for (size_t i = 0; i < count; i++)
            memcpy((unsigned char *)w.data + 2 * i, (unsigned char *)values.data + 4 * i + 2, 2);
    } else if (type == PAL_F32 || type == PAL_F16 || type == PAL_Q8_0 || type == PAL_Q4_0) {
        w = take(count / pal_tensor_block(type), pal_tensor_block_bytes(type), 1);
        assert_true(pal_quantize_weights(w.data, values.data, type, count));
    } else {
        w = block_weights(RANDOM, type, count);
    }
    drop(&values);
    return w;
}

static inline matrix some_matrix(uint32_t type, int rows, int cols)
{
    matrix w = {.file = some_weights(type, (size_t)rows * (size_t)cols)};
    test_array eight = take(PAL_PANEL, pal_row_bytes(type, cols), 1);
    w.data = take(w.file.bytes, 1, sizeof(float));
    w.bias = floats(RANDOM, (size_t)rows, 1.0f);
    memcpy(w.data.data, w.file.data, w.file.bytes);
    w.m = (pal_matrix){.type = type, .rows = rows, .cols = cols, .data = w.data.data};
    pal_matrix_pack(&w.m, eight.data);
    drop(&eight);
    return w;
}

static inline void matrix_drop(matrix *w)
{
    drop(&w->file);
    drop(&w->data);
    drop(&w->bias);
}

#endif
