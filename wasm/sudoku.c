/* sudoku.c - the rules of Sudoku for the page: puzzles, conflicts, counts of solutions, grades.
 *
 * A module of its own (sudoku-rules.wasm) of a few KB, without a network: what it says judges a board and has no part in
 * filling it.  JavaScript writes and reads boards as 81 cells in pr_board: 1 to 9, or 0 for an open one.  Long work is done
 * in parts, so that it can be stopped between them.  web/site/sudoku/rules.ts is the other side. */
#include "sudoku/sudoku.h"

#include <string.h>

/* The module serves one page, which uses it from one thread. */
static struct {
    pal_sudoku board, puzzle, solution;
    pal_sudoku_search search;
    uint8_t conflicts[PAL_SUDOKU_CELLS];
} all;

/* The cells of the current board; a caller may write them. */
uint8_t *pr_board(void)
{
    all.board.box = 3;
    return all.board.cell;
}

/* Marks each cell of the board whose digit another cell of its row, column or box has too. */
const uint8_t *pr_conflicts(void)
{
    memset(all.conflicts, 0, sizeof all.conflicts);
    for (int unit = 0; unit < 3 * PAL_SUDOKU_SIZE; unit++)
        for (int i = 0; i < PAL_SUDOKU_SIZE; i++)
            for (int j = 0; j < i; j++) {
                const int a = pal_sudoku_unit_cell(3, unit, i), b = pal_sudoku_unit_cell(3, unit, j);
                if (!all.board.cell[a] || all.board.cell[a] != all.board.cell[b]) continue;
                all.conflicts[a] = all.conflicts[b] = 1;
            }
    return all.conflicts;
}

/* Begins to count up to `max` solutions of the board. */
void pr_count_start(int max)
{
    pal_sudoku_search_start(&all.search, &all.board, max);
}

/* Tries up to `tries` candidates; returns whether the count is complete. */
int pr_count_step(int tries)
{
    return pal_sudoku_search_step(&all.search, tries);
}

int pr_solutions(void)
{
    return all.search.solutions;
}

/* The first solution that was found. */
const uint8_t *pr_solution(void)
{
    return all.search.first.cell;
}

/* The technique that a person needs: pal_sudoku_grade.  The board must have one solution. */
int pr_grade(void)
{
    return pal_sudoku_grade_of(&all.board, NULL);
}

/* One attempt at a puzzle, which becomes the board; false: the board is unchanged. */
int pr_make(int givens, double seed, uint32_t attempt)
{
    if (!pal_sudoku_make(&all.puzzle, &all.solution, 3, givens, (uint64_t)seed, 0, attempt)) return 0;
    all.board = all.puzzle;
    return 1;
}
