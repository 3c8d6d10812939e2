/* attached.h - a model made of a base model and an adapter (internal).
 *
 * The model borrows the vocabulary and the weights of the base and owns what the adapter adds. */
#ifndef PAL_ATTACHED_H
#define PAL_ATTACHED_H

#include "kinds.h"
#include "../arch/adapter.h"

struct pal_attached {
    pal_network_kind kind; /* the kind of the base, with a class of its own */
    pal_gguf *gguf;        /* of the adapter file, owned */
    pal_adapters adapters;
    const char *note; /* NULL, or what may be wrong */
};

/* PAL_OK if adapters can be attached to the model; otherwise the reason in *err. */
pal_status pal_attached_base(const pal_model *base, pal_error *err);

/* Makes m, which is all zeros, a model of `base` and the adapter file g, and owns g.  If the adapter does not fit, sets
 * m->net_error and still returns PAL_OK; fails only without memory.  pal_model_close frees everything. */
pal_status pal_attached_open(pal_model *m, const pal_model *base, pal_gguf *g, pal_error *err);

#endif
