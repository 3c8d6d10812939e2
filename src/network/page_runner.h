/* page_runner.h - the runner of a page: which one depends on the model's network (internal). */
#ifndef PAL_PAGE_RUNNER_H
#define PAL_PAGE_RUNNER_H

#include "board_runner.h"
#include "row_runner.h"

typedef struct {
    pal_runner text;        /* of a bidirectional network */
    pal_row_runner rows;    /* of a model with query rows */
    pal_board_runner board; /* of a model of boards: api/board_pages.c */
} pal_page_runner;

/* Whether the model has a network that can fill pages. */
static inline bool pal_page_fills(const pal_model *m)
{
    return m->rows.used || !m->shape.causal;
}

/* The number of tokens of a page that the network can see. */
static inline int32_t pal_page_context(const pal_model *m)
{
    return m->shape.context - (m->rows.used ? 1 : 0); /* the start token */
}

/* For up to max_tokens tokens, of which `places` are in blanks. */
static inline void pal_page_runner_layout(pal_page_runner *r, const pal_model *m, int32_t max_tokens, int32_t places,
                                          pal_arena *arena)
{
    if (m->rows.used)
        pal_row_runner_layout(&r->rows, m, max_tokens, places, PAL_KV_F32, arena);
    else
        pal_runner_layout(&r->text, m, max_tokens, arena);
}

static inline pal_predictor pal_page_runner_start(pal_page_runner *r, const pal_model *m)
{
    return m->rows.used ? pal_row_runner_start(&r->rows) : pal_runner_start(&r->text);
}

#endif
