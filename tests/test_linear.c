/* test_linear.c - products of rows with matrices, and what adapters add to some of the rows: the bits of the plain sums
 * that linear.h documents, for every type of weights and every instruction set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/blocks.h"
#include "matrix_testing.h"
#include "model_testing.h"

/* ---- plain sums --------------------------------------------------------- */

/* Column c of a block: its integer, and the scale and minimum of its part. */
static int decode(uint32_t type, const unsigned char *b, int c, float *scale, float *minimum)
{
    const int part = c / PAL_BLOCK, odd = part % 2 * 4, at = c % PAL_BLOCK;
    const unsigned char *super = b + 4, *after = super + PAL_SUPER_SCALES;
    *scale = pal_block_scale(type == PAL_Q6_K ? b + 208 : b);
    *minimum = type == PAL_Q4_1 || type == PAL_Q5_1 ? pal_block_scale(b + 2) : 0.0f;
    if (type == PAL_Q4_K || type == PAL_Q5_K) {
        *scale = *scale * (float)pal_super_scale(super, part);
        *minimum = -(pal_block_scale(b + 2) * (float)pal_super_minimum(super, part));
    }
    switch (type) {
    case PAL_Q8_0: return (int8_t)b[2 + c];
    case PAL_Q4_0: return pal_nibble_at(b + 2, c) - 8;
    case PAL_Q4_1: return pal_nibble_at(b + 4, c);
    case PAL_Q5_0: return (pal_nibble_at(b + 6, c) | pal_fifth_bit(b + 2, c)) - 16;
    case PAL_Q5_1: return pal_nibble_at(b + 8, c) | pal_fifth_bit(b + 4, c);
    case PAL_Q4_K: return after[part / 2 * PAL_BLOCK + at] >> odd & 15;
    case PAL_Q5_K: return (after[PAL_BLOCK + part / 2 * PAL_BLOCK + at] >> odd & 15) | (after[at] >> part & 1) << 4;
    default: *scale = *scale * (float)(int8_t)b[192 + c / 16]; return pal_q6_k_at(b, c);
    }
}

/* A block of 32 activations as integers; its scale. */
static float plain_quantize(int *q, const float *x)
{
    float largest = 0.0f;
    for (int i = 0; i < PAL_BLOCK; i++) largest = fmaxf(largest, fabsf(x[i]));
    const float inverse = largest >= 0x1p-100f ? 127.0f / largest : 0.0f;
    for (int i = 0; i < PAL_BLOCK; i++) q[i] = (int)rintf(x[i] * inverse);
    return largest >= 0x1p-100f ? largest / 127.0f : 0.0f;
}

static float plain_floats(const pal_matrix *m, const unsigned char *row, const float *x)
{
    float sum = 0.0f;
    for (int c = 0; c < m->cols; c++) {
        float w;
        pal_dequantize(&w, row + (size_t)c * pal_tensor_block_bytes(m->type), m->type, 1);
        sum += w * x[c];
    }
    return sum;
}

/* Row r of w times x, in the documented order. */
static float plain_dot(const matrix *w, int r, const float *x)
{
    const uint32_t type = w->m.type;
    const int block = (int)pal_tensor_block(type), width = type == PAL_Q6_K ? 16 : PAL_BLOCK;
    const bool minima = type == PAL_Q4_1 || type == PAL_Q5_1 || type == PAL_Q4_K || type == PAL_Q5_K;
    const unsigned char *row = (unsigned char *)w->file.data + (size_t)r * pal_row_bytes(type, w->m.cols);
    float sum = 0.0f, scale = 0.0f, minimum = 0.0f, s = 0.0f;
    int q[PAL_BLOCK];
    if (pal_weights_float(type)) return plain_floats(&w->m, row, x);
    for (int c = 0; c < w->m.cols; c += width) {
        const unsigned char *at = row + (size_t)(c / block) * pal_tensor_block_bytes(type);
        int dot = 0, total = 0;
        if (c % PAL_BLOCK == 0) s = plain_quantize(q, x + c);
        for (int i = 0; i < width; i++) {
            dot += q[c % PAL_BLOCK + i] * decode(type, at, c % block + i, &scale, &minimum);
            total += q[c % PAL_BLOCK + i];
        }
        sum += (float)dot * (scale * s);
        if (minima) sum += (float)total * (minimum * s);
    }
    return sum;
}

/* ---- what is compared --------------------------------------------------- */

typedef struct {
    matrix w, a, b;
    pal_adapter by;
    test_array x; /* [n, cols] */
    int n, plain;
} product_case;

static product_case some_case(uint32_t w, uint32_t a, uint32_t b, int n, int plain, int rows, int cols, int rank)
{
    product_case c = {some_matrix(w, rows, cols), some_matrix(a, rank, cols), some_matrix(b, rows, rank), .n = n,
                      .plain = plain};
    c.x = floats(RANDOM, (size_t)n * (size_t)cols, 1.0f);
    c.by = (pal_adapter){c.a.m, c.b.m, (float)(0.25 + uniform())};
    return c;
}

static void case_drop(product_case *c)
{
    matrix_drop(&c->w);
    matrix_drop(&c->a);
    matrix_drop(&c->b);
    drop(&c->x);
}

static test_array expected(const product_case *c)
{
    const int rows = c->w.m.rows, rank = c->a.m.rows;
    test_array y = take((size_t)c->n * (size_t)rows, sizeof(float), sizeof(float));
    float low[PAL_SUPER];
    for (int i = 0; i < c->n; i++) {
        const float *x = (float *)c->x.data + (size_t)i * (size_t)c->w.m.cols;
        for (int k = 0; k < rank; k++) low[k] = plain_dot(&c->a, k, x);
        for (int r = 0; r < rows; r++) {
            float sum = plain_dot(&c->w, r, x);
            if (i >= c->plain && c->w.m.adapter) sum += c->by.scale * plain_dot(&c->b, r, low);
            if (c->w.m.bias) sum += c->w.m.bias[r];
            ((float *)y.data)[i * rows + r] = sum;
        }
    }
    return y;
}

/* Scratch of exactly the required size, from an arena. */
typedef struct {
    pal_quantized rows;
    pal_adapter_scratch adapting;
    void *block;
} scratch;

static scratch some_scratch(int n, int cols, int rank, int rows)
{
    scratch s;
    pal_arena arena = {0};
    size_t bytes;
    for (int placed = 0; placed < 2; placed++) {
        pal_quantized_layout(&s.rows, (size_t)n, (size_t)cols, &arena);
        pal_adapter_layout(&s.adapting, (size_t)rank, (size_t)rows, &arena);
        if (placed) break;
        assert_true(pal_arena_bytes(&arena, &bytes));
        s.block = malloc(bytes);
        assert_non_null(s.block);
        memset(s.block, 0xff, bytes); /* NaNs show reads of unwritten memory */
        arena = pal_arena_in(s.block);
    }
    return s;
}

static test_array run(const pal_kernels *k, const product_case *c)
{
    scratch s = some_scratch(c->n, c->w.m.cols, c->a.m.rows, c->w.m.rows);
    test_array y = take((size_t)c->n * (size_t)c->w.m.rows, sizeof(float), sizeof(float));
    pal_input in = pal_input_of(&s.rows, c->x.data, c->n, c->w.m.cols);
    if (c->plain < c->n) pal_input_adapt(&in, c->plain, &s.adapting);
    pal_linear(&(pal_compute){.kernels = k}, y.data, &in, &c->w.m);
    free(s.block);
    return y;
}

static void compare(const product_case *c)
{
    char what[100];
    test_array plain = expected(c), y = run(&reference, c);
    pal_kernels k;
    snprintf(what, sizeof what, "%s with %s, %s of rank %d, %d of %d rows plain", pal_tensor_type_name(c->w.m.type),
             pal_tensor_type_name(c->a.m.type), pal_tensor_type_name(c->b.m.type), c->a.m.rows, c->plain, c->n);
    expect_same(&plain, &y, PAL_ISA_REF, what);
    drop(&y);
    for (size_t at = 0; next_variant(&k, &at);) {
        y = run(&k, c);
        expect_same(&plain, &y, k.isa, what);
        drop(&y);
    }
    drop(&plain);
}

/* ---- tests -------------------------------------------------------------- */

static void products_are_the_documented_sums(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNT(types); t++)
        for (int bias = 0; bias < 2; bias++) {
            product_case c = some_case(types[t], PAL_F32, PAL_F32, 5, 5, 19, 512, 1);
            if (bias) c.w.m.bias = c.w.bias.data;
            compare(&c);
            case_drop(&c);
        }
}

/* Adapters of any type at matrices of any type; ranks that fit each type, rows of weights within panels and in the
 * rest, adapted rows in more than one tile of scratch. */
static void adapted_rows_are_the_documented_sums(void **state)
{
    (void)state;
    static const int shapes[][2] = {{1, 0}, {3, 2}, {7, 0}, {40, 3}, {2 * PAL_ADAPTED_ROWS + 5, 0}};
    int turn = 0;
    for (size_t w = 0; w < COUNT(types); w++)
        for (size_t a = 0; a < COUNT(types); a++, turn++) {
            const uint32_t b = types[(w + 3 * a) % COUNT(types)];
            const int *shape = shapes[turn % (int)COUNT(shapes)], block = (int)pal_tensor_block(b);
            const int rank = block > 1 ? block : 1 + turn % 17;
            product_case c = some_case(types[w], types[a], b, shape[0], shape[1], turn % 2 ? 19 : 8, 256, rank);
            if (turn % 3) c.w.m.bias = c.w.bias.data;
            c.w.m.adapter = &c.by;
            compare(&c);
            case_drop(&c);
        }
}

/* An attached adapter that is not used changes no bit. */
static void plain_rows_are_those_without_the_adapter(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNT(types); t++) {
        product_case c = some_case(types[t], PAL_F16, PAL_F32, 9, 9, 19, 256, 4);
        test_array without = run(&reference, &c);
        c.w.m.adapter = &c.by;
        test_array all_plain = run(&reference, &c);
        expect_same(&without, &all_plain, PAL_ISA_REF, "no row asks");
        c.plain = 6;
        test_array some = run(&reference, &c);
        assert_memory_equal(some.data, without.data, 6 * 19 * sizeof(float));
        for (size_t i = 6 * 19; i < 9 * 19; i++) assert_true(((float *)some.data)[i] != ((float *)without.data)[i]);
        drop(&without);
        drop(&all_plain);
        drop(&some);
        case_drop(&c);
    }
}

/* ---- what is quantised, and when ---------------------------------------- */

static int quantizations;
static pal_kernels counting;

static void counted_quantize(const pal_quantized *to, const float *x, size_t count)
{
    quantizations++;
    reference.quantize(to, x, count);
}

static void inputs_are_quantised_once_and_only_where_weights_need_it(void **state)
{
    (void)state;
    enum { N = 4, ROWS = 9, COLS = 64, RANK = 32 };
    matrix halves = some_matrix(PAL_F16, ROWS, COLS), bytes = some_matrix(PAL_Q8_0, ROWS, COLS),
           nibbles = some_matrix(PAL_Q4_0, ROWS, COLS);
    scratch s = some_scratch(N, COLS, RANK, ROWS);
    test_array x = floats(RANDOM, (size_t)N * COLS, 1.0f), y = take((size_t)N * ROWS, sizeof(float), sizeof(float));
    const pal_compute compute = {.kernels = &counting};
    counting = reference;
    counting.quantize = counted_quantize;
    quantizations = 0;
    pal_input in = pal_input_of(&s.rows, x.data, N, COLS);
    pal_linear(&compute, y.data, &in, &halves.m);
    assert_int_equal(quantizations, 0);
    pal_linear(&compute, y.data, &in, &bytes.m);
    pal_linear(&compute, y.data, &in, &nibbles.m);
    pal_linear(&compute, y.data, &in, &halves.m);
    pal_linear(&compute, y.data, &in, &bytes.m);
    assert_int_equal(quantizations, 1);
    in = pal_input_quantized(&s.rows, N, COLS);
    pal_linear(&compute, y.data, &in, &bytes.m);
    assert_int_equal(quantizations, 1);

    /* A float matrix whose adapter is quantised: the rows for A, then A x for B. */
    matrix a = some_matrix(PAL_Q8_0, RANK, COLS), b = some_matrix(PAL_Q4_0, ROWS, RANK);
    const pal_adapter by = {a.m, b.m, 2.0f};
    halves.m.adapter = &by;
    in = pal_input_of(&s.rows, x.data, N, COLS);
    pal_linear(&compute, y.data, &in, &halves.m);
    assert_int_equal(quantizations, 1);
    pal_input_adapt(&in, 1, &s.adapting);
    pal_linear(&compute, y.data, &in, &halves.m);
    assert_int_equal(quantizations, 3);
    matrix *const all[] = {&halves, &bytes, &nibbles, &a, &b};
    for (size_t i = 0; i < COUNT(all); i++) matrix_drop(all[i]);
    drop(&x);
    drop(&y);
    free(s.block);
}

/* ---- networks ----------------------------------------------------------- */

/* Results of generate with a base do not change while an adapter is attached to its matrices. */
static void networks_do_not_ask_for_adapters_by_themselves(void **state)
{
    (void)state;
    static const int32_t tokens[] = {1, 30, 31, 32, 33};
    pal_model *m = open_test_model("tiny-ar");
    const pal_named_matrix *named = pal_matrices_find(m->matrices, "blk.0.attn_q.weight");
    assert_non_null(named);
    pal_matrix *w = named->matrix;
    matrix a = some_matrix(PAL_F32, 2, w->cols), b = some_matrix(PAL_F32, w->rows, 2);
    const pal_adapter by = {a.m, b.m, 100.0f};
    const size_t count = (size_t)pal_model_info(m)->vocabulary;
    float *before = malloc(count * sizeof *before), *after = malloc(count * sizeof *after);
    const int32_t last = (int32_t)COUNT(tokens) - 1;
    assert_true(before && after);
    assert_int_equal(pal_logits(m, tokens, last + 1, &last, 1, before, NULL), PAL_OK);
    w->adapter = &by;
    assert_int_equal(pal_logits(m, tokens, last + 1, &last, 1, after, NULL), PAL_OK);
    assert_memory_equal(before, after, count * sizeof *before);
    matrix_drop(&a);
    matrix_drop(&b);
    free(before);
    free(after);
    pal_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_the_documented_sums),
        cmocka_unit_test(adapted_rows_are_the_documented_sums),
        cmocka_unit_test(plain_rows_are_those_without_the_adapter),
        cmocka_unit_test(inputs_are_quantised_once_and_only_where_weights_need_it),
        cmocka_unit_test(networks_do_not_ask_for_adapters_by_themselves),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
