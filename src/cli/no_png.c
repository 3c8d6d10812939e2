/* no_png.c - replaces png.c in builds without libpng (WebAssembly, PAL_PNG=OFF): only --raw can be used. */
#include "png.h"

#include <stdio.h>

static bool refuse(const char *path)
{
    fprintf(stderr,
            "palimpsest: %s: this build cannot read or write PNG files (it was built without libpng); use --raw and "
            "--likelihood-raw\n",
            path);
    return false;
}

bool bitmap_read(const char *path, int32_t channels, uint8_t behind, bitmap *out)
{
    (void)behind;
    *out = (bitmap){.channels = channels};
    return refuse(path);
}

bool bitmap_possible(const char *path)
{
    return refuse(path);
}

bool bitmap_write(const char *path, const bitmap *picture)
{
    (void)picture;
    return refuse(path);
}
