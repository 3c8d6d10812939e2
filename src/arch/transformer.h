/* transformer.h - the Llama block stack, causal (`llama`) or bidirectional (`llada`) (internal).
 *
 * RMSNorm, rotary positions on consecutive pairs, grouped-query attention, SwiGLU, tied or separate output:
 * Touvron et al. 2023 (Llama), Nie et al. 2025 (LLaDA).  The tensors stay where they lie in the file. */
#ifndef PAL_TRANSFORMER_H
#define PAL_TRANSFORMER_H

#include "../gguf/gguf.h"
#include "../nn/linear.h"

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

/* Work space for sequences of up to `most` tokens. */
typedef struct {
    int most;
    float *x, *h;         /* [most, dim] */
    float *q, *attended;  /* [most, heads * head_dim] */
    float *k, *v;         /* [most, kv_heads * head_dim] */
    float *gate, *up;     /* [most, hidden] */
    float *scores;        /* [most] */
    float *cosine, *sine; /* [most, head_dim / 2] */
    pal_quantized room;   /* [most, the widest input] */
} pal_activations;

/* Places the arrays in `arena`, or measures them (see pal_arena). */
void pal_activations_layout(pal_activations *a, const pal_transformer *net, int most, pal_arena *arena);

/* Fills the rotary table of placed activations; once, before the first forward pass. */
void pal_activations_prepare(pal_activations *a, const pal_transformer *net);

/* One evaluation: tokens[n], n <= a->most and <= context, every id below vocab.  Leaves the last hidden
 * state in a->x. */
void pal_transformer_forward(const pal_transformer *net, const pal_kernels *kernels, pal_activations *a,
                             const int32_t *tokens, int n);

/* After a forward pass: logits[vocab] of what is predicted for position `at`.  Uses the first rows of
 * a->h, so that a->x stays for further calls. */
void pal_transformer_logits(const pal_transformer *net, const pal_kernels *kernels, pal_activations *a, const int *at,
                            int count, float *logits);

#endif
