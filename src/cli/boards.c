/* boards.c - boards in commands: what is said about one before it is filled, and the cells of a filled one as JSON. */
#include "boards.h"

#include <stdlib.h>
#include <string.h>

enum { TRIES = 1 << 14 };

bool count_solutions(pal_sudoku_search *s, const pal_sudoku *b)
{
    const double start = seconds_now();
    pal_sudoku_search_start(s, b, MAX_SOLUTIONS + 1);
    while (!pal_sudoku_search_step(s, TRIES))
        if (stop_requested() || seconds_now() - start > 1.0) return false;
    return true;
}

bool next_board(const bytes *text, size_t *at, bytes *out)
{
    while (*at < text->size) {
        const char *start = text->data + *at, *newline = memchr(start, '\n', text->size - *at);
        const size_t line = newline ? (size_t)(newline - start) + 1 : text->size - *at;
        *at += line;
        *out = (bytes){text->data + (*at - line), without_line_break(start, line)};
        if (out->size) return true;
    }
    return false;
}

/* ---- before it is filled ---------------------------------------------------------------------------- */

static void say(int64_t number)
{
    if (number < 0)
        fputs("the board ", stderr);
    else
        fprintf(stderr, "board %lld ", (long long)number);
}

static void say_conflict(const pal_sudoku *b, int cell, int other, int64_t number)
{
    const int size = pal_sudoku_size(b);
    say(number);
    fprintf(stderr, "has no solution: row %d, column %d and row %d, column %d both have the digit %d\n",
            other / size + 1, other % size + 1, cell / size + 1, cell % size + 1, b->cell[cell]);
}

static void say_solutions(const pal_sudoku *b, int64_t number)
{
    pal_sudoku_search search;
    const bool counted = count_solutions(&search, b);
    if (stop_requested() || (counted && search.solutions == 1)) return;
    say(number);
    if (!counted)
        fputs(search.solutions ? "has at least one solution; how many is not known after a second\n"
                               : "may have no solution: none was found in a second\n",
              stderr);
    else if (!search.solutions)
        fputs("has no solution\n", stderr);
    else if (search.solutions > MAX_SOLUTIONS)
        fprintf(stderr, "%shas more than %d solutions\n", pal_sudoku_givens(b) ? "" : "is empty: it ", MAX_SOLUTIONS);
    else
        fprintf(stderr, "has %d solutions\n", search.solutions);
}

void say_of_board(const bytes *text, int64_t number)
{
    pal_sudoku b;
    int cells, other;
    if (pal_sudoku_read(&b, text->data, text->size, &cells, NULL)) return;
    const int cell = pal_sudoku_conflict(&b, &other);
    if (cell >= 0)
        say_conflict(&b, cell, other, number);
    else if (pal_sudoku_givens(&b) < cells)
        say_solutions(&b, number);
    if (pal_sudoku_givens(&b) < cells) return;
    say(number);
    fputs("has no open cell: there is nothing to fill\n", stderr);
}

int report_board(const bytes *text, int size, int64_t number, const pal_error *err)
{
    int cells = 0;
    for (size_t i = 0; i < text->size; i++) {
        if (i == err->offset && cells < size * size) {
            fprintf(stderr, "palimpsest: infill: ");
            say(number);
            fprintf(stderr, "is wrong at row %d, column %d: %s (byte %zu)\n", cells / size + 1, cells % size + 1,
                    err->text, i);
            return EXIT_BAD;
        }
        cells += pal_sudoku_symbol(text->data[i]) >= 0;
    }
    fprintf(stderr, "palimpsest: infill: ");
    say(number);
    fprintf(stderr, "has %d cells: %s\n", cells, err->text);
    return EXIT_BAD;
}

/* ---- as JSON ---------------------------------------------------------------------------------------- */

static void put_alternatives(json *j, const pal_place *place)
{
    json_open(j, "alternatives", '[');
    for (int32_t i = 0; i < place->alternatives; i++) {
        json_open(j, NULL, '{');
        json_int(j, "digit", place->alternative_id[i]);
        json_number(j, "probability", (double)place->alternative_probability[i]);
        json_close(j, '}');
    }
    json_close(j, ']');
}

/* place: NULL for a given cell. */
static void put_cell(json *j, int cell, int size, int digit, const pal_place *place)
{
    json_open(j, NULL, '{');
    json_int(j, "row", cell / size + 1);
    json_int(j, "column", cell % size + 1);
    if (digit) json_int(j, "digit", digit);
    json_bool(j, "given", !place);
    if (place && digit) {
        json_int(j, "step", place->step);
        json_number(j, "probability", (double)place->probability);
        put_alternatives(j, place);
    }
    json_close(j, '}');
}

/* The open cells in order are the places; the offset of a place is the number of its cell. */
static void put_cells(json *j, const pal_session *session, const pal_sudoku *b)
{
    const size_t count = pal_session_tokens(session, NULL, 0);
    pal_place *places = calloc(count + 1, sizeof *places);
    size_t next = 0;
    if (!places) return;
    pal_session_tokens(session, places, count);
    json_open(j, "cells", '[');
    for (int i = 0; i < pal_sudoku_cells(b); i++) {
        const bool filled = next < count && places[next].offset == (size_t)i;
        put_cell(j, i, pal_sudoku_size(b), b->cell[i], filled ? &places[next] : NULL);
        next += filled;
    }
    json_close(j, ']');
    free(places);
}

void put_filled_board(json *j, const pal_session *session, const char *text, size_t cells)
{
    pal_sudoku b;
    int count, other = -1;
    if (pal_sudoku_read(&b, text, cells, &count, NULL)) return;
    const int cell = pal_sudoku_conflict(&b, &other);
    json_bool(j, "valid", cell < 0);
    json_bool(j, "solved", pal_sudoku_is_solved(&b));
    if (cell >= 0) {
        json_open(j, "conflict", '[');
        json_int(j, NULL, other);
        json_int(j, NULL, cell);
        json_close(j, ']');
    }
    put_cells(j, session, &b);
}
