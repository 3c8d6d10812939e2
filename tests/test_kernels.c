/* test_kernels.c - the kernel table and quantised activations: every variant against its reference, the references
 * against double precision.  The kernels themselves are in test_kernels_products.c, _rows.c, _attention.c,
 * _parts.c and _pictures.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/panels.h"
#include "product_inputs.h"

/* ---- panels ------------------------------------------------------------- */

/* Every row is read back byte for byte, for any shape: packing loses nothing, and nothing outside the panel changes. */
static void panels_give_every_row_back(void **state)
{
    (void)state;
    static const uint32_t types[] = {PAL_Q8_0, PAL_Q4_0, PAL_F16,  PAL_F32,  PAL_BF16, PAL_Q4_1,
                                     PAL_Q5_0, PAL_Q5_1, PAL_Q4_K, PAL_Q5_K, PAL_Q6_K};
    for (size_t t = 0; t < COUNT(types); t++)
        for (int rows = 1; rows < 35; rows++) {
            const int block = (int)pal_tensor_block(types[t]),
                      cols = block * (1 + below(6)) + (block == 1 ? below(9) : 0);
            const size_t row_bytes = pal_row_bytes(types[t], cols);
            test_array w = take((size_t)rows, row_bytes, 1), packed = take((size_t)rows, row_bytes, 1);
            test_array row = take(1, row_bytes, 1), eight = take(PAL_PANEL, row_bytes, 1);
            for (size_t i = 0; i < w.bytes; i++) ((unsigned char *)w.data)[i] = (unsigned char)below(256);
            memcpy(packed.data, w.data, w.bytes);
            pal_panels_pack(packed.data, types[t], rows, cols, eight.data);
            for (int r = 0; r < rows; r++) {
                pal_panels_row(row.data, packed.data, types[t], rows, cols, r);
                assert_memory_equal(row.data, (char *)w.data + (size_t)r * row_bytes, row_bytes);
            }
            /* The layout itself, at one position: column 1 of row 7 is where panels.h says. */
            if (rows >= PAL_PANEL && types[t] == PAL_Q8_0)
                assert_int_equal(((unsigned char *)packed.data)[16 + 7 * 4 + 1],
                                 ((unsigned char *)w.data)[7 * row_bytes + 2 + 1] ^ 0x80);
            drop(&w);
            drop(&packed);
            drop(&row);
            drop(&eight);
        }
}

/* ---- choice ------------------------------------------------------------- */

static void init_reference_only_has_mask_zero(void **state)
{
    (void)state;
    assert_int_equal(reference.isa, PAL_ISA_REF);
    assert_string_equal(pal_isa_name(reference.isa), "scalar");
    assert_string_equal(pal_isa_name(PAL_ISA_SIMD128), "simd128");
    assert_string_equal(pal_isa_name(PAL_ISA_SIMD128 | PAL_ISA_RELAXED), "relaxed");
    assert_string_equal(pal_isa_name(PAL_ISA_AVX2), "avx2");
    assert_string_equal(pal_isa_name(PAL_ISA_AVX2 | PAL_ISA_VNNI), "avx512vnni");
}

/* If an entry were still the reference, the comparisons below would compare it with itself. */
static void init_each_isa_has_all_variants(void **state)
{
    (void)state;
    skip_without_variants();
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        assert_true(k.isa == (k.isa & pal_cpu_isa()) && k.isa != 0);
        assert_true(k.quantize != reference.quantize && k.rms_norm != reference.rms_norm);
        assert_true(k.matmul_q8_0 != reference.matmul_q8_0);
        /* The build with relaxed SIMD has no simd128 kernel of Q4_0, because it is never loaded for simd128 alone. */
        const bool left_out = (pal_cpu_isa() & PAL_ISA_RELAXED) && !(k.isa & PAL_ISA_RELAXED);
        assert_true((k.matmul_q4_0 == reference.matmul_q4_0) == left_out);
        assert_true(k.matmul_f32 != reference.matmul_f32 && k.matmul_f16 != reference.matmul_f16);
        assert_true(k.rope != reference.rope && k.swiglu != reference.swiglu);
        assert_true(k.add != reference.add && k.attention != reference.attention);
        assert_true(k.matmul_bf16 != reference.matmul_bf16 && k.matmul_parts != reference.matmul_parts);
        assert_true(k.layer_norm != reference.layer_norm && k.gelu != reference.gelu);
        assert_true(k.rope_halves != reference.rope_halves);
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
        test_array x = floats(kind, count, round % 16 < 8 ? FLT_MAX : 0x1p-99f);
        quantised a = quantised_buffers(count);
        reference.quantize(&a.x, x.data, count);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            quantised b = quantised_buffers(count);
            k.quantize(&b.x, x.data, count);
            expect_same(&a.q, &b.q, k.isa, "quantize, integers");
            expect_same(&a.scale, &b.scale, k.isa, "quantize, scales");
            expect_same(&a.bias, &b.bias, k.isa, "quantize, biases");
            derive(&a.x, count);
            if (k.isa & PAL_ISA_SIMD128) expect_same(&a.wide, &b.wide, k.isa, "quantize, 16 bits");
            quantised_drop(&b);
        }
        drop(&x);
        quantised_drop(&a);
    }
}

static void quantize_zero_block_has_scale_zero(void **state)
{
    (void)state;
    float x[2 * PAL_BLOCK] = {0}, scale[2] = {1, 1};
    int8_t q[2 * PAL_BLOCK];
    int32_t bias[2] = {1, 1};
    x[PAL_BLOCK] = 0x1p-101f; /* not zero, but below what counts */
    memset(q, 1, sizeof q);
    reference.quantize(&(pal_quantized){q, scale, bias, NULL}, x, 2 * PAL_BLOCK);
    assert_true(scale[0] == 0.0f && scale[1] == 0.0f && bias[0] == 0 && bias[1] == 0);
    for (int i = 0; i < 2 * PAL_BLOCK; i++) assert_int_equal(q[i], 0);
}

static void quantize_halves_round_to_even(void **state)
{
    (void)state;
    static const float x[PAL_BLOCK] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 125.5f, 126.5f, -126.5f, 0.49f};
    static const int expected[PAL_BLOCK] = {127, 0, 2, 2, 0, -2, -2, 126, 126, -126, 0};
    float scale;
    int8_t q[PAL_BLOCK];
    int32_t bias;
    reference.quantize(&(pal_quantized){q, &scale, &bias, NULL}, x, PAL_BLOCK);
    assert_int_equal(bias, -8 * (127 + 2 + 2 - 2 - 2 + 126 + 126 - 126));
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
            int32_t bias;
            for (int i = 0; i < PAL_BLOCK; i++) x[i] = (float)(2 * uniform() - 1) * top;
            x[place] = round % 2 ? top : -top;
            reference.quantize(&(pal_quantized){q, &scale, &bias, NULL}, x, PAL_BLOCK);
            assert_true(scale == top / 127.0f);
            assert_int_equal(q[place], round % 2 ? 127 : -127);
            for (int i = 0; i < PAL_BLOCK; i++) {
                assert_true(q[i] >= -127);
                /* Half a step, plus the two roundings of x * (127 / amax). */
                assert_true(fabs(q[i] - x[i] * 127.0 / top) <= 0.5 + 127 * 0x1p-22);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panels_give_every_row_back),
        cmocka_unit_test(init_reference_only_has_mask_zero),
        cmocka_unit_test(init_each_isa_has_all_variants),
        cmocka_unit_test(init_all_allowed_takes_what_the_machine_has),
        cmocka_unit_test(quantize_variants_equal_reference),
        cmocka_unit_test(quantize_zero_block_has_scale_zero),
        cmocka_unit_test(quantize_halves_round_to_even),
        cmocka_unit_test(quantize_extreme_at_any_place_is_127),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
