#include "pass.h"
#include "../core/math.h"

#include <string.h>

void pal_pass_embed(const pal_pass *p, const int32_t *tokens)
{
    for (int i = 0; i < p->n; i++)
        pal_matrix_row(p->a->x + (size_t)i * (size_t)p->net->dim, &p->net->token_embd, tokens[i], p->a->h);
}

static void gather(float *x, const int *rows, int count, int width)
{
    for (int i = 0; i < count; i++)
        if (rows[i] != i)
            memmove(x + (size_t)i * (size_t)width, x + (size_t)rows[i] * (size_t)width, (size_t)width * sizeof *x);
}

pal_input pal_pass_input(const pal_pass *p, const float *x, int n, int cols)
{
    return pal_input_of(&p->a->room, x, n, cols);
}

void pal_pass_gather(const pal_pass *p, pal_input *h)
{
    if (p->count == p->n) return;
    *h = pal_pass_input(p, p->a->h, p->count, p->net->dim);
    gather(p->a->h, p->rows, p->count, p->net->dim);
    gather(p->a->x, p->rows, p->count, p->net->dim);
}

/* Tokens token .. token + n of the pass, whose queries are row .. row + count. */
static void attend_part(const pal_pass *p, int layer, int token, int n, int row, int count)
{
    const pal_transformer *net = p->net;
    pal_activations *a = p->a;
    const size_t q_dim = (size_t)net->heads * (size_t)net->head_dim;
    const size_t kv_dim = (size_t)net->kv_heads * (size_t)net->head_dim, from = (size_t)token * kv_dim;
    const pal_cache_rows kept = pal_cache_put(p->cache, p->compute, layer, a->k + from, p->first, n);
    const pal_attention_shape shape = {.n = count,
                                       .heads = net->heads,
                                       .kv_heads = net->kv_heads,
                                       .head_dim = net->head_dim,
                                       .capacity = p->cache->capacity,
                                       .seen = a->seen,
                                       .scale = pal_rsqrtf((float)net->head_dim)};
    for (int i = 0; i < count; i++) a->seen[i] = p->first + (net->causal ? p->rows[row + i] - token + 1 : n);
    p->compute->kernels->attention(a->attended + (size_t)row * q_dim, a->q + (size_t)row * q_dim, kept.k, kept.v + from,
                                   a->scores, &shape);
}

void pal_pass_attend(const pal_pass *p, int layer)
{
    for (int part = 0, token = 0, row = 0; part < p->parts; part++) {
        int n = p->part[part], count = 0;
        while (row + count < p->count && p->rows[row + count] < token + n) count++;
        if (count) attend_part(p, layer, token, n, row, count);
        token += n;
        row += count;
    }
}
