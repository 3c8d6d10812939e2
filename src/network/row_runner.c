/* row_runner.c - evaluates content rows and query rows in one pass, and keeps the content rows. */
#include "row_runner.h"

#include <string.h>

void pal_row_runner_layout(pal_row_runner *r, const pal_model *m, int32_t max_tokens, int32_t max_drawn, pal_kv_type kv,
                           pal_arena *arena)
{
    const pal_transformer *net = pal_model_transformer(m);
    const pal_cache_shape shape = pal_transformer_cache(net);
    const size_t n = (size_t)max_tokens + 1, rows = pal_plus(n, (size_t)max_drawn);
    r->model = m;
    r->compute = pal_model_compute(m);
    r->places = max_tokens + 1;
    r->max_drawn = max_drawn;
    r->max_sets = max_drawn + 2; /* one for each rank, one for given and one for unknown tokens */
    pal_activations_layout(&r->activations, net, pal_model_threads(m), r->places + max_drawn, r->places, arena);
    pal_activations_table(&r->activations, net, arena);
    pal_cache_layout(&r->cache, &shape, r->places, true, kv, arena);
    r->token = pal_take(arena, n, sizeof *r->token);
    r->rank = pal_take(arena, n, sizeof *r->rank);
    r->row_token = pal_take(arena, rows, sizeof *r->row_token);
    r->row_place = pal_take(arena, rows, sizeof *r->row_place);
    r->seen = pal_take(arena, rows, sizeof *r->seen);
    r->wanted = pal_take(arena, n, sizeof *r->wanted);
    r->row_of = pal_take(arena, n, sizeof *r->row_of);
    r->answer = pal_take2(arena, PAL_ANSWERS, (size_t)m->shape.vocab, sizeof *r->answer);
    r->set_bytes = n / 8 + 1;
    r->sets = pal_take2(arena, (size_t)r->max_sets, r->set_bytes, 1);
    r->set_rank = pal_take(arena, (size_t)r->max_sets, sizeof *r->set_rank);
}

/* ---- content rows ----------------------------------------------------------------------------------- */

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Compares the cache with the query from left to right, and lists the places whose content rows must be computed: those
 * whose token or rank changed, and those that see such a place or saw it.  Returns their number. */
static int list_stale(pal_row_runner *r, const pal_query *q)
{
    int32_t lowest = PAL_RANK_UNKNOWN; /* the lowest rank, old or new, of what changed so far */
    int rows = 0;
    for (int i = 0; i < r->places; i++) {
        const bool inside = i > 0 && i <= q->n;
        const int32_t start = q->before ? *q->before : r->model->rows.start;
        const int32_t token = inside ? q->tokens[i - 1] : i == 0 ? start : -1;
        const int32_t rank = i == 0 ? 0 : token >= 0 ? q->rank[i - 1] : PAL_RANK_UNKNOWN;
        const bool known = rank != PAL_RANK_UNKNOWN;
        const bool same = r->rank[i] == rank && (!known || r->token[i] == token);
        if (same && (!known || (lowest >= rank && (lowest || rank)))) continue;
        lowest = least(lowest, least(rank, r->rank[i]));
        r->rank[i] = rank;
        r->token[i] = token;
        if (known) r->row_place[rows++] = i;
    }
    return rows;
}

/* The places with ranks below `rank`: each set is made once in an evaluation. */
static const uint8_t *set_below(pal_row_runner *r, int32_t rank)
{
    int number = r->set_count;
    while (number > 0 && r->set_rank[number - 1] != rank) number--;
    if (number) return r->sets + (size_t)(number - 1) * r->set_bytes;
    PAL_ASSERT(r->set_count < r->max_sets);
    uint8_t *set = r->sets + (size_t)r->set_count * r->set_bytes;
    r->set_rank[r->set_count++] = rank;
    memset(set, 0, r->set_bytes);
    for (int i = 0; i < r->places; i++)
        if (r->rank[i] < rank) set[i / 8] |= (uint8_t)(1 << i % 8);
    return set;
}

/* A given token sees the given places up to itself.  A drawn token does not see itself in the cache: its own key is the
 * one that it stores. */
static void make_content_rows(pal_row_runner *r, int rows)
{
    for (int row = 0; row < rows; row++) {
        const int i = r->row_place[row];
        const int32_t rank = r->rank[i];
        r->row_token[row] = r->token[i];
        r->seen[row] = rank == 0 ? (pal_seen){.below = i + 1, .set = set_below(r, 1), .own = -1}
                                 : (pal_seen){.below = i, .set = set_below(r, rank), .own = i};
    }
}

/* ---- query rows ------------------------------------------------------------------------------------- */

/* The row for token at[] of the query, place p = at[] + 1, stands at place at[]. */
static int add_query_rows(pal_row_runner *r, const pal_query *q, int rows)
{
    for (int i = 0; i < q->count; i++, rows++) {
        const int at = q->at[i];
        PAL_ASSERT(at >= 0 && at < q->n && i < r->places && rows < r->places + r->max_drawn && q->rank[at] > 0);
        r->row_token[rows] = r->rank[at] < q->rank[at] ? r->token[at] : r->model->rows.unknown;
        r->row_place[rows] = at;
        r->seen[rows] = (pal_seen){.below = q->n + 1, .set = set_below(r, q->rank[at]), .own = at};
        r->wanted[i] = rows;
        r->row_of[at] = i;
    }
    return rows;
}

void pal_row_runner_prepare(pal_row_runner *r, const pal_query *q)
{
    PAL_ASSERT(q->n > 0 && q->n < r->places);
    r->computed = list_stale(r, q);
    r->set_count = 0;
    make_content_rows(r, r->computed);
    r->rows = add_query_rows(r, q, r->computed);
    r->asked = q->count;
    r->answered = false;
}

void pal_row_runner_run(pal_row_runner *r)
{
    const pal_rows rows = {
        .n = r->rows, .kept = r->computed, .token = r->row_token, .place = r->row_place, .seen = r->seen};
    pal_transformer_forward_rows(pal_model_transformer(r->model), &r->compute, &r->activations, &r->cache, &rows,
                                 r->wanted, r->asked);
}

static void evaluate(void *context, const pal_query *q)
{
    pal_row_runner *r = context;
    pal_row_runner_prepare(r, q);
    pal_row_runner_run(r);
}

void pal_row_runner_adopt(pal_row_runner *r, const pal_content_rows *from, int places)
{
    PAL_ASSERT(places <= r->places && places <= from->places);
    if (r->cache.type != from->cache->type) return;
    pal_cache_copy(&r->cache, from->cache, places);
    for (int i = 0; i < places; i++) {
        if (from->rank && from->rank[i] != 0) continue;
        r->token[i] = from->token[i];
        r->rank[i] = 0;
    }
}

static bool logits(void *context, const int *at, int count, float *out)
{
    enum { SOME = 64 };
    pal_row_runner *r = context;
    const size_t vocab = (size_t)r->model->shape.vocab;
    for (int i = 0; r->answered && i < count; i++)
        memcpy(out + (size_t)i * vocab, r->answer + (size_t)r->row_of[at[i]] * vocab, vocab * sizeof *out);
    for (int done = 0; !r->answered && done < count; done += SOME) {
        int rows[SOME], some = count - done < SOME ? count - done : SOME;
        for (int i = 0; i < some; i++) rows[i] = r->row_of[at[done + i]];
        pal_transformer_logits(pal_model_transformer(r->model), &r->compute, &r->activations, rows, some,
                               out + (size_t)done * vocab);
    }
    return pal_all_finite(out, (size_t)count * vocab);
}

pal_predictor pal_row_runner_start(pal_row_runner *r)
{
    pal_activations_prepare(&r->activations, pal_model_transformer(r->model), &r->cache);
    for (int i = 0; i < r->places; i++) r->rank[i] = PAL_RANK_UNKNOWN;
    return (pal_predictor){.context = r,
                           .team = r->compute.team,
                           .vocab = r->model->shape.vocab,
                           .evaluate = evaluate,
                           .logits = logits,
                           .reads_order = true};
}
