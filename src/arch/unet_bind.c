/* unet_bind.c - from a GGUF file to a U-Net whose shapes can be trusted.
 *
 * Everything a file can get wrong about the network is found here, once: the forward pass checks nothing.  The limits
 * in unet.h bound its work space: 64 MB a layer, 256 MB on the way down. */
#include "bind.h"
#include "unet.h"
#include "unet_sizes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LENGTH = 1 << 14, NAME = 64 };

/* ---- hyperparameters ---------------------------------------------------- */

/* An integer of 0 .. most, 0 where it is absent. */
static pal_status read_count(pal_binder *b, const char *name, int most, int *out, const char *text)
{
    char key[128];
    uint32_t value = 0;
    if (pal_gguf_find(b->g, pal_bind_key(b, name, key)) &&
        (!pal_gguf_get_u32(b->g, key, &value) || value > (uint32_t)most))
        return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    *out = (int)value;
    return PAL_OK;
}

/* A number of least .. most; `absent` where the file has none. */
static pal_status read_number(pal_binder *b, const char *key, double least, double most, double absent, double *out,
                              const char *text)
{
    float value = (float)absent;
    if (pal_gguf_find(b->g, key) && !pal_gguf_get_f32(b->g, key, &value))
        return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    if (!((double)value >= least && (double)value <= most)) return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    *out = (double)value;
    return PAL_OK;
}

/* An array of integers, or NULL: another kind of value. */
static const pal_gguf_value *find_integers(const pal_binder *b, const char *key)
{
    const pal_gguf_value *v = pal_gguf_find(b->g, key);
    return v && v->is_array && (v->type == PAL_GGUF_U32 || v->type == PAL_GGUF_I32) ? v : NULL;
}

static pal_status read_picture(pal_binder *b, pal_unet *net)
{
    pal_status s;
    if ((s = pal_bind_int(b, "image.height", PAL_UNET_SIDE, -1, &net->height,
                          "image.height is missing or not 1 to 256")) ||
        (s = pal_bind_int(b, "image.width", PAL_UNET_SIDE, -1, &net->width,
                          "image.width is missing or not 1 to 256")) ||
        (s = pal_bind_int(b, "image.channels", 3, -1, &net->channels, "image.channels is missing or not 1 or 3")) ||
        (s = pal_bind_int(b, "patch_size", 4, 1, &net->patch, "patch_size is not 1, 2 or 4")))
        return s;
    if (net->channels == 2)
        return pal_bind_fail(b, "unet.image.channels", PAL_E_FORMAT, "image.channels is not 1 or 3");
    if (net->patch == 3) return pal_bind_fail(b, "unet.patch_size", PAL_E_FORMAT, "patch_size is not 1, 2 or 4");
    if (net->height % net->patch || net->width % net->patch)
        return pal_bind_fail(b, "unet.patch_size", PAL_E_FORMAT, "patch_size does not divide the picture's sides");
    return PAL_OK;
}

/* Widths, extents and which levels have attention. */
static pal_status read_levels(pal_binder *b, pal_unet *net)
{
    static const char widths[] = "unet.level_widths", attention[] = "unet.attention_levels";
    const pal_gguf_value *v = find_integers(b, widths);
    if (!v || v->count < 1 || v->count > PAL_UNET_LEVELS)
        return pal_bind_fail(b, widths, PAL_E_FORMAT, "level_widths is not an array of 1 to 8 integers");
    net->levels = (int)v->count;
    for (int l = 0; l < net->levels; l++) {
        const int32_t channels = pal_gguf_i32_at(v, (uint64_t)l);
        if (channels < 1 || channels > PAL_UNET_WIDTH)
            return pal_bind_fail(b, widths, PAL_E_FORMAT, "a level's width is not 1 to 4096");
        net->level[l].channels = channels;
        net->level[l].height = l ? (net->level[l - 1].height + 1) / 2 : net->height / net->patch;
        net->level[l].width = l ? (net->level[l - 1].width + 1) / 2 : net->width / net->patch;
    }
    v = find_integers(b, attention);
    if (!v && pal_gguf_find(b->g, attention) && pal_gguf_find(b->g, attention)->count)
        return pal_bind_fail(b, attention, PAL_E_FORMAT, "attention_levels is not an array of integers");
    for (uint64_t i = 0; v && i < v->count; i++) {
        const int32_t level = pal_gguf_i32_at(v, i);
        if (level < 0 || level >= net->levels)
            return pal_bind_fail(b, attention, PAL_E_FORMAT, "attention_levels names a level that there is not");
        net->level[level].attends = true;
    }
    return PAL_OK;
}

static pal_status read_shape(pal_binder *b, pal_unet *net, int *heads, int *groups, float *eps)
{
    pal_status s;
    if ((s = pal_bind_int(b, "blocks_per_level", PAL_UNET_BLOCKS, -1, &net->blocks,
                          "blocks_per_level is missing or not 1 to 16")) ||
        (s = pal_bind_int(b, "up_blocks", PAL_UNET_BLOCKS, net->blocks, &net->up_blocks, "up_blocks is not 1 to 16")) ||
        (s = pal_bind_int(b, "attention.head_count", PAL_UNET_WIDTH, 1, heads,
                          "attention.head_count is out of range")) ||
        (s = pal_bind_int(b, "attention.group_norm_groups", PAL_UNET_WIDTH, -1, groups,
                          "attention.group_norm_groups is missing or out of range")) ||
        (s = pal_bind_float(b, "attention.group_norm_epsilon", 1e-5f, eps,
                            "attention.group_norm_epsilon is out of range")) ||
        (s = pal_bind_int(b, "time_embedding_length", MOST_LENGTH, -1, &net->sinusoids,
                          "time_embedding_length is missing or out of range")) ||
        (s = pal_bind_int(b, "embedding_length", MOST_LENGTH, -1, &net->embedding,
                          "embedding_length is missing or out of range")))
        return s;
    if (net->up_blocks < net->blocks)
        return pal_bind_fail(b, "unet.up_blocks", PAL_E_FORMAT, "up_blocks is below blocks_per_level");
    if (net->sinusoids % 2)
        return pal_bind_fail(b, "unet.time_embedding_length", PAL_E_FORMAT, "time_embedding_length is odd");
    return PAL_OK;
}

/* What levels must agree with, and what bounds the work space. */
static pal_status check_levels(pal_binder *b, const pal_unet *net, int heads, int groups)
{
    for (int l = 0; l < net->levels; l++) {
        const pal_unet_level *level = &net->level[l];
        if (level->channels % groups)
            return pal_bind_fail(b, "unet.attention.group_norm_groups", PAL_E_FORMAT,
                                 "attention.group_norm_groups does not divide the width of every level");
        if (!level->attends && l < net->levels - 1) continue;
        if (level->channels % heads || level->channels / heads % PAL_PANEL)
            return pal_bind_fail(b, "unet.attention.head_count", PAL_E_UNSUPPORTED,
                                 "attention.head_count does not divide a level into heads of a multiple of 8");
        if (level->height * level->width > PAL_UNET_PLACES)
            return pal_bind_fail(b, "unet.attention_levels", PAL_E_UNSUPPORTED,
                                 "a level with attention has more than 4096 places");
    }
    if (pal_unet_sizes(net).values > PAL_UNET_VALUES || pal_unet_skips(net) > PAL_UNET_SKIPS)
        return pal_bind_fail(b, "unet.level_widths", PAL_E_UNSUPPORTED,
                             "the layers have more values than are supported (2^24 one, 2^26 kept on the way down)");
    return PAL_OK;
}

static pal_status read_labels(pal_binder *b, pal_unet *net)
{
    double dropout;
    pal_status s = read_count(b, "label_count", PAL_UNET_LABELS, &net->labels, "label_count is not 0 to 65536");
    if (!s)
        s = read_number(b, "unet.label_dropout", 0.0, 1.0, 0.0, &dropout, "label_dropout is not a number of 0 to 1");
    if (s) return s;
    net->label_dropout = (float)dropout;
    net->label_names = pal_gguf_find(b->g, "unet.labels");
    if (net->label_names && !net->labels && !net->label_names->count) net->label_names = NULL;
    if (net->label_names && (!net->label_names->is_array || net->label_names->type != PAL_GGUF_STRING ||
                             net->label_names->count != (uint64_t)net->labels))
        return pal_bind_fail(b, "unet.labels", PAL_E_FORMAT, "labels is not an array of label_count texts");
    return PAL_OK;
}

static pal_status read_schedule(pal_binder *b, pal_unet_schedule *schedule)
{
    static const char kind[] = "palimpsest.diffusion.schedule", steps[] = "palimpsest.diffusion.steps",
                      first[] = "palimpsest.diffusion.beta_first", last[] = "palimpsest.diffusion.beta_last";
    pal_str name = {"linear", 6};
    uint32_t count = 1000;
    pal_status s;
    if (pal_gguf_find(b->g, kind) && !pal_gguf_get_str(b->g, kind, &name))
        return pal_bind_fail(b, kind, PAL_E_FORMAT, "palimpsest.diffusion.schedule is not a text");
    schedule->cosine = pal_str_is(name, "cosine");
    if (!schedule->cosine && !pal_str_is(name, "linear"))
        return pal_bind_fail(b, kind, PAL_E_UNSUPPORTED, "palimpsest.diffusion.schedule is neither linear nor cosine");
    if (pal_gguf_find(b->g, steps) && (!pal_gguf_get_u32(b->g, steps, &count) || count < 1 || count > PAL_UNET_STEPS))
        return pal_bind_fail(b, steps, PAL_E_FORMAT, "palimpsest.diffusion.steps is not 1 to 65536");
    schedule->steps = (int)count;
    if ((s = read_number(b, first, 1e-12, 0.999, 1e-4, &schedule->beta_first,
                         "palimpsest.diffusion.beta_first is not between 0 and 1")) ||
        (s = read_number(b, last, 1e-12, 0.999, 0.02, &schedule->beta_last,
                         "palimpsest.diffusion.beta_last is not between 0 and 1")))
        return s;
    if (schedule->beta_last < schedule->beta_first)
        return pal_bind_fail(b, last, PAL_E_FORMAT, "palimpsest.diffusion.beta_last is below beta_first");
    return PAL_OK;
}

/* ---- tensors ------------------------------------------------------------ */

/* What all parts of a network share. */
typedef struct {
    pal_binder *b;
    const pal_unet *net;
    int heads, groups;
    float eps;
} parts;

/* The name of a part of `whole`, in name. */
static const char *part_name(char name[NAME], const char *whole, const char *part)
{
    snprintf(name, NAME, "%s%s%s", whole, *whole ? "." : "", part);
    return name;
}

static pal_status bind_norm(const parts *p, const char *whole, const char *part, int channels, pal_group_norm *out)
{
    char norm[NAME], name[NAME];
    pal_status s;
    part_name(norm, whole, part);
    *out = (pal_group_norm){.channels = channels, .groups = p->groups, .eps = p->eps};
    if ((s = pal_bind_vector(p->b, -1, part_name(name, norm, "weight"), channels, false, &out->gain))) return s;
    return pal_bind_vector(p->b, -1, part_name(name, norm, "bias"), channels, false, &out->bias);
}

static pal_status bind_conv(const parts *p, const char *whole, const char *part, int size, int stride, int in, int out,
                            pal_conv2d *conv)
{
    char name[NAME];
    *conv = (pal_conv2d){.in = in, .size = size, .stride = stride};
    return pal_bind_matrix(p->b, -1, part_name(name, whole, part), out, size * size * in, PAL_MAYBE_BIAS, &conv->w);
}

static pal_status bind_residual(const parts *p, const char *name, int in, int out, pal_residual_block *block)
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

static pal_status bind_attention(const parts *p, const char *whole, int channels, pal_attention_block *block)
{
    const struct {
        const char *name;
        pal_matrix *out;
    } matrices[] = {{"q", &block->q}, {"k", &block->k}, {"v", &block->v}, {"out", &block->out}};
    char name[NAME];
    pal_status s = bind_norm(p, whole, "norm", channels, &block->norm);
    block->heads = p->heads;
    for (size_t i = 0; !s && i < sizeof matrices / sizeof *matrices; i++)
        s = pal_bind_matrix(p->b, -1, part_name(name, whole, matrices[i].name), channels, channels, PAL_MAYBE_BIAS,
                            matrices[i].out);
    return s;
}

/* down.L.B or up.L.B. */
static pal_status bind_block(const parts *p, const char *way, int level, int index, int in, pal_unet_block *block)
{
    const pal_unet_level *l = &p->net->level[level];
    char name[NAME], attention[NAME];
    snprintf(name, sizeof name, "%s.%d.%d", way, level, index);
    pal_status s = bind_residual(p, name, in, l->channels, &block->residual);
    if (s || !l->attends) return s;
    return bind_attention(p, part_name(attention, name, "attn"), l->channels, &block->attention);
}

static pal_status bind_level(const parts *p, pal_unet *net, int index)
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
        snprintf(way, sizeof way, "down.%d", index);
        s = bind_conv(p, way, "sample", 3, 2, channels, channels, &l->shrink);
    }
    if (!s && index > 0) {
        snprintf(way, sizeof way, "up.%d", index);
        s = bind_conv(p, way, "sample", 3, 1, channels, l[-1].channels, &l->grow);
    }
    return s;
}

/* norm and conv of one end; a second moment's may have a residual block before. */
static pal_status bind_head(const parts *p, const char *whole, const char *norm, const char *conv, pal_unet_head *head)
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

static pal_status bind_heads(const parts *p, pal_unet *net)
{
    pal_status s = bind_head(p, "", "norm_out", "conv_out", &net->head[PAL_HEAD_NONE]);
    if (!s && pal_bind_has(p->b, -1, "sn.conv.weight"))
        s = bind_head(p, "sn", "norm", "conv", &net->head[PAL_HEAD_SECOND_MOMENT]);
    if (!s && pal_bind_has(p->b, -1, "npr.conv.weight"))
        s = bind_head(p, "npr", "norm", "conv", &net->head[PAL_HEAD_RESIDUAL]);
    return s;
}

/* time.*, label_embd, and the frequencies w_i = 10000^(-i / half). */
static pal_status bind_embedding(const parts *p, pal_unet *net)
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

/* E[predicted eps^2] of Analytic-DPM, stored as what it lacks to 1, which f32 keeps precisely where it is small. */
static pal_status bind_gamma(const parts *p, pal_unet *net)
{
    const float *missing;
    pal_status s = pal_bind_vector(p->b, -1, "analytic.one_minus_gamma", net->schedule.steps, true, &missing);
    if (s || !missing) return s;
    net->gamma = calloc((size_t)net->schedule.steps, sizeof *net->gamma);
    if (!net->gamma) return pal_fail(p->b->err, PAL_E_MEMORY, "no memory for the table of gammas", SIZE_MAX);
    for (int i = 0; i < net->schedule.steps; i++) {
        if (!(fabsf(missing[i]) <= 1.0f))
            return pal_fail(p->b->err, PAL_E_FORMAT, "analytic.one_minus_gamma holds a number outside -1 to 1",
                            SIZE_MAX);
        net->gamma[i] = 1.0 - (double)missing[i];
    }
    net->gammas = net->schedule.steps;
    return PAL_OK;
}

static pal_status bind_tensors(const parts *p, pal_unet *net)
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
    if (!net->block || !net->frequency) return pal_fail(b->err, PAL_E_MEMORY, "no memory for the layers", SIZE_MAX);
    return pal_bind_start(b, &net->vectors);
}

pal_status pal_unet_bind(pal_unet *net, const pal_gguf *g, pal_error *err)
{
    pal_str architecture = {"", 0};
    pal_binder b = {.g = g, .err = err, .architecture = "unet"};
    parts p = {.b = &b, .net = net};
    pal_status s;
    *net = (pal_unet){0};
    pal_gguf_get_str(g, "general.architecture", &architecture);
    if (!pal_str_is(architecture, "unet"))
        return pal_bind_fail(&b, "general.architecture", PAL_E_UNSUPPORTED, "the architecture is not unet");
    if ((s = read_picture(&b, net)) || (s = read_levels(&b, net)) ||
        (s = read_shape(&b, net, &p.heads, &p.groups, &p.eps)) || (s = check_levels(&b, net, p.heads, p.groups)) ||
        (s = read_labels(&b, net)) || (s = read_schedule(&b, &net->schedule)))
        return s;
    s = allocate(&b, net);
    if (!s) s = bind_tensors(&p, net);
    if (!s) s = pal_bind_rest(&b);
    free(b.bound);
    if (s) pal_unet_release(net);
    return s;
}

void pal_unet_release(pal_unet *net)
{
    free(net->block);
    free(net->vectors);
    free(net->gamma);
    free(net->frequency);
    net->block = NULL;
    net->vectors = NULL;
    net->gamma = net->frequency = NULL;
}

/* ---- panels ------------------------------------------------------------- */

static void pack_residual(pal_residual_block *b, void *room)
{
    pal_matrix *const matrices[] = {&b->conv1.w, &b->conv2.w, &b->skip.w, &b->emb};
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        if (matrices[i]->data) pal_matrix_pack(matrices[i], room);
}

static void pack_attention(pal_attention_block *b, void *room)
{
    pal_matrix *const matrices[] = {&b->q, &b->k, &b->v, &b->out};
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        if (matrices[i]->data) pal_matrix_pack(matrices[i], room);
}

static void pack_ends(pal_unet *net, void *room)
{
    pal_matrix *const matrices[] = {&net->conv_in.w, &net->time[0], &net->time[1], &net->label_embd};
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        if (matrices[i]->data) pal_matrix_pack(matrices[i], room);
    for (int i = PAL_HEAD_NONE; i <= PAL_HEAD_RESIDUAL; i++) {
        if (net->head[i].present) pal_matrix_pack(&net->head[i].conv.w, room);
        pack_residual(&net->head[i].block, room);
    }
}

pal_status pal_unet_pack(pal_unet *net, pal_error *err)
{
    const pal_block_sizes sizes = pal_unet_sizes(net);
    size_t widest = sizes.patch > sizes.widest ? sizes.patch : sizes.widest;
    if ((size_t)net->sinusoids > widest) widest = (size_t)net->sinusoids;
    void *room = malloc(widest * PAL_PANEL * sizeof(float));
    if (!room) return pal_fail(err, PAL_E_MEMORY, "no memory to arrange the weights", SIZE_MAX);
    pack_ends(net, room);
    for (int i = 0; i < net->levels * (net->blocks + net->up_blocks); i++) {
        pack_residual(&net->block[i].residual, room);
        pack_attention(&net->block[i].attention, room);
    }
    for (int l = 0; l < net->levels; l++) {
        if (net->level[l].shrink.w.data) pal_matrix_pack(&net->level[l].shrink.w, room);
        if (net->level[l].grow.w.data) pal_matrix_pack(&net->level[l].grow.w, room);
    }
    for (int i = 0; i < 2; i++) pack_residual(&net->mid[i], room);
    pack_attention(&net->mid_attention, room);
    free(room);
    return PAL_OK;
}
