/* test_kernels_rows.c - norms, rotary positions, activation and addition: every variant against its reference, the
 * references against double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_inputs.h"

/* ---- norm, rope, activation --------------------------------------------- */

static void rms_norm_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int dim = 1; dim < 80; dim++) {
        fill kind = (fill)(dim % FILLS);
        int n = 1 + below(4);
        test_array x = floats(kind == HUGE_VALUES ? RANDOM : kind, (size_t)(n * dim), 1e15f);
        test_array gain = floats(RANDOM, (size_t)dim, 1), y = take((size_t)(n * dim), sizeof(float), sizeof(float));
        reference.rms_norm(y.data, x.data, gain.data, 1e-5f, n, dim);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            test_array y2 = take((size_t)(n * dim), sizeof(float), sizeof(float));
            k.rms_norm(y2.data, x.data, gain.data, 1e-5f, n, dim);
            expect_same(&y, &y2, k.isa, "rms_norm");
            memcpy(y2.data, x.data, y2.bytes); /* y may be x */
            k.rms_norm(y2.data, y2.data, gain.data, 1e-5f, n, dim);
            expect_same(&y, &y2, k.isa, "rms_norm in place");
            drop(&y2);
        }
        drop(&x);
        drop(&gain);
        drop(&y);
    }
}

/* The sum of squares is off by dim / 8 + 4 half ulps at most, its root by half of that; 6 more roundings. */
static void rms_norm_reference_is_near_double(void **state)
{
    (void)state;
    for (int dim = 1; dim < 700; dim += 13) {
        test_array x = floats(RANDOM, (size_t)dim, 1), gain = floats(RANDOM, (size_t)dim, 1);
        test_array y = take((size_t)dim, sizeof(float), sizeof(float));
        const float *v = x.data, *g = gain.data, *got = y.data;
        double sum = 0;
        reference.rms_norm(y.data, x.data, gain.data, 1e-5f, 1, dim);
        for (int i = 0; i < dim; i++) sum += (double)v[i] * (double)v[i];
        double scale = 1 / sqrt(sum / dim + (double)1e-5f);
        for (int i = 0; i < dim; i++) {
            double expected = v[i] * scale * g[i];
            expect_near(got[i], expected, (dim / 16.0 + 8) * HALF_ULP * fabs(expected), "rms_norm");
        }
        drop(&x);
        drop(&gain);
        drop(&y);
    }
}

static void layer_norm_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int dim = 1; dim < 80; dim++) {
        fill kind = (fill)(dim % FILLS);
        int n = 1 + below(4);
        test_array x = floats(kind == HUGE_VALUES ? RANDOM : kind, (size_t)(n * dim), 1e15f);
        test_array gain = floats(RANDOM, (size_t)dim, 1), bias = floats(RANDOM, (size_t)dim, 1);
        test_array y = take((size_t)(n * dim), sizeof(float), sizeof(float));
        reference.layer_norm(y.data, x.data, gain.data, bias.data, 1e-5f, n, dim);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            test_array y2 = take((size_t)(n * dim), sizeof(float), sizeof(float));
            k.layer_norm(y2.data, x.data, gain.data, bias.data, 1e-5f, n, dim);
            expect_same(&y, &y2, k.isa, "layer_norm");
            memcpy(y2.data, x.data, y2.bytes); /* y may be x */
            k.layer_norm(y2.data, y2.data, gain.data, bias.data, 1e-5f, n, dim);
            expect_same(&y, &y2, k.isa, "layer_norm in place");
            drop(&y2);
        }
        drop(&x);
        drop(&gain);
        drop(&bias);
        drop(&y);
    }
}

/* The error of the mean is at most dim / 8 + 4 half ulps of the mean magnitude; a difference adds its own rounding.
 * The scale is as in rms_norm, of differences.  The values of the row are around 2, so that the mean is not near 0. */
static void layer_norm_reference_is_near_double(void **state)
{
    (void)state;
    for (int dim = 2; dim < 700; dim += 13) {
        test_array x = floats(RANDOM, (size_t)dim, 1), gain = floats(RANDOM, (size_t)dim, 1);
        test_array bias = floats(RANDOM, (size_t)dim, 1), y = take((size_t)dim, sizeof(float), sizeof(float));
        float *v = x.data;
        const float *g = gain.data, *b = bias.data, *got = y.data;
        double mean = 0, squares = 0;
        for (int i = 0; i < dim; i++) mean += (double)(v[i] += 2.0f) / dim;
        for (int i = 0; i < dim; i++) squares += (v[i] - mean) * (v[i] - mean);
        reference.layer_norm(y.data, x.data, gain.data, bias.data, 1e-5f, 1, dim);
        const double scale = 1 / sqrt(squares / dim + (double)1e-5f), slip = (dim / 8.0 + 6) * HALF_ULP * 3;
        for (int i = 0; i < dim; i++) {
            double expected = (v[i] - mean) * scale * g[i];
            double bound =
                (dim / 16.0 + 10) * HALF_ULP * fabs(expected) + 2 * slip * scale * fabs(g[i]) * (1 + fabs(expected));
            expect_near(got[i], expected + b[i], bound + HALF_ULP * fabs(expected + b[i]), "layer_norm");
        }
        drop(&x);
        drop(&gain);
        drop(&bias);
        drop(&y);
    }
}

static void rope_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int head_dim = 2; head_dim < 80; head_dim += 2) {
        int n = 1 + below(4), heads = 1 + below(3);
        size_t count = (size_t)(n * heads * head_dim), angles = (size_t)(n * head_dim / 2);
        test_array x = floats((fill)(head_dim / 2 % FILLS), count, 1e30f);
        test_array cosine = floats(RANDOM, angles, 1), sine = floats(RANDOM, angles, 1);
        test_array y = take(count, sizeof(float), sizeof(float));
        memcpy(y.data, x.data, x.bytes);
        reference.rope(y.data, cosine.data, sine.data, n, heads, head_dim);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            test_array y2 = take(count, sizeof(float), sizeof(float));
            memcpy(y2.data, x.data, x.bytes);
            k.rope(y2.data, cosine.data, sine.data, n, heads, head_dim);
            expect_same(&y, &y2, k.isa, "rope");
            drop(&y2);
        }
        drop(&x);
        drop(&cosine);
        drop(&sine);
        drop(&y);
    }
}

static void rope_position_zero_is_identity(void **state)
{
    (void)state;
    float cosine[16], sine[16] = {0}, x[3 * 32], before[3 * 32];
    for (int i = 0; i < 16; i++) cosine[i] = 1.0f;
    for (int i = 0; i < 3 * 32; i++) before[i] = x[i] = (float)(uniform() + 0.1);
    reference.rope(x, cosine, sine, 1, 3, 32);
    assert_memory_equal(x, before, sizeof x);
}

/* Each position has its own angles, all heads of it share them, and the partner of an element is its
 * neighbour. */
static void rope_reference_turns_neighbours_by_their_angle(void **state)
{
    (void)state;
    enum { N = 3, HEADS = 2, DIM = 10 };
    float cosine[N * DIM / 2], sine[N * DIM / 2], x[N * HEADS * DIM], y[N * HEADS * DIM];
    for (int i = 0; i < N * DIM / 2; i++) {
        cosine[i] = (float)cos(i * 0.37);
        sine[i] = (float)sin(i * 0.37);
    }
    for (int i = 0; i < N * HEADS * DIM; i++) y[i] = x[i] = (float)(2 * uniform() - 1);
    reference.rope(y, cosine, sine, N, HEADS, DIM);
    for (int i = 0; i < N * HEADS * DIM; i += 2) {
        double angle = (i / (HEADS * DIM) * (DIM / 2) + i % DIM / 2) * 0.37;
        expect_near(y[i], x[i] * cos(angle) - x[i + 1] * sin(angle), 6 * HALF_ULP, "rope, first of a pair");
        expect_near(y[i + 1], x[i] * sin(angle) + x[i + 1] * cos(angle), 6 * HALF_ULP, "rope, second of a pair");
    }
}

static void rope_halves_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int head_dim = 2; head_dim < 80; head_dim += 2) {
        int n = 1 + below(4), heads = 1 + below(3);
        size_t count = (size_t)(n * heads * head_dim), angles = (size_t)(n * head_dim / 2);
        test_array x = floats((fill)(head_dim / 2 % FILLS), count, 1e30f);
        test_array cosine = floats(RANDOM, angles, 1), sine = floats(RANDOM, angles, 1);
        test_array y = take(count, sizeof(float), sizeof(float));
        memcpy(y.data, x.data, x.bytes);
        reference.rope_halves(y.data, cosine.data, sine.data, n, heads, head_dim);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            test_array y2 = take(count, sizeof(float), sizeof(float));
            memcpy(y2.data, x.data, x.bytes);
            k.rope_halves(y2.data, cosine.data, sine.data, n, heads, head_dim);
            expect_same(&y, &y2, k.isa, "rope_halves");
            drop(&y2);
        }
        drop(&x);
        drop(&cosine);
        drop(&sine);
        drop(&y);
    }
}

/* Computes rope with another order of elements. */
static void rope_halves_is_rope_of_the_halves_interleaved(void **state)
{
    (void)state;
    enum { N = 3, HEADS = 2, DIM = 10, HALF = DIM / 2 };
    float cosine[N * HALF], sine[N * HALF], x[N * HEADS * DIM], y[N * HEADS * DIM];
    for (int i = 0; i < N * HALF; i++) {
        cosine[i] = (float)(2 * uniform() - 1);
        sine[i] = (float)(2 * uniform() - 1);
    }
    for (int i = 0; i < N * HEADS * DIM; i++) x[i] = (float)(2 * uniform() - 1);
    for (int i = 0; i < N * HEADS * DIM; i++) y[i] = x[i - i % DIM + i % DIM / 2 + i % 2 * HALF];
    reference.rope(y, cosine, sine, N, HEADS, DIM);
    reference.rope_halves(x, cosine, sine, N, HEADS, DIM);
    for (int i = 0; i < N * HEADS * DIM; i++) assert_true(y[i] == x[i - i % DIM + i % DIM / 2 + i % 2 * HALF]);
}

static void compare_gelu(const test_array *x)
{
    size_t count = x->bytes / sizeof(float);
    test_array y = take(count, sizeof(float), sizeof(float));
    memcpy(y.data, x->data, x->bytes);
    reference.gelu(y.data, count);
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        test_array y2 = take(count, sizeof(float), sizeof(float));
        memcpy(y2.data, x->data, x->bytes);
        k.gelu(y2.data, count);
        expect_same(&y, &y2, k.isa, "gelu");
        drop(&y2);
    }
    drop(&y);
}

/* All lengths, then any finite float, and many where the function is curved. */
static void gelu_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int count = 1; count < 60; count++) {
        test_array x = floats((fill)(count % FILLS), (size_t)count, 88.5f);
        compare_gelu(&x);
        drop(&x);
    }
    const size_t count = 1 << 18;
    test_array x = take(count, sizeof(float), sizeof(float));
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)(uniform() * 0x1p32);
        float value;
        memcpy(&value, &bits, sizeof value);
        ((float *)x.data)[i] = i % 2 || !isfinite(value) ? (float)(uniform() * 24 - 12) : value;
    }
    compare_gelu(&x);
    drop(&x);
}

/* The exponent is off by four half ulps of itself, and up to 88 in magnitude; the rest by a few roundings.  The two
 * constants are rounded to float as well, which is in those four.  Far out the result is x, or less than 1e-33. */
static void gelu_reference_is_near_double(void **state)
{
    (void)state;
    for (int i = 0; i < 40000; i++) {
        float x = (float)(uniform() * 24 - 12), got = x;
        reference.gelu(&got, 1);
        double u = 0.7978845608028654 * (x + 0.044715 * (double)x * x * x);
        double expected = x / (1 + exp(-2 * u)); /* 0.5 x (1 + tanh u), which cancels */
        expect_near(got, expected, (8 + 2 * 6 * fabs(u)) * HALF_ULP * fabs(expected) + (u < -40 ? 1e-32 : 0), "gelu");
        if (fabs(x) < 3) expect_near(expected, 0.5 * x * (1 + tanh(u)), 1e-14, "tanh form");
    }
}

static void compare_swiglu(const test_array *gate, const test_array *up)
{
    size_t count = gate->bytes / sizeof(float);
    test_array y = take(count, sizeof(float), sizeof(float));
    memcpy(y.data, gate->data, gate->bytes);
    reference.swiglu(y.data, up->data, count);
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        test_array y2 = take(count, sizeof(float), sizeof(float));
        memcpy(y2.data, gate->data, gate->bytes);
        k.swiglu(y2.data, up->data, count);
        expect_same(&y, &y2, k.isa, "swiglu");
        drop(&y2);
    }
    drop(&y);
}

static void swiglu_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int count = 1; count < 60; count++) {
        test_array gate = floats((fill)(count % FILLS), (size_t)count, 88.5f), up = floats(RANDOM, (size_t)count, 1);
        compare_swiglu(&gate, &up);
        drop(&gate);
        drop(&up);
    }
}

/* Any finite float, and densely where exp neither under- nor overflows: this compares the vector versions of pal_expf
 * with the scalar one. */
static void swiglu_exponential_equals_reference_on_all_magnitudes(void **state)
{
    (void)state;
    skip_without_variants();
    const size_t count = 1 << 18;
    test_array gate = take(count, sizeof(float), sizeof(float)), up = floats(MAX, count, 1);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)(uniform() * 0x1p32);
        float value;
        memcpy(&value, &bits, sizeof value);
        ((float *)gate.data)[i] = i % 2 || !isfinite(value) ? (float)(uniform() * 200 - 100) : value;
    }
    compare_swiglu(&gate, &up);
    drop(&gate);
    drop(&up);
}

/* Four roundings and pal_expf, which has an error of up to 2 ulp; below -80 the exponential nearly underflows, and the
 * result is smaller than 1e-33. */
static void swiglu_reference_is_near_double(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        float gate = (float)(uniform() * 240 - 120), up = (float)(2 * uniform() - 1), got = gate;
        reference.swiglu(&got, &up, 1);
        double expected = gate / (1 + exp(-(double)gate)) * up;
        expect_near(got, expected, 8 * HALF_ULP * fabs(expected) + (gate < -80 ? 1e-32 : 0), "swiglu");
    }
}

static void add_variants_equal_sum(void **state)
{
    (void)state;
    for (int count = 1; count < 60; count++) {
        test_array x = floats((fill)(count % FILLS), (size_t)count, 1e30f), y = floats(RANGE, (size_t)count, 1);
        test_array sum = take((size_t)count, sizeof(float), sizeof(float));
        for (int i = 0; i < count; i++) ((float *)sum.data)[i] = ((float *)x.data)[i] + ((float *)y.data)[i];
        test_array got = take((size_t)count, sizeof(float), sizeof(float));
        memcpy(got.data, x.data, x.bytes);
        reference.add(got.data, y.data, (size_t)count);
        expect_same(&sum, &got, PAL_ISA_REF, "add");
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            memcpy(got.data, x.data, x.bytes);
            k.add(got.data, y.data, (size_t)count);
            expect_same(&sum, &got, k.isa, "add");
        }
        drop(&x);
        drop(&y);
        drop(&sum);
        drop(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rms_norm_variants_equal_reference),
        cmocka_unit_test(rms_norm_reference_is_near_double),
        cmocka_unit_test(layer_norm_variants_equal_reference),
        cmocka_unit_test(layer_norm_reference_is_near_double),
        cmocka_unit_test(rope_variants_equal_reference),
        cmocka_unit_test(rope_position_zero_is_identity),
        cmocka_unit_test(rope_reference_turns_neighbours_by_their_angle),
        cmocka_unit_test(rope_halves_variants_equal_reference),
        cmocka_unit_test(rope_halves_is_rope_of_the_halves_interleaved),
        cmocka_unit_test(gelu_variants_equal_reference),
        cmocka_unit_test(gelu_reference_is_near_double),
        cmocka_unit_test(swiglu_variants_equal_reference),
        cmocka_unit_test(swiglu_exponential_equals_reference_on_all_magnitudes),
        cmocka_unit_test(swiglu_reference_is_near_double),
        cmocka_unit_test(add_variants_equal_sum),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
