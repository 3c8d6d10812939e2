/* transformer.h - transformers over tokens: one interface for all networks (internal).
 *
 *   llama.c  llama, qwen2, qwen3 (causal) and llada (bidirectional)
 *   gpt2.c   gpt2 (causal)
 *
 * The tensors stay where they lie in the file's image. */
#ifndef PAL_TRANSFORMER_H
#define PAL_TRANSFORMER_H

#include "../gguf/gguf.h"
#include "../nn/matrices.h"
#include "cache.h"

typedef struct {
    const float *gain; /* [dim] */
    const float *bias; /* [dim] of a LayerNorm; NULL: an RMSNorm */
} pal_norm;

typedef struct {
    pal_norm attn_norm, ffn_norm;
    pal_matrix q, k, v;           /* [heads * head_dim, dim], [kv_heads * head_dim, dim] twice */
    const float *q_norm, *k_norm; /* [head_dim]: an RMSNorm of every head; NULL: none */
    pal_matrix attn_output;       /* [dim, heads * head_dim] */
    pal_matrix gate;              /* [hidden, dim]; without data where the network has no gate */
    pal_matrix up, down;          /* [hidden, dim], [dim, hidden] */
} pal_layer;

/* Rotary positions: pair i of a head turns by position * base^(-2i / dims) / (factors[i] * scale). */
typedef struct {
    int dims;    /* of each head, from its start; 0: no rotary positions */
    bool halves; /* a pair is elements i and i + dims / 2; otherwise 2i and 2i + 1 */
    float base, scale;
    const float *factors; /* [dims / 2]; NULL: ones */
} pal_rotary;

typedef struct pal_architecture pal_architecture; /* what differs between networks: architecture.h */

typedef struct {
    const pal_architecture *architecture;
    int vocab, dim, layers, heads, kv_heads, head_dim, hidden, context;
    float eps;
    pal_rotary rotary;
    bool causal;
    bool shift_logits;        /* what position i predicts stands in the output of i - 1 (Dream) */
    pal_matrix token_embd;    /* [vocab, dim] */
    pal_matrix position_embd; /* [context, dim]; without data where positions are rotary */
    pal_matrix output;        /* [vocab, dim]; without data where the file ties it to token_embd */
    pal_norm output_norm;
    pal_layer *layer;      /* [layers], owned */
    pal_matrices matrices; /* all of the above, each once */
    float *vectors;        /* owned: vectors that the file has in half precision */
    char why[PAL_WHY];
} pal_transformer;

/* Reads hyperparameters and binds every tensor by name, type and shape, of a file whose general.architecture is
 * `architecture`; networks of this name are causal, or not, unless the file says otherwise.  PAL_E_UNSUPPORTED: a valid file
 * that these networks do not cover; PAL_E_FORMAT: a wrong one.  Failures name the key or tensor; their text is in
 * net->why. */
pal_status pal_transformer_bind(pal_transformer *net, const pal_gguf *g, const char *architecture, bool causal,
                                const pal_architecture *of, pal_error *err);
void pal_transformer_release(pal_transformer *net);

/* What of a network a cache must know. */
pal_cache_shape pal_transformer_cache(const pal_transformer *net);

/* Work space for up to `max_tokens` tokens at once, among up to `positions`. */
typedef struct {
    int max_tokens, positions;
    float *x, *h;                 /* [max_tokens, dim] */
    float *q, *attended;          /* [max_tokens, heads * head_dim] */
    float *k, *v;                 /* [max_tokens, kv_heads * head_dim] */
    float *gate, *up;             /* [max_tokens, hidden]; no gate where the network has none */
    float *scores;                /* [PAL_ATTENTION_ROWS, positions rounded up to 8] */
    pal_seen *seen;               /* [max_tokens]: what each row sees */
    int *every;                   /* [max_tokens]: 0, 1, 2, ... */
    int *place;                   /* [max_tokens], of each row in its sequence */
    float *cosine, *sine;         /* [positions, head_dim / 2], where positions are rotary */
    pal_quantized scratch;        /* [max_tokens, the widest input] */
    pal_adapter_scratch adapting; /* for the adapters attached to the network when this was laid out */
} pal_activations;

/* Places the arrays but for the rotary table in `arena`, or measures them (see pal_arena). */
void pal_activations_layout(pal_activations *a, const pal_transformer *net, int max_tokens, int positions,
                            pal_arena *arena);

/* Places, or measures, the rotary table too: for activations that are prepared and do not borrow another's. */
void pal_activations_table(pal_activations *a, const pal_transformer *net, pal_arena *arena);

/* Fills the rotary table of placed activations and clears a placed cache; once, before the first forward pass. */
void pal_activations_prepare(pal_activations *a, const pal_transformer *net, pal_cache *c);

/* The same without computing the table again: `from` is prepared, has at least as many positions as any sequence that
 * will be evaluated, and stays. */
void pal_activations_borrow(pal_activations *a, const pal_activations *from, pal_cache *c);

/* One evaluation of tokens[n], n <= a->max_tokens, at places first .. first + n - 1 < c->capacity; every id below
 * vocab.  Causal attention sees the cache below `first`; bidirectional has first = 0.  wanted[count], ascending in
 * 0 .. n - 1, are the rows whose last hidden state is wanted: a->x holds [count, dim] afterwards, and the last
 * layer computes nothing else. */
void pal_transformer_forward(const pal_transformer *net, const pal_compute *compute, pal_activations *a, pal_cache *c,
                             const int32_t *tokens, int n, int first, const int *wanted, int count);

/* The rows of an evaluation: each is a token at a place, and sees a set of places. */
typedef struct {
    int n, kept; /* the first `kept` rows leave their keys and values in the cache, before any row looks; to the
                             others, and in the layers alone, adapters are added where the network has some attached */
    const int32_t *token; /* [n], each below vocab */
    const int *place;     /* [n], each below positions and capacity: it turns q and k; the places of kept rows differ */
    const pal_seen *seen; /* [n]; `own` is -1 or the row's place: then it sees its own key and value there instead of
                             the cache's.  A row that is not kept sees itself in no other way */
} pal_rows;

/* One evaluation of rows, whatever their order and places: what a row sees decides its bits, not when or with whom it is
 * computed.  The same of `wanted` as of rows above. */
void pal_transformer_forward_rows(const pal_transformer *net, const pal_compute *compute, pal_activations *a,
                                  pal_cache *c, const pal_rows *rows, const int *wanted, int count);

/* The same as pal_transformer_forward for several sequences that do not see each other, one after the other in tokens: sequence i is the next
 * lengths[i] of them, from place 0.  wanted counts through all tokens.  The cache is one that forgets (pal_cache_layout's
 * `keep` false).  Each row has the bits that it has alone. */
void pal_transformer_forward_batch(const pal_transformer *net, const pal_compute *compute, pal_activations *a,
                                   pal_cache *c, const int32_t *tokens, const int *lengths, int sequences,
                                   const int *wanted, int count);

/* After a forward pass: logits[count, vocab] from rows at[count] of a->x, which stays for further calls. */
void pal_transformer_logits(const pal_transformer *net, const pal_compute *compute, pal_activations *a, const int *at,
                            int count, float *logits);

#endif
