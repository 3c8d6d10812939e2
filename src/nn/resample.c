/* resample.c - patches, doubling of the extent, and concatenation of channels. */
#include "resample.h"

#include <stddef.h>
#include <string.h>

/* Index in the picture of row dy of the patch at (y, x). */
static size_t row_at(int y, int x, int dy, int width, int channels)
{
    return ((size_t)(y + dy) * (size_t)width + (size_t)x) * (size_t)channels;
}

/* A row of a patch is `patch` adjacent pixels. */
void pal_to_patches(float *y, const float *x, int height, int width, int channels, int patch)
{
    const size_t run = (size_t)patch * (size_t)channels;
    for (int at_y = 0; at_y < height; at_y += patch)
        for (int at_x = 0; at_x < width; at_x += patch)
            for (int dy = 0; dy < patch; dy++, y += run)
                memcpy(y, x + row_at(at_y, at_x, dy, width, channels), run * sizeof *y);
}

void pal_from_patches(float *y, const float *x, int height, int width, int channels, int patch)
{
    const size_t run = (size_t)patch * (size_t)channels;
    for (int at_y = 0; at_y < height; at_y += patch)
        for (int at_x = 0; at_x < width; at_x += patch)
            for (int dy = 0; dy < patch; dy++, x += run)
                memcpy(y + row_at(at_y, at_x, dy, width, channels), x, run * sizeof *y);
}

void pal_double_extent(float *y, const float *x, int height, int width, int channels)
{
    const size_t pixel = (size_t)channels, row = (size_t)((width + 1) / 2) * pixel;
    for (int at_y = 0; at_y < height; at_y++)
        for (int at_x = 0; at_x < width; at_x++, y += pixel)
            memcpy(y, x + (size_t)(at_y / 2) * row + (size_t)(at_x / 2) * pixel, pixel * sizeof *y);
}

void pal_join_channels(float *y, const float *x, int a, const float *z, int b, int pixels)
{
    const size_t first = (size_t)a, second = (size_t)b;
    for (int i = 0; i < pixels; i++, y += first + second, x += first, z += second) {
        memcpy(y, x, first * sizeof *y);
        memcpy(y + first, z, second * sizeof *y);
    }
}
