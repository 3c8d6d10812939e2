/* test_shared.c - work that is divided among threads has the bits of one thread: products with every type of weights,
 * attention, norms, activations, quantising, convolutions, group norms and softmax, for every instruction set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "matrix_testing.h"
#include "nn/attend.h"
#include "nn/conv2d.h"
#include "nn/group_norm.h"
#include "nn/rows.h"
#include "text/probabilities.h"
#include "threads_testing.h"

static const unsigned isas[] = {PAL_ISA_REF, PAL_ISA_SIMD128, PAL_ISA_SIMD128 | PAL_ISA_RELAXED, PAL_ISA_AVX2,
                                PAL_ISA_AVX2 | PAL_ISA_VNNI};

/* A computation with a context: writes its result to `y`, which is all one bits before. */
typedef void computation(const pal_compute *compute, void *input, test_array *y);

typedef struct {
    const pal_kernels *kernels;
    computation *run;
    void *input;
    size_t count; /* floats of the result */
    test_array expected;
    const char *what;
} comparison;

static test_array result_of(const comparison *c, pal_team *team)
{
    const pal_compute compute = {.kernels = c->kernels, .team = team};
    test_array y = take(c->count, sizeof(float), sizeof(float));
    c->run(&compute, c->input, &y);
    return y;
}

static void compare(void *context, int threads)
{
    const comparison *c = context;
    pal_team *team = start_team(threads);
    for (int run = 0; run < 3; run++) {
        test_array y = result_of(c, team);
        if (memcmp(y.data, c->expected.data, y.bytes)) fail_msg("%s: %d threads differ", c->what, threads);
        drop(&y);
    }
    pal_team_end(team);
}

/* Compares every instruction set of this machine; `count` floats. */
static void expect_same_bits(computation *run, void *input, size_t count, const char *what)
{
    for (size_t i = 0; i < COUNT(isas); i++) {
        pal_kernels kernels;
        if ((pal_cpu_isa() & isas[i]) != isas[i]) continue;
        pal_kernels_init(&kernels, isas[i]);
        pal_kernels_add_pictures(&kernels);
        comparison c = {&kernels, run, input, count, .what = what};
        c.expected = result_of(&c, NULL);
        for_each_number(compare, &c);
        drop(&c.expected);
    }
}

/* Scratch memory for quantised rows. */
static void *quantized_block(pal_quantized *rows, size_t n, size_t cols)
{
    pal_arena arena = {0};
    size_t bytes;
    pal_quantized_layout(rows, n, cols, &arena);
    assert_true(pal_arena_bytes(&arena, &bytes));
    void *block = malloc(bytes);
    assert_non_null(block);
    arena = pal_arena_in(block);
    pal_quantized_layout(rows, n, cols, &arena);
    return block;
}

/* ---- products ------------------------------------------------------------- */

enum { COLS = 256, PRODUCTS = 3 };

static const int heights[PRODUCTS] = {1, 45, 160}; /* one row; panels and a rest; several tiles */

typedef struct {
    matrix w[PRODUCTS];
    test_array x;
    pal_quantized rows;
    int n;
} products;

static void run_products(const pal_compute *compute, void *input, test_array *y)
{
    const products *p = input;
    pal_input in = pal_input_of(&p->rows, p->x.data, p->n, COLS);
    pal_output out[PRODUCTS];
    float *to = y->data;
    for (int i = 0; i < PRODUCTS; to += (size_t)p->n * (size_t)heights[i++]) out[i] = (pal_output){to, &p->w[i].m};
    pal_linear_all(compute, &in, out, PRODUCTS);
}

static void products_have_the_bits_of_one_thread(void **state)
{
    (void)state;
    static const int rows[] = {1, 5, 18};
    for (size_t t = 0; t < COUNT(types); t++)
        for (size_t i = 0; i < COUNT(rows); i++) {
            products p = {.n = rows[i], .x = floats(RANDOM, (size_t)rows[i] * COLS, 1.0f)};
            void *block = quantized_block(&p.rows, (size_t)p.n, COLS);
            size_t count = 0;
            for (int k = 0; k < PRODUCTS; k++) {
                p.w[k] = some_matrix(k == 1 ? types[(t + 1) % COUNT(types)] : types[t], heights[k], COLS);
                if (k > 0) p.w[k].m.bias = p.w[k].bias.data;
                count += (size_t)(p.n * heights[k]);
            }
            expect_same_bits(run_products, &p, count, "products");
            for (int k = 0; k < PRODUCTS; k++) matrix_drop(&p.w[k]);
            drop(&p.x);
            free(block);
        }
}

/* ---- attention ------------------------------------------------------------ */

enum { HEADS = 6, KV_HEADS = 3, HEAD_DIM = 16, QUERIES = 37, PLACES = 70, CAPACITY = 72 };

typedef struct {
    test_array q, k, v, own_k, own_v, bias, scores;
    pal_seen seen[QUERIES];
    uint8_t set[CAPACITY / 8];
} attention_input;

static void run_attention(const pal_compute *compute, void *input, test_array *y)
{
    const attention_input *in = input;
    const size_t kv_dim = (size_t)KV_HEADS * HEAD_DIM, q_dim = (size_t)HEADS * HEAD_DIM;
    const pal_attention a = {.y = y->data,
                             .q = in->q.data,
                             .k = in->k.data,
                             .v = in->v.data,
                             .own_k = in->own_k.data,
                             .own_v = in->own_v.data,
                             .bias = in->bias.data,
                             .scores = in->scores.data,
                             .seen = in->seen,
                             .y_stride = q_dim,
                             .q_stride = q_dim,
                             .k_stride = (size_t)CAPACITY * HEAD_DIM,
                             .v_stride = kv_dim,
                             .v_head = HEAD_DIM,
                             .own_stride = kv_dim,
                             .bias_head = (size_t)QUERIES * CAPACITY,
                             .bias_row = CAPACITY,
                             .n = QUERIES,
                             .heads = HEADS,
                             .kv_heads = KV_HEADS,
                             .head_dim = HEAD_DIM,
                             .capacity = CAPACITY,
                             .scale = 0.25f};
    pal_attend(compute, &a);
}

static void attention_has_the_bits_of_one_thread(void **state)
{
    (void)state;
    const size_t cache = (size_t)KV_HEADS * CAPACITY * HEAD_DIM, own = (size_t)QUERIES * KV_HEADS * HEAD_DIM;
    attention_input in = {.q = floats(RANDOM, (size_t)QUERIES * HEADS * HEAD_DIM, 1.0f),
                          .k = floats(RANDOM, cache, 1.0f),
                          .v = floats(RANDOM, cache, 1.0f),
                          .own_k = floats(RANDOM, own, 1.0f),
                          .own_v = floats(RANDOM, own, 1.0f),
                          .bias = floats(RANDOM, (size_t)HEADS * QUERIES * CAPACITY, 1.0f),
                          .scores = take((size_t)PAL_MAX_THREADS * PAL_ATTENTION_ROWS * CAPACITY, 4, 4)};
    for (int i = 0; i < CAPACITY / 8; i++) in.set[i] = (uint8_t)(1 | below(256));
    for (int i = 0; i < QUERIES; i++) /* causal rows, rows that see all, sets, and keys of their own */
        in.seen[i] =
            (pal_seen){.below = i % 4 ? PLACES : i + 1, .set = i % 4 > 1 ? in.set : NULL, .own = i % 4 == 3 ? i : -1};
    expect_same_bits(run_attention, &in, (size_t)QUERIES * HEADS * HEAD_DIM, "attention");
    drop(&in.q);
    drop(&in.k);
    drop(&in.v);
    drop(&in.own_k);
    drop(&in.own_v);
    drop(&in.bias);
    drop(&in.scores);
}

/* ---- rows and elements ---------------------------------------------------- */

enum { ROWS = 77, DIM = 328, VALUES = ROWS * DIM }; /* some tiles, and a part of one */

typedef struct {
    test_array x, other, gain, bias;
} row_input;

static void run_rms_norm(const pal_compute *compute, void *input, test_array *y)
{
    const row_input *in = input;
    pal_rows_rms_norm(compute, y->data, in->x.data, in->gain.data, 1e-5f, ROWS, DIM);
}

static void run_layer_norm(const pal_compute *compute, void *input, test_array *y)
{
    const row_input *in = input;
    pal_rows_layer_norm(compute, y->data, in->x.data, in->gain.data, in->bias.data, 1e-5f, ROWS, DIM);
}

static void run_swiglu(const pal_compute *compute, void *input, test_array *y)
{
    const row_input *in = input;
    memcpy(y->data, in->x.data, y->bytes);
    pal_rows_swiglu(compute, y->data, in->other.data, VALUES);
}

static void run_gelu(const pal_compute *compute, void *input, test_array *y)
{
    memcpy(y->data, ((const row_input *)input)->x.data, y->bytes);
    pal_rows_gelu(compute, y->data, VALUES);
}

static void run_add(const pal_compute *compute, void *input, test_array *y)
{
    const row_input *in = input;
    memcpy(y->data, in->x.data, y->bytes);
    pal_rows_add(compute, y->data, in->other.data, VALUES);
}

/* The result is the integers, then the scales; 32 floats hold 128 integers. */
static void run_quantize(const pal_compute *compute, void *input, test_array *y)
{
    enum { COUNT_OF = VALUES / PAL_BLOCK * PAL_BLOCK };
    quantised q = quantised_buffers(COUNT_OF);
    pal_rows_quantize(compute, &q.x, ((const row_input *)input)->x.data, COUNT_OF);
    memset(y->data, 0, y->bytes);
    memcpy(y->data, q.q.data, q.q.bytes);
    memcpy((unsigned char *)y->data + q.q.bytes, q.scale.data, q.scale.bytes);
    quantised_drop(&q);
}

static void run_group_norm(const pal_compute *compute, void *input, test_array *y)
{
    const row_input *in = input;
    float sum[DIM], factor[DIM], addend[DIM];
    const pal_group_norm norm = {in->gain.data, in->bias.data, DIM, DIM / 8, 1e-5f};
    pal_group_norm_run(compute, &norm, y->data, in->x.data, ROWS, NULL, PAL_NORM_SILU,
                       &(pal_group_norm_scratch){sum, factor, addend});
}

/* Softmax is in double: the result is rounded to float, and compared as such. */
static void run_softmax(const pal_compute *compute, void *input, test_array *y)
{
    const float *x = ((const row_input *)input)->x.data;
    test_array wide = take(VALUES, sizeof(double), sizeof(double));
    double *to = wide.data;
    for (int i = 0; i < VALUES; i++) to[i] = i % 5 ? (double)x[i] : PAL_NEVER;
    pal_softmax(compute->team, to, VALUES);
    memcpy(y->data, to, y->bytes); /* of the first half all bits */
    drop(&wide);
}

static void rows_have_the_bits_of_one_thread(void **state)
{
    (void)state;
    static const struct {
        computation *run;
        const char *what;
    } all[] = {{run_rms_norm, "rms norm"},
               {run_layer_norm, "layer norm"},
               {run_swiglu, "swiglu"},
               {run_gelu, "gelu"},
               {run_add, "add"},
               {run_quantize, "quantize"},
               {run_group_norm, "group norm"},
               {run_softmax, "softmax"}};
    row_input in = {floats(RANDOM, VALUES, 2.0f), floats(RANDOM, VALUES, 2.0f), floats(RANDOM, DIM, 1.0f),
                    floats(RANDOM, DIM, 1.0f)};
    for (size_t i = 0; i < COUNT(all); i++) expect_same_bits(all[i].run, &in, VALUES, all[i].what);
    drop(&in.x);
    drop(&in.other);
    drop(&in.gain);
    drop(&in.bias);
}

/* ---- convolutions --------------------------------------------------------- */

typedef struct {
    pal_conv2d conv;
    test_array x;
    int height, width;
} conv_input;

static void run_convolution(const pal_compute *compute, void *input, test_array *y)
{
    const conv_input *in = input;
    const size_t widest = (size_t)in->conv.w.cols, values = in->x.bytes / sizeof(float);
    const int threads = pal_team_threads(compute->team);
    pal_conv2d_scratch scratch;
    pal_arena arena = {0};
    size_t bytes;
    pal_conv2d_layout(&scratch, threads, widest, values, &arena);
    assert_true(pal_arena_bytes(&arena, &bytes));
    void *block = malloc(bytes);
    assert_non_null(block);
    arena = pal_arena_in(block);
    pal_conv2d_layout(&scratch, threads, widest, values, &arena);
    pal_conv2d_run(compute, &in->conv, y->data, in->x.data, in->height, in->width, &scratch);
    free(block);
}

static void convolutions_have_the_bits_of_one_thread(void **state)
{
    (void)state;
    static const int inputs[] = {3, 32, 40}, sides[] = {4, 13, 21};
    static const uint32_t weights[] = {PAL_F32, PAL_Q8_0};
    for (size_t i = 0; i < COUNT(inputs) * COUNT(sides) * COUNT(weights) * 4; i++) {
        const int in = inputs[i % COUNT(inputs)], size = i % 4 < 2 ? 1 : 3, stride = 1 + (int)(i % 2);
        const uint32_t type = weights[i / 4 % COUNT(weights)];
        const int side = sides[i / 8 % COUNT(sides)], cols = size * size * in;
        if (type == PAL_Q8_0 && cols % PAL_BLOCK) continue;
        matrix w = some_matrix(type, 19, cols);
        conv_input input = {{.w = w.m, .in = in, .size = size, .stride = stride},
                            floats(RANDOM, (size_t)side * (size_t)(side + 2) * (size_t)in, 1.0f),
                            side,
                            side + 2};
        const int height = pal_conv2d_extent(&input.conv, side), width = pal_conv2d_extent(&input.conv, side + 2);
        expect_same_bits(run_convolution, &input, (size_t)height * (size_t)width * 19, "convolution");
        drop(&input.x);
        matrix_drop(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_have_the_bits_of_one_thread),
        cmocka_unit_test(attention_has_the_bits_of_one_thread),
        cmocka_unit_test(rows_have_the_bits_of_one_thread),
        cmocka_unit_test(convolutions_have_the_bits_of_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
