/* pictures.c - files with a U-Net. */
#include "kinds.h"

static pal_status bind_picture(pal_model *m, pal_error *why)
{
    const pal_error *trouble = pal_gguf_trouble(m->gguf);
    pal_status s;
    if (trouble) return pal_fail(why, trouble->status, trouble->text, trouble->offset);
    if ((s = pal_model_contradicts(m, "general.architecture", why)) || (s = pal_model_contradicts(m, "unet.", why)) ||
        (s = pal_model_contradicts(m, "palimpsest.", why)))
        return s;
    if ((s = pal_unet_bind(&m->unet, m->gguf, why))) return s;
    m->has_unet = true;
    s = pal_picture_open(&m->picture, &m->unet, m->gguf, why);
    if (s) pal_unet_release(&m->unet);
    if (s) m->has_unet = false;
    return s;
}

static pal_status open_picture(pal_model *m, pal_error *err)
{
    pal_error why = {PAL_E_UNSUPPORTED, "the model draws pictures: it has no words", SIZE_MAX};
    pal_status s = bind_picture(m, &why);
    if (s == PAL_E_FORMAT || (s && !pal_gguf_tensors(m->gguf))) pal_model_is_part(m, &why);
    m->vocab_error = m->net_error = why;
    return s == PAL_E_MEMORY ? pal_fail(err, s, why.text, why.offset) : PAL_OK;
}

static pal_status pack_picture(pal_model *m, pal_error *err)
{
    return m->has_unet ? pal_unet_pack(&m->unet, err) : PAL_OK;
}

static void add_kernels(pal_model *m)
{
    pal_kernels_add_pictures(&m->kernels);
}

static void close_picture(pal_model *m)
{
    if (m->has_unet) pal_unet_release(&m->unet);
    pal_picture_release(&m->picture);
}

const pal_network_kind pal_pictures = {"unet", open_picture, pack_picture, add_kernels, close_picture};
