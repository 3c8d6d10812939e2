/* board.c - boards as pages. */
#include "board.h"
#include "../sudoku/sudoku.h"

/* Adds one cell to the page: to the given text before it, or as a blank. */
static void add_cell(pal_page *page, bool *given, int digit, size_t offset)
{
    if (!digit || !*given) {
        if (page->segments)
            page->segments[page->count] = digit ? (pal_segment){.offset = offset, .from = page->bytes}
                                                : (pal_segment){.blank = true, .offset = offset, .min = 1, .max = 1};
        page->count++;
    }
    *given = digit > 0;
    if (!digit) {
        page->blanks++;
        page->places++;
        page->longest = 1;
        return;
    }
    if (page->segments) {
        page->segments[page->count - 1].bytes++;
        page->text[page->bytes] = (char)('0' + digit);
    }
    page->bytes++;
}

pal_status pal_board_read(pal_page *page, int size, const char *source, size_t bytes, pal_error *err)
{
    const int cells = size * size;
    bool given = false;
    int cell = 0;
    page->count = page->blanks = page->bytes = 0;
    page->places = page->longest = 0;
    for (size_t i = 0; i < bytes; i++) {
        const int digit = pal_sudoku_symbol(source[i]);
        if (digit == PAL_SUDOKU_SKIPPED) continue;
        if (digit == PAL_SUDOKU_WRONG || digit > size)
            return pal_fail(err, PAL_E_TEXT,
                            size == 4 ? "a board of 4 x 4 has only the digits 1 to 4, and . or 0 or _ for open cells"
                                      : "a board has only digits, and . or 0 or _ for open cells",
                            i);
        if (cell++ == cells)
            return pal_fail(err, PAL_E_TEXT,
                            size == 4 ? "the board has more than 16 cells" : "the board has more than 81 cells", i);
        add_cell(page, &given, digit, i);
    }
    if (cell < cells)
        return pal_fail(err, PAL_E_TEXT,
                        size == 4 ? "the board has fewer than 16 cells: write . for an open one"
                                  : "the board has fewer than 81 cells: write . for an open one",
                        bytes);
    return PAL_OK;
}

void pal_board_arrays(pal_layout *l, pal_layout_scratch *s, const pal_page *page, pal_arena *arena)
{
    l->tokens = pal_take(arena, page->bytes + page->blanks, sizeof *l->tokens);
    l->window = pal_take(arena, 1, sizeof *l->window);
    l->blank = pal_take(arena, page->blanks, sizeof *l->blank);
    l->place = pal_take(arena, page->blanks, sizeof *l->place);
    *s = (pal_layout_scratch){0};
}

void pal_board_layout(pal_layout *l, const pal_page *page)
{
    l->total = l->places = 0;
    for (size_t i = 0; i < page->count; i++) {
        const pal_segment *segment = &page->segments[i];
        for (size_t k = 0; k < segment->bytes; k++) l->tokens[l->total++] = page->text[segment->from + k] - '0';
        if (!segment->blank) continue;
        l->blank[l->places] = (pal_blank){.min = 1, .max = 1, .place = l->places};
        l->place[l->places] = (pal_fill_place){.at = l->total, .blank = l->places, .step = -1};
        l->tokens[l->total++] = 0;
        l->places++;
    }
    l->windows = 1;
    l->longest = l->total;
    l->window[0] = (pal_page_window){.tokens = l->total, .blanks = l->places, .places = l->places};
}
