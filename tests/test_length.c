/* test_length.c - lengths of free blanks: drawn from the first evaluation, before the words; then the input of the
 * network. test_blanks.c checks that words and lengths together follow the true distribution. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "table_model.h"

#define EXACT 1e-12
#define SEED  20261122

static const pal_sampler at_once[] = {PAL_MARGIN, PAL_ENTROPY, PAL_CONFIDENCE, PAL_PARALLEL};
enum { AT_ONCE = sizeof at_once / sizeof *at_once, EMPTY = 3 };

static table_fill t;

static void start_free(pal_sampler sampler, int32_t from, int32_t min, int32_t max)
{
    table_fill_blanks(&t, sampler, table_masked(&t.model), 1, &from, &min, &max);
}

static void learnt(uint64_t seed)
{
    table_init(&t.model, 4, 4, true);
    table_random_joint(&t.model, seed, 0.5, 0.0, NULL);
    table_learnt(&t.model, seed);
}

/* Probability of a length of at most 1, 2, 3 when all places are masked, made non-decreasing. */
static void no_longer(double max[4])
{
    for (int32_t n = 1; n < 4; n++) {
        max[n] = table_conditional(&t.model, table_masked(&t.model), n, EMPTY);
        if (n > 1 && max[n] < max[n - 1]) max[n] = max[n - 1];
    }
}

static int32_t length_of_page(int32_t page)
{
    int32_t words = 0;
    while (words < 4 && table_token(&t.model, page, words) != EMPTY) words++;
    return words;
}

/* A learnt network contradicts itself, so the probabilities of the places may decrease: the maximum so far counts. */
static void lengths_follow_the_first_evaluation(void **state)
{
    (void)state;
    bool fell = false;
    for (uint64_t i = 0; i < 6; i++)
        for (int s = 0; s < AT_ONCE; s++) {
            double probs[TABLE_PAGES], share[5] = {0.0}, max[4];
            learnt(SEED + i);
            no_longer(max);
            fell = fell || table_conditional(&t.model, table_masked(&t.model), 3, EMPTY) < max[2];
            start_free(at_once[s], 0, 1, 4);
            assert_true(table_probs(&t, probs) < EXACT);
            for (int32_t page = 0; page < t.model.pages; page++)
                if (probs[page] > 0.0) share[length_of_page(page)] += probs[page];
            assert_true(fabs(share[1] - max[1]) < EXACT);
            assert_true(fabs(share[2] - (max[2] - max[1])) < EXACT);
            assert_true(fabs(share[3] - (max[3] - max[2])) < EXACT);
            assert_true(fabs(share[4] - (1.0 - max[3])) < EXACT);
        }
    assert_true(fell);
}

static void greedy_length_is_the_median(void **state)
{
    (void)state;
    int32_t seen = 0;
    for (uint64_t i = 0; i < 12; i++) {
        double max[4];
        learnt(SEED + i);
        no_longer(max);
        int32_t median = 1;
        while (median < 4 && max[median] <= 0.5) median++;
        start_free(PAL_MARGIN, 0, 1, 4);
        t.fill.options.temperature = 0.0;
        assert_int_equal(length_of_page(table_draw(&t, SEED, 0)), median);
        seen |= 1 << median;
    }
    assert_true((seen & (seen - 1)) != 0); /* more than one length */
}

/* One for the length, unless the blank is full, and one for each word; the last word is the next. */
static void length_costs_one_evaluation(void **state)
{
    (void)state;
    learnt(SEED);
    for (uint32_t draft = 0; draft < 200; draft++) {
        start_free(PAL_MARGIN, 0, 1, 4);
        int32_t length = length_of_page(table_draw(&t, SEED, draft));
        assert_int_equal(t.fill.evaluations, length < 4 ? length + 1 : 4);
        assert_int_equal(t.place[length - 1].step, length < 4 ? 2 : 1);
        for (int32_t i = length; i < 4; i++) assert_int_equal(t.place[i].step, 1);
        for (int32_t i = 0; i < 4; i++) assert_true(t.place[i].probability > 0.0f && t.place[i].probability <= 1.0f);
    }
}

static void blanks_of_known_length_come_first(void **state)
{
    (void)state;
    const int32_t from[] = {0, 3}, min[] = {1, 1}, max[] = {3, 1};
    learnt(SEED);
    for (int s = 0; s < 3; s++) {
        table_fill_blanks(&t, at_once[s], table_masked(&t.model), 2, from, min, max);
        pal_fill_step(&t.fill, NULL);
        assert_int_equal(t.place[3].step, 1);
        assert_int_equal(t.fill.open, 3);
    }
    table_fill_blanks(&t, PAL_PARALLEL, table_masked(&t.model), 2, from, min, max);
    pal_fill_step(&t.fill, NULL);
    assert_true(t.place[2].step == 1 && t.place[3].step < 0); /* lengths together, then words */
}

/* ---- what the network is shown ------------------------------------------------------------------------ */

/* A blank of four places between two given tokens; the network decides where the blank ends and records its inputs. */
enum { GIVEN = 0, SHOWN = 6 };
static struct {
    int32_t tokens[SHOWN], n, ends_at;
    int at[SHOWN], count;
} asked;

static void note(void *context, const pal_query *q)
{
    (void)context;
    memcpy(asked.tokens, q->tokens, (size_t)q->n * sizeof *q->tokens);
    memcpy(asked.at, q->at, (size_t)q->count * sizeof *q->at);
    asked.n = q->n;
    asked.count = q->count;
}

static bool answer(void *context, const int *at, int count, float *logits)
{
    (void)context;
    for (int i = 0; i < count; i++)
        for (int32_t id = 0; id < TABLE_VOCAB; id++)
            logits[i * TABLE_VOCAB + id] = id == (at[i] - 1 >= asked.ends_at ? EMPTY : 1) ? 40.0f : 0.0f;
    return true;
}

static void start_between(pal_sampler sampler, int32_t ends_at)
{
    static const int32_t page[SHOWN] = {GIVEN, 4, 4, 4, 4, GIVEN};
    static int32_t tokens[SHOWN], shown[SHOWN], rank[SHOWN];
    learnt(SEED);
    start_free(sampler, 0, 1, 4);
    memcpy(tokens, page, sizeof tokens);
    t.fill.n = SHOWN;
    t.fill.tokens = tokens;
    t.fill.shown = shown;
    t.fill.shown_rank = rank;
    t.fill.drops_empty = true;
    t.fill.predictor = (pal_predictor){.vocab = TABLE_VOCAB, .evaluate = note, .logits = answer};
    for (int32_t i = 0; i < 4; i++) t.place[i].at = 1 + i;
    if (sampler == PAL_ANCESTRAL || sampler == PAL_REMASK) t.fill.options.steps = 40;
    pal_fill_start(&t.fill);
    asked.ends_at = ends_at;
}

static void assert_shown(const int32_t *tokens, int32_t n, const int *at, int count)
{
    assert_int_equal(asked.n, n);
    assert_memory_equal(asked.tokens, tokens, (size_t)n * sizeof *tokens);
    assert_int_equal(asked.count, count);
    assert_memory_equal(asked.at, at, (size_t)count * sizeof *at);
}

static void places_known_to_be_empty_are_not_shown(void **state)
{
    (void)state;
    const int32_t all[] = {GIVEN, 4, 4, 4, 4, GIVEN}, two[] = {GIVEN, 4, 4, GIVEN}, one[] = {GIVEN, 4, 1, GIVEN};
    const int places[] = {1, 2, 3, 4};
    for (int s = 0; s < AT_ONCE; s++) {
        start_between(at_once[s], 2);
        pal_fill_step(&t.fill, NULL);
        assert_shown(all, 6, places, 4);
        pal_fill_step(&t.fill, NULL);
        assert_shown(two, 4, places, 2);
        pal_fill_step(&t.fill, NULL);
        assert_shown(one, 4, places, 1);
        assert_int_equal(t.fill.open, 0);
        assert_int_equal(t.fill.tokens[3], EMPTY); /* in the page it stays */
        assert_int_equal(t.fill.tokens[5], GIVEN);
    }
}

/* They read at open places the probability that the blank ends there: all places remain until the last word is
 * known. */
static void samplers_that_draw_place_by_place_are_shown_them(void **state)
{
    (void)state;
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        if (sampler != PAL_FIRST_HITTING && sampler != PAL_ANCESTRAL && sampler != PAL_REMASK) continue;
        for (uint32_t draft = 0; draft < 20; draft++) {
            start_between(sampler, 2);
            t.fill.options.draft = draft;
            for (bool more = true; more;) {
                int32_t hidden = 0, evaluations = t.fill.evaluations;
                bool known = t.fill.tokens[2] == 1 && t.fill.tokens[3] == EMPTY; /* remask may open later places */
                for (int32_t i = 3; i < 5 && known; i++) hidden += t.fill.tokens[i] == EMPTY;
                more = pal_fill_step(&t.fill, NULL) == PAL_MORE;
                if (t.fill.evaluations > evaluations) assert_int_equal(asked.n, SHOWN - hidden);
            }
        }
    }
}

/* An end that the user pinned is a blank with fewer places, for every sampler. */
static void pinned_end_is_a_shorter_blank(void **state)
{
    (void)state;
    const int32_t three[] = {GIVEN, 4, 4, 4, GIVEN};
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        start_between(sampler, 4);
        t.place[3].pinned = true;
        t.fill.tokens[4] = EMPTY;
        pal_fill_start(&t.fill);
        t.place[3].step = 0;
        pal_fill_step(&t.fill, NULL);
        assert_int_equal(asked.n, 5);
        assert_memory_equal(asked.tokens, three, sizeof three);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_follow_the_first_evaluation),
        cmocka_unit_test(greedy_length_is_the_median),
        cmocka_unit_test(length_costs_one_evaluation),
        cmocka_unit_test(blanks_of_known_length_come_first),
        cmocka_unit_test(places_known_to_be_empty_are_not_shown),
        cmocka_unit_test(samplers_that_draw_place_by_place_are_shown_them),
        cmocka_unit_test(pinned_end_is_a_shorter_blank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
