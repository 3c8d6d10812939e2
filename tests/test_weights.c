/* test_weights.c - converts weights to f32 and back, against the results of the `gguf` package for the same numbers
 * (tools/make_kernel_golden.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "file_testing.h"
#include "kernel_inputs.h"

static uint32_t read_u32(const unsigned char **at)
{
    uint32_t value;
    memcpy(&value, *at, sizeof value);
    *at += sizeof value;
    return value;
}

static void weights_of_golden_file_are_equal_both_ways(void **state)
{
    (void)state;
    const buffer file = read_whole("tests/golden/kernels.bin");
    assert_memory_equal(file.data, "PALGOLD1", 8);
    const unsigned char *at = file.data + 8;
    uint32_t sections = read_u32(&at);
    assert_int_equal(sections, 3);
    while (sections--) {
        uint32_t type = read_u32(&at), count = read_u32(&at);
        test_array x = take(count, sizeof(float), sizeof(float)), back = take(count, sizeof(float), sizeof(float));
        memcpy(x.data, at, x.bytes);
        at += x.bytes;
        uint32_t bytes = read_u32(&at);
        assert_int_equal(bytes, count / pal_tensor_block(type) * pal_tensor_block_bytes(type));
        test_array w = take(bytes, 1, 1);
        assert_true(pal_quantize_weights(w.data, x.data, type, count));
        assert_memory_equal(w.data, at, bytes);
        pal_dequantize(back.data, at, type, count);
        assert_memory_equal(back.data, at + bytes, back.bytes);
        at += bytes + back.bytes;
        drop(&x);
        drop(&back);
        drop(&w);
    }
    assert_true(at == file.data + file.size);
    free(file.data);
}

/* Equal bits, or both not a number. */
static void expect_equal_or_nan(const float *got, const float *expected, size_t count, uint32_t type)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(got + i, expected + i, sizeof *got) != 0 && (got[i] == got[i] || expected[i] == expected[i]))
            fail_msg("%s, value %zu: %.9g instead of %.9g", pal_tensor_type_name(type), i, (double)got[i],
                     (double)expected[i]);
}

static void dequantize_every_type_equals_the_gguf_package(void **state)
{
    (void)state;
    const buffer file = read_whole("tests/golden/dequantize.bin");
    assert_memory_equal(file.data, "PALDEQT1", 8);
    const unsigned char *at = file.data + 8;
    uint32_t sections = read_u32(&at), types = 0;
    while (sections--) {
        uint32_t type = read_u32(&at), count = read_u32(&at), bytes = read_u32(&at);
        assert_int_equal(bytes, count / pal_tensor_block(type) * pal_tensor_block_bytes(type));
        test_array w = take(bytes, 1, 1), got = take(count, sizeof(float), sizeof(float)), expected;
        memcpy(w.data, at, bytes);
        expected = take(count, sizeof(float), sizeof(float));
        memcpy(expected.data, at + bytes, expected.bytes);
        pal_dequantize(got.data, w.data, type, count);
        expect_equal_or_nan(got.data, expected.data, count, type);
        types |= 1u << (type == PAL_BF16 ? 31 : type);
        at += bytes + expected.bytes;
        drop(&w);
        drop(&got);
        drop(&expected);
    }
    assert_true(at == file.data + file.size);
    assert_int_equal(types, 0x800071cf); /* F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K, BF16 */
    free(file.data);
}

/* Each part of a K block has its own scale, minimum and fifth bit: if one part is set, the others stay zero. */
static void dequantize_k_blocks_parts_do_not_touch_each_other(void **state)
{
    (void)state;
    for (int part = 0; part < 8; part++) {
        unsigned char w[176] = {0};
        float x[256];
        put_half(w, pal_f32_to_f16(2.0f));
        unsigned char *scale = w + 4 + part;
        if (part < 4) {
            *scale = 3;
        } else {
            scale[4] = 3;
        }
        for (int i = 0; i < 32; i++) w[16 + i] = (unsigned char)(1 << part);
        memset(w + 48, 0xff, 128);
        pal_dequantize(x, w, PAL_Q5_K, 256);
        for (int i = 0; i < 256; i++) assert_true(x[i] == (i / 32 == part ? 2.0f * 3 * 31 : 0.0f));
    }
}

static void weights_f32_come_back_as_they_were(void **state)
{
    (void)state;
    float x[5] = {1.5f, -0.0f, 0x1p-140f, FLT_MAX, -3}, back[5];
    unsigned char w[sizeof x + 1];
    assert_true(pal_quantize_weights(w + 1, x, PAL_F32, 5));
    pal_dequantize(back, w + 1, PAL_F32, 5);
    assert_memory_equal(back, x, sizeof x);
}

static void dequantize_q4_0_low_nibbles_come_first(void **state)
{
    (void)state;
    unsigned char w[18];
    float x[PAL_BLOCK];
    put_half(w, pal_f32_to_f16(0.5f));
    for (int i = 0; i < 16; i++) w[2 + i] = (unsigned char)(i | (15 - i) << 4);
    pal_dequantize(x, w, PAL_Q4_0, PAL_BLOCK);
    for (int i = 0; i < 16; i++) {
        assert_true(x[i] == 0.5f * (float)(i - 8));
        assert_true(x[i + 16] == 0.5f * (float)(7 - i));
    }
}

/* Too small for a half-precision scale, and for a scale with a finite inverse. */
static void quantize_weights_tiny_values_become_zero(void **state)
{
    (void)state;
    static const uint32_t types[] = {PAL_Q8_0, PAL_Q4_0};
    for (size_t t = 0; t < COUNT(types); t++) {
        float x[PAL_BLOCK], back[PAL_BLOCK];
        unsigned char w[34];
        for (int i = 0; i < PAL_BLOCK; i++) x[i] = (i % 2 ? 1.0f : -1.0f) * 0x1p-149f * (float)i;
        assert_true(pal_quantize_weights(w, x, types[t], PAL_BLOCK));
        pal_dequantize(back, w, types[t], PAL_BLOCK);
        for (int i = 0; i < PAL_BLOCK; i++) assert_true(back[i] == 0.0f);
    }
}

static void quantize_weights_refuses_what_has_no_finite_form(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        float largest; /* that fits */
    } cases[] = {{PAL_F16, 65504.0f}, {PAL_Q8_0, 65504.0f * 127}, {PAL_Q4_0, 65504.0f * 8}};
    for (size_t t = 0; t < COUNT(cases); t++) {
        float x[PAL_BLOCK] = {0};
        unsigned char w[2 * PAL_BLOCK];
        x[17] = -cases[t].largest;
        assert_true(pal_quantize_weights(w, x, cases[t].type, PAL_BLOCK));
        x[17] = cases[t].largest * 1.01f;
        assert_false(pal_quantize_weights(w, x, cases[t].type, PAL_BLOCK));
        x[17] = -INFINITY;
        assert_false(pal_quantize_weights(w, x, cases[t].type, PAL_BLOCK));
        x[17] = NAN;
        assert_false(pal_quantize_weights(w, x, cases[t].type, PAL_BLOCK));
    }
}

static void quantize_weights_refuses_other_types_and_broken_blocks(void **state)
{
    (void)state;
    float x[PAL_BLOCK] = {0};
    unsigned char w[2 * PAL_BLOCK];
    assert_false(pal_quantize_weights(w, x, PAL_Q4_K, PAL_BLOCK));
    assert_false(pal_quantize_weights(w, x, 99, PAL_BLOCK));
    assert_false(pal_quantize_weights(w, x, PAL_Q8_0, PAL_BLOCK - 1));
    assert_false(pal_quantize_weights(w, x, PAL_Q4_0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_golden_file_are_equal_both_ways),
        cmocka_unit_test(dequantize_every_type_equals_the_gguf_package),
        cmocka_unit_test(dequantize_k_blocks_parts_do_not_touch_each_other),
        cmocka_unit_test(weights_f32_come_back_as_they_were),
        cmocka_unit_test(dequantize_q4_0_low_nibbles_come_first),
        cmocka_unit_test(quantize_weights_tiny_values_become_zero),
        cmocka_unit_test(quantize_weights_refuses_what_has_no_finite_form),
        cmocka_unit_test(quantize_weights_refuses_other_types_and_broken_blocks),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
