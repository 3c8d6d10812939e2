/* conv2d.c - convolutions as products: copies patches to rows (im2col) and multiplies them. */
#include "conv2d.h"
#include "rows.h"

#include <string.h>

void pal_conv2d_layout(pal_conv2d_scratch *scratch, int threads, size_t widest, size_t values, pal_arena *arena)
{
    const size_t rows = (size_t)threads * PAL_CONV_PIXELS;
    scratch->widest = widest;
    scratch->patches = pal_take2(arena, rows, widest, sizeof *scratch->patches);
    pal_quantized_layout(&scratch->rows, rows, widest, arena);
    pal_quantized_layout(&scratch->whole, 1, values, arena);
}

/* The part of the scratch memory that a thread uses. */
static pal_conv2d_scratch scratch_of(const pal_conv2d_scratch *all, int thread)
{
    const size_t row = (size_t)thread * PAL_CONV_PIXELS;
    pal_conv2d_scratch own = *all;
    own.patches += row * all->widest;
    own.rows = pal_quantized_from(&all->rows, row * (all->widest / PAL_BLOCK + 1) * PAL_BLOCK);
    return own;
}

int pal_conv2d_extent(const pal_conv2d *c, int pixels)
{
    return (pixels + c->stride - 1) / c->stride;
}

/* The source of patches: floats, or one of the arrays of a quantised picture. */
typedef struct {
    unsigned char *to;         /* patches [.., size, size], `bytes` per pixel */
    const unsigned char *from; /* [height, width], `bytes` per pixel; the value zero must be all zero bytes */
    size_t bytes;              /* of a pixel */
    int height, width;
} source;

/* Copies a few words; for so few a call of memcpy is slower. */
static inline void copy_words(unsigned char *to, const unsigned char *from, size_t bytes)
{
    for (; bytes >= PAL_BLOCK; bytes -= PAL_BLOCK, to += PAL_BLOCK, from += PAL_BLOCK) memcpy(to, from, PAL_BLOCK);
    for (; bytes; bytes -= sizeof(float), to += sizeof(float), from += sizeof(float)) memcpy(to, from, sizeof(float));
}

/* Copies pixels first .. first + count of row `row`, with zeros outside of the picture. */
static void copy_row(unsigned char *to, const source *s, int row, int first, int count)
{
    const int left = first < 0 ? -first : 0, right = first + count > s->width ? first + count - s->width : 0;
    if (row < 0 || row >= s->height || left + right >= count) {
        memset(to, 0, (size_t)count * s->bytes);
        return;
    }
    const size_t kept = (size_t)(count - left - right) * s->bytes;
    if (left) memset(to, 0, (size_t)left * s->bytes);
    to += (size_t)left * s->bytes;
    copy_words(to, s->from + ((size_t)row * (size_t)s->width + (size_t)(first + left)) * s->bytes, kept);
    if (right) memset(to + kept, 0, (size_t)right * s->bytes);
}

/* Copies the patches of outputs done .. done + n. */
static void im2col(const pal_conv2d *c, const source *s, int done, int n)
{
    const int reach = c->size / 2, columns = pal_conv2d_extent(c, s->width);
    const size_t step = (size_t)c->size * s->bytes, line = (size_t)s->width * s->bytes;
    unsigned char *to = s->to;
    int row = done / columns, column = done % columns;
    for (int i = 0; i < n; i++) {
        const int top = row * c->stride - reach, left = column * c->stride - reach;
        if (top >= 0 && top + c->size <= s->height && left >= 0 && left + c->size <= s->width) {
            const unsigned char *from = s->from + (size_t)top * line + (size_t)left * s->bytes;
            for (int ky = 0; ky < c->size; ky++, to += step, from += line) copy_words(to, from, step);
        } else {
            for (int ky = 0; ky < c->size; ky++, to += step) copy_row(to, s, top + ky, left, c->size);
        }
        if (++column == columns) row++, column = 0;
    }
}

/* Copies the patches of the quantised picture. */
static void im2col_quantized(const pal_conv2d *c, const pal_conv2d_scratch *scratch, int height, int width, int done,
                             int n)
{
    const pal_quantized *from = &scratch->whole, *to = &scratch->rows;
    const size_t channels = (size_t)c->in, blocks = channels / PAL_BLOCK;
    const source parts[] = {
        {(unsigned char *)to->q, (unsigned char *)from->q, channels, height, width},
        {(unsigned char *)to->scale, (unsigned char *)from->scale, blocks * sizeof(float), height, width},
        {(unsigned char *)to->bias, (unsigned char *)from->bias, blocks * sizeof(int32_t), height, width},
        {(unsigned char *)to->wide, (unsigned char *)from->wide, channels * sizeof(int16_t), height, width},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].to) im2col(c, &parts[i], done, n);
}

/* Computes outputs done .. done + n from a picture that is already quantised. */
static void run_quantized(const pal_compute *compute, const pal_conv2d *c, float *y, int height, int width, int done,
                          int n, const pal_conv2d_scratch *scratch)
{
    pal_quantized rows = scratch->rows;
    if (c->size > 1 || c->stride > 1)
        im2col_quantized(c, scratch, height, width, done, n);
    else
        rows = pal_quantized_from(&scratch->whole, (size_t)done * (size_t)c->in); /* every pixel starts at a block */
    pal_input in = pal_input_quantized(&rows, n, c->w.cols);
    pal_linear(compute, y, &in, &c->w);
}

static void run_floats(const pal_compute *compute, const pal_conv2d *c, float *y, const float *x, int height, int width,
                       int done, int n, const pal_conv2d_scratch *scratch)
{
    const float *rows = x + (size_t)done * (size_t)c->in; /* 1x1: the patches are the pixels themselves */
    if (c->size > 1 || c->stride > 1) {
        const source s = {(unsigned char *)scratch->patches, (const unsigned char *)x, (size_t)c->in * sizeof *x,
                          height, width};
        im2col(c, &s, done, n);
        rows = scratch->patches;
    }
    pal_input in = pal_input_of(&scratch->rows, rows, n, c->w.cols);
    pal_linear(compute, y, &in, &c->w);
}

typedef struct {
    pal_compute compute; /* of one thread */
    const pal_conv2d *conv;
    float *y;
    const float *x;
    int height, width, pixels, tile; /* outputs; outputs of a tile */
    bool once;                       /* the picture is quantised already */
    const pal_conv2d_scratch *scratch;
} job;

static void run_tiles(void *context, int from, int to, int thread)
{
    const job *j = context;
    const pal_conv2d_scratch scratch = scratch_of(j->scratch, thread);
    for (int done = from * j->tile; from < to; from++, done += j->tile) {
        const int n = j->pixels - done < j->tile ? j->pixels - done : j->tile;
        float *out = j->y + (size_t)done * (size_t)j->conv->w.rows;
        if (j->once)
            run_quantized(&j->compute, j->conv, out, j->height, j->width, done, n, &scratch);
        else
            run_floats(&j->compute, j->conv, out, j->x, j->height, j->width, done, n, &scratch);
    }
}

/* Outputs of a tile: fewer than usual if the threads would have too few tiles, but enough for fast products. */
static int tile_of(const pal_team *team, int pixels)
{
    enum { FEWEST = 16, TILES = 4 }; /* of each thread */
    const int even = (pixels / (TILES * pal_team_threads(team)) + 7) / 8 * 8;
    return !team || even > PAL_CONV_PIXELS ? PAL_CONV_PIXELS : even < FEWEST ? FEWEST : even;
}

void pal_conv2d_run(const pal_compute *compute, const pal_conv2d *c, float *y, const float *x, int height, int width,
                    const pal_conv2d_scratch *scratch)
{
    const int pixels = pal_conv2d_extent(c, height) * pal_conv2d_extent(c, width);
    const size_t work = (size_t)pixels * (size_t)c->w.rows * (size_t)c->w.cols;
    pal_team *team = pal_compute_team(compute, work);
    job j = {.compute = {.kernels = compute->kernels},
             .conv = c,
             .y = y,
             .x = x,
             .height = height,
             .width = width,
             .pixels = pixels,
             .tile = tile_of(team, pixels),
             .once = !pal_weights_float(c->w.type) && c->in % PAL_BLOCK == 0,
             .scratch = scratch};
    if (j.once) pal_rows_quantize(compute, &scratch->whole, x, (size_t)height * (size_t)width * (size_t)c->in);
    pal_team_run(team, run_tiles, &j, (pixels + j.tile - 1) / j.tile);
}
