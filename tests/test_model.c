/* test_model.c - opened files: what they say, tokens, logits, scores, other types, and hostile weights. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "model_testing.h"

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

enum { SHOWN = 40, MOST_VOCAB = 512 };

static void logits_are_the_same_bits_on_every_instruction_set(void **state)
{
    (void)state;
    static float best[3 * MOST_VOCAB], scalar[3 * MOST_VOCAB], one[MOST_VOCAB];
    const char *const names[] = {"tiny-infill", "tiny-ar", "tiny-odd", "tiny-nomask"};
    const int32_t at[] = {0, 17, SHOWN - 1};
    for (int i = 0; i < 4; i++) {
        pal_model *m = open_test_model(names[i]);
        int32_t tokens[SHOWN];
        size_t vocab = (size_t)pal_model_info(m)->vocabulary;
        assert_true(vocab <= MOST_VOCAB);
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
    static float before[MOST_VOCAB], after[MOST_VOCAB];
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
    static float logits[MOST_VOCAB];
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

#define TALE "Once upon a time a little dog ran.\nThe cat saw it and said: no!\n"

static pal_score_result score_of(const pal_model *m, const char *text, size_t bytes, pal_score_method method)
{
    pal_score_options o = {.method = method, .seed = 3, .standard_error = 0.2};
    pal_score_result r;
    pal_error err = {0};
    if (pal_score(m, text, bytes, &o, &r, &err)) fail_msg("%s", err.text);
    return r;
}

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

/* Every step is one evaluation at most, and together they are pal_score. */
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
        } while (pal_scoring_step(scoring) == PAL_MORE);
        pal_score_result r = pal_scoring_result(scoring);
        assert_int_equal(r.evaluations, done);
        if (!r.estimated) assert_int_equal(done, expected);
        assert_true(r.bits_per_byte == whole.bits_per_byte && r.standard_error == whole.standard_error);
        assert_int_equal(pal_scoring_step(scoring), PAL_OK); /* there is nothing left to do */
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

/* ---- other types ----------------------------------------------------------------------------------- */

typedef struct {
    unsigned char *block, *image;
    size_t size, room, fail_after;
} memory_file;

static bool write_memory(void *context, const void *data, size_t bytes)
{
    memory_file *f = context;
    if (f->size + bytes > f->room || f->size + bytes > f->fail_after) return false;
    memcpy(f->image + f->size, data, bytes);
    f->size += bytes;
    return true;
}

static memory_file new_file(void)
{
    memory_file f = {.room = 1 << 20, .fail_after = SIZE_MAX};
    f.block = malloc(f.room + 63);
    assert_non_null(f.block);
    f.image = (unsigned char *)(((uintptr_t)f.block + 63) & ~(uintptr_t)63);
    return f;
}

static void quantize_every_type_opens_and_scores(void **state)
{
    (void)state;
    const char *const names[] = {"tiny-infill", "tiny-ar", "tiny-odd"};
    const char *const types[] = {"F32", "F16", "Q8_0", "Q4_0"};
    for (int n = 0; n < 3; n++) {
        pal_model *m = open_test_model(names[n]), *stored = open_test_model_as(names[n], PAL_OPEN_AS_STORED);
        pal_score_result before = score_of(m, TALE, 20, PAL_SCORE_DEFAULT);
        for (int t = 0; t < 4; t++) {
            memory_file f = new_file();
            pal_model *other;
            pal_error err = {0};
            if (pal_model_quantize(stored, types[t], write_memory, &f, &err)) fail_msg("%s", err.text);
            if (pal_model_open(&other, f.image, f.size, 0, &err)) fail_msg("%s", err.text);
            /* Rows of tiny-odd fit no block: they become F16. */
            const char *expected = n == 2 && t > 1 ? "F16" : types[t];
            assert_string_equal(pal_model_info(other)->weights, expected);
            assert_string_equal(pal_model_info(other)->name, names[n]);
            pal_score_result after = score_of(other, TALE, 20, PAL_SCORE_DEFAULT);
            assert_true(isfinite(after.bits_per_byte));
            /* Rounding moves the score a little; four bits a weight move it more. */
            assert_true(fabs(after.bits_per_byte - before.bits_per_byte) < (t == 3 && n < 2 ? 8.0 : 1.0));
            pal_model_close(other);
            free(f.block);
        }
        pal_model_close(stored);
        pal_model_close(m);
    }
}

static void quantize_to_its_own_type_keeps_every_weight(void **state)
{
    (void)state;
    pal_model *m = open_test_model_as("tiny-infill", PAL_OPEN_AS_STORED), *other;
    memory_file f = new_file();
    assert_int_equal(pal_model_quantize(m, "Q8_0", write_memory, &f, NULL), PAL_OK);
    assert_int_equal(pal_model_open(&other, f.image, f.size, PAL_OPEN_AS_STORED, NULL), PAL_OK);
    for (size_t i = 0; i < pal_gguf_tensors(m->gguf); i++) {
        const pal_gguf_tensor *a = pal_gguf_tensor_at(m->gguf, i), *b = pal_gguf_tensor_at(other->gguf, i);
        assert_int_equal(a->size, b->size);
        assert_memory_equal(a->data, b->data, a->size);
    }
    pal_model_close(other);
    pal_model_close(m);
    free(f.block);
}

static void quantize_failures_are_told(void **state)
{
    (void)state;
    pal_model *m = open_test_model_as("tiny-infill", PAL_OPEN_AS_STORED), *at_work = open_test_model("tiny-infill");
    memory_file f = new_file();
    pal_error err = {0};
    assert_int_equal(pal_model_quantize(at_work, "F16", write_memory, &f, &err), PAL_E_OPTION);
    pal_model_close(at_work);
    assert_int_equal(pal_model_quantize(m, "Q5_K", write_memory, &f, &err), PAL_E_OPTION);
    assert_int_equal(f.size, 0);
    for (f.fail_after = 0; f.fail_after < 20000; f.fail_after += 1999) {
        f.size = 0;
        assert_int_equal(pal_model_quantize(m, "F16", write_memory, &f, &err), PAL_E_IO);
    }
    pal_model_close(m);
    free(f.block);
}

/* Opened as stored a model tells and tokenizes like any other, evaluates nothing and leaves the image alone. */
static void model_as_stored_evaluates_nothing(void **state)
{
    (void)state;
    size_t size;
    void *block;
    unsigned char *image = load_test_model("tiny-infill", &size, &block), *copy = malloc(size);
    pal_model *m;
    pal_error err = {0};
    pal_score_result result;
    float logits[1];
    size_t bytes;
    assert_non_null(copy);
    memcpy(copy, image, size);
    assert_int_equal(pal_model_open(&m, image, size, PAL_OPEN_AS_STORED, &err), PAL_OK);
    assert_memory_equal(image, copy, size);
    assert_true(pal_model_info(m)->can_infill && pal_model_info(m)->can_tokenize);
    const pal_infill_options options = pal_infill_defaults();
    const int32_t token = 0, at = 0;
    assert_int_equal(pal_session_bytes(m, "a [[1]]", 7, &options, &bytes, &err), PAL_E_OPTION);
    assert_int_equal(pal_score(m, "a", 1, &(pal_score_options){0}, &result, &err), PAL_E_OPTION);
    assert_int_equal(pal_logits(m, &token, 1, &at, 1, logits, &err), PAL_E_OPTION);
    pal_model_close(m);
    free(copy);
    free(block);
}

/* ---- hostile weights ------------------------------------------------------------------------------- */

static void spoil_tensor(const pal_gguf_tensor *t, unsigned char *image, uint32_t run)
{
    static const uint16_t halves[] = {0x7e00, 0x7c00, 0xfc00, 0x7bff, 0xfbff}; /* NaN, inf, -inf, largest */
    static const uint32_t floats[] = {0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0xff7fffff, 0x00000001};
    unsigned char *data = image + t->offset;
    size_t step = t->type == PAL_Q8_0 ? 34 : t->type == PAL_F16 ? 2 : 4;
    for (size_t at = 0, i = 0; at + step <= t->size; at += step, i++) {
        if (pick(run, (uint32_t)i, 3)) continue;
        if (step == 4)
            memcpy(data + at, &floats[pick(run, (uint32_t)i + 100000, 6)], 4);
        else
            memcpy(data + at, &halves[pick(run, (uint32_t)i + 100000, 5)], 2);
    }
}

static void use_hostile(pal_model *m)
{
    static const char page[] = "the [[3]] and [[2]]dog [[4]]";
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
        pal_infill_options o = pal_infill_defaults();
        pal_session *s;
        size_t bytes;
        pal_place places[9];
        o.sampler = (pal_sampler)sampler;
        o.top_p = sampler % 2 ? 0.9 : 1.0;
        o.repetition_penalty = sampler % 3 ? 1.0 : 1.3;
        assert_int_equal(pal_session_bytes(m, page, sizeof page - 1, &o, &bytes, NULL), PAL_OK);
        void *block = malloc(bytes);
        assert_non_null(block);
        assert_int_equal(pal_session_init(&s, m, page, sizeof page - 1, &o, block, bytes, NULL), PAL_OK);
        int steps = 0;
        while (pal_step(s) == PAL_MORE)
            if (++steps > 200) fail_msg("%s does not end", pal_sampler_name((pal_sampler)sampler));
        assert_int_equal(pal_session_tokens(s, places, 9), 9);
        for (int i = 0; i < 9; i++) assert_false(m->classes.of[places[i].id] & PAL_CLASS_NO_FILL);
        free(block);
    }
}

static void weights_that_are_no_numbers_neither_crash_nor_break_rules(void **state)
{
    (void)state;
    const char *const names[] = {"tiny-infill", "tiny-odd"};
    for (uint32_t run = 0; run < 60; run++) {
        size_t size;
        void *block;
        unsigned char *image = load_test_model(names[run % 2], &size, &block);
        pal_model *m;
        assert_int_equal(pal_model_open(&m, image, size, 0, NULL), PAL_OK);
        size_t count = pal_gguf_tensors(m->gguf);
        for (size_t i = 0; i < count; i++) /* one kind of tensor, or all */
            if (run < 10 || pick(run, 200000 + (uint32_t)i, 4) == 0)
                spoil_tensor(pal_gguf_tensor_at(m->gguf, i), image, run);
        if (run % 4 == 2) pal_model_use_isa(m, "scalar", NULL);
        use_hostile(m);
        pal_score_result r = score_of(m, TALE, 30, PAL_SCORE_MARGIN);
        assert_true(r.evaluations > 0);
        pal_model_close(m);
        free(block);
    }
}

static void quantize_weights_that_are_no_numbers_is_refused_or_opens(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 8; run++) {
        size_t size;
        void *block;
        unsigned char *image = load_test_model("tiny-odd", &size, &block);
        memory_file f = new_file();
        pal_model *m, *other;
        pal_error err = {0};
        assert_int_equal(pal_model_open(&m, image, size, PAL_OPEN_AS_STORED, NULL), PAL_OK);
        spoil_tensor(pal_gguf_tensor_at(m->gguf, run), image, run);
        pal_status s = pal_model_quantize(m, "F16", write_memory, &f, &err);
        if (s)
            assert_true(s == PAL_E_FORMAT && err.offset < size);
        else
            assert_int_equal(pal_model_open(&other, f.image, f.size, 0, &err), PAL_OK);
        if (!s) pal_model_close(other);
        pal_model_close(m);
        free(f.block);
        free(block);
    }
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
        cmocka_unit_test(quantize_every_type_opens_and_scores),
        cmocka_unit_test(quantize_to_its_own_type_keeps_every_weight),
        cmocka_unit_test(quantize_failures_are_told),
        cmocka_unit_test(model_as_stored_evaluates_nothing),
        cmocka_unit_test(weights_that_are_no_numbers_neither_crash_nor_break_rules),
        cmocka_unit_test(quantize_weights_that_are_no_numbers_is_refused_or_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
