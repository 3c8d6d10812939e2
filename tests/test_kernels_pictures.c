/* test_kernels_pictures.c - kernels that only picture networks use: every variant against its reference, the references
 * and the group norm made of them against double precision; pictures in other shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_inputs.h"
#include "nn/group_norm.h"
#include "nn/resample.h"

/* The next variant that has the kernels of pictures. */
static bool next(pal_kernels *k, size_t *at)
{
    if (!next_variant(k, at)) return false;
    pal_kernels_add_pictures(k);
    return true;
}

/* ---- columns ------------------------------------------------------------ */

static void column_sums_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int dim = 1; dim < 150; dim++) {
        const int n = 1 + below(9);
        const fill kind = (fill)(dim % FILLS);
        test_array x = floats(kind == HUGE_VALUES ? RANDOM : kind, (size_t)(n * dim), 1e15f);
        test_array mean = floats(RANDOM, (size_t)dim, 1);
        test_array y = take(2 * (size_t)dim, sizeof(float), sizeof(float));
        reference.column_sums(y.data, x.data, n, dim);
        reference.column_squares((float *)y.data + dim, x.data, mean.data, n, dim);
        pal_kernels k;
        for (size_t at = 0; next(&k, &at);) {
            test_array y2 = take(2 * (size_t)dim, sizeof(float), sizeof(float));
            k.column_sums(y2.data, x.data, n, dim);
            k.column_squares((float *)y2.data + dim, x.data, mean.data, n, dim);
            expect_same(&y, &y2, k.isa, "column_sums, column_squares");
            drop(&y2);
        }
        drop(&x);
        drop(&mean);
        drop(&y);
    }
}

/* A sum of n terms rounds n - 1 times, each by half an ulp of at most the sum of magnitudes; a square three more. */
static void column_sums_reference_is_near_double(void **state)
{
    (void)state;
    enum { N = 300, DIM = 11 };
    test_array x = floats(RANDOM, N * DIM, 1), mean = floats(RANDOM, DIM, 1);
    const float *v = x.data, *m = mean.data;
    float sum[DIM], squares[DIM];
    reference.column_sums(sum, v, N, DIM);
    reference.column_squares(squares, v, m, N, DIM);
    for (int c = 0; c < DIM; c++) {
        double total = 0, magnitude = 0, square = 0;
        for (int i = 0; i < N; i++) {
            const double x_i = v[i * DIM + c], d = x_i - m[c];
            total += x_i;
            magnitude += fabs(x_i);
            square += d * d;
        }
        expect_near(sum[c], total, (double)N * HALF_ULP * magnitude, "column_sums");
        expect_near(squares[c], square, (N + 3) * HALF_ULP * square, "column_squares");
    }
    drop(&x);
    drop(&mean);
}

typedef void move_fn(float *y, const float *x, const float *factor, const float *addend, int n, int dim);

static void compare_move(move_fn *expected, move_fn *got, const pal_kernels *k, const test_array *x, int n, int dim)
{
    test_array factor = floats(RANDOM, (size_t)dim, 1), addend = floats(RANDOM, (size_t)dim, 1);
    test_array y = take((size_t)(n * dim), sizeof(float), sizeof(float)),
               y2 = take((size_t)(n * dim), 4, sizeof(float));
    expected(y.data, x->data, factor.data, addend.data, n, dim);
    got(y2.data, x->data, factor.data, addend.data, n, dim);
    expect_same(&y, &y2, k->isa, "scale_shift");
    memcpy(y2.data, x->data, y2.bytes); /* y may be x */
    got(y2.data, y2.data, factor.data, addend.data, n, dim);
    expect_same(&y, &y2, k->isa, "scale_shift in place");
    drop(&factor);
    drop(&addend);
    drop(&y);
    drop(&y2);
}

static void scale_shift_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int dim = 1; dim < 70; dim++) {
        const int n = 1 + below(4);
        test_array x = floats((fill)(dim % FILLS), (size_t)(n * dim), 88.5f);
        pal_kernels k;
        for (size_t at = 0; next(&k, &at);) {
            compare_move(reference.scale_shift, k.scale_shift, &k, &x, n, dim);
            compare_move(reference.scale_shift_silu, k.scale_shift_silu, &k, &x, n, dim);
        }
        drop(&x);
    }
}

static void compare_silu(const test_array *x)
{
    const size_t count = x->bytes / sizeof(float);
    test_array y = take(count, sizeof(float), sizeof(float));
    memcpy(y.data, x->data, x->bytes);
    reference.silu(y.data, count);
    pal_kernels k;
    for (size_t at = 0; next(&k, &at);) {
        test_array y2 = take(count, sizeof(float), sizeof(float));
        memcpy(y2.data, x->data, x->bytes);
        k.silu(y2.data, count);
        expect_same(&y, &y2, k.isa, "silu");
        drop(&y2);
    }
    drop(&y);
}

/* All lengths, then any finite float and densely where the exponential neither under- nor overflows. */
static void silu_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int count = 1; count < 60; count++) {
        test_array x = floats((fill)(count % FILLS), (size_t)count, 88.5f);
        compare_silu(&x);
        drop(&x);
    }
    const size_t count = 1 << 16;
    test_array x = take(count, sizeof(float), sizeof(float));
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)(uniform() * 0x1p32);
        float value;
        memcpy(&value, &bits, sizeof value);
        ((float *)x.data)[i] = i % 2 || !isfinite(value) ? (float)(uniform() * 200 - 100) : value;
    }
    compare_silu(&x);
    drop(&x);
}

/* Three roundings and pal_expf, which has an error of up to 2 ulp; below -80 the exponential nearly underflows, and the
 * result is smaller than 1e-32. scale_shift_silu does the same with its sum. */
static void silu_reference_is_near_double(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        const float x = (float)(uniform() * 240 - 120), factor = (float)(2 * uniform() - 1), addend = factor * 0.5f;
        const float moved = x * factor + addend;
        float got = x, other;
        reference.silu(&got, 1);
        const double expected = x / (1 + exp(-(double)x));
        expect_near(got, expected, 8 * HALF_ULP * fabs(expected) + (x < -80 ? 1e-32 : 0), "silu");
        reference.scale_shift_silu(&other, &x, &factor, &addend, 1, 1);
        got = moved;
        reference.silu(&got, 1);
        assert_true(other == got);
    }
}

/* ---- the group norm ----------------------------------------------------- */

enum { MAX_CHANNELS = 40, MAX_PLACES = 50 };

typedef struct {
    pal_group_norm norm;
    int places;
    float x[MAX_CHANNELS * MAX_PLACES], gain[MAX_CHANNELS], bias[MAX_CHANNELS], modulation[2 * MAX_CHANNELS];
    float sum[MAX_CHANNELS], factor[MAX_CHANNELS], addend[MAX_CHANNELS];
    pal_group_norm_scratch scratch;
} norm_case;

/* Values around 2, so that the means are not near 0. */
static void draw_norm(norm_case *c, int groups, int width, int places)
{
    const int channels = groups * width;
    for (int i = 0; i < channels * places; i++) c->x[i] = (float)(2 * uniform() + 1);
    for (int i = 0; i < 2 * channels; i++) c->modulation[i] = (float)(2 * uniform() - 1);
    for (int i = 0; i < channels; i++) {
        c->gain[i] = (float)(2 * uniform() - 1);
        c->bias[i] = (float)(2 * uniform() - 1);
    }
    c->norm = (pal_group_norm){c->gain, c->bias, channels, groups, 1e-5f};
    c->places = places;
    c->scratch = (pal_group_norm_scratch){c->sum, c->factor, c->addend};
}

/* One group's mean and scale in double precision. */
static void statistics_of(const norm_case *c, int group, double *mean, double *scale)
{
    const int channels = c->norm.channels, width = channels / c->norm.groups, count = width * c->places;
    double sum = 0, squares = 0;
    for (int i = 0; i < count; i++) sum += c->x[i / width * channels + group * width + i % width];
    *mean = sum / count;
    for (int i = 0; i < count; i++) {
        const double d = c->x[i / width * channels + group * width + i % width] - *mean;
        squares += d * d;
    }
    *scale = 1 / sqrt(squares / count + (double)1e-5f);
}

/* Sums of `places` terms per channel have an error of that many half ulps.  A mean of about 2, times a scale of about 2
 * (of values spread over an interval of 2), is folded into the addend, and both factors are at most 2. */
static void group_norm_is_near_double(void **state)
{
    (void)state;
    static const int shapes[][3] = {{1, 1, 7}, {2, 3, 5}, {4, 10, 50}, {5, 8, 1}, {8, 4, 49}, {1, 40, 30}};
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int how = 0; how < 4; how++) {
            norm_case c;
            float y[MAX_CHANNELS * MAX_PLACES];
            draw_norm(&c, shapes[s][0], shapes[s][1], shapes[s][2]);
            const bool modulated = how & 1, silu = how & 2;
            const int channels = c.norm.channels, width = shapes[s][1];
            pal_group_norm_run(&(pal_compute){.kernels = &reference}, &c.norm, y, c.x, c.places,
                               modulated ? c.modulation : NULL, silu ? PAL_NORM_SILU : PAL_NORM_ONLY, &c.scratch);
            for (int i = 0; i < channels * c.places; i++) {
                const int ch = i % channels;
                double mean, scale;
                statistics_of(&c, ch / width, &mean, &scale);
                double expected = (c.x[i] - mean) * scale * c.gain[ch] + c.bias[ch];
                if (modulated) expected = expected * (1.0 + c.modulation[ch]) + c.modulation[channels + ch];
                if (silu) expected = expected / (1 + exp(-expected));
                expect_near(y[i], expected, (c.places + 20) * HALF_ULP * 8 * (scale < 400 ? scale : 400), "group norm");
            }
        }
}

static void group_norm_in_place_is_the_same(void **state)
{
    (void)state;
    norm_case c;
    float y[MAX_CHANNELS * MAX_PLACES];
    draw_norm(&c, 4, 6, 30);
    pal_group_norm_run(&(pal_compute){.kernels = &reference}, &c.norm, y, c.x, c.places, c.modulation, PAL_NORM_SILU,
                       &c.scratch);
    pal_group_norm_run(&(pal_compute){.kernels = &reference}, &c.norm, c.x, c.x, c.places, c.modulation, PAL_NORM_SILU,
                       &c.scratch);
    assert_memory_equal(y, c.x, sizeof(float) * 24 * 30);
}

/* ---- other shapes ------------------------------------------------------- */

static void patches_and_back_are_the_picture(void **state)
{
    (void)state;
    enum { HEIGHT = 8, WIDTH = 12, CHANNELS = 3, COUNT_ALL = HEIGHT * WIDTH * CHANNELS };
    float x[COUNT_ALL], patches[COUNT_ALL], back[COUNT_ALL];
    for (int i = 0; i < COUNT_ALL; i++) x[i] = (float)i;
    for (int patch = 1; patch <= 4; patch *= 2) {
        pal_to_patches(patches, x, HEIGHT, WIDTH, CHANNELS, patch);
        for (int i = 0; i < COUNT_ALL; i++) {
            const int row = i / CHANNELS / WIDTH, column = i / CHANNELS % WIDTH, wide = WIDTH / patch;
            const int place = row / patch * wide + column / patch;
            const int cell = (row % patch * patch + column % patch) * CHANNELS + i % CHANNELS;
            assert_true(patches[place * patch * patch * CHANNELS + cell] == x[i]);
        }
        pal_from_patches(back, patches, HEIGHT, WIDTH, CHANNELS, patch);
        assert_memory_equal(back, x, sizeof x);
    }
}

static void doubled_pictures_repeat_every_pixel(void **state)
{
    (void)state;
    enum { CHANNELS = 2 };
    float x[4 * 4 * CHANNELS], y[7 * 8 * CHANNELS];
    for (int i = 0; i < (int)COUNT(x); i++) x[i] = (float)i;
    pal_double_extent(y, x, 7, 8, CHANNELS); /* from [4, 4], the last row once */
    for (int i = 0; i < (int)COUNT(y); i++) {
        const int row = i / CHANNELS / 8 / 2, column = i / CHANNELS % 8 / 2;
        assert_true(y[i] == x[(row * 4 + column) * CHANNELS + i % CHANNELS]);
    }
}

static void joined_channels_stand_side_by_side(void **state)
{
    (void)state;
    const float a[] = {1, 2, 3, 4}, b[] = {5, 6}, expected[] = {1, 2, 5, 3, 4, 6};
    float y[6];
    pal_join_channels(y, a, 2, b, 1, 2);
    assert_memory_equal(y, expected, sizeof y);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(column_sums_variants_equal_reference), cmocka_unit_test(column_sums_reference_is_near_double),
        cmocka_unit_test(scale_shift_variants_equal_reference), cmocka_unit_test(silu_variants_equal_reference),
        cmocka_unit_test(silu_reference_is_near_double),        cmocka_unit_test(group_norm_is_near_double),
        cmocka_unit_test(group_norm_in_place_is_the_same),      cmocka_unit_test(patches_and_back_are_the_picture),
        cmocka_unit_test(doubled_pictures_repeat_every_pixel),  cmocka_unit_test(joined_channels_stand_side_by_side),
    };
    kernel_inputs_init();
    pal_kernels_add_pictures(&reference);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
