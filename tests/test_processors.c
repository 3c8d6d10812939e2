/* test_processors.c - from logits to a token: against tests/golden/decode/processors.bin (made by
 * tools/make_decode_golden.py with numpy), and against numbers computed by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/file.h"
#include "processors_testing.h"

#include <math.h>
#include <string.h>

/* ---- against numpy ---------------------------------------------------------------------------------- */

enum { MAX_N = 1024 };

typedef struct {
    int32_t n;
    pal_choose_options options;
    pal_choose_context context;
    double mu;
    float logits[MAX_N];
    int32_t tokens[MAX_N];
    pal_logit_bias bias[MAX_N];
    uint8_t allowed[MAX_N];
} golden_case;

static void take(const unsigned char **at, void *out, size_t bytes)
{
    memcpy(out, *at, bytes);
    *at += bytes;
}

static int32_t take_int(const unsigned char **at)
{
    int32_t value;
    take(at, &value, sizeof value);
    return value;
}

static double take_double(const unsigned char **at)
{
    double value;
    take(at, &value, sizeof value);
    return value;
}

static void take_case(const unsigned char **at, golden_case *c)
{
    pal_choose_options *o = &c->options;
    *o = pal_choose_defaults();
    c->n = take_int(at);
    int32_t count = take_int(at), biases = take_int(at), flags = take_int(at);
    assert_true(c->n <= MAX_N && count <= MAX_N && biases <= MAX_N);
    o->top_k = take_int(at);
    o->repeat_last_n = take_int(at);
    o->mirostat = take_int(at);
    double *number[] = {
        &o->temperature,       &o->typical_p,        &o->top_p,        &o->min_p,       &o->repetition_penalty,
        &o->frequency_penalty, &o->presence_penalty, &o->mirostat_tau, &o->mirostat_eta};
    for (size_t i = 0; i < COUNT(number); i++) *number[i] = take_double(at);
    c->mu = take_double(at);
    take(at, c->logits, (size_t)c->n * sizeof *c->logits);
    take(at, c->tokens, (size_t)count * sizeof *c->tokens);
    for (int32_t i = 0; i < biases; i++) {
        c->bias[i].id = take_int(at);
        c->bias[i].bias = take_double(at);
    }
    if (flags & 1) take(at, c->allowed, (size_t)c->n);
    o->logit_bias = c->bias;
    o->logit_bias_count = (size_t)biases;
    c->context =
        (pal_choose_context){.tokens = c->tokens, .count = (size_t)count, .allowed = flags & 1 ? c->allowed : NULL};
}

/* Tolerances: exponentials, logarithms and sums of a few hundred terms round differently in numpy; a probability
 * below the normal numbers has no relative precision. */
static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fabs(b) + 1e-300;
}

static bool near_log(double a, double b)
{
    return fabs(a - b) <= 1e-12 * (1.0 + fabs(b));
}

static void check_draws(const unsigned char **at, golden_case *c, pal_choose_scratch *scratch)
{
    for (int32_t i = 0; i < 4; i++) {
        pal_mirostat state = {c->mu};
        pal_chosen drawn;
        double u = take_double(at);
        c->context.mirostat = &state;
        assert_int_equal(pal_choose(scratch, &c->options, c->logits, &c->context, u, &drawn, NULL), PAL_OK);
        assert_int_equal(drawn.id, take_int(at));
        assert_true(near_log(pal_choose_logprob(scratch, c->logits, drawn.id), take_double(at)));
        assert_true(near_log(state.mu, take_double(at)));
        assert_true(drawn.probability == scratch->probabilities[drawn.id] && drawn.probability > 0.0);
    }
}

static void check_alternatives(const unsigned char **at, const golden_case *c, const pal_choose_scratch *scratch)
{
    int32_t ids[5], count = pal_choose_likeliest(scratch, c->logits, 5, ids, (double[5]){0}), known = 0;
    double logprobs[5];
    assert_int_equal(pal_choose_likeliest(scratch, c->logits, 5, ids, logprobs), count);
    for (int32_t i = 0; i < 5; i++) {
        int32_t id = take_int(at);
        double logprob = take_double(at);
        if (id < 0) continue;
        known++;
        assert_true(i < count);
        assert_int_equal(ids[i], id);
        assert_true(near_log(logprobs[i], logprob));
    }
    assert_int_equal(count, known);
}

/* Returns the kind of result: 0, 1 or 2 as in the file. */
static int32_t check_case(const unsigned char **at, golden_case *c)
{
    lent l = lend(c->n);
    pal_mirostat state = {c->mu};
    pal_error err = {0};
    c->context.mirostat = &state;
    assert_int_equal(pal_choose_check(&c->options, c->n, &err), PAL_OK);
    pal_status status = pal_choose_among(&l.scratch, &c->options, c->logits, &c->context, &err);
    int32_t outcome = take_int(at);
    if (outcome == 0) {
        assert_int_equal(status, PAL_OK);
        for (int32_t id = 0; id < c->n; id++) {
            double p = take_double(at);
            if (!near(l.scratch.probabilities[id], p))
                fail_msg("token %d: %.17g, not %.17g", id, l.scratch.probabilities[id], p);
        }
        check_draws(at, c, &l.scratch);
        check_alternatives(at, c, &l.scratch);
    } else if (outcome == 1) {
        assert_int_equal(status, PAL_E_OPTION);
        assert_true(strstr(err.text, "no token is allowed") != NULL);
    } else {
        assert_int_equal(status, PAL_E_FORMAT);
        assert_true(err.offset == SIZE_MAX); /* the id of the token does not matter */
        assert_int_equal(isnan(c->logits[take_int(at)]), 1);
    }
    give_back(&l);
    return outcome;
}

static void decode_distribution_equals_numpy(void **state)
{
    (void)state;
    static golden_case c;
    pal_file file;
    int32_t outcomes[3] = {0};
    assert_int_equal(pal_file_map(&file, PAL_SOURCE_DIR "/tests/golden/decode/processors.bin", NULL), PAL_OK);
    const unsigned char *at = file.data, *end = at + file.size;
    assert_memory_equal(at, "PALDEC1\n", 8);
    at += 8;
    int32_t cases = take_int(&at);
    assert_int_equal(cases, 1200);
    for (int32_t i = 0; i < cases; i++) {
        take_case(&at, &c);
        outcomes[check_case(&at, &c)]++;
        assert_true(at <= end);
    }
    assert_true(at == end);
    assert_true(outcomes[0] > 900 && outcomes[1] > 20 && outcomes[2] > 20);
    pal_file_unmap(&file);
}

/* ---- by hand ---------------------------------------------------------------------------------------- */

/* Logits whose softmax is p; 0 becomes minus infinity. */
static void logits_of(const double *p, int32_t n, float *logits)
{
    for (int32_t i = 0; i < n; i++) logits[i] = p[i] > 0.0 ? (float)log(p[i]) : -INFINITY;
}

/* Which tokens are left, as a bit mask. */
static unsigned kept(const pal_choose_options *o, const double *p, int32_t n)
{
    float logits[16];
    unsigned set = 0;
    lent l = lend(n);
    pal_mirostat state = {1.9};
    const pal_choose_context context = {.mirostat = &state};
    logits_of(p, n, logits);
    assert_int_equal(pal_choose_among(&l.scratch, o, logits, &context, NULL), PAL_OK);
    for (int32_t i = 0; i < n; i++)
        if (l.scratch.probabilities[i] > 0.0) set |= 1u << i;
    give_back(&l);
    return set;
}

static void truncations_of_a_small_distribution_keep_what_their_definitions_say(void **state)
{
    (void)state;
    const double p[] = {0.1, 0.4, 0.2, 0.25, 0.05, 0.0};
    pal_choose_options o = pal_choose_defaults();
    assert_int_equal(kept(&o, p, 6), 0x1f);
    o.top_k = 2;
    assert_int_equal(kept(&o, p, 6), 0xa);
    o = pal_choose_defaults();
    o.top_p = 0.6; /* 0.4 + 0.25 crosses */
    assert_int_equal(kept(&o, p, 6), 0xa);
    o.top_k = 3;
    o.top_p = 0.7; /* of 0.85, 0.65 is 0.76 */
    assert_int_equal(kept(&o, p, 6), 0xa);
    o = pal_choose_defaults();
    o.min_p = 0.3; /* 0.12 and more */
    assert_int_equal(kept(&o, p, 6), 0xe);
    o = pal_choose_defaults();
    o.typical_p = 0.2; /* entropy 1.42 nats: 0.25 (1.39), then 0.2 (1.61), then 0.4 (0.92) */
    assert_int_equal(kept(&o, p, 6), 0x8);
    o.typical_p = 0.3;
    assert_int_equal(kept(&o, p, 6), 0xc);
    o.typical_p = 0.5;
    assert_int_equal(kept(&o, p, 6), 0xe);
    o = pal_choose_defaults();
    o.mirostat = 2; /* mu is 1.9 bits: 0.268 and more; the others do nothing now */
    o.top_k = 1;
    o.min_p = 1.0;
    o.top_p = 0.0;
    assert_int_equal(kept(&o, p, 6), 0x2);
}

/* The most probable token need not be typical: later processors are computed on the tokens that typical leaves. */
static void min_p_behind_typical_is_relative_to_what_is_left(void **state)
{
    (void)state;
    const double p[] = {0.6, 0.1, 0.1, 0.1, 0.1}; /* entropy 1.23 nats; 0.6 is 0.72 away, 0.1 1.07 */
    const double q[] = {0.5, 0.2, 0.2, 0.1};      /* entropy 1.22 nats; 0.2 is 0.39 away, 0.5 0.53, 0.1 1.08 */
    pal_choose_options o = pal_choose_defaults();
    o.typical_p = 0.3;
    o.min_p = 0.9;
    assert_int_equal(kept(&o, p, 5), 0x1);
    assert_int_equal(kept(&o, q, 4), 0x6);
}

static void penalties_of_a_window_count_its_tokens_only(void **state)
{
    (void)state;
    const float logits[] = {1.0f, -1.0f, 2.0f, 0.5f};
    const int32_t tokens[] = {3, 0, 1, 1, -5, 99, 1};
    pal_choose_options o = pal_choose_defaults();
    pal_choose_context context = {.tokens = tokens, .count = COUNT(tokens)};
    lent l = lend(4);
    o.repeat_last_n = 5; /* 1, 1, 1 and two that are no tokens; 3 and 0 stand before it */
    o.repetition_penalty = 2.0;
    o.frequency_penalty = 0.25;
    o.presence_penalty = 0.5;
    assert_int_equal(pal_choose_among(&l.scratch, &o, logits, &context, NULL), PAL_OK);
    assert_true(fabs(log(l.scratch.probabilities[0] / l.scratch.probabilities[3]) - 0.5) < 1e-12);
    assert_true(fabs(log(l.scratch.probabilities[1] / l.scratch.probabilities[3]) - (-2.0 - 3 * 0.25 - 0.5 - 0.5)) <
                1e-12);
    o.repeat_last_n = -1;
    assert_int_equal(pal_choose_among(&l.scratch, &o, logits, &context, NULL), PAL_OK);
    assert_true(fabs(log(l.scratch.probabilities[0] / l.scratch.probabilities[2]) - (0.5 - 0.25 - 0.5 - 2.0)) < 1e-12);
    give_back(&l);
}

static void temperature_zero_takes_the_lowest_id_among_equals(void **state)
{
    (void)state;
    const float logits[] = {-1.0f, 2.0f, 0.5f, 2.0f};
    pal_choose_options o = pal_choose_defaults();
    const pal_logit_bias ban = {1, -INFINITY};
    const pal_choose_context context = {0};
    pal_chosen drawn;
    lent l = lend(4);
    o.temperature = 0.0;
    for (int32_t i = 0; i < 10; i++) {
        assert_int_equal(pal_choose(&l.scratch, &o, logits, &context, i / 10.0, &drawn, NULL), PAL_OK);
        assert_int_equal(drawn.id, 1);
    }
    o.logit_bias = &ban;
    o.logit_bias_count = 1;
    assert_int_equal(pal_choose(&l.scratch, &o, logits, &context, 0.0, &drawn, NULL), PAL_OK);
    assert_int_equal(drawn.id, 3);
    assert_true(fabs(pal_choose_logprob(&l.scratch, logits, 3) - (2.0 - log(exp(-1.0) + 2 * exp(2.0) + exp(0.5)))) <
                1e-12); /* the model's own */
    give_back(&l);
}

static void bans_and_grammar_together_that_leave_nothing_are_an_error(void **state)
{
    (void)state;
    const float logits[] = {1.0f, 2.0f, -INFINITY};
    const uint8_t allowed[] = {0, 1, 1};
    const pal_logit_bias ban[] = {{1, -INFINITY}, {2, 1e6}}; /* a bias does not make an impossible token possible */
    pal_choose_options o = pal_choose_defaults();
    pal_mirostat mirostat = {3.0};
    const pal_choose_context context = {.allowed = allowed, .mirostat = &mirostat};
    pal_chosen drawn = {.id = 77};
    pal_error err = {0};
    lent l = lend(3);
    o.mirostat = 2;
    o.logit_bias = ban;
    o.logit_bias_count = 2;
    assert_int_equal(pal_choose(&l.scratch, &o, logits, &context, 0.5, &drawn, &err), PAL_E_OPTION);
    assert_true(strstr(err.text, "no token is allowed") != NULL);
    assert_true(drawn.id == 77 && mirostat.mu == 3.0);
    o.logit_bias_count = 0;
    assert_int_equal(pal_choose(&l.scratch, &o, logits, &context, 0.5, &drawn, &err), PAL_OK);
    assert_int_equal(drawn.id, 1);
    give_back(&l);
}

/* Every option at each of its ends, and just outside. */
static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    pal_choose_options o;
    const struct {
        double *field, min, max, below, above;
    } range[] = {
        {&o.temperature, 0.0, 100.0, -1e-300, 100.1},
        {&o.typical_p, 0.0, 1.0, -1e-9, 1.1},
        {&o.top_p, 0.0, 1.0, -1e-9, 1.1},
        {&o.min_p, 0.0, 1.0, -1e-9, 1.1},
        {&o.repetition_penalty, 1e-300, 100.0, 0.0, 101.0},
        {&o.frequency_penalty, -100.0, 100.0, -101.0, 101.0},
        {&o.presence_penalty, -100.0, 100.0, -INFINITY, INFINITY},
        {&o.mirostat_tau, 1e-300, 100.0, 0.0, 101.0},
        {&o.mirostat_eta, 1e-300, 1.0, 0.0, 1.1},
    };
    for (size_t i = 0; i < COUNT(range); i++) {
        const double good[] = {range[i].min, range[i].max}, bad[] = {range[i].below, range[i].above, NAN};
        o = pal_choose_defaults();
        for (size_t j = 0; j < COUNT(good); j++) {
            *range[i].field = good[j];
            assert_int_equal(pal_choose_check(&o, 8, NULL), PAL_OK);
        }
        for (size_t j = 0; j < COUNT(bad); j++) {
            pal_error err = {0};
            *range[i].field = bad[j];
            assert_int_equal(pal_choose_check(&o, 8, &err), PAL_E_OPTION);
            assert_true(err.text != NULL && err.offset == SIZE_MAX);
        }
    }
}

static void option_numbers_and_biases_out_of_range_are_refused(void **state)
{
    (void)state;
    pal_choose_options o = pal_choose_defaults();
    pal_logit_bias bias[] = {{0, -INFINITY}, {7, 1.0}};
    pal_error err = {0};
    o.top_k = -1;
    assert_int_equal(pal_choose_check(&o, 8, &err), PAL_E_OPTION);
    o = pal_choose_defaults();
    o.repeat_last_n = -2;
    assert_int_equal(pal_choose_check(&o, 8, &err), PAL_E_OPTION);
    o = pal_choose_defaults();
    o.mirostat = 1;
    assert_int_equal(pal_choose_check(&o, 8, &err), PAL_E_OPTION);
    o = pal_choose_defaults();
    o.logit_bias = bias;
    o.logit_bias_count = 2;
    assert_int_equal(pal_choose_check(&o, 8, &err), PAL_OK);
    assert_int_equal(pal_choose_check(&o, 7, &err), PAL_E_OPTION);
    assert_int_equal(err.offset, 1);
    bias[1] = (pal_logit_bias){1, INFINITY};
    assert_int_equal(pal_choose_check(&o, 8, &err), PAL_E_OPTION);
    bias[1].bias = NAN;
    assert_int_equal(pal_choose_check(&o, 8, &err), PAL_E_OPTION);
    bias[0].id = -1;
    assert_int_equal(pal_choose_check(&o, 8, &err), PAL_E_OPTION);
    assert_int_equal(err.offset, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_distribution_equals_numpy),
        cmocka_unit_test(truncations_of_a_small_distribution_keep_what_their_definitions_say),
        cmocka_unit_test(min_p_behind_typical_is_relative_to_what_is_left),
        cmocka_unit_test(penalties_of_a_window_count_its_tokens_only),
        cmocka_unit_test(temperature_zero_takes_the_lowest_id_among_equals),
        cmocka_unit_test(bans_and_grammar_together_that_leave_nothing_are_an_error),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(option_numbers_and_biases_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
