/* test_math.c - elementary functions and half precision. */
#define _XOPEN_SOURCE 700
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/core.h"
#include "core/math.h"
#include "core/random.h"

/* ---- elementary functions: errors ------------------------------------------------------------------ */

/* WebAssembly has long double only in software and no accurate reference: there the test of equal bits, below, shows
 * that the native measurement is valid. */
#if LDBL_MANT_DIG >= 64 && !defined(__EMSCRIPTEN__)
#define HAVE_REFERENCE 1
#else
#define HAVE_REFERENCE 0
#endif

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* The i-th of a fixed series of doubles in [low, high). */
static double drawn(uint32_t i, uint32_t series, double low, double high)
{
    return low + (high - low) * pal_uniform(11, PAL_DRAW_TOKEN, series, 0, i);
}

#if HAVE_REFERENCE
static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Distance in units of the last of `digits` binary places of the reference. */
static double ulps(long double got, long double reference, int digits)
{
    int exponent;
    frexpl(reference, &exponent);
    return (double)fabsl((got - reference) / ldexpl(1, exponent - digits));
}

static double larger(double a, double b)
{
    return b > a ? b : a;
}
#endif

/* Every 1009th float; all of them were swept once: expf 0.977, tanhf (every 4th) 1.509. */
static void f32_functions_errors_are_as_stated(void **state)
{
    (void)state;
#if HAVE_REFERENCE
    double expf_worst = 0, tanhf_worst = 0, rsqrtf_worst = 0;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 1009) {
        float x = float_of((uint32_t)bits);
        if (x >= PAL_EXPF_MIN && x <= PAL_EXPF_MAX) expf_worst = larger(expf_worst, ulps(pal_expf(x), expl(x), 24));
        if (fabsf(x) >= FLT_MIN && isfinite(x)) tanhf_worst = larger(tanhf_worst, ulps(pal_tanhf(x), tanhl(x), 24));
        if (x >= FLT_MIN && isfinite(x)) {
            rsqrtf_worst = larger(rsqrtf_worst, ulps(pal_rsqrtf(x), 1 / sqrtl(x), 24));
        }
    }
    print_message("errors in ulp: expf %.3f, tanhf %.3f, rsqrtf %.3f\n", expf_worst, tanhf_worst, rsqrtf_worst);
    assert_true(expf_worst > 0.5 && expf_worst < 1.0);
    assert_true(tanhf_worst > 0.5 && tanhf_worst < 1.6);
    assert_true(rsqrtf_worst > 0.5 && rsqrtf_worst < 1.6);
#else
    print_message("no long double reference here\n");
    skip();
#endif
}

static void f64_functions_errors_are_as_stated(void **state)
{
    (void)state;
#if HAVE_REFERENCE
    double exp_worst = 0, log_worst = 0, pow_worst = 0, sine_worst = 0, cosine_worst = 0;
    for (uint32_t i = 0; i < 200000; i++) {
        double x = i % 2 ? drawn(i, 0, -708.3, 709.7) : drawn(i, 0, -1, 1);
        exp_worst = larger(exp_worst, ulps(pal_exp(x), expl(x), 53));

        x = i % 2 ? drawn(i, 1, 0.5, 2) : double_of((uint64_t)drawn(i, 1, 1, 0x7ff0000000000000)); /* any positive */
        log_worst = larger(log_worst, ulps(pal_log(x), logl(x), 53));

        x = i % 2 ? drawn(i, 2, 0.01, 4) : exp(drawn(i, 2, -40, 40));
        double y = i % 4 < 2 ? drawn(i, 3, -3, 3) : drawn(i, 3, -700, 700) / log(x);
        pow_worst = larger(pow_worst, ulps(pal_pow(x, y), powl(x, y), 53));

        double sine, cosine;
        x = i % 2 ? drawn(i, 4, -0x1p20, 0x1p20) : drawn(i, 4, -10, 10);
        if (i % 8 == 0) x = floor(drawn(i, 5, -667543, 667544)) * 1.57079632679489661923; /* where it cancels */
        pal_sincos(x, &sine, &cosine);
        sine_worst = larger(sine_worst, ulps(sine, sinl(x), 53));
        cosine_worst = larger(cosine_worst, ulps(cosine, cosl(x), 53));
    }
    print_message("errors in ulp: exp %.3f, log %.3f, pow %.3f, sine %.3f, cosine %.3f\n", exp_worst, log_worst,
                  pow_worst, sine_worst, cosine_worst);
    assert_true(exp_worst > 0.5 && exp_worst < 0.9);
    assert_true(log_worst > 0.5 && log_worst < 0.9);
    assert_true(pow_worst > 0.5 && pow_worst < 1.0);
    assert_true(sine_worst > 0.5 && sine_worst < 1.1);
    assert_true(cosine_worst > 0.5 && cosine_worst < 1.1);
#else
    print_message("no long double reference here\n");
    skip();
#endif
}

/* ---- elementary functions: edges ------------------------------------------------------------------- */

static void expf_at_its_edges_is_as_documented(void **state)
{
    (void)state;
    assert_true(pal_expf(0.0f) == 1.0f);
    assert_true(pal_expf(-0.0f) == 1.0f);
    assert_true(pal_expf(0x1p-149f) == 1.0f);
    assert_true(pal_expf(-INFINITY) == 0 && !signbit(pal_expf(-INFINITY)));
    assert_true(pal_expf(-FLT_MAX) == 0);
    assert_true(pal_expf(INFINITY) == INFINITY);
    assert_true(pal_expf(FLT_MAX) == INFINITY);
    assert_true(isnan(pal_expf(NAN)));
    assert_true(isnan(pal_expf(float_of(0xff800001))));

    assert_true(pal_expf(PAL_EXPF_MIN) >= FLT_MIN);
    assert_true(pal_expf(nextafterf(PAL_EXPF_MIN, -INFINITY)) == 0);
    assert_true(exp((double)nextafterf(PAL_EXPF_MIN, -INFINITY)) < (double)FLT_MIN);
    assert_true(pal_expf(PAL_EXPF_MAX) <= FLT_MAX);
    assert_true(pal_expf(nextafterf(PAL_EXPF_MAX, INFINITY)) == INFINITY);
    assert_true(exp((double)nextafterf(PAL_EXPF_MAX, INFINITY)) > (double)FLT_MAX);
}

/* A softmax relies on this: a larger argument never gives a smaller result. */
static void expf_rising_argument_never_falls(void **state)
{
    (void)state;
    float last = 0;
    for (uint32_t bits = 0xc2b00000; bits > 0x80000000; bits -= 997) {
        float y = pal_expf(float_of(bits));
        assert_true(y >= last || last - y <= y * 0x1p-22f); /* within the error of 1 ulp each */
        last = y;
    }
    assert_true(last == 1.0f);
}

/* The algorithm in math.h, line by line, as vector units compute it. */
static float expf_by_recipe(float x)
{
    volatile float t, n, a, r, q, s; /* every operation rounded by itself */
    t = x * PAL_EXPF_LOG2E;
    t = t + PAL_EXPF_MAGIC;
    n = t - PAL_EXPF_MAGIC;
    a = n * PAL_EXPF_LN2_HI;
    r = x - a;
    a = n * PAL_EXPF_LN2_LO;
    r = r - a;
    q = PAL_EXPF_C6;
    const float c[4] = {PAL_EXPF_C5, PAL_EXPF_C4, PAL_EXPF_C3, PAL_EXPF_C2};
    for (int i = 0; i < 4; i++) {
        q = q * r;
        q = q + c[i];
    }
    s = r * r;
    q = q * s;
    q = q + r;
    q = q + 1.0f;
    float y = float_of(bits_of(q) + (bits_of(t) << 23));
    y = x < PAL_EXPF_MIN ? 0 : y;
    y = x > PAL_EXPF_MAX ? INFINITY : y;
    return x != x ? x : y;
}

static void expf_follows_its_recipe(void **state)
{
    (void)state;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 4099) {
        float x = float_of((uint32_t)bits), y = pal_expf(x);
        if (x == x)
            assert_int_equal(bits_of(y), bits_of(expf_by_recipe(x)));
        else
            assert_true(y != y);
    }
}

static void tanhf_is_odd_and_bounded(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x7f800000; bits += 10007) {
        float x = float_of(bits), y = pal_tanhf(x);
        assert_true(y >= 0 && y <= 1);
        assert_int_equal(bits_of(pal_tanhf(-x)), bits_of(y) | 0x80000000);
    }
    assert_true(pal_tanhf(INFINITY) == 1 && pal_tanhf(-INFINITY) == -1);
    assert_true(isnan(pal_tanhf(NAN)));
    assert_int_equal(bits_of(pal_tanhf(-0.0f)), 0x80000000);
}

static void f64_functions_at_their_edges_are_as_documented(void **state)
{
    (void)state;
    assert_true(pal_exp(0) == 1 && pal_exp(-0.0) == 1);
    assert_true(pal_exp(709.782712893384) < INFINITY && pal_exp(709.7827128933841) == INFINITY);
    assert_true(pal_exp(INFINITY) == INFINITY && pal_exp(-INFINITY) == 0 && isnan(pal_exp(NAN)));
    assert_true(pal_exp(-745) == 0x1p-1074 && pal_exp(-746) == 0);

    assert_true(pal_log(1) == 0 && pal_log(0) == -INFINITY && pal_log(-0.0) == -INFINITY);
    assert_true(pal_log(INFINITY) == INFINITY && isnan(pal_log(-1)) && isnan(pal_log(-INFINITY)) &&
                isnan(pal_log(NAN)));
    assert_true(fabs(pal_log(0x1p-1074) + 744.4400719213812) < 1e-12);

    assert_true(pal_pow(2, 10) == 1024 && pal_pow(0.5, -3) == 8 && pal_pow(10, 0) == 1 && pal_pow(NAN, 0) == 1);
    assert_true(pal_pow(1, NAN) == 1 && pal_pow(1, 1e300) == 1);
    assert_true(pal_pow(0, 2) == 0 && pal_pow(0, -2) == INFINITY && isnan(pal_pow(-1, 2)));
    assert_true(pal_pow(2, 1e300) == INFINITY && pal_pow(2, -1e300) == 0 && pal_pow(0.5, 1e300) == 0);
    assert_true(pal_pow(INFINITY, -1) == 0 && pal_pow(INFINITY, 1) == INFINITY && pal_pow(3, INFINITY) == INFINITY);

    double sine, cosine;
    pal_sincos(0, &sine, &cosine);
    assert_true(sine == 0 && cosine == 1);
    static const int quadrant_sine[4] = {0, 1, 0, -1};
    for (int i = -4000; i <= 4000; i++) {
        pal_sincos(i * 1.5707963267948966, &sine, &cosine);
        assert_true(fabs(sine - quadrant_sine[i & 3]) < 1e-12 && fabs(cosine - quadrant_sine[(i + 1) & 3]) < 1e-12);
    }
}

static void hash_bytes(uint64_t *hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) *hash = (*hash ^ bytes[i]) * 0x100000001b3; /* FNV-1a */
}

/* The promise of math.h.  The constants were computed natively with gcc; every compiler, every level of optimisation
 * and WebAssembly must give the same values. */
static void functions_give_the_same_bits_on_every_target(void **state)
{
    (void)state;
    uint64_t single = 0xcbf29ce484222325, twice = single;
    for (uint32_t i = 0; i < 20000; i++) {
        float x = (float)drawn(i, 20, -95, 95), y[3] = {pal_expf(x), pal_tanhf(x / 16), pal_rsqrtf(x * x + 1)};
        hash_bytes(&single, y, sizeof y);
        double z = drawn(i, 21, -720, 720), a = pal_log(z * z * z * z), d[5] = {pal_exp(z), a, 0, 0, 0};
        d[2] = pal_pow(fabs(z), a);
        pal_sincos(z * 1000, &d[3], &d[4]);
        hash_bytes(&twice, d, sizeof d);
    }
    print_message("hashes: %016llx %016llx\n", (unsigned long long)single, (unsigned long long)twice);
    assert_true(single == 0x36a279958bae6792);
    assert_true(twice == 0x536cc2a4f23a9fee);
}

/* ---- half precision -------------------------------------------------------------------------------- */

static void half_all_65536_values_come_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = pal_f16_to_f32((uint16_t)h);
        int exponent = (int)(h >> 10 & 31), mantissa = (int)(h & 1023);
        if (exponent == 31 && mantissa) {
            assert_true(isnan(f));
            assert_int_equal(pal_f32_to_f16(f), h | 0x200); /* quiet, sign and payload kept */
            continue;
        }
        double value = exponent == 31  ? (double)INFINITY
                       : exponent == 0 ? mantissa * 0x1p-24
                                       : ldexp(1024 + mantissa, exponent - 25);
        assert_true(fabs((double)f) == value);
        assert_true(!signbit(f) == !(h & 0x8000));
        assert_int_equal(pal_f32_to_f16(f), h);
    }
}

/* Between every two neighbours: the midpoint rounds to the even one, any other value to the nearer one. */
static void half_rounding_is_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7c00; h++) {
        float low = pal_f16_to_f32((uint16_t)h);
        float high = h == 0x7bff ? 65536.0f : pal_f16_to_f32((uint16_t)(h + 1));
        float middle = low + (high - low) / 2; /* exact */
        uint32_t even = h & 1 ? h + 1 : h;
        for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
            float s = sign ? -1.0f : 1.0f;
            assert_int_equal(pal_f32_to_f16(s * middle), sign | even);
            assert_int_equal(pal_f32_to_f16(s * nextafterf(middle, 0)), sign | h);
            assert_int_equal(pal_f32_to_f16(s * nextafterf(middle, INFINITY)), sign | (h + 1));
        }
    }
    assert_int_equal(pal_f32_to_f16(65519.996f), 0x7bff);
    assert_int_equal(pal_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(pal_f32_to_f16(FLT_MAX), 0x7c00);
    assert_int_equal(pal_f32_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(pal_f32_to_f16(0x1p-149f), 0);
    assert_int_equal(pal_f32_to_f16(-0x1p-149f), 0x8000);
    assert_true(isnan(pal_f16_to_f32(pal_f32_to_f16(float_of(0x7f800001)))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_functions_errors_are_as_stated),
        cmocka_unit_test(f64_functions_errors_are_as_stated),
        cmocka_unit_test(expf_at_its_edges_is_as_documented),
        cmocka_unit_test(expf_rising_argument_never_falls),
        cmocka_unit_test(expf_follows_its_recipe),
        cmocka_unit_test(tanhf_is_odd_and_bounded),
        cmocka_unit_test(f64_functions_at_their_edges_are_as_documented),
        cmocka_unit_test(functions_give_the_same_bits_on_every_target),
        cmocka_unit_test(half_all_65536_values_come_back),
        cmocka_unit_test(half_rounding_is_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
