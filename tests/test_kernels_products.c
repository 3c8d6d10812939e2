/* test_kernels_products.c - products: every variant against its reference, the references against double
 * precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/panels.h"
#include "product_inputs.h"

/* ---- integers and halves ------------------------------------------------ */

static int8_t fill_byte(fill kind, int i, int lowest)
{
    switch (kind) {
    case MAX: return 127;
    case MIN: return (int8_t)lowest;
    case ZERO: return 0;
    case ALTERNATING: return (int8_t)(i % 2 ? lowest : 127);
    default: return (int8_t)(lowest + below(128 - lowest));
    }
}

/* Halves for each fill: ordinary, subnormal, the largest. */
static uint16_t fill_half(fill kind)
{
    switch (kind) {
    case DENORMAL: return (uint16_t)(1 + below(1023));
    case HUGE_VALUES: return 0x7bff;
    case RANGE: return (uint16_t)(below(0x7c00) | below(2) << 15);
    default: return pal_f32_to_f16((float)(uniform() * 0.1 + 0.001) * (below(2) ? 1.0f : -1.0f));
    }
}

static test_array quantised_weights(fill kind, uint32_t type, size_t count)
{
    size_t block = pal_tensor_block_bytes(type);
    test_array r = take(count / PAL_BLOCK, block, 1);
    unsigned char *w = r.data;
    for (size_t b = 0; b < count / PAL_BLOCK; b++, w += block) {
        put_half(w, fill_half(kind));
        for (size_t i = 2; i < block; i++) w[i] = (unsigned char)fill_byte(kind, (int)i, -128);
        /* Nibbles of 0 stand for -8, of 15 for 7. */
        if (type == PAL_Q4_0 && kind != RANDOM && kind != DENORMAL && kind != HUGE_VALUES && kind != RANGE)
            memset(w + 2, kind == MAX ? 0xff : kind == MIN ? 0x00 : kind == ZERO ? 0x88 : 0x0f, block - 2);
    }
    return r;
}

/* ---- products with quantised weights ------------------------------------ */

typedef struct {
    int n, rows, cols;
    fill x, w;
} product_case;

static pal_matmul_fn *entry_of(const pal_kernels *k, uint32_t type)
{
    switch (type) {
    case PAL_Q8_0: return k->matmul_q8_0;
    case PAL_Q4_0: return k->matmul_q4_0;
    case PAL_F16: return k->matmul_f16;
    default: return k->matmul_f32;
    }
}

/* Outputs [n, rows] with `gap` floats of the caller between them, which must not change. */
static test_array run_product(const pal_kernels *k, uint32_t type, pal_product p, int gap)
{
    test_array y = take((size_t)p.n * (size_t)(p.rows + gap), sizeof(float), sizeof(float));
    p.y = y.data;
    p.y_stride = (size_t)(p.rows + gap);
    if (gap && p.n) y.bytes -= (size_t)gap * sizeof(float);
    entry_of(k, type)(&p);
    return y;
}

static void compare_products(uint32_t type, const pal_product *p, const char *x_name, const char *w_name)
{
    const int gap = (p->rows + p->n) % 3 == 0 ? 5 : 0;
    test_array y = run_product(&reference, type, *p, gap);
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        char what[100];
        test_array y2 = run_product(&k, type, *p, gap);
        snprintf(what, sizeof what, "%s n=%d rows=%d cols=%d x=%s w=%s", pal_tensor_type_name(type), p->n, p->rows,
                 p->cols, x_name, w_name);
        expect_same(&y, &y2, k.isa, what);
        drop(&y2);
    }
    drop(&y);
}

/* Scales of activations that keep a sum of 4096 columns finite with halves of the same fill. */
static float fill_scale(fill kind)
{
    switch (kind) {
    case DENORMAL: return (float)(uniform() * 0x1p-126);
    case HUGE_VALUES: return (float)(uniform() * 0x1p80);
    case RANGE: return (float)ldexp(uniform(), below(140) - 80);
    default: return (float)uniform();
    }
}

static void compare_quant(uint32_t type, const product_case *c)
{
    size_t x_count = (size_t)c->n * (size_t)c->cols;
    test_array w = quantised_weights(c->w, type, (size_t)c->rows * (size_t)c->cols);
    quantised x = quantised_buffers(x_count);
    for (size_t i = 0; i < x_count; i++) x.x.q[i] = fill_byte(c->x, (int)i, -127);
    for (size_t i = 0; i < x_count / PAL_BLOCK; i++) x.x.scale[i] = fill_scale(c->x);
    derive(&x.x, x_count);
    pack(&w, type, c->rows, c->cols);
    compare_products(type, &(pal_product){.xq = &x.x, .w = w.data, .n = c->n, .rows = c->rows, .cols = c->cols},
                     fill_name[c->x], fill_name[c->w]);
    drop(&w);
    quantised_drop(&x);
}

static const int sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 31, 33};

static void compare_quant_shapes(uint32_t type)
{
    static const int cols[] = {32, 64, 96, 160, 256, 704, 1056, 2080, 4096};
    int turn = 0;
    skip_without_variants();
    for (size_t i = 0; i < COUNT(cols); i++)
        for (size_t n = 0; n < COUNT(sizes); n++)
            for (size_t r = 0; r < COUNT(sizes); r++, turn++) {
                product_case c = {sizes[n], sizes[r], cols[i], (fill)(turn % FILLS), (fill)(turn / FILLS % FILLS)};
                if (c.cols < 1000 || turn % 8 == 0 || c.n * c.rows < 50) compare_quant(type, &c);
            }
    for (int x = 0; x < FILLS; x++)
        for (int w = 0; w < FILLS; w++) compare_quant(type, &(product_case){5, 11, 2080, (fill)x, (fill)w});
}

/* Q8_0 with 6-bit weights, declared or detected: other instructions, the same bits, including the extremes. */
static void matmul_q8_0_of_six_bits_equals_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int turn = 0; turn < 400; turn++) {
        const int n = 1 + below(13), rows = 1 + below(50), cols = 32 * (1 + below(turn % 8 ? 12 : 60));
        const size_t count = (size_t)rows * (size_t)cols, x_count = (size_t)n * (size_t)cols;
        test_array w = quantised_weights(RANDOM, PAL_Q8_0, count);
        quantised x = quantised_buffers(x_count);
        for (size_t i = 0; i < w.bytes; i++)
            if (i % 34 >= 2)
                ((int8_t *)w.data)[i] = (int8_t)(turn % 3 == 0   ? below(63) - 31
                                                 : turn % 3 == 1 ? 31
                                                 : i % 2         ? 31
                                                                 : -31);
        for (size_t i = 0; i < x_count; i++) x.x.q[i] = fill_byte((fill)(turn % 4 ? MAX : RANDOM), (int)i, -127);
        for (size_t i = 0; i < x_count / PAL_BLOCK; i++) x.x.scale[i] = fill_scale(RANDOM);
        derive(&x.x, x_count);
        pack(&w, PAL_Q8_0, rows, cols);
        assert_int_equal(pal_panels_narrow(w.data, PAL_Q8_0, rows, cols), rows >= PAL_PANEL);
        compare_products(PAL_Q8_0,
                         &(pal_product){.xq = &x.x, .w = w.data, .n = n, .rows = rows, .cols = cols, .narrow = true},
                         "six bits", "six bits");
        if (rows >= PAL_PANEL) {
            ((unsigned char *)w.data)[PAL_SCALES_BYTES + below(256)] = turn % 2 ? 128 + 32 : 128 - 32;
            assert_false(pal_panels_narrow(w.data, PAL_Q8_0, rows, cols));
        }
        drop(&w);
        quantised_drop(&x);
    }
}

static void matmul_q8_0_variants_equal_reference(void **state)
{
    (void)state;
    compare_quant_shapes(PAL_Q8_0);
}

static void matmul_q4_0_variants_equal_reference(void **state)
{
    (void)state;
    compare_quant_shapes(PAL_Q4_0);
}

/* The reference against dot products of dequantised values.  The term of a block has two roundings, the sum one per
 * block: (blocks + 2) half ulps of the sum of magnitudes. */
static void check_quant_reference(uint32_t type)
{
    const int n = 3, rows = 21, cols = 352; /* two panels, and rows as in the file */
    test_array w = quantised_weights(RANDOM, type, (size_t)rows * cols);
    test_array x = floats(RANDOM, (size_t)n * cols, 1), wf = take((size_t)rows * cols, sizeof(float), sizeof(float));
    quantised xq = quantised_buffers((size_t)n * cols);
    pal_dequantize(wf.data, w.data, type, (size_t)rows * cols);
    pack(&w, type, rows, cols);
    reference.quantize(&xq.x, x.data, (size_t)n * cols);
    test_array y =
        run_product(&reference, type, (pal_product){.xq = &xq.x, .w = w.data, .n = n, .rows = rows, .cols = cols}, 0);
    for (int i = 0; i < n; i++)
        for (int r = 0; r < rows; r++) {
            double sum = 0, magnitude = 0;
            for (int b = 0; b < cols; b += PAL_BLOCK) {
                double term = 0, scale = xq.x.scale[(i * cols + b) / PAL_BLOCK];
                for (int c = b; c < b + PAL_BLOCK; c++)
                    term += xq.x.q[i * cols + c] * scale * (double)((float *)wf.data)[r * cols + c];
                sum += term;
                magnitude += fabs(term);
            }
            /* One half ulp more for each weight that dequantising has rounded. */
            expect_near(((float *)y.data)[i * rows + r], sum, (cols / PAL_BLOCK + 3) * HALF_ULP * magnitude,
                        pal_tensor_type_name(type));
        }
    drop(&w);
    drop(&x);
    drop(&wf);
    quantised_drop(&xq);
    drop(&y);
}

static void matmul_q8_0_reference_is_near_double(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) check_quant_reference(PAL_Q8_0);
}

static void matmul_q4_0_reference_is_near_double(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) check_quant_reference(PAL_Q4_0);
}

/* ---- products with float weights ---------------------------------------- */

static test_array float_weights(fill kind, uint32_t type, size_t count)
{
    test_array r = take(count, type == PAL_F16 ? 2 : 4, 1); /* any address: the alignment of tensors is not assumed */
    for (size_t i = 0; i < count; i++) {
        float value = fill_float(kind, (int)i, 1.5f);
        if (type == PAL_F16) {
            bool plain = kind != DENORMAL && kind != HUGE_VALUES && kind != RANGE;
            put_half((unsigned char *)r.data + 2 * i, plain ? pal_f32_to_f16(value) : fill_half(kind));
        } else {
            memcpy((char *)r.data + 4 * i, &value, sizeof value);
        }
    }
    return r;
}

static void compare_float(uint32_t type, const product_case *c)
{
    test_array w = float_weights(c->w, type, (size_t)c->rows * (size_t)c->cols);
    test_array x = floats(c->x, (size_t)c->n * (size_t)c->cols, 3.0f);
    pack(&w, type, c->rows, c->cols);
    compare_products(type, &(pal_product){.x = x.data, .w = w.data, .n = c->n, .rows = c->rows, .cols = c->cols},
                     fill_name[c->x], fill_name[c->w]);
    drop(&w);
    drop(&x);
}

static void compare_float_shapes(uint32_t type)
{
    static const int cols[] = {1, 3, 7, 8, 9, 31, 32, 64, 96, 160, 255, 256, 257, 704, 4096};
    int turn = 0;
    skip_without_variants();
    for (size_t i = 0; i < COUNT(cols); i++)
        for (size_t n = 0; n < COUNT(sizes); n++)
            for (size_t r = 0; r < COUNT(sizes); r++, turn++) {
                product_case c = {sizes[n], sizes[r], cols[i], (fill)(turn % FILLS), (fill)(turn / FILLS % FILLS)};
                if (c.cols < 200 || turn % 8 == 0 || c.n * c.rows < 30) compare_float(type, &c);
            }
    for (int x = 0; x < FILLS; x++)
        for (int w = 0; w < FILLS; w++) compare_float(type, &(product_case){11, 12, 267, (fill)x, (fill)w});
}

static void matmul_f32_variants_equal_reference(void **state)
{
    (void)state;
    compare_float_shapes(PAL_F32);
}

static void matmul_f16_variants_equal_reference(void **state)
{
    (void)state;
    compare_float_shapes(PAL_F16);
}

/* Two roundings per column: (cols + 1) half ulps of the sum of magnitudes. */
static void check_float_reference(uint32_t type, int cols)
{
    const int n = 3, rows = 13; /* a panel, and rows as in the file */
    test_array w = float_weights(RANDOM, type, (size_t)rows * cols), x = floats(RANDOM, (size_t)n * cols, 1);
    test_array wf = take((size_t)rows * cols, sizeof(float), sizeof(float));
    pal_dequantize(wf.data, w.data, type, (size_t)rows * cols);
    pack(&w, type, rows, cols);
    test_array y =
        run_product(&reference, type, (pal_product){.x = x.data, .w = w.data, .n = n, .rows = rows, .cols = cols}, 0);
    for (int i = 0; i < n; i++)
        for (int r = 0; r < rows; r++) {
            double sum = 0, magnitude = 0;
            for (int c = 0; c < cols; c++) {
                double term = (double)((float *)x.data)[i * cols + c] * (double)((float *)wf.data)[r * cols + c];
                sum += term;
                magnitude += fabs(term);
            }
            expect_near(((float *)y.data)[i * rows + r], sum, (cols + 1) * HALF_ULP * magnitude,
                        pal_tensor_type_name(type));
        }
    drop(&w);
    drop(&x);
    drop(&wf);
    drop(&y);
}

static void matmul_float_reference_is_near_double(void **state)
{
    (void)state;
    for (int cols = 1; cols < 300; cols += 7) {
        check_float_reference(PAL_F32, cols);
        check_float_reference(PAL_F16, cols);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matmul_q8_0_variants_equal_reference),
        cmocka_unit_test(matmul_q8_0_of_six_bits_equals_reference),
        cmocka_unit_test(matmul_q4_0_variants_equal_reference),
        cmocka_unit_test(matmul_q8_0_reference_is_near_double),
        cmocka_unit_test(matmul_q4_0_reference_is_near_double),
        cmocka_unit_test(matmul_f32_variants_equal_reference),
        cmocka_unit_test(matmul_f16_variants_equal_reference),
        cmocka_unit_test(matmul_float_reference_is_near_double),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
