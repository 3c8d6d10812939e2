/* pages.h - what a page being filled holds (internal: for pages.c and together.c). */
#ifndef PAL_SESSION_H
#define PAL_SESSION_H

#include "../network/text_runner.h"
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
    pal_runner runner;
};

#endif
