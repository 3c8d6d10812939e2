/* test_generate_forged.c - forged saved sessions with a valid digest: numbers that no text can produce are refused,
 * even if each alone is possible; an accepted session can be continued and saved again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sha256.h"
#include "generate_testing.h"

enum { HEAD = 56, FLAGS = 0, COUNT = 2, PROMPT, GIVEN, DROPPED, DROPPED_GENERATED, FINISH, BASE_BYTES };
enum { SEED = 9, DROPPED_BYTES = 11, SHOWN = 13, MU = 15, TOKENS = 17, CAPACITY = 24 }; /* words behind the head */
enum { HAS_MU = 1 };

static const char letters[] = "root ::= ( \"(\" [a-z ]+ \")\" )*";

static uint32_t get(const unsigned char *data, size_t word)
{
    uint32_t value = 0;
    for (int i = 3; i >= 0; i--) value = value << 8 | data[HEAD + 4 * word + (size_t)i];
    return value;
}

static void set(unsigned char *data, size_t word, uint32_t value)
{
    for (size_t i = 0; i < 4; i++) data[HEAD + 4 * word + i] = (unsigned char)(value >> 8 * i & 255);
}

static void sign(unsigned char *data)
{
    size_t length = 0;
    pal_sha256 h;
    for (size_t i = 0; i < 4; i++) length |= (size_t)data[16 + i] << 8 * i;
    pal_sha256_start(&h);
    pal_sha256_add(&h, data, length - PAL_SHA256_BYTES);
    pal_sha256_end(&h, data + length - PAL_SHA256_BYTES);
}

typedef struct {
    size_t word;
    uint32_t value;
} change;

/* Restores l's own session after these changes; if that succeeds, continues it for some steps. */
static pal_status restore_changed(lent *l, const unsigned char *data, size_t size, const change *changes, size_t count)
{
    unsigned char *forged = malloc(size);
    pal_error err = {0};
    assert_non_null(forged);
    memcpy(forged, data, size);
    for (size_t i = 0; i < count; i++) set(forged, changes[i].word, changes[i].value);
    sign(forged);
    const pal_status status = pal_generator_restore(l->generator, forged, size, &err);
    free(forged);
    if (status) return status;
    for (int i = 0; i < 8 && pal_generator_step(l->generator, &err) == PAL_MORE; i++) assert_int_equal(err.status, 0);
    const size_t again = pal_generator_save(l->generator, NULL, 0);
    unsigned char *saved = malloc(again);
    assert_non_null(saved);
    pal_generator_save(l->generator, saved, again);
    assert_int_equal(pal_generator_restore(l->generator, saved, again, &err), PAL_OK);
    free(saved);
    pal_generator_rewind(l->generator, pal_generator_progress(l->generator).generated, &err);
    return PAL_OK;
}

/* A session that was shifted, with mirostat and, if asked, a grammar; free(data). */
static unsigned char *shifted(lent *l, const pal_grammar *grammar, size_t *size)
{
    pal_sequence_options s = pal_sequence_defaults();
    pal_generate_options o = drawn(2, 30);
    s.max_tokens = CAPACITY;
    o.mirostat = 2;
    o.shift = o.ignore_eos = true;
    o.grammar = grammar;
    start_on(l, model, &s, &o);
    prompt(l, "Once");
    run(l, 27);
    assert_true(pal_generator_progress(l->generator).dropped > 0);
    *size = pal_generator_save(l->generator, NULL, 0);
    unsigned char *data = malloc(*size);
    assert_non_null(data);
    pal_generator_save(l->generator, data, *size);
    return data;
}

/* Regression: dropped and dropped_generated near 2^31 passed together, and then the sum of tokens overflowed. */
static void counts_that_would_overflow_are_refused(void **state)
{
    (void)state;
    lent l;
    size_t size;
    unsigned char *data = shifted(&l, NULL, &size);
    const uint32_t of_prompt = get(data, GIVEN) - get(data, PROMPT);
    for (uint32_t below = 0; below < 2 * CAPACITY; below++) {
        const uint32_t dropped = (uint32_t)INT32_MAX - below;
        const change both[] = {{DROPPED, dropped}, {DROPPED_GENERATED, dropped - of_prompt}};
        const pal_status status = restore_changed(&l, data, size, both, 2);
        assert_int_equal(status, below < CAPACITY ? PAL_E_FORMAT : PAL_OK); /* the text ends before they overflow */
        if (!status) assert_true(pal_generator_progress(l.generator).dropped <= INT32_MAX - CAPACITY);
    }
    free(data);
    end(&l);
}

static void numbers_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    lent l;
    size_t size;
    unsigned char *data = shifted(&l, NULL, &size);
    const uint32_t given = get(data, GIVEN), prompt_left = get(data, PROMPT), dropped = get(data, DROPPED);
    const uint32_t generated = get(data, DROPPED_GENERATED), shown = get(data, SHOWN);
    const struct {
        change changes[3];
        size_t count;
    } wrong[] = {
        {{{DROPPED, dropped + 1}}, 1},
        {{{DROPPED_GENERATED, generated - 1}}, 1},
        {{{GIVEN, given + 1}}, 1},
        {{{PROMPT, prompt_left + 1}, {GIVEN, prompt_left}}, 2},
        {{{DROPPED_BYTES, generated * 1024 + 1}, {SHOWN, generated * 1024 + 1}}, 2},
        {{{DROPPED_BYTES + 1, 0x7fffffff}, {SHOWN + 1, 0x7fffffff}}, 2},
        {{{SHOWN, shown + 100}}, 1},
        {{{FINISH, PAL_FINISHES}}, 1},
        {{{GIVEN, 0}, {PROMPT, 0}, {DROPPED, generated}}, 3},
        {{{MU, 0}, {MU + 1, 0x7ff80000}}, 2},                                                   /* NaN */
        {{{MU, 0}, {MU + 1, 0xfff00000}}, 2},                                                   /* minus infinity */
        {{{TOKENS + get(data, COUNT) + 2, 0}, {TOKENS + get(data, COUNT) + 3, 0x7ff80000}}, 2}, /* a token's */
        {{{TOKENS + 1, 512}}, 1},
        {{{FLAGS, get(data, FLAGS) | 4}}, 1}, /* says that text is held back, but there is none */
        {{{FLAGS, get(data, FLAGS) ^ HAS_MU}}, 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        pal_status status = restore_changed(&l, data, size, wrong[i].changes, wrong[i].count);
        if (status != PAL_E_FORMAT) fail_msg("number %zu: %d", i, status);
    }
    assert_int_equal(restore_changed(&l, data, size, NULL, 0), PAL_OK);
    free(data);
    end(&l);
}

/* Regression: a grammar base without the dropped tokens was accepted, and a rewind then began at the root, where the
 * tokens may not be allowed. */
static void base_of_a_grammar_without_dropped_tokens_is_refused(void **state)
{
    (void)state;
    pal_grammar *grammar;
    lent l;
    size_t size;
    assert_int_equal(pal_grammar_open(&grammar, letters, strlen(letters), NULL), PAL_OK);
    unsigned char *data = shifted(&l, grammar, &size);
    assert_true(get(data, BASE_BYTES) > 0);
    const change none[] = {{DROPPED, get(data, GIVEN) - get(data, PROMPT)}, {DROPPED_GENERATED, 0}, {DROPPED_BYTES, 0}};
    assert_int_equal(restore_changed(&l, data, size, none, 3), PAL_E_FORMAT);
    assert_int_equal(restore_changed(&l, data, size, NULL, 0), PAL_OK);
    free(data);
    end(&l);
    pal_grammar_close(grammar);
}

/* Sets pairs of words to values that often break counts; the sanitizers find errors. */
static void pairs_of_words_are_refused_or_harmless(void **state)
{
    (void)state;
    static const uint32_t values[] = {0, 1, CAPACITY - 1, CAPACITY, 0x7fffffff, 0xffffffff};
    enum { VALUES = sizeof values / sizeof *values };
    pal_grammar *grammar;
    lent l;
    size_t size, good = 0;
    assert_int_equal(pal_grammar_open(&grammar, letters, strlen(letters), NULL), PAL_OK);
    unsigned char *data = shifted(&l, grammar, &size);
    for (uint32_t i = 0; i < 1000; i++) {
        const change two[] = {{pick(1, 4 * i, TOKENS + 2), values[pick(1, 4 * i + 1, VALUES)]},
                              {pick(1, 4 * i + 2, TOKENS + 2), values[pick(1, 4 * i + 3, VALUES)]}};
        good += restore_changed(&l, data, size, two, 2) == PAL_OK;
    }
    assert_true(good > 0);
    free(data);
    end(&l);
    pal_grammar_close(grammar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_that_would_overflow_are_refused),
        cmocka_unit_test(numbers_that_contradict_each_other_are_refused),
        cmocka_unit_test(base_of_a_grammar_without_dropped_tokens_is_refused),
        cmocka_unit_test(pairs_of_words_are_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
