/* architecture.h - one transformer among several: what its files in arch/ define (internal). */
#ifndef PAL_ARCHITECTURE_H
#define PAL_ARCHITECTURE_H

#include "bind.h"
#include "pass.h"

struct pal_architecture {
    /* Hyperparameters; and its tensors, once the layers are there. */
    pal_status (*read)(pal_binder *b, pal_transformer *net);
    pal_status (*bind)(pal_binder *b, pal_transformer *net);
    /* Tokens [n] to a->x [n, dim]. */
    void (*embed)(const pal_pass *p, const int32_t *tokens);
    /* a->x [n, dim] through one layer to a->x [count, dim]: the rows p->rows alone go on. */
    void (*layer)(const pal_pass *p, int layer);
    /* The norm before the output matrix, of h [n, dim] where it lies. */
    void (*output_norm)(const pal_transformer *net, const pal_compute *compute, float *h, int n);
};

extern const pal_architecture pal_architecture_llama, pal_architecture_gpt2;

#endif
