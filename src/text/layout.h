/* layout.h - converts a page to the tokens that the network sees (internal).
 *
 * Border rules, normalised view, windows: see "Pages with blanks" in ARCHITECTURE.md. */
#ifndef PAL_LAYOUT_H
#define PAL_LAYOUT_H

#include "fill.h"
#include "page.h"

typedef struct {
    int32_t *tokens; /* [total] the whole page, with masks in its blanks */
    int32_t total;
    int32_t shown_from, shown; /* the part of `tokens` that the network sees: at most the context */
    pal_blank *blank;          /* [page->blanks] */
    pal_fill_place *place;     /* [page->places]; `at` is relative to shown_from */
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

/* as_written: given text is not normalised.  PAL_E_CONTEXT: the page is longer than `context` tokens and options->window is off, or the blanks and the text
 * between them are longer. */
pal_status pal_layout_build(pal_layout *l, const pal_layout_scratch *s, const pal_page *page, const pal_vocab *v,
                            bool as_written, const pal_infill_options *options, int32_t context, pal_error *err);

#endif
