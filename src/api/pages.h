/* pages.h - the fields of a pal_session (internal: for pages.c, page_text.c and together.c). */
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
    pal_fill fill;
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
    return place->step >= 0 && s->fill.tokens[place->at] == s->classes.empty;
}

#endif
