/* transformer_bind.c - binds a GGUF file to a network whose shapes are checked.
 *
 * This file, bind.c, llama_bind.c and gpt2_bind.c detect every error that a file can have about a network; the forward
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
    pal_matrices_release(&net->matrices);
    net->layer = NULL;
    net->vectors = NULL;
}
