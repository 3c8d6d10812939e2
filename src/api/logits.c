/* logits.c - pal_logits: one evaluation of a network at given positions. */
#include "../network/text_runner.h"

#include <stdlib.h>

static pal_status check_positions(const pal_model *m, const int32_t *tokens, int32_t n, const int32_t *at,
                                  int32_t count, pal_error *err)
{
    pal_status s = pal_model_can_evaluate(m, err);
    if (s) return s;
    if (n < 1 || n > m->shape.context)
        return pal_fail(err, PAL_E_CONTEXT, "there are no tokens, or more than the context holds", SIZE_MAX);
    for (int32_t i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= m->shape.vocab)
            return pal_fail(err, PAL_E_OPTION, "a token id is outside the vocabulary", (size_t)i);
    for (int32_t i = 0; i < count; i++)
        if (at[i] < 0 || at[i] >= n) return pal_fail(err, PAL_E_OPTION, "a position is outside the tokens", (size_t)i);
    return PAL_OK;
}

typedef struct {
    pal_runner runner;
    int32_t *rank; /* [n] */
} workplace;

static void lay_out(workplace *w, const pal_model *m, int32_t n, pal_arena *arena)
{
    pal_runner_layout(&w->runner, m, n, arena);
    w->rank = pal_take(arena, (size_t)n, sizeof *w->rank);
}

/* All tokens except masks are given text.  The time of the diffusion is taken to be the share of masks. */
static void evaluate(workplace *w, const pal_predictor *p, const int32_t *tokens, int32_t n, const int32_t *at,
                     int32_t count)
{
    int32_t masks = 0;
    for (int32_t i = 0; i < n; i++) {
        const bool masked = tokens[i] == w->runner.model->classes.mask;
        w->rank[i] = masked ? PAL_RANK_UNKNOWN : 0;
        masks += masked;
    }
    p->evaluate(p->context, &(pal_query){n, tokens, w->rank, masks / (double)n, count, at, NULL});
}

pal_status pal_logits(const pal_model *m, const int32_t *tokens, int32_t n, const int32_t *at, int32_t count,
                      float *logits, pal_error *err)
{
    pal_status s = check_positions(m, tokens, n, at, count, err);
    if (s) return s;
    workplace w;
    pal_arena arena = {0};
    size_t bytes;
    lay_out(&w, m, n, &arena);
    void *block = pal_arena_bytes(&arena, &bytes) ? malloc(bytes) : NULL;
    if (!block) return pal_fail(err, PAL_E_MEMORY, "not enough memory to evaluate the network", SIZE_MAX);
    arena = pal_arena_in(block);
    lay_out(&w, m, n, &arena);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == bytes);
    const pal_predictor p = pal_runner_start(&w.runner);
    if (count) evaluate(&w, &p, tokens, n, at, count);
    const bool finite = p.logits(p.context, at, count, logits);
    free(block);
    return finite ? PAL_OK : pal_fail_not_finite(err);
}
