/* gpt2_bind.c - hyperparameters and tensors of gpt2, under llama.cpp's names. */
#include "architecture.h"

pal_status pal_gpt2_read(pal_binder *b, pal_transformer *net)
{
    const pal_status s = pal_bind_layer_norm_shape(b, net);
    return s ? s : pal_bind_refuse_variants(b);
}

pal_status pal_gpt2_bind(pal_binder *b, pal_transformer *net)
{
    pal_status s;
    if ((s = pal_bind_embeddings(b, net)) ||
        (s = pal_bind_matrix(b, -1, "position_embd", net->context, net->dim, PAL_NO_BIAS, &net->position_embd)) ||
        (s = pal_bind_norm(b, -1, "output_norm", net->dim, NULL, &net->output_norm)))
        return s;
    for (int i = 0; i < net->layers; i++)
        if ((s = pal_bind_layer(b, net, i, PAL_NEEDS_BIAS, NULL, &net->layer[i]))) return s;
    return PAL_OK;
}
