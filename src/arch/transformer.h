/* transformer.h - transformers over tokens: one interface for all architectures (internal).
 *
 *   llama.c  llama, qwen2, qwen3 (causal) and llada (bidirectional)
 *   gpt2.c   gpt2 (causal)
 *   ddit.c   sedd and mdlm (bidirectional, with the noise level as an input)
 *
 * The tensors stay in the file's image. */
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
    const float *q_norm, *k_norm; /* [head_dim]: gains of an RMSNorm of every head; NULL: none */
    pal_matrix attn_output;       /* [dim, heads * head_dim] */
    pal_matrix gate;              /* [hidden, dim]; no data if the network has no gate */
    pal_matrix up, down;          /* [hidden, dim], [dim, hidden] */
} pal_layer;

/* Rotary positions: pair i of a head turns by position * base^(-2i / dims) / (factors[i] * scale). */
typedef struct {
    int dims;    /* of each head, from its start; 0: no rotary positions */
    bool halves; /* a pair is elements i and i + dims / 2; otherwise 2i and 2i + 1 */
    float base, scale;
    const float *factors; /* [dims / 2]; NULL: ones */
} pal_rotary;

/* How the noise level changes the rows of every layer (adaptive LayerNorm; ddit.c).  A matrix without data is its bias
 * alone: a network that was trained without the noise level has constants there. */
typedef struct {
    int width;          /* of the embedded noise level; 0: there is none, all is constant */
    double least, most; /* the range of sigma that the network was trained for; others are clamped to it */
    pal_matrix in, out; /* [width, PAL_FREQUENCIES], [width, width] */
    pal_matrix *layer;  /* [layers], [6 * dim, width]: shift, scale and gate of attention, then of the MLP; owned */
    pal_matrix last;    /* [2 * dim, width]: shift and scale after the last norm */
} pal_conditioning;

enum { PAL_FREQUENCIES = 256 }; /* cosines and sines that embed a noise level */

typedef struct pal_architecture pal_architecture; /* the functions that differ between architectures: architecture.h */

typedef struct {
    const pal_architecture *architecture;
    int vocab, dim, layers, heads, kv_heads, head_dim, hidden, context;
    float eps;
    pal_rotary rotary;
    bool causal;
    bool shift_logits;        /* the prediction for position i is the output of position i - 1 (Dream) */
    pal_matrix token_embd;    /* [vocab, dim] */
    pal_matrix position_embd; /* [context, dim]; no data if positions are rotary */
    pal_matrix output;        /* [vocab, dim]; no data if it is tied to token_embd */
    pal_norm output_norm;
    pal_conditioning *conditioning; /* owned; NULL: no adaptive norms */
    float *zeros;                   /* [dim], owned: the bias of LayerNorms without one; NULL if biases are required */
    const float *unknown;           /* [dim], the embedding of token -1; NULL: there is no such token */
    pal_layer *layer;               /* [layers], owned */
    pal_matrices matrices;          /* all matrices above, each once */
    float *vectors;                 /* owned: vectors converted from half precision */
    char why[PAL_WHY];
} pal_transformer;

/* Reads hyperparameters and binds every tensor by name, type and shape, for a file whose general.architecture is
 * `architecture`.  `causal` is the default of this architecture; the file may override it.  PAL_E_UNSUPPORTED: a valid
 * file that this engine does not support; PAL_E_FORMAT: an invalid file.  Errors name the key or tensor; their text is
 * in net->why. */
pal_status pal_transformer_bind(pal_transformer *net, const pal_gguf *g, const char *architecture, bool causal,
                                const pal_architecture *of, pal_error *err);
void pal_transformer_release(pal_transformer *net);

/* Makes *net a network with the weights of `from`, which must outlive it, and with matrices of its own, so that
 * adapters attached to them leave `from` unchanged.  PAL_E_MEMORY: nothing is left to release. */
pal_status pal_transformer_share(pal_transformer *net, const pal_transformer *from, pal_error *err);

/* The shape of a cache for this network. */
pal_cache_shape pal_transformer_cache(const pal_transformer *net);

/* Scratch memory for up to `max_tokens` tokens at once, at up to `positions` positions, and for `threads` threads. */
typedef struct {
    int max_tokens, positions;
    float *x, *h;        /* [max_tokens, dim] */
    float *q, *attended; /* [max_tokens, heads * head_dim] */
    float *k, *v;        /* [max_tokens, kv_heads * head_dim] */
    float *gate, *up;    /* [max_tokens, hidden]; gate is empty if the network has none */
    float *scores;       /* [threads, PAL_ATTENTION_ROWS, positions rounded up to 8] */
    pal_seen *seen;      /* [max_tokens]: what each row sees */
    int *every;          /* [max_tokens]: 0, 1, 2, ... */
    int *place;          /* [max_tokens], of each row in its sequence */
    float *level;        /* [PAL_FREQUENCIES + 2 * width]: the noise level on its way to `modulation` */
    float *modulation;   /* [layers, 6 * dim], then [2 * dim], of the current noise level; empty without conditioning */
    float *cosine, *sine;         /* [positions, head_dim / 2], if positions are rotary */
    pal_quantized scratch;        /* [max_tokens, the widest input] */
    pal_adapter_scratch adapting; /* for the adapters that are attached when this is laid out */
} pal_activations;

/* Places the arrays, except the rotary table, in `arena`, or measures them (see pal_arena). */
void pal_activations_layout(pal_activations *a, const pal_transformer *net, int threads, int max_tokens, int positions,
                            pal_arena *arena);

/* Places, or measures, the rotary table, for activations that pal_activations_prepare will fill; not for
 * pal_activations_borrow. */
void pal_activations_table(pal_activations *a, const pal_transformer *net, pal_arena *arena);

/* Fills the rotary table of placed activations and clears a placed cache; once, before the first forward pass. */
void pal_activations_prepare(pal_activations *a, const pal_transformer *net, pal_cache *c);

/* Whether the network reads the noise level. */
static inline bool pal_transformer_reads_noise(const pal_transformer *net)
{
    return net->conditioning && net->conditioning->width;
}

/* Sets the noise level of the evaluations to come, for all their rows; needed before the first evaluation of a network
 * with conditioning.  `share`, 0 to 1, is the share of tokens that noise has replaced, 1 - exp(-sigma); it does not
 * matter if the network does not read the noise level. */
void pal_transformer_condition(const pal_transformer *net, const pal_compute *compute, pal_activations *a,
                               double share);

/* Copies what pal_transformer_logits needs of the noise level, for hidden states that were computed elsewhere. */
void pal_activations_copy_level(pal_activations *to, const pal_activations *from, const pal_transformer *net);

/* The number of places that the scratch memory for scores is for. */
int pal_activations_places(const pal_activations *a);

/* The same, but shares the rotary table of `from`, which must be prepared, must have at least as many positions as any
 * sequence that will be evaluated, and must stay valid.  c can be NULL: there is no cache to clear. */
void pal_activations_borrow(pal_activations *a, const pal_activations *from, pal_cache *c);

/* Evaluates tokens[n], n <= a->max_tokens, at places first .. first + n - 1 < c->capacity; every id must be below
 * vocab.  Causal attention also sees the cached places below `first`; for bidirectional attention `first` must be 0.
 * wanted[count], ascending in 0 .. n - 1, selects the rows whose last hidden state is needed: a->x then holds [count,
 * dim], and the last layer computes only these rows. */
void pal_transformer_forward(const pal_transformer *net, const pal_compute *compute, pal_activations *a, pal_cache *c,
                             const int32_t *tokens, int n, int first, const int *wanted, int count);

/* Consecutive rows that have a cache of their own. */
typedef struct {
    pal_cache *cache;
    int n;
    bool kept; /* whether the rows are kept in the cache; all such parts come before the others */
} pal_row_part;

/* The rows of an evaluation: each is a token at a place, and sees a set of places. */
typedef struct {
    int n, kept; /* the first `kept` rows store their keys and values in the cache before any row attends; adapters, if
                  * attached, apply only to the other rows, and only in the layers */
    const int32_t *token; /* [n], each below vocab, or -1 if the network has net->unknown */
    const int *place; /* [n], each below positions and capacity: gives the rotation; those of kept rows must differ */
    const pal_seen *seen; /* [n]; `own` is -1 or the row's place: then the row sees its own key and value there instead
                           * of the cache's.  A row that is not kept does not see itself otherwise */
    const pal_row_part *parts; /* [part_count], NULL: all rows have one cache.  A row sees places of its own cache; the
                                * caches must have one type */
    int part_count;
} pal_rows;

/* Evaluates rows in any order and at any places.  A row's bits depend only on what it sees, not on the other rows or on
 * when it is computed.  `wanted` is as in pal_transformer_forward.  With rows->parts, c is not used. */
void pal_transformer_forward_rows(const pal_transformer *net, const pal_compute *compute, pal_activations *a,
                                  pal_cache *c, const pal_rows *rows, const int *wanted, int count);

/* Like pal_transformer_forward, for several sequences that do not see each other.  They are concatenated in tokens:
 * sequence i is the next lengths[i] tokens, from place 0 on.  `wanted` counts through all tokens.  The cache must be
 * laid out without `keep`.  Each row has the same bits as when its sequence is evaluated alone. */
void pal_transformer_forward_batch(const pal_transformer *net, const pal_compute *compute, pal_activations *a,
                                   pal_cache *c, const int32_t *tokens, const int *lengths, int sequences,
                                   const int *wanted, int count);

/* After a forward pass: computes logits[count, vocab] from rows at[count] of a->x, which is unchanged. */
void pal_transformer_logits(const pal_transformer *net, const pal_compute *compute, pal_activations *a, const int *at,
                            int count, float *logits);

#endif
