/* row_runner.c - evaluates content rows and query rows in one pass, and keeps the content rows. */
#include "row_runner.h"
#include "attached.h"

#include <string.h>

enum { GIVEN, KNOWN, DRAWN }; /* sets, by their number; the sets of drawn tokens are DRAWN and those after it */

void pal_row_runner_layout(pal_row_runner *r, const pal_model *m, int32_t max_tokens, int32_t max_drawn, pal_kv_type kv,
                           pal_arena *arena)
{
    const pal_transformer *net = pal_model_transformer(m);
    const pal_cache_shape shape = pal_transformer_cache(net);
    const size_t n = (size_t)max_tokens + 1;
    r->model = m;
    r->compute = (pal_compute){.kernels = &m->kernels};
    r->places = max_tokens + 1;
    r->max_drawn = max_drawn;
    pal_activations_layout(&r->activations, net, r->places, r->places, arena);
    pal_activations_table(&r->activations, net, arena);
    pal_cache_layout(&r->cache, &shape, r->places, true, kv, arena);
    r->token = pal_take(arena, n, sizeof *r->token);
    r->rank = pal_take(arena, n, sizeof *r->rank);
    r->row_token = pal_take(arena, n, sizeof *r->row_token);
    r->row_place = pal_take(arena, n, sizeof *r->row_place);
    r->seen = pal_take(arena, n, sizeof *r->seen);
    r->wanted = pal_take(arena, n, sizeof *r->wanted);
    r->row_of = pal_take(arena, n, sizeof *r->row_of);
    r->set_bytes = n / 8 + 1;
    r->sets = pal_take2(arena, (size_t)max_drawn + DRAWN, r->set_bytes, 1);
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
        const int32_t rank = i == 0 ? 0 : inside ? q->rank[i - 1] : PAL_RANK_UNKNOWN;
        const int32_t token = inside ? q->tokens[i - 1] : r->model->attached->start;
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

static uint8_t *set_of(const pal_row_runner *r, int number)
{
    PAL_ASSERT(number < r->max_drawn + DRAWN);
    return r->sets + (size_t)number * r->set_bytes;
}

/* The places below `below` with ranks below `rank`. */
static uint8_t *fill_set(const pal_row_runner *r, int number, int32_t rank, int below)
{
    uint8_t *set = set_of(r, number);
    memset(set, 0, r->set_bytes);
    for (int i = 0; i < below; i++)
        if (r->rank[i] < rank) set[i / 8] |= (uint8_t)(1 << i % 8);
    return set;
}

/* A given token sees the given places up to itself.  A drawn token has a set of its own, without itself: its own key is
 * the one that it stores. */
static void make_content_rows(pal_row_runner *r, int rows, int n)
{
    const uint8_t *given = fill_set(r, GIVEN, 1, n);
    for (int row = 0, number = DRAWN; row < rows; row++) {
        const int i = r->row_place[row];
        r->row_token[row] = r->token[i];
        r->seen[row] = r->rank[i] == 0 ? (pal_seen){.below = i + 1, .set = given, .own = -1}
                                       : (pal_seen){.below = i, .set = fill_set(r, number++, r->rank[i], i), .own = i};
    }
}

/* ---- query rows ------------------------------------------------------------------------------------- */

/* The row for token at[] of the query, place p = at[] + 1, stands at place at[]. */
static int add_query_rows(pal_row_runner *r, const pal_query *q, int rows)
{
    const uint8_t *known = fill_set(r, KNOWN, PAL_RANK_UNKNOWN, q->n + 1);
    for (int i = 0; i < q->count; i++, rows++) {
        const int at = q->at[i];
        PAL_ASSERT(at >= 0 && at < q->n && rows < r->places && q->rank[at] == PAL_RANK_UNKNOWN);
        r->row_token[rows] = r->rank[at] == PAL_RANK_UNKNOWN ? -1 : r->token[at];
        r->row_place[rows] = at;
        r->seen[rows] = (pal_seen){.below = q->n + 1, .set = known, .own = at};
        r->wanted[i] = rows;
        r->row_of[at] = i;
    }
    return rows;
}

static void evaluate(void *context, const pal_query *q)
{
    pal_row_runner *r = context;
    PAL_ASSERT(q->n > 0 && q->n < r->places);
    const int kept = list_stale(r, q);
    make_content_rows(r, kept, q->n + 1);
    const pal_rows rows = {
        .n = add_query_rows(r, q, kept), .kept = kept, .token = r->row_token, .place = r->row_place, .seen = r->seen};
    pal_transformer_forward_rows(pal_model_transformer(r->model), &r->compute, &r->activations, &r->cache, &rows,
                                 r->wanted, q->count);
}

static bool logits(void *context, const int *at, int count, float *out)
{
    enum { SOME = 64 };
    pal_row_runner *r = context;
    const size_t vocab = (size_t)r->model->shape.vocab;
    for (int done = 0; done < count; done += SOME) {
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
    return (pal_predictor){
        .context = r, .vocab = r->model->shape.vocab, .evaluate = evaluate, .logits = logits, .reads_order = true};
}
