/* test_expand.c - converts cached keys and values back to f32: every variant against the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/math.h"
#include "kernels/kernels.h"

#include <string.h>

enum { HALVES = 1 << 16, MAX_N = 8 * 67 };

static const unsigned masks[] = {PAL_ISA_SIMD128, PAL_ISA_SIMD128 | PAL_ISA_RELAXED, PAL_ISA_AVX2,
                                 PAL_ISA_AVX2 | PAL_ISA_VNNI};

static pal_kernels variant(unsigned mask)
{
    pal_kernels k;
    pal_kernels_init(&k, mask);
    return k;
}

/* The bits of a NaN are unspecified. */
static void expect_same(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i] == a[i] || b[i] == b[i]) assert_memory_equal(a + i, b + i, sizeof *a);
}

static uint16_t half[HALVES];
static float want[HALVES + 1], got[HALVES + 1];

static void every_half_float_expands_to_itself(void **state)
{
    (void)state;
    const pal_kernels reference = variant(PAL_ISA_REF);
    for (size_t i = 0; i < HALVES; i++) half[i] = (uint16_t)i;
    reference.expand_f16(want, half, HALVES);
    for (size_t i = 0; i < HALVES; i++) {
        const float x = pal_f16_to_f32((uint16_t)i);
        expect_same(&x, want + i, 1);
    }
    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
        const pal_kernels k = variant(masks[m]);
        for (size_t from = 0; from < 9; from++)
            for (size_t left = 0; left < 9; left++) {
                got[HALVES - from - left] = 77.0f;
                k.expand_f16(got, half + from, HALVES - from - left);
                expect_same(got, want + from, HALVES - from - left);
                assert_true(got[HALVES - from - left] == 77.0f);
            }
    }
}

/* q[i] is what `i` makes of it, all 256 values among them; the scales are ordinary, zero, subnormal, infinite. */
static void blocks_of_any_size_expand_like_the_reference(void **state)
{
    (void)state;
    static const uint16_t scales[] = {0x3c00, 0x0000, 0x0001, 0x2e66, 0x7bff, 0x7c00, 0x1234, 0x8400, 0x3555};
    const pal_kernels reference = variant(PAL_ISA_REF);
    int8_t q[MAX_N + 1];
    for (size_t i = 0; i <= MAX_N; i++) q[i] = (int8_t)(uint8_t)(i * 37);
    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
        const pal_kernels k = variant(masks[m]);
        for (int lanes = 1; lanes <= 8; lanes += 7)
            for (int dims = 1; dims <= 67; dims++)
                for (int s = 0; s < (lanes == 8 ? 2 : 9); s++) {
                    const size_t count = (size_t)(dims * lanes);
                    got[count] = 77.0f;
                    reference.expand_q8_0(want, q + 1, scales + s, dims, lanes);
                    k.expand_q8_0(got, q + 1, scales + s, dims, lanes);
                    expect_same(got, want, count);
                    assert_true(got[count] == 77.0f);
                    for (size_t i = 0; i < count; i++) {
                        const float x = (float)q[1 + i] * pal_f16_to_f32(scales[s + (int)i % lanes]);
                        expect_same(&x, want + i, 1);
                    }
                }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_float_expands_to_itself),
        cmocka_unit_test(blocks_of_any_size_expand_like_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
