/* adapter.h - low-rank adapters from a file, attached to the matrices of a transformer (internal).
 *
 * The tensors are those of llama.cpp's adapter files: MATRIX.lora_a [rank, cols] and MATRIX.lora_b [rows, rank] for any
 * matrices of the layers, all with one adapter.lora.alpha.  The term that is added is alpha / rank * B (A x), or B (A x)
 * if alpha is 0. */
#ifndef PAL_ARCH_ADAPTER_H
#define PAL_ARCH_ADAPTER_H

#include "transformer.h"

/* The parts of an adapter file that belong to a network of query rows. */
typedef struct {
    pal_adapter *of;      /* [capacity], owned; those in use are attached to the network's matrices */
    size_t capacity;      /* matrices of the network */
    pal_matrices factors; /* of all adapters */
    float *vectors;       /* owned: the mask vector if the file has it in half precision */
    const float *mask;    /* [dim], palimpsest.mask: what a query row reads if the token before its place is unknown */
} pal_adapters;

/* Binds every tensor of g and attaches the adapters to net, which must be a network of pal_transformer_share.  Errors
 * name the tensor or key; their text is in why[PAL_WHY].  After a failure pal_adapters_release is still needed, and net
 * must not be used. */
pal_status pal_adapters_bind(pal_adapters *a, pal_transformer *net, const pal_gguf *g, char *why, pal_error *err);
void pal_adapters_release(pal_adapters *a);

#endif
