/* test_windows.c - how long pages are divided into windows: margins, sizes, order, for random pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/random.h"
#include "text/windows.h"

enum { MAX_BLANKS = 200, MAX_ALL_PLACES = 20000 };

static pal_blank blank[MAX_BLANKS];
static pal_fill_place place[MAX_ALL_PLACES];
static int32_t at[MAX_ALL_PLACES]; /* of the places, as the test made them */
static pal_page_window window[MAX_BLANKS + 1];
static pal_layout layout;

/* Blanks of up to `longest` places; before each and at the end of the page up to `apart` tokens. */
static void make_page(uint32_t number, int32_t blanks, int32_t longest, int32_t apart)
{
    layout = (pal_layout){.blank = blank, .place = place, .window = window};
    for (int32_t b = 0; b <= blanks; b++) {
        layout.total += (int32_t)(pal_uniform(1, PAL_DRAW_TOKEN, number, 0, (uint32_t)b) * (apart + 1));
        if (b == blanks) break;
        const int32_t max = 1 + (int32_t)(pal_uniform(1, PAL_DRAW_TOKEN, number, 1, (uint32_t)b) * longest);
        blank[b] = (pal_blank){.min = max, .max = max, .place = layout.places};
        for (int32_t i = 0; i < max; i++) {
            at[layout.places] = layout.total;
            place[layout.places++] = (pal_fill_place){.at = layout.total++, .blank = b, .index = i, .step = -1};
        }
    }
}

/* The margin of a blank: on each side the tokens of the window between the blank and the edge. */
static void check_margins(const pal_page_window *w, const pal_blank *b, int32_t margin)
{
    const int32_t first = at[w->first_place + b->place], end = first + b->max;
    const int32_t left = first - w->from, right = w->from + w->tokens - end;
    assert_true(left >= 0 && right >= 0);
    assert_true(left >= margin || w->from == 0);
    assert_true(right >= margin || w->from + w->tokens == layout.total);
}

static void check_others(const pal_page_window *w)
{
    int32_t before = 0, after = 0;
    for (int32_t i = 0; i < layout.places; i++) {
        if (at[i] < w->from || at[i] >= w->from + w->tokens) continue;
        before += i < w->first_place;
        after += i >= w->first_place + w->places;
    }
    assert_int_equal(w->before, before);
    assert_int_equal(w->after, after);
}

/* Every blank has one window, in order, and places and blanks are numbered within it. */
static void check_windows(int32_t length, int32_t context)
{
    const int32_t margin = context / 4 < 64 ? context / 4 : 64;
    int32_t blanks = 0, places = 0, longest = 0;
    for (int32_t i = 0; i < layout.windows; i++) {
        const pal_page_window *w = &window[i];
        assert_true(w->from >= 0 && w->from + w->tokens <= layout.total && w->tokens <= context);
        assert_int_equal(w->first_blank, blanks);
        assert_int_equal(w->first_place, places);
        assert_true(w->blanks > 0);
        if (w->blanks > 1) assert_int_equal(w->tokens, length);
        for (int32_t b = 0, next = 0; b < w->blanks; b++) {
            assert_int_equal(blank[blanks + b].place, next);
            for (int32_t k = 0; k < blank[blanks + b].max; k++) assert_int_equal(place[places + next + k].blank, b);
            next += blank[blanks + b].max;
            check_margins(w, &blank[blanks + b], margin);
        }
        check_others(w);
        blanks += w->blanks;
        places += w->places;
        longest = w->tokens > longest ? w->tokens : longest;
    }
    assert_int_equal(places, layout.places);
    assert_int_equal(layout.longest, longest);
}

static const int32_t sizes[][2] = {{96, 96}, {256, 256}, {256, 8191}, {512, 512}, {512, 8191}, {1024, 8191}};

static void every_blank_keeps_its_margin(void **state)
{
    (void)state;
    int together = 0, longer = 0;
    for (uint32_t page = 0; page < 600; page++) {
        const int32_t length = sizes[page % 6][0], context = sizes[page % 6][1];
        const pal_infill_options o = {.window = true, .window_length = length};
        make_page(page, 1 + (int32_t)(page % (page % 5 ? 97 : 4)), page % 5 ? 30 : context / 2, page % 3 ? 900 : 60);
        if (layout.total <= length) continue;
        assert_int_equal(pal_windows_choose(&layout, &o, context), -1);
        check_windows(length, context);
        for (int32_t i = 0; i < layout.windows; i++) {
            together += window[i].blanks > 1;
            longer += window[i].tokens > length;
        }
    }
    assert_true(together > 100 && longer > 20); /* the pages try both */
}

/* Blanks share a window if a quarter of it is left on both sides of them. */
static void near_blanks_share_a_window(void **state)
{
    (void)state;
    const pal_infill_options o = {.window = true};
    for (int32_t apart = 250; apart < 260; apart++) {
        layout = (pal_layout){.blank = blank, .place = place, .window = window, .total = 5000, .places = 2};
        for (int32_t b = 0; b < 2; b++) {
            blank[b] = (pal_blank){.min = 1, .max = 1, .place = b};
            at[b] = 2000 + b * apart;
            place[b] = (pal_fill_place){.at = at[b], .blank = b, .step = -1};
        }
        assert_int_equal(pal_windows_choose(&layout, &o, 8191), -1);
        assert_int_equal(layout.windows, apart + 1 <= 256 ? 1 : 2);
        check_windows(512, 8191);
    }
}

static void a_blank_needs_text_around_it(void **state)
{
    (void)state;
    const pal_infill_options o = {.window = true};
    static const struct {
        int32_t before, max, after, context;
        bool fits;
    } pages[] = {{200, 384, 200, 512, true},  {200, 385, 200, 512, false}, {0, 448, 200, 512, true},
                 {0, 449, 200, 512, false},   {30, 418, 200, 512, true},   {30, 419, 200, 512, false},
                 {200, 448, 0, 512, true},    {200, 449, 0, 512, false},   {200, 48, 200, 96, true},
                 {200, 49, 200, 96, false},   {9, 10, 9, 28, true},        {9, 10, 10, 28, true},
                 {500, 2000, 500, 8191, true}};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        layout = (pal_layout){.blank = blank, .place = place, .window = window, .places = pages[i].max};
        layout.total = pages[i].before + pages[i].max + pages[i].after;
        blank[0] = (pal_blank){.min = 1, .max = pages[i].max};
        for (int32_t k = 0; k < pages[i].max; k++)
            place[k] = (pal_fill_place){.at = at[k] = pages[i].before + k, .index = k, .step = -1};
        assert_int_equal(pal_windows_choose(&layout, &o, pages[i].context), pages[i].fits ? -1 : 0);
        if (pages[i].fits && layout.total > pages[i].context) check_windows(512, pages[i].context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_blank_keeps_its_margin),
        cmocka_unit_test(near_blanks_share_a_window),
        cmocka_unit_test(a_blank_needs_text_around_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
