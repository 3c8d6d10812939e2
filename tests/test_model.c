/* test_model.c - opened files: information, tokens, logits, scores. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model_testing.h"

#include <math.h>

/* ---- what a file can do ---------------------------------------------------------------------------- */

static void info_says_what_a_model_can_do(void **state)
{
    (void)state;
    const struct {
        const char *name, *weights;
        bool causal, tokenize, score, infill, free_length;
    } kinds[] = {
        {"tiny-infill", "Q8_0", false, true, true, true, true},
        {"tiny-ar", "Q8_0", true, true, true, false, false},
        {"tiny-odd", "F32", false, true, true, true, false},
        {"tiny-nomask", "F16", false, true, false, false, false},
        {"grouped", "F32", false, false, false, false, false},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        pal_model *m = open_test_model(kinds[i].name);
        const pal_info *info = pal_model_info(m);
        assert_string_equal(info->name, kinds[i].name);
        assert_string_equal(info->weights, kinds[i].weights);
        assert_int_equal(info->causal, kinds[i].causal);
        assert_int_equal(info->can_tokenize, kinds[i].tokenize);
        assert_int_equal(info->can_score, kinds[i].score);
        assert_int_equal(info->can_infill, kinds[i].infill);
        assert_int_equal(info->free_length, kinds[i].free_length);
        assert_true((info->why_not == NULL) == kinds[i].tokenize);
        pal_model_close(m);
    }
}

static void info_of_a_vocabulary_says_that_there_is_no_network(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tales-vocab");
    const pal_info *info = pal_model_info(m);
    float logits[1];
    const int32_t token = 0;
    pal_error err = {0};
    assert_true(info->can_tokenize && !info->can_score && !info->can_infill);
    assert_non_null(info->why_not);
    assert_int_equal(info->tensors, 0);
    assert_string_equal(info->weights, "");
    assert_int_equal(pal_logits(m, &token, 1, &token, 1, logits, &err), PAL_E_UNSUPPORTED);
    assert_non_null(err.text);
    pal_model_close(m);
}

static void open_file_that_is_none_is_refused(void **state)
{
    (void)state;
    pal_model *m = NULL;
    pal_error err = {0};
    assert_int_equal(pal_model_open_file(&m, PAL_SOURCE_DIR "/tests", 0, &err), PAL_E_IO);
    assert_non_null(err.text);
    assert_int_equal(pal_model_open_file(&m, PAL_SOURCE_DIR "/tests/no-such-file.gguf", 0, &err), PAL_E_IO);
    assert_int_equal(pal_model_open_file(&m, PAL_SOURCE_DIR "/tests/test_model.c", 0, &err), PAL_E_FORMAT);
    assert_null(m);
    pal_model_close(NULL);
    m = open_test_model("tiny-ar");
    assert_int_equal(pal_model_use_isa(m, "none", &err), PAL_E_OPTION);
    pal_model_close(m);
}

/* ---- tokens ---------------------------------------------------------------------------------------- */

static void tokens_come_back_as_they_were(void **state)
{
    (void)state;
    static const char text[] = "The dog said:\r\n\xe2\x80\x9cNo\xe2\x80\x9d \xff\0 <mask> \xf0\x9f\x98\x80";
    pal_model *m = open_test_model("tiny-infill");
    int32_t ids[64];
    char back[64];
    for (unsigned flags = 0; flags < 4; flags++) {
        size_t count, bytes, again;
        assert_int_equal(pal_tokenize(m, text, sizeof text - 1, flags, ids, 64, &count, NULL), PAL_OK);
        assert_true(count <= sizeof text);
        assert_int_equal(pal_tokenize(m, text, sizeof text - 1, flags, NULL, 0, &again, NULL), PAL_OK);
        assert_int_equal(count, again);
        assert_int_equal(pal_detokenize(m, ids, count, flags, back, sizeof back, &bytes, NULL), PAL_OK);
        assert_int_equal(bytes, sizeof text - 1);
        assert_memory_equal(back, text, bytes);
        bool has_mask = false;
        for (size_t i = 0; i < count; i++) has_mask = has_mask || ids[i] == m->classes.mask;
        assert_int_equal(has_mask, (flags & PAL_TOKENIZE_SPECIAL) != 0);
    }
    pal_model_close(m);
}

static void detokenize_unknown_id_is_refused_by_index(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tiny-infill");
    int32_t ids[] = {5, 6, 0};
    size_t bytes;
    pal_error err = {0};
    const int32_t wrong[] = {-1, pal_model_info(m)->vocabulary, INT32_MAX};
    for (int i = 0; i < 3; i++) {
        ids[2] = wrong[i];
        assert_int_equal(pal_detokenize(m, ids, 3, 0, NULL, 0, &bytes, &err), PAL_E_OPTION);
        assert_int_equal(err.offset, 2);
        assert_null(pal_token_piece(m, wrong[i], &bytes));
    }
    assert_non_null(pal_token_piece(m, m->classes.mask, &bytes));
    assert_int_equal(bytes, 6);
    pal_model_close(m);
}

/* ---- logits ---------------------------------------------------------------------------------------- */

enum { SHOWN = 40, MAX_VOCAB = 512 };

static void logits_are_the_same_bits_on_every_instruction_set(void **state)
{
    (void)state;
    static float best[3 * MAX_VOCAB], scalar[3 * MAX_VOCAB], one[MAX_VOCAB];
    const char *const names[] = {"tiny-infill", "tiny-ar", "tiny-odd", "tiny-nomask"};
    const int32_t at[] = {0, 17, SHOWN - 1};
    for (int i = 0; i < 4; i++) {
        pal_model *m = open_test_model(names[i]);
        int32_t tokens[SHOWN];
        size_t vocab = (size_t)pal_model_info(m)->vocabulary;
        assert_true(vocab <= MAX_VOCAB);
        for (uint32_t t = 0; t < SHOWN; t++) tokens[t] = (int32_t)pick((uint32_t)i, t, (uint32_t)vocab);
        assert_int_equal(pal_logits(m, tokens, SHOWN, at, 3, best, NULL), PAL_OK);
        assert_int_equal(pal_logits(m, tokens, SHOWN, at + 1, 1, one, NULL), PAL_OK);
        assert_memory_equal(one, best + vocab, vocab * sizeof(float));
        assert_int_equal(pal_model_use_isa(m, "scalar", NULL), PAL_OK);
        assert_string_equal(pal_model_info(m)->isa, "scalar");
        assert_int_equal(pal_logits(m, tokens, SHOWN, at, 3, scalar, NULL), PAL_OK);
        assert_memory_equal(best, scalar, 3 * vocab * sizeof(float));
        for (size_t v = 0; v < 3 * vocab; v++) assert_true(isfinite(best[v]));
        pal_model_close(m);
    }
}

static void logits_causal_ignore_what_comes_later_and_others_do_not(void **state)
{
    (void)state;
    static float before[MAX_VOCAB], after[MAX_VOCAB];
    for (int causal = 0; causal < 2; causal++) {
        pal_model *m = open_test_model(causal ? "tiny-ar" : "tiny-infill");
        int32_t tokens[] = {5, 300, 310, 320, 330};
        const int32_t at = 2;
        size_t size = (size_t)pal_model_info(m)->vocabulary * sizeof(float);
        assert_int_equal(pal_logits(m, tokens, 5, &at, 1, before, NULL), PAL_OK);
        tokens[4] = 333;
        assert_int_equal(pal_logits(m, tokens, 5, &at, 1, after, NULL), PAL_OK);
        assert_int_equal(memcmp(before, after, size) == 0, causal);
        pal_model_close(m);
    }
}

static void logits_of_wrong_tokens_are_refused(void **state)
{
    (void)state;
    static float logits[MAX_VOCAB];
    static int32_t tokens[200];
    pal_model *m = open_test_model("tiny-infill");
    pal_error err = {0};
    int32_t at = 0;
    assert_int_equal(pal_logits(m, tokens, 0, &at, 1, logits, &err), PAL_E_CONTEXT);
    assert_int_equal(pal_logits(m, tokens, 97, &at, 1, logits, &err), PAL_E_CONTEXT);
    assert_int_equal(pal_logits(m, tokens, 96, &at, 1, logits, &err), PAL_OK);
    at = 96;
    assert_int_equal(pal_logits(m, tokens, 96, &at, 1, logits, &err), PAL_E_OPTION);
    at = 0;
    tokens[7] = pal_model_info(m)->vocabulary;
    assert_int_equal(pal_logits(m, tokens, 96, &at, 1, logits, &err), PAL_E_OPTION);
    assert_int_equal(err.offset, 7);
    tokens[7] = -1;
    assert_int_equal(pal_logits(m, tokens, 96, &at, 1, logits, &err), PAL_E_OPTION);
    pal_model_close(m);
}

/* ---- scores ---------------------------------------------------------------------------------------- */

static void score_counts_bytes_tokens_and_documents(void **state)
{
    (void)state;
    static const char text[] = TALE "<|endoftext|>\n" TALE "<|endoftext|>\r\nlast <|endoftext|>\n<|endoftext|>";
    pal_model *m = open_test_model("tiny-ar");
    pal_score_result one = score_of(m, TALE, strlen(TALE), PAL_SCORE_DEFAULT);
    pal_score_result r = score_of(m, text, sizeof text - 1, PAL_SCORE_DEFAULT);
    pal_score_result last = score_of(m, "last <|endoftext|>\n", 19, PAL_SCORE_EXACT);
    assert_int_equal(one.documents, 1);
    assert_int_equal(one.bytes, strlen(TALE));
    assert_int_equal(r.documents, 3);
    assert_int_equal(r.bytes, 2 * strlen(TALE) + 19);
    assert_int_equal(r.tokens, 2 * one.tokens + last.tokens);
    double nats = 2 * one.nats_per_token * (double)one.tokens + last.nats_per_token * (double)last.tokens;
    assert_true(fabs(r.nats_per_token * (double)r.tokens - nats) < 1e-9 * nats);
    assert_true(fabs(r.bits_per_byte - nats / log(2.0) / (double)r.bytes) < 1e-9);
    assert_true(fabs(r.perplexity - exp(r.nats_per_token)) < 1e-9 * r.perplexity);
    assert_true(r.standard_error == 0.0 && !r.estimated && !r.bound && r.method == PAL_SCORE_EXACT);
    pal_model_close(m);
}

static void score_long_documents_are_cut_into_windows(void **state)
{
    (void)state;
    char text[1001];
    memset(text, 'z', sizeof text);
    pal_model *m = open_test_model("tiny-ar");
    pal_score_result r = score_of(m, text, 1000, PAL_SCORE_DEFAULT);
    assert_int_equal(r.tokens, 1001); /* the dummy space is a token */
    assert_int_equal(r.windows, 11);  /* 95 tokens and BOS each */
    assert_int_equal(r.evaluations, 11);
    pal_model_close(m);
}

static void score_of_a_diffusion_model_is_a_bound_or_an_order(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tiny-infill");
    const pal_score_method orders[] = {PAL_SCORE_MARGIN, PAL_SCORE_ENTROPY, PAL_SCORE_CONFIDENCE};
    for (int i = 0; i < 3; i++) {
        pal_score_result r = score_of(m, TALE, strlen(TALE), orders[i]);
        assert_true(!r.estimated && !r.bound && r.method == orders[i]);
        assert_int_equal(r.evaluations, r.tokens);
        assert_true(r.bits_per_byte > 0.5 && r.bits_per_byte < 50.0);
    }
    pal_score_result estimate = score_of(m, TALE, strlen(TALE), PAL_SCORE_DEFAULT);
    assert_true(estimate.estimated && estimate.bound && estimate.method == PAL_SCORE_BOUND);
    assert_true(estimate.standard_error > 0.0 && estimate.standard_error <= 0.2);
    pal_score_result exact = score_of(m, "the dog", 7, PAL_SCORE_BOUND);
    assert_true(!exact.estimated && exact.bound && exact.tokens <= 10);
    assert_int_equal(exact.evaluations, (1u << exact.tokens) - 1);
    pal_score_result again = score_of(m, TALE, strlen(TALE), PAL_SCORE_BOUND);
    assert_true(again.bits_per_byte == estimate.bits_per_byte);
    pal_model_close(m);
}

static bool stop_at_once(void *context, const pal_score_progress *p)
{
    int *calls = context;
    return ++*calls < 4 && p->evaluations < 1000;
}

static void score_stopped_by_its_progress_says_so(void **state)
{
    (void)state;
    const char *const names[] = {"tiny-infill", "tiny-ar"};
    char text[3000];
    memset(text, 'y', sizeof text);
    for (int i = 0; i < 2; i++) {
        pal_model *m = open_test_model(names[i]);
        int calls = 0;
        pal_score_options o = {.progress = stop_at_once, .context = &calls};
        pal_score_result r;
        assert_int_equal(pal_score(m, text, sizeof text, &o, &r, NULL), PAL_MORE);
        assert_int_equal(calls, 4);
        assert_int_equal(r.evaluations, 3);
        pal_model_close(m);
    }
}

/* Every step makes at most one evaluation, and together they equal pal_score. */
static void scoring_step_by_step_is_the_score(void **state)
{
    (void)state;
    const struct {
        const char *model, *text;
        pal_score_method method;
    } runs[] = {{"tiny-ar", TALE TALE TALE, PAL_SCORE_EXACT},
                {"tiny-infill", "the cat", PAL_SCORE_BOUND},
                {"tiny-infill", TALE TALE TALE, PAL_SCORE_BOUND},
                {"tiny-infill", TALE, PAL_SCORE_MARGIN}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        pal_model *m = open_test_model(runs[i].model);
        pal_score_result whole = score_of(m, runs[i].text, strlen(runs[i].text), runs[i].method);
        pal_score_options o = {.method = runs[i].method, .seed = 3, .standard_error = 0.2};
        pal_scoring *scoring = NULL;
        assert_int_equal(pal_scoring_start(&scoring, m, runs[i].text, strlen(runs[i].text), &o, NULL), PAL_OK);
        assert_true(isnan(pal_scoring_result(scoring).bits_per_byte));
        uint64_t expected = pal_scoring_progress(scoring).expected_evaluations, done = 0;
        assert_true(expected > 0);
        do {
            assert_int_equal(pal_scoring_progress(scoring).evaluations, done);
            done++;
        } while (pal_scoring_step(scoring, NULL) == PAL_MORE);
        pal_score_result r = pal_scoring_result(scoring);
        assert_int_equal(r.evaluations, done);
        if (!r.estimated) assert_int_equal(done, expected);
        assert_true(r.bits_per_byte == whole.bits_per_byte && r.standard_error == whole.standard_error);
        assert_int_equal(pal_scoring_step(scoring, NULL), PAL_OK); /* there is nothing left to do */
        pal_scoring_end(scoring);
        pal_model_close(m);
    }
    pal_scoring_end(NULL);
}

static void score_without_text_or_by_a_wrong_method_is_refused(void **state)
{
    (void)state;
    pal_model *ar = open_test_model("tiny-ar"), *infill = open_test_model("tiny-infill"),
              *none = open_test_model("tiny-nomask");
    pal_score_options o = {.method = PAL_SCORE_DEFAULT};
    pal_score_result r;
    pal_error err = {0};
    assert_int_equal(pal_score(ar, "", 0, &o, &r, &err), PAL_E_TEXT);
    assert_int_equal(pal_score(ar, "<|endoftext|>\n", 14, &o, &r, &err), PAL_E_TEXT);
    assert_int_equal(pal_score(none, TALE, 5, &o, &r, &err), PAL_E_UNSUPPORTED);
    o.method = PAL_SCORE_MARGIN;
    assert_int_equal(pal_score(ar, TALE, 5, &o, &r, &err), PAL_E_OPTION);
    o.method = PAL_SCORE_EXACT;
    assert_int_equal(pal_score(infill, TALE, 5, &o, &r, &err), PAL_E_OPTION);
    o.method = PAL_SCORE_METHODS;
    assert_int_equal(pal_score(infill, TALE, 5, &o, &r, &err), PAL_E_OPTION);
    pal_model_close(ar);
    pal_model_close(infill);
    pal_model_close(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_says_what_a_model_can_do),
        cmocka_unit_test(info_of_a_vocabulary_says_that_there_is_no_network),
        cmocka_unit_test(open_file_that_is_none_is_refused),
        cmocka_unit_test(tokens_come_back_as_they_were),
        cmocka_unit_test(detokenize_unknown_id_is_refused_by_index),
        cmocka_unit_test(logits_are_the_same_bits_on_every_instruction_set),
        cmocka_unit_test(logits_causal_ignore_what_comes_later_and_others_do_not),
        cmocka_unit_test(logits_of_wrong_tokens_are_refused),
        cmocka_unit_test(score_counts_bytes_tokens_and_documents),
        cmocka_unit_test(score_long_documents_are_cut_into_windows),
        cmocka_unit_test(score_of_a_diffusion_model_is_a_bound_or_an_order),
        cmocka_unit_test(score_stopped_by_its_progress_says_so),
        cmocka_unit_test(scoring_step_by_step_is_the_score),
        cmocka_unit_test(score_without_text_or_by_a_wrong_method_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
