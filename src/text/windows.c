/* windows.c - divides a long page into windows around its blanks. */
#include "windows.h"

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t greatest(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

int32_t pal_window_length(const pal_infill_options *options, int32_t context)
{
    if (!options->window) return context;
    return least(context, options->window_length ? options->window_length : PAL_WINDOW_DEFAULT);
}

int32_t pal_window_longest(const pal_page *page, const pal_infill_options *options, int32_t context)
{
    const int32_t length = pal_window_length(options, context);
    const int64_t wide = page->longest + 2 * ((int64_t)length / 4);
    return wide > context ? context : greatest(length, (int32_t)wide);
}

/* Tokens from `from` to `end` - 1 of a page. */
typedef struct {
    int32_t from, end, total;
} range;

static range range_of(const pal_layout *l, int32_t first_blank, int32_t last_blank)
{
    const pal_blank *last = &l->blank[last_blank];
    return (range){l->place[l->blank[first_blank].place].at, l->place[last->place].at + last->max, l->total};
}

/* The tokens that a range needs with `margin` tokens on both sides, or all that there are. */
static int64_t needed(range r, int32_t margin)
{
    return (int64_t)r.end - r.from + least(margin, r.from) + least(margin, r.total - r.end);
}

/* The number of neighbouring blanks from `first` on that share a window. */
static int32_t count_together(const pal_layout *l, int32_t first, int32_t blanks, int32_t length)
{
    int32_t next = first + 1;
    while (next < blanks && needed(range_of(l, first, next), length / 4) <= length) next++;
    return next - first;
}

/* Places a window of `tokens` tokens around a range. */
static void place_around(pal_page_window *w, range r, int32_t tokens)
{
    const int32_t spare = tokens - (r.end - r.from);
    w->tokens = tokens;
    w->from = greatest(0, least(r.from - spare / 2, r.total - tokens));
}

/* Counts the places of other windows in a window, and numbers its own blanks and places from 0. */
static void number_places(pal_layout *l, pal_page_window *w)
{
    int32_t first = w->first_place, end = first + w->places;
    while (first > 0 && l->place[first - 1].at >= w->from) first--;
    while (end < l->places && l->place[end].at < w->from + w->tokens) end++;
    w->before = w->first_place - first;
    w->after = end - w->first_place - w->places;
    for (int32_t i = 0; i < w->blanks; i++) l->blank[w->first_blank + i].place -= w->first_place;
    for (int32_t i = 0; i < w->places; i++) l->place[w->first_place + i].blank -= w->first_blank;
}

/* Adds the window of the blanks from `first` on.  False: the first one does not fit. */
static bool add_window(pal_layout *l, int32_t first, int32_t count, int32_t length, int32_t context)
{
    const range r = range_of(l, first, first + count - 1);
    if (needed(r, least(PAL_WINDOW_MARGIN, context / 4)) > context) return false;
    const int64_t wide = needed(r, length / 4);
    pal_page_window *w = &l->window[l->windows++];
    *w = (pal_page_window){.first_blank = first, .blanks = count, .first_place = l->blank[first].place};
    for (int32_t i = 0; i < count; i++) w->places += l->blank[first + i].max;
    place_around(w, r, least(l->total, wide > context ? context : greatest(length, (int32_t)wide)));
    l->longest = greatest(l->longest, w->tokens);
    return true;
}

int32_t pal_windows_choose(pal_layout *l, const pal_infill_options *options, int32_t context)
{
    const int32_t length = pal_window_length(options, context);
    const int32_t blanks = l->places ? l->place[l->places - 1].blank + 1 : 0;
    l->windows = l->longest = 0;
    if (l->total <= length || !blanks) { /* a page without blanks is never evaluated */
        l->longest = least(l->total, length);
        l->window[l->windows++] = (pal_page_window){.tokens = l->longest, .blanks = blanks, .places = l->places};
        return -1;
    }
    for (int32_t blank = 0, count; blank < blanks; blank += count) {
        count = count_together(l, blank, blanks, length);
        if (!add_window(l, blank, count, length, context)) return blank;
    }
    for (int32_t i = l->windows - 1; i >= 0; i--) number_places(l, &l->window[i]);
    return -1;
}
