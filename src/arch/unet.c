/* unet.c - computes the U-Net, which predicts a picture's noise from the picture and a time; unet_bind.c binds it. */
#include "unet_bind.h"
#include "../core/math.h"
#include "../nn/resample.h"

/* The state of an evaluation. */
typedef struct {
    const pal_unet *net;
    const pal_compute *compute;
    pal_unet_scratch *scratch;
    float *h;    /* the current features: in scratch->x, scratch->y, or among the skips */
    float *skip; /* where the next skip is stored; on the way up, the end of the skips that are left */
} pass;

/* ---- scratch memory ----------------------------------------------------- */

static size_t pixels_of(const pal_unet_level *l)
{
    return pal_times((size_t)l->height, (size_t)l->width);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t pal_unet_skips(const pal_unet *net)
{
    size_t values = 0;
    for (int l = 0; l < net->levels; l++)
        values = pal_plus(values, pal_times(pal_times((size_t)net->blocks, pixels_of(&net->level[l])),
                                            (size_t)net->level[l].channels));
    return values;
}

pal_block_sizes pal_unet_sizes(const pal_unet *net)
{
    const size_t cells = pal_times(pal_times((size_t)net->patch, (size_t)net->patch), (size_t)net->channels);
    pal_block_sizes sizes = {
        .values = larger(pal_times(pixels_of(&net->level[0]), cells),
                         (size_t)net->embedding), /* both are quantised with the scratch memory of pictures */
        .widest = (size_t)net->embedding,
        .patch = pal_times(9, cells)};
    sizes.values = larger(sizes.values, (size_t)net->sinusoids);
    for (int l = 0; l < net->levels; l++) {
        const size_t channels = (size_t)net->level[l].channels,
                     joined = pal_times(2, channels); /* concatenated with a skip */
        const size_t finer =
            pal_times(pixels_of(&net->level[l > 0 ? l - 1 : 0]), channels); /* after doubling the extent */
        sizes.values = larger(sizes.values, larger(pal_times(pixels_of(&net->level[l]), joined), finer));
        sizes.widest = larger(sizes.widest, joined);
        sizes.patch = larger(sizes.patch, pal_times(9, joined));
    }
    return sizes;
}

void pal_unet_layout(pal_unet_scratch *scratch, const pal_unet *net, int threads, pal_arena *arena)
{
    const pal_block_sizes sizes = pal_unet_sizes(net);
    size_t pixels = 0, widest = 0;
    for (int l = 0; l < net->levels; l++) {
        const pal_unet_level *level = &net->level[l];
        if (!level->attends && l < net->levels - 1) continue;
        pixels = larger(pixels, pixels_of(level));
        widest = larger(widest, (size_t)level->channels);
    }
    *scratch = (pal_unet_scratch){0};
    scratch->skip = pal_take(arena, pal_unet_skips(net), sizeof *scratch->skip);
    scratch->x = pal_take(arena, sizes.values, sizeof *scratch->x);
    scratch->y = pal_take(arena, sizes.values, sizeof *scratch->y);
    scratch->joined = pal_take(arena, sizes.values, sizeof *scratch->joined);
    scratch->sines = pal_take(arena, (size_t)net->sinusoids, sizeof *scratch->sines);
    scratch->e = pal_take(arena, (size_t)net->embedding, sizeof *scratch->e);
    scratch->hidden = pal_take(arena, (size_t)net->embedding, sizeof *scratch->hidden);
    scratch->row = pal_take(arena, (size_t)net->embedding, sizeof(float));
    pal_block_layout(&scratch->blocks, threads, &sizes, arena);
    pal_attention_layout(&scratch->attention, threads, pixels, widest, arena);
}

/* ---- parts -------------------------------------------------------------- */

static void trace_stage(const pass *p, const float *x, int height, int width, int channels)
{
    if (p->scratch->watch) p->scratch->watch(p->scratch->watching, x, height, width, channels);
}

/* w_i = 10000^(-i / half): Vaswani et al. 2017. */
void pal_unet_frequencies(pal_unet *net)
{
    const int half = net->sinusoids / 2;
    for (int i = 0; i < half; i++) net->frequency[i] = pal_pow(10000.0, -(double)i / half);
}

/* e = time.1(silu(time.0(sinusoids))) + label_embd[label]; then silu(e), which the blocks use. */
static void embed(const pass *p, double time, int label)
{
    const pal_unet *net = p->net;
    const pal_quantized *scratch = &p->scratch->blocks.conv.whole;
    float *sines = p->scratch->sines, *e = p->scratch->e, *hidden = p->scratch->hidden;
    const int half = net->sinusoids / 2;
    const size_t size = (size_t)net->embedding;
    for (int i = 0; i < half; i++) {
        double sine, cosine;
        pal_sincos(1000.0 * time * net->frequency[i], &sine, &cosine);
        sines[i] = (float)cosine;
        sines[half + i] = (float)sine;
    }
    pal_input in = pal_input_of(scratch, sines, 1, net->sinusoids);
    pal_linear(p->compute, hidden, &in, &net->time[0]);
    p->compute->kernels->silu(hidden, size);
    in = pal_input_of(scratch, hidden, 1, net->embedding);
    pal_linear(p->compute, e, &in, &net->time[1]);
    if (net->label_embd.data) {
        pal_matrix_row(hidden, &net->label_embd, label < 0 ? net->labels : label, p->scratch->row);
        p->compute->kernels->add(e, hidden, size);
    }
    trace_stage(p, e, 1, 1, net->embedding);
    p->compute->kernels->silu(e, size);
}

/* Whichever of x and y does not hold the features. */
static float *other(const pass *p)
{
    return p->h == p->scratch->x ? p->scratch->y : p->scratch->x;
}

/* Computes `to` [height, width, out] from `from` [height, width, in]; `to` becomes the features. */
static void residual(pass *p, const pal_residual_block *b, const pal_unet_level *l, float *to, const float *from)
{
    pal_residual_block_run(p->compute, b, to, from, l->height, l->width, p->scratch->e, &p->scratch->blocks);
    p->h = to;
}

static void attend(const pass *p, const pal_attention_block *b, const pal_unet_level *l)
{
    pal_attention_block_run(p->compute, b, p->h, l->height * l->width, &p->scratch->blocks, &p->scratch->attention);
}

static void convolve(pass *p, const pal_conv2d *c, float *to, const float *from, int height, int width)
{
    pal_conv2d_run(p->compute, c, to, from, height, width, &p->scratch->blocks.conv);
    p->h = to;
}

/* ---- input, down, middle, up, output ------------------------------------ */

static void enter(pass *p, const float *x)
{
    const pal_unet *net = p->net;
    const pal_unet_level *l = &net->level[0];
    pal_to_patches(p->scratch->joined, x, net->height, net->width, net->channels, net->patch);
    convolve(p, &net->conv_in, p->scratch->x, p->scratch->joined, l->height,
             l->width); /* h [height, width, channels] */
    trace_stage(p, p->h, l->height, l->width, l->channels);
}

/* Every block writes its output directly to the skips. */
static void down(pass *p, const pal_unet_level *l)
{
    for (int b = 0; b < p->net->blocks; b++) {
        residual(p, &l->down[b].residual, l, p->skip, p->h);
        if (l->attends) attend(p, &l->down[b].attention, l);
        p->skip += pixels_of(l) * (size_t)l->channels;
        trace_stage(p, p->h, l->height, l->width, l->channels);
    }
    if (!l->shrink.w.data) return;
    convolve(p, &l->shrink, p->scratch->x, p->h, l->height, l->width); /* h [next height, next width, channels] */
    trace_stage(p, p->h, l[1].height, l[1].width, l->channels);
}

static void through(pass *p, const pal_unet_level *l)
{
    residual(p, &p->net->mid[0], l, p->scratch->x, p->h);
    attend(p, &p->net->mid_attention, l);
    residual(p, &p->net->mid[1], l, p->scratch->y, p->h);
    trace_stage(p, p->h, l->height, l->width, l->channels);
}

/* Uses the last skip first; extra blocks on the way up have no skip. */
static void up(pass *p, const pal_unet_level *l)
{
    const int pixels = l->height * l->width;
    for (int b = 0; b < p->net->up_blocks; b++) {
        const float *from = p->h;
        if (b < p->net->blocks) {
            p->skip -= (size_t)pixels * (size_t)l->channels;
            pal_join_channels(p->scratch->joined, p->h, l->channels, p->skip, l->channels, pixels);
            from = p->scratch->joined; /* [pixels, 2 * channels] */
        }
        residual(p, &l->up[b].residual, l, other(p), from);
        if (l->attends) attend(p, &l->up[b].attention, l);
        trace_stage(p, p->h, l->height, l->width, l->channels);
    }
    if (!l->grow.w.data) return;
    const pal_unet_level *finer = l - 1;
    pal_double_extent(p->scratch->joined, p->h, finer->height, finer->width, l->channels);
    convolve(p, &l->grow, other(p), p->scratch->joined, finer->height, finer->width);
    trace_stage(p, p->h, finer->height, finer->width, finer->channels);
}

/* Computes a head's output from the last features, which stay unchanged. */
static void leave(pass *p, const pal_unet_head *head, float *to)
{
    const pal_unet *net = p->net;
    const pal_unet_level *l = &net->level[0];
    const pal_block_scratch *scratch = &p->scratch->blocks;
    float *const features = p->h;
    if (head->deep) residual(p, &head->block, l, other(p), features);
    pal_group_norm_run(p->compute, &head->norm, scratch->h, p->h, l->height * l->width, NULL, PAL_NORM_SILU,
                       &scratch->norm);
    convolve(p, &head->conv, scratch->t, scratch->h, l->height,
             l->width); /* t [height, width, patch * patch * channels] */
    pal_from_patches(to, scratch->t, net->height, net->width, net->channels, net->patch);
    trace_stage(p, to, net->height, net->width, net->channels);
    p->h = features;
}

void pal_unet_forward(const pal_unet *net, const pal_compute *compute, pal_unet_scratch *scratch, const float *x,
                      double time, int label, pal_noise_head head, float *eps, float *second)
{
    pass p = {.net = net, .compute = compute, .scratch = scratch, .skip = scratch->skip};
    PAL_ASSERT(label >= -1 && label < net->labels && net->head[head].present);
    embed(&p, time, label);
    enter(&p, x);
    for (int l = 0; l < net->levels; l++) down(&p, &net->level[l]);
    through(&p, &net->level[net->levels - 1]);
    for (int l = net->levels - 1; l >= 0; l--) up(&p, &net->level[l]);
    leave(&p, &net->head[PAL_HEAD_NONE], eps);
    if (head != PAL_HEAD_NONE) leave(&p, &net->head[head], second);
}
