/* page.h - parses pages with blanks (internal). The notation: see "Pages with blanks" in ARCHITECTURE.md.
 *
 * A page is a sequence of given texts and blanks in any order. Given text keeps its bytes, except that escapes are
 * resolved. */
#ifndef PAL_PAGE_H
#define PAL_PAGE_H

#include "../core/core.h"

typedef struct {
    bool blank;
    size_t offset;      /* byte offset of its start in the source */
    size_t from, bytes; /* given text: range in pal_page.text */
    int32_t min, max;   /* blank: its minimum and maximum number of tokens */
} pal_segment;

typedef struct {
    pal_segment *segments;
    size_t count, blanks;
    char *text; /* all given text, escapes resolved, segments concatenated */
    size_t bytes;
    int64_t places;  /* sum of `max` over the blanks */
    int32_t longest; /* the largest `max` */
} pal_page;

typedef struct {
    int32_t longest;            /* the context: maximum length of a blank */
    int32_t together;           /* maximum length of all blanks together; 0: as `longest` */
    int32_t free_min, free_max; /* lengths of [[?]] */
} pal_page_rules;

/* Call it twice with the same source[bytes]: with page->segments and page->text NULL it only counts (count, blanks,
 * bytes, places); with both allocated ([count] segments, [bytes] text) it fills them. PAL_E_TEXT: syntax error;
 * PAL_E_CONTEXT: more places than allowed. */
pal_status pal_page_read(pal_page *page, const char *source, size_t bytes, const pal_page_rules *rules, pal_error *err);

#endif
