/* fills_left.c - scores of fills whose tokens are given only what stands before them. */
#include "fills.h"

#include <stdlib.h>
#include <string.h>

static void evaluate_nothing(void *context, const pal_query *q)
{
    (void)context;
    (void)q;
}

static pal_status check_left(const pal_fills *j, const pal_fills_options *o, pal_error *err)
{
    const pal_fill *f = &j->session->fill;
    if (!j->model->shape.causal)
        return pal_fail(err, PAL_E_OPTION, "left-only needs a causal model, which reads from left to right", SIZE_MAX);
    if (o->order) return pal_fail(err, PAL_E_OPTION, "left-only has an order of its own: from left to right", SIZE_MAX);
    if (f->n >= j->model->shape.context)
        return pal_fail(err, PAL_E_CONTEXT, "left-only needs a page that is shorter than the model's context",
                        SIZE_MAX);
    for (int32_t i = 0; i < f->blanks; i++)
        if (f->blank[i].min < f->blank[i].max)
            return pal_fail(err, PAL_E_OPTION, "left-only needs blanks of exact lengths, such as [[5]]", (size_t)i);
    return PAL_OK;
}

/* The runner evaluates the start token and the filled page; its row at place i predicts token i of the page. */
pal_status pal_fills_read_left(pal_fills *j, const pal_fills_options *o, pal_error *err)
{
    pal_fill *f = &j->session->fill;
    const pal_model *m = j->model;
    pal_arena arena = {0};
    size_t bytes;
    pal_status s = check_left(j, o, err);
    const int32_t start = m->rows.used ? m->rows.start : pal_vocab_special(m->vocab)->bos;
    if (!s && start < 0) s = pal_fail(err, PAL_E_UNSUPPORTED, "the model has no BOS token to start from", SIZE_MAX);
    if (s) return s;
    pal_runner_layout(&j->left, m, f->n + 1, &arena);
    j->left_block = pal_arena_bytes(&arena, &bytes) ? malloc(bytes) : NULL;
    if (!j->left_block) return pal_fail(err, PAL_E_MEMORY, "not enough memory to evaluate the network", SIZE_MAX);
    arena = pal_arena_in(j->left_block);
    pal_runner_layout(&j->left, m, f->n + 1, &arena);
    j->page[0] = start;
    memcpy(j->page + 1, f->tokens, (size_t)f->n * sizeof *j->page);
    for (int32_t i = 0; i < j->places; i++) {
        j->page[1 + f->place[i].at] = j->token[i];
        f->asked[i] = (int)f->place[i].at;
    }
    f->predictor = pal_runner_start(&j->left);
    if (j->places)
        f->predictor.evaluate(f->predictor.context,
                              &(pal_query){.n = f->n + 1, .tokens = j->page, .count = (int)j->places, .at = f->asked});
    f->predictor.evaluate = evaluate_nothing;
    return PAL_OK;
}
