/* test_sequence.c - causal models with their keys and values kept: any split of the tokens, any rewind and any
 * instruction set gives the same bits as one evaluation of all tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_testing.h"

enum { MAX_N = 40 };

static pal_sequence *make_sequence_of(const pal_model *m, int32_t max, pal_kv_type kv, int32_t batch, void **block)
{
    pal_sequence *s;
    size_t bytes;
    pal_error err = {0};
    pal_sequence_options o = pal_sequence_defaults();
    o.max_tokens = max;
    o.kv = kv;
    o.batch = batch;
    assert_int_equal(pal_sequence_bytes(m, &o, &bytes, &err), PAL_OK);
    *block = malloc(bytes);
    assert_non_null(*block);
    memset(*block, 0xff, bytes); /* uninitialised memory is NaN */
    assert_int_equal(pal_sequence_init(&s, m, &o, *block, bytes, &err), PAL_OK);
    return s;
}

static pal_sequence *make_sequence(const pal_model *m, int32_t max, void **block)
{
    return make_sequence_of(m, max, PAL_KV_F32, 256, block);
}

static void some_tokens(const pal_model *m, uint32_t run, int32_t tokens[MAX_N])
{
    for (uint32_t i = 0; i < MAX_N; i++) tokens[i] = (int32_t)pick(run, i, (uint32_t)pal_model_info(m)->vocabulary);
}

/* Appends tokens from..to in pieces drawn from `run`. */
static void append_in_pieces(pal_sequence *s, const int32_t *tokens, int32_t to, uint32_t run)
{
    for (uint32_t draw = 0; pal_sequence_length(s) < to; draw++) {
        int32_t left = to - pal_sequence_length(s), n = 1 + (int32_t)pick(run, draw, (uint32_t)left);
        if (draw % 2) n = 1;
        assert_int_equal(pal_sequence_append(s, tokens + pal_sequence_length(s), n, NULL), PAL_OK);
    }
}

static void expect_logits(const pal_model *m, pal_sequence *s, const int32_t *tokens, int32_t n)
{
    const size_t vocabulary = (size_t)pal_model_info(m)->vocabulary;
    float *whole = malloc(vocabulary * sizeof *whole), *kept = malloc(vocabulary * sizeof *kept);
    const int32_t last = n - 1;
    assert_true(whole && kept);
    assert_int_equal(pal_logits(m, tokens, n, &last, 1, whole, NULL), PAL_OK);
    assert_int_equal(pal_sequence_logits(s, kept, NULL), PAL_OK);
    assert_memory_equal(whole, kept, vocabulary * sizeof *whole);
    free(whole);
    free(kept);
}

static const char *const isas[] = {"scalar", "simd128", "relaxed", "avx2", "avx512vnni"};
static const char *const models[] = {"tiny-ar", "stories260K"};

static void append_in_any_split_equals_one_evaluation(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof models / sizeof *models; at++)
        for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
            pal_model *m = open_test_model(models[at]);
            int32_t tokens[MAX_N];
            if (pal_model_use_isa(m, isas[i], NULL) == PAL_OK)
                for (uint32_t run = 0; run < 12; run++) {
                    void *block;
                    pal_sequence *s = make_sequence(m, MAX_N, &block);
                    some_tokens(m, run, tokens);
                    for (int32_t n = 1 + (int32_t)run % 3; n <= MAX_N; n += 1 + (int32_t)pick(run, 99, 9)) {
                        append_in_pieces(s, tokens, n, run);
                        expect_logits(m, s, tokens, n);
                    }
                    free(block);
                }
            pal_model_close(m);
        }
}

static void rewind_then_other_tokens_equals_a_fresh_sequence(void **state)
{
    (void)state;
    pal_model *m = open_test_model(models[0]);
    void *block;
    pal_sequence *s = make_sequence(m, MAX_N, &block);
    int32_t tokens[MAX_N], other[MAX_N];
    some_tokens(m, 1, tokens);
    for (uint32_t run = 2; run < 20; run++) {
        const int32_t keep = (int32_t)pick(run, 0, MAX_N);
        append_in_pieces(s, tokens, MAX_N, run);
        some_tokens(m, run, other);
        memcpy(tokens + keep, other + keep, (size_t)(MAX_N - keep) * sizeof *tokens);
        pal_sequence_rewind(s, keep);
        assert_int_equal(pal_sequence_length(s), keep);
        append_in_pieces(s, tokens, MAX_N, run + 100);
        expect_logits(m, s, tokens, MAX_N);
    }
    free(block);
    pal_model_close(m);
}

/* The tokens in one evaluation of a fresh sequence. */
static float *logits_at_once(const pal_model *m, pal_kv_type kv, const int32_t *tokens, int32_t n)
{
    void *block;
    pal_sequence *s = make_sequence_of(m, MAX_N, kv, 256, &block);
    float *logits = malloc((size_t)pal_model_info(m)->vocabulary * sizeof *logits);
    assert_non_null(logits);
    assert_int_equal(pal_sequence_append(s, tokens, n, NULL), PAL_OK);
    assert_int_equal(pal_sequence_logits(s, logits, NULL), PAL_OK);
    free(block);
    return logits;
}

static void expect_logits_of_type(const pal_model *m, pal_sequence *s, pal_kv_type kv, const int32_t *tokens, int32_t n)
{
    const size_t bytes = (size_t)pal_model_info(m)->vocabulary * sizeof(float);
    float *whole = logits_at_once(m, kv, tokens, n), *kept = malloc(bytes);
    assert_non_null(kept);
    assert_int_equal(pal_sequence_logits(s, kept, NULL), PAL_OK);
    assert_memory_equal(whole, kept, bytes);
    free(whole);
    free(kept);
}

static void each_type_in_any_split_and_after_rewinds_equals_one_evaluation(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof models / sizeof *models; at++)
        for (int kv = 0; kv < PAL_KV_TYPES; kv++)
            for (uint32_t run = 0; run < 12; run++) {
                pal_model *m = open_test_model(models[at]);
                int32_t tokens[MAX_N], n = 1 + (int32_t)pick(run, 50, MAX_N);
                void *block;
                pal_sequence *s = make_sequence_of(m, MAX_N, (pal_kv_type)kv, 1 + (int32_t)pick(run, 51, 9), &block);
                some_tokens(m, run, tokens);
                append_in_pieces(s, tokens, n, run);
                expect_logits_of_type(m, s, (pal_kv_type)kv, tokens, n);
                for (uint32_t again = 0; again < 3; again++) {
                    const int32_t keep = (int32_t)pick(run, 52 + again, (uint32_t)n);
                    for (int32_t i = keep; i < MAX_N; i++) tokens[i] = (tokens[i] + 7) % pal_model_info(m)->vocabulary;
                    assert_int_equal(pal_sequence_keep(s, tokens, MAX_N), keep);
                    append_in_pieces(s, tokens, n, run + again);
                    expect_logits_of_type(m, s, (pal_kv_type)kv, tokens, n);
                }
                free(block);
                pal_model_close(m);
            }
}

static void instruction_sets_agree_on_every_type(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof models / sizeof *models; at++)
        for (int kv = 0; kv < PAL_KV_TYPES; kv++) {
            pal_model *m = open_test_model(models[at]);
            int32_t tokens[MAX_N];
            float *want = NULL;
            some_tokens(m, 5, tokens);
            for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
                if (pal_model_use_isa(m, isas[i], NULL)) continue;
                float *got = logits_at_once(m, (pal_kv_type)kv, tokens, MAX_N - 3);
                if (want) assert_memory_equal(got, want, (size_t)pal_model_info(m)->vocabulary * sizeof *got);
                if (want)
                    free(got);
                else
                    want = got;
            }
            free(want);
            pal_model_close(m);
        }
}

/* Rounding to 11 bits, or to 1/254 of the maximum of a block, changes the logits of this model slightly: the bounds are
 * twice the observed values. */
static void smaller_types_take_less_memory_and_stay_near(void **state)
{
    (void)state;
    pal_model *m = open_test_model("stories260K");
    const int32_t vocabulary = pal_model_info(m)->vocabulary;
    const double bounds[PAL_KV_TYPES] = {0.0, 0.022, 0.65};
    int32_t tokens[MAX_N];
    size_t min = SIZE_MAX;
    some_tokens(m, 5, tokens);
    float *exact = logits_at_once(m, PAL_KV_F32, tokens, MAX_N);
    for (int kv = 0; kv < PAL_KV_TYPES; kv++) {
        pal_sequence_options o = pal_sequence_defaults();
        size_t bytes;
        double max = 0.0;
        o.kv = (pal_kv_type)kv;
        o.batch = 1;
        assert_int_equal(pal_sequence_bytes(m, &o, &bytes, NULL), PAL_OK);
        assert_true(bytes < min);
        min = bytes;
        float *got = logits_at_once(m, (pal_kv_type)kv, tokens, MAX_N);
        for (int32_t id = 0; id < vocabulary; id++) {
            const double off = (double)got[id] - (double)exact[id];
            if (off * off > max * max) max = off < 0.0 ? -off : off;
        }
        print_message("    %s: logits off by up to %.3g\n", pal_kv_type_name((pal_kv_type)kv), max);
        assert_true(max <= bounds[kv] && (kv == PAL_KV_F32 || max > 0.0));
        free(got);
    }
    free(exact);
    pal_model_close(m);
}

static void logits_without_tokens_are_refused(void **state)
{
    (void)state;
    pal_model *m = open_test_model(models[0]);
    void *block;
    pal_sequence *s = make_sequence(m, 4, &block);
    float *logits = malloc((size_t)pal_model_info(m)->vocabulary * sizeof *logits);
    const int32_t tokens[3] = {1, 2, 3};
    pal_error err = {0};
    assert_int_equal(pal_sequence_logits(s, logits, &err), PAL_E_OPTION);
    assert_int_equal(pal_sequence_append(s, tokens, 3, &err), PAL_OK);
    pal_sequence_rewind(s, 7); /* more tokens than there are: changes nothing */
    assert_int_equal(pal_sequence_logits(s, logits, &err), PAL_OK);
    pal_sequence_rewind(s, 2);
    assert_int_equal(pal_sequence_logits(s, logits, &err), PAL_E_OPTION);
    free(logits);
    free(block);
    pal_model_close(m);
}

static void append_refused_changes_nothing(void **state)
{
    (void)state;
    pal_model *m = open_test_model(models[0]);
    void *block;
    pal_sequence *s = make_sequence(m, 6, &block);
    int32_t tokens[MAX_N];
    pal_error err = {0};
    some_tokens(m, 3, tokens);
    assert_int_equal(pal_sequence_append(s, tokens, 4, &err), PAL_OK);
    assert_int_equal(pal_sequence_append(s, tokens + 4, 3, &err), PAL_E_CONTEXT);
    assert_int_equal(pal_sequence_append(s, (const int32_t[]){1, -1}, 2, &err), PAL_E_OPTION);
    assert_int_equal(err.offset, 1);
    assert_int_equal(pal_sequence_append(s, (const int32_t[]){pal_model_info(m)->vocabulary}, 1, &err), PAL_E_OPTION);
    assert_int_equal(pal_sequence_append(s, tokens, 0, &err), PAL_OK);
    assert_int_equal(pal_sequence_length(s), 4);
    expect_logits(m, s, tokens, 4);
    assert_int_equal(pal_sequence_append(s, tokens + 4, 2, &err), PAL_OK);
    expect_logits(m, s, tokens, 6);
    free(block);
    pal_model_close(m);
}

static void sequence_of_what_cannot_be_read_is_refused(void **state)
{
    (void)state;
    pal_model *m = open_test_model(models[0]), *full = open_test_model("tiny-infill");
    pal_sequence *s;
    size_t bytes;
    char small[64];
    pal_error err = {0};
    pal_sequence_options o = pal_sequence_defaults();
    assert_int_equal(pal_sequence_bytes(full, &o, &bytes, &err), PAL_E_UNSUPPORTED);
    assert_int_equal(pal_sequence_init(&s, m, &o, small, sizeof small, &err), PAL_E_MEMORY);
    const pal_sequence_options wrong[] = {{.max_tokens = -1, .batch = 256},
                                          {.max_tokens = pal_model_info(m)->context + 1, .batch = 256},
                                          {.max_tokens = 8, .batch = 0},
                                          {.max_tokens = 8, .batch = -1},
                                          {.max_tokens = 8, .batch = 1, .kv = PAL_KV_TYPES}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(pal_sequence_bytes(m, &wrong[i], &bytes, &err), PAL_E_OPTION);
    pal_model_close(m);
    pal_model_close(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(append_in_any_split_equals_one_evaluation),
        cmocka_unit_test(rewind_then_other_tokens_equals_a_fresh_sequence),
        cmocka_unit_test(each_type_in_any_split_and_after_rewinds_equals_one_evaluation),
        cmocka_unit_test(instruction_sets_agree_on_every_type),
        cmocka_unit_test(smaller_types_take_less_memory_and_stay_near),
        cmocka_unit_test(logits_without_tokens_are_refused),
        cmocka_unit_test(append_refused_changes_nothing),
        cmocka_unit_test(sequence_of_what_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
