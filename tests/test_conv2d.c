/* test_conv2d.c - convolutions against the plain sum in double precision, and every instruction set against the
 * scalar one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_inputs.h"
#include "kernels/panels.h"
#include "nn/conv2d.h"

typedef struct {
    pal_conv2d conv;
    int height, width;
    test_array x, w, bias, plain; /* plain: the weights as f32, rows as in a file */
    void *block;
    pal_conv2d_scratch scratch;
} conv_case;

static conv_case conv_draw(uint32_t type, int in, int out, int size, int stride, int height, int width)
{
    const int cols = size * size * in;
    const size_t count = (size_t)out * (size_t)cols;
    conv_case c = {.height = height, .width = width};
    c.x = floats(RANDOM, (size_t)(height * width * in), 1.0f);
    c.plain = floats(RANDOM, count, 1.0f);
    c.bias = floats(RANDOM, (size_t)out, 1.0f);
    c.w = take((size_t)out, pal_row_bytes(type, cols), 1);
    assert_true(pal_quantize_weights(c.w.data, c.plain.data, type, count));
    pal_dequantize(c.plain.data, c.w.data, type, count);
    test_array eight = take(PAL_PANEL, pal_row_bytes(type, cols), 1);
    pal_panels_pack(c.w.data, type, out, cols, eight.data);
    drop(&eight);
    c.conv =
        (pal_conv2d){{.type = type, .rows = out, .cols = cols, .data = c.w.data, .bias = out % 2 ? c.bias.data : NULL},
                     in,
                     size,
                     stride};
    pal_arena arena = {0};
    pal_conv2d_layout(&c.scratch, 1, (size_t)cols, (size_t)(height * width * in), &arena);
    c.block = malloc(arena.used + PAL_ARENA_SLACK);
    assert_non_null(c.block);
    arena = pal_arena_in(c.block);
    pal_conv2d_layout(&c.scratch, 1, (size_t)cols, (size_t)(height * width * in), &arena);
    return c;
}

static void conv_drop(conv_case *c)
{
    drop(&c->x);
    drop(&c->w);
    drop(&c->bias);
    drop(&c->plain);
    free(c->block);
}

static test_array conv_run(const pal_kernels *k, const conv_case *c)
{
    const int height = pal_conv2d_extent(&c->conv, c->height), width = pal_conv2d_extent(&c->conv, c->width);
    test_array y = take((size_t)(height * width * c->conv.w.rows), sizeof(float), sizeof(float));
    pal_conv2d_run(&(pal_compute){.kernels = k}, &c->conv, y.data, c->x.data, c->height, c->width, &c->scratch);
    return y;
}

/* One output in double precision, and the sum of the magnitudes that went into it. */
static double conv_at(const conv_case *c, int y, int x, int out, double *magnitude)
{
    const pal_conv2d *v = &c->conv;
    const float *pixels = c->x.data, *w = (const float *)c->plain.data + out * v->w.cols;
    double sum = v->w.bias ? (double)v->w.bias[out] : 0.0;
    *magnitude = fabs(sum);
    for (int ky = 0; ky < v->size; ky++)
        for (int kx = 0; kx < v->size; kx++)
            for (int ch = 0; ch < v->in; ch++, w++) {
                const int row = y * v->stride + ky - v->size / 2, column = x * v->stride + kx - v->size / 2;
                if (row < 0 || row >= c->height || column < 0 || column >= c->width) continue;
                double term = (double)pixels[(row * c->width + column) * v->in + ch] * (double)*w;
                sum += term;
                *magnitude += fabs(term);
            }
    return sum;
}

/* rounding: of one term, relative; float products round every term and every sum. */
static void check_against_double(const conv_case *c, const test_array *y, double rounding)
{
    const int height = pal_conv2d_extent(&c->conv, c->height), width = pal_conv2d_extent(&c->conv, c->width);
    const float *got = y->data;
    for (int row = 0; row < height; row++)
        for (int column = 0; column < width; column++)
            for (int out = 0; out < c->conv.w.rows; out++) {
                double magnitude, expected = conv_at(c, row, column, out, &magnitude);
                expect_near(*got++, expected, magnitude * (rounding + (c->conv.w.cols + 2) * HALF_ULP), "conv2d");
            }
}

static void conv2d_equals_the_plain_sum(void **state)
{
    (void)state;
    static const struct {
        int in, out, height, width;
    } shapes[] = {{1, 1, 1, 1}, {1, 5, 3, 1}, {3, 8, 1, 7}, {4, 9, 5, 6}, {8, 16, 9, 8}, {5, 11, 12, 13}};
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (int size = 1; size <= 3; size += 2)
            for (int stride = 1; stride <= 2; stride++)
                for (int half = 0; half < 2; half++) {
                    conv_case c = conv_draw(half ? PAL_F16 : PAL_F32, shapes[i].in, shapes[i].out, size, stride,
                                            shapes[i].height, shapes[i].width);
                    test_array y = conv_run(&reference, &c);
                    check_against_double(&c, &y, 0.0);
                    drop(&y);
                    conv_drop(&c);
                }
}

/* Quantised activations are off by half a step of 1/127 of their block's largest, which is at most 1 here: an
 * absolute error of 1/254 a term, against weights of up to 1. */
static void conv2d_with_quantised_weights_is_near_the_plain_sum(void **state)
{
    (void)state;
    for (int size = 1; size <= 3; size += 2) {
        conv_case c = conv_draw(PAL_Q8_0, 32, 10, size, 1, 6, 11);
        test_array y = conv_run(&reference, &c);
        const float *got = y.data;
        for (int at = 0; at < 66; at++)
            for (int out = 0; out < 10; out++) {
                double magnitude, expected = conv_at(&c, at / 11, at % 11, out, &magnitude);
                expect_near(*got++, expected, c.conv.w.cols / 254.0 + 1e-4, "conv2d, Q8_0");
            }
        drop(&y);
        conv_drop(&c);
    }
}

static void conv2d_has_the_same_bits_in_every_instruction_set(void **state)
{
    (void)state;
    static const uint32_t types[] = {PAL_F32, PAL_F16, PAL_Q8_0, PAL_Q4_0};
    skip_without_variants();
    for (int round = 0; round < 48; round++) {
        const uint32_t type = types[round % 4];
        const int in = type == PAL_Q8_0 || type == PAL_Q4_0 ? 32 * (1 + below(2)) : 1 + below(20);
        conv_case c = conv_draw(type, in, 1 + below(20), round % 3 ? 3 : 1, 1 + below(2), 1 + below(14), 1 + below(14));
        test_array y = conv_run(&reference, &c);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            test_array y2 = conv_run(&k, &c);
            expect_same(&y, &y2, k.isa, "conv2d");
            drop(&y2);
        }
        drop(&y);
        conv_drop(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_equals_the_plain_sum),
        cmocka_unit_test(conv2d_with_quantised_weights_is_near_the_plain_sum),
        cmocka_unit_test(conv2d_has_the_same_bits_in_every_instruction_set),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
