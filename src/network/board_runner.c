/* board_runner.c - evaluates a network of boards; implements the predictor of text/. */
#include "board_runner.h"

#include <string.h>

void pal_board_runner_layout(pal_board_runner *r, const pal_model *m, pal_arena *arena)
{
    r->net = m->board;
    r->compute = pal_model_compute(m);
    pal_board_scratch_layout(&r->scratch, m->board, pal_model_threads(m), arena);
}

static void evaluate(void *context, const pal_query *q)
{
    pal_board_runner *r = context;
    PAL_ASSERT(q->n == r->net->cells);
    pal_board_forward(r->net, &r->compute, &r->scratch, q->tokens, r->loops);
}

/* The network has no logit of the mask, which cannot be drawn: 0. */
static bool logits(void *context, const int *at, int count, float *out)
{
    const pal_board_runner *r = context;
    const size_t size = (size_t)r->net->size;
    for (int i = 0; i < count; i++, out += size + 1) {
        const float *row = r->scratch.logits + (size_t)at[i] * size;
        if (!pal_all_finite(row, size)) return false;
        out[0] = 0.0f;
        memcpy(out + 1, row, size * sizeof *row);
    }
    return true;
}

pal_predictor pal_board_runner_start(pal_board_runner *r, int loops)
{
    pal_board_prepare(&r->scratch, r->net);
    r->loops = loops ? loops : r->net->loops;
    return (pal_predictor){
        .context = r, .team = r->compute.team, .vocab = r->net->size + 1, .evaluate = evaluate, .logits = logits};
}
