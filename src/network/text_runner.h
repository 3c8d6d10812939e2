/* text_runner.h - a transformer at work on sequences of tokens, behind the predictor of text/ (internal). */
#ifndef PAL_TEXT_RUNNER_H
#define PAL_TEXT_RUNNER_H

#include "model.h"
#include "../arch/transformer.h"
#include "../text/predictor.h"

/* Of a model of texts. */
static inline const pal_transformer *pal_model_transformer(const pal_model *m)
{
    return m->network;
}

/* A network at work on sequences of up to `max_tokens` tokens. */
typedef struct {
    const pal_model *model;
    pal_compute compute;
    pal_activations activations;
    pal_cache cache; /* of one layer at a time */
    int *rows;       /* [max_tokens]: positions whose hidden states were computed, ascending */
    int *row_of;     /* [max_tokens]: where in them a position stands, -1 if it does not */
} pal_runner;

void pal_runner_layout(pal_runner *r, const pal_model *m, int32_t max_tokens, pal_arena *arena);
pal_predictor pal_runner_start(pal_runner *r); /* the runner must stay where it is */

/* What an evaluation of q computes: the number of r->rows, ascending. */
int pal_runner_rows(pal_runner *r, const pal_query *q);

#endif
