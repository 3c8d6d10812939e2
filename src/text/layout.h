/* layout.h - converts a page to the tokens that the network sees (internal).
 *
 * Border rules, normalised view, long pages: see "Pages with blanks" in ARCHITECTURE.md. */
#ifndef PAL_LAYOUT_H
#define PAL_LAYOUT_H

#include "fill.h"
#include "page.h"

/* A part of the page that the network sees at once, and the blanks that are filled in it: every blank has one window.
 * Windows are in order of their blanks, and can overlap. */
typedef struct {
    int32_t from, tokens;        /* the part of pal_layout.tokens */
    int32_t first_blank, blanks; /* its blanks, in pal_layout.blank */
    int32_t first_place, places; /* their places, in pal_layout.place */
    int32_t before, after;       /* places of other windows in this part, before and after its own */
    int32_t open, time_steps;    /* open places and time steps made, when the window was left */
    int32_t first_step;          /* the step before its first time step, when it was filled last */
} pal_page_window;

typedef struct {
    int32_t *tokens; /* [total] the whole page, with masks in its blanks */
    int32_t total;
    pal_page_window *window; /* [windows], at least one */
    int32_t windows;
    int32_t longest;       /* the largest number of tokens in a window */
    pal_blank *blank;      /* [page->blanks]; `place` counts from the first place of its window */
    pal_fill_place *place; /* [page->places]; `blank` counts from the first blank of its window */
    int32_t places;
} pal_layout;

/* Scratch memory of pal_layout_build. pal_layout_arrays measures or places it and the arrays of the layout, with
 * capacity for the worst case. */
typedef struct {
    char *view;   /* [page->bytes] */
    void *encode; /* scratch of the tokenizer */
} pal_layout_scratch;
void pal_layout_arrays(pal_layout *l, pal_layout_scratch *s, const pal_page *page, const pal_vocab *v,
                       pal_arena *arena);

/* as_written: given text is not normalised.  PAL_E_CONTEXT: the page is longer than `context` tokens and options->window
 * is off, or a blank does not fit into a window. */
pal_status pal_layout_build(pal_layout *l, const pal_layout_scratch *s, const pal_page *page, const pal_vocab *v,
                            bool as_written, const pal_infill_options *options, int32_t context, pal_error *err);

#endif
