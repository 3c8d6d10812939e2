/* no_png.c - in the place of png.c where there is no libpng (WebAssembly, PAL_PNG=OFF): only --raw remains. */
#include "png.h"

#include <stdio.h>

static bool refuse(const char *path)
{
    fprintf(stderr,
            "palimpsest: %s: this build reads and writes no PNG files (it was made without libpng); "
            "--raw and --likelihood-raw work\n",
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
