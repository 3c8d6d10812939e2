/* board_runner.h - evaluates a network of boards behind the predictor of text/ (internal). */
#ifndef PAL_BOARD_RUNNER_H
#define PAL_BOARD_RUNNER_H

#include "model.h"
#include "../arch/board.h"
#include "../text/predictor.h"

typedef struct {
    const pal_board_net *net;
    pal_compute compute;
    pal_board_scratch scratch;
    int loops;
} pal_board_runner;

/* m->board must be set. */
void pal_board_runner_layout(pal_board_runner *r, const pal_model *m, pal_arena *arena);

/* loops: 0 stands for the number that the file names.  The runner must not be moved afterwards. */
pal_predictor pal_board_runner_start(pal_board_runner *r, int loops);

#endif
