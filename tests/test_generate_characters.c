/* test_generate_characters.c - texts never end inside a character, wherever they are cut, and lose nothing when they
 * continue: in this model every token of an emoji is a byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "generate_testing.h"
#include "token/token.h"

#include <math.h>

static const char emoji[] = "root ::= [\xf0\x9f\x98\x80-\xf0\x9f\x99\x8f]+ \".\"";
static pal_grammar *grammar;

static int open_both(void **state)
{
    assert_int_equal(pal_grammar_open(&grammar, emoji, strlen(emoji), NULL), PAL_OK);
    return open_model(state);
}

static int close_both(void **state)
{
    pal_grammar_close(grammar);
    return close_model(state);
}

static void expect_whole(const char *text, size_t size)
{
    for (size_t at = 0, n; at < size; at += n)
        if ((n = pal_utf8_char(text + at, size - at)) == 0) fail_msg("byte %zu of %zu is not of a character", at, size);
}

static pal_logit_bias no_end[2]; /* the grammar's end is never drawn */

static pal_generate_options emojis(uint64_t seed, int32_t max_tokens)
{
    pal_generate_options o = drawn(seed, max_tokens);
    no_end[0] = (pal_logit_bias){piece_id(model, "."), -INFINITY};
    no_end[1] = (pal_logit_bias){piece_id(model, "<0x2E>"), -INFINITY};
    o.logit_bias = no_end;
    o.logit_bias_count = 2;
    o.grammar = grammar;
    return o;
}

static pal_sequence_options window_of(int32_t tokens)
{
    pal_sequence_options s = pal_sequence_defaults();
    s.max_tokens = tokens;
    return s;
}

/* Continues the text of `from` in a new generator with these options. */
static void go_on(lent *from, const pal_sequence_options *s, const pal_generate_options *o)
{
    const size_t size = pal_generator_save(from->generator, NULL, 0);
    unsigned char *data = malloc(size);
    pal_error err = {0};
    lent next;
    assert_non_null(data);
    pal_generator_save(from->generator, data, size);
    start_on(&next, model, s, o);
    prompt(&next, "b");
    if (pal_generator_restore(next.generator, data, size, &err)) fail_msg("%s", err.text);
    memcpy(next.text, from->text, from->size);
    next.size = from->size;
    free(data);
    end(from);
    *from = next;
}

/* Regression: at the limit the bytes of an unfinished character were output, and its other bytes when the text
 * continued: in JSON and JavaScript both parts lost the character. */
static void text_cut_at_any_token_goes_on_with_the_whole_character(void **state)
{
    (void)state;
    enum { TOKENS = 26 };
    const pal_sequence_options s = window_of(64);
    const pal_generate_options all = emojis(3, TOKENS);
    lent whole;
    start_on(&whole, model, &s, &all);
    prompt(&whole, "A");
    run(&whole, 1000);
    assert_int_equal(whole.size, TOKENS / 4 * 4);
    for (int32_t cut = 0; cut < TOKENS; cut++)
        for (int saved = 0; saved < 2; saved++) {
            const pal_generate_options some = emojis(3, cut);
            lent l;
            start_on(&l, model, &s, &some);
            prompt(&l, "A");
            run(&l, 1000);
            assert_int_equal(finish_of(&l), PAL_FINISH_LENGTH);
            expect_whole(l.text, l.size);
            assert_int_equal(l.size, cut / 4 * 4); /* as much as is whole */
            if (saved) go_on(&l, &s, &all);
            pal_generator_limit(l.generator, TOKENS);
            run(&l, 1000);
            expect_whole(l.text, l.size);
            assert_string_equal(l.text, whole.text);
            end(&l);
        }
    end(&whole);
}

/* Regression: the same happened when the window was full. */
static void text_cut_by_the_window_goes_on_in_a_larger_one(void **state)
{
    (void)state;
    const pal_sequence_options large = window_of(64);
    const pal_generate_options o = emojis(3, 26);
    lent whole;
    start_on(&whole, model, &large, &o);
    prompt(&whole, "A");
    run(&whole, 1000);
    for (int32_t capacity = 4; capacity < 20; capacity++) {
        const pal_sequence_options small = window_of(capacity);
        lent l;
        start_on(&l, model, &small, &o);
        prompt(&l, "A");
        run(&l, 1000);
        assert_int_equal(finish_of(&l), PAL_FINISH_CONTEXT);
        expect_whole(l.text, l.size);
        go_on(&l, &large, &o);
        run(&l, 1000);
        assert_string_equal(l.text, whole.text);
        end(&l);
    }
    end(&whole);
}

/* Regression: bytes of dropped tokens that were held back, for a character or a possible stop string, were lost when
 * the text was then saved or rewound. */
static void text_whose_window_was_shifted_inside_of_a_character_loses_nothing(void **state)
{
    (void)state;
    const pal_stop_string stop = {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 16};
    for (uint64_t test = 0; test < 18; test++) {
        const pal_sequence_options s = window_of((int32_t)(4 + test % 5));
        pal_generate_options o = emojis(test, 26);
        o.shift = true;
        o.keep = (int32_t)(test % 3) - 1;
        o.stop = &stop;
        o.stop_count = test & 1;
        lent whole, l;
        start_on(&whole, model, &s, &o);
        start_on(&l, model, &s, &o);
        prompt(&whole, "A");
        prompt(&l, "A");
        run(&whole, 1000);
        assert_true(pal_generator_progress(whole.generator).dropped > 0);
        while (step(&l) == PAL_MORE) {
            expect_whole(l.text, l.size);
            if (test & 2) {
                go_on(&l, &s, &o);
            } else {
                pal_generator_limit(l.generator, pal_generator_progress(l.generator).generated);
                assert_int_equal(step(&l), PAL_OK);
                pal_generator_limit(l.generator, 26);
            }
        }
        expect_whole(whole.text, whole.size);
        assert_string_equal(l.text, whole.text);
        assert_int_equal(finish_of(&l), finish_of(&whole));
        end(&l);
        end(&whole);
    }
}

static void push(lent *l, const char *piece)
{
    assert_int_equal(pal_generator_push(l->generator, piece_id(model, piece), NULL), PAL_OK);
    take_text(l);
}

static void end_inside_of_a_character_ends_before_it(void **state)
{
    (void)state;
    const pal_stop_string stop = {"Z", 1};
    pal_generate_options o = greedy(-1);
    o.stop = &stop;
    o.stop_count = 1;
    lent l;
    start(&l, &o);
    prompt(&l, "a");
    push(&l, "b");
    push(&l, "<0xF0>");
    push(&l, "<0x9F>");
    assert_int_equal(pal_generator_push(l.generator, 2, NULL), PAL_OK); /* EOS */
    take_text(&l);
    assert_int_equal(finish_of(&l), PAL_FINISH_EOS);
    assert_string_equal(l.text, "b");
    push(&l, "<0x98>"); /* instead of it */
    push(&l, "<0x80>");
    assert_string_equal(l.text, "b\xf0\x9f\x98\x80");
    push(&l, "<0xC3>");
    push(&l, "Z");
    assert_int_equal(finish_of(&l), PAL_FINISH_STOP);
    assert_string_equal(l.text, "b\xf0\x9f\x98\x80");
    end(&l);
}

static void another_draft_begins_without_the_rest_of_the_one_before(void **state)
{
    (void)state;
    const pal_sequence_options s = window_of(64);
    const pal_generate_options o = emojis(5, 7);
    lent l, fresh;
    start_on(&l, model, &s, &o);
    start_on(&fresh, model, &s, &o);
    prompt(&l, "A");
    run(&l, 1000);
    for (uint32_t draft = 1; draft < 4; draft++) {
        pal_generator_reseed(l.generator, 5, draft);
        pal_generator_reseed(fresh.generator, 5, draft);
        prompt(&l, "A");
        run(&l, 1000);
        expect_whole(l.text, l.size);
        assert_int_equal(l.size, 4);
        assert_int_equal(pal_generator_rewind(l.generator, 2, NULL), PAL_OK);
        l.size = pal_generator_progress(l.generator).text_bytes;
        assert_int_equal(l.size, 0);
        run(&l, 1000);
        prompt(&fresh, "A");
        run(&fresh, 1000);
        assert_string_equal(l.text, fresh.text);
    }
    end(&fresh);
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_cut_at_any_token_goes_on_with_the_whole_character),
        cmocka_unit_test(text_cut_by_the_window_goes_on_in_a_larger_one),
        cmocka_unit_test(text_whose_window_was_shifted_inside_of_a_character_loses_nothing),
        cmocka_unit_test(end_inside_of_a_character_ends_before_it),
        cmocka_unit_test(another_draft_begins_without_the_rest_of_the_one_before),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
