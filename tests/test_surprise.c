/* test_surprise.c - the surprise of each token of a text: against the logits of a sequence and the score of a text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model_testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_N = 400, MAX_VOCAB = 512, CONTEXT = 96 }; /* of tiny-ar */

static int32_t tokens[MAX_N];
static pal_surprise_token seen[MAX_N];

static size_t tokens_of(const pal_model *m, const char *text)
{
    size_t n;
    assert_int_equal(pal_tokenize(m, text, strlen(text), 0, tokens, MAX_N, &n, NULL), PAL_OK);
    assert_true(n <= MAX_N);
    return n;
}

/* TALE several times: longer than a context. */
static size_t long_tokens(const pal_model *m)
{
    char text[8 * sizeof TALE] = "";
    for (int i = 0; i < 8; i++) strcat(text, TALE);
    const size_t n = tokens_of(m, text);
    if (n <= 2 * CONTEXT) fail_msg("%zu tokens are too few", n);
    return n;
}

/* tiny-ar with a BOS that is not in the vocabulary; free the block after the model. */
static pal_model *open_without_bos(void **block)
{
    static const char key[] = "tokenizer.ggml.bos_token_id";
    pal_model *m;
    size_t size, at = 0;
    unsigned char *image = load_test_model("tiny-ar", &size, block);
    while (at + sizeof key < size && memcmp(image + at, key, sizeof key - 1) != 0) at++;
    assert_true(at + sizeof key < size);
    memset(image + at + sizeof key - 1 + 4, 0xff, 4); /* behind the value's type */
    assert_int_equal(pal_model_open(&m, image, size, 0, NULL), PAL_OK);
    assert_int_equal(pal_vocab_special(m->vocab)->bos, -1);
    return m;
}

/* ---- values ------------------------------------------------------------------------------------------ */

static double log_softmax(const float *logits, int32_t vocab, int32_t id)
{
    double max = -INFINITY, sum = 0.0;
    for (int32_t i = 0; i < vocab; i++) max = fmax(max, (double)logits[i]);
    for (int32_t i = 0; i < vocab; i++) sum += exp((double)logits[i] - max);
    return (double)logits[id] - max - log(sum);
}

/* How many tokens come before id: the largest logit first, and the lowest id first among equals. */
static int32_t rank_of(const float *logits, int32_t vocab, int32_t id)
{
    int32_t before = 0;
    for (int32_t i = 0; i < vocab; i++) before += logits[i] > logits[id] || (logits[i] == logits[id] && i < id);
    return before;
}

/* Tolerance: exponentials and sums of a few hundred terms with different rounding. */
static void assert_follows(const pal_surprise_token *t, int32_t id, const float *logits, int32_t vocab, int32_t k)
{
    assert_int_equal(t->id, id);
    assert_true(fabs(t->logprob - log_softmax(logits, vocab, id)) < 1e-12);
    assert_int_equal(t->alternatives, k);
    for (int32_t i = 0; i < k; i++) {
        assert_int_equal(rank_of(logits, vocab, t->alternative_id[i]), i);
        assert_true(fabs(t->alternative_logprob[i] - log_softmax(logits, vocab, t->alternative_id[i])) < 1e-12);
    }
}

/* The model's own logits token by token, with a BOS (-1: none) in front of every `capacity` tokens. */
static void check_values(const pal_model *m, size_t n, int32_t bos, size_t capacity, int32_t k)
{
    const int32_t vocab = m->shape.vocab;
    const pal_sequence_options o = pal_sequence_defaults();
    static float logits[MAX_VOCAB];
    pal_sequence *s;
    size_t bytes;
    assert_int_equal(pal_sequence_bytes(m, &o, &bytes, NULL), PAL_OK);
    void *block = malloc(bytes);
    assert_int_equal(pal_sequence_init(&s, m, &o, block, bytes, NULL), PAL_OK);
    assert_int_equal(pal_surprise(m, tokens, n, k, seen, NULL), PAL_OK);
    for (size_t i = 0; i < n; i++) {
        if (i % capacity == 0) pal_sequence_rewind(s, 0);
        if (i % capacity == 0 && bos >= 0) assert_int_equal(pal_sequence_append(s, &bos, 1, NULL), PAL_OK);
        if (pal_sequence_length(s)) {
            assert_int_equal(pal_sequence_logits(s, logits, NULL), PAL_OK);
            assert_follows(&seen[i], tokens[i], logits, vocab, k);
        } else {
            assert_true(seen[i].id == tokens[i] && isnan(seen[i].logprob) && seen[i].alternatives == 0);
        }
        assert_int_equal(pal_sequence_append(s, &tokens[i], 1, NULL), PAL_OK);
    }
    free(block);
}

static void surprise_is_the_log_softmax_of_the_logits(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tiny-ar");
    const int32_t bos = pal_vocab_special(m->vocab)->bos;
    const size_t n = tokens_of(m, TALE);
    assert_true(n > 16 && n < CONTEXT - 1);
    check_values(m, n, bos, CONTEXT - 1, 0);
    check_values(m, n, bos, CONTEXT - 1, PAL_CANDIDATES);
    check_values(m, 1, bos, CONTEXT - 1, 5);
    check_values(m, long_tokens(m), bos, CONTEXT - 1, 5);
    pal_model_close(m);
}

static void surprise_without_bos_says_nothing_of_the_first_token_of_a_window(void **state)
{
    (void)state;
    void *block;
    pal_model *m = open_without_bos(&block);
    const size_t n = long_tokens(m);
    check_values(m, n, -1, CONTEXT, 3);
    check_values(m, CONTEXT + 1, -1, CONTEXT, 1);
    check_values(m, 1, -1, CONTEXT, 3);
    assert_true(isnan(seen[0].logprob));
    pal_model_close(m);
    free(block);
}

static void surprise_of_a_text_adds_up_to_its_score(void **state)
{
    (void)state;
    static const char *const models[] = {"tiny-ar", "stories260K"};
    char text[8 * sizeof TALE] = "";
    for (int times = 1; times <= 8; times += 7)
        for (size_t i = 0; i < 2; i++) {
            pal_model *m = open_test_model(models[i]);
            double nats = 0.0;
            text[0] = '\0';
            for (int t = 0; t < times; t++) strcat(text, TALE);
            const size_t n = tokens_of(m, text);
            const pal_score_result score = score_of(m, text, strlen(text), PAL_SCORE_EXACT);
            assert_int_equal(score.tokens, n);
            assert_int_equal(pal_surprise(m, tokens, n, 2, seen, NULL), PAL_OK);
            for (size_t t = 0; t < n; t++) nats -= seen[t].logprob;
            assert_true(fabs(nats / (double)n - score.nats_per_token) < 1e-12 * (double)n); /* sums rounded otherwise */
            pal_model_close(m);
        }
}

/* ---- steps ------------------------------------------------------------------------------------------- */

static void a_step_evaluates_once_at_most_and_all_together_are_the_call(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tiny-ar");
    const size_t n = long_tokens(m);
    pal_surprising *job;
    pal_surprise_progress before, now;
    pal_status status;
    size_t done = 0, count;
    assert_int_equal(pal_surprise(m, tokens, n, 4, seen, NULL), PAL_OK);
    assert_int_equal(pal_surprising_start(&job, m, tokens, n, 4, NULL), PAL_OK);
    before = pal_surprising_progress(job);
    assert_true(before.tokens == 0 && before.all_tokens == n && before.evaluations == 0);
    do {
        status = pal_surprising_step(job, NULL);
        const pal_surprise_token *given = pal_surprising_tokens(job, &count);
        assert_true(count > 0 && done + count <= n);
        assert_memory_equal(given, seen + done, count * sizeof *given);
        done += count;
        now = pal_surprising_progress(job);
        assert_true(now.tokens == done && now.evaluations <= before.evaluations + 1);
        before = now;
    } while (status == PAL_MORE);
    assert_int_equal(status, PAL_OK);
    assert_int_equal(done, n);
    assert_int_equal(now.evaluations, (n + CONTEXT - 2) / (CONTEXT - 1));
    assert_int_equal(now.evaluations, now.expected_evaluations);
    assert_int_equal(pal_surprising_step(job, NULL), PAL_OK); /* there is no more */
    pal_surprising_tokens(job, &count);
    assert_int_equal(count, 0);
    pal_surprising_end(job);
    assert_int_equal(pal_surprising_start(&job, m, tokens, n, 4, NULL), PAL_OK);
    assert_int_equal(pal_surprising_step(job, NULL), PAL_MORE);
    pal_surprising_end(job); /* given up */
    pal_surprising_end(NULL);
    pal_model_close(m);
}

/* ---- refusals ---------------------------------------------------------------------------------------- */

static void refuse(const pal_model *m, const int32_t *text, size_t n, int32_t alternatives, pal_status status,
                   size_t offset, const char *part)
{
    pal_surprising *job = NULL;
    pal_error err = {0};
    assert_int_equal(pal_surprising_start(&job, m, text, n, alternatives, &err), status);
    assert_null(job);
    if (!strstr(err.text, part)) fail_msg("\"%s\" does not say \"%s\"", err.text, part);
    assert_true(err.offset == offset);
    assert_int_equal(pal_surprise(m, text, n, alternatives, seen, NULL), status);
}

static void what_cannot_be_is_refused_and_says_why(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tiny-ar"), *fills = open_test_model("tiny-infill"),
              *stored = open_test_model_as("tiny-ar", PAL_OPEN_AS_STORED);
    const int32_t beyond[] = {5, m->shape.vocab}, below[] = {-1, 5}, good[] = {5, 6};
    refuse(fills, good, 2, 1, PAL_E_UNSUPPORTED, SIZE_MAX, "fills blanks");
    refuse(stored, good, 2, 1, PAL_E_OPTION, SIZE_MAX, "PAL_OPEN_AS_STORED");
    refuse(m, good, 0, 1, PAL_E_TEXT, SIZE_MAX, "no text");
    refuse(m, good, 2, -1, PAL_E_OPTION, SIZE_MAX, "alternatives");
    refuse(m, good, 2, PAL_CANDIDATES + 1, PAL_E_OPTION, SIZE_MAX, "alternatives");
    refuse(m, beyond, 2, 1, PAL_E_OPTION, 1, "vocabulary");
    refuse(m, below, 2, 1, PAL_E_OPTION, 0, "vocabulary");
    pal_model_close(stored);
    pal_model_close(fills);
    pal_model_close(m);
}

/* A text that reaches the damaged weight in its second window: the first window gets results, and a failed step changes
 * nothing. */
static void damaged_weights_are_one_error_and_what_was_told_stays(void **state)
{
    (void)state;
    pal_model *good = open_test_model("tiny-ar");
    const size_t n = long_tokens(good);
    void *block;
    size_t size, done = 0, count;
    unsigned char *image = load_test_model("tiny-ar", &size, &block);
    pal_gguf *g;
    pal_model *m;
    pal_surprising *job;
    pal_error err = {0};
    pal_status status;
    assert_int_equal(pal_gguf_open(&g, image, size, NULL), PAL_OK);
    const pal_gguf_tensor *t = pal_gguf_find_tensor(g, "token_embd.weight");
    assert_true(t && t->type == PAL_Q8_0);
    const size_t row = t->size / (size_t)good->shape.vocab;
    int32_t strange = -1; /* the last token that the text does not have */
    for (int32_t id = 0; id < good->shape.vocab; id++) {
        bool there = false;
        for (size_t i = 0; i < n; i++) there = there || tokens[i] == id;
        if (!there) strange = id;
    }
    tokens[CONTEXT + 20] = strange;
    memset(image + t->offset + row * (size_t)strange, 0xff, 2); /* the scale of its embedding: NaN */
    pal_gguf_close(g);
    assert_int_equal(pal_model_open(&m, image, size, 0, NULL), PAL_OK);
    assert_int_equal(pal_surprising_start(&job, m, tokens, n, 1, NULL), PAL_OK);
    while ((status = pal_surprising_step(job, &err)) == PAL_MORE) {
        pal_surprising_tokens(job, &count);
        done += count;
    }
    assert_int_equal(status, PAL_E_FORMAT);
    assert_non_null(strstr(err.text, "NaN"));
    assert_true(done < n && pal_surprising_progress(job).tokens == done);
    assert_int_equal(pal_surprising_step(job, &err), PAL_E_FORMAT); /* and again */
    pal_surprising_tokens(job, &count);
    assert_int_equal(count, 0);
    pal_surprising_end(job);
    pal_model_close(m);
    free(block);
    pal_model_close(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(surprise_is_the_log_softmax_of_the_logits),
        cmocka_unit_test(surprise_without_bos_says_nothing_of_the_first_token_of_a_window),
        cmocka_unit_test(surprise_of_a_text_adds_up_to_its_score),
        cmocka_unit_test(a_step_evaluates_once_at_most_and_all_together_are_the_call),
        cmocka_unit_test(what_cannot_be_is_refused_and_says_why),
        cmocka_unit_test(damaged_weights_are_one_error_and_what_was_told_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
