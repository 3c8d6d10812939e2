#include "bind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 1024, MOST_HEADS = 4096, MOST_CONTEXT = 1 << 20, MOST_VOCAB = 1 << 24 };

/* ---- hyperparameters ---------------------------------------------------- */

pal_status pal_bind_fail(pal_binder *b, const char *key, pal_status status, const char *text)
{
    const pal_gguf_value *v = pal_gguf_find(b->g, key);
    return pal_fail(b->err, status, text, v ? pal_gguf_value_offset(b->g, v) : SIZE_MAX);
}

const char *pal_bind_key(const pal_binder *b, const char *name, char key[128])
{
    snprintf(key, 128, "%s.%s", b->architecture, name);
    return key;
}

pal_status pal_bind_int(pal_binder *b, const char *name, int most, int absent, int *out, const char *text)
{
    char key[128];
    uint32_t value;
    if (!pal_gguf_find(b->g, pal_bind_key(b, name, key)) && absent >= 0) {
        *out = absent;
        return PAL_OK;
    }
    if (!pal_gguf_get_u32(b->g, key, &value) || value < 1 || value > (uint32_t)most)
        return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    *out = (int)value;
    return PAL_OK;
}

pal_status pal_bind_float(pal_binder *b, const char *name, float absent, float *out, const char *text)
{
    char key[128];
    if (!pal_gguf_find(b->g, pal_bind_key(b, name, key)) && absent >= 0) {
        *out = absent;
        return PAL_OK;
    }
    if (!pal_gguf_get_f32(b->g, key, out) || !(*out > 0.0f && *out < 1e30f))
        return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    return PAL_OK;
}

pal_status pal_bind_shape(pal_binder *b, pal_transformer *net)
{
    pal_status s;
    if ((s = pal_bind_int(b, "embedding_length", PAL_MOST_DIM, -1, &net->dim,
                          "embedding_length is missing or out of range")) ||
        (s = pal_bind_int(b, "block_count", MOST_LAYERS, -1, &net->layers, "block_count is missing or out of range")) ||
        (s = pal_bind_int(b, "attention.head_count", MOST_HEADS, -1, &net->heads,
                          "attention.head_count is missing or out of range")) ||
        (s = pal_bind_int(b, "attention.head_count_kv", MOST_HEADS, net->heads, &net->kv_heads,
                          "attention.head_count_kv is out of range")) ||
        (s = pal_bind_int(b, "feed_forward_length", 4 * PAL_MOST_DIM, -1, &net->hidden,
                          "feed_forward_length is missing or out of range")) ||
        (s = pal_bind_int(b, "context_length", MOST_CONTEXT, -1, &net->context,
                          "context_length is missing or out of range")))
        return s;
    if (net->heads % net->kv_heads)
        return pal_bind_fail(b, "", PAL_E_FORMAT, "attention.head_count is not a multiple of attention.head_count_kv");
    net->head_dim = net->dim % net->heads == 0 ? net->dim / net->heads : 0;
    return PAL_OK;
}

pal_status pal_bind_refuse_variants(pal_binder *b)
{
    static const char *const unsupported[] = {"expert_count",           "attention.sliding_window", "attention.scale",
                                              "attention.clamp_kqv",    "attention.max_alibi_bias", "logit_scale",
                                              "attn_logit_softcapping", "final_logit_softcapping"};
    char key[128];
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        float number;
        if (!pal_gguf_find(b->g, pal_bind_key(b, unsupported[i], key))) continue;
        if (pal_gguf_get_f32(b->g, key, &number) && number == 0.0f) continue;
        return pal_bind_fail(b, key, PAL_E_UNSUPPORTED,
                             "the model uses a variant of the network that is not supported "
                             "(experts, sliding window, or other scales, limits or biases of scores)");
    }
    return PAL_OK;
}

/* ---- tensors ------------------------------------------------------------ */

/* Elements of the vectors that the file has in half precision. */
static size_t half_vectors(const pal_gguf *g)
{
    size_t count = 0; /* of elements that have two bytes each in the image: no overflow */
    for (size_t i = 0; i < pal_gguf_tensors(g); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        if (t->dims == 1 && (t->type == PAL_F16 || t->type == PAL_BF16)) count += (size_t)t->extent[0];
    }
    return count;
}

pal_status pal_bind_start(pal_binder *b, float **vectors)
{
    const size_t tensors = pal_gguf_tensors(b->g), halves = half_vectors(b->g);
    b->bound = calloc(tensors, sizeof *b->bound);
    b->vectors = *vectors = halves ? calloc(halves, sizeof **vectors) : NULL;
    if ((tensors && !b->bound) || (halves && !*vectors))
        return pal_fail(b->err, PAL_E_MEMORY, "no memory for the layers", SIZE_MAX);
    return PAL_OK;
}

pal_status pal_bind_rest(const pal_binder *b)
{
    for (size_t i = 0; i < pal_gguf_tensors(b->g); i++)
        if (!b->bound[i])
            return pal_fail(b->err, PAL_E_UNSUPPORTED, "the file holds a tensor that its network does not have here",
                            pal_gguf_tensor_at(b->g, i)->offset);
    return PAL_OK;
}

static const pal_gguf_tensor *find_tensor(const pal_binder *b, int layer, const char *name, const char *kind)
{
    char whole[80];
    if (layer < 0)
        snprintf(whole, sizeof whole, "%s%s", name, kind);
    else
        snprintf(whole, sizeof whole, "blk.%d.%s%s", layer, name, kind);
    return pal_gguf_find_tensor(b->g, whole);
}

bool pal_bind_has(const pal_binder *b, int layer, const char *name)
{
    return find_tensor(b, layer, name, "") != NULL;
}

static void mark(pal_binder *b, const pal_gguf_tensor *t)
{
    b->bound[t - pal_gguf_tensor_at(b->g, 0)] = true;
}

static pal_status take_vector(pal_binder *b, const pal_gguf_tensor *t, int size, const float **out)
{
    if (t->dims != 1 || t->extent[0] != (uint64_t)size)
        return pal_fail(b->err, PAL_E_FORMAT, "a vector of the network has the wrong shape", t->offset);
    mark(b, t);
    if (t->type == PAL_F32) {
        *out = (const float *)(const void *)t->data;
        return PAL_OK;
    }
    if (t->type != PAL_F16 && t->type != PAL_BF16)
        return pal_fail(b->err, PAL_E_UNSUPPORTED, "a norm or bias is of another type than F32, F16 and BF16",
                        t->offset);
    pal_dequantize(b->vectors, t->data, t->type, (size_t)size);
    *out = b->vectors;
    b->vectors += size;
    return PAL_OK;
}

static pal_status missing(pal_binder *b)
{
    return pal_fail(b->err, PAL_E_FORMAT, "a tensor of the network is missing", SIZE_MAX);
}

static pal_status bind_vector(pal_binder *b, int layer, const char *name, const char *kind, int size, bool optional,
                              const float **out)
{
    const pal_gguf_tensor *t = find_tensor(b, layer, name, kind);
    *out = NULL;
    if (!t) return optional ? PAL_OK : missing(b);
    return take_vector(b, t, size, out);
}

pal_status pal_bind_vector(pal_binder *b, int layer, const char *name, int size, bool optional, const float **out)
{
    return bind_vector(b, layer, name, "", size, optional, out);
}

pal_status pal_bind_matrix(pal_binder *b, int layer, const char *name, int rows, int cols, pal_bias bias,
                           pal_matrix *out)
{
    const pal_gguf_tensor *t = find_tensor(b, layer, name, ".weight");
    if (!t) return missing(b);
    if (t->dims != 2 || t->extent[0] != (uint64_t)cols || t->extent[1] != (uint64_t)rows)
        return pal_fail(b->err, PAL_E_FORMAT, "a matrix of the network has the wrong shape", t->offset);
    if (!pal_weights_known(t->type))
        return pal_fail(b->err, PAL_E_UNSUPPORTED,
                        "a matrix is of a type the engine does not compute with "
                        "(F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K are)",
                        t->offset);
    mark(b, t);
    *out = (pal_matrix){.type = t->type, .rows = rows, .cols = cols, .data = t->data};
    return bias == PAL_NO_BIAS ? PAL_OK
                               : bind_vector(b, layer, name, ".bias", rows, bias == PAL_MAYBE_BIAS, &out->bias);
}

pal_status pal_bind_embeddings(pal_binder *b, pal_transformer *net)
{
    const pal_gguf_tensor *t = find_tensor(b, -1, "token_embd", ".weight");
    if (!t) return missing(b);
    if (t->dims != 2 || t->extent[1] < 1 || t->extent[1] > MOST_VOCAB)
        return pal_fail(b->err, PAL_E_FORMAT, "token_embd.weight has the wrong shape", t->offset);
    net->vocab = (int)t->extent[1];
    pal_status s = pal_bind_matrix(b, -1, "token_embd", net->vocab, net->dim, PAL_NO_BIAS, &net->token_embd);
    net->output = net->token_embd;
    if (s || !pal_bind_has(b, -1, "output.weight")) return s;
    return pal_bind_matrix(b, -1, "output", net->vocab, net->dim, PAL_NO_BIAS, &net->output);
}
