/* test_choose.c - from the probabilities at a place of a blank to a token: penalty, temperature, truncation, inverse
 * CDF; and the same choice in a text (test_processors.c has the rest of texts). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "text/choose.h"

#define SEED     20240607
#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { MAX_N = 16 };

static const pal_choose_options plain = {
    .temperature = 1.0, .typical_p = 1.0, .top_p = 1.0, .repetition_penalty = 1.0, .repeat_last_n = -1};

/* The choice with u; logits below -1000 are out of the question.  Checks that the scratch is clean again. */
static int32_t choose(const pal_choose_options *how, const float *logits, int32_t n, const int32_t *tokens,
                      int32_t count, double u, double *own)
{
    double probabilities[MAX_N];
    int32_t rank[MAX_N], seen[MAX_N] = {0}, zero[MAX_N] = {0};
    pal_choose_scratch s = {.vocab = n, .probabilities = probabilities, .rank = rank, .seen = seen};
    const pal_choose_context page = {.tokens = tokens, .count = (size_t)count, .given = true};
    pal_chosen chosen;
    for (int32_t i = 0; i < n; i++)
        probabilities[i] = (double)logits[i] < -1000.0 ? PAL_NEVER : pal_bounded((double)logits[i]);
    pal_softmax(NULL, probabilities, n);
    assert_int_equal(pal_choose(&s, how, logits, &page, u, &chosen, NULL), PAL_OK);
    assert_memory_equal(seen, zero, sizeof zero);
    *own = chosen.own;
    return chosen.id;
}

static void logits_of(const double *p, int32_t n, float *logits)
{
    for (int32_t i = 0; i < n; i++) logits[i] = p[i] > 0.0 ? (float)log(p[i]) : -2000.0f;
}

/* Which tokens any of 10,000 evenly spaced u draws, as a bit mask. */
static unsigned kept(const pal_choose_options *how, const double *p, int32_t n)
{
    float logits[MAX_N];
    unsigned set = 0;
    double probability;
    logits_of(p, n, logits);
    for (int32_t i = 0; i < 10000; i++) set |= 1u << choose(how, logits, n, NULL, 0, i / 10000.0, &probability);
    return set;
}

/* ---- against a plain computation -------------------------------------------------------------------- */

static void normalise(double *p, int32_t n)
{
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) sum += p[i];
    for (int32_t i = 0; i < n; i++) p[i] /= sum;
}

/* rank[i]: how many tokens come before i, the most probable first, and the lowest id first among equals. */
static void rank_tokens(const double *p, int32_t n, int32_t *rank)
{
    for (int32_t i = 0; i < n; i++) {
        rank[i] = 0;
        for (int32_t j = 0; j < n; j++) rank[i] += p[j] > p[i] || (p[j] == p[i] && j < i);
    }
}

/* p := the distribution to draw from, with each step computed literally from its definition. */
static void plain_probs(const pal_choose_options *how, const float *logits, int32_t n, const int32_t *tokens,
                        int32_t count, double *p)
{
    int32_t rank[MAX_N];
    double before[MAX_N] = {0.0}, max = 0.0;
    for (int32_t i = 0; i < n; i++) {
        double x = (double)logits[i];
        for (int32_t j = 0; j < count; j++)
            if (tokens[j] == i) {
                x = x > 0.0 ? x / how->repetition_penalty : x * how->repetition_penalty;
                break;
            }
        p[i] = (double)logits[i] < -1000.0 ? 0.0 : exp(x / how->temperature);
    }
    rank_tokens(p, n, rank);
    for (int32_t i = 0; i < n; i++)
        if (how->top_k && rank[i] >= how->top_k) p[i] = 0.0;
    normalise(p, n);
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < n; j++) before[i] += rank[j] < rank[i] ? p[j] : 0.0;
    for (int32_t i = 0; i < n; i++)
        if (how->top_p < 1.0 && before[i] >= how->top_p) p[i] = 0.0;
    for (int32_t i = 0; i < n; i++) max = fmax(max, p[i]);
    for (int32_t i = 0; i < n; i++)
        if (p[i] < how->min_p * max) p[i] = 0.0;
    normalise(p, n);
}

/* Tries a u just inside each end of every token's interval. */
static void assert_chosen_by(const pal_choose_options *how, const float *logits, int32_t n, const int32_t *tokens,
                             int32_t count)
{
    double p[MAX_N], end = 0.0, told, sum = 0.0;
    plain_probs(how, logits, n, tokens, count, p);
    for (int32_t i = 0; i < n; i++)
        if ((double)logits[i] >= -1000.0) sum += exp((double)logits[i]);
    for (int32_t i = 0; i < n; i++) {
        double begin = end;
        end += p[i];
        if (p[i] < 1e-9) continue;
        assert_int_equal(choose(how, logits, n, tokens, count, begin + 1e-12, &told), i);
        assert_int_equal(choose(how, logits, n, tokens, count, end - 1e-12, &told), i);
        assert_true(fabs(told - exp((double)logits[i]) / sum) < 1e-12); /* temperature 1, before all this */
    }
}

static double random_number(int32_t test, int32_t i)
{
    return pal_uniform(SEED, PAL_DRAW_TOKEN, 0, (uint32_t)test, (uint32_t)i);
}

static void choose_follows_a_plain_computation(void **state)
{
    (void)state;
    for (int32_t test = 0; test < 4000; test++) {
        const int32_t n = 2 + test % 11;
        const pal_choose_options how = {
            .temperature = test & 1 ? 0.2 + 2.0 * random_number(test, 100) : 1.0,
            .top_k = test & 2 ? 1 + (int32_t)(n * random_number(test, 101)) : 0,
            .top_p = test & 4 ? 0.05 + 0.95 * random_number(test, 102) : 1.0,
            .min_p = test & 8 ? 0.5 * random_number(test, 103) : 0.0,
            .repetition_penalty = test & 16 ? 0.5 + 2.0 * random_number(test, 104) : 1.0,
            .typical_p = 1.0,
            .repeat_last_n = -1,
        };
        float logits[MAX_N];
        int32_t tokens[3];
        for (int32_t i = 0; i < n; i++) logits[i] = (float)(8.0 * random_number(test, i) - 4.0);
        if (n > 2) logits[test % n] = -2000.0f;
        for (int32_t i = 0; i < 3; i++) tokens[i] = (int32_t)(n * random_number(test, 110 + i));
        assert_chosen_by(&how, logits, n, tokens, 3);
    }
}

/* ---- by hand ---------------------------------------------------------------------------------------- */

/* C21: of the two nucleus rules the one that keeps the token that crosses. */
static void top_p_keeps_the_token_that_crosses(void **state)
{
    (void)state;
    const double p[] = {0.5, 0.3, 0.2}, shuffled[] = {0.2, 0.5, 0.3};
    pal_choose_options how = plain;
    how.top_p = 0.7;
    assert_int_equal(kept(&how, p, 3), 0x3);
    assert_int_equal(kept(&how, shuffled, 3), 0x6);
    how.top_p = 0.45;
    assert_int_equal(kept(&how, p, 3), 0x1);
    how.top_p = 0.85;
    assert_int_equal(kept(&how, p, 3), 0x7);
    how.top_p = 1e-9;
    assert_int_equal(kept(&how, p, 3), 0x1);
}

static void nucleus_is_taken_of_what_top_k_leaves(void **state)
{
    (void)state;
    const double p[] = {0.1, 0.4, 0.2, 0.3};
    pal_choose_options how = plain;
    how.top_p = 0.5;
    assert_int_equal(kept(&how, p, 4), 0xa); /* 0.4 + 0.3 */
    how.top_k = 2;
    assert_int_equal(kept(&how, p, 4), 0x2); /* 0.4 of 0.7 is 0.57 already */
    how.top_p = 1.0;
    assert_int_equal(kept(&how, p, 4), 0xa);
}

static void top_k_of_equals_keeps_the_lowest_ids(void **state)
{
    (void)state;
    const double p[] = {0.2, 0.2, 0.2, 0.2, 0.2};
    pal_choose_options how = plain;
    how.top_k = 3;
    assert_int_equal(kept(&how, p, 5), 0x7);
}

static void min_p_is_relative_to_the_likeliest(void **state)
{
    (void)state;
    const double p[] = {0.09, 0.5, 0.3, 0.11};
    pal_choose_options how = plain;
    how.min_p = 0.2;
    assert_int_equal(kept(&how, p, 4), 0xe); /* 0.1 and more */
    how.min_p = 1.0;
    assert_int_equal(kept(&how, p, 4), 0x2);
}

static void temperature_zero_takes_the_likeliest_with_the_lowest_id(void **state)
{
    (void)state;
    const float logits[] = {-1.0f, 2.0f, 0.5f, 2.0f};
    const int32_t page[] = {1};
    pal_choose_options how = plain;
    double p, sum = exp(-1.0) + 2.0 * exp(2.0) + exp(0.5);
    how.temperature = 0.0;
    for (int32_t i = 0; i < 10; i++) assert_int_equal(choose(&how, logits, 4, NULL, 0, i / 10.0, &p), 1);
    assert_true(fabs(p - exp(2.0) / sum) < 1e-12);
    how.repetition_penalty = 1.5;
    assert_int_equal(choose(&how, logits, 4, page, 1, 0.0, &p), 3);
    assert_true(fabs(p - exp(2.0) / sum) < 1e-12);
}

static void repetition_penalty_lowers_tokens_of_the_page_of_either_sign(void **state)
{
    (void)state;
    const float logits[] = {1.0f, -1.0f, 0.9f, -1.1f};
    const int32_t page[] = {0, 0, 1, 77, -3}; /* twice counts once; others are not of this vocabulary */
    pal_choose_options how = plain;
    double p[MAX_N];
    how.repetition_penalty = 2.0;
    plain_probs(&how, logits, 4, page, 5, p);
    assert_true(p[0] < p[2] && p[1] < p[3]);
    assert_true(fabs(log(p[2] / p[0]) - 0.4) < 1e-6 && fabs(log(p[3] / p[1]) - 0.9) < 1e-6);
    assert_chosen_by(&how, logits, 4, page, 5);
}

/* ---- the ends of the interval ------------------------------------------------------------------------ */

static void choose_at_the_ends_never_returns_the_impossible(void **state)
{
    (void)state;
    const float logits[] = {-2000.0f, -2000.0f, 0.0f, 1.0f, -2000.0f};
    const double last = 1.0 - 0x1p-53;
    double p;
    for (int32_t variant = 0; variant < 8; variant++) {
        pal_choose_options how = plain;
        if (variant & 1) how.temperature = 0.7;
        if (variant & 2) how.top_k = 3;
        if (variant & 4) how.min_p = 0.01;
        assert_int_equal(choose(&how, logits, 5, NULL, 0, 0.0, &p), 2);
        assert_int_equal(choose(&how, logits, 5, NULL, 0, last, &p), 3);
    }
}

/* Logits may be arbitrary: the choice is always a possible token, and its probability a number. */
static void choose_of_hostile_logits_stays_possible(void **state)
{
    (void)state;
    const float strange[] = {NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 0.0f};
    const double temperature[] = {0.0, 5e-324, 1e-300, 1e-5, 1.0, 100.0}, penalty[] = {5e-324, 1.0, 100.0};
    const int32_t page[] = {0, 2};
    for (int32_t code = 0; code < 6 * 6 * 6; code++)
        for (size_t i = 0; i < COUNT(temperature) * COUNT(penalty); i++) {
            const float logits[] = {strange[code % 6], strange[code / 6 % 6], strange[code / 36], 9.0f};
            pal_choose_options how = plain;
            double probs[4];
            int32_t rank[4], seen[4] = {0};
            pal_choose_scratch s = {.vocab = 4, .probabilities = probs, .rank = rank, .seen = seen};
            const pal_choose_context context = {.tokens = page, .count = 2, .given = true};
            pal_chosen chosen;
            how.temperature = temperature[i % COUNT(temperature)];
            how.repetition_penalty = penalty[i / COUNT(temperature)];
            for (int32_t id = 0; id < 4; id++) probs[id] = id == 3 ? PAL_NEVER : pal_bounded((double)logits[id]);
            pal_softmax(NULL, probs, 4);
            assert_int_equal(pal_choose(&s, &how, logits, &context, 0.999, &chosen, NULL), PAL_OK);
            const int32_t id = chosen.id;
            assert_true(id >= 0 && id < 3);
            for (int32_t j = 0; j < 3 && how.temperature < 1e-3 && how.repetition_penalty == 1.0; j++)
                assert_true(pal_bounded((double)logits[id]) >= pal_bounded((double)logits[j])); /* the likeliest */
            assert_true(chosen.own >= 0.0 && chosen.own <= 1.0);
        }
}

/* ---- C11: precision --------------------------------------------------------------------------------- */

enum { WORDS = 50257 };

/* The smallest u, in units of 2^-53, that draws token k or a later one. */
static uint64_t first_u(pal_choose_scratch *s, int32_t k)
{
    const pal_choose_context context = {.given = true};
    uint64_t low = 0, high = (uint64_t)1 << 53;
    pal_chosen chosen;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        double u = (double)middle * 0x1p-53;
        /* choices without options leave the input unchanged and do not read the logits */
        assert_int_equal(pal_choose(s, &plain, NULL, &context, u, &chosen, NULL), PAL_OK);
        if (chosen.id >= k)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Rare words keep their probability: each interval of u has its length, within the rounding of sums near 1.  With 24
 * bits, most words below 2^-24 would have no interval. */
static void choose_gives_every_word_of_a_zipf_distribution_its_due(void **state)
{
    (void)state;
    const int32_t word[] = {0, 1, 100, 5000, 5001, 40000, WORDS - 2, WORDS - 1};
    static double probs[WORDS];
    pal_choose_scratch s = {.vocab = WORDS, .probabilities = probs};
    for (int32_t power = 1; power <= 2; power++) {
        for (int32_t k = 0; k < WORDS; k++) probs[k] = -power * log(k + 1.0);
        pal_softmax(NULL, probs, WORDS);
        assert_true(power == 1 || probs[WORDS - 1] < 0x1p-30);
        for (size_t i = 0; i < COUNT(word); i++) {
            uint64_t from = first_u(&s, word[i]), to = (uint64_t)1 << 53;
            if (word[i] + 1 < WORDS) to = first_u(&s, word[i] + 1);
            assert_true(to > from);
            assert_true(fabs((double)(to - from) * 0x1p-53 - probs[word[i]]) <= 0x1p-50);
        }
    }
}

/* ---- one pipeline ----------------------------------------------------------------------------------- */

/* The same options, logits and u choose the same token in a text, which gets only logits, and in a blank, which also
 * gets their softmax. */
static void a_text_and_a_blank_choose_alike(void **state)
{
    (void)state;
    for (int32_t test = 0; test < 4000; test++) {
        const int32_t n = 2 + test % 11;
        double row[MAX_N], own;
        float logits[MAX_N];
        int32_t rank[MAX_N], seen[MAX_N] = {0}, tokens[3];
        pal_choose_scratch s = {.vocab = n, .probabilities = row, .rank = rank, .seen = seen};
        pal_choose_options how = plain;
        how.temperature = test & 1 ? 1.0 : test & 32 ? 0.0 : 0.2 + 2.0 * random_number(test, 100);
        how.top_k = test & 2 ? 1 + (int32_t)(n * random_number(test, 101)) : 0;
        how.top_p = test & 4 ? random_number(test, 102) : 1.0;
        how.min_p = test & 8 ? 0.5 * random_number(test, 103) : 0.0;
        how.repetition_penalty = test & 16 ? 0.5 + 2.0 * random_number(test, 104) : 1.0;
        for (int32_t i = 0; i < n; i++) logits[i] = (float)(8.0 * random_number(test, i) - 4.0);
        for (int32_t i = 0; i < 3; i++) tokens[i] = (int32_t)(n * random_number(test, 110 + i));
        const pal_choose_context text = {.tokens = tokens, .count = 3};
        const double u = random_number(test, 120);
        pal_chosen chosen;
        assert_int_equal(pal_choose(&s, &how, logits, &text, u, &chosen, NULL), PAL_OK);
        assert_int_equal(choose(&how, logits, n, tokens, 3, u, &own), chosen.id);
        assert_true(fabs(own - chosen.own) < 1e-14); /* another order of dividing */
        assert_true(fabs(own - exp(pal_choose_logprob(&s, logits, chosen.id))) < 1e-14);
    }
}

static void the_largest_are_in_order_and_of_equals_the_first(void **state)
{
    (void)state;
    for (int32_t test = 0; test < 2000; test++) {
        int32_t ids[6], count = test % 23, expected = 0;
        float values[6], x[23];
        pal_top top = {.max = 1 + test % 6, .id = ids, .value = values};
        for (int32_t i = 0; i < count; i++) {
            x[i] = (float)(int32_t)(9.0 * random_number(test, i)) - 4.0f;
            pal_top_offer(&top, i, x[i]);
        }
        assert_int_equal(top.count, count < top.max ? count : top.max);
        for (int32_t i = 0; i < count; i++) {
            int32_t place = 0;
            for (int32_t j = 0; j < count; j++) place += x[j] > x[i] || (x[j] == x[i] && j < i);
            if (place >= top.max) continue;
            assert_true(ids[place] == i && values[place] == x[i]);
            expected++;
        }
        assert_int_equal(top.count, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choose_follows_a_plain_computation),
        cmocka_unit_test(top_p_keeps_the_token_that_crosses),
        cmocka_unit_test(nucleus_is_taken_of_what_top_k_leaves),
        cmocka_unit_test(top_k_of_equals_keeps_the_lowest_ids),
        cmocka_unit_test(min_p_is_relative_to_the_likeliest),
        cmocka_unit_test(temperature_zero_takes_the_likeliest_with_the_lowest_id),
        cmocka_unit_test(repetition_penalty_lowers_tokens_of_the_page_of_either_sign),
        cmocka_unit_test(choose_at_the_ends_never_returns_the_impossible),
        cmocka_unit_test(choose_of_hostile_logits_stays_possible),
        cmocka_unit_test(choose_gives_every_word_of_a_zipf_distribution_its_due),
        cmocka_unit_test(a_text_and_a_blank_choose_alike),
        cmocka_unit_test(the_largest_are_in_order_and_of_equals_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
