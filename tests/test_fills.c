/* test_fills.c - scores of fills: what a session drew is as likely as it reported, in every exact order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapted_testing.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PAGE         "[[2]] upon a time the [[4]] was [[1]][[3]] and the dog ran.[[2]]"

enum { MAX_BLANKS = 8 };

static pal_model *diffusion;

static int open_all(void **state)
{
    diffusion = open_test_model("tiny-infill");
    return open_both(state);
}

static int close_all(void **state)
{
    pal_model_close(diffusion);
    return close_both(state);
}

/* A page as it was filled: its fills, the order of the places, and the product of the probabilities. */
typedef struct {
    int32_t ids[MAX_PLACES];
    pal_given_fill fills[MAX_BLANKS];
    size_t blanks;
    pal_drawn_place order[MAX_PLACES];
    size_t drawn;
    double nats;
    bool from_left; /* the places of each blank were drawn from left to right */
} filled;

static void add_fill(filled *r, const pal_place *place, size_t count)
{
    size_t used = 0, i = 0;
    for (r->blanks = 0; i < count; r->blanks++) {
        pal_given_fill *fill = &r->fills[r->blanks];
        *fill = (pal_given_fill){.ids = r->ids + used};
        for (; i < count && place[i].blank == (int32_t)r->blanks; i++)
            if (!place[i].empty) {
                r->ids[used++] = place[i].id;
                fill->count++;
            }
    }
}

/* Places in the order of their steps; of the places that hold <empty> only the first is in it. */
static void add_order(filled *r, const pal_place *place, size_t count)
{
    r->drawn = 0;
    r->from_left = true;
    for (size_t i = 1; i < count; i++)
        if (place[i].index && place[i].step < place[i - 1].step) r->from_left = false;
    for (int32_t step = 1; step <= (int32_t)count; step++)
        for (size_t i = 0; i < count; i++) {
            if (place[i].step != step || (place[i].empty && place[i].index && place[i - 1].empty)) continue;
            r->order[r->drawn++] = (pal_drawn_place){place[i].blank, place[i].index};
            r->nats -= log((double)place[i].probability);
        }
}

static void fill_page(const char *page, const pal_infill_options *o, filled *r)
{
    static pal_place place[MAX_PLACES];
    lent l = start(page, o);
    finish(&l);
    const size_t count = pal_session_tokens(l.session, place, MAX_PLACES);
    assert_true(count <= MAX_PLACES);
    end(&l);
    r->nats = 0.0;
    add_fill(r, place, count);
    add_order(r, place, count);
}

static pal_status try_score(const char *page, const pal_infill_options *o, const pal_given_fill *fills, size_t count,
                            const pal_fills_options *how, pal_fills_result *out, pal_error *err)
{
    pal_fills *job;
    pal_status s = pal_fills_start(&job, model, page, strlen(page), o, fills, count, how, err);
    if (s) return s;
    while ((s = pal_fills_step(job, err)) == PAL_MORE) assert_true(isnan(pal_fills_result_of(job).nats));
    if (!s) *out = pal_fills_result_of(job);
    pal_fills_end(job);
    return s;
}

static pal_fills_result score(const char *page, const pal_infill_options *o, const filled *r,
                              const pal_fills_options *how)
{
    pal_error err = {0};
    pal_fills_result result = {0};
    if (try_score(page, o, r->fills, r->blanks, how, &result, &err)) fail_msg("%s: %s", page, err.text);
    return result;
}

/* ---- what sessions report --------------------------------------------------------------------------- */

static void check_page(const char *page, pal_sampler sampler, uint64_t seed)
{
    pal_infill_options o = options_of(sampler, seed);
    o.borders = seed % 2;
    filled r;
    fill_page(page, &o, &r);
    pal_fills_options how = pal_fills_defaults();
    if (sampler != PAL_FIRST_HITTING) {
        const pal_fills_result replayed = score(page, &o, &r, &how);
        assert_false(replayed.bound);
        assert_true(fabs(replayed.nats - r.nats) < 1e-5 * r.nats);
    }
    how.order = r.order;
    how.order_count = r.drawn;
    const pal_fills_result in_order = score(page, &o, &r, &how);
    assert_true(fabs(in_order.nats - r.nats) < 1e-5 * r.nats);
    assert_int_equal(in_order.evaluations, model == diffusion ? r.drawn : 1);
}

static void a_fill_is_as_likely_as_its_session_reported(void **state)
{
    (void)state;
    static const pal_sampler samplers[] = {PAL_FIRST_HITTING, PAL_MARGIN, PAL_ENTROPY, PAL_CONFIDENCE};
    pal_model *models[] = {diffusion, with.model};
    for (size_t m = 0; m < COUNT(models); m++)
        for (size_t s = 0; s < COUNT(samplers); s++)
            for (uint64_t seed = 0; seed < 4; seed++) {
                model = models[m];
                check_page(PAGE, samplers[s], seed);
            }
}

static void ends_of_blanks_count(void **state)
{
    (void)state;
    model = diffusion;
    int seen = 0;
    for (uint64_t seed = 0; seed < 24; seed++) {
        pal_infill_options o = options_of(PAL_FIRST_HITTING, seed);
        filled r;
        fill_page("the [[1-3]] dog", &o, &r);
        if (!r.from_left) continue; /* such orders cannot be given */
        const pal_fills_options how = {.order = r.order, .order_count = r.drawn};
        assert_true(fabs(score("the [[1-3]] dog", &o, &r, &how).nats - r.nats) < 1e-5 * r.nats);
        seen++;
    }
    assert_true(seen > 3);
}

/* ---- ends of blanks that a network of query rows draws ------------------------------------------------ */

#define FREE_PAGE "[[?]] upon a time the [[2-5]] was [[3]] and the dog ran.[[1-4]]"

/* An evaluation answers up to the next end. */
static uint64_t segments(const filled *r)
{
    uint64_t count = 0;
    for (size_t i = 0; i < r->drawn; i++)
        count += i + 1 == r->drawn || (size_t)r->order[i].index == r->fills[r->order[i].blank].count;
    return count;
}

/* Regression: the ranks of an evaluation of several places begin after those of the query, not at the next step. */
static void drawn_ends_count(void **state)
{
    (void)state;
    attached ended = attach_to(base, &(adapter_spec){.rank = 4, .empty = true});
    model = ended.model;
    const int32_t empty = usual_token();
    size_t shorter = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        pal_infill_options o = options_of(seed % 2 ? PAL_ASCENDING : PAL_ASCENDING_RANDOM, seed);
        filled r;
        o.empty_token = empty;
        fill_page(FREE_PAGE, &o, &r);
        shorter += r.drawn < 28;
        pal_fills_options how = {.order = r.order, .order_count = r.drawn, .orders = 4};
        const pal_fills_result in_order = score(FREE_PAGE, &o, &r, &how);
        assert_true(fabs(in_order.nats - r.nats) < 1e-5 * r.nats);
        assert_int_equal(in_order.evaluations, segments(&r));
        how.order = NULL;
        const pal_fills_result replayed = score(FREE_PAGE, &o, &r, &how);
        assert_int_equal(replayed.bound, o.sampler == PAL_ASCENDING_RANDOM);
        if (!replayed.bound) assert_true(fabs(replayed.nats - r.nats) < 1e-5 * r.nats);
    }
    assert_true(shorter > 2);
    close_attachment(&ended);
}

/* One blank has one order: also with a random sampler the result is exact, and takes one evaluation. */
static void one_blank_has_one_order(void **state)
{
    (void)state;
    static const pal_sampler samplers[] = {PAL_SAMPLER_OF_MODEL, PAL_ASCENDING, PAL_ASCENDING_RANDOM};
    attached ended = attach_to(base, &(adapter_spec){.rank = 4, .empty = true});
    model = ended.model;
    const int32_t empty = usual_token();
    const pal_fills_options how = pal_fills_defaults();
    for (uint64_t seed = 0; seed < 12; seed++) {
        pal_infill_options o = options_of(samplers[seed % 3], seed);
        filled r;
        o.empty_token = empty;
        fill_page("the [[?]] dog", &o, &r);
        const pal_fills_result result = score("the [[?]] dog", &o, &r, &how);
        assert_true(!result.bound && result.evaluations == 1);
        assert_true(fabs(result.nats - r.nats) < 1e-5 * r.nats);
    }
    close_attachment(&ended);
}

/* What a fill of the page "the[[1-2]] dog" adds at index `at`: the probability of its token there, or of its end; 0 if it
 * cannot have it. */
static double probability_at(const pal_infill_options *o, const int32_t *ids, size_t count, size_t at)
{
    const pal_fills_options how = pal_fills_defaults();
    const pal_given_fill fill = {ids, count, NULL, 0};
    pal_fill_nats places[2];
    pal_fills *job;
    pal_status s;
    if (pal_fills_start(&job, model, "the[[1-2]] dog", 14, o, &fill, 1, &how, NULL)) return 0.0;
    while ((s = pal_fills_step(job, NULL)) == PAL_MORE) continue;
    assert_int_equal(pal_fills_places(job, places, 2), 2);
    assert_int_equal(places[1].id, count == 1 ? -1 : ids[1]);
    pal_fills_end(job);
    return s ? 0.0 : exp(-places[at].nats);
}

/* The probabilities of all tokens, and of the end of the blank, add up to one at each place. */
static void all_lengths_together_have_probability_one(void **state)
{
    (void)state;
    attached ended = attach_to(base, &(adapter_spec){.rank = 4, .empty = true});
    model = ended.model;
    pal_infill_options o = options_of(PAL_ASCENDING, 0);
    o.borders = false;
    o.empty_token = usual_token();
    const int32_t the = piece_id(base, "\xE2\x96\x81the");
    double first = 0.0, second = probability_at(&o, &the, 1, 1);
    for (int32_t id = 0; id < pal_model_info(model)->vocabulary; id++) {
        first += probability_at(&o, &id, 1, 0);
        second += probability_at(&o, (int32_t[]){the, id}, 2, 1);
    }
    assert_true(fabs(first - 1.0) < 1e-9);
    assert_true(fabs(second - 1.0) < 1e-9);
    close_attachment(&ended);
}

/* With one evaluation for all places or one for each the result has the same bits. */
static void places_are_listed_with_their_nats(void **state)
{
    (void)state;
    model = with.model;
    const pal_infill_options o = options_of(PAL_CONFIDENCE, 3);
    filled r;
    fill_page(PAGE, &o, &r);
    pal_fills_options how = {.order = r.order, .order_count = r.drawn, .orders = 2};
    pal_fill_nats one[MAX_PLACES], all[MAX_PLACES];
    for (int given = 0; given < 2; given++) {
        pal_fills *job;
        if (!given) how.order = NULL;
        assert_int_equal(pal_fills_start(&job, model, PAGE, strlen(PAGE), &o, r.fills, r.blanks, &how, NULL), PAL_OK);
        while (pal_fills_step(job, NULL) == PAL_MORE) continue;
        assert_int_equal(pal_fills_places(job, given ? all : one, MAX_PLACES), 12);
        pal_fills_end(job);
        how.order = r.order;
    }
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(one[i].blank, all[i].blank);
        assert_int_equal(one[i].index, all[i].index);
        assert_int_equal(one[i].id, r.ids[i]);
        assert_memory_equal(&one[i].nats, &all[i].nats, sizeof one[i].nats);
        assert_true(all[i].nats > 0.0);
    }
}

/* A job that starts again has the bits of a new one, and computes the given text only once. */
static void a_job_can_start_again(void **state)
{
    (void)state;
    pal_model *models[] = {diffusion, with.model};
    for (size_t m = 0; m < COUNT(models); m++) {
        model = models[m];
        static filled r[2];
        const pal_infill_options o = options_of(PAL_FIRST_HITTING, 7), other = options_of(PAL_FIRST_HITTING, 8);
        pal_fills *job;
        fill_page(PAGE, &o, &r[0]);
        fill_page(PAGE, &other, &r[1]);
        pal_fills_options how = {.orders = 2, .order = r[0].order, .order_count = r[0].drawn};
        assert_int_equal(pal_fills_start(&job, model, PAGE, strlen(PAGE), &o, r[0].fills, r[0].blanks, &how, NULL), 0);
        while (pal_fills_step(job, NULL) == PAL_MORE) continue;
        assert_int_equal(pal_fills_again(job, r[0].fills, 1, &how, NULL), PAL_E_OPTION);
        for (int which = 0; which < 4; which++) {
            const filled *now = &r[which % 2];
            how.order = which < 2 ? now->order : NULL;
            how.order_count = now->drawn;
            assert_int_equal(pal_fills_again(job, now->fills, now->blanks, &how, NULL), PAL_OK);
            while (pal_fills_step(job, NULL) == PAL_MORE) continue;
            const pal_fills_result again = pal_fills_result_of(job), alone = score(PAGE, &o, now, &how);
            assert_memory_equal(&again.nats, &alone.nats, sizeof again.nats);
            assert_int_equal(again.evaluations, alone.evaluations);
        }
        pal_fills_end(job);
    }
}

static void a_random_order_gives_a_bound(void **state)
{
    (void)state;
    model = diffusion;
    pal_infill_options o = options_of(PAL_FIRST_HITTING, 1);
    filled r;
    fill_page("the [[2]] dog", &o, &r);
    pal_fills_options how = {.orders = 400};
    double nats[2];
    for (int32_t first = 0; first < 2; first++) {
        const pal_drawn_place order[] = {{0, first}, {0, 1 - first}};
        nats[first] = score("the [[2]] dog", &o, &r, &(pal_fills_options){.order = order, .order_count = 2}).nats;
    }
    const pal_fills_result bound = score("the [[2]] dog", &o, &r, &how);
    assert_true(bound.bound && bound.orders == 400 && bound.standard_error > 0.0);
    assert_true(fabs(bound.nats - (nats[0] + nats[1]) / 2) < 4.0 * bound.standard_error);
    assert_true(fabs(bound.standard_error - fabs(nats[0] - nats[1]) / 2 / 20) < 0.1 * bound.standard_error);
    const pal_fills_result single =
        score("the [[1]] dog", &o, &(filled){.fills = {{r.ids, 1, NULL, 0}}, .blanks = 1}, &how);
    assert_false(single.bound);
}

/* ---- sums over all fills ---------------------------------------------------------------------------- */

static double sum_over_tokens(const char *page, const pal_fills_options *how)
{
    const pal_infill_options o = options_of(PAL_MARGIN, 0);
    double sum = 0.0;
    for (int32_t id = 0; id < pal_model_info(model)->vocabulary; id++) {
        pal_fills_result result;
        if (try_score(page, &o, &(pal_given_fill){&id, 1, NULL, 0}, 1, how, &result, NULL) == PAL_OK)
            sum += exp(-result.nats);
    }
    return sum;
}

static void all_tokens_together_have_probability_one(void **state)
{
    (void)state;
    pal_fills_options how = pal_fills_defaults();
    pal_model *models[] = {diffusion, with.model};
    for (size_t m = 0; m < COUNT(models); m++) {
        model = models[m];
        assert_true(fabs(sum_over_tokens("the [[1]] dog", &how) - 1.0) < 1e-9);
    }
    how.left_only = true;
    model = base;
    assert_true(fabs(sum_over_tokens("the [[1]] dog", &how) - 1.0) < 1e-9);
}

/* ---- what stands before, and nothing else ------------------------------------------------------------ */

/* Two tokens at one place differ by the ratio that a causal model gives them, also without the adapter of a model. */
static void left_only_is_what_a_causal_model_says(void **state)
{
    (void)state;
    const pal_fills_options how = {.left_only = true};
    pal_infill_options o = options_of(PAL_MARGIN, 0);
    pal_model *models[] = {base, with.model};
    const int32_t the = piece_id(base, "\xE2\x96\x81the"), other[] = {the + 1, the + 2};
    pal_surprise_token surprise[2][2];
    o.borders = false;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pal_surprise(base, (int32_t[]){the, other[i]}, 2, 0, surprise[i], NULL), PAL_OK);
    for (size_t m = 0; m < COUNT(models); m++) {
        double nats[2];
        model = models[m];
        for (int i = 0; i < 2; i++) {
            const filled r = {.fills = {{other + i, 1, NULL, 0}}, .blanks = 1};
            const pal_fills_result result = score("the[[1]] was", &o, &r, &how);
            assert_int_equal(result.evaluations, 1);
            assert_true(result.nats < -surprise[i][1].logprob); /* control tokens are left out */
            nats[i] = result.nats;
        }
        assert_true(fabs(nats[1] - nats[0] + surprise[1][1].logprob - surprise[0][1].logprob) < 1e-9);
    }
}

/* ---- texts, and what is refused ---------------------------------------------------------------------- */

static void a_text_is_tokenized(void **state)
{
    (void)state;
    model = diffusion;
    const pal_infill_options o = options_of(PAL_MARGIN, 0);
    const int32_t ids[] = {piece_id(model, "\xE2\x96\x81"
                                           "dog"),
                           piece_id(model, "\xE2\x96\x81"
                                           "ran")};
    const filled tokens = {.fills = {{ids, 2, NULL, 0}}, .blanks = 1};
    const filled text = {.fills = {{NULL, 0, "dog ran", 7}}, .blanks = 1};
    const pal_fills_options how = pal_fills_defaults();
    const pal_fills_result a = score("the [[2]] was", &o, &tokens, &how), b = score("the [[2]] was", &o, &text, &how);
    assert_memory_equal(&a.nats, &b.nats, sizeof a.nats);
}

static void refuse(const char *page, const int32_t *ids, size_t count, const pal_fills_options *how, const char *word)
{
    pal_error err = {0};
    pal_fills_result result;
    const pal_infill_options o = options_of(PAL_MARGIN, 0);
    assert_int_equal(try_score(page, &o, &(pal_given_fill){ids, count, NULL, 0}, 1, how, &result, &err), PAL_E_OPTION);
    if (!strstr(err.text, word)) fail_msg("\"%s\" without \"%s\"", err.text, word);
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    model = diffusion;
    const pal_infill_options o = options_of(PAL_PARALLEL, 0);
    const pal_fills_options how = pal_fills_defaults(), left = {.left_only = true}, few = {.orders = 1};
    const int32_t dog = piece_id(model, "\xE2\x96\x81"
                                        "dog"),
                  ids[] = {dog, dog, dog}, control[] = {model->classes.mask, dog}, outside[] = {dog, 1 << 20};
    refuse("the [[2]] was", ids, 1, &how, "fewer tokens");
    refuse("the [[2]] was", ids, 3, &how, "more tokens");
    refuse("the [[2]] was [[1]]", ids, 2, &how, "as many blanks");
    refuse("the [[2]] was", control, 2, &how, "control tokens never");
    refuse("the [[2]] was", outside, 2, &how, "outside the vocabulary");
    refuse("the [[2]] was", ids, 2, &left, "causal model");
    refuse("the [[1-2]] was", ids, 1, &how, "in a given order");
    pal_error err = {0};
    pal_fills_result r;
    const pal_given_fill fill = {ids, 2, NULL, 0};
    assert_int_equal(try_score("the [[2]] was", &o, &fill, 1, &how, &r, &err), PAL_E_OPTION);
    assert_non_null(strstr(err.text, "exact sampler"));
    const pal_infill_options random = options_of(PAL_FIRST_HITTING, 0);
    assert_int_equal(try_score("the [[2]] was", &random, &fill, 1, &few, &r, &err), PAL_E_OPTION);
    assert_int_equal(try_score("the [[2 was", &random, &fill, 1, &how, &r, &err), PAL_E_TEXT);
    model = base;
    assert_int_equal(try_score("the [[2]] was", &random, &fill, 1, &how, &r, &err), PAL_E_UNSUPPORTED);
}

static void orders_are_checked(void **state)
{
    (void)state;
    model = diffusion;
    const int32_t dog = piece_id(model, "\xE2\x96\x81"
                                        "dog"),
                  ids[] = {dog, dog};
    static const struct {
        pal_drawn_place order[3];
        size_t count;
        const char *page, *word;
    } bad[] = {{{{0, 0}}, 1, "the [[2]] was", "every token"},
               {{{0, 0}, {0, 0}}, 2, "the [[2]] was", "twice"},
               {{{0, 0}, {1, 0}}, 2, "the [[2]] was", "not in"},
               {{{0, 0}, {0, 2}}, 2, "the [[2]] was", "not in"},
               {{{0, 0}, {0, 1}}, 2, "the [[1-3]] was", "the end"},
               {{{0, 1}, {0, 0}, {0, 2}}, 3, "the [[1-3]] was", "left"},
               {{{0, 0}, {0, 1}, {0, 3}}, 3, "the [[1-4]] was", "not in"}};
    for (size_t i = 0; i < COUNT(bad); i++)
        refuse(bad[i].page, ids, 2, &(pal_fills_options){.order = bad[i].order, .order_count = bad[i].count},
               bad[i].word);
}

static void pages_without_blanks_have_nothing_to_score(void **state)
{
    (void)state;
    model = diffusion;
    const pal_infill_options o = options_of(PAL_MARGIN, 0);
    const filled none = {.blanks = 0};
    const pal_fills_options how = pal_fills_defaults();
    const pal_fills_result r = score("the dog", &o, &none, &how);
    assert_true(r.nats >= 0.0 && r.nats <= 0.0 && r.tokens == 0 && r.evaluations == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fill_is_as_likely_as_its_session_reported),
        cmocka_unit_test(ends_of_blanks_count),
        cmocka_unit_test(drawn_ends_count),
        cmocka_unit_test(one_blank_has_one_order),
        cmocka_unit_test(all_lengths_together_have_probability_one),
        cmocka_unit_test(places_are_listed_with_their_nats),
        cmocka_unit_test(a_job_can_start_again),
        cmocka_unit_test(a_random_order_gives_a_bound),
        cmocka_unit_test(all_tokens_together_have_probability_one),
        cmocka_unit_test(left_only_is_what_a_causal_model_says),
        cmocka_unit_test(a_text_is_tokenized),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(orders_are_checked),
        cmocka_unit_test(pages_without_blanks_have_nothing_to_score),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
