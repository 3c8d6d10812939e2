/* transformer.h - the Llama block stack, causal (`llama`) or bidirectional (`llada`) (internal).
 *
 * RMSNorm, rotary positions on consecutive pairs, grouped-query attention, SwiGLU, tied or separate output:
 * Touvron et al. 2023 (Llama), Nie et al. 2025 (LLaDA).  The tensors stay where they lie in the file's image. */
#ifndef PAL_TRANSFORMER_H
#define PAL_TRANSFORMER_H

#include "../gguf/gguf.h"
#include "../nn/linear.h"
#include "cache.h"

typedef struct {
    const float *attn_norm; /* [dim] */
    pal_matrix q, k, v;     /* [heads * head_dim, dim], [kv_heads * head_dim, dim] twice */
    pal_matrix attn_output; /* [dim, heads * head_dim] */
    const float *ffn_norm;  /* [dim] */
    pal_matrix gate, up;    /* [hidden, dim] */
    pal_matrix down;        /* [dim, hidden] */
} pal_layer;

typedef struct {
    int vocab, dim, layers, heads, kv_heads, head_dim, hidden, context;
    float eps, rope_base;
    bool causal;
    bool shift_logits;        /* what position i predicts stands in the output of i - 1 (Dream) */
    pal_matrix token_embd;    /* [vocab, dim] */
    pal_matrix output;        /* [vocab, dim]; token_embd where the file ties them */
    const float *output_norm; /* [dim] */
    pal_layer *layer;         /* [layers], owned */
} pal_transformer;

/* Reads hyperparameters and binds every tensor by name, type and shape.  PAL_E_UNSUPPORTED: a valid file
 * that this network does not cover; PAL_E_FORMAT: a wrong one. */
pal_status pal_transformer_bind(pal_transformer *net, const pal_gguf *g, pal_error *err);
void pal_transformer_release(pal_transformer *net);

/* Puts the weights into the panels that the kernels read, where they lie: the image must be writable and is the
 * network's from then on.  Once, before the first evaluation. */
pal_status pal_transformer_pack(pal_transformer *net, pal_error *err);

/* What of a network a cache must know. */
pal_cache_shape pal_transformer_cache(const pal_transformer *net);

/* Work space for up to `most` tokens at once, among up to `positions`. */
typedef struct {
    int most, positions;
    float *x, *h;         /* [most, dim] */
    float *q, *attended;  /* [most, heads * head_dim] */
    float *k;             /* [most, kv_heads * head_dim] */
    float *gate, *up;     /* [most, hidden] */
    float *scores;        /* [PAL_ATTENTION_ROWS, positions rounded up to 8] */
    int *seen, *every;    /* [most]: keys that a query sees; 0, 1, 2, ... */
    float *cosine, *sine; /* [positions, head_dim / 2] */
    pal_quantized room;   /* [most, the widest input] */
} pal_activations;

/* Places the arrays in `arena`, or measures them (see pal_arena). */
void pal_activations_layout(pal_activations *a, const pal_transformer *net, int most, int positions, pal_arena *arena);

/* Fills the rotary table of placed activations and clears a placed cache; once, before the first forward pass. */
void pal_activations_prepare(pal_activations *a, const pal_transformer *net, pal_cache *c);

/* One evaluation of tokens[n], n <= a->most, at positions first .. first + n - 1 < c->capacity; every id below
 * vocab.  Causal attention sees the cache below `first`; bidirectional has first = 0.  rows[count], ascending in
 * 0 .. n - 1, are the tokens whose last hidden state is wanted: a->x holds [count, dim] afterwards, and the last
 * layer computes nothing else. */
void pal_transformer_forward(const pal_transformer *net, const pal_kernels *kernels, pal_activations *a, pal_cache *c,
                             const int32_t *tokens, int n, int first, const int *rows, int count);

/* After a forward pass: logits[count, vocab] from rows at[count] of a->x, which stays for further calls. */
void pal_transformer_logits(const pal_transformer *net, const pal_kernels *kernels, pal_activations *a, const int *at,
                            int count, float *logits);

#endif
