/* search.c - counts the solutions of a board by trying candidates, the cell with the fewest first. */
#include "sudoku.h"
#include "../core/random.h"

static int square_of(int box, int cell)
{
    const int size = box * box;
    return cell / size / box * box + cell % size / box;
}

static uint16_t candidates(const pal_sudoku_search *s, int cell)
{
    const int size = s->box * s->box;
    const unsigned used = s->row[cell / size] | s->column[cell % size] | s->square[square_of(s->box, cell)];
    return (uint16_t)(((1u << size) - 1) & ~used);
}

/* Adds or removes a digit, given as its bit. */
static void toggle(pal_sudoku_search *s, int cell, unsigned bit)
{
    const int size = s->box * s->box;
    s->row[cell / size] ^= (uint16_t)bit;
    s->column[cell % size] ^= (uint16_t)bit;
    s->square[square_of(s->box, cell)] ^= (uint16_t)bit;
}

/* Chooses the next cell: the open one with the fewest candidates.  If a cell has none, left is 0 and the search goes
 * back. */
static void choose(pal_sudoku_search *s)
{
    int best = -1, fewest = PAL_SUDOKU_SIZE + 1;
    for (int i = s->depth; i < s->opened && fewest > 1; i++) {
        const int count = __builtin_popcount(candidates(s, s->open[i]));
        if (count < fewest) fewest = count, best = i;
    }
    if (best < 0) return; /* every cell is decided */
    const uint8_t cell = s->open[best];
    s->open[best] = s->open[s->depth];
    s->open[s->depth] = cell;
    s->left[s->depth] = candidates(s, cell);
}

void pal_sudoku_search_start(pal_sudoku_search *s, const pal_sudoku *b, int max)
{
    int other;
    *s = (pal_sudoku_search){.box = b->box, .max = max, .board = *b};
    if (pal_sudoku_conflict(b, &other) >= 0 || max < 1) {
        s->depth = -1;
        return;
    }
    for (int i = 0; i < pal_sudoku_cells(b); i++)
        if (b->cell[i])
            toggle(s, i, 1u << (b->cell[i] - 1));
        else
            s->open[s->opened++] = (uint8_t)i;
    choose(s);
}

static void take_solution(pal_sudoku_search *s)
{
    if (s->solutions++) return;
    s->first = s->board;
    for (int i = 0; i < s->opened; i++) s->first.cell[s->open[i]] = s->digit[i];
}

/* The next candidate at this depth, as its bit: the lowest or a random one. */
static unsigned next_candidate(pal_sudoku_search *s)
{
    unsigned left = s->left[s->depth];
    if (s->random) {
        const double u = pal_uniform(s->seed, PAL_DRAW_BOARD, s->number, 0, s->tried++);
        for (int skip = (int)(u * __builtin_popcount(left)); skip > 0; skip--) left &= left - 1;
    }
    return left & -left;
}

bool pal_sudoku_search_step(pal_sudoku_search *s, int tries)
{
    while (s->depth >= 0 && tries > 0) {
        if (s->depth == s->opened || !s->left[s->depth]) {
            if (s->depth == s->opened) {
                take_solution(s);
                if (s->solutions == s->max) s->depth = 0;
            }
            if (--s->depth >= 0) toggle(s, s->open[s->depth], 1u << (s->digit[s->depth] - 1));
            continue;
        }
        const unsigned bit = next_candidate(s);
        s->left[s->depth] ^= (uint16_t)bit;
        s->digit[s->depth] = (uint8_t)(__builtin_ctz(bit) + 1);
        toggle(s, s->open[s->depth], bit);
        s->depth++;
        choose(s);
        tries--;
    }
    return s->depth < 0;
}

int pal_sudoku_count(const pal_sudoku *b, int max)
{
    pal_sudoku_search s;
    pal_sudoku_search_start(&s, b, max);
    while (!pal_sudoku_search_step(&s, 1 << 20)) continue;
    return s.solutions;
}
