/* llama_bind.c - hyperparameters and tensors of llama, llada, qwen2 and qwen3, under llama.cpp's names. */
#include "architecture.h"

#include <string.h>

static bool is(const pal_binder *b, const char *architecture)
{
    return strcmp(b->architecture, architecture) == 0;
}

/* If only a factor is given, rope.scaling.type is "linear"; rope.scale_linear is an older name of the factor. */
static pal_status read_scaling(pal_binder *b, pal_rotary *r)
{
    char key[128], old[128];
    pal_str type = {"linear", 6};
    pal_bind_key(b, "rope.scaling.type", key);
    if (pal_gguf_find(b->g, key) && !pal_gguf_get_str(b->g, key, &type))
        return pal_bind_fail(b, key, PAL_E_FORMAT, "rope.scaling.type is not a string");
    r->scale = 1.0f;
    if (pal_str_is(type, "none")) return PAL_OK;
    if (!pal_str_is(type, "linear"))
        return pal_bind_fail(b, key, PAL_E_UNSUPPORTED,
                             "rope.scaling.type is neither none nor linear (other scalings are supported where "
                             "the file has them as rope_freqs.weight)");
    double number; /* 0 means none */
    const char *const names[] = {"rope.scaling.factor", "rope.scale_linear"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!pal_gguf_find(b->g, pal_bind_key(b, names[i], old))) continue;
        if (pal_gguf_get_f64(b->g, old, &number) && number == 0.0) return PAL_OK;
        return pal_bind_float(b, names[i], 1.0f, &r->scale, "the factor of rope.scaling is out of range");
    }
    return PAL_OK;
}

static pal_status read_rotary(pal_binder *b, pal_transformer *net)
{
    pal_rotary *r = &net->rotary;
    char key[128];
    pal_status s;
    if ((s = pal_bind_rotary(b, net, r))) return s;
    r->halves = is(b, "qwen2") || is(b, "qwen3");
    pal_bind_key(b, "rope.dimension_count", key);
    if (r->dims % 2 || r->dims > net->head_dim)
        return pal_bind_fail(b, key, PAL_E_FORMAT, "rope.dimension_count is odd, or wider than a head");
    if (r->halves && r->dims != net->head_dim)
        return pal_bind_fail(b, key, PAL_E_UNSUPPORTED,
                             "rotary positions on a part of a head are supported for llama and llada only");
    return read_scaling(b, r);
}

static pal_status read_attention(pal_binder *b, pal_transformer *net)
{
    char key[128];
    const bool diffusion = !net->causal;
    net->shift_logits = diffusion; /* llama.cpp's default if the key is absent */
    if (pal_gguf_find(b->g, pal_bind_key(b, "attention.causal", key)) && !pal_gguf_get_bool(b->g, key, &net->causal))
        return pal_bind_fail(b, key, PAL_E_FORMAT, "attention.causal is not a boolean");
    if (diffusion && net->causal)
        return pal_bind_fail(b, key, PAL_E_UNSUPPORTED, "a llada model with causal attention is not supported");
    if (diffusion && pal_gguf_find(b->g, "diffusion.shift_logits") &&
        !pal_gguf_get_bool(b->g, "diffusion.shift_logits", &net->shift_logits))
        return pal_bind_fail(b, "diffusion.shift_logits", PAL_E_FORMAT, "diffusion.shift_logits is not a boolean");
    return PAL_OK;
}

pal_status pal_llama_read(pal_binder *b, pal_transformer *net)
{
    char key[128];
    int value_length;
    pal_status s;
    if ((s = pal_bind_shape(b, net)) ||
        (s = pal_bind_int(b, "attention.key_length", PAL_MAX_DIM, net->head_dim, &net->head_dim,
                          "attention.key_length is out of range")) ||
        (s = pal_bind_int(b, "attention.value_length", PAL_MAX_DIM, net->head_dim, &value_length,
                          "attention.value_length is out of range")) ||
        (s = pal_bind_float(b, "attention.layer_norm_rms_epsilon", 1e-5f, &net->eps,
                            "attention.layer_norm_rms_epsilon is out of range")))
        return s;
    const bool stated = pal_gguf_find(b->g, pal_bind_key(b, "attention.key_length", key));
    if (net->head_dim < 2 || net->head_dim % 2)
        return pal_bind_fail(b, pal_bind_key(b, stated ? "attention.key_length" : "attention.head_count", key),
                             PAL_E_FORMAT, "the width of an attention head is not even");
    if (value_length != net->head_dim)
        return pal_bind_fail(b, pal_bind_key(b, "attention.value_length", key), PAL_E_UNSUPPORTED,
                             "values with another width than keys are not supported");
    if ((s = read_rotary(b, net)) || (s = pal_bind_refuse_variants(b))) return s;
    return read_attention(b, net);
}

static pal_status bind_layer(pal_binder *b, const pal_transformer *net, int index, pal_layer *l)
{
    const int dim = net->dim, hidden = net->hidden, q_dim = net->heads * net->head_dim,
              kv_dim = net->kv_heads * net->head_dim;
    const bool head_norms = is(b, "qwen3");
    const struct {
        const char *name;
        pal_matrix *out;
        int rows, cols;
    } matrices[] = {
        {"attn_q", &l->q, q_dim, dim},       {"attn_k", &l->k, kv_dim, dim},
        {"attn_v", &l->v, kv_dim, dim},      {"attn_output", &l->attn_output, dim, q_dim},
        {"ffn_gate", &l->gate, hidden, dim}, {"ffn_up", &l->up, hidden, dim},
        {"ffn_down", &l->down, dim, hidden},
    };
    pal_status s;
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        if ((s = pal_bind_matrix(b, index, matrices[i].name, matrices[i].rows, matrices[i].cols, PAL_MAYBE_BIAS,
                                 matrices[i].out)))
            return s;
    if (head_norms && ((s = pal_bind_vector(b, index, "attn_q_norm.weight", net->head_dim, false, &l->q_norm)) ||
                       (s = pal_bind_vector(b, index, "attn_k_norm.weight", net->head_dim, false, &l->k_norm))))
        return s;
    if ((s = pal_bind_vector(b, index, "attn_norm.weight", dim, false, &l->attn_norm.gain))) return s;
    return pal_bind_vector(b, index, "ffn_norm.weight", dim, false, &l->ffn_norm.gain);
}

/* Limits the context so that angles stay below 2^20, the range of pal_sincos: small factors make pairs turn faster. */
static pal_status bind_factors(pal_binder *b, pal_transformer *net)
{
    pal_rotary *r = &net->rotary;
    pal_status s = pal_bind_vector(b, -1, "rope_freqs.weight", r->dims / 2, true, &r->factors);
    for (int i = 0; !s && i < r->dims / 2; i++) {
        float slower = r->scale * (r->factors ? r->factors[i] : 1.0f), longest = slower * 0x1p20f;
        if (!(longest >= 1.0f))
            s = pal_fail(b->err, PAL_E_UNSUPPORTED,
                         "a rotary factor (rope.scaling.factor, rope_freqs.weight) is below 2^-20", SIZE_MAX);
        else if ((float)net->context > longest)
            net->context = (int)longest;
    }
    return s;
}

pal_status pal_llama_bind(pal_binder *b, pal_transformer *net)
{
    pal_status s;
    if ((s = pal_bind_embeddings(b, net)) || (s = bind_factors(b, net)) ||
        (s = pal_bind_vector(b, -1, "output_norm.weight", net->dim, false, &net->output_norm.gain)))
        return s;
    for (int i = 0; i < net->layers; i++)
        if ((s = bind_layer(b, net, i, &net->layer[i]))) return s;
    return PAL_OK;
}
