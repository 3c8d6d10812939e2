/* test_row_pins.c - pins, rewinds and changes of a page with an adapter: how many content rows are computed again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapted_testing.h"

#define PAGE "the [[4]] dog ran [[1]] and [[3]] the cat saw it.[[4]]"

static int computed(const lent *l)
{
    return l->session->runner.rows.computed;
}

/* Known places of blanks to the right of place `after`. */
static int known_after(const lent *l, int32_t after)
{
    int count = 0;
    for (int32_t i = after + 1; i < l->session->fill.places; i++) count += !pal_fill_is_open(&l->session->fill, i);
    return count;
}

/* The places that the last step revealed. */
static int last_revealed(const lent *l, int32_t below)
{
    int count = 0;
    for (int32_t i = 0; i < below; i++) count += l->session->fill.place[i].drawn;
    return count;
}

static lent stepped(int steps, uint64_t seed)
{
    const pal_infill_options o = options_of(PAL_MARGIN, seed);
    lent l = start(PAGE, &o);
    for (int i = 0; i < steps; i++) assert_int_equal(pal_step(l.session, NULL), PAL_MORE);
    return l;
}

/* The first open place, as blank and index in it. */
static int32_t first_open(const lent *l, int32_t *blank, int32_t *index)
{
    const pal_fill *f = &l->session->fill;
    int32_t place = 0;
    while (!pal_fill_is_open(f, place)) place++;
    *blank = f->place[place].blank;
    *index = f->place[place].index;
    return place;
}

static int32_t dog(void)
{
    return piece_id(base, "\xE2\x96\x81"
                          "dog");
}

/* A drawn token is one content row in the next step. */
static void a_step_computes_what_became_known(void **state)
{
    (void)state;
    lent l = stepped(1, 3);
    const int given = l.session->layout.longest - l.session->fill.places;
    assert_int_equal(computed(&l), given + 1); /* with the start token */
    while (pal_step(l.session, NULL) == PAL_MORE) assert_int_equal(computed(&l), 1);
    end(&l);
}

/* Regression: given rows on the right of a pin were computed again. */
static void a_pin_leaves_the_rows_of_given_text(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        lent l = stepped(5, seed);
        int32_t blank, index;
        const int32_t pinned = first_open(&l, &blank, &index);
        const int wanted = 1 + known_after(&l, pinned) + last_revealed(&l, pinned);
        assert_int_equal(pal_session_pin(l.session, blank, index, dog(), NULL), PAL_OK);
        assert_int_equal(pal_step(l.session, NULL), PAL_MORE);
        assert_int_equal(computed(&l), wanted);
        assert_int_equal(pal_session_pin(l.session, blank, index, -1, NULL), PAL_OK); /* those that saw the pin */
        const int again = known_after(&l, pinned) + last_revealed(&l, pinned);
        assert_int_equal(pal_step(l.session, NULL), PAL_MORE);
        assert_int_equal(computed(&l), again);
        end(&l);
    }
}

/* A drawn token that is pinned as it is comes first in the order; the text is given before and after it. */
static void a_drawn_token_can_be_pinned(void **state)
{
    (void)state;
    lent l = stepped(6, 2);
    const pal_fill *f = &l.session->fill;
    int32_t place = f->places - 1;
    while (pal_fill_is_open(f, place)) place--;
    const int revealed = last_revealed(&l, place);
    assert_int_equal(
        pal_session_pin(l.session, f->place[place].blank, f->place[place].index, f->tokens[f->place[place].at], NULL),
        PAL_OK);
    assert_int_equal(pal_step(l.session, NULL), PAL_MORE);
    assert_int_equal(computed(&l), 1 + revealed);
    end(&l);
}

static void a_rewind_computes_nothing_again(void **state)
{
    (void)state;
    lent l = stepped(8, 4);
    assert_int_equal(pal_session_rewind(l.session, 3, NULL), PAL_OK);
    assert_int_equal(pal_step(l.session, NULL), PAL_MORE);
    assert_int_equal(computed(&l), 0);
    assert_int_equal(pal_step(l.session, NULL), PAL_MORE);
    assert_int_equal(computed(&l), 1);
    end(&l);
}

/* The order of the calls does not matter. */
static void pins_have_the_order_of_their_places(void **state)
{
    (void)state;
    char first[MAX_TEXT], second[MAX_TEXT];
    const int32_t blank[] = {3, 0, 2}, index[] = {1, 2, 0};
    for (uint64_t seed = 0; seed < 5; seed++) {
        lent a = stepped(3, seed), b = stepped(3, seed);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(pal_session_pin(a.session, blank[i], index[i], dog(), NULL), PAL_OK);
            assert_int_equal(pal_session_pin(b.session, blank[2 - i], index[2 - i], dog(), NULL), PAL_OK);
            if (pal_step(a.session, NULL) == PAL_MORE) pal_session_rewind(a.session, 3, NULL);
        }
        finish(&a);
        finish(&b);
        text_of(&a, first);
        text_of(&b, second);
        assert_string_equal(first, second);
        end(&a);
        end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_computes_what_became_known),   cmocka_unit_test(a_pin_leaves_the_rows_of_given_text),
        cmocka_unit_test(a_drawn_token_can_be_pinned),         cmocka_unit_test(a_rewind_computes_nothing_again),
        cmocka_unit_test(pins_have_the_order_of_their_places),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
