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
    pal_page page;
    pal_layout layout;
    pal_layout_scratch scratch;
    pal_fill fill;
    pal_page_runner runner;
};

static inline bool pal_session_holds_empty(const pal_session *s, const pal_fill_place *place)
{
    return place->step >= 0 && s->fill.tokens[place->at] == s->model->classes.empty;
}

#endif
