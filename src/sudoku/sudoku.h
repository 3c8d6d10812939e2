/* sudoku.h - boards of Sudoku: reading, conflicts, counting solutions, grading, making puzzles, symmetries (internal).
 *
 * Only tools, commands and the page use this: no rule of Sudoku enters what a network fills in.  (text/board.c reads boards
 * with pal_sudoku_symbol.)  A board has
 * size x size cells in boxes of box x box, size = box * box; box is 3 (or 2, for boards that can be enumerated).  Cells are
 * numbered row by row from 0.  Depends only on core/. */
#ifndef PAL_SUDOKU_H
#define PAL_SUDOKU_H

#include "../core/core.h"

enum { PAL_SUDOKU_SIZE = 9, PAL_SUDOKU_CELLS = 81, PAL_SUDOKU_PEERS = 20 };

typedef struct {
    int box;
    uint8_t cell[PAL_SUDOKU_CELLS]; /* 1 .. size; 0: open.  Cells beyond size * size are 0 */
} pal_sudoku;

static inline int pal_sudoku_size(const pal_sudoku *b)
{
    return b->box * b->box;
}

static inline int pal_sudoku_cells(const pal_sudoku *b)
{
    return pal_sudoku_size(b) * pal_sudoku_size(b);
}

/* What a character of a written board means: a digit, 0 for an open cell (`.`, `0`, `_`), PAL_SUDOKU_SKIPPED between cells
 * (spaces, line breaks, `|`, `-`, `+`), PAL_SUDOKU_WRONG for any other. */
enum { PAL_SUDOKU_SKIPPED = -1, PAL_SUDOKU_WRONG = -2 };
static inline int pal_sudoku_symbol(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c == '.' || c == '_') return 0;
    const bool skipped = c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '|' || c == '-' || c == '+';
    return skipped ? PAL_SUDOKU_SKIPPED : PAL_SUDOKU_WRONG;
}

int pal_sudoku_givens(const pal_sudoku *b);

/* ---- board.c ---- */

/* Reads a board: digits, and `.`, `0` or `_` for open cells.  Spaces, line breaks, `|`, `-` and `+` between cells are
 * skipped.  16 cells make a board of 4 x 4, 81 one of 9 x 9.  PAL_E_TEXT with the offset of the first wrong character,
 * or, for a wrong number of cells, SIZE_MAX and the number in *cells. */
pal_status pal_sudoku_read(pal_sudoku *b, const char *text, size_t bytes, int *cells, pal_error *err);

/* Writes the cells as digits and `.`, not terminated. */
void pal_sudoku_write(const pal_sudoku *b, char out[PAL_SUDOKU_CELLS]);

/* The first cell, in order, that has the same digit as an earlier cell of its row, column or box, and that cell in
 * *other; -1: no two cells contradict each other. */
int pal_sudoku_conflict(const pal_sudoku *b, int *other);

/* Whether every cell has a digit and no two contradict each other. */
bool pal_sudoku_is_solved(const pal_sudoku *b);

/* The numbers of the cells in row, column or box `unit`: rows are 0 .. size - 1, then columns, then boxes. */
int pal_sudoku_unit_cell(int box, int unit, int index);

/* ---- search.c ---- */

/* A count of solutions in parts.  Cells with the fewest candidates are tried first. */
typedef struct {
    int box, depth, max; /* depth: decided cells; -1: done */
    uint16_t row[PAL_SUDOKU_SIZE], column[PAL_SUDOKU_SIZE], square[PAL_SUDOKU_SIZE]; /* digits used, bit d - 1 */
    uint8_t open[PAL_SUDOKU_CELLS], opened; /* the open cells; the first `depth` are decided */
    uint16_t left[PAL_SUDOKU_CELLS + 1];    /* candidates not yet tried, by depth */
    uint8_t digit[PAL_SUDOKU_CELLS];        /* of the decided cells */
    int solutions;                          /* so far, at most max */
    pal_sudoku board, first;                /* the puzzle; its first solution */
    bool random;                            /* candidates are tried in random order */
    uint64_t seed;
    uint32_t number, tried;
} pal_sudoku_search;

/* Counts up to `max` solutions.  A board whose givens contradict each other has none. */
void pal_sudoku_search_start(pal_sudoku_search *s, const pal_sudoku *b, int max);

/* Tries up to `tries` candidates; returns whether the count is complete: s->solutions is exact, or s->max is reached. */
bool pal_sudoku_search_step(pal_sudoku_search *s, int tries);

/* min(number of solutions, max), without a limit of time. */
int pal_sudoku_count(const pal_sudoku *b, int max);

/* ---- grade.c ---- */

/* The technique that a person needs for the hardest step of a puzzle with one solution. */
typedef enum {
    PAL_SUDOKU_SINGLES, /* a cell with one candidate, or a digit with one place in a row, column or box */
    PAL_SUDOKU_PAIRS,   /* locked candidates, naked and hidden pairs and triples, X-wings */
    PAL_SUDOKU_GUESS    /* anything beyond: trying a candidate and following it */
} pal_sudoku_grade;

extern const char *const pal_sudoku_grade_name[3];

/* b must have one solution.  *solved, which may be NULL, gets the digits that are found without a guess: all of them
 * unless the result is PAL_SUDOKU_GUESS. */
pal_sudoku_grade pal_sudoku_grade_of(const pal_sudoku *b, pal_sudoku *solved);

/* ---- make.c ---- */

/* One attempt at a puzzle with one solution and `givens` givens: a random full board, from which digits are removed in
 * random order as long as the solution stays the only one.  Returns false if no digit can be removed any more before
 * that, which is usual below 24; the next attempt is then another board.  The same (seed, number, attempt) give the same
 * puzzle. */
bool pal_sudoku_make(pal_sudoku *puzzle, pal_sudoku *solution, int box, int givens, uint64_t seed, uint32_t number,
                     uint32_t attempt);

/* ---- symmetry.c ---- */

/* Applies a random symmetry: new names of the digits, transposition, permuted bands and stacks, rows and columns within
 * them.  The same one for the same (seed, number). */
void pal_sudoku_shuffle(pal_sudoku *b, uint64_t seed, uint32_t number);

/* The smallest of all boards, in the order of their cells, that are equal to a full board up to symmetry: two full boards
 * are equal up to symmetry if and only if these are equal.  b must be solved. */
void pal_sudoku_canonical(const pal_sudoku *b, pal_sudoku *out);

#endif
