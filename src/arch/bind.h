/* bind.h - hyperparameters and tensors by name, each checked once (internal to arch/). */
#ifndef PAL_BIND_H
#define PAL_BIND_H

#include "transformer.h"

enum { PAL_MAX_DIM = 1 << 16 };

typedef struct {
    const pal_gguf *g;
    const char *architecture; /* prefix of the keys */
    pal_error *err;
    char *why;              /* [PAL_WHY], the network's: what err->text points to */
    float *vectors;         /* room for vectors in half precision, as far as it is not taken */
    bool *bound;            /* [tensors of the file]; NULL until tensors are bound */
    pal_matrices *matrices; /* the network's: all that are filled */
} pal_binder;

/* A failure that names the key, shows its value and says where it stands; or text alone if key is "". */
pal_status pal_bind_fail(pal_binder *b, const char *key, pal_status status, const char *text);

/* One of a tensor, or of any other place: `offset` in the image, or SIZE_MAX. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
pal_status
pal_bind_say(pal_binder *b, pal_status status, size_t offset, const char *format, ...);

/* The whole name of a key, "llama.NAME", in key. */
const char *pal_bind_key(const pal_binder *b, const char *name, char key[128]);

/* A positive integer of at most `max`, which the file may repeat for each layer, and a positive number below 1e30;
 * `absent` >= 0 is the default. */
pal_status pal_bind_int(pal_binder *b, const char *name, int max, int absent, int *out, const char *text);
pal_status pal_bind_float(pal_binder *b, const char *name, float absent, float *out, const char *text);

/* embedding_length, block_count, heads, feed_forward_length, context_length: what every network has. */
pal_status pal_bind_shape(pal_binder *b, pal_transformer *net);

/* Refuses keys of variants that no network here has, unless they are 0 or "none". */
pal_status pal_bind_refuse_variants(pal_binder *b);

/* Memory for what is bound, until pal_bind_end, and for vectors in half precision, which is the network's to free,
 * as the list of its matrices is; before the first tensor. */
pal_status pal_bind_start(pal_binder *b, float **vectors, pal_matrices *matrices);

/* After the last, or after a failure `s`, which it returns.  Refuses a tensor that was not bound: more than the network
 * has would change its function. */
pal_status pal_bind_end(pal_binder *b, pal_status s);

/* Whether the file has blk.LAYER.NAME, or NAME for layer -1; `name` with ".weight" or ".bias". */
bool pal_bind_has(const pal_binder *b, int layer, const char *name);

/* A vector [size] in f32.  Where it is missing: a failure, or NULL if `optional`. */
pal_status pal_bind_vector(pal_binder *b, int layer, const char *name, int size, bool optional, const float **out);

/* A matrix [rows, cols], NAME.weight, and its bias [rows], NAME.bias; noted in b->matrices, so that it must lie where it
 * stays. */
typedef enum { PAL_NO_BIAS, PAL_MAYBE_BIAS, PAL_NEEDS_BIAS } pal_bias;
pal_status pal_bind_matrix(pal_binder *b, int layer, const char *name, int rows, int cols, pal_bias bias,
                           pal_matrix *out);

/* The same of `count` matrices [rows, cols] that stand above each other in one tensor, as their biases do. */
pal_status pal_bind_stacked(pal_binder *b, int layer, const char *name, int rows, int cols, pal_bias bias,
                            pal_matrix *const *out, int count);

/* token_embd, which tells the size of the vocabulary, and output, which may be missing. */
pal_status pal_bind_embeddings(pal_binder *b, pal_transformer *net);

/* A network of one architecture: its hyperparameters, and its tensors once the layers are there. */
pal_status pal_llama_read(pal_binder *b, pal_transformer *net);
pal_status pal_llama_bind(pal_binder *b, pal_transformer *net);
pal_status pal_gpt2_read(pal_binder *b, pal_transformer *net);
pal_status pal_gpt2_bind(pal_binder *b, pal_transformer *net);

#endif
