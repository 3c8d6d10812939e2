/* text_runner.h - evaluates a transformer for sequences of tokens, behind the predictor of text/ (internal). */
#ifndef PAL_TEXT_RUNNER_H
#define PAL_TEXT_RUNNER_H

#include "model.h"
#include "../arch/transformer.h"
#include "../text/predictor.h"

/* The network of a text model. */
static inline const pal_transformer *pal_model_transformer(const pal_model *m)
{
    return m->network;
}

/* Evaluates a network for sequences of up to `max_tokens` tokens. */
typedef struct {
    const pal_model *model;
    pal_compute compute;
    pal_activations activations;
    pal_cache cache; /* of one layer at a time */
    int *rows;       /* [max_tokens]: positions whose hidden states were computed, ascending */
    int *row_of;     /* [max_tokens]: index of a position in rows, -1 if it is not there */
} pal_runner;

void pal_runner_layout(pal_runner *r, const pal_model *m, int32_t max_tokens, pal_arena *arena);
pal_predictor pal_runner_start(pal_runner *r); /* the runner must not be moved afterwards */

/* Sets r->rows to the positions whose hidden states an evaluation of q must compute, and returns their number. */
int pal_runner_rows(pal_runner *r, const pal_query *q);

#endif
