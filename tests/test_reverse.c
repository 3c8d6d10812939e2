/* test_reverse.c - samplers of networks that compute scores, against the reverse process of distributions that are small
 * enough to enumerate.
 *
 * The network is the exact score of a distribution of texts of three places, computed from its definition at the noise
 * level of each query.  The distribution of a sampler's texts is computed by visiting every outcome of every draw.  C03,
 * C09 and C11 are ported reference checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "score_model.h"
#include "text/race.h"
#include "text/samplers/reverse.h"
#include "core/random.h"

enum { DRAWS = 16 };

static double distance(const score_model *m, const double *a, const double *b)
{
    double sum = 0.0;
    for (int32_t page = 0; page < m->pages; page++) sum += fabs(a[page] - b[page]);
    return sum / 2.0;
}

/* ---- a fill whose draws are visited ----------------------------------------------------------------- */

typedef struct {
    score_model m;
    pal_fill fill;
    pal_blank blank;
    pal_fill_place place[PLACES];
    int32_t tokens[PLACES];
    _Alignas(64) unsigned char block[1 << 16];
    /* The outcome of each draw of a run, its number of outcomes that are left, and the product of probabilities. */
    int32_t taken[DRAWS], following[DRAWS], depth, asked;
    double weight;
} visitor;

static visitor v; /* the tests run one after the other */

static int32_t next_outcome_of(const double *mass, int32_t count, int32_t from)
{
    for (int32_t i = from; i < count; i++)
        if (mass[i] > 0.0) return i;
    return -1;
}

/* A number within interval i of those with these widths. */
static double take(visitor *t, const double *mass, int32_t count)
{
    double below = 0.0, sum = 0.0;
    if (t->asked == t->depth) {
        assert_true(t->depth < DRAWS);
        t->taken[t->depth++] = next_outcome_of(mass, count, 0);
    }
    const int32_t i = t->taken[t->asked];
    t->following[t->asked++] = next_outcome_of(mass, count, i + 1);
    for (int32_t k = 0; k < count; k++) {
        below += k < i ? mass[k] : 0.0;
        sum += mass[k];
    }
    t->weight *= mass[i] / sum;
    return (below + mass[i] / 2.0) / sum;
}

static double answer(void *context, const pal_fill *f, pal_purpose purpose, int32_t place)
{
    visitor *t = context;
    (void)place;
    if (purpose == PAL_DRAW_TOKEN) return take(t, f->probs, VOCAB);
    assert_true(purpose == PAL_DRAW_REVEAL || purpose == PAL_DRAW_REMASK);
    return take(t, (const double[]){f->chance, 1.0 - f->chance}, 2);
}

static bool next_run(visitor *t)
{
    while (t->depth && t->following[t->depth - 1] < 0) t->depth--;
    if (!t->depth) return false;
    t->taken[t->depth - 1] = t->following[t->depth - 1];
    return true;
}

/* given: a token at place `held`, or -1. */
static void begin(visitor *t, pal_sampler sampler, int32_t steps, int32_t held)
{
    pal_arena arena = {.base = t->block};
    pal_fill *f = &t->fill;
    t->blank = (pal_blank){.min = PLACES, .max = PLACES};
    *f = (pal_fill){
        .predictor = predictor_of(&t->m), .classes = &t->m.classes, .n = PLACES, .blanks = 1, .places = PLACES};
    f->options = (pal_infill_options){.sampler = sampler,
                                      .temperature = 1.0,
                                      .top_p = 1.0,
                                      .repetition_penalty = 1.0,
                                      .remask = -1.0,
                                      .free_min = 1,
                                      .free_max = 1,
                                      .steps = steps};
    f->tokens = t->tokens;
    f->blank = &t->blank;
    f->place = t->place;
    for (int32_t i = 0; i < PLACES; i++) t->place[i] = (pal_fill_place){.at = i, .index = i, .pinned = i == held};
    pal_fill_layout(f, VOCAB, PLACES, PLACES, &arena);
    assert_true(arena.used < sizeof t->block);
    pal_fill_start(f);
    f->uniform = answer;
    f->uniform_context = t;
}

static void set_page(visitor *t, int32_t page, int32_t step, bool closed)
{
    pal_fill *f = &t->fill;
    f->open = 0;
    f->step = step;
    f->tokens_changed = f->order_changed = true;
    for (int32_t i = 0; i < PLACES; i++) {
        t->tokens[i] = token_of(&t->m, page, i);
        const bool absorbs = t->m.noise.graph == PAL_GRAPH_ABSORB;
        const bool open = !t->place[i].pinned && !closed && (absorbs ? t->tokens[i] == MASK : true);
        t->place[i].step = open ? -1 : t->place[i].pinned ? 0 : 1;
        t->place[i].rank = open ? PAL_RANK_UNKNOWN : t->place[i].step;
        f->open += open;
    }
}

/* after := the distribution over pages after one step of the sampler. */
static void push(visitor *t, const double *before, double *after, int32_t step)
{
    memset(after, 0, MOST_PAGES * sizeof *after);
    for (int32_t page = 0; page < t->m.pages; page++) {
        if (!(before[page] > 0.0)) continue;
        t->depth = 0;
        do {
            t->asked = 0;
            t->weight = 1.0;
            set_page(t, page, step, false);
            pal_fill_sampler_step(&t->fill);
            after[page_of(&t->m, t->tokens)] += before[page] * t->weight;
        } while (next_run(t));
    }
}

/* The distribution before the first step: only masks, or uniform noise; a held place has its token. */
static void first(const visitor *t, int32_t held, int32_t token, double *probs)
{
    for (int32_t page = 0; page < t->m.pages; page++) {
        probs[page] = 1.0;
        for (int32_t i = 0; i < PLACES; i++) {
            const int32_t id = token_of(&t->m, page, i);
            if (i == held)
                probs[page] *= id == token;
            else
                probs[page] *= t->m.noise.graph == PAL_GRAPH_ABSORB ? (double)(id == MASK) : 1.0 / t->m.states;
        }
    }
}

/* The distribution of the sampler's texts. */
static void run(visitor *t, pal_sampler sampler, int32_t steps, int32_t held, int32_t token, double *probs)
{
    double before[MOST_PAGES];
    begin(t, sampler, steps, held);
    first(t, held, token, before);
    const int32_t last = pal_fill_last(&t->fill);
    for (int32_t step = 0; step < last; step++) {
        push(t, before, probs, step);
        memcpy(before, probs, sizeof before);
    }
}

static double error_of(visitor *t, pal_sampler sampler, int32_t steps)
{
    double probs[MOST_PAGES] = {0.0}, sum = 0.0;
    run(t, sampler, steps, -1, 0, probs);
    for (int32_t page = 0; page < t->m.pages; page++) sum += probs[page];
    assert_true(fabs(sum - 1.0) < 1e-9);
    return distance(&t->m, probs, t->m.joint);
}

/* ---- C03: the error falls as 1 / K ------------------------------------------------------------------ */

static const pal_sampler samplers[] = {PAL_EULER, PAL_TWEEDIE, PAL_EULER_CORRECTOR};
enum { SAMPLERS = sizeof samplers / sizeof *samplers };

static void errors_fall_with_the_number_of_steps_on_both_graphs(void **state)
{
    (void)state;
    for (int graph = 0; graph < 2; graph++)
        for (int i = 0; i < SAMPLERS; i++) {
            double error[4];
            make(&v.m, (pal_graph)graph, 5);
            for (int k = 0; k < 4; k++) error[k] = error_of(&v, samplers[i], 4 << k);
            const double slope = log(error[3] / error[1]) / log(4.0);
            print_message("    %s %s: %.4f %.4f %.4f %.4f, slope %.2f\n", graph ? "uniform" : "absorb",
                          pal_sampler_name(samplers[i]), error[0], error[1], error[2], error[3], slope);
            assert_true(error[0] > 1e-4);
            assert_true(slope < -0.8 && slope > -1.35);
        }
}

/* ---- held tokens, C09 ------------------------------------------------------------------------------- */

static double error_of_held(visitor *t, pal_sampler sampler, int32_t steps)
{
    double worst = 0.0;
    for (int32_t token = 0; token < SYMBOLS; token++) {
        double probs[MOST_PAGES] = {0.0}, wanted[MOST_PAGES] = {0.0}, sum = 0.0;
        run(t, sampler, steps, 1, token, probs);
        for (int32_t page = 0; page < t->m.pages; page++)
            if (token_of(&t->m, page, 1) == token) sum += wanted[page] = t->m.joint[page];
        for (int32_t page = 0; page < t->m.pages; page++) wanted[page] /= sum;
        worst = fmax(worst, distance(&t->m, probs, wanted));
    }
    return worst;
}

static void holding_tokens_is_right_on_the_absorbing_graph_only(void **state)
{
    (void)state;
    make(&v.m, PAL_GRAPH_ABSORB, 5);
    const double few = error_of_held(&v, PAL_TWEEDIE, 16), many = error_of_held(&v, PAL_TWEEDIE, 64);
    print_message("    absorb: %.4f at 16 steps, %.4f at 64\n", few, many);
    assert_true(many < few / 3.0);
    make(&v.m, PAL_GRAPH_UNIFORM, 5);
    const double coarse = error_of_held(&v, PAL_TWEEDIE, 24), fine = error_of_held(&v, PAL_TWEEDIE, 72);
    print_message("    uniform: %.4f at 24 steps, %.4f at 72\n", coarse, fine);
    assert_true(fine > 0.03 && fabs(fine - coarse) < 0.3 * fine);
}

/* ---- one place, and the first and the last step ----------------------------------------------------- */

/* For a text whose places are independent, Tweedie's steps are exact, however few they are. */
static void tweedie_is_exact_for_independent_places(void **state)
{
    (void)state;
    for (int graph = 0; graph < 2; graph++)
        for (int32_t steps = 1; steps <= 3; steps++) {
            const double p[SYMBOLS] = {0.7, 0.25, 0.05};
            make(&v.m, (pal_graph)graph, 1);
            for (int32_t page = 0; page < v.m.pages; page++) {
                v.m.joint[page] = 1.0;
                for (int32_t i = 0; i < PLACES; i++) {
                    const int32_t id = token_of(&v.m, page, i);
                    v.m.joint[page] *= id < SYMBOLS ? p[id] : 0.0;
                }
            }
            /* Only the start is inexact: noise of sigma(1) has left a share of 0.001 of the tokens as they were. */
            const double error = error_of(&v, PAL_TWEEDIE, steps);
            if (!(error < (graph ? 3e-3 : 1e-6))) fail_msg("graph %d, %d steps: %g", graph, (int)steps, error);
        }
}

/* ---- first-hitting ---------------------------------------------------------------------------------- */

static void first_hitting_draws_the_share_of_masks_from_the_numbers_of_open_places(void **state)
{
    (void)state;
    enum { RUNS = 10000 };
    double sum[PLACES] = {0.0}, squares = 0.0;
    make(&v.m, PAL_GRAPH_ABSORB, 5);
    begin(&v, PAL_FIRST_HITTING, 0, -1);
    for (uint32_t seed = 0; seed < RUNS; seed++) {
        double before = 1.0;
        pal_fill_start(&v.fill); /* with random numbers of its own */
        v.fill.options.seed = seed;
        for (int32_t i = 0; i < PLACES; i++) {
            pal_fill_step(&v.fill, NULL);
            assert_true(v.fill.evaluated_time <= before);
            before = v.fill.evaluated_time;
            sum[i] += before;
            squares += i == 0 ? before * before : 0.0;
        }
    }
    /* Times at which the places are revealed are uniform: in falling order their means are 3/4, 1/2 and 1/4. */
    for (int32_t i = 0; i < PLACES; i++) assert_true(fabs(sum[i] / RUNS - (PLACES - i) / (PLACES + 1.0)) < 0.012);
    assert_true(fabs(squares / RUNS - 3.0 / 5.0) < 0.015);
}

/* A rewind to a step and the same steps again give the same shares. */
static void shares_are_the_same_after_a_rewind(void **state)
{
    (void)state;
    double times[PLACES];
    make(&v.m, PAL_GRAPH_ABSORB, 5);
    begin(&v, PAL_FIRST_HITTING, 0, -1);
    pal_fill_start(&v.fill);
    for (int32_t i = 0; i < PLACES; i++) {
        pal_fill_step(&v.fill, NULL);
        times[i] = v.fill.evaluated_time;
    }
    for (int32_t i = 0; i < PLACES; i++)
        if (v.place[i].step > 1) pal_fill_mask(&v.fill, i);
    v.fill.step = 1;
    for (int32_t i = 1; i < PLACES; i++) {
        pal_fill_step(&v.fill, NULL);
        assert_true(fabs(v.fill.evaluated_time / times[i] - 1.0) < 1e-12);
    }
}

static void first_hitting_is_exact_with_the_exact_score(void **state)
{
    (void)state;
    enum { RUNS = 30000 };
    double counts[MOST_PAGES] = {0.0};
    make(&v.m, PAL_GRAPH_ABSORB, 5);
    begin(&v, PAL_FIRST_HITTING, 0, -1);
    for (uint32_t seed = 0; seed < RUNS; seed++) {
        pal_fill_start(&v.fill);
        v.fill.options.seed = 1000 + seed;
        while (pal_fill_step(&v.fill, NULL) == PAL_MORE) continue;
        counts[page_of(&v.m, v.tokens)] += 1.0 / RUNS;
    }
    const double error = distance(&v.m, counts, v.m.joint);
    if (error > 0.017) fail_msg("%g", error); /* its mean for the true distribution is about 0.01 */
}

/* ---- C11, C28: the race ----------------------------------------------------------------------------- */

/* The probability that a token of the share w beats a mask of the share 1 - chance, by the formula of race.h. */
static double formula(double w, double mask)
{
    const double c = 0x1p24 * w / mask;
    return 0x1p-24 / expm1(fmin(1.0 / c, 700.0));
}

/* Where shares are far above 2^-24, the race reveals as often as it should, and each token by its share. */
static void the_race_draws_frequent_tokens_by_their_shares(void **state)
{
    (void)state;
    enum { TOKENS = 60, RUNS = 40000 };
    const double chance = 0.05;
    double probs[TOKENS], sum = 0.0;
    int reveals = 0, first = 0;
    for (int i = 0; i < TOKENS; i++) sum += probs[i] = 1.0 / (1.0 + i);
    for (int i = 0; i < TOKENS; i++) probs[i] /= sum;
    for (uint32_t r = 0; r < RUNS; r++) {
        const pal_race race = {7, 0, r, 3};
        const int32_t won = pal_race_run(&race, probs, TOKENS, chance, false);
        reveals += won >= 0;
        first += won == 0;
    }
    assert_true(fabs(reveals - RUNS * chance) < 4.0 * sqrt(RUNS * chance));
    assert_true(fabs(first - RUNS * chance * probs[0]) < 4.0 * sqrt(RUNS * chance * probs[0]));
}

/* A share of 2^-29 never wins against the mask: the largest u is 1 - 2^-24.  (This is due too rarely to be seen otherwise; the
 * formula says how rarely it happens.) */
static void the_race_never_reveals_tokens_that_are_rare_in_a_step(void **state)
{
    (void)state;
    enum { TOKENS = 400, RUNS = 2000 };
    double probs[TOKENS];
    for (int i = 0; i < TOKENS; i++) probs[i] = 1.0 / TOKENS;
    const double chance = TOKENS * 0x1p-29;
    assert_true(formula(chance / TOKENS, 1.0 - chance) < 1e-12 * chance / TOKENS);
    for (uint32_t r = 0; r < RUNS; r++) {
        const pal_race race = {7, 0, r, 3};
        assert_int_equal(pal_race_run(&race, probs, TOKENS, chance, false), -1);
    }
}

/* Without a mask that dominates, the race draws by the probabilities. */
static void the_race_of_the_closing_step_draws_by_the_probabilities(void **state)
{
    (void)state;
    enum { RUNS = 30000 };
    const double probs[] = {0.5, 0.0, 0.3, 0.2};
    int counts[4] = {0};
    for (uint32_t r = 0; r < RUNS; r++) {
        const pal_race race = {1, 2, r, 0};
        const int32_t won = pal_race_run(&race, probs, 4, 1.0, true);
        assert_true(won >= 0);
        counts[won]++;
    }
    for (int i = 0; i < 4; i++) assert_true(fabs(counts[i] / (double)RUNS - probs[i]) < 0.015);
    assert_int_equal(counts[1], 0);
}

/* What the released draw costs at many steps: C11's figures are for a vocabulary of 50,257 pieces by Zipf's law. */
static void the_race_loses_reveals_of_many_rare_tokens(void **state)
{
    (void)state;
    enum { TOKENS = 50257 };
    const int steps[] = {64, 256, 1024, 4096};
    const double kept[] = {0.94, 0.81, 0.69, 0.57}, perplexity[] = {1287.0, 635.0, 278.0, 120.0};
    double all = 0.0;
    for (int i = 1; i <= TOKENS; i++) all += 1.0 / i;
    for (int k = 0; k < 4; k++) {
        double sum = 0.0, logs = 0.0; /* of what is revealed: its entropy is log(sum) - logs / sum */
        for (int i = 1; i <= TOKENS; i++) {
            const double p = formula(1.0 / i / all / steps[k], 1.0 - 1.0 / steps[k]);
            sum += p;
            logs += p > 0.0 ? p * log(p) : 0.0;
        }
        assert_true(fabs(sum * steps[k] - kept[k]) < 0.006);
        assert_true(fabs(exp(log(sum) - logs / sum) / perplexity[k] - 1.0) < 0.01);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_fall_with_the_number_of_steps_on_both_graphs),
        cmocka_unit_test(holding_tokens_is_right_on_the_absorbing_graph_only),
        cmocka_unit_test(tweedie_is_exact_for_independent_places),
        cmocka_unit_test(first_hitting_draws_the_share_of_masks_from_the_numbers_of_open_places),
        cmocka_unit_test(shares_are_the_same_after_a_rewind),
        cmocka_unit_test(first_hitting_is_exact_with_the_exact_score),
        cmocka_unit_test(the_race_draws_frequent_tokens_by_their_shares),
        cmocka_unit_test(the_race_never_reveals_tokens_that_are_rare_in_a_step),
        cmocka_unit_test(the_race_of_the_closing_step_draws_by_the_probabilities),
        cmocka_unit_test(the_race_loses_reveals_of_many_rare_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
