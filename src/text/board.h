/* board.h - reads a board as a page whose blanks are the open cells (internal). */
#ifndef PAL_BOARD_PAGE_H
#define PAL_BOARD_PAGE_H

#include "layout.h"

/* Reads source[bytes], a board of size x size cells (size 4 or 9), as pal_page_read reads a page: every open cell is a blank
 * of one token, given digits are given text, and page->text has the digits alone.  Digits, `.`, `0` and `_` are cells; spaces,
 * line breaks, `|`, `-` and `+` are skipped.  PAL_E_TEXT with the byte of the first character that is wrong or too many. */
pal_status pal_board_read(pal_page *page, int size, const char *source, size_t bytes, pal_error *err);

/* Measures or places the arrays of the layout of such a page; s has nothing. */
void pal_board_arrays(pal_layout *l, pal_layout_scratch *s, const pal_page *page, pal_arena *arena);

/* Fills them: token d for digit d, 0 for an open cell, in one window. */
void pal_board_layout(pal_layout *l, const pal_page *page);

#endif
