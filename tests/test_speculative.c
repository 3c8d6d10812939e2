/* test_speculative.c - several tokens drafted and verified: the fills are those of one token at a time in the same order,
 * on networks of query rows that are small enough to enumerate; rewinds, pins and damaged networks between drafting and
 * verifying. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "adapted_testing.h"
#include "table_model.h"

#define SEED     20261201
#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { EMPTY = 3, MASK = 4 };

/* ---- an enumerable network of query rows --------------------------------------------------------------- */

static table_fill t;
static float kept[PAL_DRAFTS * TABLE_VOCAB];
static struct {
    int32_t tokens[TABLE_PLACES], rank[TABLE_PLACES], evaluations;
    bool asked[TABLE_PLACES], broken;
} rows;

static void evaluate(void *context, const pal_query *q)
{
    (void)context;
    rows.evaluations++;
    memset(rows.asked, 0, sizeof rows.asked);
    for (int i = 0; i < q->count; i++) rows.asked[q->at[i]] = true;
    memcpy(rows.tokens, q->tokens, sizeof rows.tokens);
    memcpy(rows.rank, q->rank, sizeof rows.rank);
}

/* A row depends on the tokens of lower rank only. */
static bool logits(void *context, const int *at, int count, float *out)
{
    const table_model *m = context;
    for (int i = 0; i < count; i++) {
        int32_t seen[TABLE_PLACES];
        assert_true(rows.asked[at[i]]);
        for (int32_t k = 0; k < TABLE_PLACES; k++) seen[k] = rows.rank[k] < rows.rank[at[i]] ? rows.tokens[k] : MASK;
        memcpy(out + (size_t)i * TABLE_VOCAB, m->logit[table_page(m, seen)][at[i]], TABLE_VOCAB * sizeof *out);
    }
    return !rows.broken;
}

typedef struct {
    int32_t tokens[TABLE_PLACES], blanks, from[4], min[4], max[4];
    double temperature;
    int32_t top_k;
} page_spec;

static const page_spec specs[] = {
    {{MASK, MASK, MASK, MASK}, 1, {0}, {4}, {4}, 1.0, 0},
    {{MASK, MASK, MASK, MASK}, 1, {0}, {1}, {4}, 1.0, 0},
    {{MASK, MASK, MASK, MASK}, 4, {0, 1, 2, 3}, {1, 1, 1, 1}, {1, 1, 1, 1}, 1.0, 0},
    {{MASK, MASK, MASK, MASK}, 2, {0, 2}, {1, 1}, {2, 2}, 1.0, 0},
    {{MASK, MASK, MASK, MASK}, 2, {0, 1}, {1, 1}, {1, 3}, 0.6, 0},
    {{MASK, MASK, MASK, MASK}, 2, {0, 2}, {1, 1}, {2, 2}, 0.8, 2},
    {{MASK, MASK, MASK, MASK}, 1, {0}, {1}, {4}, 0.0, 0},
    {{MASK, MASK, 1, MASK}, 1, {0}, {1}, {4}, 1.0, 0}, /* a word is pinned */
    {{MASK, 2, MASK, MASK}, 2, {0, 2}, {1, 1}, {1, 2}, 1.3, 0},
    {{MASK, MASK, MASK, MASK}, 1, {0}, {1}, {4}, 0.5, 0},
    {{MASK, MASK, MASK, MASK}, 1, {0}, {2}, {4}, 0.3, 0},
};

static void learnt(uint64_t seed)
{
    table_init(&t.model, TABLE_PLACES, TABLE_SYMBOLS, true);
    table_random_joint(&t.model, seed, 0.5, 0.0, NULL);
    table_learnt(&t.model, seed);
    t.model.classes.ends = true;
}

static void begin_with(pal_sampler sampler, const page_spec *s)
{
    table_fill_blanks(&t, sampler, table_page(&t.model, s->tokens), s->blanks, s->from, s->min, s->max);
    t.fill.options.temperature = s->temperature;
    t.fill.options.top_k = s->top_k;
    t.fill.predictor = (pal_predictor){
        .context = &t.model, .vocab = TABLE_VOCAB, .evaluate = evaluate, .logits = logits, .reads_order = true};
}

static void begin(const page_spec *s)
{
    begin_with(PAL_SPECULATIVE, s);
    t.fill.drafts.probs = kept;
}

/* ---- the distribution, written down a second time ------------------------------------------------------ */

/* p[symbol] of a place at temperature 1, when the places before it have these tokens; returns that of <empty>. */
static double look_at_1(const page_spec *s, const int32_t *tokens, int32_t b, int32_t place, double p[TABLE_SYMBOLS])
{
    int32_t seen[TABLE_PLACES];
    double sum = 0.0;
    bool ends = s->min[b] < s->max[b] && place - s->from[b] >= s->min[b];
    for (int32_t i = place + 1; i < s->from[b] + s->max[b]; i++) ends = ends && s->tokens[i] == MASK;
    for (int32_t i = 0; i < TABLE_PLACES; i++) {
        seen[i] = i < place ? tokens[i] : s->tokens[i];
        if (seen[i] == EMPTY) seen[i] = MASK;
    }
    for (int32_t id = 0; id < TABLE_SYMBOLS; id++) {
        p[id] = id == EMPTY && !ends ? 0.0 : table_conditional(&t.model, table_page(&t.model, seen), place, id);
        sum += p[id];
    }
    for (int32_t id = 0; id < TABLE_SYMBOLS; id++) p[id] /= sum;
    return p[EMPTY];
}

/* A probability whose odds are those of c to the power of 1 / temperature. */
static double sharpened(double c, double temperature)
{
    if (temperature == 0.0) return c > 0.5;
    return pow(c, 1.0 / temperature) / (pow(c, 1.0 / temperature) + pow(1.0 - c, 1.0 / temperature));
}

/* The probability of <empty> at the temperature: that of having ended by here, given that of having ended before. */
static double end_of(const page_spec *s, const int32_t *tokens, int32_t b, int32_t place, double end)
{
    double before = 0.0, ignored[TABLE_SYMBOLS];
    for (int32_t i = s->from[b]; i < place; i++)
        if (s->tokens[i] == MASK) before += (1.0 - before) * look_at_1(s, tokens, b, i, ignored);
    const double was = sharpened(before, s->temperature),
                 now = sharpened(before + (1.0 - before) * end, s->temperature);
    return end > 0.0 ? (now - was) / (1.0 - was) : 0.0;
}

/* p[symbol] of a place: temperature and top-k for the words, temperature for the end. */
static void look(const page_spec *s, const int32_t *tokens, int32_t b, int32_t place, double p[TABLE_SYMBOLS])
{
    double words = 0.0, own[TABLE_SYMBOLS];
    const double end = end_of(s, tokens, b, place, look_at_1(s, tokens, b, place, p));
    memcpy(own, p, sizeof own);
    for (int32_t id = 0; id < EMPTY; id++) {
        int32_t larger = 0;
        for (int32_t k = 0; k < EMPTY; k++) larger += own[k] > own[id];
        p[id] = s->temperature == 0.0 ? larger == 0 : pow(p[id], 1.0 / s->temperature);
        if (s->top_k && larger >= s->top_k) p[id] = 0.0;
    }
    for (int32_t id = 0; id < EMPTY; id++) words += p[id]; /* no ties: truncating at once is the same */
    for (int32_t id = 0; id < EMPTY; id++) p[id] *= (1.0 - end) / words;
    p[EMPTY] = end;
}

/* out[page] += weight * probability of each full page that can follow, one place at a time in the order. */
static void spread(const page_spec *s, const int32_t *tokens, double weight, double *out)
{
    double p[TABLE_SYMBOLS];
    for (int32_t b = 0; b < s->blanks; b++)
        for (int32_t place = s->from[b]; place < s->from[b] + s->max[b]; place++) {
            if (tokens[place] != MASK) continue;
            look(s, tokens, b, place, p);
            for (int32_t id = 0; id < TABLE_SYMBOLS; id++) {
                int32_t next[TABLE_PLACES];
                if (p[id] <= 0.0) continue;
                memcpy(next, tokens, sizeof next);
                next[place] = id;
                for (int32_t i = place + 1; id == EMPTY && i < s->from[b] + s->max[b]; i++) next[i] = EMPTY;
                spread(s, next, weight * p[id], out);
            }
            return;
        }
    out[table_page(&t.model, tokens)] += weight;
}

/* The engine's draws against the enumeration. */
static void fills_are_those_of_one_token_at_a_time(void **state)
{
    (void)state;
    enum { DRAWS = 3000 };
    int32_t words = 0;
    rows.evaluations = 0;
    for (size_t i = 0; i < COUNT(specs); i++) {
        static int32_t drawn[TABLE_PAGES];
        double wanted[TABLE_PAGES] = {0.0}, sum = 0.0;
        learnt(SEED + i);
        spread(&specs[i], specs[i].tokens, 1.0, wanted);
        for (int32_t page = 0; page < t.model.pages; page++) sum += wanted[page];
        assert_true(fabs(sum - 1.0) < 1e-12);
        memset(drawn, 0, sizeof drawn);
        begin(&specs[i]);
        for (uint32_t draft = 0; draft < DRAWS; draft++) {
            drawn[table_draw(&t, SEED, draft)]++;
            for (int32_t k = 0; k < TABLE_PLACES; k++) words += t.tokens[k] != EMPTY;
        }
        const double excess = table_excess(&t.model, wanted, drawn, DRAWS);
        if (excess > 0.0) fail_msg("page %d: %g", (int)i, excess);
    }
    print_message("    %d words in %d evaluations\n", (int)words, (int)rows.evaluations);
}

/* One blank has one order, so `ascending` draws the same fills. */
static void ascending_draws_the_same_fills_of_one_blank(void **state)
{
    (void)state;
    enum { DRAWS = 3000 };
    for (size_t i = 0; i < COUNT(specs); i++) {
        static int32_t drawn[TABLE_PAGES];
        double wanted[TABLE_PAGES] = {0.0};
        if (specs[i].blanks > 1) continue;
        learnt(SEED + i);
        spread(&specs[i], specs[i].tokens, 1.0, wanted);
        memset(drawn, 0, sizeof drawn);
        begin_with(PAL_ASCENDING, &specs[i]);
        for (uint32_t draft = 0; draft < DRAWS; draft++) drawn[table_draw(&t, SEED, draft)]++;
        const double excess = table_excess(&t.model, wanted, drawn, DRAWS);
        if (excess > 0.0) fail_msg("page %d: %g", (int)i, excess);
    }
}

/* Without drafts, all outcomes visited: what a bidirectional network does too. */
static void one_token_at_a_time_is_the_same_distribution(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(specs); i++) {
        double wanted[TABLE_PAGES] = {0.0}, probs[TABLE_PAGES];
        if (specs[i].temperature != 1.0 || specs[i].top_k) continue; /* table_probs does not know them */
        learnt(SEED + i);
        spread(&specs[i], specs[i].tokens, 1.0, wanted);
        begin(&specs[i]);
        t.fill.drafts.probs = NULL;
        assert_true(table_probs(&t, probs) < 1e-12);
        assert_true(table_distance(&t.model, probs, wanted) < 1e-12);
    }
}

/* The reported probabilities are the network's own, given what came before in the order. */
static void probabilities_reported_multiply_to_that_of_the_page(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(specs); i++) {
        double wanted[TABLE_PAGES] = {0.0};
        page_spec plain = specs[i];
        plain.temperature = 1.0;
        plain.top_k = 0;
        learnt(SEED + i);
        spread(&plain, plain.tokens, 1.0, wanted);
        begin(&specs[i]);
        for (uint32_t draft = 0; draft < 60; draft++) {
            double product = 1.0;
            const int32_t page = table_draw(&t, SEED, draft);
            for (int32_t k = 0; k < t.fill.places; k++)
                if (!t.place[k].pinned) product *= (double)t.place[k].probability;
            assert_true(fabs(product - wanted[page]) < 1e-6 * wanted[page]); /* they are floats */
        }
    }
}

/* On independent places every draft is accepted: four tokens need two evaluations, and each step's rows are asked for by
 * the evaluation that verifies the one before. */
static void drafts_of_independent_places_are_all_accepted(void **state)
{
    (void)state;
    learnt(SEED);
    for (int32_t page = 0; page < t.model.pages; page++)
        memcpy(t.model.logit[page], t.model.logit[table_masked(&t.model)], sizeof t.model.logit[page]);
    for (size_t i = 0; i < 4; i++)
        for (uint32_t draft = 0; draft < 50; draft++) {
            begin(&specs[i]);
            rows.evaluations = 0;
            table_draw(&t, SEED, draft);
            assert_true(rows.evaluations <= 2);
            assert_int_equal(rows.evaluations, t.fill.evaluations);
            assert_int_equal(t.fill.step, 1);
        }
}

static void never_more_evaluations_than_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(specs); i++)
        for (uint32_t draft = 0; draft < 100; draft++) {
            if (draft == 0) learnt(SEED + i);
            begin(&specs[i]);
            int32_t drawn = 0;
            table_draw(&t, SEED, draft);
            for (int32_t k = 0; k < t.fill.places; k++)
                drawn += !t.place[k].pinned && (t.place[k].probability < 1.0f || t.tokens[t.place[k].at] != EMPTY);
            assert_true(t.fill.evaluations <= drawn);
        }
}

/* A network that is damaged while drafts are pending leaves them as they are. */
static void a_damaged_network_changes_nothing(void **state)
{
    (void)state;
    int32_t pending = 0;
    learnt(SEED);
    for (uint32_t draft = 0; draft < 100; draft++) {
        begin(&specs[draft % 4]);
        const int32_t page = table_draw(&t, SEED, draft);
        begin(&specs[draft % 4]);
        t.fill.options.seed = SEED;
        t.fill.options.draft = draft;
        for (bool more = true; more;) {
            const pal_drafts before = t.fill.drafts;
            int32_t tokens[TABLE_PLACES];
            memcpy(tokens, t.tokens, sizeof tokens);
            rows.broken = true;
            assert_int_equal(pal_fill_step(&t.fill, NULL), PAL_E_FORMAT);
            assert_memory_equal(tokens, t.tokens, sizeof tokens);
            assert_int_equal(t.fill.drafts.count, before.count);
            pending += before.count > 0;
            rows.broken = false;
            more = pal_fill_step(&t.fill, NULL) == PAL_MORE;
        }
        assert_int_equal(table_page(&t.model, t.tokens), page);
    }
    assert_true(pending > 20);
}

/* ---- pages of a model ---------------------------------------------------------------------------------- */

#define PAGE "[[1]] upon a time the [[2-5]] was [[3]] and the [[1]] dog ran.[[1-4]]"

static pal_infill_options drafted(uint64_t seed, double temperature)
{
    pal_infill_options o = options_of(PAL_SPECULATIVE, seed);
    o.temperature = temperature;
    return o;
}

/* At temperature 0 there is one page only. */
static void greedy_pages_are_those_of_one_token_at_a_time(void **state)
{
    (void)state;
    char drafts[MAX_TEXT], single[MAX_TEXT];
    const pal_infill_options o = drafted(1, 0.0);
    fill(PAGE, &o, drafts);
    lent l = start(PAGE, &o);
    l.session->fill.drafts.probs = NULL;
    finish(&l);
    text_of(&l, single);
    end(&l);
    assert_string_equal(drafts, single);
}

/* The rows kept in the cache are those of a network that starts again in every step. */
static void steps_are_those_of_a_network_that_starts_again(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        char fill_text[MAX_TEXT], again[MAX_TEXT];
        pal_infill_options o = drafted(seed, seed % 2 ? 0.5 : 1.0);
        if (seed % 3) o.repetition_penalty = 1.3;
        fill(PAGE, &o, fill_text);
        lent l = start(PAGE, &o);
        do {
            pal_row_runner_start(&l.session->runner.rows);
            l.session->fill.tokens_changed = true;
        } while (pal_step(l.session, NULL) == PAL_MORE);
        text_of(&l, again);
        end(&l);
        assert_string_equal(fill_text, again);
    }
}

/* To any step, at any time, also between drafting and verifying; to the current step, which changes nothing. */
static void rewinds_give_the_same_text_again(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        char first[MAX_TEXT], again[MAX_TEXT];
        const pal_infill_options o = drafted(seed, 0.5);
        lent l = start(PAGE, &o);
        finish(&l);
        text_of(&l, first);
        const int32_t last = pal_session_progress(l.session).step;
        for (int32_t step = last; step >= 0; step--) {
            assert_int_equal(pal_session_rewind(l.session, step, NULL), PAL_OK);
            for (int32_t i = 0; i < (int32_t)seed % 5; i++) (void)pal_step(l.session, NULL);
            assert_int_equal(pal_session_rewind(l.session, seed % 2 ? l.session->fill.step : step, NULL), PAL_OK);
            finish(&l);
            text_of(&l, again);
            assert_string_equal(first, again);
        }
        end(&l);
    }
}

static void pins_drop_the_drafts(void **state)
{
    (void)state;
    const int32_t dog = piece_id(base, "\xE2\x96\x81"
                                       "dog");
    for (uint64_t seed = 0; seed < 10; seed++) {
        char text[MAX_TEXT];
        const pal_infill_options o = drafted(seed, 0.6);
        lent l = start(PAGE, &o);
        (void)pal_step(l.session, NULL);
        assert_true(l.session->fill.drafts.count > 0);
        assert_int_equal(pal_session_pin(l.session, 2, 1, dog, NULL), PAL_OK);
        assert_int_equal(l.session->fill.drafts.count, 0);
        finish(&l);
        text_of(&l, text);
        assert_non_null(strstr(text, " dog"));
        end(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_are_those_of_one_token_at_a_time),
        cmocka_unit_test(ascending_draws_the_same_fills_of_one_blank),
        cmocka_unit_test(one_token_at_a_time_is_the_same_distribution),
        cmocka_unit_test(probabilities_reported_multiply_to_that_of_the_page),
        cmocka_unit_test(drafts_of_independent_places_are_all_accepted),
        cmocka_unit_test(never_more_evaluations_than_tokens),
        cmocka_unit_test(a_damaged_network_changes_nothing),
        cmocka_unit_test(greedy_pages_are_those_of_one_token_at_a_time),
        cmocka_unit_test(steps_are_those_of_a_network_that_starts_again),
        cmocka_unit_test(rewinds_give_the_same_text_again),
        cmocka_unit_test(pins_drop_the_drafts),
    };
    return cmocka_run_group_tests(tests, open_both_ending, close_both);
}
