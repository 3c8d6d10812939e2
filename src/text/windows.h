/* windows.h - divides a long page into the windows in which it is filled (internal).
 *
 * A window has up to pal_window_length tokens.  Neighbouring blanks share one as long as a quarter of it is left on both
 * sides of them, or all text up to the start or end of the page; then the window is placed around them.  A longer blank
 * has a longer window, up to the context, in which at least PAL_WINDOW_MARGIN tokens, or a quarter of the context if that
 * is less, are left on both sides. */
#ifndef PAL_WINDOWS_H
#define PAL_WINDOWS_H

#include "layout.h"

enum {
    PAL_WINDOW_DEFAULT = 512, /* tokens; measured in docs/long-texts.md */
    PAL_WINDOW_MARGIN = 64
};

/* The length of the windows of a page, for a network that can see `context` tokens. */
int32_t pal_window_length(const pal_infill_options *options, int32_t context);

/* The largest number of tokens that a window of the page can have. */
int32_t pal_window_longest(const pal_page *page, const pal_infill_options *options, int32_t context);

/* Sets the windows of l, whose other fields are set and whose blanks and places have page-wide numbers.  Returns the
 * number of a blank that fits into no window, or -1. */
int32_t pal_windows_choose(pal_layout *l, const pal_infill_options *options, int32_t context);

#endif
