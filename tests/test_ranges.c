/* test_ranges.c - options that infill and generate share: the same range, and the same message for the same error. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model_testing.h"

#include <math.h>

/* A value for both, and the message of both, or NULL if it is valid. */
typedef struct {
    double temperature, top_k, top_p, min_p, repetition_penalty;
    const char *why;
} sampling;

static const sampling cases[] = {
    {0.0, 0, 1.0, 0.0, 1.0, NULL},
    {100.0, 0, 1.0, 0.0, 1.0, NULL},
    {1.0, INT32_MAX, 1.0, 0.0, 1.0, NULL}, /* more than there are tokens */
    {1.0, 0, 0.0, 0.0, 1.0, NULL},         /* Regression: infill refused it, generate accepted it */
    {1.0, 0, 1.0, 1.0, 1.0, NULL},
    {1.0, 0, 1.0, 0.0, 1e-300, NULL},
    {1.0, 0, 1.0, 0.0, 100.0, NULL},
    {-1e-9, 0, 1.0, 0.0, 1.0, "temperature"},
    {100.1, 0, 1.0, 0.0, 1.0, "temperature"},
    {(double)NAN, 0, 1.0, 0.0, 1.0, "temperature"},
    {(double)INFINITY, 0, 1.0, 0.0, 1.0, "temperature"},
    {1.0, -1, 1.0, 0.0, 1.0, "top-k"},
    {1.0, INT32_MIN, 1.0, 0.0, 1.0, "top-k"},
    {1.0, 0, -1e-9, 0.0, 1.0, "top-p"},
    {1.0, 0, 1.1, 0.0, 1.0, "top-p"},
    {1.0, 0, (double)NAN, 0.0, 1.0, "top-p"},
    {1.0, 0, (double)-INFINITY, 0.0, 1.0, "top-p"},
    {1.0, 0, 1.0, -1e-9, 1.0, "min-p"},
    {1.0, 0, 1.0, 1.1, 1.0, "min-p"},
    {1.0, 0, 1.0, (double)NAN, 1.0, "min-p"},
    {1.0, 0, 1.0, 0.0, 0.0, "repetition-penalty"},
    {1.0, 0, 1.0, 0.0, -1.0, "repetition-penalty"},
    {1.0, 0, 1.0, 0.0, 101.0, "repetition-penalty"},
    {1.0, 0, 1.0, 0.0, (double)NAN, "repetition-penalty"},
    {1.0, 0, 1.0, 0.0, (double)INFINITY, "repetition-penalty"},
};

static pal_model *fills, *writes;

static int open_models(void **state)
{
    (void)state;
    fills = open_test_model("tiny-infill");
    writes = open_test_model("tiny-ar");
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    pal_model_close(fills);
    pal_model_close(writes);
    return 0;
}

static void *block_of(size_t bytes)
{
    void *block = malloc(bytes);
    assert_non_null(block);
    return block;
}

static pal_sequence *new_sequence(void **block)
{
    size_t bytes;
    pal_sequence *s;
    const pal_sequence_options o = pal_sequence_defaults();
    assert_int_equal(pal_sequence_bytes(writes, &o, &bytes, NULL), PAL_OK);
    *block = block_of(bytes);
    assert_int_equal(pal_sequence_init(&s, writes, &o, *block, bytes, NULL), PAL_OK);
    return s;
}

static void both_take_the_same_and_refuse_the_same_with_the_same_text(void **state)
{
    (void)state;
    void *block;
    pal_sequence *sequence = new_sequence(&block);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sampling *c = &cases[i];
        size_t bytes;
        pal_error first = {0}, second = {0};
        pal_infill_options fill = pal_infill_defaults();
        pal_generate_options go = pal_generate_defaults();
        fill.temperature = go.temperature = c->temperature;
        fill.top_k = go.top_k = (int32_t)c->top_k;
        fill.top_p = go.top_p = c->top_p;
        fill.min_p = go.min_p = c->min_p;
        fill.repetition_penalty = go.repetition_penalty = c->repetition_penalty;
        const pal_status expected = c->why ? PAL_E_OPTION : PAL_OK;
        assert_int_equal(pal_session_bytes(fills, "a [[2]]", 7, &fill, &bytes, &first), expected);
        assert_int_equal(pal_generator_bytes(sequence, &go, &bytes, &second), expected);
        if (!c->why) continue;
        assert_string_equal(first.text, second.text);
        assert_ptr_equal(strstr(first.text, c->why), first.text); /* it begins with the option */
    }
    free(block);
}

static void fill_greedily(const pal_infill_options *o, char text[128])
{
    static const char page[] = "the [[3]] and [[2]]dog";
    size_t bytes;
    pal_session *s;
    assert_int_equal(pal_session_bytes(fills, page, sizeof page - 1, o, &bytes, NULL), PAL_OK);
    void *block = block_of(bytes);
    assert_int_equal(pal_session_init(&s, fills, page, sizeof page - 1, o, block, bytes, NULL), PAL_OK);
    while (pal_step(s, NULL) == PAL_MORE) continue;
    memset(text, 0, 128);
    assert_true(pal_session_text(s, text, 127) < 127);
    free(block);
}

static void write_greedily(const pal_generate_options *o, int32_t ids[16])
{
    void *block;
    size_t bytes;
    int32_t n;
    pal_generator *g;
    pal_sequence *sequence = new_sequence(&block);
    assert_int_equal(pal_generator_bytes(sequence, o, &bytes, NULL), PAL_OK);
    void *second = block_of(bytes);
    assert_int_equal(pal_generator_init(&g, sequence, o, second, bytes, NULL), PAL_OK);
    assert_int_equal(pal_generator_prompt(g, "the cat", 7, 0, NULL), PAL_OK);
    while (pal_generator_step(g, NULL) == PAL_MORE) continue;
    const int32_t *tokens = pal_generator_tokens(g, &n);
    memset(ids, 0, 16 * sizeof *ids);
    for (int32_t i = 0; i < n && i < 16; i++) ids[i] = tokens[i];
    free(second);
    free(block);
}

/* top-p 0, typical-p apart, top-k 1 and min-p 1 leave the likeliest token, as temperature 0 does, in both. */
static void the_ends_of_the_truncations_are_greedy(void **state)
{
    (void)state;
    char greedy[128], other[128];
    int32_t greedy_ids[16], other_ids[16];
    pal_infill_options fill = pal_infill_defaults();
    pal_generate_options go = pal_generate_defaults();
    go.max_tokens = 8;
    fill.temperature = go.temperature = 0.0;
    fill_greedily(&fill, greedy);
    write_greedily(&go, greedy_ids);
    for (int way = 0; way < 3; way++) {
        fill = pal_infill_defaults();
        go = pal_generate_defaults();
        go.max_tokens = 8;
        fill.temperature = go.temperature = 1.0;
        fill.seed = go.seed = 5;
        if (way == 0) fill.top_p = go.top_p = 0.0;
        if (way == 1) fill.top_k = go.top_k = 1;
        if (way == 2) fill.min_p = go.min_p = 1.0;
        fill_greedily(&fill, other);
        write_greedily(&go, other_ids);
        assert_string_equal(greedy, other);
        assert_memory_equal(greedy_ids, other_ids, sizeof greedy_ids);
    }
}

static void numbers_of_one_command_alone_have_ranges_as_well(void **state)
{
    (void)state;
    const double bad[] = {-0.5, -2.0, 1.5, (double)NAN, (double)INFINITY, (double)-INFINITY};
    size_t bytes;
    pal_error err = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pal_infill_options o = pal_infill_defaults();
        o.sampler = PAL_REMASK;
        o.remask = bad[i]; /* Regression: anything below 0 was the default */
        assert_int_equal(pal_session_bytes(fills, "[[1]]", 5, &o, &bytes, &err), PAL_E_OPTION);
        assert_non_null(strstr(err.text, "remask must be"));
    }
    const double errors[] = {-1.0, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < 3; i++) { /* Regression: these were taken for the default */
        const pal_score_options o = {.standard_error = errors[i]};
        pal_score_result r;
        assert_int_equal(pal_score(fills, "the cat", 7, &o, &r, &err), PAL_E_OPTION);
        assert_non_null(strstr(err.text, "standard-error"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_take_the_same_and_refuse_the_same_with_the_same_text),
        cmocka_unit_test(the_ends_of_the_truncations_are_greedy),
        cmocka_unit_test(numbers_of_one_command_alone_have_ranges_as_well),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
