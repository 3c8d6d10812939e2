/* grade.c - which technique a person needs to solve a board. */
#include "sudoku.h"

#include <string.h>

enum { UNITS = 3 * PAL_SUDOKU_SIZE };

const char *const pal_sudoku_grade_name[3] = {"singles", "pairs", "guess"};

/* A board with the candidates of its open cells. */
typedef struct {
    int box, size, cells, open;
    uint16_t left[PAL_SUDOKU_CELLS]; /* candidates of an open cell, bit d - 1; 0 for a decided one */
    pal_sudoku board;                /* the decided cells */
} work;

static int count_of(unsigned mask)
{
    return __builtin_popcount(mask);
}

static bool see_each_other(const work *w, int a, int b)
{
    if (a / w->size == b / w->size || a % w->size == b % w->size) return true;
    return a / w->size / w->box == b / w->size / w->box && a % w->size / w->box == b % w->size / w->box;
}

static void decide(work *w, int cell, unsigned bit)
{
    for (int i = 0; i < w->cells; i++)
        if (i != cell && see_each_other(w, i, cell)) w->left[i] &= (uint16_t)~bit;
    w->left[cell] = 0;
    w->board.cell[cell] = (uint8_t)(__builtin_ctz(bit) + 1);
    w->open--;
}

/* The cells of a unit where a digit can be, as bits of their index in it. */
static unsigned places_of(const work *w, int unit, unsigned bit)
{
    unsigned places = 0;
    for (int i = 0; i < w->size; i++)
        if (w->left[pal_sudoku_unit_cell(w->box, unit, i)] & bit) places |= 1u << i;
    return places;
}

static bool singles(work *w)
{
    for (int i = 0; i < w->cells; i++)
        if (count_of(w->left[i]) == 1) {
            decide(w, i, w->left[i]);
            return true;
        }
    for (int unit = 0; unit < 3 * w->size; unit++)
        for (int d = 0; d < w->size; d++) {
            const unsigned places = places_of(w, unit, 1u << d);
            if (count_of(places) != 1) continue;
            decide(w, pal_sudoku_unit_cell(w->box, unit, __builtin_ctz(places)), 1u << d);
            return true;
        }
    return false;
}

/* Removes candidates from a cell; returns whether it had one of them. */
static bool strike(work *w, int cell, unsigned bits)
{
    if (!(w->left[cell] & bits)) return false;
    w->left[cell] &= (uint16_t)~bits;
    return true;
}

static bool in_unit(const work *w, int unit, int cell)
{
    for (int i = 0; i < w->size; i++)
        if (pal_sudoku_unit_cell(w->box, unit, i) == cell) return true;
    return false;
}

/* If all places of a digit in a unit are in another unit too, the digit is at none of the other places there. */
static bool locked(work *w, int unit, int d)
{
    const unsigned places = places_of(w, unit, 1u << d);
    bool changed = false;
    if (count_of(places) < 2) return false;
    for (int other = 0; other < 3 * w->size; other++) {
        bool all = other != unit;
        for (int i = 0; i < w->size && all; i++)
            if (places >> i & 1) all = in_unit(w, other, pal_sudoku_unit_cell(w->box, unit, i));
        for (int i = 0; i < w->size && all; i++) {
            const int cell = pal_sudoku_unit_cell(w->box, other, i);
            if (!in_unit(w, unit, cell)) changed |= strike(w, cell, 1u << d);
        }
    }
    return changed;
}

/* The next set of `count` of `size` elements, as bits, in increasing order; the first is (1 << count) - 1. */
static unsigned next_set(unsigned set)
{
    const unsigned low = set & -set, up = set + low;
    return up | ((set ^ up) / low >> 2);
}

/* Cells of a unit that have only as many candidates together as they are: nothing else in the unit has these. */
static bool naked(work *w, int unit, unsigned chosen)
{
    unsigned bits = 0;
    bool changed = false;
    for (int i = 0; i < w->size; i++) {
        if (!(chosen >> i & 1)) continue;
        const unsigned left = w->left[pal_sudoku_unit_cell(w->box, unit, i)];
        if (!left) return false;
        bits |= left;
    }
    if (count_of(bits) != count_of(chosen)) return false;
    for (int i = 0; i < w->size; i++)
        if (!(chosen >> i & 1)) changed |= strike(w, pal_sudoku_unit_cell(w->box, unit, i), bits);
    return changed;
}

/* Digits of a unit that have only as many places together as they are: nothing else is at these. */
static bool hidden(work *w, int unit, unsigned digits)
{
    unsigned places = 0;
    bool changed = false;
    for (int d = 0; d < w->size; d++) {
        if (!(digits >> d & 1)) continue;
        const unsigned of = places_of(w, unit, 1u << d);
        if (!of) return false;
        places |= of;
    }
    if (count_of(places) != count_of(digits)) return false;
    for (int i = 0; i < w->size; i++)
        if (places >> i & 1) changed |= strike(w, pal_sudoku_unit_cell(w->box, unit, i), ~digits);
    return changed;
}

/* Two rows in which a digit has the same two columns: it is at no other place of these columns; and the other way
 * round.  `from`: 0 for rows, size for columns. */
static bool x_wing(work *w, int from, int d)
{
    const int across = from ? 0 : w->size;
    bool changed = false;
    for (int a = 0; a < w->size && !changed; a++) {
        const unsigned places = places_of(w, from + a, 1u << d);
        if (count_of(places) != 2) continue;
        for (int b = a + 1; b < w->size; b++) {
            if (places_of(w, from + b, 1u << d) != places) continue;
            for (int line = 0; line < w->size; line++)
                for (int i = 0; i < w->size; i++)
                    if (places >> line & 1 && i != a && i != b)
                        changed |= strike(w, pal_sudoku_unit_cell(w->box, across + line, i), 1u << d);
        }
    }
    return changed;
}

static bool pairs(work *w)
{
    for (int unit = 0; unit < 3 * w->size; unit++)
        for (int d = 0; d < w->size; d++)
            if (locked(w, unit, d)) return true;
    for (int count = 2; count <= 3; count++)
        for (unsigned set = (1u << count) - 1; set < 1u << w->size; set = next_set(set))
            for (int unit = 0; unit < 3 * w->size; unit++)
                if (naked(w, unit, set) || hidden(w, unit, set)) return true;
    for (int d = 0; d < w->size; d++)
        if (x_wing(w, 0, d) || x_wing(w, w->size, d)) return true;
    return false;
}

pal_sudoku_grade pal_sudoku_grade_of(const pal_sudoku *b, pal_sudoku *solved)
{
    pal_sudoku_grade grade = PAL_SUDOKU_SINGLES;
    work w = {.box = b->box, .size = pal_sudoku_size(b), .cells = pal_sudoku_cells(b), .board = {.box = b->box}};
    w.open = w.cells;
    for (int i = 0; i < w.cells; i++) w.left[i] = (uint16_t)((1u << w.size) - 1);
    for (int i = 0; i < w.cells; i++)
        if (b->cell[i]) decide(&w, i, 1u << (b->cell[i] - 1));
    while (w.open && grade != PAL_SUDOKU_GUESS)
        if (!singles(&w)) grade = pairs(&w) ? PAL_SUDOKU_PAIRS : PAL_SUDOKU_GUESS;
    if (solved) *solved = w.board;
    return grade;
}
