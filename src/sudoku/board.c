/* board.c - reads and writes boards, and finds cells that contradict each other. */
#include "sudoku.h"

#include <string.h>

int pal_sudoku_givens(const pal_sudoku *b)
{
    int givens = 0;
    for (int i = 0; i < pal_sudoku_cells(b); i++) givens += b->cell[i] != 0;
    return givens;
}

/* The number of cells up to `max`; stores their values. */
static int read_cells(uint8_t *cell, int max, const char *text, size_t bytes, size_t *wrong)
{
    int cells = 0;
    *wrong = SIZE_MAX;
    for (size_t i = 0; i < bytes; i++) {
        const int symbol = pal_sudoku_symbol(text[i]);
        if (symbol == PAL_SUDOKU_SKIPPED) continue;
        if (symbol == PAL_SUDOKU_WRONG) {
            *wrong = i;
            return cells;
        }
        if (cells < max) cell[cells] = (uint8_t)symbol;
        cells++;
    }
    return cells;
}

pal_status pal_sudoku_read(pal_sudoku *b, const char *text, size_t bytes, int *cells, pal_error *err)
{
    size_t wrong;
    *b = (pal_sudoku){.box = 3};
    *cells = read_cells(b->cell, PAL_SUDOKU_CELLS, text, bytes, &wrong);
    if (wrong != SIZE_MAX)
        return pal_fail(err, PAL_E_TEXT, "a board has only digits, and . or 0 or _ for open cells", wrong);
    if (*cells == 16) b->box = 2;
    if (*cells != pal_sudoku_cells(b))
        return pal_fail(err, PAL_E_TEXT, "a board has 81 cells (or 16, for one of 4 x 4)", SIZE_MAX);
    for (size_t i = 0, at = 0; i < bytes; i++) {
        if (pal_sudoku_symbol(text[i]) == PAL_SUDOKU_SKIPPED) continue;
        if (b->cell[at++] > pal_sudoku_size(b))
            return pal_fail(err, PAL_E_TEXT, "a board of 4 x 4 has the digits 1 to 4", i);
    }
    return PAL_OK;
}

void pal_sudoku_write(const pal_sudoku *b, char out[PAL_SUDOKU_CELLS])
{
    for (int i = 0; i < pal_sudoku_cells(b); i++) out[i] = b->cell[i] ? (char)('0' + b->cell[i]) : '.';
}

int pal_sudoku_unit_cell(int box, int unit, int index)
{
    const int size = box * box;
    if (unit < size) return unit * size + index;
    if (unit < 2 * size) return index * size + unit - size;
    const int square = unit - 2 * size;
    return (square / box * box + index / box) * size + square % box * box + index % box;
}

static bool are_peers(int box, int a, int b)
{
    const int size = box * box;
    if (a / size == b / size || a % size == b % size) return true;
    return a / size / box == b / size / box && a % size / box == b % size / box;
}

int pal_sudoku_conflict(const pal_sudoku *b, int *other)
{
    for (int i = 0; i < pal_sudoku_cells(b); i++)
        for (int j = 0; b->cell[i] && j < i; j++)
            if (b->cell[j] == b->cell[i] && are_peers(b->box, i, j)) {
                *other = j;
                return i;
            }
    return -1;
}

bool pal_sudoku_is_solved(const pal_sudoku *b)
{
    int other;
    return pal_sudoku_givens(b) == pal_sudoku_cells(b) && pal_sudoku_conflict(b, &other) < 0;
}
