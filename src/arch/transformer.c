/* transformer.c - the forward pass; binding is in transformer_bind.c. */
#include "transformer.h"
#include "../core/math.h"

#include <string.h>

static int round_up(int n)
{
    return (n + PAL_PANEL - 1) / PAL_PANEL * PAL_PANEL;
}

pal_cache_shape pal_transformer_cache(const pal_transformer *net)
{
    return (pal_cache_shape){.layers = net->layers, .kv_heads = net->kv_heads, .head_dim = net->head_dim};
}

void pal_activations_layout(pal_activations *a, const pal_transformer *net, int most, int positions, pal_arena *arena)
{
    size_t n = (size_t)most, q_dim = (size_t)net->heads * (size_t)net->head_dim;
    size_t kv_dim = (size_t)net->kv_heads * (size_t)net->head_dim;
    size_t dim = (size_t)net->dim, hidden = (size_t)net->hidden;
    size_t widest = dim > hidden ? dim : hidden;
    if (q_dim > widest) widest = q_dim;

    a->most = most;
    a->positions = positions;
    a->x = pal_take(arena, n * dim, sizeof(float));
    a->h = pal_take(arena, n * dim, sizeof(float));
    a->q = pal_take(arena, n * q_dim, sizeof(float));
    a->attended = pal_take(arena, n * q_dim, sizeof(float));
    a->k = pal_take(arena, n * kv_dim, sizeof(float));
    a->gate = pal_take(arena, n * hidden, sizeof(float));
    a->up = pal_take(arena, n * hidden, sizeof(float));
    a->scores = pal_take(arena, (size_t)round_up(positions), PAL_ATTENTION_ROWS * sizeof(float));
    a->seen = pal_take(arena, n, sizeof *a->seen);
    a->every = pal_take(arena, n, sizeof *a->every);
    a->cosine = pal_take(arena, (size_t)positions * ((size_t)net->head_dim / 2), sizeof(float));
    a->sine = pal_take(arena, (size_t)positions * ((size_t)net->head_dim / 2), sizeof(float));
    pal_quantized_layout(&a->room, n, widest, arena);
}

/* cos and sin of position * base^(-2 pair / head_dim), in double, rounded once. */
void pal_activations_prepare(pal_activations *a, const pal_transformer *net, pal_cache *c)
{
    const size_t half = (size_t)net->head_dim / 2;
    for (int i = 0; i < a->most; i++) a->every[i] = i;
    for (size_t pair = 0; pair < half; pair++) {
        double frequency = pal_pow((double)net->rope_base, -(double)(2 * pair) / net->head_dim);
        for (size_t at = 0; at < (size_t)a->positions; at++) {
            double sine, cosine;
            pal_sincos((double)at * frequency, &sine, &cosine);
            a->cosine[at * half + pair] = (float)cosine;
            a->sine[at * half + pair] = (float)sine;
        }
    }
    pal_cache_clear(c);
}

/* One evaluation on its way through the layers. */
typedef struct {
    const pal_transformer *net;
    const pal_kernels *kernels;
    pal_activations *a;
    pal_cache *cache;
    int n, first;    /* tokens, and the position of the first */
    const int *rows; /* the tokens that queries and feed-forward networks are computed for */
    int count;       /* of them: n, but in the last layer */
} pass;

/* Rows `rows` of x [n, width] to its front. */
static void gather(float *x, const int *rows, int count, int width)
{
    for (int i = 0; i < count; i++)
        if (rows[i] != i)
            memmove(x + (size_t)i * (size_t)width, x + (size_t)rows[i] * (size_t)width, (size_t)width * sizeof *x);
}

static void rotate(const pass *p, float *x, const int *rows, int count, int heads)
{
    const pal_transformer *net = p->net;
    const size_t half = (size_t)net->head_dim / 2, width = (size_t)heads * (size_t)net->head_dim;
    for (int i = 0; i < count; i++) {
        const size_t table = (size_t)(p->first + (rows ? rows[i] : i)) * half;
        p->kernels->rope(x + (size_t)i * width, p->a->cosine + table, p->a->sine + table, 1, heads, net->head_dim);
    }
}

static void attention_block(const pass *p, int layer)
{
    const pal_transformer *net = p->net;
    const pal_kernels *kernels = p->kernels;
    const pal_layer *l = &net->layer[layer];
    pal_activations *a = p->a;
    float *v = pal_cache_values(p->cache, layer, p->first);
    const pal_attention_shape shape = {.n = p->count,
                                       .heads = net->heads,
                                       .kv_heads = net->kv_heads,
                                       .head_dim = net->head_dim,
                                       .capacity = p->cache->capacity,
                                       .seen = a->seen,
                                       .scale = pal_rsqrtf((float)net->head_dim)};
    for (int i = 0; i < p->count; i++) a->seen[i] = p->first + (net->causal ? p->rows[i] + 1 : p->n);

    kernels->rms_norm(a->h, a->x, l->attn_norm, net->eps, p->n, net->dim); /* h [n, dim] */
    pal_linear(kernels, a->k, a->h, &l->k, p->n, &a->room, true);          /* k [n, kv_heads * head_dim] */
    pal_linear(kernels, v, a->h, &l->v, p->n, &a->room, l->v.type != l->k.type);
    rotate(p, a->k, NULL, p->n, net->kv_heads);
    const pal_cache_rows kept = pal_cache_put(p->cache, kernels, layer, a->k, p->first, p->n);
    gather(a->h, p->rows, p->count, net->dim);
    gather(a->x, p->rows, p->count, net->dim);
    bool again = p->count < p->n || l->q.type != l->v.type;
    pal_linear(kernels, a->q, a->h, &l->q, p->count, &a->room, again); /* q [count, heads * head_dim] */
    rotate(p, a->q, p->rows, p->count, net->heads);
    kernels->attention(a->attended, a->q, kept.k, kept.v, a->scores, &shape);          /* [count, heads * head_dim] */
    pal_linear(kernels, a->h, a->attended, &l->attn_output, p->count, &a->room, true); /* h [count, dim] */
    kernels->add(a->x, a->h, (size_t)p->count * (size_t)net->dim);
}

static void mlp_block(const pass *p, const pal_layer *l)
{
    const pal_transformer *net = p->net;
    const pal_kernels *kernels = p->kernels;
    pal_activations *a = p->a;
    kernels->rms_norm(a->h, a->x, l->ffn_norm, net->eps, p->count, net->dim); /* h [count, dim] */
    pal_linear(kernels, a->gate, a->h, &l->gate, p->count, &a->room, true);   /* gate [count, hidden] */
    pal_linear(kernels, a->up, a->h, &l->up, p->count, &a->room, l->up.type != l->gate.type);
    kernels->swiglu(a->gate, a->up, (size_t)p->count * (size_t)net->hidden); /* silu(gate) * up */
    pal_linear(kernels, a->h, a->gate, &l->down, p->count, &a->room, true);  /* h [count, dim] */
    kernels->add(a->x, a->h, (size_t)p->count * (size_t)net->dim);
}

void pal_transformer_forward(const pal_transformer *net, const pal_kernels *kernels, pal_activations *a, pal_cache *c,
                             const int32_t *tokens, int n, int first, const int *rows, int count)
{
    PAL_ASSERT(n > 0 && n <= a->most && first >= 0 && first + n <= a->positions && first + n <= c->capacity);
    PAL_ASSERT(count > 0 && count <= n && (net->causal || first == 0));
    pass p = {.net = net, .kernels = kernels, .a = a, .cache = c, .n = n, .first = first, .rows = a->every, .count = n};
    for (int i = 0; i < n; i++)
        pal_matrix_row(a->x + (size_t)i * (size_t)net->dim, &net->token_embd, tokens[i], a->h); /* x [n, dim] */
    for (int l = 0; l < net->layers; l++) {
        if (l == net->layers - 1) {
            p.rows = rows;
            p.count = count;
        }
        attention_block(&p, l);
        mlp_block(&p, &net->layer[l]);
    }
}

void pal_transformer_logits(const pal_transformer *net, const pal_kernels *kernels, pal_activations *a, const int *at,
                            int count, float *logits)
{
    size_t dim = (size_t)net->dim;
    for (int done = 0; done < count;) {
        int rows = count - done < a->most ? count - done : a->most;
        for (int i = 0; i < rows; i++)
            memcpy(a->h + (size_t)i * dim, a->x + (size_t)at[done + i] * dim, dim * sizeof(float));
        kernels->rms_norm(a->h, a->h, net->output_norm, net->eps, rows, net->dim);
        pal_linear(kernels, logits + (size_t)done * (size_t)net->vocab, a->h, &net->output, rows, &a->room, true);
        done += rows;
    }
}
