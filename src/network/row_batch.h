/* row_batch.h - evaluates the rows of several runners in one pass, which loads the weights only once (internal). */
#ifndef PAL_ROW_BATCH_H
#define PAL_ROW_BATCH_H

#include "row_runner.h"

typedef struct {
    const pal_model *model;
    pal_compute compute;
    pal_activations activations;
    int capacity, count;     /* rows; runners */
    pal_row_runner **runner; /* [capacity] */
    int rows;                /* of all runners */
    /* The rows of the pass: content rows of every runner, then query rows of every runner. */
    int32_t *token;      /* [capacity] */
    int *place, *wanted; /* [capacity] */
    pal_seen *seen;      /* [capacity] */
    pal_row_part *part;  /* [2 * capacity] */
    float *answer;       /* logits of several runners, of up to 8 rows: [8, vocab] */
} pal_row_batch;

/* For up to `capacity` rows, and queries of up to `capacity` tokens. */
void pal_row_batch_layout(pal_row_batch *b, const pal_model *m, int32_t capacity, pal_arena *arena);

/* Adds a runner, after pal_row_runner_prepare.  Returns false, and does nothing, if its rows do not fit. */
bool pal_row_batch_add(pal_row_batch *b, pal_row_runner *r);

/* Evaluates the rows of all runners, with the bits of pal_row_runner_run, and the logits of those that asked for few
 * rows (PAL_ANSWERS).  Returns whether the results of all rows are finite; only then the runners have them. */
bool pal_row_batch_run(pal_row_batch *b);

#endif
