/* make.c - makes puzzles with one solution. */
#include "sudoku.h"
#include "../core/random.h"

enum { ATTEMPTS = 1 << 16 }; /* of one number: an address of random numbers has 32 bits for both */

/* A full board, drawn by a search that tries candidates in random order. */
static void full_board(pal_sudoku *out, int box, uint64_t seed, uint32_t draw)
{
    const pal_sudoku empty = {.box = box};
    pal_sudoku_search s;
    pal_sudoku_search_start(&s, &empty, 1);
    s.random = true;
    s.seed = seed;
    s.number = draw;
    while (!pal_sudoku_search_step(&s, 1 << 20)) continue;
    *out = s.first;
}

/* A random order of 0 .. count - 1. */
static void random_order(uint8_t *order, int count, uint64_t seed, uint32_t draw)
{
    for (int i = 0; i < count; i++) order[i] = (uint8_t)i;
    for (int i = count - 1; i > 0; i--) {
        const int other = (int)(pal_uniform(seed, PAL_DRAW_BOARD, draw, 1, (uint32_t)i) * (i + 1));
        const uint8_t swap = order[i];
        order[i] = order[other];
        order[other] = swap;
    }
}

bool pal_sudoku_make(pal_sudoku *puzzle, pal_sudoku *solution, int box, int givens, uint64_t seed, uint32_t number,
                     uint32_t attempt)
{
    const uint32_t draw = number * ATTEMPTS + attempt;
    uint8_t order[PAL_SUDOKU_CELLS] = {0};
    full_board(solution, box, seed, draw);
    *puzzle = *solution;
    random_order(order, pal_sudoku_cells(puzzle), seed, draw);
    int left = pal_sudoku_cells(puzzle);
    for (int i = 0; i < pal_sudoku_cells(puzzle) && left > givens; i++) {
        const uint8_t digit = puzzle->cell[order[i]];
        puzzle->cell[order[i]] = 0;
        if (pal_sudoku_count(puzzle, 2) == 1)
            left--;
        else
            puzzle->cell[order[i]] = digit;
    }
    return left == givens;
}
