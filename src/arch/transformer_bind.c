/* transformer_bind.c - binds a GGUF file to a network whose shapes are checked.
 *
 * This file, bind.c, llama_bind.c, gpt2_bind.c and ddit_bind.c detect every error that a file can have about a network; the forward
 * pass checks nothing. */
#include "architecture.h"

#include <stdlib.h>
#include <string.h>

static pal_status allocate(pal_binder *b, pal_transformer *net)
{
    char key[128];
    /* A file with too few tensors for this many layers is refused before memory is allocated for them. */
    if ((size_t)net->layers > pal_gguf_tensors(b->g))
        return pal_bind_fail(b, pal_bind_key(b, "block_count", key), PAL_E_FORMAT,
                             "block_count is larger than the tensors of the file allow");
    net->layer = calloc((size_t)net->layers, sizeof *net->layer);
    if (!net->layer) return pal_fail(b->err, PAL_E_MEMORY, "not enough memory for the layers", SIZE_MAX);
    return pal_bind_start(b, &net->vectors, &net->matrices);
}

pal_status pal_transformer_bind(pal_transformer *net, const pal_gguf *g, const char *architecture, bool causal,
                                const pal_architecture *of, pal_error *err)
{
    pal_binder b = {.g = g, .err = err, .why = net->why, .architecture = architecture};
    *net = (pal_transformer){.architecture = of, .causal = causal};
    pal_status s = of->read(&b, net);
    if (!s) s = allocate(&b, net);
    if (!s) s = of->bind(&b, net);
    s = pal_bind_end(&b, s);
    if (s) pal_transformer_release(net);
    return s;
}

void pal_transformer_release(pal_transformer *net)
{
    free(net->layer);
    free(net->vectors);
    free(net->zeros);
    if (net->conditioning) free(net->conditioning->layer);
    free(net->conditioning);
    pal_matrices_release(&net->matrices);
    net->layer = NULL;
    net->vectors = net->zeros = NULL;
    net->conditioning = NULL;
}

/* The matrix of the copy `net` that is `m` in `from`. */
static pal_matrix *same_matrix(pal_transformer *net, const pal_transformer *from, const pal_matrix *m)
{
    const uintptr_t at = (uintptr_t)m, layers = (uintptr_t)from->layer;
    if (at >= layers && at - layers < (uintptr_t)from->layers * sizeof *from->layer)
        return (pal_matrix *)(void *)((char *)net->layer + (at - layers));
    return (pal_matrix *)(void *)((char *)net + (at - (uintptr_t)from));
}

pal_status pal_transformer_share(pal_transformer *net, const pal_transformer *from, pal_error *err)
{
    const size_t layers = (size_t)from->layers;
    pal_status s = PAL_OK;
    *net = *from;
    net->vectors = net->zeros = NULL;
    net->conditioning = NULL; /* pal_attached_base: no base has one */
    net->matrices = (pal_matrices){0};
    net->layer = malloc(layers * sizeof *net->layer);
    if (!net->layer) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the layers", SIZE_MAX);
    memcpy(net->layer, from->layer, layers * sizeof *net->layer);
    for (size_t i = 0; !s && i < from->matrices.count; i++) {
        const pal_named_matrix *e = &from->matrices.at[i];
        s = pal_matrices_note(&net->matrices, e->name, e->first, same_matrix(net, from, e->matrix), err);
    }
    if (s) pal_transformer_release(net);
    return s;
}
