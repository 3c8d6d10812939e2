/* test_generate.c - generating text: streaming, ends, rewinds, other words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/math.h"
#include "generate_testing.h"

#include <math.h>

/* The text of a fresh generator. */
static void text_of(const char *from, const pal_generate_options *o, char out[MAX_TEXT])
{
    lent l;
    start(&l, o);
    prompt(&l, from);
    run(&l, 1000);
    memcpy(out, l.text, l.size + 1);
    end(&l);
}

/* ---- what comes out --------------------------------------------------------------------------------- */

static void greedy_from_nothing_tells_the_documented_story(void **state)
{
    (void)state;
    static const char *const isas[] = {"scalar", "simd128", "relaxed", "avx2", "avx512vnni"};
    const pal_generate_options o = greedy(256);
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        char text[MAX_TEXT];
        if (pal_model_use_isa(model, isas[i], NULL)) continue;
        text_of("", &o, text);
        assert_string_equal(text, documented);
    }
}

static void prompt_goes_in_batches_and_changes_nothing(void **state)
{
    (void)state;
    const char *from = "Once upon a time, there was a little girl named Lily. She loved to play";
    const pal_generate_options o = drawn(7, 40);
    char whole[MAX_TEXT];
    text_of(from, &o, whole);
    for (int32_t batch = 1; batch < 12; batch += 3) {
        pal_sequence_options s = pal_sequence_defaults();
        lent l;
        s.batch = batch;
        start_on(&l, model, &s, &o);
        prompt(&l, from);
        const int32_t n = pal_generator_progress(l.generator).prompt;
        int32_t steps = 0;
        for (; !pal_generator_token(l.generator); steps++) {
            const int32_t left = n - steps * batch;
            assert_int_equal(pal_generator_progress(l.generator).unread, left);
            assert_int_equal(step(&l), PAL_MORE);
        }
        assert_int_equal(steps, (n + batch - 1) / batch);
        run(&l, 1000);
        assert_string_equal(l.text, whole);
        assert_int_equal(finish_of(&l), PAL_FINISH_LENGTH);
        end(&l);
    }
}

static void tokens_have_the_models_own_probabilities(void **state)
{
    (void)state;
    const int32_t vocab = pal_model_info(model)->vocabulary;
    float *logits = malloc((size_t)vocab * sizeof *logits);
    pal_generate_options o = drawn(3, 12);
    o.temperature = 0.7;
    o.top_k = 10;
    o.alternatives = PAL_CANDIDATES;
    lent l;
    assert_non_null(logits);
    start(&l, &o);
    prompt(&l, "Tom");
    for (pal_status status = PAL_MORE; status == PAL_MORE;) {
        int32_t n, last;
        double sum = 0.0;
        status = step(&l);
        const int32_t *tokens = pal_generator_tokens(l.generator, &n);
        const pal_generated *t = pal_generator_token(l.generator);
        last = n - 2;
        assert_int_equal(tokens[n - 1], t->id);
        assert_int_equal(pal_logits(model, tokens, n - 1, &last, 1, logits, NULL), PAL_OK);
        for (int32_t id = 0; id < vocab; id++) sum += pal_exp((double)logits[id]);
        /* a softmax of 512 doubles against another order of the same sum */
        assert_true(fabs(pal_log(pal_exp((double)logits[t->id]) / sum) - t->logprob) < 1e-12);
        assert_int_equal(t->alternatives, PAL_CANDIDATES);
        assert_true(t->probability > 0.0 && t->probability <= 1.0);
        for (int32_t i = 0; i < t->alternatives; i++) {
            const double p = (double)logits[t->alternative_id[i]];
            assert_true(fabs(p - pal_log(sum) - t->alternative_logprob[i]) < 1e-12);
            assert_true(i == 0 || t->alternative_logprob[i] <= t->alternative_logprob[i - 1]);
        }
        int32_t better = 0;
        for (int32_t id = 0; id < vocab; id++) better += logits[id] > logits[t->alternative_id[0]];
        assert_int_equal(better, 0);
    }
    free(logits);
    end(&l);
}

static void tokens_know_where_their_text_stands(void **state)
{
    (void)state;
    const pal_generate_options o = greedy(60);
    lent l;
    start(&l, &o);
    prompt(&l, "");
    size_t at = 0;
    int32_t index = 0;
    for (pal_status status = PAL_MORE; status == PAL_MORE;) {
        status = step(&l);
        const pal_generated *t = pal_generator_token(l.generator);
        assert_int_equal(t->offset, at);
        assert_int_equal(t->index, index++);
        at += t->bytes;
    }
    assert_int_equal(at, l.size);
    assert_memory_equal(l.text, documented, l.size);
    end(&l);
}

static void characters_come_out_whole(void **state)
{
    (void)state;
    const pal_generate_options o = greedy(-1);
    lent l;
    start(&l, &o);
    prompt(&l, "a");
    const char *pieces[] = {"<0xC3>", "<0xA9>", "<0xE2>", "<0x82>", "<0xAC>", "<0xF0>", "<0x9F>", "<0xFF>"};
    const size_t out[] = {0, 2, 0, 0, 3, 0, 0, 3};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        assert_int_equal(pal_generator_push(l.generator, piece_id(model, pieces[i]), NULL), PAL_OK);
        assert_int_equal(take_text(&l), out[i]);
        assert_int_equal(pal_generator_token(l.generator)->bytes, 1);
        assert_true(isnan(pal_generator_token(l.generator)->logprob));
    }
    assert_string_equal(l.text, "\xc3\xa9\xe2\x82\xac\xf0\x9f\xff");
    end(&l);
}

/* ---- how it ends ------------------------------------------------------------------------------------ */

static void stop_text_across_tokens_ends_before_it(void **state)
{
    (void)state;
    const char *stops[] = {"little girl n", "xyz", "me,", "One", "ime"};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        const char *found = strstr(documented, stops[i]);
        const pal_stop_string stop[] = {{"never that", 10}, {stops[i], strlen(stops[i])}};
        pal_generate_options o = greedy(256);
        o.stop = stop;
        o.stop_count = 2;
        lent l;
        start(&l, &o);
        prompt(&l, "");
        run(&l, 1000);
        assert_int_equal(finish_of(&l), found ? PAL_FINISH_STOP : PAL_FINISH_LENGTH);
        assert_int_equal(pal_generator_progress(l.generator).stop, found ? 1 : -1);
        assert_int_equal(l.size, found ? (size_t)(found - documented) : strlen(documented));
        assert_memory_equal(l.text, documented, l.size);
        assert_int_equal(pal_generator_step(l.generator, NULL), PAL_OK);
        assert_null(pal_generator_token(l.generator));
        end(&l);
    }
}

static void token_that_ends_texts_ends_it(void **state)
{
    (void)state;
    const pal_logit_bias bias = {.id = 2, .bias = 1000.0};
    pal_generate_options o = drawn(1, 50);
    o.logit_bias = &bias;
    o.logit_bias_count = 1;
    lent l;
    start(&l, &o);
    prompt(&l, "Once");
    assert_int_equal(step(&l), PAL_OK);
    assert_int_equal(finish_of(&l), PAL_FINISH_EOS);
    assert_int_equal(pal_generator_token(l.generator)->id, 2);
    assert_int_equal(pal_generator_progress(l.generator).generated, 0);
    /* Puts another word in its place and continues. */
    assert_int_equal(pal_generator_push(l.generator, piece_id(model, "\xe2\x96\x81upon"), NULL), PAL_OK);
    take_text(&l);
    assert_string_equal(l.text, " upon");
    assert_int_equal(finish_of(&l), PAL_FINISH_NONE);
    end(&l);
    o.ignore_eos = true;
    start(&l, &o);
    prompt(&l, "Once");
    run(&l, 1000);
    assert_int_equal(finish_of(&l), PAL_FINISH_LENGTH);
    end(&l);
}

static void full_window_ends_it(void **state)
{
    (void)state;
    pal_sequence_options s = pal_sequence_defaults();
    const pal_generate_options o = greedy(-1);
    const int32_t full[] = {1, 5, 6, 7, 8, 9, 10, 11, 12};
    lent l;
    s.max_tokens = 8;
    start_on(&l, model, &s, &o);
    prompt(&l, "");
    run(&l, 1000);
    assert_int_equal(finish_of(&l), PAL_FINISH_CONTEXT);
    assert_int_equal(pal_generator_progress(l.generator).generated, 7);
    assert_memory_equal(l.text, documented, l.size);
    assert_int_equal(pal_generator_push(l.generator, 5, NULL), PAL_E_CONTEXT);
    assert_int_equal(pal_generator_prompt_tokens(l.generator, full, 9, NULL), PAL_E_CONTEXT);
    assert_int_equal(pal_generator_progress(l.generator).generated, 7); /* as it was */
    assert_int_equal(pal_generator_prompt_tokens(l.generator, full, 8, NULL), PAL_OK);
    assert_int_equal(pal_generator_step(l.generator, NULL), PAL_OK);
    assert_int_equal(finish_of(&l), PAL_FINISH_CONTEXT);
    assert_int_equal(pal_generator_progress(l.generator).evaluations, 0);
    end(&l);
}

static void limit_raised_goes_on_where_it_ended(void **state)
{
    (void)state;
    const pal_stop_string stop = {" little girl named Bob", 22}; /* holds text back when the limit comes */
    pal_generate_options o = greedy(1);
    o.stop = &stop;
    o.stop_count = 1;
    lent l;
    start(&l, &o);
    prompt(&l, "");
    for (int32_t max = 1; max <= 256; max++) {
        pal_generator_limit(l.generator, max);
        assert_int_equal(step(&l), PAL_OK);
        assert_int_equal(finish_of(&l), PAL_FINISH_LENGTH);
        assert_memory_equal(l.text, documented, l.size);
    }
    assert_string_equal(l.text, documented);
    end(&l);
}

/* ---- going back ------------------------------------------------------------------------------------- */

static void rewind_gives_the_same_text_again(void **state)
{
    (void)state;
    pal_generate_options o = drawn(11, 60);
    o.mirostat = 2;
    o.ignore_eos = true;
    o.repetition_penalty = 1.1;
    lent l;
    char whole[MAX_TEXT];
    start(&l, &o);
    prompt(&l, "Once upon");
    run(&l, 1000);
    memcpy(whole, l.text, sizeof whole);
    for (uint32_t i = 0; i < 12; i++) {
        const int32_t to = (int32_t)pick(3, i, 61);
        const int32_t before = pal_generator_progress(l.generator).evaluated;
        assert_int_equal(pal_generator_rewind(l.generator, to, NULL), PAL_OK);
        l.size = pal_generator_progress(l.generator).text_bytes;
        run(&l, 1000);
        assert_string_equal(l.text, whole);
        assert_int_equal(pal_generator_progress(l.generator).evaluated - before, 60 - to);
    }
    pal_generator_reseed(l.generator, 11, 1);
    assert_int_equal(pal_generator_rewind(l.generator, 0, NULL), PAL_OK);
    l.size = 0;
    run(&l, 1000);
    assert_true(strcmp(l.text, whole) != 0);
    assert_int_equal(pal_generator_rewind(l.generator, 61, NULL), PAL_E_OPTION);
    assert_int_equal(pal_generator_rewind(l.generator, -1, NULL), PAL_E_OPTION);
    end(&l);
}

static void other_word_goes_on_from_there_at_the_cost_of_one_token(void **state)
{
    (void)state;
    const pal_generate_options o = drawn(5, 40);
    lent l, fresh;
    start(&l, &o);
    start(&fresh, &o);
    prompt(&l, "One day");
    run(&l, 1000);
    const int32_t other = piece_id(model, "\xe2\x96\x81mom");
    for (int32_t at = 0; at < 39; at += 9) {
        int32_t n;
        const int32_t before = pal_generator_progress(l.generator).evaluated;
        assert_int_equal(pal_generator_rewind(l.generator, at, NULL), PAL_OK);
        l.size = pal_generator_progress(l.generator).text_bytes;
        assert_int_equal(pal_generator_push(l.generator, other, NULL), PAL_OK);
        take_text(&l);
        step(&l);
        assert_int_equal(pal_generator_progress(l.generator).evaluated - before, 1);
        const int32_t *tokens = pal_generator_tokens(l.generator, &n);
        assert_int_equal(pal_generator_prompt_tokens(fresh.generator, tokens, n - 1, NULL), PAL_OK);
        fresh.size = 0;
        step(&fresh);
        assert_int_equal(pal_generator_token(fresh.generator)->id, pal_generator_token(l.generator)->id);
        run(&l, 1000);
    }
    end(&fresh);
    end(&l);
}

static void rewind_into_a_stop_text_finds_it_again(void **state)
{
    (void)state;
    const pal_stop_string stop = {"a little girl", 13};
    pal_generate_options o = greedy(256);
    o.stop = &stop;
    o.stop_count = 1;
    lent l;
    start(&l, &o);
    prompt(&l, "");
    run(&l, 1000);
    const int32_t n = pal_generator_progress(l.generator).generated;
    const size_t size = l.size;
    for (int32_t back = 0; back <= n; back++) {
        assert_int_equal(pal_generator_rewind(l.generator, n - back, NULL), PAL_OK);
        assert_int_equal(finish_of(&l), back ? PAL_FINISH_NONE : PAL_FINISH_STOP);
        l.size = pal_generator_progress(l.generator).text_bytes;
        assert_true(l.size <= size);
        run(&l, 1000);
        assert_int_equal(finish_of(&l), PAL_FINISH_STOP);
        assert_int_equal(l.size, size);
        assert_memory_equal(l.text, documented, size);
    }
    end(&l);
}

static void common_beginning_is_not_read_again(void **state)
{
    (void)state;
    const pal_generate_options o = greedy(5);
    pal_generate_options other = drawn(4, 9);
    lent l;
    size_t bytes;
    pal_generator *second;
    char want[MAX_TEXT];
    start(&l, &o);
    prompt(&l, "Once upon a time, there was a little girl");
    run(&l, 1000);
    prompt(&l, "Once upon a time, there was a little boy");
    pal_generate_progress p = pal_generator_progress(l.generator);
    assert_true(p.kept >= 8 && p.kept < p.prompt && p.unread == p.prompt - p.kept && p.evaluations == 0);
    run(&l, 1000);
    assert_int_equal(pal_generator_progress(l.generator).evaluated, p.prompt - p.kept + 4);
    /* Another generator, with other options, on the same sequence. */
    text_of("Once upon a time, there was a little boy", &other, want);
    assert_int_equal(pal_generator_bytes(l.sequence, &other, &bytes, NULL), PAL_OK);
    void *block = malloc(bytes);
    assert_int_equal(pal_generator_init(&second, l.sequence, &other, block, bytes, NULL), PAL_OK);
    lent two = {.sequence = l.sequence, .generator = second};
    prompt(&two, "Once upon a time, there was a little boy");
    assert_int_equal(pal_generator_progress(second).kept, p.prompt - 1); /* only the logits are missing */
    run(&two, 1000);
    assert_string_equal(two.text, want);
    free(block);
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_from_nothing_tells_the_documented_story),
        cmocka_unit_test(prompt_goes_in_batches_and_changes_nothing),
        cmocka_unit_test(tokens_have_the_models_own_probabilities),
        cmocka_unit_test(tokens_know_where_their_text_stands),
        cmocka_unit_test(characters_come_out_whole),
        cmocka_unit_test(stop_text_across_tokens_ends_before_it),
        cmocka_unit_test(token_that_ends_texts_ends_it),
        cmocka_unit_test(full_window_ends_it),
        cmocka_unit_test(limit_raised_goes_on_where_it_ended),
        cmocka_unit_test(rewind_gives_the_same_text_again),
        cmocka_unit_test(other_word_goes_on_from_there_at_the_cost_of_one_token),
        cmocka_unit_test(rewind_into_a_stop_text_finds_it_again),
        cmocka_unit_test(common_beginning_is_not_read_again),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
