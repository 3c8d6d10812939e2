/* pass.c - the steps of an evaluation that all transformers share. */
#include "pass.h"
#include "../core/math.h"
#include "../nn/attend.h"

#include <string.h>

void pal_pass_embed(const pal_pass *p, const int32_t *tokens)
{
    const size_t dim = (size_t)p->net->dim;
    for (int i = 0; i < p->n; i++)
        if (tokens[i] < 0)
            memcpy(p->a->x + (size_t)i * dim, p->net->unknown, dim * sizeof(float));
        else
            pal_matrix_row(p->a->x + (size_t)i * dim, &p->net->token_embd, tokens[i], p->a->h);
}

static void gather(float *x, const int *rows, int count, int width)
{
    for (int i = 0; i < count; i++)
        if (rows[i] != i)
            memmove(x + (size_t)i * (size_t)width, x + (size_t)rows[i] * (size_t)width, (size_t)width * sizeof *x);
}

pal_input pal_pass_input(const pal_pass *p, const float *x, int n, int cols)
{
    pal_input in = pal_input_of(&p->a->scratch, x, n, cols);
    int plain = 0;
    while (plain < n && (n == p->n ? plain : p->rows[plain]) < p->kept) plain++;
    pal_input_adapt(&in, plain, &p->a->adapting);
    return in;
}

void pal_pass_gather(const pal_pass *p, pal_input *h)
{
    if (p->count == p->n) return;
    *h = pal_pass_input(p, p->a->h, p->count, p->net->dim);
    gather(p->a->h, p->rows, p->count, p->net->dim);
    gather(p->a->x, p->rows, p->count, p->net->dim);
}

void pal_pass_project(const pal_pass *p, const pal_layer *l)
{
    const pal_activations *a = p->a;
    const pal_output all[] = {{a->k, &l->k}, {a->v, &l->v}, {a->q, &l->q}};
    const int together = p->count == p->n ? 3 : 2; /* in the last layer fewer rows have queries */
    pal_input h = pal_pass_input(p, a->h, p->n, p->net->dim);
    pal_linear_all(p->compute, &h, all, together);
    if (together == 3) return;
    pal_pass_gather(p, &h);
    pal_linear(p->compute, a->q, &h, &l->q);
}

typedef struct {
    const pal_pass *pass;
    float *x;
    const int *rows;
    int heads;
} rotation;

static void rotate_rows(void *context, int from, int to, int thread)
{
    const rotation *r = context;
    const pal_pass *p = r->pass;
    const pal_transformer *net = p->net;
    const size_t half = (size_t)net->head_dim / 2, width = (size_t)r->heads * (size_t)net->head_dim;
    (void)thread;
    for (int i = from; i < to; i++) {
        const size_t table = (size_t)p->a->place[r->rows ? r->rows[i] : i] * half;
        const float *cosine = p->a->cosine + table, *sine = p->a->sine + table;
        float *x = r->x + (size_t)i * width;
        if (net->rotary.halves)
            p->compute->kernels->rope_halves(x, cosine, sine, 1, r->heads, net->head_dim);
        else
            p->compute->kernels->rope(x, cosine, sine, 1, r->heads, net->head_dim);
    }
}

void pal_pass_rotate(const pal_pass *p, float *x, const int *rows, int count, int heads)
{
    const size_t work = 4 * (size_t)count * (size_t)heads * (size_t)p->net->head_dim;
    pal_team_run(pal_compute_team(p->compute, work), rotate_rows, &(rotation){p, x, rows, heads}, count);
}

/* The rows of one sequence: from .. from + n of the pass, the first `kept` of which are kept; their queries are row ..
 * row + count. */
typedef struct {
    pal_cache *cache;
    int from, n, kept, row, count;
} part_rows;

/* Goes on to sequence i, from the one before it; r is all zeros before the first. */
static bool next_part(const pal_pass *p, int i, part_rows *r)
{
    if (i == p->sequences) return false;
    r->from += r->n;
    r->row += r->count;
    r->cache = p->parts ? p->parts[i].cache : p->cache;
    r->n = p->parts ? p->parts[i].n : p->lengths[i];
    r->kept = p->parts ? (p->parts[i].kept ? r->n : 0) : p->sequences > 1 ? r->n : p->kept;
    for (r->count = 0; r->row + r->count < p->count && p->rows[r->row + r->count] < r->from + r->n;) r->count++;
    return true;
}

static void put_part(const pal_pass *p, int layer, const part_rows *r)
{
    const pal_activations *a = p->a;
    const size_t from = (size_t)r->from * (size_t)p->net->kv_heads * (size_t)p->net->head_dim;
    pal_cache_put(r->cache, layer, a->k + from, a->v + from, a->place + r->from, r->kept);
}

/* If rows use their own keys and values: k, v := those of rows p->rows [count, kv_heads * head_dim], as stored. */
static void gather_own(const pal_pass *p)
{
    const int width = p->net->kv_heads * p->net->head_dim;
    bool own = false;
    for (int i = 0; i < p->count; i++) own = own || p->a->seen[i].own >= 0;
    if (!own) return;
    gather(p->a->k, p->rows, p->count, width);
    gather(p->a->v, p->rows, p->count, width);
    pal_cache_round(p->parts ? p->parts[0].cache : p->cache, p->a->k, p->a->v, p->count);
}

/* The first cache place that no row of the part sees. */
static int reach_of(const pal_seen *seen, int count)
{
    int reach = 0;
    for (int i = 0; i < count; i++)
        if (seen[i].below > reach) reach = seen[i].below;
    return reach;
}

static void attend_part(const pal_pass *p, int layer, const part_rows *r)
{
    const pal_transformer *net = p->net;
    const pal_activations *a = p->a;
    const size_t q_dim = (size_t)net->heads * (size_t)net->head_dim, at = (size_t)r->row * q_dim;
    const size_t kv_dim = (size_t)net->kv_heads * (size_t)net->head_dim, own = (size_t)r->row * kv_dim;
    const pal_cache_rows kept = pal_cache_layer(r->cache, p->compute, layer, reach_of(a->seen + r->row, r->count));
    pal_attend(p->compute, &(pal_attention){.y = a->attended + at,
                                            .q = a->q + at,
                                            .k = kept.k,
                                            .v = kept.v,
                                            .own_k = a->k + own,
                                            .own_v = a->v + own,
                                            .scores = a->scores,
                                            .seen = a->seen + r->row,
                                            .y_stride = q_dim,
                                            .q_stride = q_dim,
                                            .k_stride = kept.k_stride,
                                            .v_stride = kept.v_stride,
                                            .v_head = kept.v_head,
                                            .own_stride = kv_dim,
                                            .n = r->count,
                                            .heads = net->heads,
                                            .kv_heads = net->kv_heads,
                                            .head_dim = net->head_dim,
                                            .capacity = pal_activations_places(a),
                                            .scale = pal_rsqrtf((float)net->head_dim)});
}

/* Sequences that share a cache use it one after the other, and none of their rows has a key of its own. */
void pal_pass_attend(const pal_pass *p, int layer)
{
    const bool shared = !p->parts && p->sequences > 1;
    part_rows r = {0};
    for (int i = 0; !shared && next_part(p, i, &r); i++) put_part(p, layer, &r);
    if (!shared) gather_own(p);
    r = (part_rows){0};
    for (int i = 0; next_part(p, i, &r); i++) {
        if (shared) put_part(p, layer, &r);
        if (r.count) attend_part(p, layer, &r);
    }
}
