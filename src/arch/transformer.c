/* transformer.c - the forward pass; binding is in transformer_bind.c. */
#include "transformer.h"
#include "../core/math.h"

#include <string.h>

void pal_activations_layout(pal_activations *a, const pal_transformer *net, int most, pal_arena *arena)
{
    size_t n = (size_t)most, q_dim = (size_t)net->heads * (size_t)net->head_dim;
    size_t kv_dim = (size_t)net->kv_heads * (size_t)net->head_dim;
    size_t dim = (size_t)net->dim, hidden = (size_t)net->hidden;
    size_t widest = dim > hidden ? dim : hidden;
    if (q_dim > widest) widest = q_dim;

    a->most = most;
    a->x = pal_take(arena, n * dim, sizeof(float));
    a->h = pal_take(arena, n * dim, sizeof(float));
    a->q = pal_take(arena, n * q_dim, sizeof(float));
    a->attended = pal_take(arena, n * q_dim, sizeof(float));
    a->k = pal_take(arena, n * kv_dim, sizeof(float));
    a->v = pal_take(arena, n * kv_dim, sizeof(float));
    a->gate = pal_take(arena, n * hidden, sizeof(float));
    a->up = pal_take(arena, n * hidden, sizeof(float));
    a->scores = pal_take(arena, n, sizeof(float));
    a->cosine = pal_take(arena, n * ((size_t)net->head_dim / 2), sizeof(float));
    a->sine = pal_take(arena, n * ((size_t)net->head_dim / 2), sizeof(float));
    a->room.q = pal_take(arena, n * widest, sizeof(int8_t));
    a->room.scale = pal_take(arena, n * (widest / PAL_BLOCK + 1), sizeof(float));
}

/* cos and sin of position * base^(-2 pair / head_dim), in double, rounded once. */
void pal_activations_prepare(pal_activations *a, const pal_transformer *net)
{
    size_t half = (size_t)net->head_dim / 2;
    for (size_t pair = 0; pair < half; pair++) {
        double frequency = pal_pow((double)net->rope_base, -(double)(2 * pair) / net->head_dim);
        for (size_t at = 0; at < (size_t)a->most; at++) {
            double sine, cosine;
            pal_sincos((double)at * frequency, &sine, &cosine);
            a->cosine[at * half + pair] = (float)cosine;
            a->sine[at * half + pair] = (float)sine;
        }
    }
}

static void attention_block(const pal_transformer *net, const pal_kernels *kernels, const pal_layer *l,
                            pal_activations *a, int n)
{
    const pal_attention_shape shape = {.n_q = n,
                                       .n_k = n,
                                       .heads = net->heads,
                                       .kv_heads = net->kv_heads,
                                       .head_dim = net->head_dim,
                                       .causal = net->causal,
                                       .first = 0,
                                       .scale = pal_rsqrtf((float)net->head_dim)};
    kernels->rms_norm(a->h, a->x, l->attn_norm, net->eps, n, net->dim);          /* h [n, dim] */
    pal_linear(kernels, a->q, a->h, &l->q, n, &a->room, true);                   /* q [n, heads * head_dim] */
    pal_linear(kernels, a->k, a->h, &l->k, n, &a->room, l->k.type != l->q.type); /* k [n, kv_heads * head_dim] */
    pal_linear(kernels, a->v, a->h, &l->v, n, &a->room, l->v.type != l->k.type); /* v the same */
    kernels->rope(a->q, a->cosine, a->sine, n, net->heads, net->head_dim);
    kernels->rope(a->k, a->cosine, a->sine, n, net->kv_heads, net->head_dim);
    kernels->attention(a->attended, a->q, a->k, a->v, a->scores, &shape);       /* [n, heads * head_dim] */
    pal_linear(kernels, a->h, a->attended, &l->attn_output, n, &a->room, true); /* h [n, dim] */
    kernels->add(a->x, a->h, (size_t)n * (size_t)net->dim);
}

static void mlp_block(const pal_transformer *net, const pal_kernels *kernels, const pal_layer *l, pal_activations *a,
                      int n)
{
    kernels->rms_norm(a->h, a->x, l->ffn_norm, net->eps, n, net->dim); /* h [n, dim] */
    pal_linear(kernels, a->gate, a->h, &l->gate, n, &a->room, true);   /* gate [n, hidden] */
    pal_linear(kernels, a->up, a->h, &l->up, n, &a->room, l->up.type != l->gate.type);
    kernels->swiglu(a->gate, a->up, (size_t)n * (size_t)net->hidden); /* silu(gate) * up */
    pal_linear(kernels, a->h, a->gate, &l->down, n, &a->room, true);  /* h [n, dim] */
    kernels->add(a->x, a->h, (size_t)n * (size_t)net->dim);
}

void pal_transformer_forward(const pal_transformer *net, const pal_kernels *kernels, pal_activations *a,
                             const int32_t *tokens, int n)
{
    PAL_ASSERT(n > 0 && n <= a->most && n <= net->context);
    for (int i = 0; i < n; i++)
        pal_matrix_row(a->x + (size_t)i * (size_t)net->dim, &net->token_embd, tokens[i]); /* x [n, dim] */
    for (int l = 0; l < net->layers; l++) {
        attention_block(net, kernels, &net->layer[l], a, n);
        mlp_block(net, kernels, &net->layer[l], a, n);
    }
}

void pal_transformer_logits(const pal_transformer *net, const pal_kernels *kernels, pal_activations *a, const int *at,
                            int count, float *logits)
{
    size_t dim = (size_t)net->dim;
    for (int done = 0; done < count;) {
        int rows = count - done < a->most ? count - done : a->most;
        for (int i = 0; i < rows; i++) {
            int from = at[done + i];
            if (net->shift_logits && from > 0) from--;
            memcpy(a->h + (size_t)i * dim, a->x + (size_t)from * dim, dim * sizeof(float));
        }
        kernels->rms_norm(a->h, a->h, net->output_norm, net->eps, rows, net->dim);
        pal_linear(kernels, logits + (size_t)done * (size_t)net->vocab, a->h, &net->output, rows, &a->room, true);
        done += rows;
    }
}
