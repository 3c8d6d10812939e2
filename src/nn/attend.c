/* attend.c - divides attention among threads: a tile is some rows of the heads that share one key head. */
#include "attend.h"

enum { ROWS = 16 }; /* of a tile; a multiple of PAL_ATTENTION_ROWS */

typedef struct {
    const pal_compute *compute;
    const pal_attention *whole;
    int tiles; /* per key head */
} job;

static void attend_tile(const job *j, int tile, int thread)
{
    const pal_attention *all = j->whole;
    const int group = all->heads / all->kv_heads, first = tile % j->tiles * ROWS, kv_head = tile / j->tiles;
    const size_t row = (size_t)first, head = (size_t)kv_head, dim = (size_t)all->head_dim;
    const size_t at = head * (size_t)group * dim, own = row * all->own_stride + head * dim;
    pal_attention a = *all;
    a.n = all->n - first < ROWS ? all->n - first : ROWS;
    a.heads = group;
    a.kv_heads = 1;
    a.y += row * all->y_stride + at;
    a.q += row * all->q_stride + at;
    a.k += head * all->k_stride;
    a.v += head * all->v_head;
    if (all->own_k) a.own_k += own;
    if (all->own_v) a.own_v += own;
    if (all->bias) a.bias += head * (size_t)group * all->bias_head + row * all->bias_row;
    a.seen += row;
    a.scores += (size_t)thread * PAL_ATTENTION_ROWS * (size_t)all->capacity;
    j->compute->kernels->attention(&a);
}

static void attend_tiles(void *context, int from, int to, int thread)
{
    for (int tile = from; tile < to; tile++) attend_tile(context, tile, thread);
}

/* The multiplications of all rows, which the row that sees most decides. */
static size_t work_of(const pal_attention *a)
{
    int most = 0;
    for (int i = 0; i < a->n; i++) most = a->seen[i].below > most ? a->seen[i].below : most;
    return 2 * (size_t)a->n * (size_t)a->heads * (size_t)a->head_dim * (size_t)most;
}

void pal_attend(const pal_compute *compute, const pal_attention *a)
{
    pal_team *team = compute->team && pal_team_gains(compute->team, work_of(a)) ? compute->team : NULL;
    job j = {compute, a, (a->n + ROWS - 1) / ROWS};
    if (team)
        pal_team_run(team, attend_tiles, &j, a->kv_heads * j.tiles);
    else
        compute->kernels->attention(a);
}
