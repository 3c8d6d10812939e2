/* gpt2_bind.c - hyperparameters and tensors of gpt2, under llama.cpp's names. */
#include "architecture.h"

pal_status pal_gpt2_read(pal_binder *b, pal_transformer *net)
{
    char key[128];
    pal_status s;
    if ((s = pal_bind_shape(b, net)) || (s = pal_bind_float(b, "attention.layer_norm_epsilon", 1e-5f, &net->eps,
                                                            "attention.layer_norm_epsilon is out of range")))
        return s;
    if (!net->head_dim)
        return pal_bind_fail(b, pal_bind_key(b, "attention.head_count", key), PAL_E_FORMAT,
                             "embedding_length is not a multiple of attention.head_count");
    if (net->kv_heads != net->heads)
        return pal_bind_fail(b, pal_bind_key(b, "attention.head_count_kv", key), PAL_E_UNSUPPORTED,
                             "gpt2 with grouped heads is not supported");
    return pal_bind_refuse_variants(b);
}

static pal_status bind_norm(pal_binder *b, int layer, const char *gain, const char *bias, int dim, pal_norm *out)
{
    pal_status s = pal_bind_vector(b, layer, gain, dim, false, &out->gain);
    return s ? s : pal_bind_vector(b, layer, bias, dim, false, &out->bias);
}

static pal_status bind_layer(pal_binder *b, const pal_transformer *net, int index, pal_layer *l)
{
    const int dim = net->dim, hidden = net->hidden;
    pal_matrix *const qkv[] = {&l->q, &l->k, &l->v};
    pal_status s;
    if ((s = bind_norm(b, index, "attn_norm.weight", "attn_norm.bias", dim, &l->attn_norm)) ||
        (s = bind_norm(b, index, "ffn_norm.weight", "ffn_norm.bias", dim, &l->ffn_norm)) ||
        (s = pal_bind_stacked(b, index, "attn_qkv", dim, dim, PAL_NEEDS_BIAS, qkv, 3)) ||
        (s = pal_bind_matrix(b, index, "attn_output", dim, dim, PAL_NEEDS_BIAS, &l->attn_output)) ||
        (s = pal_bind_matrix(b, index, "ffn_up", hidden, dim, PAL_NEEDS_BIAS, &l->up)))
        return s;
    return pal_bind_matrix(b, index, "ffn_down", dim, hidden, PAL_NEEDS_BIAS, &l->down);
}

pal_status pal_gpt2_bind(pal_binder *b, pal_transformer *net)
{
    pal_status s;
    if ((s = pal_bind_embeddings(b, net)) ||
        (s = pal_bind_matrix(b, -1, "position_embd", net->context, net->dim, PAL_NO_BIAS, &net->position_embd)) ||
        (s = bind_norm(b, -1, "output_norm.weight", "output_norm.bias", net->dim, &net->output_norm)))
        return s;
    for (int i = 0; i < net->layers; i++)
        if ((s = bind_layer(b, net, i, &net->layer[i]))) return s;
    return PAL_OK;
}
