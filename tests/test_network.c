/* test_network.c - the forward pass, layer by layer, against stored PyTorch outputs (float64).
 *
 * tools/make_network_golden.py wrote them, from the weights in the files; here the same files run as F32 (the exact
 * dequantised weights), F16, Q8_0 and Q4_0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "network/kinds.h"
#include "file_testing.h"

#include <math.h>

typedef struct {
    int32_t n, dim, layers, vocab, count;
    const int32_t *tokens, *at;
    const float *hidden; /* [layers + 1, n, dim] */
    const float *logits; /* [count, vocab] */
    buffer file;
} golden;

static golden read_golden(const char *name)
{
    golden g = {.file = read_whole(name)};
    const int32_t *head = (const int32_t *)(const void *)g.file.data;
    g.n = head[0];
    g.dim = head[1];
    g.layers = head[2];
    g.vocab = head[3];
    g.count = head[4];
    g.tokens = head + 5;
    g.at = g.tokens + g.n;
    g.hidden = (const float *)(const void *)(g.at + g.count);
    g.logits = g.hidden + (size_t)(g.layers + 1) * g.n * g.dim;
    assert_int_equal(g.file.size, 4 * (5 + g.n + g.count + (g.layers + 1) * g.n * g.dim + g.count * g.vocab));
    return g;
}

/* Root mean square of a - b divided by that of b, and the largest difference divided by the largest value. */
static void compare(const float *a, const float *b, size_t count, double *rms, double *max)
{
    double difference = 0.0, norm = 0.0, worst = 0.0, largest = 0.0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        difference += d * d;
        norm += (double)b[i] * (double)b[i];
        if (!(d <= worst)) worst = d;
        if (fabs((double)b[i]) > largest) largest = fabs((double)b[i]);
    }
    *rms = sqrt(difference / norm);
    *max = worst / largest;
}

static void expect_near(const char *what, int layer, const float *a, const float *b, size_t count, double rms_bound,
                        double max_bound)
{
    double rms, max;
    compare(a, b, count, &rms, &max);
    print_message("    %s %d: rms %.2e, largest %.2e\n", what, layer, rms, max);
    if (!(rms <= rms_bound && max <= max_bound)) fail_msg("%s %d: rms %g, largest %g", what, layer, rms, max);
}

/* Rows computed alone are bit-identical to rows computed with all others; a->x holds all of them. */
static void check_rows(const pal_transformer *net, const pal_compute *compute, pal_activations *a, pal_cache *cache,
                       const golden *g)
{
    const size_t dim = (size_t)net->dim;
    float *all = malloc((size_t)g->n * dim * sizeof *all);
    int rows[64];
    assert_non_null(all);
    memcpy(all, a->x, (size_t)g->n * dim * sizeof *all);
    for (int step = 1; step < g->n; step += 1 + step / 2) {
        int count = 0;
        for (int i = step - 1; i < g->n && count < 64; i += step) rows[count++] = i;
        pal_transformer_forward(net, compute, a, cache, g->tokens, g->n, 0, rows, count);
        for (int i = 0; i < count; i++)
            assert_memory_equal(a->x + (size_t)i * dim, all + (size_t)rows[i] * dim, dim * sizeof *all);
    }
    free(all);
}

/* Runs the first l layers for every l, so that the first layer that differs is named. */
static void check_layers(const pal_transformer *net, unsigned isa, const golden *g, double rms_bound, double max_bound)
{
    pal_kernels kernels;
    const pal_compute compute = {.kernels = &kernels};
    pal_activations a;
    pal_cache cache;
    const pal_cache_shape shape = pal_transformer_cache(net);
    pal_arena arena = {0};
    pal_kernels_init(&kernels, isa);
    pal_activations_layout(&a, net, 1, g->n, g->n, &arena);
    pal_activations_table(&a, net, &arena);
    pal_cache_layout(&cache, &shape, g->n, false, PAL_KV_F32, &arena);
    void *block = malloc(arena.used + PAL_ARENA_SLACK);
    float *logits = malloc((size_t)g->count * (size_t)g->vocab * sizeof *logits);
    assert_true(block && logits);
    arena = pal_arena_in(block);
    pal_activations_layout(&a, net, 1, g->n, g->n, &arena);
    pal_activations_table(&a, net, &arena);
    pal_cache_layout(&cache, &shape, g->n, false, PAL_KV_F32, &arena);
    pal_activations_prepare(&a, net, &cache);
    size_t size = (size_t)g->n * (size_t)g->dim;
    for (int l = 0; l <= g->layers; l++) {
        pal_transformer part = *net;
        part.layers = l;
        pal_transformer_forward(&part, &compute, &a, &cache, g->tokens, g->n, 0, a.every, g->n);
        expect_near("after layer", l, a.x, g->hidden + (size_t)l * size, size, rms_bound, max_bound);
    }
    pal_transformer_logits(net, &compute, &a, (const int *)g->at, g->count, logits);
    expect_near("logits", g->layers, logits, g->logits, (size_t)g->count * (size_t)g->vocab, rms_bound, max_bound);
    check_rows(net, &compute, &a, &cache, g);
    free(logits);
    free(block);
}

static const pal_network_kind *kind_of(const pal_gguf *g)
{
    pal_str name = {"", 0};
    char architecture[32] = "";
    pal_gguf_get_str(g, "general.architecture", &name);
    snprintf(architecture, sizeof architecture, "%.*s", (int)name.size, name.data);
    return pal_network_kind_of(architecture);
}

static void check(const char *model, const char *golden_name, const char *type, unsigned isa, double rms_bound,
                  double max_bound)
{
    golden g = read_golden(golden_name);
    buffer file = converted(model, type);
    pal_gguf *gguf;
    pal_transformer net;
    pal_error err;
    void *image = malloc(file.size + 64);
    unsigned char *aligned = (unsigned char *)(((uintptr_t)image + 63) & ~(uintptr_t)63);
    memcpy(aligned, file.data, file.size);
    if (pal_gguf_open(&gguf, aligned, file.size, &err)) fail_msg("%s", err.text);
    const pal_network_kind *kind = kind_of(gguf);
    if (pal_transformer_bind(&net, gguf, kind->architecture, kind->causal, kind->of, &err) ||
        pal_matrices_pack(&net.matrices, &err))
        fail_msg("%s", err.text);
    print_message("  %s as %s, kernels %s\n", model, type, pal_isa_name(isa & pal_cpu_isa()));
    check_layers(&net, isa, &g, rms_bound, max_bound);
    pal_transformer_release(&net);
    pal_gguf_close(gguf);
    free(image);
    free(file.data);
    free(g.file.data);
}

/* With the sanitizers the scalar code takes most of a minute for the shipped model, so it then runs only the small
 * one. */
static void check_scalar(const char *model, const char *golden_name, const char *type, double rms_bound,
                         double max_bound)
{
#ifdef PAL_SANITIZED
    if (strncmp(model, "models/", 7) == 0) return;
#endif
    check(model, golden_name, type, PAL_ISA_REF, rms_bound, max_bound);
}

#define SHIPPED "models/tales-ar.gguf", "tests/golden/network/tales-ar.bin"
#define GROUPED "tests/models/grouped.gguf", "tests/golden/network/grouped.bin"

/* f32 against f64: sums of up to 704 terms in f32, some 60 products deep. */
static void shipped_shape_in_f32_is_near_pytorch(void **state)
{
    (void)state;
    check(SHIPPED, "F32", (unsigned)PAL_ISA_ALL, 2e-4, 2e-4);
    check_scalar(SHIPPED, "F32", 2e-4, 2e-4);
}

static void grouped_shape_in_f32_is_near_pytorch(void **state)
{
    (void)state;
    check(GROUPED, "F32", (unsigned)PAL_ISA_ALL, 2e-4, 2e-4);
    check_scalar(GROUPED, "F32", 2e-4, 2e-4);
}

/* Half precision keeps 11 bits: the relative error of a weight is at most 2^-12, 2.4e-4; independent errors of that
 * size through a few layers stay below 1e-3. */
static void grouped_shape_in_f16_is_near_pytorch(void **state)
{
    (void)state;
    check(GROUPED, "F16", (unsigned)PAL_ISA_ALL, 1e-3, 2e-3);
    check_scalar(GROUPED, "F16", 1e-3, 2e-3);
}

/* Q8_0 rounds weights and activations to 1/127 of the largest of their block of 32: a uniform error of deviation 1 /
 * (127 * sqrt(12)) = 0.23 % of that largest, which is 2 to 3 deviations of the block, so each product has an error of
 * about 0.6 % from either side, 0.9 % together.  A block adds two such errors to the residual stream, and a trained one
 * may amplify what it receives; 8 layers of independent errors make 0.9 % * sqrt(16) = 3.6 %. The shipped file is Q8_0
 * already, so there only the activations round. */
static void shipped_shape_in_q8_0_is_within_rounding(void **state)
{
    (void)state;
    check(SHIPPED, "Q8_0", (unsigned)PAL_ISA_ALL, 0.036, 0.072);
    check_scalar(SHIPPED, "Q8_0", 0.036, 0.072);
}

static void grouped_shape_in_q8_0_is_within_rounding(void **state)
{
    (void)state;
    check(GROUPED, "Q8_0", (unsigned)PAL_ISA_ALL, 0.036, 0.072);
    check_scalar(GROUPED, "Q8_0", 0.036, 0.072);
}

/* Q4_0 has steps of an eighth of the block's largest: a deviation of 1 / (8 * sqrt(12)) = 3.6 % of it, 8 to 9 %
 * of the block's own.  The embeddings show just that; three layers and the output matrix add their own. */
static void grouped_shape_in_q4_0_is_within_rounding(void **state)
{
    (void)state;
    check(GROUPED, "Q4_0", (unsigned)PAL_ISA_ALL, 0.25, 0.4);
    check_scalar(GROUPED, "Q4_0", 0.25, 0.4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_shape_in_f32_is_near_pytorch),
        cmocka_unit_test(grouped_shape_in_f32_is_near_pytorch),
        cmocka_unit_test(grouped_shape_in_f16_is_near_pytorch),
        cmocka_unit_test(shipped_shape_in_q8_0_is_within_rounding),
        cmocka_unit_test(grouped_shape_in_q8_0_is_within_rounding),
        cmocka_unit_test(grouped_shape_in_q4_0_is_within_rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
