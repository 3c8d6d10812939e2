/* bind.h - reads hyperparameters and tensors by name, and checks each once (internal to arch/). */
#ifndef PAL_BIND_H
#define PAL_BIND_H

#include "transformer.h"

enum { PAL_MAX_DIM = 1 << 16 };

typedef struct {
    const pal_gguf *g;
    const char *architecture; /* prefix of the keys */
    pal_error *err;
    char *why;              /* [PAL_WHY], the network's buffer; err->text points to it */
    float *vectors;         /* the next free element for vectors converted from half precision */
    bool *bound;            /* [tensors of the file], whether each was bound; NULL until tensors are bound */
    pal_matrices *matrices; /* the network's list of the matrices that are bound */
} pal_binder;

/* Fails with a message that names the key, its value and its position; or with the text alone if key is "". */
pal_status pal_bind_fail(pal_binder *b, const char *key, pal_status status, const char *text);

/* Fails with a message about a tensor or another position: `offset` in the image, or SIZE_MAX. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
pal_status
pal_bind_say(pal_binder *b, pal_status status, size_t offset, const char *format, ...);

/* Writes the full name of a key, "llama.NAME", to key and returns it. */
const char *pal_bind_key(const pal_binder *b, const char *name, char key[128]);

/* Read a positive integer of at most `max`, which the file may repeat for each layer, or a positive number below 1e30.
 * `absent` is the default if it is >= 0; otherwise the key is required. */
pal_status pal_bind_int(pal_binder *b, const char *name, int max, int absent, int *out, const char *text);
pal_status pal_bind_float(pal_binder *b, const char *name, float absent, float *out, const char *text);

/* Reads embedding_length, block_count, heads, feed_forward_length and context_length, which every network has. */
pal_status pal_bind_shape(pal_binder *b, pal_transformer *net);

/* The same with attention.layer_norm_epsilon, for networks with layer norms, whose heads are those of keys too and divide
 * the width. */
pal_status pal_bind_layer_norm_shape(pal_binder *b, pal_transformer *net);

/* Reads rope.dimension_count (default: head_dim) and rope.freq_base. */
pal_status pal_bind_rotary(pal_binder *b, const pal_transformer *net, pal_rotary *r);

/* Refuses keys of variants that no network here supports, unless their value is 0. */
pal_status pal_bind_refuse_variants(pal_binder *b);

/* Allocates memory that is needed until pal_bind_end, and memory for vectors in half precision.  The network must free
 * the vectors and its list of matrices.  Call it before the first tensor. */
pal_status pal_bind_start(pal_binder *b, float **vectors, pal_matrices *matrices);

/* Call it after the last tensor, or after a failure `s`, which it returns.  Refuses a file with a tensor that was not
 * bound, because the network would compute something else than the file describes. */
pal_status pal_bind_end(pal_binder *b, pal_status s);

/* Whether the file has blk.LAYER.NAME, or NAME for layer -1; `name` with ".weight" or ".bias". */
bool pal_bind_has(const pal_binder *b, int layer, const char *name);

/* Binds a vector [size] in f32.  If it is missing: a failure, or NULL if `optional`. */
pal_status pal_bind_vector(pal_binder *b, int layer, const char *name, int size, bool optional, const float **out);

/* Binds the gain and the bias of a layer norm, NAME.weight and NAME.bias [size].  If the bias is missing: `zeros`, or a
 * failure if that is NULL. */
pal_status pal_bind_norm(pal_binder *b, int layer, const char *name, int size, const float *zeros, pal_norm *out);

/* Binds a matrix [rows, cols], NAME.weight, and its bias [rows], NAME.bias.  `out` is added to b->matrices, so it must
 * not move. */
typedef enum { PAL_NO_BIAS, PAL_MAYBE_BIAS, PAL_NEEDS_BIAS } pal_bias;
pal_status pal_bind_matrix(pal_binder *b, int layer, const char *name, int rows, int cols, pal_bias bias,
                           pal_matrix *out);

/* Binds `count` matrices [rows, cols] that are stacked in one tensor, row after row, as their biases are. */
pal_status pal_bind_stacked(pal_binder *b, int layer, const char *name, int rows, int cols, pal_bias bias,
                            pal_matrix *const *out, int count);

/* Binds a layer with layer norms, stacked queries, keys and values, and a feed-forward network of two matrices with
 * biases.  `attention` says whether its matrices have biases, `zeros` is that of pal_bind_norm. */
pal_status pal_bind_layer(pal_binder *b, const pal_transformer *net, int index, pal_bias attention, const float *zeros,
                          pal_layer *l);

/* Binds both factors of a low-rank adapter of a matrix [rows, cols]: MATRIX.lora_a [rank, cols] and MATRIX.lora_b [rows,
 * rank].  Without either, *out has rank 0 (out->a.rows).  They are not added to b->matrices. */
pal_status pal_bind_factors(pal_binder *b, pal_str matrix, int rows, int cols, pal_adapter *out);

/* Sets the size of the vocabulary from the shape of token_embd, without binding it. */
pal_status pal_bind_vocabulary(pal_binder *b, pal_transformer *net);

/* Binds token_embd, which determines the size of the vocabulary, and output, which may be missing. */
pal_status pal_bind_embeddings(pal_binder *b, pal_transformer *net);

#endif
