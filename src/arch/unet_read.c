/* unet_read.c - reads a U-Net's hyperparameters, and checks each one and their combinations.
 *
 * The limits in unet.h bound the scratch memory: 64 MB per layer, 256 MB for all skips. */
#include "unet_bind.h"

enum { MAX_LENGTH = 1 << 14 };

/* Reads an integer in 0 .. max; 0 if it is absent. */
static pal_status read_count(pal_binder *b, const char *name, int max, int *out, const char *text)
{
    char key[128];
    uint32_t value = 0;
    if (pal_gguf_find(b->g, pal_bind_key(b, name, key)) &&
        (!pal_gguf_get_u32(b->g, key, &value) || value > (uint32_t)max))
        return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    *out = (int)value;
    return PAL_OK;
}

/* Reads a number in min .. max; `absent` if the file has none. */
static pal_status read_number(pal_binder *b, const char *key, double min, double max, double absent, double *out,
                              const char *text)
{
    double value = absent;
    if (pal_gguf_find(b->g, key) && !pal_gguf_get_f64(b->g, key, &value))
        return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    if (value >= 0.0 && value <= 2.0 * max)
        value = (double)(float)value; /* rounded to float, as other code stores it */
    if (!(value >= min && value <= max)) return pal_bind_fail(b, key, PAL_E_FORMAT, text);
    *out = value;
    return PAL_OK;
}

/* An array of integers; NULL if it is absent or has another type. */
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

/* Reads the levels' widths and extents, and which levels have attention. */
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
            return pal_bind_fail(b, attention, PAL_E_FORMAT, "attention_levels names a level that does not exist");
        net->level[level].attends = true;
    }
    return PAL_OK;
}

static pal_status read_shape(pal_binder *b, pal_unet *net, pal_unet_common *common)
{
    pal_status s;
    if ((s = pal_bind_int(b, "blocks_per_level", PAL_UNET_BLOCKS, -1, &net->blocks,
                          "blocks_per_level is missing or not 1 to 16")) ||
        (s = pal_bind_int(b, "up_blocks", PAL_UNET_BLOCKS, net->blocks, &net->up_blocks, "up_blocks is not 1 to 16")) ||
        (s = pal_bind_int(b, "attention.head_count", PAL_UNET_WIDTH, 1, &common->heads,
                          "attention.head_count is out of range")) ||
        (s = pal_bind_int(b, "attention.group_norm_groups", PAL_UNET_WIDTH, -1, &common->groups,
                          "attention.group_norm_groups is missing or out of range")) ||
        (s = pal_bind_float(b, "attention.group_norm_epsilon", 1e-5f, &common->eps,
                            "attention.group_norm_epsilon is out of range")) ||
        (s = pal_bind_int(b, "time_embedding_length", MAX_LENGTH, -1, &net->sinusoids,
                          "time_embedding_length is missing or out of range")) ||
        (s = pal_bind_int(b, "embedding_length", MAX_LENGTH, -1, &net->embedding,
                          "embedding_length is missing or out of range")))
        return s;
    if (net->up_blocks < net->blocks)
        return pal_bind_fail(b, "unet.up_blocks", PAL_E_FORMAT, "up_blocks is below blocks_per_level");
    if (net->sinusoids % 2)
        return pal_bind_fail(b, "unet.time_embedding_length", PAL_E_FORMAT, "time_embedding_length is odd");
    return PAL_OK;
}

/* Checks what levels must agree with, and the limits of the scratch memory. */
static pal_status check_levels(pal_binder *b, const pal_unet *net, const pal_unet_common *common)
{
    for (int l = 0; l < net->levels; l++) {
        const pal_unet_level *level = &net->level[l];
        if (level->channels % common->groups)
            return pal_bind_fail(b, "unet.attention.group_norm_groups", PAL_E_FORMAT,
                                 "attention.group_norm_groups does not divide the width of every level");
        if (!level->attends && l < net->levels - 1) continue;
        if (level->channels % common->heads || level->channels / common->heads % PAL_PANEL)
            return pal_bind_fail(b, "unet.attention.head_count", PAL_E_UNSUPPORTED,
                                 "the width of a level divided by attention.head_count is not a multiple of 8");
        if (level->height * level->width > PAL_UNET_PIXELS)
            return pal_bind_fail(b, "unet.attention_levels", PAL_E_UNSUPPORTED,
                                 "a level with attention has more than 4096 pixels");
    }
    if (pal_unet_sizes(net).values > PAL_UNET_VALUES || pal_unet_skips(net) > PAL_UNET_SKIPS)
        return pal_bind_fail(
            b, "unet.level_widths", PAL_E_UNSUPPORTED,
            "the layers have more values than supported (2^24 in one layer, 2^26 in all skip connections)");
    return PAL_OK;
}

static pal_status read_labels(pal_binder *b, pal_unet *net)
{
    double dropout = 0.0;
    pal_status s = read_count(b, "label_count", PAL_UNET_LABELS, &net->labels, "label_count is not 0 to 65536");
    if (!s)
        s = read_number(b, "unet.label_dropout", 0.0, 1.0, 0.0, &dropout, "label_dropout is not a number of 0 to 1");
    if (s) return s;
    net->label_dropout = (float)dropout;
    net->label_names = pal_gguf_find(b->g, "unet.labels");
    if (net->label_names && !net->labels && !net->label_names->count) net->label_names = NULL;
    if (net->label_names && (!net->label_names->is_array || net->label_names->type != PAL_GGUF_STRING ||
                             net->label_names->count != (uint64_t)net->labels))
        return pal_bind_fail(b, "unet.labels", PAL_E_FORMAT, "labels is not an array of label_count strings");
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
        return pal_bind_fail(b, kind, PAL_E_FORMAT, "palimpsest.diffusion.schedule is not a string");
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

pal_status pal_unet_read(pal_binder *b, pal_unet *net, pal_unet_common *common)
{
    pal_status s;
    if ((s = read_picture(b, net)) || (s = read_levels(b, net)) || (s = read_shape(b, net, common)) ||
        (s = check_levels(b, net, common)) || (s = read_labels(b, net)))
        return s;
    return read_schedule(b, &net->schedule);
}
