/* network_pictures.c - files with a U-Net. */
#include "networks.h"

static pal_status open_picture(pal_model *m, pal_error *err)
{
    static const char no_text[] = "the model draws pictures: it has no words";
    pal_error why = {PAL_E_UNSUPPORTED, no_text, SIZE_MAX};
    pal_status s = pal_unet_bind(&m->unet, m->gguf, &why);
    m->has_unet = s == PAL_OK;
    if (!s) s = pal_picture_open(&m->picture, &m->unet, m->gguf, &why);
    pal_fail(&m->vocab_error, PAL_E_UNSUPPORTED, why.text, why.offset);
    pal_fail(&m->net_error, PAL_E_UNSUPPORTED, why.text, why.offset);
    if (s == PAL_OK || s == PAL_E_UNSUPPORTED) return PAL_OK;
    return pal_fail(err, why.status, why.text, why.offset);
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
