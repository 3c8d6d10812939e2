/* boards.h - what the commands sudoku and infill say about boards. */
#ifndef CLI_BOARDS_H
#define CLI_BOARDS_H

#include "cli.h"
#include "../sudoku/sudoku.h"

enum { MAX_SOLUTIONS = 1000 };

/* Counts up to MAX_SOLUTIONS + 1 solutions, for at most a second; returns whether the count is complete. */
bool count_solutions(pal_sudoku_search *s, const pal_sudoku *b);

/* Finds the board at byte *at of a text in which every line that is not empty is one, and moves *at behind it.  false:
 * there are no more. */
bool next_board(const bytes *text, size_t *at, bytes *out);

/* Says on standard error what is strange about a board before it is filled: cells that contradict each other, no
 * solution or several, nothing to fill.  number: of the board among many, or -1.  The board has been read before. */
void say_of_board(const bytes *text, int64_t number);

/* Reports an error of the text of a board: names the cell, or says how many cells there are.  Returns the exit code. */
int report_board(const bytes *text, int size, int64_t number, const pal_error *err);

/* Writes of the board of a session, text[cells]: givens, solutions, whether it is complete, valid and solved; and each cell. */
void put_filled_board(json *j, const pal_session *session, const char *text, size_t cells);

#endif
