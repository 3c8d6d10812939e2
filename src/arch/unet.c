/* unet.c - the U-Net from a picture and a time to the picture's noise; binding is in unet_bind.c. */
#include "unet_bind.h"
#include "../core/math.h"
#include "../nn/resample.h"

/* An evaluation under way. */
typedef struct {
    const pal_unet *net;
    const pal_compute *compute;
    pal_unet_room *room;
    float *h;    /* the features so far: in room->x, room->y, or among the skips */
    float *skip; /* where the next skip goes, on the way up: behind the last that is left */
} pass;

/* ---- work space --------------------------------------------------------- */

static size_t places_of(const pal_unet_level *l)
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
        values = pal_plus(values, pal_times(pal_times((size_t)net->blocks, places_of(&net->level[l])),
                                            (size_t)net->level[l].channels));
    return values;
}

pal_block_sizes pal_unet_sizes(const pal_unet *net)
{
    const size_t cells = pal_times(pal_times((size_t)net->patch, (size_t)net->patch), (size_t)net->channels);
    pal_block_sizes sizes = {.values = larger(pal_times(places_of(&net->level[0]), cells),
                                              (size_t)net->embedding), /* both are quantised like pictures */
                             .widest = (size_t)net->embedding,
                             .patch = pal_times(9, cells)};
    sizes.values = larger(sizes.values, (size_t)net->sinusoids);
    for (int l = 0; l < net->levels; l++) {
        const size_t channels = (size_t)net->level[l].channels,
                     joined = pal_times(2, channels);                                        /* with a skip beside */
        const size_t finer = pal_times(places_of(&net->level[l > 0 ? l - 1 : 0]), channels); /* doubled */
        sizes.values = larger(sizes.values, larger(pal_times(places_of(&net->level[l]), joined), finer));
        sizes.widest = larger(sizes.widest, joined);
        sizes.patch = larger(sizes.patch, pal_times(9, joined));
    }
    return sizes;
}

void pal_unet_layout(pal_unet_room *room, const pal_unet *net, pal_arena *arena)
{
    const pal_block_sizes sizes = pal_unet_sizes(net);
    size_t places = 0, widest = 0;
    for (int l = 0; l < net->levels; l++) {
        const pal_unet_level *level = &net->level[l];
        if (!level->attends && l < net->levels - 1) continue;
        places = larger(places, places_of(level));
        widest = larger(widest, (size_t)level->channels);
    }
    *room = (pal_unet_room){0};
    room->skip = pal_take(arena, pal_unet_skips(net), sizeof *room->skip);
    room->x = pal_take(arena, sizes.values, sizeof *room->x);
    room->y = pal_take(arena, sizes.values, sizeof *room->y);
    room->joined = pal_take(arena, sizes.values, sizeof *room->joined);
    room->sines = pal_take(arena, (size_t)net->sinusoids, sizeof *room->sines);
    room->e = pal_take(arena, (size_t)net->embedding, sizeof *room->e);
    room->hidden = pal_take(arena, (size_t)net->embedding, sizeof *room->hidden);
    room->row = pal_take(arena, (size_t)net->embedding, sizeof(float));
    pal_block_layout(&room->blocks, &sizes, arena);
    pal_attention_layout(&room->attention, places, widest, arena);
}

/* ---- parts -------------------------------------------------------------- */

static void tell(const pass *p, const float *x, int height, int width, int channels)
{
    if (p->room->watch) p->room->watch(p->room->watching, x, height, width, channels);
}

/* w_i = 10000^(-i / half): Vaswani et al. 2017. */
void pal_unet_frequencies(pal_unet *net)
{
    const int half = net->sinusoids / 2;
    for (int i = 0; i < half; i++) net->frequency[i] = pal_pow(10000.0, -(double)i / half);
}

/* e = time.1(silu(time.0(sinusoids))) + label_embd[label]; then silu(e), which is what blocks use. */
static void embed(const pass *p, double time, int label)
{
    const pal_unet *net = p->net;
    const pal_quantized *room = &p->room->blocks.conv.whole;
    float *sines = p->room->sines, *e = p->room->e, *hidden = p->room->hidden;
    const int half = net->sinusoids / 2;
    const size_t size = (size_t)net->embedding;
    for (int i = 0; i < half; i++) {
        double sine, cosine;
        pal_sincos(1000.0 * time * net->frequency[i], &sine, &cosine);
        sines[i] = (float)cosine;
        sines[half + i] = (float)sine;
    }
    pal_input in = pal_input_of(room, sines, 1, net->sinusoids);
    pal_linear(p->compute, hidden, &in, &net->time[0]);
    p->compute->kernels->silu(hidden, size);
    in = pal_input_of(room, hidden, 1, net->embedding);
    pal_linear(p->compute, e, &in, &net->time[1]);
    if (net->label_embd.data) {
        pal_matrix_row(hidden, &net->label_embd, label < 0 ? net->labels : label, p->room->row);
        p->compute->kernels->add(e, hidden, size);
    }
    tell(p, e, 1, 1, net->embedding);
    p->compute->kernels->silu(e, size);
}

/* The one of two that holds no features. */
static float *other(const pass *p)
{
    return p->h == p->room->x ? p->room->y : p->room->x;
}

/* h [height, width, out] to `to` from h [height, width, in]. */
static void residual(pass *p, const pal_residual_block *b, const pal_unet_level *l, float *to, const float *from)
{
    pal_residual_block_run(p->compute, b, to, from, l->height, l->width, p->room->e, &p->room->blocks);
    p->h = to;
}

static void attend(const pass *p, const pal_attention_block *b, const pal_unet_level *l)
{
    pal_attention_block_run(p->compute, b, p->h, l->height * l->width, &p->room->blocks, &p->room->attention);
}

static void convolve(pass *p, const pal_conv2d *c, float *to, const float *from, int height, int width)
{
    pal_conv2d_run(p->compute, c, to, from, height, width, &p->room->blocks.conv);
    p->h = to;
}

/* ---- the way down, through, and up -------------------------------------- */

static void enter(pass *p, const float *x)
{
    const pal_unet *net = p->net;
    const pal_unet_level *l = &net->level[0];
    pal_to_patches(p->room->joined, x, net->height, net->width, net->channels, net->patch);
    convolve(p, &net->conv_in, p->room->x, p->room->joined, l->height, l->width); /* h [height, width, channels] */
    tell(p, p->h, l->height, l->width, l->channels);
}

/* Every block writes its output where it is kept. */
static void down(pass *p, const pal_unet_level *l)
{
    for (int b = 0; b < p->net->blocks; b++) {
        residual(p, &l->down[b].residual, l, p->skip, p->h);
        if (l->attends) attend(p, &l->down[b].attention, l);
        p->skip += places_of(l) * (size_t)l->channels;
        tell(p, p->h, l->height, l->width, l->channels);
    }
    if (!l->shrink.w.data) return;
    convolve(p, &l->shrink, p->room->x, p->h, l->height, l->width); /* h [next height, next width, channels] */
    tell(p, p->h, l[1].height, l[1].width, l->channels);
}

static void through(pass *p, const pal_unet_level *l)
{
    residual(p, &p->net->mid[0], l, p->room->x, p->h);
    attend(p, &p->net->mid_attention, l);
    residual(p, &p->net->mid[1], l, p->room->y, p->h);
    tell(p, p->h, l->height, l->width, l->channels);
}

/* The last skip first; blocks beyond those on the way down have none. */
static void up(pass *p, const pal_unet_level *l)
{
    const int places = l->height * l->width;
    for (int b = 0; b < p->net->up_blocks; b++) {
        const float *from = p->h;
        if (b < p->net->blocks) {
            p->skip -= (size_t)places * (size_t)l->channels;
            pal_join_channels(p->room->joined, p->h, l->channels, p->skip, l->channels, places);
            from = p->room->joined; /* [places, 2 * channels] */
        }
        residual(p, &l->up[b].residual, l, other(p), from);
        if (l->attends) attend(p, &l->up[b].attention, l);
        tell(p, p->h, l->height, l->width, l->channels);
    }
    if (!l->grow.w.data) return;
    const pal_unet_level *finer = l - 1;
    pal_double_extent(p->room->joined, p->h, finer->height, finer->width, l->channels);
    convolve(p, &l->grow, other(p), p->room->joined, finer->height, finer->width);
    tell(p, p->h, finer->height, finer->width, finer->channels);
}

/* What a head makes of the last features, which stay. */
static void leave(pass *p, const pal_unet_head *head, float *to)
{
    const pal_unet *net = p->net;
    const pal_unet_level *l = &net->level[0];
    const pal_block_room *room = &p->room->blocks;
    float *const features = p->h;
    if (head->deep) residual(p, &head->block, l, other(p), features);
    pal_group_norm_run(p->compute, &head->norm, room->h, p->h, l->height * l->width, NULL, PAL_NORM_SILU, &room->norm);
    convolve(p, &head->conv, room->t, room->h, l->height, l->width); /* t [height, width, patch * patch * channels] */
    pal_from_patches(to, room->t, net->height, net->width, net->channels, net->patch);
    tell(p, to, net->height, net->width, net->channels);
    p->h = features;
}

void pal_unet_forward(const pal_unet *net, const pal_compute *compute, pal_unet_room *room, const float *x, double time,
                      int label, pal_noise_head head, float *eps, float *second)
{
    pass p = {.net = net, .compute = compute, .room = room, .skip = room->skip};
    PAL_ASSERT(label >= -1 && label < net->labels && net->head[head].present);
    embed(&p, time, label);
    enter(&p, x);
    for (int l = 0; l < net->levels; l++) down(&p, &net->level[l]);
    through(&p, &net->level[net->levels - 1]);
    for (int l = net->levels - 1; l >= 0; l--) up(&p, &net->level[l]);
    leave(&p, &net->head[PAL_HEAD_NONE], eps);
    if (head != PAL_HEAD_NONE) leave(&p, &net->head[head], second);
}
