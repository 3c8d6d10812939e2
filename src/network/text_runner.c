/* text_runner.c - evaluates a transformer for sequences of tokens; implements the predictor of text/. */
#include "text_runner.h"

void pal_runner_layout(pal_runner *r, const pal_model *m, int32_t max_tokens, pal_arena *arena)
{
    r->model = m;
    r->compute = pal_model_compute(m);
    pal_activations_layout(&r->activations, pal_model_transformer(m), pal_model_threads(m), max_tokens, max_tokens,
                           arena);
    pal_activations_table(&r->activations, pal_model_transformer(m), arena);
    const pal_cache_shape shape = pal_transformer_cache(pal_model_transformer(m));
    pal_cache_layout(&r->cache, &shape, max_tokens, false, PAL_KV_F32, arena);
    r->rows = pal_take(arena, (size_t)max_tokens, sizeof *r->rows);
    r->row_of = pal_take(arena, (size_t)max_tokens, sizeof *r->row_of);
}

/* The position whose output row predicts position `at`. */
static int source_of(const pal_runner *r, int at)
{
    return pal_model_transformer(r->model)->shift_logits && at > 0 ? at - 1 : at;
}

int pal_runner_rows(pal_runner *r, const pal_query *q)
{
    int rows = 0;
    for (int32_t i = 0; i < q->n; i++) r->row_of[i] = -1;
    for (int i = 0; i < q->count; i++) r->row_of[source_of(r, q->at[i])] = 0;
    for (int32_t i = 0; i < q->n; i++) {
        if (r->row_of[i] < 0) continue;
        r->row_of[i] = rows;
        r->rows[rows++] = (int)i;
    }
    return rows;
}

static void run_evaluate(void *context, const pal_query *q)
{
    pal_runner *r = context;
    const int rows = pal_runner_rows(r, q);
    pal_transformer_condition(pal_model_transformer(r->model), &r->compute, &r->activations, q->time);
    pal_transformer_forward(pal_model_transformer(r->model), &r->compute, &r->activations, &r->cache, q->tokens, q->n,
                            0, r->rows, rows);
}

static bool run_logits(void *context, const int *at, int count, float *logits)
{
    enum { SOME = 64 };
    pal_runner *r = context;
    const size_t vocab = (size_t)r->model->shape.vocab;
    for (int done = 0; done < count; done += SOME) {
        int rows[SOME], some = count - done < SOME ? count - done : SOME;
        for (int i = 0; i < some; i++) rows[i] = r->row_of[source_of(r, at[done + i])];
        pal_transformer_logits(pal_model_transformer(r->model), &r->compute, &r->activations, rows, some,
                               logits + (size_t)done * vocab);
    }
    return pal_all_finite(logits, (size_t)count * vocab);
}

pal_predictor pal_runner_start(pal_runner *r)
{
    pal_activations_prepare(&r->activations, pal_model_transformer(r->model), &r->cache);
    return (pal_predictor){.context = r,
                           .team = r->compute.team,
                           .vocab = r->model->shape.vocab,
                           .evaluate = run_evaluate,
                           .logits = run_logits,
                           .reads_time = pal_transformer_reads_noise(pal_model_transformer(r->model))};
}
