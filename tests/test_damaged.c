/* test_damaged.c - a single weight that is NaN or infinite: an error wherever it reaches what is drawn or measured,
 * with all state unchanged.
 *
 * Regression: infill and score treated such numbers as very small ones, and printed text and results. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gguf/gguf.h"
#include "model_testing.h"

#include <math.h>

#define MESSAGE "the network produced NaN or infinity; the model file is probably damaged"

enum { MAX_TEXT = 512, MAX_PLACES = 32 };

static const char page[] = "the [[3]] and [[2]]dog [[?]]";

/* ---- a model with one damaged weight ----------------------------------------------------------------- */

typedef struct {
    const char *model, *tensor;
    size_t at; /* byte in the tensor */
    bool half; /* a scale of Q8_0; otherwise F32 */
} weight;

/* Q8_0 in tiny-infill and tiny-ar: blocks of 34 bytes that begin with their scale.  F32 in tiny-odd. */
static const weight weights[] = {
    {"tiny-infill", "output_norm.weight", 4, false},
    {"tiny-infill", "blk.0.attn_norm.weight", 0, false},
    {"tiny-infill", "blk.1.ffn_down.weight", 34, true},
    {"tiny-infill", "blk.0.attn_v.weight", 0, true},
    {"tiny-infill", "token_embd.weight", 34 * 2 * 3, true}, /* <mask>, by which logits are made as well */
    {"tiny-odd", "output_norm.weight", 0, false},
    {"tiny-odd", "blk.1.ffn_norm.weight", 8, false},
    {"tiny-odd", "blk.1.attn_q.weight", 12, false},
    {"tiny-odd", "output.weight", 4 * 36 * 7, false}, /* a token that is drawn nowhere */
};

enum { WEIGHTS = sizeof weights / sizeof *weights, VALUES = 3 };

static const uint32_t floats[VALUES] = {0x7fc00000, 0x7f800000, 0xff800000}; /* NaN, infinity, minus infinity */
static const uint16_t halves[VALUES] = {0x7e00, 0x7c00, 0xfc00};

static weight trying; /* printed when a test fails */
static int trying_value;

static pal_model *open_with(const weight *w, int value, void **block)
{
    trying = *w;
    trying_value = value;
    size_t size;
    pal_gguf *g;
    pal_model *m;
    pal_error err = {0};
    unsigned char *image = load_test_model(w->model, &size, block);
    assert_int_equal(pal_gguf_open(&g, image, size, NULL), PAL_OK);
    const pal_gguf_tensor *t = pal_gguf_find_tensor(g, w->tensor);
    if (!t) fail_msg("%s has no %s", w->model, w->tensor);
    assert_true(w->at + 4 <= t->size);
    assert_int_equal(w->half, t->type == PAL_Q8_0);
    if (w->half)
        memcpy(image + t->offset + w->at, &halves[value], 2);
    else
        memcpy(image + t->offset + w->at, &floats[value], 4);
    pal_gguf_close(g);
    if (pal_model_open(&m, image, size, 0, &err)) fail_msg("%s: %s", w->tensor, err.text);
    if (value == 1) assert_int_equal(pal_model_use_isa(m, "scalar", NULL), PAL_OK);
    return m;
}

static void close_damaged(pal_model *m, void *block)
{
    pal_model_close(m);
    free(block);
}

static void expect_message(pal_status status, const pal_error *err)
{
    if (status != PAL_E_FORMAT)
        fprintf(stderr, "  %s of %s + %zu, value %d\n", trying.tensor, trying.model, trying.at, trying_value);
    assert_int_equal(status, PAL_E_FORMAT);
    assert_int_equal(err->status, PAL_E_FORMAT);
    assert_string_equal(err->text, MESSAGE);
    assert_true(err->offset == SIZE_MAX);
}

/* ---- pages ------------------------------------------------------------------------------------------- */

/* All visible state of a session. */
typedef struct {
    char text[MAX_TEXT];
    size_t bytes, count;
    pal_place places[MAX_PLACES];
    pal_progress progress;
} seen;

static void look(seen *s, const pal_session *session)
{
    memset(s, 0, sizeof *s);
    s->bytes = pal_session_text(session, s->text, MAX_TEXT);
    s->count = pal_session_tokens(session, s->places, MAX_PLACES);
    s->progress = pal_session_progress(session);
    assert_true(s->bytes <= MAX_TEXT && s->count <= MAX_PLACES);
}

static void expect_same(const seen *a, const seen *b)
{
    assert_int_equal(a->bytes, b->bytes);
    assert_memory_equal(a->text, b->text, a->bytes);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) { /* by fields: structs have padding */
        const pal_place *p = &a->places[i], *q = &b->places[i];
        assert_int_equal(p->id, q->id);
        assert_int_equal(p->step, q->step);
        assert_int_equal(p->offset, q->offset);
        assert_int_equal(p->bytes, q->bytes);
        assert_int_equal(p->alternatives, q->alternatives);
        assert_memory_equal(&p->probability, &q->probability, sizeof p->probability);
    }
    assert_int_equal(a->progress.step, b->progress.step);
    assert_int_equal(a->progress.open, b->progress.open);
    assert_int_equal(a->progress.evaluations, b->progress.evaluations);
}

static pal_session *start(const pal_model *m, const char *text, pal_sampler sampler, void **block)
{
    size_t bytes;
    pal_session *s;
    pal_error err = {0};
    pal_infill_options o = pal_infill_defaults();
    o.sampler = sampler;
    o.seed = 3;
    o.temperature = 1.0;
    if (pal_session_bytes(m, text, strlen(text), &o, &bytes, &err)) fail_msg("%s", err.text);
    *block = malloc(bytes);
    assert_non_null(*block);
    if (pal_session_init(&s, m, text, strlen(text), &o, *block, bytes, &err)) fail_msg("%s", err.text);
    return s;
}

/* tiny-odd has no <empty>. */
static const char *page_of(const pal_model *m)
{
    return pal_model_info(m)->free_length ? page : "the [[3]] and [[2]]dog [[4]]";
}

/* Runs up to the step that fails.  It must change nothing, also when it is tried again; later calls must work. */
static void expect_step_to_fail(const pal_model *m, pal_sampler sampler)
{
    void *block;
    seen before, after;
    pal_error err = {0};
    pal_session *s = start(m, page_of(m), sampler, &block);
    pal_status status;
    do {
        look(&before, s);
        status = pal_step(s, &err);
    } while (status == PAL_MORE);
    for (int again = 0; again < 2; again++) {
        expect_message(status, &err);
        look(&after, s);
        expect_same(&before, &after);
        err = (pal_error){0};
        status = pal_step(s, &err);
    }
    assert_int_equal(pal_session_rewind(s, 0, NULL), PAL_OK);
    assert_int_equal(pal_session_pin(s, 1, 1, piece_id(m, "x"), NULL), PAL_OK);
    pal_session_text(s, after.text, MAX_TEXT);
    assert_non_null(strstr(after.text, "[[1]]xdog"));
    free(block);
}

static void a_step_fails_with_every_sampler_and_changes_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < WEIGHTS; i++)
        for (int value = 0; value < VALUES; value++) {
            void *image;
            pal_model *m = open_with(&weights[i], value, &image);
            for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++)
                expect_step_to_fail(m, (pal_sampler)sampler);
            close_damaged(m, image);
        }
}

/* The embedding of the token that the healthy model draws first: the next step or a later one fails (with remask
 * possibly none, because the token may be masked again before it is read). */
static void damage_that_is_met_later_fails_then_and_keeps_what_was_filled(void **state)
{
    (void)state;
    for (int sampler = 0; sampler < PAL_REMASK; sampler++) {
        void *block, *image;
        seen drawn, kept;
        pal_error err = {0};
        pal_model *m = open_test_model("tiny-odd");
        pal_session *s = start(m, page_of(m), (pal_sampler)sampler, &block);
        assert_int_equal(pal_step(s, NULL), PAL_MORE);
        look(&drawn, s);
        free(block);
        pal_model_close(m);
        size_t place = 0;
        while (drawn.places[place].step < 0) place++;
        const weight embedding = {"tiny-odd", "token_embd.weight", (size_t)drawn.places[place].id * 36 * 4, false};
        m = open_with(&embedding, sampler % VALUES, &image);
        s = start(m, page_of(m), (pal_sampler)sampler, &block);
        assert_int_equal(pal_step(s, NULL), PAL_MORE);
        look(&kept, s);
        expect_same(&drawn, &kept); /* it has not been read yet */
        pal_status status;
        do {
            look(&drawn, s);
            status = pal_step(s, &err);
        } while (status == PAL_MORE);
        expect_message(status, &err);
        look(&kept, s);
        expect_same(&drawn, &kept);
        free(block);
        close_damaged(m, image);
    }
}

static void damage_that_is_never_met_changes_nothing(void **state)
{
    (void)state;
    const weight unused = {"tiny-odd", "token_embd.weight", 36 * 4 * 1, false}; /* BOS, which is not shown */
    char text[2][MAX_TEXT] = {{0}};
    for (int damaged = 0; damaged < 2; damaged++) {
        void *block, *image = NULL;
        pal_model *m = damaged ? open_with(&unused, 0, &image) : open_test_model("tiny-odd");
        pal_session *s = start(m, page_of(m), PAL_MARGIN, &block);
        while (pal_step(s, NULL) == PAL_MORE) continue;
        assert_int_equal(pal_session_progress(s).open, 0);
        pal_session_text(s, text[damaged], MAX_TEXT - 1);
        free(block);
        close_damaged(m, image);
    }
    assert_string_equal(text[0], text[1]);
}

static void evaluating_together_fails_and_changes_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < WEIGHTS; i++) {
        void *image, *blocks[2];
        pal_session *sessions[2];
        seen before[2], after;
        size_t bytes;
        pal_error err = {0};
        pal_model *m = open_with(&weights[i], i % VALUES, &image);
        for (int k = 0; k < 2; k++) {
            sessions[k] = start(m, page_of(m), PAL_MARGIN, &blocks[k]);
            look(&before[k], sessions[k]);
        }
        assert_int_equal(pal_together_bytes(m, 64, &bytes, NULL), PAL_OK);
        void *block = malloc(bytes);
        assert_non_null(block);
        pal_status status = pal_evaluate_together(m, sessions, 2, block, bytes, &err);
        if (status) { /* otherwise only the logits show it */
            expect_message(status, &err);
            for (int k = 0; k < 2; k++) {
                look(&after, sessions[k]);
                expect_same(&before[k], &after);
            }
        }
        for (int k = 0; k < 2; k++) {
            look(&before[k], sessions[k]);
            expect_message(pal_step(sessions[k], &err), &err);
            look(&after, sessions[k]);
            expect_same(&before[k], &after);
            free(blocks[k]);
        }
        free(block);
        close_damaged(m, image);
    }
}

/* ---- scores and logits ------------------------------------------------------------------------------- */

static void expect_same_figures(const pal_score_result *a, const pal_score_result *b)
{
    assert_memory_equal(&a->bits_per_byte, &b->bits_per_byte, sizeof a->bits_per_byte);
    assert_memory_equal(&a->standard_error, &b->standard_error, sizeof a->standard_error);
    assert_int_equal(a->evaluations, b->evaluations);
}

static void expect_score_to_fail(const pal_model *m, pal_score_method method, const char *text)
{
    const pal_score_options o = {.method = method, .seed = 1};
    const pal_score_result untouched = {.evaluations = 77};
    pal_score_result out = untouched;
    pal_scoring *s;
    pal_error err = {0};
    expect_message(pal_score(m, text, strlen(text), &o, &out, &err), &err);
    expect_same_figures(&out, &untouched);
    assert_int_equal(pal_scoring_start(&s, m, text, strlen(text), &o, NULL), PAL_OK);
    for (int again = 0; again < 2; again++) {
        const pal_score_result before = pal_scoring_result(s);
        expect_message(pal_scoring_step(s, &err), &err);
        out = pal_scoring_result(s);
        expect_same_figures(&out, &before);
        err = (pal_error){0};
    }
    pal_scoring_end(s);
}

static void a_score_fails_with_every_method(void **state)
{
    (void)state;
    static const pal_score_method methods[] = {PAL_SCORE_BOUND, PAL_SCORE_MARGIN, PAL_SCORE_ENTROPY,
                                               PAL_SCORE_CONFIDENCE};
    for (int i = 0; i < WEIGHTS; i++)
        for (int value = 0; value < VALUES; value++) {
            void *image;
            pal_model *m = open_with(&weights[i], value, &image);
            for (int k = 0; k < 4; k++) expect_score_to_fail(m, methods[k], "the little cat ran all day");
            expect_score_to_fail(m, PAL_SCORE_BOUND, "the cat"); /* few tokens: not estimated */
            close_damaged(m, image);
        }
}

static void logits_fail(void **state)
{
    (void)state;
    static const int32_t tokens[] = {3, 300, 301, 3}, at[] = {0, 3};
    static float logits[2 * 1024];
    for (int i = 0; i < WEIGHTS; i++) {
        void *image;
        pal_error err = {0};
        const weight *w = &weights[i];
        pal_model *m = open_with(w, i % VALUES, &image);
        const int32_t n = pal_model_info(m)->vocabulary > 301 ? 4 : 1; /* the mask is token 3 in both */
        assert_true(pal_model_info(m)->vocabulary <= 1024);
        expect_message(pal_logits(m, tokens, n, at, n > 1 ? 2 : 1, logits, &err), &err);
        close_damaged(m, image);
    }
}

/* ---- texts that go on -------------------------------------------------------------------------------- */

static const weight causal_weights[] = {
    {"tiny-ar", "output_norm.weight", 4, false},    {"tiny-ar", "blk.0.attn_norm.weight", 0, false},
    {"tiny-ar", "blk.1.ffn_down.weight", 34, true}, {"tiny-ar", "blk.0.attn_k.weight", 0, true},
    {"tiny-ar", "token_embd.weight", 34 * 5, true}, /* a row of the output as well */
};

static void *block_of(size_t bytes)
{
    void *block = malloc(bytes);
    assert_non_null(block);
    return block;
}

static void a_generator_and_an_exact_score_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof causal_weights / sizeof *causal_weights; i++)
        for (int value = 0; value < VALUES; value++) {
            void *image;
            size_t bytes;
            pal_sequence *s;
            pal_generator *g;
            pal_error err = {0};
            pal_model *m = open_with(&causal_weights[i], value, &image);
            const pal_sequence_options so = pal_sequence_defaults();
            const pal_generate_options go = pal_generate_defaults();
            assert_int_equal(pal_sequence_bytes(m, &so, &bytes, NULL), PAL_OK);
            void *first = block_of(bytes);
            assert_int_equal(pal_sequence_init(&s, m, &so, first, bytes, NULL), PAL_OK);
            assert_int_equal(pal_generator_bytes(s, &go, &bytes, NULL), PAL_OK);
            void *second = block_of(bytes);
            assert_int_equal(pal_generator_init(&g, s, &go, second, bytes, NULL), PAL_OK);
            assert_int_equal(pal_generator_prompt(g, "the cat", 7, 0, NULL), PAL_OK);
            const int32_t tokens = pal_generator_progress(g).tokens;
            for (int again = 0; again < 2; again++) {
                expect_message(pal_generator_step(g, &err), &err);
                assert_int_equal(pal_generator_progress(g).tokens, tokens);
                assert_true(pal_generator_save(g, NULL, 0) > 0);
                err = (pal_error){0};
            }
            expect_score_to_fail(m, PAL_SCORE_EXACT, "the little cat");
            free(second);
            free(first);
            close_damaged(m, image);
        }
}

/* ---- pictures ---------------------------------------------------------------------------------------- */

static const weight picture_weights[] = {{"unet-plain", "conv_out.bias", 0, false},
                                         {"unet-plain", "conv_in.bias", 0, false}};

static void expect_drawing_to_fail(const pal_model *m, pal_image_sampler sampler)
{
    size_t bytes;
    pal_drawing *d;
    pal_error err = {0};
    pal_image_options o = pal_image_defaults(sampler);
    if (sampler != PAL_IMAGE_PROBABILITY_FLOW && sampler != PAL_IMAGE_ANNEALED_LANGEVIN) o.steps = 4;
    if (!pal_image_supports(m, sampler, NULL)) return;
    assert_int_equal(pal_image_bytes(m, &o, &bytes, NULL), PAL_OK);
    void *block = block_of(bytes);
    assert_int_equal(pal_image_init(&d, m, &o, block, bytes, NULL), PAL_OK);
    expect_message(pal_image_step(d, &err), &err);
    free(block);
}

static void expect_likelihood_to_fail(const pal_model *m, pal_image_method method)
{
    static uint8_t pixels[65536];
    size_t bytes;
    pal_likelihood *l;
    pal_error err = {0};
    pal_likelihood_options o = pal_likelihood_defaults(m, method);
    if (method == PAL_LIKELIHOOD_BOUND) o.picture.steps = 4;
    assert_int_equal(pal_likelihood_bytes(m, &o, &bytes, NULL), PAL_OK);
    void *block = block_of(bytes);
    assert_int_equal(pal_likelihood_init(&l, m, &o, pixels, block, bytes, NULL), PAL_OK);
    expect_message(pal_likelihood_step(l, &err), &err);
    assert_true(isnan(pal_likelihood_bits(l, 0)));
    free(block);
}

static void pictures_and_their_likelihoods_fail(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        for (int value = 0; value < VALUES; value++) {
            void *image;
            pal_model *m = open_with(&picture_weights[i], value, &image);
            for (int k = 0; k < PAL_IMAGE_SAMPLERS; k++) expect_drawing_to_fail(m, (pal_image_sampler)k);
            expect_likelihood_to_fail(m, PAL_LIKELIHOOD_FLOW);
            expect_likelihood_to_fail(m, PAL_LIKELIHOOD_BOUND);
            close_damaged(m, image);
        }
}

/* ------------------------------------------------------------------------------------------------------ */

static void every_number_that_is_none_is_found(void **state)
{
    (void)state;
    static const float finite[] = {0.0f, -0.0f, 1.0f, -3.4e38f, 3.4e38f, 1e-45f};
    float v[67];
    for (size_t i = 0; i < 67; i++) v[i] = finite[i % 6];
    assert_true(pal_all_finite(v, 67));
    assert_true(pal_all_finite(v, 0));
    for (size_t i = 0; i < 67; i++)
        for (int value = 0; value < VALUES; value++) {
            const float kept = v[i];
            memcpy(v + i, &floats[value], sizeof *v);
            assert_false(pal_all_finite(v, 67));
            assert_true(pal_all_finite(v, i));
            v[i] = kept;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_that_is_none_is_found),
        cmocka_unit_test(a_step_fails_with_every_sampler_and_changes_nothing),
        cmocka_unit_test(damage_that_is_met_later_fails_then_and_keeps_what_was_filled),
        cmocka_unit_test(damage_that_is_never_met_changes_nothing),
        cmocka_unit_test(evaluating_together_fails_and_changes_nothing),
        cmocka_unit_test(a_score_fails_with_every_method),
        cmocka_unit_test(logits_fail),
        cmocka_unit_test(a_generator_and_an_exact_score_fail),
        cmocka_unit_test(pictures_and_their_likelihoods_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
