/* test_ddit.c - the architectures sedd and mdlm against float64 at several noise levels, and files that are refused.
 *
 * tests/golden/arch has random networks in the published formats, converted by tools/convert, and the logits that an
 * independent forward pass computes from the checkpoints (tools/make_ddit_golden.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch_testing.h"
#include "ddit_file.h"
#include "text/noise.h"

#include <math.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- evaluation ------------------------------------------------------------------------------------- */

static pal_model *open_golden(const char *name)
{
    char path[1024];
    pal_model *model;
    pal_error err = {0};
    snprintf(path, sizeof path, "%s/tests/golden/arch/%s.gguf", PAL_SOURCE_DIR, name);
    if (pal_model_open_file(&model, path, 0, &err)) fail_msg("%s: %s", path, err.text);
    return model;
}

/* Logits [n, vocab] of all positions, where the share `time` of the tokens was replaced. */
static float *logits_at(const pal_model *m, const int32_t *tokens, int32_t n, double time)
{
    const size_t vocab = (size_t)m->shape.vocab;
    pal_runner r;
    pal_arena arena = {0};
    size_t bytes;
    pal_runner_layout(&r, m, n, &arena);
    assert_true(pal_arena_bytes(&arena, &bytes));
    void *block = malloc(bytes);
    float *logits = malloc((size_t)n * vocab * sizeof *logits);
    int32_t *rank = calloc((size_t)n, sizeof *rank);
    int *at = malloc((size_t)n * sizeof *at);
    assert_true(block && logits && rank && at);
    memset(block, 0xff, bytes);
    arena = pal_arena_in(block);
    pal_runner_layout(&r, m, n, &arena);
    const pal_predictor p = pal_runner_start(&r);
    for (int32_t i = 0; i < n; i++) at[i] = i;
    p.evaluate(p.context, &(pal_query){n, tokens, rank, time, n, at, NULL});
    assert_true(p.logits(p.context, at, n, logits));
    pal_arena_return(&arena);
    free(block);
    free(rank);
    free(at);
    return logits;
}

/* The scalar code's logits, which every instruction set must give too. */
static float *same_at(pal_model *m, const int32_t *tokens, int32_t n, double time)
{
    assert_int_equal(pal_model_use_isa(m, "scalar", NULL), PAL_OK);
    float *scalar = logits_at(m, tokens, n, time);
    for (int i = 1; i < ISAS; i++) {
        if (pal_model_use_isa(m, isas[i], NULL)) continue;
        float *other = logits_at(m, tokens, n, time);
        if (memcmp(scalar, other, (size_t)n * (size_t)m->shape.vocab * sizeof *other)) fail_msg("%s differs", isas[i]);
        free(other);
    }
    return scalar;
}

/* ---- against float64 -------------------------------------------------------------------------------- */

static void expect_near(const float *logits, const golden *g, const char *name)
{
    double worst = 0.0, largest = 0.0;
    for (int32_t i = 0; i < g->n * g->columns; i++) {
        const double d = fabs((double)logits[i] - g->logits[i]);
        if (!(d <= worst)) worst = d;
        if (fabs(g->logits[i]) > largest) largest = fabs(g->logits[i]);
    }
    print_message("    %s: largest difference %.1e of the largest logit\n", name, worst / largest);
    if (!(worst <= 1e-5 * largest)) fail_msg("%s: off by %g, largest %g", name, worst, largest);
}

static void compare(pal_model *m, const char *name, const char *sigma)
{
    char path[64];
    snprintf(path, sizeof path, "%s.%s", name, sigma);
    golden g = golden_of(path);
    assert_int_equal(g.columns, m->shape.vocab);
    float *logits = same_at(m, g.tokens, g.n, pal_noise_share(strtod(sigma, NULL)));
    expect_near(logits, &g, path);
    free(logits);
    golden_drop(&g);
}

static void networks_of_every_kind_are_near_float64_at_every_noise_level(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"sedd", "0.001"},     {"sedd", "1"},         {"sedd", "5"}, {"sedd-uniform", "0.001"},
        {"sedd-uniform", "1"}, {"sedd-uniform", "5"}, {"radd", "0"}, {"mdlm", "0"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        pal_model *m = open_golden(cases[i][0]);
        compare(m, cases[i][0], cases[i][1]);
        pal_model_close(m);
    }
}

static void absorb_keys(image *m)
{
    image_key_str(m, "palimpsest.graph", "absorb");
    image_key_str(m, "palimpsest.noise", "log-linear");
}

static const ddit_spec wide = {
    .architecture = "sedd", .dim = 768, .heads = 12, .width = 128, .vocab = 16, .keys = absorb_keys};
static const ddit_spec small = {
    .architecture = "sedd", .dim = 32, .heads = 4, .width = 8, .vocab = 16, .keys = absorb_keys};

static void one_block_as_wide_as_sedd_small_is_near_float64(void **state)
{
    (void)state;
    pal_model *m;
    pal_error err = {0};
    size_t size;
    unsigned char *whole = ddit_file(&wide, &size);
    assert_int_equal(pal_model_open(&m, whole, size, 0, &err), PAL_OK);
    if (!pal_model_has_texts(m)) fail_msg("%s", m->net_error.text);
    compare(m, "sedd-wide", "0.001");
    compare(m, "sedd-wide", "1");
    compare(m, "sedd-wide", "5");
    pal_model_close(m);
    free(whole);
}

/* ---- the noise level -------------------------------------------------------------------------------- */

static bool same_logits(const pal_model *m, double time, double other)
{
    static const int32_t tokens[] = {3, 50, 7, 7, 9, 60};
    enum { N = COUNT(tokens) };
    float *a = logits_at(m, tokens, N, time), *b = logits_at(m, tokens, N, other);
    const bool same = memcmp(a, b, N * (size_t)m->shape.vocab * sizeof *a) == 0;
    free(a);
    free(b);
    return same;
}

static void the_noise_level_matters_within_the_trained_range_only(void **state)
{
    (void)state;
    pal_model *m = open_golden("sedd");
    assert_false(same_logits(m, 0.5, 0.6));
    assert_false(same_logits(m, 0.998, 0.9985));
    assert_true(same_logits(m, 1.0, 0.9995)); /* log-linear noise reaches a share of 0.999 */
    assert_true(same_logits(m, 0.0, 0.0005));
    assert_int_equal(m->noise.graph, PAL_GRAPH_ABSORB);
    assert_int_equal(m->noise.mask, 112);
    assert_true(m->noise.scaled && m->classes.noise == &m->noise);
    pal_model_close(m);

    m = open_golden("sedd-uniform");
    assert_int_equal(m->noise.graph, PAL_GRAPH_UNIFORM);
    assert_int_equal(m->noise.schedule, PAL_NOISE_GEOMETRIC);
    assert_true(fabs(m->noise.sigma_min - 1e-4) < 1e-10 && fabs(m->noise.sigma_max - 20.0) < 1e-6);
    assert_int_equal(m->noise.states, 112);
    assert_false(m->noise.scaled);
    pal_model_close(m);
    const char *const blind[] = {"mdlm", "radd"};
    for (size_t i = 0; i < COUNT(blind); i++) {
        m = open_golden(blind[i]);
        assert_true(same_logits(m, 0.2, 0.9));
        assert_null(m->classes.noise);
        pal_model_close(m);
    }
}

/* ---- files that are refused ------------------------------------------------------------------------- */

static void expect_refused(const ddit_spec *o, const char *text)
{
    pal_model *m;
    pal_error err = {0};
    size_t size;
    unsigned char *whole = ddit_file(o, &size);
    assert_int_equal(pal_model_open(&m, whole, size, 0, &err), PAL_OK);
    if (pal_model_has_texts(m)) fail_msg("not refused: %s", text);
    if (!strstr(m->net_error.text, text)) fail_msg("\"%s\" is not in \"%s\"", text, m->net_error.text);
    pal_model_close(m);
    free(whole);
}

static void tensors_that_are_missing_misshapen_or_unknown_are_named(void **state)
{
    (void)state;
    static const char *const all[] = {"token_embd.weight",     "blk.0.attn_norm.weight",  "blk.0.attn_qkv.weight",
                                      "blk.0.ffn_up.bias",     "output.weight",           "output.bias",
                                      "time_embd.0.weight",    "time_embd.0.bias",        "time_embd.1.weight",
                                      "blk.0.modulation.bias", "blk.0.modulation.weight", "output_modulation.weight"};
    for (size_t i = 0; i < COUNT(all); i++) {
        ddit_spec o = small;
        char text[128];
        o.without = all[i];
        snprintf(text, sizeof text, "a tensor of the network is missing: %s", all[i]);
        expect_refused(&o, text);
        o.without = NULL;
        o.misshapen = all[i];
        expect_refused(&o, strstr(all[i], "token_embd") ? "wrong shape" : all[i]);
    }
    ddit_spec o = small;
    o.extra = "blk.0.attn_qkv.bias";
    expect_refused(&o, "blk.0.attn_qkv.bias");
    o = small;
    o.architecture = "mdlm"; /* it has no noise level, so nothing to multiply modulation with */
    expect_refused(&o, "time_embd.0.weight");
}

static void put_f32(image *m, const char *key, float value)
{
    image_key(m, key, PAL_GGUF_F32);
    image_put(m, &value, sizeof value);
}

static void no_keys(image *m)
{
    (void)m;
}
static void other_graph(image *m)
{
    image_key_str(m, "palimpsest.graph", "roulette");
}
static void no_noise(image *m)
{
    image_key_str(m, "palimpsest.graph", "absorb");
}
static void big_epsilon(image *m)
{
    absorb_keys(m);
    put_f32(m, "palimpsest.noise.epsilon", 1.5f);
}
/* Regression: noise at time 1 was infinite. */
static void tiny_epsilon(image *m)
{
    absorb_keys(m);
    put_f32(m, "palimpsest.noise.epsilon", 1e-20f);
}
static void geometric(image *m, float least, float most)
{
    image_key_str(m, "palimpsest.graph", "absorb");
    image_key_str(m, "palimpsest.noise", "geometric");
    put_f32(m, "palimpsest.noise.sigma_min", least);
    put_f32(m, "palimpsest.noise.sigma_max", most);
}
static void negative_sigma(image *m)
{
    geometric(m, -1.0f, 20.0f);
}
/* Regression: sigma_max / sigma_min was infinite. */
static void tiny_sigma(image *m)
{
    const double least = 1e-310;
    image_key_str(m, "palimpsest.graph", "absorb");
    image_key_str(m, "palimpsest.noise", "geometric");
    image_key(m, "palimpsest.noise.sigma_min", PAL_GGUF_F64);
    image_put(m, &least, sizeof least);
    put_f32(m, "palimpsest.noise.sigma_max", 20.0f);
}
static void huge_sigma(image *m)
{
    geometric(m, 1e-4f, 1e9f);
}
static void falling_sigma(image *m)
{
    geometric(m, 3.0f, 2.0f);
}
static void absorbing_states(image *m)
{
    absorb_keys(m);
    image_key_u32(m, "palimpsest.states", 15);
}
static void no_states(image *m)
{
    image_key_str(m, "palimpsest.graph", "uniform");
    image_key_str(m, "palimpsest.noise", "log-linear");
}
static void many_states(image *m)
{
    no_states(m);
    image_key_u32(m, "palimpsest.states", 17);
}
static void odd_scale(image *m)
{
    absorb_keys(m);
    image_key_u32(m, "palimpsest.scale_by_sigma", 1);
}

static void keys_that_are_wrong_or_contradict_each_other_are_named(void **state)
{
    (void)state;
    static const struct {
        void (*keys)(image *m);
        const char *text;
    } cases[] = {{no_keys, "palimpsest.graph must be absorb or uniform (palimpsest.graph is absent)"},
                 {other_graph, "palimpsest.graph is \"roulette\""},
                 {no_noise, "palimpsest.noise must be log-linear or geometric"},
                 {big_epsilon, "palimpsest.noise.epsilon must be a number between 1e-12 and 1"},
                 {tiny_epsilon, "palimpsest.noise.epsilon must be a number between 1e-12 and 1"},
                 {tiny_sigma, "palimpsest.noise.sigma_min must be"},
                 {negative_sigma, "palimpsest.noise.sigma_min must be"},
                 {huge_sigma, "palimpsest.noise.sigma_max must be"},
                 {falling_sigma, "above sigma_min"},
                 {absorbing_states, "palimpsest.states contradicts palimpsest.graph"},
                 {no_states, "palimpsest.states must be"},
                 {many_states, "palimpsest.states must be"},
                 {odd_scale, "palimpsest.scale_by_sigma is true or false"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        ddit_spec o = small;
        o.keys = cases[i].keys;
        expect_refused(&o, cases[i].text);
    }
}

static void uniform_keys(image *m)
{
    no_states(m);
    image_key_u32(m, "palimpsest.states", 15);
}

/* Regression: the classes of a vocabulary that is not there were written. */
static void uniform_noise_without_a_vocabulary_is_described(void **state)
{
    (void)state;
    pal_model *m;
    pal_error err = {0};
    pal_noise_info noise;
    ddit_spec o = small;
    size_t size;
    o.keys = uniform_keys;
    unsigned char *whole = ddit_file(&o, &size);
    assert_int_equal(pal_model_open(&m, whole, size, 0, &err), PAL_OK);
    assert_true(pal_model_has_texts(m) && !pal_model_info(m)->can_infill);
    assert_true(pal_model_noise(m, &noise));
    assert_string_equal(noise.graph, "uniform");
    assert_int_equal(noise.states, 15);
    pal_model_close(m);
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_of_every_kind_are_near_float64_at_every_noise_level),
        cmocka_unit_test(one_block_as_wide_as_sedd_small_is_near_float64),
        cmocka_unit_test(the_noise_level_matters_within_the_trained_range_only),
        cmocka_unit_test(tensors_that_are_missing_misshapen_or_unknown_are_named),
        cmocka_unit_test(keys_that_are_wrong_or_contradict_each_other_are_named),
        cmocka_unit_test(uniform_noise_without_a_vocabulary_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
