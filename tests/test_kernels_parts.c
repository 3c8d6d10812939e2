/* test_kernels_parts.c - products with bf16 and with weights whose blocks have small scales and minima: every variant
 * against its reference, the references against double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "product_inputs.h"

static const uint32_t types[] = {PAL_Q4_1, PAL_Q5_0, PAL_Q5_1, PAL_Q4_K, PAL_Q5_K, PAL_Q6_K};

/* ---- inputs ------------------------------------------------------------- */

/* Quantised activations as a variant makes them (kernels.h): what is derived follows from integers and scales. */
typedef struct {
    test_array q, scale, bias, wide;
    pal_quantized x;
} activations;

static activations some_activations(fill kind, size_t count)
{
    static const int order[4] = {0, 2, 1, 3};
    activations a = {.q = take(count, 1, 1),
                     .scale = take(count / PAL_BLOCK, sizeof(float), sizeof(float)),
                     .bias = take(count / PAL_BLOCK, sizeof(int32_t), sizeof(int32_t)),
                     .wide = take(count, sizeof(int16_t), sizeof(int16_t))};
    a.x = (pal_quantized){a.q.data, a.scale.data, a.bias.data, a.wide.data};
    for (size_t i = 0; i < count; i++)
        a.x.q[i] = (int8_t)(kind == MAX           ? 127
                            : kind == MIN         ? -127
                            : kind == ZERO        ? 0
                            : kind == ALTERNATING ? (i % 2 ? -127 : 127)
                                                  : below(255) - 127);
    for (size_t i = 0; i < count; i++) a.x.wide[i] = a.x.q[i - i % 4 + (size_t)order[i % 4]];
    for (size_t b = 0; b < count / PAL_BLOCK; b++) {
        a.x.scale[b] = (float)(kind == DENORMAL ? uniform() * 0x1p-126 : uniform());
        a.x.bias[b] = 0;
        for (size_t i = 0; i < PAL_BLOCK; i++) a.x.bias[b] -= 8 * a.x.q[b * PAL_BLOCK + i];
    }
    return a;
}

static void drop_activations(activations *a)
{
    drop(&a->q);
    drop(&a->scale);
    drop(&a->bias);
    drop(&a->wide);
}

/* Outputs [n, rows] with `gap` floats between rows, which must not change. */
static test_array run_product(const pal_kernels *k, pal_product p, int gap)
{
    test_array y = take((size_t)p.n * (size_t)(p.rows + gap), sizeof(float), sizeof(float));
    p.y = y.data;
    p.y_stride = (size_t)(p.rows + gap);
    pal_matmul_of(k, p.type)(&p);
    return y;
}

static void compare_variants(const pal_product *p, fill x, fill w)
{
    const int gap = (p->rows + p->n) % 3 == 0 ? 5 : 0;
    test_array y = run_product(&reference, *p, gap);
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        char what[100];
        test_array y2 = run_product(&k, *p, gap);
        snprintf(what, sizeof what, "%s n=%d rows=%d cols=%d x=%s w=%s", pal_tensor_type_name(p->type), p->n, p->rows,
                 p->cols, fill_name[x], fill_name[w]);
        expect_same(&y, &y2, k.isa, what);
        drop(&y2);
    }
    drop(&y);
}

/* ---- blocks ------------------------------------------------------------- */

static void compare_blocks(uint32_t type, int n, int rows, int cols, fill x_kind, fill w_kind)
{
    test_array w = block_weights(w_kind, type, (size_t)rows * (size_t)cols);
    activations x = some_activations(x_kind, (size_t)n * (size_t)cols);
    pack(&w, type, rows, cols);
    compare_variants(&(pal_product){.xq = &x.x, .w = w.data, .n = n, .rows = rows, .cols = cols, .type = type}, x_kind,
                     w_kind);
    drop(&w);
    drop_activations(&x);
}

/* Rows in panels and the rest, full tiles of activations and the rest, columns within a tile and beyond. */
static void matmul_parts_variants_equal_reference(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 17};
    skip_without_variants();
    for (size_t t = 0; t < COUNT(types); t++) {
        const int block = (int)pal_tensor_block(types[t]);
        int turn = 0;
        for (int blocks = 1; blocks < 5; blocks++)
            for (size_t n = 0; n < COUNT(sizes); n++)
                for (size_t r = 0; r < COUNT(sizes); r++, turn++)
                    if (block == PAL_BLOCK || (turn + blocks) % 3 == 0)
                        compare_blocks(types[t], sizes[n], sizes[r], blocks * block, (fill)(turn % FILLS),
                                       (fill)(turn / FILLS % FILLS));
        for (int x = 0; x < FILLS; x++)
            for (int w = 0; w < FILLS; w++) compare_blocks(types[t], 5, 11, 1280, (fill)x, (fill)w);
    }
}

/* The reference against dot products of dequantised values.  Each term of a part has two roundings and two additions,
 * relative to scale * integer and to the minimum, which may be much larger than their sum.  Dequantising rounds each
 * value three times, relative to the same magnitudes. */
static void check_reference(uint32_t type)
{
    enum { N = 3, ROWS = 11, COLS = 512 };
    test_array w = block_weights(RANDOM, type, (size_t)ROWS * COLS), as_file = take(w.bytes, 1, 1);
    test_array values = take((size_t)ROWS * COLS, sizeof(float), sizeof(float));
    activations x = some_activations(RANDOM, (size_t)N * COLS);
    memcpy(as_file.data, w.data, w.bytes);
    pal_dequantize(values.data, w.data, type, (size_t)ROWS * COLS);
    pack(&w, type, ROWS, COLS);
    test_array y = run_product(
        &reference, (pal_product){.xq = &x.x, .w = w.data, .n = N, .rows = ROWS, .cols = COLS, .type = type}, 0);
    double largest = 0;
    for (int i = 0; i < ROWS * COLS; i++) largest = fmax(largest, fabs(((float *)values.data)[i]));
    for (int i = 0; i < N; i++)
        for (int r = 0; r < ROWS; r++) {
            double sum = 0, magnitude = 0;
            for (int c = 0; c < COLS; c++) {
                double v = x.x.q[i * COLS + c] * (double)x.x.scale[(i * COLS + c) / PAL_BLOCK];
                sum += v * ((float *)values.data)[r * COLS + c];
                magnitude += fabs(v) * largest;
            }
            expect_near(((float *)y.data)[i * ROWS + r], sum, (2 * COLS / 16 + 8) * HALF_ULP * 3 * magnitude,
                        pal_tensor_type_name(type));
        }
    drop(&w);
    drop(&as_file);
    drop(&values);
    drop_activations(&x);
    drop(&y);
}

static void matmul_parts_reference_is_near_double(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNT(types); t++)
        for (int round = 0; round < 6; round++) check_reference(types[t]);
}

/* A single nonzero weight: checks exactly which output it reaches, which activation multiplies it, and that parts,
 * minima and scales match. */
static void matmul_parts_of_one_block_are_as_documented(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNT(types); t++) {
        const int cols = (int)pal_tensor_block(types[t]);
        test_array w = block_weights(RANDOM, types[t], (size_t)cols),
                   values = take((size_t)cols, sizeof(float), sizeof(float));
        pal_dequantize(values.data, w.data, types[t], (size_t)cols);
        for (int c = 0; c < cols; c++) {
            activations x = some_activations(ZERO, (size_t)cols);
            float y, scale = x.x.scale[c / PAL_BLOCK];
            const float value = ((float *)values.data)[c];
            x.x.q[c] = 1;
            reference.matmul_parts(&(pal_product){
                .y = &y, .y_stride = 1, .xq = &x.x, .w = w.data, .n = 1, .rows = 1, .cols = cols, .type = types[t]});
            /* Two terms with five roundings in total may be larger than their sum: up to 31 steps of a tenth. */
            expect_near(y, (double)value * scale, 6 * HALF_ULP * (fabs(value) + 2 * 31 * 6.4) * scale, "one column");
            drop_activations(&x);
        }
        drop(&w);
        drop(&values);
    }
}

/* ---- bf16 --------------------------------------------------------------- */

static test_array bf16_weights(fill kind, size_t count)
{
    test_array r = take(count, 2, 1);
    for (size_t i = 0; i < count; i++) {
        float value = fill_float(kind, (int)i, 1.5f);
        memcpy((char *)r.data + 2 * i, (char *)&value + 2, 2);
    }
    return r;
}

static void matmul_bf16_variants_equal_reference(void **state)
{
    (void)state;
    static const int cols[] = {1, 3, 8, 9, 32, 160, 257}, sizes[] = {1, 2, 3, 4, 5, 8, 9, 11, 17};
    int turn = 0;
    skip_without_variants();
    for (size_t i = 0; i < COUNT(cols); i++)
        for (size_t n = 0; n < COUNT(sizes); n++)
            for (size_t r = 0; r < COUNT(sizes); r++, turn++) {
                const fill x_kind = (fill)(turn % FILLS), w_kind = (fill)(turn / FILLS % FILLS);
                test_array w = bf16_weights(w_kind, (size_t)sizes[r] * (size_t)cols[i]);
                test_array x = floats(x_kind, (size_t)sizes[n] * (size_t)cols[i], 3.0f);
                pack(&w, PAL_BF16, sizes[r], cols[i]);
                compare_variants(
                    &(pal_product){
                        .x = x.data, .w = w.data, .n = sizes[n], .rows = sizes[r], .cols = cols[i], .type = PAL_BF16},
                    x_kind, w_kind);
                drop(&w);
                drop(&x);
            }
}

/* The f32 product of the same numbers, to the last bit. */
static void matmul_bf16_reference_equals_f32(void **state)
{
    (void)state;
    enum { N = 3, ROWS = 13 };
    for (int cols = 1; cols < 300; cols += 23) {
        test_array w = bf16_weights(RANDOM, (size_t)ROWS * (size_t)cols),
                   x = floats(RANDOM, (size_t)N * (size_t)cols, 1);
        test_array plain = take((size_t)ROWS * (size_t)cols, sizeof(float), sizeof(float));
        pal_dequantize(plain.data, w.data, PAL_BF16, (size_t)ROWS * (size_t)cols);
        pack(&w, PAL_BF16, ROWS, cols);
        pack(&plain, PAL_F32, ROWS, cols);
        pal_product p = {.x = x.data, .w = w.data, .n = N, .rows = ROWS, .cols = cols, .type = PAL_BF16};
        test_array a = run_product(&reference, p, 0);
        p.w = plain.data;
        p.type = PAL_F32;
        test_array b = run_product(&reference, p, 0);
        expect_same(&b, &a, PAL_ISA_REF, "bf16 and f32");
        drop(&w);
        drop(&x);
        drop(&plain);
        drop(&a);
        drop(&b);
    }
}

static void matmul_of_types_without_products_is_null(void **state)
{
    (void)state;
    for (uint32_t type = 0; type < 64; type++) {
        assert_int_equal(pal_weights_known(type), pal_matmul_of(&reference, type) != NULL);
        if (pal_weights_known(type)) assert_true(pal_tensor_block(type) > 0);
    }
    assert_false(pal_weights_known(10) || pal_weights_known(26)); /* Q2_K, I32 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matmul_parts_variants_equal_reference),
        cmocka_unit_test(matmul_parts_reference_is_near_double),
        cmocka_unit_test(matmul_parts_of_one_block_are_as_documented),
        cmocka_unit_test(matmul_bf16_variants_equal_reference),
        cmocka_unit_test(matmul_bf16_reference_equals_f32),
        cmocka_unit_test(matmul_of_types_without_products_is_null),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
