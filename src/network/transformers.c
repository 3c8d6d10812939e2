/* transformers.c - opens files with a transformer, a vocabulary or both. */
#include "kinds.h"
#include "../core/say.h"

#include <stdlib.h>

/* If the file has keys that could not be read, reports that instead of keys that then seem to be missing. */
static pal_status find_vocabulary(pal_model *m)
{
    const pal_error *trouble = pal_gguf_trouble(m->gguf);
    pal_error *why = &m->vocab_error;
    pal_status s = pal_gguf_find(m->gguf, "tokenizer.ggml.model")
                       ? pal_model_contradicts(m, "tokenizer.", why)
                       : pal_fail(why, PAL_E_UNSUPPORTED, "the file has no tokenizer", SIZE_MAX);
    if (!s && (s = pal_vocab_open(&m->vocab, m->gguf, why))) pal_model_name_value(m);
    if (s && s != PAL_E_MEMORY && trouble) *why = *trouble;
    return s;
}

static pal_status open_vocabulary(pal_model *m, pal_error *err)
{
    pal_status s = find_vocabulary(m);
    if (s) return s == PAL_E_MEMORY ? pal_fail(err, s, m->vocab_error.text, m->vocab_error.offset) : PAL_OK;
    size_t size = (size_t)pal_vocab_size(m->vocab);
    m->classes.of = malloc(size);
    m->classes.byte = malloc(size);
    if (pal_vocab_is_byte_level(m->vocab)) m->classes.moves = calloc(PAL_MOVES, sizeof *m->classes.moves);
    if (!m->classes.of || !m->classes.byte || (pal_vocab_is_byte_level(m->vocab) && !m->classes.moves))
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for the vocabulary", SIZE_MAX);
    pal_classes_fill(&m->classes, m->vocab);
    return PAL_OK;
}

static pal_status unknown_architecture(pal_model *m)
{
    pal_error *why = &m->net_error;
    char known[PAL_WHY / 2], value[64];
    const pal_gguf_value *v = pal_gguf_find(m->gguf, "general.architecture");
    pal_network_kinds_list(known, sizeof known);
    if (v) pal_gguf_describe(v, value, sizeof value);
    pal_say(m->kind_text, sizeof m->kind_text, "the architecture is not one of %s (general.architecture is %s)", known,
            v ? value : "absent");
    return pal_fail(why, PAL_E_UNSUPPORTED, m->kind_text, v ? pal_gguf_value_offset(m->gguf, v) : SIZE_MAX);
}

/* m->network keeps the network even if it is not bound, because the message of the error is stored in it. */
static pal_status bind_transformer(pal_model *m)
{
    pal_transformer *net = calloc(1, sizeof *net);
    m->network = net;
    if (!net) return pal_fail(&m->net_error, PAL_E_MEMORY, "not enough memory for the network", SIZE_MAX);
    pal_status s =
        pal_transformer_bind(net, m->gguf, m->kind->architecture, m->kind->causal, m->kind->of, &m->net_error);
    if (s) return s;
    m->matrices = &net->matrices;
    m->shape = (pal_network_shape){.vocab = net->vocab,
                                   .context = net->context,
                                   .width = net->dim,
                                   .layers = net->layers,
                                   .heads = net->heads,
                                   .kv_heads = net->kv_heads,
                                   .hidden = net->hidden,
                                   .causal = net->causal};
    return PAL_OK;
}

static pal_status check_rows(pal_model *m)
{
    static const char rows[] = "palimpsest.rows";
    pal_status s = pal_model_contradicts(m, "palimpsest.", &m->net_error);
    if (s || (s = pal_page_rows_read(m, m->gguf))) return s;
    m->rows.unknown = pal_vocab_special(m->vocab)->mask;
    if (m->kind->of != &pal_architecture_llama || !m->shape.causal)
        return pal_model_refuse(m, m->gguf, PAL_E_UNSUPPORTED, rows,
                                "query rows need causal attention and the architecture llama, qwen2 or qwen3");
    if (m->rows.unknown < 0)
        return pal_model_refuse(m, m->gguf, PAL_E_FORMAT, rows, "query rows need a mask token in the vocabulary");
    if (m->shape.context < 2)
        return pal_model_refuse(m, m->gguf, PAL_E_UNSUPPORTED, rows, "query rows need a context of at least 2 tokens");
    return PAL_OK;
}

/* What keys of this engine say about the bound network: query rows, with which a network of texts from left to right was
 * trained to fill pages, and what its kind reads. */
static pal_status read_more(pal_model *m)
{
    pal_status s = m->kind->read_more ? m->kind->read_more(m) : PAL_OK;
    if (!s && pal_gguf_find(m->gguf, "palimpsest.rows") && m->vocab) s = check_rows(m);
    if (!s) return PAL_OK;
    m->rows.used = false;
    m->shape = (pal_network_shape){0};
    m->matrices = NULL;
    return s;
}

static pal_status bind_network(pal_model *m)
{
    const pal_error *trouble = pal_gguf_trouble(m->gguf);
    char prefix[sizeof m->architecture + 1];
    pal_status s;
    if (trouble) return pal_fail(&m->net_error, trouble->status, trouble->text, trouble->offset);
    pal_say(prefix, sizeof prefix, "%s.", m->architecture);
    if ((s = pal_model_contradicts(m, "general.architecture", &m->net_error)) ||
        (s = pal_model_contradicts(m, prefix, &m->net_error)) ||
        (s = pal_model_contradicts(m, "diffusion.", &m->net_error)))
        return s;
    if (!pal_gguf_tensors(m->gguf))
        return pal_fail(&m->net_error, PAL_E_UNSUPPORTED,
                        m->vocab ? "the file holds only a vocabulary, no network" : "the file holds no network",
                        SIZE_MAX);
    if (!m->kind->of) return unknown_architecture(m);
    s = bind_transformer(m);
    if (!s) s = pal_page_view_read(m, m->gguf);
    return s ? s : read_more(m);
}

/* If the network cannot be used because the file is a part of a split model or an adapter, reports that instead. */
static pal_status open_network(pal_model *m, pal_error *err)
{
    pal_status s = bind_network(m);
    if (s == PAL_E_MEMORY) return pal_fail(err, s, m->net_error.text, m->net_error.offset);
    if (s == PAL_E_FORMAT || (s && (!pal_gguf_tensors(m->gguf) || !*m->architecture))) {
        pal_model_is_part(m, &m->net_error);
        pal_model_is_adapter(m, &m->net_error);
        if (!m->vocab) pal_model_is_part(m, &m->vocab_error);
    }
    return PAL_OK;
}

static pal_status open_text(pal_model *m, pal_error *err)
{
    pal_status s = open_vocabulary(m, err);
    return s ? s : open_network(m, err);
}

/* The vector code of attention needs head sizes that are multiples of 8; the reference code has no such limit. */
static void choose_attention(const pal_model *m, pal_kernels *k)
{
    const pal_transformer *net = m->network;
    pal_kernels reference;
    if (!pal_model_has_texts(m) || net->head_dim % 8 == 0) return;
    pal_kernels_init(&reference, PAL_ISA_REF);
    k->attention = reference.attention;
}

static void close_text(pal_model *m)
{
    if (m->network) pal_transformer_release(m->network);
    free(m->network);
    free(m->classes.of);
    free(m->classes.byte);
    free(m->classes.moves);
    if (m->vocab) pal_vocab_close(m->vocab);
}

const pal_network_class pal_transformers = {open_text, choose_attention, close_text};
