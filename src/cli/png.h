/* png.h - PNG files in and out (internal to the command line). */
#ifndef PAL_CLI_PNG_H
#define PAL_CLI_PNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BITMAP_LONGEST_SIDE = 4096 }; /* pixels; larger files are not decoded */

typedef struct {
    int32_t width, height, channels; /* 1: grey, 3: red, green, blue */
    uint8_t *pixels;                 /* [height, width, channels], the owner's to free */
} bitmap;

/* Reads a file of any PNG kind as 8 bits and `channels` (1 or 3), on a ground of grey `behind` where it is transparent;
 * colours become grey by their luma.  Prints what is wrong; out->pixels is then NULL. */
bool bitmap_read(const char *path, int32_t channels, uint8_t behind, bitmap *out);

/* Whether this build writes PNG files at all.  Prints if not. */
bool bitmap_possible(const char *path);

/* Writes 8 bits a channel.  Prints what is wrong; what stood there is then still there. */
bool bitmap_write(const char *path, const bitmap *picture);

#endif
