/* symmetry.c - symmetries of boards: random ones, and the smallest board that is equal up to symmetry. */
#include "sudoku.h"
#include "../core/random.h"

#include <string.h>

/* ---- random symmetries ------------------------------------------------------------------------------ */

typedef struct {
    uint64_t seed;
    uint32_t number, position;
} draws;

static void shuffle(draws *d, uint8_t *order, int count)
{
    for (int i = 0; i < count; i++) order[i] = (uint8_t)i;
    for (int i = count - 1; i > 0; i--) {
        const int other = (int)(pal_uniform(d->seed, PAL_DRAW_BOARD, d->number, 2, d->position++) * (i + 1));
        const uint8_t swap = order[i];
        order[i] = order[other];
        order[other] = swap;
    }
}

/* A random order of the lines 0 .. size - 1 in which the lines of a band stay together. */
static void shuffle_lines(draws *d, uint8_t *line, int box)
{
    uint8_t band[3] = {0}, within[3] = {0};
    shuffle(d, band, box);
    for (int i = 0; i < box; i++) {
        shuffle(d, within, box);
        for (int j = 0; j < box; j++) line[i * box + j] = (uint8_t)(band[i] * box + within[j]);
    }
}

void pal_sudoku_shuffle(pal_sudoku *b, uint64_t seed, uint32_t number)
{
    const pal_sudoku from = *b;
    const int size = pal_sudoku_size(b);
    draws d = {seed, number, 0};
    uint8_t name[PAL_SUDOKU_SIZE] = {0}, row[PAL_SUDOKU_SIZE] = {0}, column[PAL_SUDOKU_SIZE] = {0}, turned[2] = {0};
    shuffle(&d, name, size);
    shuffle_lines(&d, row, b->box);
    shuffle_lines(&d, column, b->box);
    shuffle(&d, turned, 2);
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            const uint8_t digit =
                turned[0] ? from.cell[column[j] * size + row[i]] : from.cell[row[i] * size + column[j]];
            b->cell[i * size + j] = digit ? (uint8_t)(name[digit - 1] + 1) : 0;
        }
}

/* ---- the smallest board ----------------------------------------------------------------------------- */

/* Boards with a given first row and given columns: the digits are named by the first row as 1, 2, 3, ..., and the other
 * rows are then in the order of their first cells, within their bands and as bands. */
typedef struct {
    int box, size;
    const uint8_t *cell; /* the board, perhaps transposed */
    uint8_t column[PAL_SUDOKU_SIZE], name[PAL_SUDOKU_SIZE + 1];
    pal_sudoku best;
    bool any;
} smallest;

static uint8_t digit_at(const smallest *s, int row, int column)
{
    return s->name[s->cell[row * s->size + s->column[column]]];
}

static void sort_by_first_cell(const smallest *s, uint8_t *rows, int count)
{
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && digit_at(s, rows[j], 0) < digit_at(s, rows[j - 1], 0); j--) {
            const uint8_t swap = rows[j];
            rows[j] = rows[j - 1];
            rows[j - 1] = swap;
        }
}

/* The rows in their order: `first`, the others of its band, then the other bands. */
static void order_rows(const smallest *s, int first, uint8_t *rows)
{
    int count = 0;
    rows[count++] = (uint8_t)first;
    const int band = first / s->box;
    for (int i = band * s->box; i < (band + 1) * s->box; i++)
        if (i != first) rows[count++] = (uint8_t)i;
    sort_by_first_cell(s, rows + 1, s->box - 1);
    for (int other = 0; other < s->box; other++) {
        if (other == band) continue;
        for (int i = other * s->box; i < (other + 1) * s->box; i++) rows[count++] = (uint8_t)i;
        sort_by_first_cell(s, rows + count - s->box, s->box);
    }
    if (s->box < 3) return;
    uint8_t *last =
        rows + (size_t)(2 * s->box); /* of the two other bands, the one with the smaller first cell comes first */
    if (digit_at(s, last[0], 0) > digit_at(s, last[-s->box], 0)) return;
    for (int i = 0; i < s->box; i++) {
        const uint8_t swap = last[i];
        last[i] = last[i - s->box];
        last[i - s->box] = swap;
    }
}

/* Compares the board with this first row and these columns, and keeps it if it is smaller. */
static void consider(smallest *s, int first)
{
    uint8_t rows[PAL_SUDOKU_SIZE] = {0};
    bool smaller = !s->any;
    for (int j = 0; j < s->size; j++) s->name[s->cell[first * s->size + s->column[j]]] = (uint8_t)(j + 1);
    order_rows(s, first, rows);
    for (int i = 0; i < s->size; i++)
        for (int j = 0; j < s->size; j++) {
            const uint8_t digit = digit_at(s, rows[i], j);
            uint8_t *best = &s->best.cell[i * s->size + j];
            if (!smaller && digit > *best) return;
            smaller = smaller || digit < *best;
            *best = digit;
        }
    s->any = true;
}

/* All orders of the columns in which those of a stack stay together; `order` counts through them. */
static void set_columns(smallest *s, int order)
{
    static const uint8_t threes[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const uint8_t twos[2][3] = {{0, 1, 0}, {1, 0, 0}};
    const int orders = s->box == 3 ? 6 : 2;
    const uint8_t(*of)[3] = s->box == 3 ? threes : twos;
    const uint8_t *stack = of[order % orders];
    for (int i = 0; i < s->box; i++) {
        order /= orders;
        const uint8_t *within = of[order % orders];
        for (int j = 0; j < s->box; j++) s->column[i * s->box + j] = (uint8_t)(stack[i] * s->box + within[j]);
    }
}

void pal_sudoku_canonical(const pal_sudoku *b, pal_sudoku *out)
{
    const int size = pal_sudoku_size(b), orders = b->box == 3 ? 6 * 6 * 6 * 6 : 2 * 2 * 2;
    uint8_t turned[PAL_SUDOKU_CELLS];
    smallest s = {.box = b->box, .size = size, .best = *b};
    PAL_ASSERT(pal_sudoku_is_solved(b));
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) turned[j * size + i] = b->cell[i * size + j];
    for (int side = 0; side < 2; side++) {
        s.cell = side ? turned : b->cell;
        for (int order = 0; order < orders; order++) {
            set_columns(&s, order);
            for (int first = 0; first < size; first++) consider(&s, first);
        }
    }
    *out = s.best;
}
