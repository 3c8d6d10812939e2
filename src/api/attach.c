/* attach.c - pal_model_attach: a model of a base and an adapter file. */
#include "../network/attached.h"

#include <stdlib.h>

static pal_status open_adapter(pal_gguf **out, void *image, size_t bytes, pal_error *err)
{
    pal_str type;
    pal_status s = pal_gguf_open(out, image, bytes, err);
    if (s || (pal_gguf_get_str(*out, "general.type", &type) && pal_str_is(type, "adapter"))) return s;
    pal_gguf_close(*out);
    return pal_fail(err, PAL_E_UNSUPPORTED, "the file is not an adapter: its general.type must be \"adapter\"",
                    SIZE_MAX);
}

pal_status pal_model_attach(pal_model **out, const pal_model *base, void *image, size_t bytes, pal_error *err)
{
    pal_gguf *g;
    pal_status s = pal_attached_base(base, err);
    if (!s) s = open_adapter(&g, image, bytes, err);
    if (s) return s;
    pal_model *m = calloc(1, sizeof *m);
    if (!m) {
        pal_gguf_close(g);
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for the model", SIZE_MAX);
    }
    s = pal_attached_open(m, base, g, err);
    if (s)
        pal_model_close(m);
    else
        *out = m;
    return s;
}

pal_status pal_model_attach_file(pal_model **out, const pal_model *base, const char *path, pal_error *err)
{
    pal_file file;
    pal_status s = pal_file_map(&file, path, err);
    if (s) return s;
    s = pal_model_attach(out, base, file.data, file.size, err);
    if (s)
        pal_file_unmap(&file);
    else
        (*out)->file = file;
    return s;
}

const char *pal_adapter_note(const pal_model *m)
{
    return m->attached ? m->attached->note : NULL;
}
