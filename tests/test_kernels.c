/* test_kernels.c - the kernel table, quantised activations and products: every variant against its
 * reference, the references against double precision.  The other kernels are in test_kernels_rows.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_inputs.h"

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

/* Halves that go with a fill: ordinary, subnormal, the largest there is. */
static uint16_t fill_half(fill kind)
{
    switch (kind) {
    case DENORMAL: return (uint16_t)(1 + below(1023));
    case HUGE_VALUES: return 0x7bff;
    case RANGE: return (uint16_t)(below(0x7c00) | below(2) << 15);
    default: return pal_f32_to_f16((float)(uniform() * 0.1 + 0.001) * (below(2) ? 1.0f : -1.0f));
    }
}

static void put_half(unsigned char *bytes, uint16_t half)
{
    bytes[0] = (unsigned char)(half & 255);
    bytes[1] = (unsigned char)(half >> 8);
}

static room quantised_weights(fill kind, uint32_t type, size_t count)
{
    size_t block = pal_tensor_block_bytes(type);
    room r = take(count / PAL_BLOCK, block, 1);
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

/* ---- choice ------------------------------------------------------------- */

static void init_reference_only_has_mask_zero(void **state)
{
    (void)state;
    assert_int_equal(reference.isa, PAL_ISA_REF);
    assert_string_equal(pal_isa_name(reference.isa), "scalar");
    assert_string_equal(pal_isa_name(PAL_ISA_SIMD128), "simd128");
    assert_string_equal(pal_isa_name(PAL_ISA_AVX2), "avx2");
}

/* Were an entry left at the reference, the comparisons below would compare it with itself. */
static void init_each_isa_has_all_variants(void **state)
{
    (void)state;
    skip_without_variants();
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        assert_true(k.isa == (k.isa & pal_cpu_isa()) && k.isa != 0);
        assert_true(k.quantize != reference.quantize && k.rms_norm != reference.rms_norm);
        assert_true(k.matmul_q8_0 != reference.matmul_q8_0 && k.matmul_q4_0 != reference.matmul_q4_0);
        assert_true(k.matmul_f32 != reference.matmul_f32 && k.matmul_f16 != reference.matmul_f16);
        assert_true(k.rope != reference.rope && k.swiglu != reference.swiglu);
        assert_true(k.add != reference.add && k.attention != reference.attention);
    }
}

static void init_all_allowed_takes_what_the_machine_has(void **state)
{
    (void)state;
    pal_kernels k;
    pal_kernels_init(&k, (unsigned)PAL_ISA_ALL);
    assert_int_equal(k.isa, pal_cpu_isa());
}

/* ---- quantising activations --------------------------------------------- */

static void quantize_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int round = 0; round < 400; round++) {
        fill kind = (fill)(round % FILLS);
        size_t count = (size_t)(1 + below(9)) * PAL_BLOCK;
        room x = floats(kind, count, round % 16 < 8 ? FLT_MAX : 0x1p-99f);
        room q = take(count, 1, 1), s = take(count / PAL_BLOCK, sizeof(float), sizeof(float));
        reference.quantize(q.data, s.data, x.data, count);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            room q2 = take(count, 1, 1), s2 = take(count / PAL_BLOCK, sizeof(float), sizeof(float));
            k.quantize(q2.data, s2.data, x.data, count);
            expect_same(&q, &q2, k.isa, "quantize, integers");
            expect_same(&s, &s2, k.isa, "quantize, scales");
            drop(&q2);
            drop(&s2);
        }
        drop(&x);
        drop(&q);
        drop(&s);
    }
}

static void quantize_zero_block_has_scale_zero(void **state)
{
    (void)state;
    float x[2 * PAL_BLOCK] = {0}, scale[2] = {1, 1};
    int8_t q[2 * PAL_BLOCK];
    x[PAL_BLOCK] = 0x1p-101f; /* not zero, but below what counts */
    memset(q, 1, sizeof q);
    reference.quantize(q, scale, x, 2 * PAL_BLOCK);
    assert_true(scale[0] == 0.0f && scale[1] == 0.0f);
    for (int i = 0; i < 2 * PAL_BLOCK; i++) assert_int_equal(q[i], 0);
}

static void quantize_halves_round_to_even(void **state)
{
    (void)state;
    static const float x[PAL_BLOCK] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 125.5f, 126.5f, -126.5f, 0.49f};
    static const int expected[PAL_BLOCK] = {127, 0, 2, 2, 0, -2, -2, 126, 126, -126, 0};
    float scale;
    int8_t q[PAL_BLOCK];
    reference.quantize(q, &scale, x, PAL_BLOCK);
    assert_true(scale == 1.0f);
    for (int i = 0; i < PAL_BLOCK; i++) assert_int_equal(q[i], expected[i]);
}

static void quantize_extreme_at_any_place_is_127(void **state)
{
    (void)state;
    for (int place = 0; place < PAL_BLOCK; place++)
        for (int round = 0; round < 200; round++) {
            float x[PAL_BLOCK], scale, top = (float)((1 + uniform()) * ldexp(1, below(200) - 90));
            int8_t q[PAL_BLOCK];
            for (int i = 0; i < PAL_BLOCK; i++) x[i] = (float)(2 * uniform() - 1) * top;
            x[place] = round % 2 ? top : -top;
            reference.quantize(q, &scale, x, PAL_BLOCK);
            assert_true(scale == top / 127.0f);
            assert_int_equal(q[place], round % 2 ? 127 : -127);
            for (int i = 0; i < PAL_BLOCK; i++) {
                assert_true(q[i] >= -127);
                /* Half a step, and what the two roundings of x * (127 / amax) may add. */
                assert_true(fabs(q[i] - x[i] * 127.0 / top) <= 0.5 + 127 * 0x1p-22);
            }
        }
}

/* ---- products with quantised weights ------------------------------------ */

typedef struct {
    int n, rows, cols;
    fill x, w;
} product_case;

static pal_matmul_quant_fn *quant_entry(const pal_kernels *k, uint32_t type)
{
    return type == PAL_Q8_0 ? k->matmul_q8_0 : k->matmul_q4_0;
}

/* Scales of activations that keep a sum of 4096 columns finite beside halves of the same fill. */
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
    size_t x_count = (size_t)c->n * (size_t)c->cols, y_count = (size_t)c->n * (size_t)c->rows;
    room w = quantised_weights(c->w, type, (size_t)c->rows * (size_t)c->cols);
    room xq = take(x_count, 1, 1), xs = take(x_count / PAL_BLOCK, sizeof(float), sizeof(float));
    room y = take(y_count, sizeof(float), sizeof(float));
    for (size_t i = 0; i < x_count; i++) ((int8_t *)xq.data)[i] = fill_byte(c->x, (int)i, -127);
    for (size_t i = 0; i < x_count / PAL_BLOCK; i++) ((float *)xs.data)[i] = fill_scale(c->x);
    quant_entry(&reference, type)(y.data, xq.data, xs.data, w.data, c->n, c->rows, c->cols);
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        char what[100];
        room y2 = take(y_count, sizeof(float), sizeof(float));
        quant_entry(&k, type)(y2.data, xq.data, xs.data, w.data, c->n, c->rows, c->cols);
        snprintf(what, sizeof what, "%s n=%d rows=%d cols=%d x=%s w=%s", pal_tensor_type_name(type), c->n, c->rows,
                 c->cols, fill_name[c->x], fill_name[c->w]);
        expect_same(&y, &y2, k.isa, what);
        drop(&y2);
    }
    drop(&w);
    drop(&xq);
    drop(&xs);
    drop(&y);
}

static const int sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 31, 33};

static void compare_quant_shapes(uint32_t type)
{
    static const int cols[] = {32, 64, 96, 160, 256, 704, 1056, 4096};
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

/* The reference against the dot products of what quantised values stand for.  A block's term takes two
 * roundings, the sum one a block: (blocks + 2) half ulps of the sum of magnitudes. */
static void check_quant_reference(uint32_t type)
{
    const int n = 3, rows = 5, cols = 352;
    room w = quantised_weights(RANDOM, type, (size_t)rows * cols);
    room x = floats(RANDOM, (size_t)n * cols, 1), wf = take((size_t)rows * cols, sizeof(float), sizeof(float));
    room xq = take((size_t)n * cols, 1, 1), xs = take((size_t)n * cols / PAL_BLOCK, sizeof(float), sizeof(float));
    room y = take((size_t)n * rows, sizeof(float), sizeof(float));
    reference.quantize(xq.data, xs.data, x.data, (size_t)n * cols);
    quant_entry(&reference, type)(y.data, xq.data, xs.data, w.data, n, rows, cols);
    pal_dequantize(wf.data, w.data, type, (size_t)rows * cols);
    for (int i = 0; i < n; i++)
        for (int r = 0; r < rows; r++) {
            double sum = 0, magnitude = 0;
            for (int b = 0; b < cols; b += PAL_BLOCK) {
                double term = 0, scale = ((float *)xs.data)[(i * cols + b) / PAL_BLOCK];
                for (int c = b; c < b + PAL_BLOCK; c++)
                    term += ((int8_t *)xq.data)[i * cols + c] * scale * (double)((float *)wf.data)[r * cols + c];
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
    drop(&xq);
    drop(&xs);
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

static pal_matmul_float_fn *float_entry(const pal_kernels *k, uint32_t type)
{
    return type == PAL_F16 ? k->matmul_f16 : k->matmul_f32;
}

static room float_weights(fill kind, uint32_t type, size_t count)
{
    room r = take(count, type == PAL_F16 ? 2 : 4, 1); /* any address: tensors are trusted to nothing */
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
    size_t y_count = (size_t)c->n * (size_t)c->rows;
    room w = float_weights(c->w, type, (size_t)c->rows * (size_t)c->cols);
    room x = floats(c->x, (size_t)c->n * (size_t)c->cols, 3.0f), y = take(y_count, sizeof(float), sizeof(float));
    float_entry(&reference, type)(y.data, x.data, w.data, c->n, c->rows, c->cols);
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        char what[100];
        room y2 = take(y_count, sizeof(float), sizeof(float));
        float_entry(&k, type)(y2.data, x.data, w.data, c->n, c->rows, c->cols);
        snprintf(what, sizeof what, "%s n=%d rows=%d cols=%d x=%s w=%s", pal_tensor_type_name(type), c->n, c->rows,
                 c->cols, fill_name[c->x], fill_name[c->w]);
        expect_same(&y, &y2, k.isa, what);
        drop(&y2);
    }
    drop(&w);
    drop(&x);
    drop(&y);
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

/* Two roundings a column: (cols + 1) half ulps of the sum of magnitudes. */
static void check_float_reference(uint32_t type, int cols)
{
    const int n = 3, rows = 5;
    room w = float_weights(RANDOM, type, (size_t)rows * cols), x = floats(RANDOM, (size_t)n * cols, 1);
    room wf = take((size_t)rows * cols, sizeof(float), sizeof(float));
    room y = take((size_t)n * rows, sizeof(float), sizeof(float));
    pal_dequantize(wf.data, w.data, type, (size_t)rows * cols);
    float_entry(&reference, type)(y.data, x.data, w.data, n, rows, cols);
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
        cmocka_unit_test(init_reference_only_has_mask_zero),
        cmocka_unit_test(init_each_isa_has_all_variants),
        cmocka_unit_test(init_all_allowed_takes_what_the_machine_has),
        cmocka_unit_test(quantize_variants_equal_reference),
        cmocka_unit_test(quantize_zero_block_has_scale_zero),
        cmocka_unit_test(quantize_halves_round_to_even),
        cmocka_unit_test(quantize_extreme_at_any_place_is_127),
        cmocka_unit_test(matmul_q8_0_variants_equal_reference),
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
