/* network_texts.c - files with a transformer, a vocabulary or both. */
#include "networks.h"

#include <stdlib.h>

static pal_status open_vocabulary(pal_model *m, pal_error *err)
{
    if (!pal_gguf_find(m->gguf, "tokenizer.ggml.model")) {
        pal_fail(&m->vocab_error, PAL_E_UNSUPPORTED, "the file has no tokenizer", SIZE_MAX);
        return PAL_OK;
    }
    pal_status s = pal_vocab_open(&m->vocab, m->gguf, &m->vocab_error);
    if (s == PAL_E_UNSUPPORTED) return PAL_OK;
    if (s) {
        if (err) *err = m->vocab_error;
        return s;
    }
    size_t size = (size_t)pal_vocab_size(m->vocab);
    m->classes.of = malloc(size);
    m->classes.byte = malloc(size);
    if (!m->classes.of || !m->classes.byte)
        return pal_fail(err, PAL_E_MEMORY, "no memory for the vocabulary", SIZE_MAX);
    pal_classes_fill(&m->classes, m->vocab);
    return PAL_OK;
}

/* A file of another kind opens without a network; a wrong one of our kind does not open. */
static pal_status open_network(pal_model *m, pal_error *err)
{
    if (!pal_gguf_tensors(m->gguf)) {
        pal_fail(&m->net_error, PAL_E_UNSUPPORTED, "the file holds a vocabulary only, no network", SIZE_MAX);
        return PAL_OK;
    }
    pal_status s = pal_transformer_bind(&m->net, m->gguf, &m->net_error);
    m->has_net = s == PAL_OK;
    if (s == PAL_OK || s == PAL_E_UNSUPPORTED) return PAL_OK;
    if (err) *err = m->net_error;
    return s;
}

static pal_status open_text(pal_model *m, pal_error *err)
{
    pal_status s = open_vocabulary(m, err);
    return s ? s : open_network(m, err);
}

static pal_status pack_text(pal_model *m, pal_error *err)
{
    return m->has_net ? pal_transformer_pack(&m->net, err) : PAL_OK;
}

/* The vector code of attention takes heads in steps of 8; the reference takes any. */
static void choose_attention(pal_model *m)
{
    pal_kernels reference;
    if (!m->has_net || m->net.head_dim % 8 == 0) return;
    pal_kernels_init(&reference, PAL_ISA_REF);
    m->kernels.attention = reference.attention;
}

static void close_text(pal_model *m)
{
    if (m->has_net) pal_transformer_release(&m->net);
    free(m->classes.of);
    free(m->classes.byte);
    if (m->vocab) pal_vocab_close(m->vocab);
}

const pal_network_kind pal_texts = {NULL, open_text, pack_text, choose_attention, close_text};
