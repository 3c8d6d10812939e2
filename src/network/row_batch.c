/* row_batch.c - puts the rows of several runners one after the other, and evaluates them in one pass. */
#include "row_batch.h"

#include <string.h>

enum { TOGETHER = 2 * PAL_ANSWERS }; /* rows of logits that are computed in one product */

void pal_row_batch_layout(pal_row_batch *b, const pal_model *m, int32_t capacity, pal_arena *arena)
{
    const size_t n = (size_t)capacity;
    *b = (pal_row_batch){.model = m, .compute = pal_model_compute(m), .capacity = capacity};
    b->runner = pal_take(arena, n, sizeof *b->runner);
    b->token = pal_take(arena, n, sizeof *b->token);
    b->place = pal_take(arena, n, sizeof *b->place);
    b->wanted = pal_take(arena, n, sizeof *b->wanted);
    b->seen = pal_take(arena, n, sizeof *b->seen);
    b->part = pal_take2(arena, n, 2, sizeof *b->part);
    b->answer = pal_take2(arena, TOGETHER, (size_t)m->shape.vocab, sizeof *b->answer);
    pal_activations_layout(&b->activations, pal_model_transformer(m), pal_model_threads(m), capacity, capacity + 1,
                           arena);
}

bool pal_row_batch_add(pal_row_batch *b, pal_row_runner *r)
{
    if (r->rows > b->capacity - b->rows) return false;
    b->runner[b->count++] = r;
    b->rows += r->rows;
    return true;
}

/* Copies the content rows or the query rows of a runner. */
static pal_row_part put_rows(const pal_row_batch *b, int at, pal_row_runner *r, bool content)
{
    const size_t from = content ? 0 : (size_t)r->computed, to = content ? (size_t)r->computed : (size_t)r->rows;
    memcpy(b->token + at, r->row_token + from, (to - from) * sizeof *b->token);
    memcpy(b->place + at, r->row_place + from, (to - from) * sizeof *b->place);
    memcpy(b->seen + at, r->seen + from, (to - from) * sizeof *b->seen);
    return (pal_row_part){.cache = &r->cache, .n = (int)(to - from), .kept = content};
}

/* The activations of the runner with the most positions: their rotary table is long enough for all runners. */
static const pal_activations *longest(const pal_row_batch *b)
{
    const pal_row_runner *best = b->runner[0];
    for (int i = 1; i < b->count; i++)
        if (b->runner[i]->places > best->places) best = b->runner[i];
    return &best->activations;
}

static void hand_out(const pal_row_batch *b)
{
    const size_t dim = (size_t)b->model->shape.width;
    const float *x = b->activations.x;
    for (int i = 0; i < b->count; x += (size_t)b->runner[i++]->asked * dim)
        memcpy(b->runner[i]->activations.x, x, (size_t)b->runner[i]->asked * dim * sizeof *x);
}

/* Computes the logits of runners from .. to, whose rows start at row `at` of the activations. */
static void answer_some(pal_row_batch *b, int from, int to, int at)
{
    const size_t vocab = (size_t)b->model->shape.vocab;
    const float *out = b->answer;
    int rows[TOGETHER], count = 0;
    for (int i = from; i < to; i++)
        for (int k = 0; k < b->runner[i]->asked; k++, count++) rows[count] = at + count;
    if (!count) return;
    pal_transformer_logits(pal_model_transformer(b->model), &b->compute, &b->activations, rows, count, b->answer);
    for (int i = from; i < to; out += (size_t)b->runner[i++]->asked * vocab) {
        memcpy(b->runner[i]->answer, out, (size_t)b->runner[i]->asked * vocab * sizeof *out);
        b->runner[i]->answered = true;
    }
}

/* Computes the logits of the runners that asked for few rows, in as few products as possible: many weights of a small
 * network are in its output matrix. */
static void answer(pal_row_batch *b)
{
    int from = 0, at = 0, rows = 0; /* the runners that wait, and their rows */
    for (int i = 0; i < b->count; i++) {
        const int asked = b->runner[i]->asked;
        if (asked > PAL_ANSWERS || rows + asked > TOGETHER) {
            answer_some(b, from, i, at);
            from = i;
            at += rows;
            rows = 0;
        }
        rows += asked;
        if (asked <= PAL_ANSWERS) continue;
        from = i + 1;
        at += rows;
        rows = 0;
    }
    answer_some(b, from, b->count, at);
}

bool pal_row_batch_run(pal_row_batch *b)
{
    pal_rows rows = {.token = b->token, .place = b->place, .seen = b->seen, .parts = b->part};
    int asked = 0;
    if (!b->count) return true;
    pal_activations_borrow(&b->activations, longest(b), NULL);
    for (int i = 0; i < 2 * b->count; i++) {
        b->part[i] = put_rows(b, rows.n, b->runner[i % b->count], i < b->count);
        rows.n += b->part[i].n;
        if (i < b->count) rows.kept = rows.n;
    }
    for (int i = rows.kept; i < rows.n; i++) b->wanted[asked++] = i;
    rows.part_count = 2 * b->count;
    pal_transformer_forward_rows(pal_model_transformer(b->model), &b->compute, &b->activations, NULL, &rows, b->wanted,
                                 asked);
    if (!pal_all_finite(b->activations.x, (size_t)asked * (size_t)b->model->shape.width)) return false;
    hand_out(b);
    answer(b);
    return true;
}
