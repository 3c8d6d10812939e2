/* model.h - what an opened file holds (internal: for session.c, score.c and the like). */
#ifndef PAL_MODEL_H
#define PAL_MODEL_H

#include "../core/file.h"
#include "../gguf/gguf.h"
#include "../nn/matrices.h"
#include "../text/classes.h"

typedef struct pal_network_kind pal_network_kind;   /* kinds.h */
typedef struct pal_picture_model pal_picture_model; /* picture.h */

/* What is asked of a network of tokens, whatever its kind; zeros without one. */
typedef struct {
    int vocab, context, width, layers, heads, kv_heads, hidden;
    bool causal;
} pal_network_shape;

struct pal_model {
    pal_file file; /* mapped by us; size 0 when the image is the caller's */
    pal_gguf *gguf;
    const pal_network_kind *kind; /* what opened it; NULL: nothing that this program has */
    pal_vocab *vocab;             /* NULL: why in vocab_error */
    pal_classes classes;
    void *network;                /* of its kind's class, owned; NULL: why in net_error */
    const pal_matrices *matrices; /* the network's; NULL: none is bound */
    pal_network_shape shape;      /* of a network of tokens */
    pal_picture_model *picture;   /* what a network of pictures needs beside it, owned; NULL: it draws none */
    bool as_stored;               /* the weights are not in panels: nothing can be evaluated */
    pal_error vocab_error, net_error;
    pal_error pair_error;   /* why network and vocabulary do not belong together, or PAL_OK */
    pal_error stored_error; /* why the file's tensors cannot be converted, or PAL_OK */
    pal_kernels kernels;
    pal_info info;
    char architecture[64], name[128], license[128], tokenizer[64];
    char part_text[PAL_WHY], vocab_text[PAL_WHY], repeated_text[PAL_WHY], kind_text[PAL_WHY], pair_text[PAL_WHY],
        stored_text[PAL_WHY], why_not[2 * PAL_WHY];
};

/* PAL_OK if the model has a network and a tokenizer that belong together and can be evaluated, else why not. */
pal_status pal_model_ready(const pal_model *m, pal_error *err);

/* Whether a network reads tokens and is bound. */
static inline bool pal_model_has_texts(const pal_model *m)
{
    return m->shape.vocab > 0;
}

/* PAL_OK if the model has a network of texts that can be evaluated, with or without a tokenizer. */
pal_status pal_model_can_evaluate(const pal_model *m, pal_error *err);

#endif
