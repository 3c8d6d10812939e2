/* attached.c - attaches an adapter to a base model: checks that they fit, and binds the adapter to a second network
 * over the weights of the base. */
#include "attached.h"
#include "../core/say.h"
#include "../core/sha256.h"
#include "../core/tensor_type.h"
#include "../kernels/panels.h"

#include <stdlib.h>
#include <string.h>

static const char other_weights[] =
    "the adapter was made for a model with other weights of the same shape (palimpsest.base_vectors differs): its "
    "predictions can be wrong";
static const char other_quantisation[] =
    "the adapter was made for another quantisation of the model (palimpsest.base_matrices differs): its predictions "
    "can be less accurate";

/* ---- which base ------------------------------------------------------------------------------------- */

pal_status pal_attached_base(const pal_model *base, pal_error *err)
{
    pal_status s = pal_model_ready(base, err);
    if (s) return s;
    if (base->attached)
        return pal_fail(err, PAL_E_UNSUPPORTED, "the model has an adapter already: attach to its base", SIZE_MAX);
    if (base->shape.context < 2)
        return pal_fail(err, PAL_E_UNSUPPORTED, "adapters need a base with a context of at least 2 tokens", SIZE_MAX);
    if (base->kind->of != &pal_architecture_llama || !base->shape.causal)
        return pal_fail(err, PAL_E_UNSUPPORTED,
                        "adapters need a base with causal attention and the architecture llama, qwen2 or qwen3",
                        SIZE_MAX);
    return PAL_OK;
}

static void end_hex(pal_sha256 *h, char hex[2 * PAL_SHA256_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[PAL_SHA256_BYTES];
    pal_sha256_end(h, digest);
    for (size_t i = 0; i < (size_t)2 * PAL_SHA256_BYTES; i++) hex[i] = digits[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
}

/* The tokens of the vocabulary, as they stand in the file. */
static void hash_tokens(const pal_gguf *g, char hex[2 * PAL_SHA256_BYTES])
{
    const pal_gguf_value *tokens = pal_gguf_find(g, "tokenizer.ggml.tokens");
    pal_sha256 h;
    pal_sha256_start(&h);
    if (tokens) pal_sha256_add(&h, tokens->data, tokens->size);
    end_hex(&h, hex);
}

/* Names and values of all vectors: they have the same bytes in every quantisation of a model, and packing leaves them
 * where they are. */
static void hash_vectors(const pal_gguf *g, char hex[2 * PAL_SHA256_BYTES])
{
    pal_sha256 h;
    pal_sha256_start(&h);
    for (size_t i = 0; i < pal_gguf_tensors(g); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        if (t->dims != 1) continue;
        pal_sha256_add(&h, t->name.data, t->name.size);
        pal_sha256_add(&h, t->data, t->size);
    }
    end_hex(&h, hex);
}

static void hash_row(pal_sha256 *h, const pal_matrix *w)
{
    unsigned char block[PAL_Q6_K_BYTES]; /* the largest */
    for (int b = 0; b < w->cols / (int)pal_tensor_block(w->type); b++) {
        pal_panels_blocks(block, w->data, w->type, w->rows, w->cols, 0, b, 1);
        pal_sha256_add(h, block, pal_tensor_block_bytes(w->type));
    }
}

/* Names and first rows of all matrices.  Every quantisation has other bytes there; hashing all rows would take longer
 * than opening the file. */
static void hash_matrices(const pal_model *base, char hex[2 * PAL_SHA256_BYTES])
{
    pal_sha256 h;
    pal_sha256_start(&h);
    for (size_t i = 0; i < pal_gguf_tensors(base->gguf); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(base->gguf, i);
        for (size_t k = 0; k < base->matrices->count; k++) {
            const pal_matrix *w = base->matrices->at[k].matrix;
            if (w->data != t->data) continue;
            pal_sha256_add(&h, t->name.data, t->name.size);
            hash_row(&h, w);
        }
    }
    end_hex(&h, hex);
}

/* ---- keys of the adapter ---------------------------------------------------------------------------- */

static pal_status refuse(pal_model *m, pal_status status, const char *key, const char *text)
{
    return pal_model_refuse(m, m->attached->gguf, status, key, text);
}

static bool is(const pal_model *m, const char *key, const char *wanted)
{
    pal_str value;
    return pal_gguf_get_str(m->attached->gguf, key, &value) && pal_str_is(value, wanted);
}

static bool has_hash(const pal_model *m, const char *key, const char hex[2 * PAL_SHA256_BYTES])
{
    pal_str value;
    return pal_gguf_get_str(m->attached->gguf, key, &value) && value.size == (size_t)2 * PAL_SHA256_BYTES &&
           memcmp(value.data, hex, value.size) == 0;
}

static pal_status check_kind(pal_model *m, const pal_model *base)
{
    static const char invocation[] = "adapter.alora.invocation_tokens";
    const pal_gguf *g = m->attached->gguf;
    if (!is(m, "general.architecture", base->architecture))
        return refuse(m, PAL_E_UNSUPPORTED, "general.architecture", "the adapter is for another architecture");
    if (!is(m, "adapter.type", "lora"))
        return refuse(m, PAL_E_UNSUPPORTED, "adapter.type", "only adapters of type \"lora\" are supported");
    if (!pal_gguf_find(g, "palimpsest.rows"))
        return refuse(m, PAL_E_UNSUPPORTED, "palimpsest.rows",
                      "adapters for all rows are not supported: merge the adapter into its base");
    if (pal_gguf_find(g, invocation))
        return refuse(m, PAL_E_UNSUPPORTED, invocation, "adapters that tokens switch on are not supported");
    return PAL_OK;
}

/* Names the base that the adapter was made for, if the file does. */
static pal_status other_base(pal_model *m, const char *key)
{
    pal_str base = {"", 0};
    char name[64], text[PAL_WHY / 2];
    pal_gguf_get_str(m->attached->gguf, "palimpsest.base_name", &base);
    pal_gguf_printable(base, name, sizeof name);
    pal_say(text, sizeof text, "the adapter was made for another vocabulary%s%s", base.size ? ", that of " : "", name);
    return refuse(m, PAL_E_UNSUPPORTED, key, text);
}

static pal_status check_vocabulary(pal_model *m, const pal_model *base)
{
    static const char tokens[] = "palimpsest.base_tokens";
    char hex[2 * PAL_SHA256_BYTES];
    hash_tokens(base->gguf, hex);
    if (!has_hash(m, tokens, hex)) return other_base(m, tokens);
    return pal_page_rows_read(m, m->attached->gguf);
}

/* What differs between the base and the one that the adapter was made for, or NULL.  Files may be without
 * palimpsest.base_matrices; a difference there costs accuracy only. */
static const char *note_on(const pal_model *m, const pal_model *base)
{
    static const char matrices[] = "palimpsest.base_matrices";
    char hex[2 * PAL_SHA256_BYTES];
    hash_vectors(base->gguf, hex);
    if (!has_hash(m, "palimpsest.base_vectors", hex)) return other_weights;
    if (!pal_gguf_find(m->attached->gguf, matrices)) return NULL;
    hash_matrices(base, hex);
    return has_hash(m, matrices, hex) ? NULL : other_quantisation;
}

static pal_status bind_adapters(pal_model *m, const pal_model *base)
{
    pal_attached *a = m->attached;
    pal_transformer *net = calloc(1, sizeof *net);
    m->network = net;
    if (!net) return pal_fail(&m->net_error, PAL_E_MEMORY, "not enough memory for the network", SIZE_MAX);
    pal_status s = pal_transformer_share(net, base->network, &m->net_error);
    if (!s && (s = pal_adapters_bind(&a->adapters, net, a->gguf, m->part_text, &m->net_error)) && s != PAL_E_MEMORY) {
        pal_say(m->kind_text, sizeof m->kind_text, "the adapter does not fit the model: %s", m->net_error.text);
        m->net_error.text = m->kind_text;
    }
    if (!s) s = pal_matrices_pack(&a->adapters.factors, &m->net_error);
    if (s) return s;
    a->note = note_on(m, base);
    m->matrices = &net->matrices;
    m->shape = base->shape;
    return PAL_OK;
}

static pal_status fit(pal_model *m, const pal_model *base)
{
    const pal_error *trouble = pal_gguf_trouble(m->attached->gguf);
    const pal_gguf_value *twice = pal_gguf_contradiction(m->attached->gguf, "");
    char key[64];
    pal_status s;
    if (trouble) return pal_fail(&m->net_error, trouble->status, trouble->text, trouble->offset);
    if (twice) {
        pal_gguf_printable(twice->key, key, sizeof key);
        return refuse(m, PAL_E_FORMAT, key, "the adapter has a key twice, with different values");
    }
    if ((s = check_kind(m, base)) || (s = check_vocabulary(m, base))) return s;
    return bind_adapters(m, base);
}

/* ---- the model -------------------------------------------------------------------------------------- */

static void choose_kernels(const pal_model *m, pal_kernels *k)
{
    pal_transformers.kernels(m, k);
}

static void close_attached(pal_model *m)
{
    pal_attached *a = m->attached;
    if (m->network) pal_transformer_release(m->network);
    free(m->network);
    pal_adapters_release(&a->adapters);
    pal_gguf_close(a->gguf);
    free(a);
    m->gguf = NULL; /* of the base */
}

static const pal_network_class attached_class = {NULL, choose_kernels, close_attached};

static void describe(pal_model *m, const pal_model *base)
{
    m->info = base->info;
    for (size_t i = 0; i < m->attached->adapters.factors.count; i++) {
        const pal_matrix *w = m->attached->adapters.factors.at[i].matrix;
        m->info.parameters += (uint64_t)w->rows * (uint64_t)w->cols;
    }
    m->info.parameters += m->net_error.status ? 0 : (uint64_t)m->shape.width; /* the mask vector */
    pal_fail(&m->stored_error, PAL_E_UNSUPPORTED, "a model with an adapter cannot be converted: convert its base",
             SIZE_MAX);
    m->info.can_infill = !m->net_error.status;
    m->info.free_length = m->info.can_infill && m->classes.empty >= 0;
    if (!m->net_error.status) return;
    m->pair_error = m->net_error;
    m->info.can_score = m->info.can_generate = false;
    m->info.why_not = m->net_error.text;
}

pal_status pal_attached_open(pal_model *m, const pal_model *base, pal_gguf *g, pal_error *err)
{
    pal_attached *a = calloc(1, sizeof *a);
    if (!a) {
        pal_gguf_close(g);
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for the adapter", SIZE_MAX);
    }
    *a = (pal_attached){.kind = *base->kind, .gguf = g};
    a->kind.class = &attached_class;
    m->attached = a;
    m->kind = &a->kind;
    m->gguf = base->gguf;
    m->vocab = base->vocab;
    m->classes = base->classes;
    m->as_written = base->as_written;
    m->kernels = base->kernels;
    m->team = base->team;
    if (fit(m, base) == PAL_E_MEMORY) return pal_fail(err, PAL_E_MEMORY, m->net_error.text, SIZE_MAX);
    describe(m, base);
    return PAL_OK;
}
