/* The arithmetic coder: round trips, length against the entropy, ends, carries, damaged codes. */
#include "core/range_coder.h"
#include "core/math.h"
#include "core/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SYMBOLS = 300, LENGTH = 5000 };

static uint32_t number(uint32_t i, uint32_t below)
{
    return (uint32_t)(pal_uniform(7, PAL_DRAW_SUBSET, 1, 2, i) * below);
}

static void code_of_symbols_is_decoded_and_as_long_as_their_information(void **state)
{
    (void)state;
    static float logits[SYMBOLS];
    static double scratch[SYMBOLS];
    static uint32_t width[SYMBOLS];
    static unsigned char out[LENGTH * PAL_RANGE_SYMBOL];
    static int32_t symbols[LENGTH];
    for (int32_t i = 0; i < SYMBOLS; i++) logits[i] = (float)number((uint32_t)i, 1000) / 100.0F;
    pal_range_widths(logits, SYMBOLS, scratch, width);
    uint64_t sum = 0;
    for (int32_t i = 0; i < SYMBOLS; i++) sum += width[i];
    assert_true(sum <= PAL_RANGE_ONE && sum > PAL_RANGE_ONE - 2 * SYMBOLS);
    pal_range_encoder e;
    pal_range_encode_start(&e, out, sizeof out);
    double bits = 0.0;
    for (uint32_t i = 0; i < LENGTH; i++) {
        symbols[i] = (int32_t)number(i + 1000, SYMBOLS);
        bits -= pal_log((double)width[symbols[i]] / PAL_RANGE_ONE) / 0.69314718055994530942;
        pal_range_encode_symbol(&e, width, symbols[i]);
    }
    const size_t size = pal_range_encode_end(&e);
    assert_false(e.full);
    /* 2^-16 bits a symbol at most, and the end. */
    assert_true((double)size * 8.0 >= bits - 64.0 && (double)size * 8.0 <= bits + LENGTH / 65536.0 + 16.0);
    pal_range_decoder d;
    pal_range_decode_start(&d, out, size);
    for (uint32_t i = 0; i < LENGTH; i++) assert_int_equal(pal_range_decode_symbol(&d, width, SYMBOLS), symbols[i]);
}

/* Symbols at both ends of the range make the low end run through long rows of 255, which a carry then changes. */
static void extreme_symbols_and_carries_are_decoded(void **state)
{
    (void)state;
    static unsigned char out[LENGTH * PAL_RANGE_SYMBOL];
    const uint32_t widths[3][3] = {{1, PAL_RANGE_ONE - 2, 1}, {PAL_RANGE_ONE - 2, 1, 1}, {1, 1, PAL_RANGE_ONE - 2}};
    for (uint32_t round = 0; round < 200; round++) {
        pal_range_encoder e;
        pal_range_decoder d;
        pal_range_encode_start(&e, out, sizeof out);
        for (uint32_t i = 0; i < 100; i++)
            pal_range_encode_symbol(&e, widths[number(round * 100 + i, 3)], (int32_t)number(round * 177 + i, 3));
        const size_t size = pal_range_encode_end(&e);
        pal_range_decode_start(&d, out, size);
        for (uint32_t i = 0; i < 100; i++)
            assert_int_equal(pal_range_decode_symbol(&d, widths[number(round * 100 + i, 3)], 3),
                             (int32_t)number(round * 177 + i, 3));
    }
}

static void bits_are_decoded_and_nothing_costs_nothing(void **state)
{
    (void)state;
    unsigned char out[4096];
    pal_range_encoder e;
    pal_range_decoder d;
    pal_range_encode_start(&e, out, sizeof out);
    assert_int_equal(pal_range_encode_end(&e), 0);
    pal_range_encode_start(&e, out, sizeof out);
    for (uint32_t i = 0; i < 500; i++) pal_range_encode_bits(&e, 0xFF & i, 8);
    const size_t size = pal_range_encode_end(&e);
    assert_true(size >= 499 && size <= 501);
    pal_range_decode_start(&d, out, size);
    for (uint32_t i = 0; i < 500; i++) assert_int_equal(pal_range_decode_bits(&d, 8), 0xFF & i);
}

static void output_that_does_not_fit_is_told_and_not_written(void **state)
{
    (void)state;
    unsigned char out[8];
    memset(out, 0xA5, sizeof out);
    pal_range_encoder e;
    pal_range_encode_start(&e, out, 4);
    for (uint32_t i = 0; i < 100; i++) pal_range_encode_bits(&e, 0xFF & (i * 37), 8);
    pal_range_encode_end(&e);
    assert_true(e.full);
    for (size_t i = 4; i < sizeof out; i++) assert_int_equal(out[i], 0xA5);
}

/* Any bytes can be decoded: symbols, or that there is none. */
static void damaged_codes_do_no_harm(void **state)
{
    (void)state;
    const uint32_t width[3] = {1000, 5, PAL_RANGE_ONE / 2};
    unsigned char in[64];
    for (uint32_t round = 0; round < 500; round++) {
        pal_range_decoder d;
        for (uint32_t i = 0; i < sizeof in; i++) in[i] = (unsigned char)number(round * 64 + i, 256);
        pal_range_decode_start(&d, in, number(round, sizeof in + 1));
        for (uint32_t i = 0; i < 100; i++) {
            const int32_t symbol = pal_range_decode_symbol(&d, width, 3);
            assert_true(symbol >= -1 && symbol <= 2);
            if (symbol < 0) break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_of_symbols_is_decoded_and_as_long_as_their_information),
        cmocka_unit_test(extreme_symbols_and_carries_are_decoded),
        cmocka_unit_test(bits_are_decoded_and_nothing_costs_nothing),
        cmocka_unit_test(output_that_does_not_fit_is_told_and_not_written),
        cmocka_unit_test(damaged_codes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
