/* The Lab: settings, and what samplers draw on a language that can be enumerated. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/tiny.h"
#include "lab_testing.h"

#include <string.h>

enum { DRAWS, STEPS, EVENNESS, LANGUAGE, SEED, OPTIONS };
enum { FIRST, LEFT, CONFIDENCE, MARGIN, ENTROPY, ANCESTRAL, REMASK, APART, AT_ONCE, TRAP, ROWS };
enum { DISTANCE = 11, CHANCE = 12 };

static void absurd_settings_are_refused_by_number(void **state)
{
    (void)state;
    const double wrong[][OPTIONS] = {{99, 3, 1, 1, 1},       {1e9, 3, 1, 1, 1},     {1000.5, 3, 1, 1, 1},
                                     {1000, 0, 1, 1, 1},     {1000, 3, -1, 1, 1},   {1000, 3, 1, -1, 1},
                                     {1000, 3, 1, 1, 1e300}, {INFINITY, 3, 1, 1, 1}};
    const size_t at[] = {0, 0, 0, 1, 2, 3, 4, 0};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        pal_error err;
        size_t bytes = 7;
        assert_int_equal(pal_lab_bytes(&pal_lab_exactness, wrong[i], OPTIONS, &bytes, &err), PAL_E_OPTION);
        assert_int_equal(err.offset, at[i]);
        assert_int_equal(bytes, 7);
    }
    assert_null(pal_lab_find("nothing"));
}

static void missing_settings_have_their_defaults(void **state)
{
    (void)state;
    const double none[OPTIONS] = {NAN, NAN, NAN, NAN, NAN};
    lab_run r = lab_start(&pal_lab_exactness, none, 0), s = lab_start(&pal_lab_exactness, none, OPTIONS);
    assert_true(r.job->option[DRAWS] == 20000.0 && s.job->option[EVENNESS] == 0.35);
    lab_free(&r);
    lab_free(&s);
}

/* An independent sum over all orders of events: the distribution of texts if `rule` is followed from the empty page. */
typedef void push_fn(const pal_tiny *t, const int32_t *tokens, double weight, double *law);

static double given(const pal_tiny *t, const int32_t *tokens, int32_t place, int32_t symbol)
{
    double sum = 0.0, some = 0.0;
    for (int32_t text = 0; text < PAL_TINY_TEXTS; text++) {
        bool fits = true;
        for (int32_t i = 0; i < PAL_TINY_PLACES; i++)
            if (tokens[i] != 3 && tokens[i] != pal_tiny_symbol(text, i)) fits = false;
        if (!fits) continue;
        sum += t->joint[text];
        if (pal_tiny_symbol(text, place) == symbol) some += t->joint[text];
    }
    return some / sum;
}

/* All open places drawn, one kept: the one whose symbol was the most probable (C04, maskgit_val). */
static void push_trap(const pal_tiny *t, const int32_t *tokens, double weight, double *law)
{
    int32_t open[PAL_TINY_PLACES], count = 0, outcomes = 1;
    for (int32_t i = 0; i < PAL_TINY_PLACES; i++)
        if (tokens[i] == 3) open[count++] = i, outcomes *= 3;
    if (!count) {
        law[pal_tiny_text(tokens)] += weight;
        return;
    }
    for (int32_t outcome = 0; outcome < outcomes; outcome++) {
        double together = weight, best = -1.0;
        int32_t kept = 0, kept_symbol = 0, rest = outcome;
        for (int32_t i = 0; i < count; i++, rest /= 3) {
            const double p = given(t, tokens, open[i], rest % 3);
            together *= p;
            if (p > best) best = p, kept = open[i], kept_symbol = rest % 3;
        }
        int32_t next[PAL_TINY_PLACES];
        memcpy(next, tokens, sizeof next);
        next[kept] = kept_symbol;
        if (together > 0.0) push_trap(t, next, together, law);
    }
}

/* Every open place is revealed with a chance of its own (C03, ancestral). */
static void push_steps(const pal_tiny *t, const int32_t *tokens, double weight, int32_t left, double *law)
{
    if (!left) {
        law[pal_tiny_text(tokens)] += weight;
        return;
    }
    for (int32_t outcome = 0; outcome < PAL_TINY_PAGES; outcome++) {
        int32_t next[PAL_TINY_PLACES];
        double together = weight;
        for (int32_t i = 0; i < PAL_TINY_PLACES; i++) {
            next[i] = outcome >> (2 * i) & 3;
            if (tokens[i] != 3)
                together *= next[i] == tokens[i];
            else
                together *= next[i] == 3 ? 1.0 - 1.0 / left : given(t, tokens, i, next[i]) / left;
        }
        if (together > 0.0) push_steps(t, next, together, left - 1, law);
    }
}

static double distance(const double *a, const double *b)
{
    double sum = 0.0;
    for (int32_t i = 0; i < PAL_TINY_TEXTS; i++) sum += fabs(a[i] - b[i]);
    return sum / 2.0;
}

static const int32_t empty[PAL_TINY_PLACES] = {3, 3, 3};

static void every_sampler_draws_its_own_distribution(void **state)
{
    (void)state;
    const double options[OPTIONS] = {40000, 3, 0.35, 1, 5};
    lab_run r = lab_finished(&pal_lab_exactness, options, OPTIONS);
    static pal_tiny t;
    double trap[PAL_TINY_TEXTS] = {0.0}, steps[PAL_TINY_TEXTS] = {0.0}, at_once[PAL_TINY_TEXTS] = {0.0};
    const double *chance = lab_values(&r, CHANCE), *found = lab_values(&r, DISTANCE);
    pal_tiny_make(&t, 1, 0.35);
    push_trap(&t, empty, 1.0, trap);
    push_steps(&t, empty, 1.0, 3, steps);
    push_steps(&t, empty, 1.0, 1, at_once);
    /* chance is a mean, with a standard deviation of a fifth of it here: 2.5 times is 7 of these */
    for (int row = FIRST; row <= ENTROPY; row++) assert_true(found[row] < 2.5 * *chance);
    assert_true(distance(lab_values(&r, 1 + TRAP), trap) < 2.5 * *chance);
    assert_true(distance(lab_values(&r, 1 + ANCESTRAL), steps) < 2.5 * *chance);
    assert_true(distance(lab_values(&r, 1 + AT_ONCE), at_once) < 2.5 * *chance);
    /* and these are wrong, by far more than chance */
    const double *exact = lab_values(&r, 0);
    assert_true(distance(trap, exact) > 10.0 * *chance && fabs(found[TRAP] - distance(trap, exact)) < 2.5 * *chance);
    assert_true(distance(at_once, exact) > 10.0 * *chance && found[AT_ONCE] > found[ANCESTRAL]);
    assert_true(found[ANCESTRAL] > 10.0 * *chance && found[APART] > 3.0 * *chance);
    lab_free(&r);
}

static void the_language_is_a_distribution_and_shares_are_whole(void **state)
{
    (void)state;
    const double options[OPTIONS] = {100, 1, 0.05, 4294967295.0, 0};
    lab_run r = lab_finished(&pal_lab_exactness, options, OPTIONS);
    for (int which = 0; which <= ROWS; which++) {
        double sum = 0.0;
        for (int32_t i = 0; i < PAL_TINY_TEXTS; i++) sum += lab_values(&r, which)[i];
        assert_true(fabs(sum - 1.0) < 1e-12);
    }
    lab_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absurd_settings_are_refused_by_number),
        cmocka_unit_test(missing_settings_have_their_defaults),
        cmocka_unit_test(every_sampler_draws_its_own_distribution),
        cmocka_unit_test(the_language_is_a_distribution_and_shares_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
