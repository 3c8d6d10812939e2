/* page_windows.c - the windows of a session: which one is filled now, and what is left in the others. */
#include "pages.h"
#include "../text/samplers/samplers.h"

/* Stores what the window needs to go on later. */
static void leave(pal_session *s)
{
    pal_page_window *w = &s->layout.window[s->window];
    w->open = s->fill.open;
    w->time_steps = pal_fill_time_step(&s->fill);
}

void pal_session_enter(pal_session *s, int32_t window)
{
    pal_fill *f = &s->fill;
    const pal_page_window *w = &s->layout.window[window];
    leave(s);
    s->window = window;
    f->first_step = f->step - w->time_steps;
    f->from = w->from;
    f->n = w->tokens;
    f->before = w->before;
    f->after = w->after;
    f->blanks = w->blanks;
    f->blank = s->layout.blank + w->first_blank;
    f->places = w->places;
    f->place = s->layout.place + w->first_place;
    pal_fill_move(f);
}

/* A sampler that can mask again continues in each window to its last time step. */
static bool is_finished(const pal_session *s, const pal_page_window *w)
{
    return !w->open && (!s->fill.sampler->is.reopens || w->time_steps >= pal_fill_last(&s->fill));
}

bool pal_session_go_on(pal_session *s)
{
    leave(s);
    for (int32_t i = 0; i < s->layout.windows; i++) {
        if (is_finished(s, &s->layout.window[i])) continue;
        if (i != s->window) pal_session_enter(s, i);
        s->layout.window[i].first_step = s->fill.first_step;
        return true;
    }
    return false;
}

int32_t pal_session_window_of(const pal_session *s, int32_t blank)
{
    int32_t window = 0;
    while (blank >= s->layout.window[window].first_blank + s->layout.window[window].blanks) window++;
    return window;
}

int32_t pal_session_open(const pal_session *s)
{
    int32_t open = 0;
    for (int32_t i = 0; i < s->layout.windows; i++) open += i == s->window ? s->fill.open : s->layout.window[i].open;
    return open;
}

/* Opens places of the current window. */
static void open_places(pal_session *s, int32_t step)
{
    pal_fill *f = &s->fill;
    for (int32_t i = 0; i < f->places; i++)
        if (!f->place[i].pinned && f->place[i].step > step) pal_fill_mask(f, i);
}

/* The number of time steps of a window that were made until `step`. */
static int32_t time_steps_until(const pal_page_window *w, int32_t step)
{
    const int32_t steps = step > w->first_step ? step - w->first_step : 0;
    return steps < w->time_steps ? steps : w->time_steps;
}

void pal_session_open_after(pal_session *s, int32_t step)
{
    pal_fill *f = &s->fill;
    if (f->step <= step) return; /* nothing is later: drafts that are not verified yet stay too */
    leave(s);
    for (int32_t i = 0; i < s->layout.windows; i++)
        s->layout.window[i].time_steps = time_steps_until(&s->layout.window[i], step);
    f->step = step;
    f->first_step = f->step - s->layout.window[s->window].time_steps;
    for (int32_t i = 0; i < s->layout.windows; i++) {
        if (i != s->window) pal_session_enter(s, i);
        open_places(s, step);
    }
}
