/* unet_bind.c - binds a GGUF file to a U-Net whose shapes are checked.
 *
 * This file and unet_read.c detect every error that a file can have about the network; the forward pass checks
 * nothing. */
#include "unet_bind.h"
#include "../core/say.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 64 };

/* ---- tensors ------------------------------------------------------------ */

/* Arguments that all functions below share. */
typedef struct {
    pal_binder *b;
    const pal_unet *net;
    pal_unet_common common;
} unet_binder;

/* Writes the name of a part of `whole` to name; the longest name has 25 bytes. */
static const char *part_name(char name[NAME], const char *whole, const char *part)
{
    pal_say(name, NAME, "%s%s%s", whole, *whole ? "." : "", part);
    return name;
}

static pal_status bind_norm(const unet_binder *p, const char *whole, const char *part, int channels,
                            pal_group_norm *out)
{
    char norm[NAME], name[NAME];
    pal_status s;
    part_name(norm, whole, part);
    *out = (pal_group_norm){.channels = channels, .groups = p->common.groups, .eps = p->common.eps};
    if ((s = pal_bind_vector(p->b, -1, part_name(name, norm, "weight"), channels, false, &out->gain))) return s;
    return pal_bind_vector(p->b, -1, part_name(name, norm, "bias"), channels, false, &out->bias);
}

static pal_status bind_conv(const unet_binder *p, const char *whole, const char *part, int size, int stride, int in,
                            int out, pal_conv2d *conv)
{
    char name[NAME];
    *conv = (pal_conv2d){.in = in, .size = size, .stride = stride};
    return pal_bind_matrix(p->b, -1, part_name(name, whole, part), out, size * size * in, PAL_MAYBE_BIAS, &conv->w);
}

static pal_status bind_residual(const unet_binder *p, const char *name, int in, int out, pal_residual_block *block)
{
    char emb[NAME];
    pal_status s;
    if ((s = bind_norm(p, name, "norm1", in, &block->norm1)) ||
        (s = bind_conv(p, name, "conv1", 3, 1, in, out, &block->conv1)) ||
        (s = pal_bind_matrix(p->b, -1, part_name(emb, name, "emb"), 2 * out, p->net->embedding, PAL_MAYBE_BIAS,
                             &block->emb)) ||
        (s = bind_norm(p, name, "norm2", out, &block->norm2)) ||
        (s = bind_conv(p, name, "conv2", 3, 1, out, out, &block->conv2)))
        return s;
    return in == out ? PAL_OK : bind_conv(p, name, "skip", 1, 1, in, out, &block->skip);
}

static pal_status bind_attention(const unet_binder *p, const char *whole, int channels, pal_attention_block *block)
{
    const struct {
        const char *name;
        pal_matrix *out;
    } matrices[] = {{"q", &block->q}, {"k", &block->k}, {"v", &block->v}, {"out", &block->out}};
    char name[NAME];
    pal_status s = bind_norm(p, whole, "norm", channels, &block->norm);
    block->heads = p->common.heads;
    for (size_t i = 0; !s && i < sizeof matrices / sizeof *matrices; i++)
        s = pal_bind_matrix(p->b, -1, part_name(name, whole, matrices[i].name), channels, channels, PAL_MAYBE_BIAS,
                            matrices[i].out);
    return s;
}

/* The blocks are named down.L.B and up.L.B. */
static pal_status bind_block(const unet_binder *p, const char *way, int level, int index, int in, pal_unet_block *block)
{
    const pal_unet_level *l = &p->net->level[level];
    char name[NAME], attention[NAME];
    pal_say(name, sizeof name, "%s.%d.%d", way, level, index);
    pal_status s = bind_residual(p, name, in, l->channels, &block->residual);
    if (s || !l->attends) return s;
    return bind_attention(p, part_name(attention, name, "attn"), l->channels, &block->attention);
}

static pal_status bind_level(const unet_binder *p, pal_unet *net, int index)
{
    pal_unet_level *l = &net->level[index];
    const int channels = l->channels;
    char way[NAME];
    pal_status s = PAL_OK;
    l->down = net->block + (size_t)index * (size_t)(net->blocks + net->up_blocks);
    l->up = l->down + net->blocks;
    for (int i = 0; !s && i < net->blocks; i++)
        s = bind_block(p, "down", index, i, i || !index ? channels : l[-1].channels, &l->down[i]);
    for (int i = 0; !s && i < net->up_blocks; i++)
        s = bind_block(p, "up", index, i, i < net->blocks ? 2 * channels : channels, &l->up[i]);
    if (!s && index < net->levels - 1) {
        pal_say(way, sizeof way, "down.%d", index);
        s = bind_conv(p, way, "sample", 3, 2, channels, channels, &l->shrink);
    }
    if (!s && index > 0) {
        pal_say(way, sizeof way, "up.%d", index);
        s = bind_conv(p, way, "sample", 3, 1, channels, l[-1].channels, &l->grow);
    }
    return s;
}

/* Binds the norm and conv of one output; the heads sn and npr may have a residual block before them. */
static pal_status bind_head(const unet_binder *p, const char *whole, const char *norm, const char *conv,
                            pal_unet_head *head)
{
    const pal_unet *net = p->net;
    const int channels = net->level[0].channels, cells = net->patch * net->patch * net->channels;
    char name[NAME], block[NAME];
    pal_status s = PAL_OK;
    part_name(block, whole, "block");
    head->deep = pal_bind_has(p->b, -1, part_name(name, block, "conv1.weight"));
    if (head->deep) s = bind_residual(p, block, channels, channels, &head->block);
    if (!s) s = bind_norm(p, whole, norm, channels, &head->norm);
    if (!s) s = bind_conv(p, whole, conv, 3, 1, channels, cells, &head->conv);
    head->present = !s;
    return s;
}

static pal_status bind_heads(const unet_binder *p, pal_unet *net)
{
    pal_status s = bind_head(p, "", "norm_out", "conv_out", &net->head[PAL_HEAD_NONE]);
    if (!s && pal_bind_has(p->b, -1, "sn.conv.weight"))
        s = bind_head(p, "sn", "norm", "conv", &net->head[PAL_HEAD_SECOND_MOMENT]);
    if (!s && pal_bind_has(p->b, -1, "npr.conv.weight"))
        s = bind_head(p, "npr", "norm", "conv", &net->head[PAL_HEAD_RESIDUAL]);
    return s;
}

/* Binds time.* and label_embd, and computes the frequencies. */
static pal_status bind_embedding(const unet_binder *p, pal_unet *net)
{
    pal_status s;
    if ((s = pal_bind_matrix(p->b, -1, "time.0", net->embedding, net->sinusoids, PAL_MAYBE_BIAS, &net->time[0])) ||
        (s = pal_bind_matrix(p->b, -1, "time.1", net->embedding, net->embedding, PAL_MAYBE_BIAS, &net->time[1])))
        return s;
    if (net->labels || pal_bind_has(p->b, -1, "label_embd.weight"))
        s = pal_bind_matrix(p->b, -1, "label_embd", net->labels + 1, net->embedding, PAL_NO_BIAS, &net->label_embd);
    pal_unet_frequencies(net);
    return s;
}

/* E[predicted eps^2] of Analytic-DPM.  The file stores 1 minus it, which is precise in f32 when it is small. */
static pal_status bind_gamma(const unet_binder *p, pal_unet *net)
{
    const float *missing;
    pal_status s = pal_bind_vector(p->b, -1, "analytic.one_minus_gamma", net->schedule.steps, true, &missing);
    if (s || !missing) return s;
    net->gamma = calloc((size_t)net->schedule.steps, sizeof *net->gamma);
    if (!net->gamma) return pal_fail(p->b->err, PAL_E_MEMORY, "not enough memory for the table of gammas", SIZE_MAX);
    for (int i = 0; i < net->schedule.steps; i++) {
        if (!(fabsf(missing[i]) <= 1.0f))
            return pal_fail(p->b->err, PAL_E_FORMAT, "analytic.one_minus_gamma holds a number outside -1 to 1",
                            SIZE_MAX);
        net->gamma[i] = 1.0 - (double)missing[i];
    }
    net->gammas = net->schedule.steps;
    return PAL_OK;
}

static pal_status bind_tensors(const unet_binder *p, pal_unet *net)
{
    const int cells = net->patch * net->patch * net->channels, last = net->level[net->levels - 1].channels;
    pal_status s;
    if ((s = bind_embedding(p, net)) ||
        (s = bind_conv(p, "", "conv_in", 3, 1, cells, net->level[0].channels, &net->conv_in)))
        return s;
    for (int l = 0; l < net->levels; l++)
        if ((s = bind_level(p, net, l))) return s;
    if ((s = bind_residual(p, "mid.0", last, last, &net->mid[0])) ||
        (s = bind_attention(p, "mid.attn", last, &net->mid_attention)) ||
        (s = bind_residual(p, "mid.1", last, last, &net->mid[1])) || (s = bind_heads(p, net)))
        return s;
    return bind_gamma(p, net);
}

static pal_status allocate(pal_binder *b, pal_unet *net)
{
    net->block = calloc((size_t)net->levels * (size_t)(net->blocks + net->up_blocks), sizeof *net->block);
    net->frequency = calloc((size_t)net->sinusoids / 2, sizeof *net->frequency);
    if (!net->block || !net->frequency)
        return pal_fail(b->err, PAL_E_MEMORY, "not enough memory for the layers", SIZE_MAX);
    return pal_bind_start(b, &net->vectors, &net->matrices);
}

pal_status pal_unet_bind(pal_unet *net, const pal_gguf *g, pal_error *err)
{
    pal_str architecture = {"", 0};
    pal_binder b = {.g = g, .err = err, .why = net->why, .architecture = "unet"};
    unet_binder p = {.b = &b, .net = net};
    pal_status s;
    *net = (pal_unet){0};
    pal_gguf_get_str(g, "general.architecture", &architecture);
    if (!pal_str_is(architecture, "unet"))
        return pal_bind_fail(&b, "general.architecture", PAL_E_UNSUPPORTED, "the architecture is not unet");
    if ((s = pal_unet_read(&b, net, &p.common))) return s;
    s = allocate(&b, net);
    if (!s) s = bind_tensors(&p, net);
    s = pal_bind_end(&b, s);
    if (s) pal_unet_release(net);
    return s;
}

void pal_unet_release(pal_unet *net)
{
    free(net->block);
    free(net->vectors);
    free(net->gamma);
    free(net->frequency);
    pal_matrices_release(&net->matrices);
    net->block = NULL;
    net->vectors = NULL;
    net->gamma = net->frequency = NULL;
}
