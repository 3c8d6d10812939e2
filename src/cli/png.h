/* png.h - reads and writes PNG files (internal to the command line). */
#ifndef PAL_CLI_PNG_H
#define PAL_CLI_PNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BITMAP_LONGEST_SIDE = 4096 }; /* pixels; larger files are not decoded */

typedef struct {
    int32_t width, height, channels; /* 1: grey, 3: red, green, blue */
    uint8_t *pixels;                 /* [height, width, channels], owned */
} bitmap;

/* Reads a PNG file of any kind as 8 bits per channel and `channels` (1 or 3) channels.  Transparent pixels are blended
 * with a background of grey level `behind`; colours are converted to grey by their luma.  If it fails, prints an error
 * and sets out->pixels to NULL; otherwise the caller frees out->pixels. */
bool bitmap_read(const char *path, int32_t channels, uint8_t behind, bitmap *out);

/* Whether this build can write PNG files.  Prints an error if not. */
bool bitmap_possible(const char *path);

/* Writes 8 bits per channel.  If it fails, prints an error and keeps an existing file. */
bool bitmap_write(const char *path, const bitmap *picture);

#endif
