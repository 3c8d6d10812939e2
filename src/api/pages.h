/* pages.h - the fields of a pal_session (internal: for pages.c, page_windows.c, page_text.c and together.c). */
#ifndef PAL_SESSION_H
#define PAL_SESSION_H

#include "../network/page_runner.h"
#include "../text/fill.h"
#include "../text/layout.h"
#include "../text/page.h"

struct pal_session {
    const pal_model *model;
    pal_infill_options options;
    pal_classes classes; /* of the model, with the <empty> of the options */
    pal_page page;
    pal_layout layout;
    pal_layout_scratch scratch;
    pal_fill fill;  /* of the current window */
    int32_t window; /* its number */
    pal_page_runner runner;
};

/* pal_session_bytes and pal_session_init for any model of tokens that passed the checks of the caller, also for a causal
 * model, with which the session cannot make steps of its own. */
pal_status pal_session_measure(const pal_model *model, const char *text, size_t text_bytes,
                               const pal_infill_options *options, size_t *bytes, pal_error *err);
pal_status pal_session_place(pal_session **out, const pal_model *model, const char *text, size_t text_bytes,
                             const pal_infill_options *options, void *block, size_t bytes, pal_error *err);

static inline bool pal_session_holds_empty(const pal_session *s, const pal_fill_place *place)
{
    return place->step >= 0 && s->layout.tokens[place->at] == s->classes.empty;
}

/* ---- page_windows.c ---- */

/* Makes a window the current one, with the state that it was left with. */
void pal_session_enter(pal_session *s, int32_t window);

/* Makes the first window that is not finished the current one, if there is any; returns whether there is. */
bool pal_session_go_on(pal_session *s);

int32_t pal_session_window_of(const pal_session *s, int32_t blank);
int32_t pal_session_open(const pal_session *s); /* open places of all windows */

/* Opens the places revealed after `step` that are not pinned, in all windows. */
void pal_session_open_after(pal_session *s, int32_t step);

#endif
