/* ddit_bind.c - hyperparameters and tensors of sedd and mdlm, under names like llama.cpp's.
 *
 * The noise level goes through time_embd.0 and time_embd.1 to the matrices `modulation` of each layer and of the output.
 * An mdlm has no time_embd: its modulation is absent, or only biases. */
#include "architecture.h"
#include "../core/say.h"

#include <stdlib.h>

/* ---- hyperparameters -------------------------------------------------------------------------------- */

static pal_status read_rotary(pal_binder *b, pal_transformer *net)
{
    char key[128];
    pal_rotary *r = &net->rotary;
    *r = (pal_rotary){.halves = true, .scale = 1.0f};
    const pal_status s = pal_bind_rotary(b, net, r);
    if (s) return s;
    if (r->dims != net->head_dim || r->dims % 2)
        return pal_bind_fail(b, pal_bind_key(b, "rope.dimension_count", key), PAL_E_UNSUPPORTED,
                             "rotary positions must cover whole heads of an even size");
    if (pal_gguf_find(b->g, pal_bind_key(b, "rope.scaling.type", key)))
        return pal_bind_fail(b, key, PAL_E_UNSUPPORTED, "scaled rotary positions are not supported here");
    return PAL_OK;
}

/* Attention is to all places whatever the file says; but a file that says otherwise is of another network. */
static pal_status check_attention(pal_binder *b)
{
    char key[128];
    bool causal = false, shift = false;
    pal_bind_key(b, "attention.causal", key);
    if (pal_gguf_find(b->g, key) && (!pal_gguf_get_bool(b->g, key, &causal) || causal))
        return pal_bind_fail(b, key, PAL_E_UNSUPPORTED, "attention of this architecture is never causal");
    if (pal_gguf_find(b->g, "diffusion.shift_logits") &&
        (!pal_gguf_get_bool(b->g, "diffusion.shift_logits", &shift) || shift))
        return pal_bind_fail(b, "diffusion.shift_logits", PAL_E_UNSUPPORTED,
                             "logits of this architecture are never shifted");
    return pal_bind_refuse_variants(b);
}

static pal_status read(pal_binder *b, pal_transformer *net)
{
    pal_status s = pal_bind_layer_norm_shape(b, net);
    if (!s) s = read_rotary(b, net);
    return s ? s : check_attention(b);
}

pal_status pal_sedd_read(pal_binder *b, pal_transformer *net)
{
    return read(b, net);
}

pal_status pal_mdlm_read(pal_binder *b, pal_transformer *net)
{
    return read(b, net);
}

/* ---- tensors ---------------------------------------------------------------------------------------- */

/* output.weight and output.bias: the output is never the embedding. */
static pal_status bind_ends(pal_binder *b, pal_transformer *net)
{
    const pal_gguf_tensor *t = pal_gguf_find_tensor(b->g, "output.weight");
    pal_status s;
    if (!t) return pal_bind_say(b, PAL_E_FORMAT, SIZE_MAX, "a tensor of the network is missing: output.weight");
    if ((s = pal_bind_vocabulary(b, net)) ||
        (s = pal_bind_matrix(b, -1, "token_embd", net->vocab, net->dim, PAL_NO_BIAS, &net->token_embd)) ||
        (s = pal_bind_matrix(b, -1, "output", net->vocab, net->dim, PAL_NEEDS_BIAS, &net->output)))
        return s;
    return pal_bind_norm(b, -1, "output_norm", net->dim, net->zeros, &net->output_norm);
}

/* The width of the embedded noise level is that of time_embd.0, which must be there. */
static pal_status bind_level(pal_binder *b, pal_conditioning *c)
{
    const pal_gguf_tensor *t = pal_gguf_find_tensor(b->g, "time_embd.0.weight");
    pal_status s;
    if (!t) return pal_bind_say(b, PAL_E_FORMAT, SIZE_MAX, "a tensor of the network is missing: time_embd.0.weight");
    if (t->dims != 2 || t->extent[1] < 1 || t->extent[1] > PAL_MAX_DIM)
        return pal_bind_say(b, PAL_E_FORMAT, t->offset,
                            "time_embd.0.weight has the wrong shape: it must be [256, 1 to 65536]");
    c->width = (int)t->extent[1];
    if ((s = pal_bind_matrix(b, -1, "time_embd.0", c->width, PAL_FREQUENCIES, PAL_NEEDS_BIAS, &c->in))) return s;
    return pal_bind_matrix(b, -1, "time_embd.1", c->width, c->width, PAL_NEEDS_BIAS, &c->out);
}

static pal_status bind_modulation(pal_binder *b, const pal_conditioning *c, int layer, const char *name, int rows,
                                  pal_matrix *out)
{
    char bias[64];
    if (c->width) return pal_bind_matrix(b, layer, name, rows, c->width, PAL_NEEDS_BIAS, out);
    out->rows = rows;
    pal_say(bias, sizeof bias, "%s.bias", name);
    return pal_bind_vector(b, layer, bias, rows, false, &out->bias);
}

static pal_status bind_conditioning(pal_binder *b, pal_transformer *net, bool reads_noise)
{
    pal_conditioning *c = calloc(1, sizeof *c);
    net->conditioning = c;
    if (c) c->layer = calloc((size_t)net->layers, sizeof *c->layer);
    if (!c || !c->layer) return pal_fail(b->err, PAL_E_MEMORY, "not enough memory for the layers", SIZE_MAX);
    pal_status s = reads_noise ? bind_level(b, c) : PAL_OK;
    for (int i = 0; !s && i < net->layers; i++) s = bind_modulation(b, c, i, "modulation", 6 * net->dim, &c->layer[i]);
    return s ? s : bind_modulation(b, c, -1, "output_modulation", 2 * net->dim, &c->last);
}

static pal_status bind_layers(pal_binder *b, pal_transformer *net)
{
    net->zeros = calloc((size_t)net->dim, sizeof *net->zeros); /* for norms without biases */
    if (!net->zeros) return pal_fail(b->err, PAL_E_MEMORY, "not enough memory for the layers", SIZE_MAX);
    pal_status s = bind_ends(b, net);
    for (int i = 0; !s && i < net->layers; i++) s = pal_bind_layer(b, net, i, PAL_NO_BIAS, net->zeros, &net->layer[i]);
    return s;
}

pal_status pal_sedd_bind(pal_binder *b, pal_transformer *net)
{
    pal_status s = bind_layers(b, net);
    return s ? s : bind_conditioning(b, net, true);
}

pal_status pal_mdlm_bind(pal_binder *b, pal_transformer *net)
{
    pal_status s = bind_layers(b, net);
    if (s || !pal_bind_has(b, 0, "modulation.bias")) return s;
    return bind_conditioning(b, net, false);
}
