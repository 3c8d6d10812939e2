/* transformer_bind.c - from a GGUF file to a network whose shapes can be trusted.
 *
 * Everything a file can get wrong about a network is found here, once; the forward pass checks nothing. */
#include "transformer.h"
#include "../kernels/panels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 1024, MOST_DIM = 1 << 16, MOST_CONTEXT = 1 << 20 };

typedef struct {
    const pal_gguf *g;
    const char *architecture; /* prefix of the keys */
    pal_error *err;
} binder;

static pal_status fail_value(binder *b, const char *key, pal_status status, const char *text)
{
    const pal_gguf_value *v = pal_gguf_find(b->g, key);
    return pal_fail(b->err, status, text, v ? pal_gguf_value_offset(b->g, v) : SIZE_MAX);
}

static const char *key_of(const binder *b, const char *name, char key[128])
{
    snprintf(key, 128, "%s.%s", b->architecture, name);
    return key;
}

/* A positive integer hyperparameter of at most `most`; `absent` >= 0 is its default. */
static pal_status read_int(binder *b, const char *name, int most, int absent, int *out, const char *text)
{
    char key[128];
    uint32_t value;
    if (!pal_gguf_find(b->g, key_of(b, name, key)) && absent >= 0) {
        *out = absent;
        return PAL_OK;
    }
    if (!pal_gguf_get_u32(b->g, key, &value) || value < 1 || value > (uint32_t)most)
        return fail_value(b, key, PAL_E_FORMAT, text);
    *out = (int)value;
    return PAL_OK;
}

static pal_status read_float(binder *b, const char *name, float absent, float *out, const char *text)
{
    char key[128];
    if (!pal_gguf_find(b->g, key_of(b, name, key))) {
        *out = absent;
        return PAL_OK;
    }
    if (!pal_gguf_get_f32(b->g, key, out) || !(*out > 0.0f && *out < 1e30f))
        return fail_value(b, key, PAL_E_FORMAT, text);
    return PAL_OK;
}

/* What would change the network's function and is not covered is refused by name, not ignored. */
static pal_status refuse_variants(binder *b)
{
    static const char *const unsupported[] = {"rope.scaling.type",        "rope.scaling.factor", "expert_count",
                                              "attention.sliding_window", "logit_scale",         "rope.scale_linear"};
    char key[128];
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        const pal_gguf_value *v = pal_gguf_find(b->g, key_of(b, unsupported[i], key));
        pal_str text;
        uint32_t number;
        if (!v || (pal_gguf_get_str(b->g, key, &text) && pal_str_is(text, "none"))) continue;
        if (pal_gguf_get_u32(b->g, key, &number) && number == 0) continue;
        return fail_value(b, key, PAL_E_UNSUPPORTED,
                          "the model uses a variant of the network that is not supported "
                          "(rope scaling, experts, sliding window or logit scale)");
    }
    return PAL_OK;
}

static pal_status read_shape(binder *b, pal_transformer *net)
{
    pal_status s;
    int rope_dims, value_length;
    if ((s = read_int(b, "embedding_length", MOST_DIM, -1, &net->dim, "embedding_length is missing or out of range")) ||
        (s = read_int(b, "block_count", MOST_LAYERS, -1, &net->layers, "block_count is missing or out of range")) ||
        (s = read_int(b, "attention.head_count", 4096, -1, &net->heads,
                      "attention.head_count is missing or out of range")) ||
        (s = read_int(b, "attention.head_count_kv", 4096, net->heads, &net->kv_heads,
                      "attention.head_count_kv is out of range")) ||
        (s = read_int(b, "feed_forward_length", 4 * MOST_DIM, -1, &net->hidden,
                      "feed_forward_length is missing or out of range")) ||
        (s = read_int(b, "context_length", MOST_CONTEXT, -1, &net->context,
                      "context_length is missing or out of range")))
        return s;
    if (net->heads % net->kv_heads)
        return fail_value(b, "", PAL_E_FORMAT, "attention.head_count is not a multiple of attention.head_count_kv");
    int whole = net->dim % net->heads == 0 ? net->dim / net->heads : 0;
    if ((s = read_int(b, "attention.key_length", MOST_DIM, whole, &net->head_dim,
                      "attention.key_length is out of range")) ||
        (s = read_int(b, "attention.value_length", MOST_DIM, net->head_dim, &value_length,
                      "attention.value_length is out of range")) ||
        (s = read_int(b, "rope.dimension_count", MOST_DIM, net->head_dim, &rope_dims,
                      "rope.dimension_count is out of range")) ||
        (s = read_float(b, "attention.layer_norm_rms_epsilon", 1e-5f, &net->eps,
                        "attention.layer_norm_rms_epsilon is out of range")) ||
        (s = read_float(b, "rope.freq_base", 10000.0f, &net->rope_base, "rope.freq_base is out of range")))
        return s;
    if (net->head_dim < 2 || net->head_dim % 2)
        return fail_value(b, "", PAL_E_FORMAT, "the width of an attention head is not even");
    if (rope_dims != net->head_dim || value_length != net->head_dim)
        return fail_value(b, "", PAL_E_UNSUPPORTED,
                          "rotary positions on a part of a head, or values of another width, "
                          "are not supported");
    return refuse_variants(b);
}

static pal_status find_tensor(binder *b, const char *name, const pal_gguf_tensor **out)
{
    *out = pal_gguf_find_tensor(b->g, name);
    return *out ? PAL_OK : pal_fail(b->err, PAL_E_FORMAT, "a tensor of the network is missing", SIZE_MAX);
}

static pal_status bind_vector(binder *b, const char *name, int size, const float **out)
{
    const pal_gguf_tensor *t;
    pal_status s = find_tensor(b, name, &t);
    if (s) return s;
    if (t->dims != 1 || t->extent[0] != (uint64_t)size)
        return pal_fail(b->err, PAL_E_FORMAT, "a vector of the network has the wrong shape", t->offset);
    if (t->type != PAL_F32)
        return pal_fail(b->err, PAL_E_UNSUPPORTED, "a vector of the network is not of type F32", t->offset);
    *out = (const float *)(const void *)t->data;
    return PAL_OK;
}

static pal_status bind_matrix(binder *b, const char *name, int rows, int cols, pal_matrix *out)
{
    const pal_gguf_tensor *t;
    pal_status s = find_tensor(b, name, &t);
    if (s) return s;
    if (t->dims != 2 || t->extent[0] != (uint64_t)cols || t->extent[1] != (uint64_t)rows)
        return pal_fail(b->err, PAL_E_FORMAT, "a matrix of the network has the wrong shape", t->offset);
    if (t->type != PAL_F32 && t->type != PAL_F16 && t->type != PAL_Q8_0 && t->type != PAL_Q4_0)
        return pal_fail(b->err, PAL_E_UNSUPPORTED,
                        "a matrix is of a type the engine does not compute with yet "
                        "(F32, F16, Q8_0 and Q4_0 are)",
                        t->offset);
    *out = (pal_matrix){.type = t->type, .rows = rows, .cols = cols, .data = t->data};
    return PAL_OK;
}

static pal_status bind_layer(binder *b, const pal_transformer *net, int index, pal_layer *l)
{
    int dim = net->dim, q_dim = net->heads * net->head_dim, kv_dim = net->kv_heads * net->head_dim,
        hidden = net->hidden;
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
    char name[64];
    pal_status s;
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        snprintf(name, sizeof name, "blk.%d.%s.weight", index, matrices[i].name);
        if ((s = bind_matrix(b, name, matrices[i].rows, matrices[i].cols, matrices[i].out))) return s;
    }
    snprintf(name, sizeof name, "blk.%d.attn_norm.weight", index);
    if ((s = bind_vector(b, name, dim, &l->attn_norm))) return s;
    snprintf(name, sizeof name, "blk.%d.ffn_norm.weight", index);
    return bind_vector(b, name, dim, &l->ffn_norm);
}

static pal_status bind_tensors(binder *b, pal_transformer *net)
{
    const pal_gguf_tensor *embedding;
    pal_status s = find_tensor(b, "token_embd.weight", &embedding);
    if (s) return s;
    if (embedding->dims != 2 || embedding->extent[1] < 1 || embedding->extent[1] > 1 << 24)
        return pal_fail(b->err, PAL_E_FORMAT, "token_embd.weight has the wrong shape", embedding->offset);
    net->vocab = (int)embedding->extent[1];
    if ((s = bind_matrix(b, "token_embd.weight", net->vocab, net->dim, &net->token_embd)) ||
        (s = bind_vector(b, "output_norm.weight", net->dim, &net->output_norm)))
        return s;
    bool separate = pal_gguf_find_tensor(b->g, "output.weight") != NULL;
    net->output = net->token_embd;
    if (separate && (s = bind_matrix(b, "output.weight", net->vocab, net->dim, &net->output))) return s;
    for (int i = 0; i < net->layers; i++)
        if ((s = bind_layer(b, net, i, &net->layer[i]))) return s;
    /* Every tensor known by name has been bound; one more would change the function (biases, rope_freqs). */
    if (pal_gguf_tensors(b->g) != (size_t)net->layers * 9 + 2 + separate)
        return pal_fail(b->err, PAL_E_UNSUPPORTED,
                        "the file holds tensors that this network does not have "
                        "(biases, rope factors or others)",
                        SIZE_MAX);
    return PAL_OK;
}

static pal_status read_attention(binder *b, pal_transformer *net)
{
    char key[128];
    bool diffusion = strcmp(b->architecture, "llada") == 0;
    net->causal = !diffusion;
    net->shift_logits = diffusion; /* llama.cpp: absent means shifted */
    if (pal_gguf_find(b->g, key_of(b, "attention.causal", key)) && !pal_gguf_get_bool(b->g, key, &net->causal))
        return fail_value(b, key, PAL_E_FORMAT, "attention.causal is not a truth value");
    if (diffusion && net->causal)
        return fail_value(b, key, PAL_E_UNSUPPORTED, "a llada model with causal attention is not supported");
    if (diffusion && pal_gguf_find(b->g, "diffusion.shift_logits") &&
        !pal_gguf_get_bool(b->g, "diffusion.shift_logits", &net->shift_logits))
        return fail_value(b, "diffusion.shift_logits", PAL_E_FORMAT, "diffusion.shift_logits is not a truth value");
    return PAL_OK;
}

pal_status pal_transformer_bind(pal_transformer *net, const pal_gguf *g, pal_error *err)
{
    pal_str architecture = {"", 0};
    binder b = {.g = g, .err = err};
    pal_status s;
    *net = (pal_transformer){0};
    pal_gguf_get_str(g, "general.architecture", &architecture);
    b.architecture = pal_str_is(architecture, "llama") ? "llama" : pal_str_is(architecture, "llada") ? "llada" : NULL;
    if (!b.architecture)
        return fail_value(&b, "general.architecture", PAL_E_UNSUPPORTED, "the architecture is neither llama nor llada");
    if ((s = read_shape(&b, net)) || (s = read_attention(&b, net))) return s;
    /* A file too small to hold this many layers is refused before anything is allocated for them. */
    if ((size_t)net->layers > pal_gguf_tensors(g))
        return pal_fail(err, PAL_E_FORMAT, "block_count is larger than the tensors of the file allow", SIZE_MAX);
    net->layer = calloc((size_t)net->layers, sizeof *net->layer);
    if (!net->layer) return pal_fail(err, PAL_E_MEMORY, "no memory for the layers", SIZE_MAX);
    s = bind_tensors(&b, net);
    if (s) pal_transformer_release(net);
    return s;
}

static void pack(const pal_matrix *m, void *room)
{
    pal_panels_pack((void *)(uintptr_t)m->data, m->type, m->rows, m->cols, room);
}

pal_status pal_transformer_pack(pal_transformer *net, pal_error *err)
{
    const int q_dim = net->heads * net->head_dim, widest = net->hidden > net->dim ? net->hidden : net->dim;
    void *room = malloc((size_t)(widest > q_dim ? widest : q_dim) * PAL_PANEL * sizeof(float));
    if (!room) return pal_fail(err, PAL_E_MEMORY, "no memory to arrange the weights", SIZE_MAX);
    for (int i = 0; i < net->layers; i++) {
        const pal_layer *l = &net->layer[i];
        const pal_matrix *const matrices[] = {&l->q, &l->k, &l->v, &l->attn_output, &l->gate, &l->up, &l->down};
        for (size_t m = 0; m < sizeof matrices / sizeof *matrices; m++) pack(matrices[m], room);
    }
    pack(&net->token_embd, room);
    if (net->output.data != net->token_embd.data) pack(&net->output, room);
    free(room);
    return PAL_OK;
}

void pal_transformer_release(pal_transformer *net)
{
    free(net->layer);
    net->layer = NULL;
}
