#include "conv2d.h"

#include <string.h>

void pal_conv2d_layout(pal_conv2d_room *room, size_t widest, pal_arena *arena)
{
    room->patches = pal_take(arena, PAL_CONV_PIXELS * widest, sizeof *room->patches);
    pal_quantized_layout(&room->room, PAL_CONV_PIXELS, widest, arena);
}

int pal_conv2d_extent(const pal_conv2d *c, int pixels)
{
    return (pixels + c->stride - 1) / c->stride;
}

/* Pixels first .. first + count of row `row`, zeros where the picture ends. */
static void copy_row(float *to, const float *x, int row, int first, int count, int height, int width, int in)
{
    const size_t channels = (size_t)in;
    const int left = first < 0 ? -first : 0, right = first + count > width ? first + count - width : 0;
    if (row < 0 || row >= height || left + right >= count) {
        memset(to, 0, (size_t)count * channels * sizeof *to);
        return;
    }
    memset(to, 0, (size_t)left * channels * sizeof *to);
    memcpy(to + (size_t)left * channels, x + ((size_t)row * (size_t)width + (size_t)(first + left)) * channels,
           (size_t)(count - left - right) * channels * sizeof *to);
    memset(to + (size_t)(count - right) * channels, 0, (size_t)right * channels * sizeof *to);
}

static void lay_out_patch(float *patch, const pal_conv2d *c, const float *x, int at_y, int at_x, int height, int width)
{
    const int reach = c->size / 2;
    for (int ky = 0; ky < c->size; ky++, patch += (size_t)c->size * (size_t)c->in)
        copy_row(patch, x, at_y * c->stride + ky - reach, at_x * c->stride - reach, c->size, height, width, c->in);
}

static void add_bias(const pal_kernels *k, float *y, const float *bias, int n, int out)
{
    for (int i = 0; bias && i < n; i++) k->add(y + (size_t)i * (size_t)out, bias, (size_t)out);
}

void pal_conv2d_run(const pal_kernels *k, const pal_conv2d *c, float *y, const float *x, int height, int width,
                    const pal_conv2d_room *room)
{
    const int columns = pal_conv2d_extent(c, width), pixels = pal_conv2d_extent(c, height) * columns;
    const size_t patch = (size_t)(c->size * c->size) * (size_t)c->in, out = (size_t)c->w.rows;
    for (int done = 0; done < pixels; done += PAL_CONV_PIXELS) {
        const int n = pixels - done < PAL_CONV_PIXELS ? pixels - done : PAL_CONV_PIXELS;
        const float *rows = x + (size_t)done * patch; /* 1x1: the pixels themselves */
        if (c->size > 1 || c->stride > 1) {
            for (int i = 0; i < n; i++)
                lay_out_patch(room->patches + (size_t)i * patch, c, x, (done + i) / columns, (done + i) % columns,
                              height, width);
            rows = room->patches;
        }
        pal_linear(k, y + (size_t)done * out, rows, &c->w, n, &room->room, true);
        add_bias(k, y + (size_t)done * out, c->bias, n, c->w.rows);
    }
}
