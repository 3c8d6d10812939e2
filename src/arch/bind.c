/* bind.c - reads and checks hyperparameters and tensors by name, for all architectures. */
#include "bind.h"
#include "../core/say.h"
#include "../kernels/panels.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LAYERS = 1024, MAX_HEADS = 4096, MAX_CONTEXT = 1 << 20, MAX_VOCAB = 1 << 24, TENSOR_NAME = 80 };

/* ---- hyperparameters ---------------------------------------------------- */

pal_status pal_bind_say(pal_binder *b, pal_status status, size_t offset, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    pal_say_list(b->why, PAL_WHY, format, values);
    va_end(values);
    return pal_fail(b->err, status, b->why, offset);
}

pal_status pal_bind_fail(pal_binder *b, const char *key, pal_status status, const char *text)
{
    const pal_gguf_value *v = pal_gguf_find(b->g, key);
    char value[64];
    if (!*key) return pal_fail(b->err, status, text, SIZE_MAX);
    if (!v) return pal_bind_say(b, status, SIZE_MAX, "%s (%s is absent)", text, key);
    pal_gguf_describe(v, value, sizeof value);
    return pal_bind_say(b, status, pal_gguf_value_offset(b->g, v), "%s (%s is %s)", text, key, value);
}

const char *pal_bind_key(const pal_binder *b, const char *name, char key[128])
{
    pal_say(key, 128, "%s.%s", b->architecture, name);
    return key;
}

pal_status pal_bind_int(pal_binder *b, const char *name, int max, int absent, int *out, const char *text)
{
    char key[128];
    uint64_t value;
    const pal_gguf_value *v = pal_gguf_find(b->g, pal_bind_key(b, name, key));
    if (!v && absent >= 0) {
        *out = absent;
        return PAL_OK;
    }
    if (!pal_gguf_get_common_u64(b->g, key, &value)) {
        if (v && v->is_array && v->count > 1 && v->type != PAL_GGUF_STRING && v->type != PAL_GGUF_ARRAY)
            return pal_bind_fail(b, key, PAL_E_UNSUPPORTED, "layers that differ in shape are not supported");
        return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    }
    if (value < 1 || value > (uint64_t)max) return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    *out = (int)value;
    return PAL_OK;
}

pal_status pal_bind_float(pal_binder *b, const char *name, float absent, float *out, const char *text)
{
    char key[128];
    double value = (double)absent;
    if (pal_gguf_find(b->g, pal_bind_key(b, name, key)) || absent < 0)
        if (!pal_gguf_get_f64(b->g, key, &value) || !(value > 0.0 && value < 1e30 && (float)value > 0.0f))
            return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    *out = (float)value;
    return PAL_OK;
}

/* If the file's context is longer than the supported maximum, only the maximum is used. */
static pal_status bind_context(pal_binder *b, pal_transformer *net)
{
    char key[128];
    uint64_t stated;
    if (pal_gguf_get_common_u64(b->g, pal_bind_key(b, "context_length", key), &stated) && stated > MAX_CONTEXT) {
        net->context = MAX_CONTEXT;
        return PAL_OK;
    }
    return pal_bind_int(b, "context_length", MAX_CONTEXT, -1, &net->context,
                        "context_length is missing or not a positive number");
}

pal_status pal_bind_shape(pal_binder *b, pal_transformer *net)
{
    char key[128];
    pal_status s;
    if ((s = pal_bind_int(b, "embedding_length", PAL_MAX_DIM, -1, &net->dim,
                          "embedding_length is missing or not 1 to 65536")) ||
        (s = pal_bind_int(b, "block_count", MAX_LAYERS, -1, &net->layers, "block_count is missing or not 1 to 1024")) ||
        (s = pal_bind_int(b, "attention.head_count", MAX_HEADS, -1, &net->heads,
                          "attention.head_count is missing or not 1 to 4096")) ||
        (s = pal_bind_int(b, "attention.head_count_kv", MAX_HEADS, net->heads, &net->kv_heads,
                          "attention.head_count_kv is not 1 to 4096")) ||
        (s = pal_bind_int(b, "feed_forward_length", 4 * PAL_MAX_DIM, -1, &net->hidden,
                          "feed_forward_length is missing or not 1 to 262144")) ||
        (s = bind_context(b, net)))
        return s;
    if (net->heads % net->kv_heads)
        return pal_bind_fail(b, pal_bind_key(b, "attention.head_count_kv", key), PAL_E_FORMAT,
                             "attention.head_count is not a multiple of attention.head_count_kv");
    net->head_dim = net->dim % net->heads == 0 ? net->dim / net->heads : 0;
    return PAL_OK;
}

pal_status pal_bind_layer_norm_shape(pal_binder *b, pal_transformer *net)
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
                             "grouped heads are not supported for this architecture");
    return PAL_OK;
}

pal_status pal_bind_rotary(pal_binder *b, const pal_transformer *net, pal_rotary *r)
{
    static const char range[] = "rope.freq_base must be a number from 1 to 1e30";
    char key[128];
    pal_status s;
    if ((s = pal_bind_int(b, "rope.dimension_count", PAL_MAX_DIM, net->head_dim, &r->dims,
                          "rope.dimension_count is not 1 to 65536")) ||
        (s = pal_bind_float(b, "rope.freq_base", 10000.0f, &r->base, range)))
        return s;
    if (r->base < 1.0f) /* angles would exceed 2^20, the range of pal_sincos */
        return pal_bind_fail(b, pal_bind_key(b, "rope.freq_base", key), PAL_E_FORMAT, range);
    return PAL_OK;
}

pal_status pal_bind_refuse_variants(pal_binder *b)
{
    static const char *const unsupported[] = {"expert_count",           "attention.sliding_window", "attention.scale",
                                              "attention.clamp_kqv",    "attention.max_alibi_bias", "logit_scale",
                                              "attn_logit_softcapping", "final_logit_softcapping"};
    char key[128];
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        double number;
        if (!pal_gguf_find(b->g, pal_bind_key(b, unsupported[i], key))) continue;
        if (pal_gguf_get_f64(b->g, key, &number) && number == 0.0) continue;
        return pal_bind_fail(b, key, PAL_E_UNSUPPORTED,
                             "the model uses a variant of its network that is not supported (experts, a sliding "
                             "window, or scales, limits or biases of attention scores)");
    }
    return PAL_OK;
}

/* ---- tensors ------------------------------------------------------------ */

/* Counts the elements of all vectors that the file has in half precision. */
static size_t half_vectors(const pal_gguf *g)
{
    size_t count = 0; /* cannot overflow: each element has two bytes in the image */
    for (size_t i = 0; i < pal_gguf_tensors(g); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        if (t->dims == 1 && (t->type == PAL_F16 || t->type == PAL_BF16)) count += (size_t)t->extent[0];
    }
    return count;
}

pal_status pal_bind_start(pal_binder *b, float **vectors, pal_matrices *matrices)
{
    const size_t tensors = pal_gguf_tensors(b->g), halves = half_vectors(b->g);
    b->matrices = matrices;
    b->bound = calloc(tensors, sizeof *b->bound);
    b->vectors = *vectors = halves ? calloc(halves, sizeof **vectors) : NULL;
    if ((tensors && !b->bound) || (halves && !*vectors))
        return pal_fail(b->err, PAL_E_MEMORY, "not enough memory for the layers", SIZE_MAX);
    return PAL_OK;
}

/* Refuses unbound tensors: the network would compute something else than the file describes. */
static pal_status refuse_rest(pal_binder *b)
{
    char name[64];
    for (size_t i = 0; i < pal_gguf_tensors(b->g); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(b->g, i);
        if (b->bound[i]) continue;
        pal_gguf_printable(t->name, name, sizeof name);
        return pal_bind_say(b, PAL_E_UNSUPPORTED, t->offset,
                            "the file has a tensor that is not supported for this architecture: %s", name);
    }
    return PAL_OK;
}

pal_status pal_bind_end(pal_binder *b, pal_status s)
{
    if (!s) s = refuse_rest(b);
    if (!s) pal_matrices_sort(b->matrices);
    free(b->bound);
    return s;
}

static const pal_gguf_tensor *find_tensor(const pal_binder *b, int layer, const char *name, const char *kind,
                                          char whole[TENSOR_NAME])
{
    if (layer < 0)
        pal_say(whole, TENSOR_NAME, "%s%s", name, kind);
    else
        pal_say(whole, TENSOR_NAME, "blk.%d.%s%s", layer, name, kind);
    return pal_gguf_find_tensor(b->g, whole);
}

/* Finds a tensor that must exist and be readable; NULL after a failure. */
static const pal_gguf_tensor *need_tensor(pal_binder *b, int layer, const char *name, const char *kind,
                                          char whole[TENSOR_NAME], pal_status *status)
{
    const pal_gguf_tensor *t = find_tensor(b, layer, name, kind, whole);
    *status = PAL_OK;
    if (!t)
        *status = pal_bind_say(b, PAL_E_FORMAT, SIZE_MAX, "a tensor of the network is missing: %s", whole);
    else if (t->trouble)
        *status = pal_bind_say(b, PAL_E_UNSUPPORTED, t->offset, "the tensor %s (type %u) cannot be read: %s", whole,
                               (unsigned)t->type, t->trouble);
    return *status ? NULL : t;
}

/* Fails because the tensor has another number of dimensions or other extents than the network needs. */
static pal_status wrong_shape(pal_binder *b, const pal_gguf_tensor *t, const char *name, int cols, int rows)
{
    char wanted[32];
    pal_say(wanted, sizeof wanted, rows ? "[%d, %d]" : "[%d]", cols, rows);
    return pal_bind_say(b, PAL_E_FORMAT, t->offset,
                        "a tensor of the network has the wrong shape: %s is [%llu, %llu] of %u dimensions, not %s",
                        name, (unsigned long long)t->extent[0], (unsigned long long)t->extent[1], (unsigned)t->dims,
                        wanted);
}

bool pal_bind_has(const pal_binder *b, int layer, const char *name)
{
    char whole[TENSOR_NAME];
    return find_tensor(b, layer, name, "", whole) != NULL;
}

static void mark(pal_binder *b, const pal_gguf_tensor *t)
{
    b->bound[t - pal_gguf_tensor_at(b->g, 0)] = true;
}

static pal_status bind_vector(pal_binder *b, int layer, const char *name, const char *kind, int size, bool optional,
                              const float **out)
{
    char whole[TENSOR_NAME];
    pal_status s;
    *out = NULL;
    if (optional && !find_tensor(b, layer, name, kind, whole)) return PAL_OK;
    const pal_gguf_tensor *t = need_tensor(b, layer, name, kind, whole, &s);
    if (!t) return s;
    if (t->dims != 1 || t->extent[0] != (uint64_t)size) return wrong_shape(b, t, whole, size, 0);
    mark(b, t);
    if (t->type == PAL_F32) {
        *out = (const float *)(const void *)t->data;
        return PAL_OK;
    }
    if (t->type != PAL_F16 && t->type != PAL_BF16)
        return pal_bind_say(b, PAL_E_UNSUPPORTED, t->offset, "a norm or bias must be F32, F16 or BF16: %s is %s", whole,
                            pal_tensor_type_name(t->type));
    pal_dequantize(b->vectors, t->data, t->type, (size_t)size);
    *out = b->vectors;
    b->vectors += size;
    return PAL_OK;
}

pal_status pal_bind_vector(pal_binder *b, int layer, const char *name, int size, bool optional, const float **out)
{
    return bind_vector(b, layer, name, "", size, optional, out);
}

/* Finds and checks the tensor [rows, cols] of one matrix, or of several stacked ones; NULL after a failure. */
static const pal_gguf_tensor *bind_weights(pal_binder *b, int layer, const char *name, const char *kind, int rows,
                                           int cols, pal_status *status)
{
    char whole[TENSOR_NAME];
    const pal_gguf_tensor *t = need_tensor(b, layer, name, kind, whole, status);
    if (!t) return NULL;
    if (t->dims != 2 || t->extent[0] != (uint64_t)cols || t->extent[1] != (uint64_t)rows)
        *status = wrong_shape(b, t, whole, cols, rows);
    else if (!pal_weights_known(t->type))
        *status = pal_bind_say(b, PAL_E_UNSUPPORTED, t->offset,
                               "%s is %s, a type that is not supported (F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, "
                               "Q4_K, Q5_K and Q6_K are)",
                               whole, pal_tensor_type_name(t->type));
    else
        mark(b, t);
    return *status ? NULL : t;
}

pal_status pal_bind_stacked(pal_binder *b, int layer, const char *name, int rows, int cols, pal_bias bias,
                            pal_matrix *const *out, int count)
{
    const float *biases = NULL;
    pal_status s;
    const pal_gguf_tensor *t = bind_weights(b, layer, name, ".weight", count * rows, cols, &s);
    if (!t) return s;
    if (bias != PAL_NO_BIAS) s = bind_vector(b, layer, name, ".bias", count * rows, bias == PAL_MAYBE_BIAS, &biases);
    for (int i = 0, first = 0; !s && i < count; i++, first += rows) {
        *out[i] = (pal_matrix){.type = t->type, .rows = rows, .cols = cols};
        out[i]->data = t->data + (size_t)first * pal_row_bytes(t->type, cols);
        if (biases) out[i]->bias = biases + first;
        s = pal_matrices_note(b->matrices, t->name, first, out[i], b->err);
    }
    return s;
}

pal_status pal_bind_matrix(pal_binder *b, int layer, const char *name, int rows, int cols, pal_bias bias,
                           pal_matrix *out)
{
    return pal_bind_stacked(b, layer, name, rows, cols, bias, &out, 1);
}

pal_status pal_bind_norm(pal_binder *b, int layer, const char *name, int size, const float *zeros, pal_norm *out)
{
    pal_status s = bind_vector(b, layer, name, ".weight", size, false, &out->gain);
    if (!s) s = bind_vector(b, layer, name, ".bias", size, zeros != NULL, &out->bias);
    if (!out->bias) out->bias = zeros;
    return s;
}

pal_status pal_bind_layer(pal_binder *b, const pal_transformer *net, int index, pal_bias attention, const float *zeros,
                          pal_layer *l)
{
    const int dim = net->dim, hidden = net->hidden;
    pal_matrix *const qkv[] = {&l->q, &l->k, &l->v};
    pal_status s;
    if ((s = pal_bind_norm(b, index, "attn_norm", dim, zeros, &l->attn_norm)) ||
        (s = pal_bind_norm(b, index, "ffn_norm", dim, zeros, &l->ffn_norm)) ||
        (s = pal_bind_stacked(b, index, "attn_qkv", dim, dim, attention, qkv, 3)) ||
        (s = pal_bind_matrix(b, index, "attn_output", dim, dim, attention, &l->attn_output)) ||
        (s = pal_bind_matrix(b, index, "ffn_up", hidden, dim, PAL_NEEDS_BIAS, &l->up)))
        return s;
    return pal_bind_matrix(b, index, "ffn_down", dim, hidden, PAL_NEEDS_BIAS, &l->down);
}

static pal_status bind_factor(pal_binder *b, const char *matrix, const char *kind, int rows, int cols, pal_matrix *out)
{
    pal_status s;
    const pal_gguf_tensor *t = bind_weights(b, -1, matrix, kind, rows, cols, &s);
    if (t) *out = (pal_matrix){.type = t->type, .rows = rows, .cols = cols, .data = t->data};
    return s;
}

pal_status pal_bind_factors(pal_binder *b, pal_str matrix, int rows, int cols, pal_adapter *out)
{
    static const char a[] = ".lora_a", up[] = ".lora_b";
    char name[TENSOR_NAME], whole[TENSOR_NAME];
    pal_gguf_printable(matrix, name, sizeof name);
    const pal_gguf_tensor *first = find_tensor(b, -1, name, a, whole);
    *out = (pal_adapter){.scale = 1.0f};
    if (!first && !find_tensor(b, -1, name, up, whole)) return PAL_OK;
    /* A rank that does not fit is reported as a wrong shape. */
    const int rank = first && first->extent[1] <= PAL_MAX_DIM ? (int)first->extent[1] : 1;
    const pal_status s = bind_factor(b, name, a, rank, cols, &out->a);
    return s ? s : bind_factor(b, name, up, rows, rank, &out->b);
}

pal_status pal_bind_vocabulary(pal_binder *b, pal_transformer *net)
{
    char whole[TENSOR_NAME];
    pal_status s;
    const pal_gguf_tensor *t = need_tensor(b, -1, "token_embd", ".weight", whole, &s);
    if (!t) return s;
    if (t->dims != 2 || t->extent[1] < 1 || t->extent[1] > MAX_VOCAB)
        return pal_bind_say(b, PAL_E_FORMAT, t->offset,
                            "token_embd.weight has the wrong shape: it must be [embedding_length, 1 to 2^24 tokens]");
    net->vocab = (int)t->extent[1];
    return PAL_OK;
}

pal_status pal_bind_embeddings(pal_binder *b, pal_transformer *net)
{
    pal_status s = pal_bind_vocabulary(b, net);
    if (s) return s;
    s = pal_bind_matrix(b, -1, "token_embd", net->vocab, net->dim, PAL_NO_BIAS, &net->token_embd);
    if (s || !pal_bind_has(b, -1, "output.weight")) return s;
    return pal_bind_matrix(b, -1, "output", net->vocab, net->dim, PAL_NO_BIAS, &net->output);
}
