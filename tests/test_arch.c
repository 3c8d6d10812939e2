/* test_arch.c - networks of every architecture against float64, evaluated at once and token by token.
 *
 * tests/golden/arch has random networks converted by tools/convert, and the logits that PyTorch computes from the same
 * file in float64 (tools/make_arch_golden.py, which also says what each network tests). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch_testing.h"

#include <math.h>

/* ---- files -------------------------------------------------------------- */

static pal_model *open_golden(const char *name)
{
    char path[1024];
    pal_model *model;
    pal_error err = {0};
    snprintf(path, sizeof path, "%s/tests/golden/arch/%s.gguf", PAL_SOURCE_DIR, name);
    if (pal_model_open_file(&model, path, 0, &err)) fail_msg("%s: %s", path, err.text);
    return model;
}

/* ---- logits ------------------------------------------------------------- */

/* Within 1e-4 of the largest logit, as issue 5 asks; and within a tenth of that: every sum here has at most 42 terms,
 * each step rounds to 2^-24 of what it adds, and a token goes through some 15 products and norms, so errors of a few
 * hundred half ulps, 2e-5, would already be unlucky. */
static void expect_near_golden(const float *logits, const golden *g, size_t vocabulary, const char *name)
{
    double worst = 0.0, largest = 0.0;
    for (int32_t i = 0; i < g->n; i++)
        for (int32_t c = 0; c < g->columns; c++) {
            const double expected = g->logits[(size_t)i * (size_t)g->columns + (size_t)c];
            const double d = fabs((double)logits[(size_t)i * vocabulary + (size_t)g->column[c]] - expected);
            if (!(d <= worst)) worst = d;
            if (fabs(expected) > largest) largest = fabs(expected);
        }
    print_message("    %s: largest difference %.1e of the largest logit\n", name, worst / largest);
    if (!(worst <= 1e-5 * largest)) fail_msg("%s: off by %g, largest %g", name, worst, largest);
}

static void logits_of_every_network_are_near_float64_and_the_same_on_every_isa(void **state)
{
    (void)state;
    for (int i = 0; i < NETWORKS; i++) {
        pal_model *m = open_golden(networks[i]);
        golden g = golden_of(networks[i]);
        const size_t vocabulary = (size_t)pal_model_info(m)->vocabulary;
        assert_int_equal(g.columns, vocabulary);
        float *logits = same_on_every_isa(m, g.tokens, g.n, vocabulary, networks[i]);
        expect_near_golden(logits, &g, vocabulary, networks[i]);
        free(logits);
        golden_drop(&g);
        pal_model_close(m);
    }
}

/* A third-party file: F16 matrices, 32,000 pieces. */
static void logits_of_llama_2_tiny_random_are_near_float64(void **state)
{
    (void)state;
    const char *shared = getenv("PAL_SHARED");
    char path[1024];
    pal_model *m;
    pal_error err = {0};
    snprintf(path, sizeof path, "%s/fixtures/gguf-tiny/llama-2-tiny-random.gguf",
             shared ? shared : PAL_SOURCE_DIR "/../shared");
    FILE *there = fopen(path, "rb");
    if (!there) {
        print_message("no %s: skipped\n", path);
        skip();
    }
    fclose(there);
    if (pal_model_open_file(&m, path, 0, &err)) fail_msg("%s: %s", path, err.text);
    golden g = golden_of("llama-2-tiny-random");
    const size_t vocabulary = (size_t)pal_model_info(m)->vocabulary;
    float *logits = same_on_every_isa(m, g.tokens, g.n, vocabulary, "llama-2-tiny-random");
    expect_near_golden(logits, &g, vocabulary, "llama-2-tiny-random");
    free(logits);
    golden_drop(&g);
    pal_model_close(m);
}

/* ---- sequences ---------------------------------------------------------- */

static pal_sequence *start_sequence(const pal_model *m, int32_t max, void **block)
{
    pal_sequence *s;
    pal_sequence_options o = pal_sequence_defaults();
    size_t bytes;
    pal_error err = {0};
    o.max_tokens = max;
    if (pal_sequence_bytes(m, &o, &bytes, &err)) fail_msg("%s", err.text);
    *block = malloc(bytes);
    assert_non_null(*block);
    memset(*block, 0xff, bytes);
    assert_int_equal(pal_sequence_init(&s, m, &o, *block, bytes, &err), PAL_OK);
    return s;
}

/* A prompt of any length, then steps, gives the same bits as one evaluation of all tokens. */
static void sequence_of_every_network_equals_one_evaluation(void **state)
{
    (void)state;
    for (int i = 0; i < NETWORKS; i++) {
        pal_model *m = open_golden(networks[i]);
        golden g = golden_of(networks[i]);
        const size_t vocabulary = (size_t)pal_model_info(m)->vocabulary;
        float *whole = logits_of(m, g.tokens, g.n, vocabulary), *next = malloc(vocabulary * sizeof *next);
        assert_non_null(next);
        for (int32_t prompt = 1; prompt <= g.n; prompt += 1 + prompt / 2) {
            void *block;
            pal_sequence *s = start_sequence(m, g.n, &block);
            assert_int_equal(pal_sequence_append(s, g.tokens, prompt, NULL), PAL_OK);
            for (int32_t n = prompt;; n++) {
                assert_int_equal(pal_sequence_logits(s, next, NULL), PAL_OK);
                assert_memory_equal(next, whole + (size_t)(n - 1) * vocabulary, vocabulary * sizeof *next);
                if (n == g.n) break;
                assert_int_equal(pal_sequence_append(s, g.tokens + n, 1, NULL), PAL_OK);
            }
            free(block);
        }
        free(whole);
        free(next);
        golden_drop(&g);
        pal_model_close(m);
    }
}

/* What llama2.c documents for stories260K, greedy from an empty prompt: the first 256 tokens. */
static const char story[] =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a "
    "big, red ball. She wanted to play with it, but it was too high.\n"
    "Lily's mom said, \"Lily, let's go to the park.\" Lily was sad and didn't know what to do. She said, \"I want to "
    "play "
    "with your ball, but I can't find it.\"\n"
    "Lily was sad and didn't know what to do. She said, \"I'm sorry, Lily. I didn't know what to do.\"\n"
    "Lily didn't want to help her mom, so she said, \"I'm sorry, mom. I didn't know what to do.\" Her mom said, "
    "\"Don't "
    "worry, Lily. We can help you.";

static int32_t likeliest(const float *logits, int32_t count)
{
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

static void stories260K_tells_its_documented_story(void **state)
{
    (void)state;
    enum { TOKENS = 256 };
    pal_model *m = open_test_model("stories260K");
    const int32_t vocabulary = pal_model_info(m)->vocabulary;
    float *logits = malloc((size_t)vocabulary * sizeof *logits);
    int32_t ids[TOKENS + 1] = {pal_vocab_special(m->vocab)->bos};
    char text[4096];
    size_t bytes;
    void *block;
    assert_non_null(logits);
    pal_sequence *s = start_sequence(m, TOKENS + 1, &block);
    for (int i = 0; i < TOKENS; i++) {
        assert_int_equal(pal_sequence_append(s, ids + i, 1, NULL), PAL_OK);
        assert_int_equal(pal_sequence_logits(s, logits, NULL), PAL_OK);
        ids[i + 1] = likeliest(logits, vocabulary);
    }
    assert_int_equal(pal_detokenize(m, ids + 1, TOKENS, 0, text, sizeof text, &bytes, NULL), PAL_OK);
    text[bytes] = '\0';
    assert_string_equal(text, story);
    free(block);
    free(logits);
    pal_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_of_every_network_are_near_float64_and_the_same_on_every_isa),
        cmocka_unit_test(logits_of_llama_2_tiny_random_are_near_float64),
        cmocka_unit_test(sequence_of_every_network_equals_one_evaluation),
        cmocka_unit_test(stories260K_tells_its_documented_story),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
