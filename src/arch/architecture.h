/* architecture.h - the functions that every transformer architecture in arch/ defines (internal). */
#ifndef PAL_ARCHITECTURE_H
#define PAL_ARCHITECTURE_H

#include "bind.h"
#include "pass.h"

struct pal_architecture {
    /* read sets the hyperparameters; bind binds the tensors, after the layers are allocated. */
    pal_status (*read)(pal_binder *b, pal_transformer *net);
    pal_status (*bind)(pal_binder *b, pal_transformer *net);
    /* Stores the embeddings of tokens [n] in a->x [n, dim]. */
    void (*embed)(const pal_pass *p, const int32_t *tokens);
    /* Computes one layer from a->x [n, dim] to a->x [count, dim]: only the rows p->rows continue. */
    void (*layer)(const pal_pass *p, int layer);
    /* Applies the norm before the output matrix to h [n, dim], in place. */
    void (*output_norm)(const pal_transformer *net, const pal_compute *compute, const pal_activations *a, float *h,
                        int n);
    /* Fills a->modulation for a noise level; NULL: networks of this architecture have no conditioning. */
    void (*condition)(const pal_transformer *net, const pal_compute *compute, pal_activations *a, double share);
};

/* What the files of an architecture define: NAME_bind.c the first two, NAME.c the last. */
#define PAL_DECLARE_ARCHITECTURE(name)                                                                                 \
    pal_status pal_##name##_read(pal_binder *b, pal_transformer *net);                                                 \
    pal_status pal_##name##_bind(pal_binder *b, pal_transformer *net);                                                 \
    extern const pal_architecture pal_architecture_##name

PAL_DECLARE_ARCHITECTURE(llama);
PAL_DECLARE_ARCHITECTURE(gpt2);
PAL_DECLARE_ARCHITECTURE(sedd);
PAL_DECLARE_ARCHITECTURE(mdlm);

#endif
