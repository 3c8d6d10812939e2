/* test_atomic.c - a failed call changes nothing: every public call on a generator and its sequence that can fail, in
 * every state of a text, compares all visible state before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "generate_situations.h"
#include "observing.h"

/* ---- calls that can fail ----------------------------------------------------------------------------- */

static pal_status call_step(lent *l)
{
    return pal_generator_step(l->generator, NULL);
}

static pal_status push_byte(lent *l)
{
    return pal_generator_push(l->generator, piece_id(tiny, "<0x61>"), NULL);
}

static pal_status push_digit(lent *l)
{
    return pal_generator_push(l->generator, piece_id(tiny, "<0x37>"), NULL);
}

static pal_status push_end(lent *l)
{
    return pal_generator_push(l->generator, EOS, NULL);
}

static pal_status push_below(lent *l)
{
    return pal_generator_push(l->generator, -1, NULL);
}

static pal_status push_above(lent *l)
{
    return pal_generator_push(l->generator, VOCAB, NULL);
}

static pal_status prompt_too_long(lent *l)
{
    return pal_generator_prompt(l->generator, "a b c d e f g h i j k l m n", 27, 0, NULL);
}

static pal_status prompt_of_none(lent *l)
{
    return pal_generator_prompt_tokens(l->generator, NULL, 0, NULL);
}

static pal_status prompt_of_too_many(lent *l)
{
    const int32_t ids[CAPACITY + 1] = {1};
    return pal_generator_prompt_tokens(l->generator, ids, CAPACITY + 1, NULL);
}

static pal_status prompt_of_a_wrong_token(lent *l)
{
    return pal_generator_prompt_tokens(l->generator, (const int32_t[]){1, 2, VOCAB}, 3, NULL);
}

static pal_status rewind_below(lent *l)
{
    return pal_generator_rewind(l->generator, -1, NULL);
}

static pal_status rewind_above(lent *l)
{
    return pal_generator_rewind(l->generator, pal_generator_progress(l->generator).generated + 1, NULL);
}

static pal_status rewind_to_the_prompt(lent *l)
{
    return pal_generator_rewind(l->generator, 0, NULL);
}

static pal_status restore_file(lent *l, const file *f, size_t size)
{
    return pal_generator_restore(l->generator, f->data, size, NULL);
}

static pal_status restore_cut(lent *l)
{
    return restore_file(l, &good, good.size - 1);
}

static pal_status restore_half(lent *l)
{
    return restore_file(l, &good, good.size / 2);
}

static pal_status restore_nothing(lent *l)
{
    return restore_file(l, &good, 0);
}

static pal_status restore_damaged_sequence(lent *l)
{
    good.data[good.size - 40] ^= 1;
    const pal_status status = restore_file(l, &good, good.size);
    good.data[good.size - 40] ^= 1;
    return status;
}

static pal_status restore_of_another_model(lent *l)
{
    return restore_file(l, &foreign, foreign.size);
}

static pal_status restore_longer(lent *l)
{
    return restore_file(l, &longer, longer.size);
}

static pal_status restore_of_f16(lent *l)
{
    return restore_file(l, &of_f16, of_f16.size);
}

static pal_status restore_of_another_grammar(lent *l)
{
    return restore_file(l, &of_digits, of_digits.size);
}

static pal_status restore_of_another_kind(lent *l)
{
    return restore_file(l, &sequence_alone, sequence_alone.size);
}

static pal_status append_wrong_token(lent *l)
{
    return pal_sequence_append(l->sequence, (const int32_t[]){1, 2, VOCAB}, 3, NULL);
}

static pal_status append_too_many(lent *l)
{
    const int32_t ids[CAPACITY + 1] = {1};
    return pal_sequence_append(l->sequence, ids, CAPACITY + 1, NULL);
}

static pal_status append_less_than_none(lent *l)
{
    return pal_sequence_append(l->sequence, NULL, -1, NULL);
}

static pal_status ask_logits(lent *l)
{
    float logits[VOCAB];
    return pal_sequence_logits(l->sequence, logits, NULL);
}

static pal_status restore_sequence_cut(lent *l)
{
    return pal_sequence_restore(l->sequence, sequence_alone.data, sequence_alone.size - 1, NULL);
}

static pal_status restore_sequence_of_another_kind(lent *l)
{
    return pal_sequence_restore(l->sequence, good.data, good.size, NULL);
}

/* Another generator on the sequence, which cannot be made. */
static pal_status make_wrong_generator(lent *l)
{
    pal_generate_options o = options_of(-1);
    pal_generator *none = NULL;
    char block[64];
    o.temperature = -1.0;
    const pal_status status = pal_generator_init(&none, l->sequence, &o, block, sizeof block, NULL);
    assert_null(none);
    return status;
}

static pal_status make_generator_in_a_small_block(lent *l)
{
    const pal_generate_options o = options_of(-1);
    pal_generator *none = NULL;
    char block[64];
    const pal_status status = pal_generator_init(&none, l->sequence, &o, block, sizeof block, NULL);
    assert_null(none);
    return status;
}

static struct {
    const char *name;
    pal_status (*call)(lent *l);
    bool draws; /* reading discards the logits, see pal_generator_step */
    int failed;
} calls[] = {
    {"step", call_step, true, 0},
    {"push of a byte", push_byte, false, 0},
    {"push of a digit", push_digit, false, 0},
    {"push of an end", push_end, false, 0},
    {"push below", push_below, false, 0},
    {"push above", push_above, false, 0},
    {"prompt too long", prompt_too_long, false, 0},
    {"prompt of none", prompt_of_none, false, 0},
    {"prompt of too many", prompt_of_too_many, false, 0},
    {"prompt of a wrong token", prompt_of_a_wrong_token, false, 0},
    {"rewind below", rewind_below, false, 0},
    {"rewind above", rewind_above, false, 0},
    {"rewind to the prompt", rewind_to_the_prompt, false, 0},
    {"restore of a cut file", restore_cut, false, 0},
    {"restore of half a file", restore_half, false, 0},
    {"restore of nothing", restore_nothing, false, 0},
    {"restore of a damaged sequence", restore_damaged_sequence, false, 0},
    {"restore of another model's", restore_of_another_model, false, 0},
    {"restore of a longer one", restore_longer, false, 0},
    {"restore of F16", restore_of_f16, false, 0},
    {"restore of another grammar's", restore_of_another_grammar, false, 0},
    {"restore of another kind", restore_of_another_kind, false, 0},
    {"append of a wrong token", append_wrong_token, false, 0},
    {"append of too many", append_too_many, false, 0},
    {"append of less than none", append_less_than_none, false, 0},
    {"logits", ask_logits, false, 0},
    {"restore of a cut sequence", restore_sequence_cut, false, 0},
    {"restore of a sequence of another kind", restore_sequence_of_another_kind, false, 0},
    {"a wrong generator", make_wrong_generator, false, 0},
    {"a generator in a small block", make_generator_in_a_small_block, false, 0},
};

static observation observe(lent *l, bool logits)
{
    observation o = {0};
    observe_generator(&o, l->generator);
    observe_sequence(&o, l->sequence);
    if (logits) observe_logits(&o, l->sequence, VOCAB);
    return o;
}

static void every_call_on_a_generator_that_fails_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof situations / sizeof *situations; i++)
        for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
            lent l;
            situations[i].make(&l);
            observation before = observe(&l, !calls[c].draws);
            const bool fails = calls[c].call(&l) < 0;
            observation after = observe(&l, !calls[c].draws);
            calls[c].failed += fails;
            if (!observed_same(&before, &after) && fails) fail_msg("%s: %s", situations[i].name, calls[c].name);
            end(&l);
        }
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
        if (!calls[c].failed) fail_msg("%s never failed", calls[c].name);
}

/* Each must fail for its intended reason. */
static void situations_are_what_their_names_say(void **state)
{
    (void)state;
    static const struct {
        void (*make)(lent *l);
        pal_status (*call)(lent *l);
        pal_status want;
    } cases[] = {
        {banned, call_step, PAL_E_OPTION},
        {banned_before_a_shift, call_step, PAL_E_OPTION},
        {banned_in_a_grammar_before_a_shift, call_step, PAL_E_OPTION},
        {in_an_impossible_grammar, call_step, PAL_E_OPTION},
        {in_a_grammar_of_too_many_ways, call_step, PAL_E_UNSUPPORTED},
        {in_a_grammar_of_too_many_ways, push_byte, PAL_E_UNSUPPORTED},
        {with_damaged_weights, call_step, PAL_E_FORMAT},
        {with_damaged_weights_and_all_read, call_step, PAL_E_FORMAT},
        {in_a_grammar_before_a_shift, push_digit, PAL_E_OPTION},
        {at_a_stop_text, push_byte, PAL_E_OPTION},
        {full, push_byte, PAL_E_CONTEXT},
        {after_a_shift, rewind_to_the_prompt, PAL_E_OPTION},
        {in_a_grammar, restore_of_another_grammar, PAL_E_OPTION},
        {while_writing, restore_longer, PAL_E_CONTEXT},
        {while_writing, restore_of_f16, PAL_E_UNSUPPORTED},
        {while_writing, restore_of_another_model, PAL_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lent l;
        cases[i].make(&l);
        const pal_status got = cases[i].call(&l);
        if (got != cases[i].want) fail_msg("case %zu: %d", i, got);
        end(&l);
    }
}

/* Regression: a token that ends the text shifted the window for nothing. */
static void end_of_a_text_shifts_nothing(void **state)
{
    (void)state;
    lent l;
    before_a_shift(&l);
    assert_int_equal(push_end(&l), PAL_OK);
    assert_int_equal(pal_generator_progress(l.generator).dropped, 0);
    assert_int_equal(pal_generator_progress(l.generator).tokens, CAPACITY);
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(situations_are_what_their_names_say),
        cmocka_unit_test(every_call_on_a_generator_that_fails_changes_nothing),
        cmocka_unit_test(end_of_a_text_shifts_nothing),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
