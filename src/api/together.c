/* together.c - evaluates several pages of a model in one batch, which loads the weights only once for all of them. */
#include "pages.h"
#include "../network/row_batch.h"

#include <string.h>

typedef struct {
    pal_compute compute;
    int32_t *tokens; /* [max_tokens] */
    int *lengths;    /* [max_tokens], tokens of each session, at least 1 */
    int *rows;       /* [max_tokens] */
    pal_activations activations;
    pal_cache cache;
} workplace; /* for models without query rows */

static void lay_out(workplace *w, const pal_model *m, int32_t max_tokens, pal_arena *arena)
{
    const pal_cache_shape shape = pal_transformer_cache(pal_model_transformer(m));
    w->compute = pal_model_compute(m);
    w->tokens = pal_take(arena, (size_t)max_tokens, sizeof *w->tokens);
    w->lengths = pal_take(arena, (size_t)max_tokens, sizeof *w->lengths);
    w->rows = pal_take(arena, (size_t)max_tokens, sizeof *w->rows);
    pal_activations_layout(&w->activations, pal_model_transformer(m), pal_model_threads(m), max_tokens, max_tokens,
                           arena);
    pal_cache_layout(&w->cache, &shape, max_tokens, false, PAL_KV_F32, arena);
}

pal_status pal_together_bytes(const pal_model *model, int32_t tokens, size_t *bytes, pal_error *err)
{
    union {
        workplace w;
        pal_row_batch b;
    } measured;
    pal_arena arena = {0};
    pal_status s = pal_model_ready(model, err);
    if (s) return s;
    if (tokens < 1 || tokens > INT32_MAX / 2)
        return pal_fail(err, PAL_E_OPTION, "the number of tokens is out of range", SIZE_MAX);
    if (model->rows.used)
        pal_row_batch_layout(&measured.b, model, tokens, &arena);
    else
        lay_out(&measured.w, model, tokens, &arena);
    if (!pal_arena_bytes(&arena, bytes))
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for so many tokens at once", SIZE_MAX);
    return PAL_OK;
}

/* Makes the queries of the sessions and returns the number of tokens in them; -1: a session has another model. */
static int32_t tokens_of(const pal_model *model, pal_session *const *sessions, int32_t count)
{
    int64_t tokens = 0;
    for (int32_t i = 0; i < count; i++) {
        if (sessions[i]->model != model) return -1;
        const pal_query *q = pal_fill_query(&sessions[i]->fill);
        if (q) tokens += q->n;
    }
    return tokens > INT32_MAX ? INT32_MAX : (int32_t)tokens;
}

/* The activations of the session with the most positions: their rotary table is long enough for all sessions. */
static const pal_activations *longest(pal_session *const *sessions, int32_t count)
{
    const pal_session *best = sessions[0];
    for (int32_t i = 1; i < count; i++)
        if (sessions[i]->runner.text.activations.positions > best->runner.text.activations.positions)
            best = sessions[i];
    return &best->runner.text.activations;
}

/* Whether a session is evaluated in the pass of the session `first`, at the same noise level. */
static bool joins(const pal_session *s, const pal_session *first)
{
    const double time = s->fill.query.time, other = first->fill.query.time;
    if (!s->fill.query.count || !first->fill.query.count) return false;
    return !s->fill.predictor.reads_time || !(time < other || time > other);
}

/* Copies the hidden states, and the noise level, to the sessions that join sessions[first]. */
static void hand_out(pal_session *const *sessions, int32_t count, int32_t first, const pal_activations *from)
{
    const pal_transformer *net = pal_model_transformer(sessions[first]->model);
    const size_t dim = (size_t)net->dim;
    const float *x = from->x;
    for (int32_t i = first; i < count; i++) {
        pal_session *s = sessions[i];
        if (!joins(s, sessions[first])) continue;
        const size_t size = (size_t)pal_runner_rows(&s->runner.text, &s->fill.query) * dim;
        pal_activations_copy_level(&s->runner.text.activations, from, net);
        memcpy(s->runner.text.activations.x, x, size * sizeof *x);
        x += size;
        pal_fill_answered(&s->fill);
    }
}

/* Evaluates the sessions that join sessions[first]. */
static bool evaluate_sequences(const pal_model *model, pal_session *const *sessions, int32_t count, int32_t first,
                               workplace *w)
{
    int sequences = 0, rows = 0, n = 0;
    pal_activations_borrow(&w->activations, longest(sessions, count), &w->cache);
    pal_transformer_condition(pal_model_transformer(model), &w->compute, &w->activations,
                              sessions[first]->fill.query.time);
    for (int32_t i = first; i < count; i++) {
        const pal_query *q = &sessions[i]->fill.query;
        if (!joins(sessions[i], sessions[first])) continue;
        const int some = pal_runner_rows(&sessions[i]->runner.text, q);
        for (int r = 0; r < some; r++) w->rows[rows++] = n + sessions[i]->runner.text.rows[r];
        memcpy(w->tokens + n, q->tokens, (size_t)q->n * sizeof *w->tokens);
        w->lengths[sequences++] = (int)q->n;
        n += (int)q->n;
    }
    pal_transformer_forward_batch(pal_model_transformer(model), &w->compute, &w->activations, &w->cache, w->tokens,
                                  w->lengths, sequences, w->rows, rows);
    if (!pal_all_finite(w->activations.x, (size_t)rows * (size_t)model->shape.width)) return false;
    hand_out(sessions, count, first, &w->activations);
    return true;
}

/* One pass for each noise level that the network reads; a network that reads none has one pass. */
static bool evaluate_levels(const pal_model *model, pal_session *const *sessions, int32_t count, workplace *w)
{
    bool finite = true;
    for (int32_t first = 0; finite && first < count; first++) {
        bool done = !sessions[first]->fill.query.count;
        for (int32_t i = 0; !done && i < first; i++) done = joins(sessions[first], sessions[i]);
        if (!done) finite = evaluate_sequences(model, sessions, count, first, w);
    }
    return finite;
}

/* ---- query rows ------------------------------------------------------------------------------------- */

/* The first session of a page computes its given text alone; the others copy these rows. */
static void reuse_rows(pal_session *const *sessions, int32_t at)
{
    for (int32_t i = 0; i < at && !pal_session_reuse(sessions[at], sessions[i]);) i++;
}

static bool run_alone(pal_row_runner *r)
{
    pal_row_runner_run(r);
    return pal_all_finite(r->activations.x, (size_t)r->asked * (size_t)r->model->shape.width);
}

static bool evaluate_rows(pal_session *const *sessions, int32_t count, pal_row_batch *b)
{
    bool finite = true;
    for (int32_t i = 0; finite && i < count; i++) {
        pal_row_runner *r = &sessions[i]->runner.rows;
        if (!sessions[i]->fill.query.count) continue;
        reuse_rows(sessions, i);
        const bool alone = pal_row_runner_is_new(r);
        pal_row_runner_prepare(r, &sessions[i]->fill.query);
        if (alone || !pal_row_batch_add(b, r)) finite = run_alone(r);
    }
    if (finite && b->count == 1)
        finite = run_alone(b->runner[0]);
    else if (finite)
        finite = pal_row_batch_run(b);
    if (!finite) return false;
    for (int32_t i = 0; i < count; i++)
        if (sessions[i]->fill.query.count) pal_fill_answered(&sessions[i]->fill);
    return true;
}

/* ---- one evaluation --------------------------------------------------------------------------------- */

pal_status pal_evaluate_together(const pal_model *model, pal_session *const *sessions, int32_t count, void *block,
                                 size_t bytes, pal_error *err)
{
    workplace w;
    pal_row_batch b;
    size_t needed;
    bool finite;
    const int32_t max_tokens = tokens_of(model, sessions, count);
    if (max_tokens == 0) return PAL_OK;
    if (max_tokens < 0) return pal_fail(err, PAL_E_OPTION, "a session belongs to another model", SIZE_MAX);
    pal_status status = pal_together_bytes(model, max_tokens, &needed, err);
    if (status) return status;
    if (!block || bytes < needed)
        return pal_fail(err, PAL_E_MEMORY, "the memory block is too small for these sessions", SIZE_MAX);
    pal_arena arena = pal_arena_in(block);
    if (model->rows.used) {
        pal_row_batch_layout(&b, model, max_tokens, &arena);
        finite = evaluate_rows(sessions, count, &b);
    } else {
        lay_out(&w, model, max_tokens, &arena);
        finite = evaluate_levels(model, sessions, count, &w);
    }
    pal_arena_return(&arena); /* the block is scratch memory */
    return finite ? PAL_OK : pal_fail_not_finite(err);
}
