/* page.h - the notation of pages with blanks (internal): ARCHITECTURE.md, Pages with blanks.
 *
 * A page is given text and blanks in any order.  Given text keeps its bytes; only escapes are resolved. */
#ifndef PAL_PAGE_H
#define PAL_PAGE_H

#include "../core/core.h"

typedef struct {
    bool blank;
    size_t offset;      /* byte in the source where it starts */
    size_t from, bytes; /* given text: range in pal_page.text */
    int32_t min, max;   /* blank: tokens it may have */
} pal_segment;

typedef struct {
    pal_segment *segments;
    size_t count, blanks;
    char *text; /* all given text, escapes resolved, one segment after the other */
    size_t bytes;
    int64_t places; /* sum of `max` over the blanks */
} pal_page;

typedef struct {
    int32_t longest;            /* no blank may be longer, nor all together: the context */
    int32_t free_min, free_max; /* what [[?]] stands for */
} pal_page_rules;

/* Reads source[bytes] twice with the same code: with page->segments and page->text NULL it only counts
 * (count, blanks, bytes, places); with both placed (count segments, bytes of text) it fills them.
 * PAL_E_TEXT: not a page; PAL_E_CONTEXT: more places than `longest`. */
pal_status pal_page_read(pal_page *page, const char *source, size_t bytes, const pal_page_rules *rules, pal_error *err);

#endif
