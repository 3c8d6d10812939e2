/* page_rows.c - reads how a model fills pages by query rows, from its own file or from an adapter. */
#include "kinds.h"

/* Reads the id of a token; an absent key is -1. */
static bool token_id(const pal_model *m, const pal_gguf *g, const char *key, int32_t *out)
{
    uint32_t id;
    *out = -1;
    if (!pal_gguf_find(g, key)) return true;
    if (!pal_gguf_get_u32(g, key, &id) || id >= (uint32_t)pal_vocab_size(m->vocab)) return false;
    *out = (int32_t)id;
    return true;
}

pal_status pal_page_rows_read(pal_model *m, const pal_gguf *g)
{
    static const char rows[] = "palimpsest.rows", start[] = "palimpsest.start_token_id",
                      empty[] = "palimpsest.empty_token_id";
    pal_str kind;
    m->rows = (pal_page_rows){.unknown = -1};
    if (!pal_gguf_get_str(g, rows, &kind) || !pal_str_is(kind, "left"))
        return pal_model_refuse(m, g, PAL_E_UNSUPPORTED, rows, "only rows of the kind \"left\" are supported");
    if (!token_id(m, g, start, &m->rows.start) || m->rows.start < 0)
        return pal_model_refuse(m, g, PAL_E_FORMAT, start,
                                "filling blanks needs a token of the vocabulary as the start of a text");
    if (!token_id(m, g, empty, &m->rows.empty))
        return pal_model_refuse(m, g, PAL_E_FORMAT, empty, "the token that ends a blank is not in the vocabulary");
    if (pal_page_view_read(m, g)) return m->net_error.status;
    m->rows.used = true;
    m->classes.mask = -1; /* the runner reads ranks */
    m->classes.empty = m->rows.empty;
    m->classes.ends = true;
    return PAL_OK;
}

pal_status pal_page_view_read(pal_model *m, const pal_gguf *g)
{
    static const char key[] = "palimpsest.normalise";
    bool normalise = !m->as_written;
    if (pal_gguf_find(g, key) && !pal_gguf_get_bool(g, key, &normalise))
        return pal_model_refuse(m, g, PAL_E_FORMAT, key, "whether quotes and dashes are normalised is true or false");
    m->as_written = !normalise;
    return PAL_OK;
}
