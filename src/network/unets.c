/* unets.c - opens files with a U-Net. */
#include "kinds.h"
#include "picture.h"

#include <stdlib.h>

static pal_status allocate(pal_model *m, pal_error *why)
{
    m->network = calloc(1, sizeof(pal_unet));
    m->picture = calloc(1, sizeof *m->picture);
    return m->network && m->picture ? PAL_OK
                                    : pal_fail(why, PAL_E_MEMORY, "not enough memory for the network", SIZE_MAX);
}

static pal_status bind_picture(pal_model *m, pal_error *why)
{
    const pal_error *trouble = pal_gguf_trouble(m->gguf);
    pal_status s;
    if (trouble) return pal_fail(why, trouble->status, trouble->text, trouble->offset);
    if ((s = pal_model_contradicts(m, "general.architecture", why)) || (s = pal_model_contradicts(m, "unet.", why)) ||
        (s = pal_model_contradicts(m, "palimpsest.", why)) || (s = allocate(m, why)) ||
        (s = pal_unet_bind(m->network, m->gguf, why)))
        return s;
    return pal_picture_open(m->picture, m->network, m->gguf, why);
}

static void release_picture(pal_model *m)
{
    if (m->picture) pal_picture_release(m->picture);
    free(m->picture);
    m->picture = NULL;
}

static pal_status open_picture(pal_model *m, pal_error *err)
{
    pal_error why = {PAL_E_UNSUPPORTED, "the model draws pictures: it has no tokenizer", SIZE_MAX};
    pal_status s = bind_picture(m, &why);
    if (!s) m->matrices = &((pal_unet *)m->network)->matrices;
    if (s) release_picture(m);
    if (s == PAL_E_FORMAT || (s && !pal_gguf_tensors(m->gguf))) pal_model_is_part(m, &why);
    m->vocab_error = m->net_error = why;
    return s == PAL_E_MEMORY ? pal_fail(err, s, why.text, why.offset) : PAL_OK;
}

static void add_kernels(const pal_model *m, pal_kernels *k)
{
    (void)m;
    pal_kernels_add_pictures(k);
}

/* m->network is kept even if it was not bound, because the message of the error is stored in it. */
static void close_picture(pal_model *m)
{
    release_picture(m);
    if (m->network) pal_unet_release(m->network);
    free(m->network);
}

const pal_network_class pal_unets = {open_picture, add_kernels, close_picture};
