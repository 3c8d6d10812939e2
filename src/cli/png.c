/* png.c - reads and writes PNG files with libpng.
 *
 * libpng reports errors with longjmp.  Everything that must be freed then is therefore in a struct that outlives the
 * jump, and functions that call setjmp own nothing else. */
#include "png.h"
#include "cli.h"

#include <errno.h>
#include <png.h> /* NOLINT(readability-duplicate-include): libpng's */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    FILE *file;
    png_structp png;
    png_infop info;
    png_bytep pixels; /* 4 bytes each when reading */
    png_bytepp rows;
    png_uint_32 width, height;
    char message[128];
} codec;

static void on_error(png_structp png, png_const_charp message)
{
    codec *c = png_get_error_ptr(png);
    snprintf(c->message, sizeof c->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message; /* ignored: for example an unknown colour profile */
}

static bool complain(const char *path, const char *what)
{
    fprintf(stderr, "palimpsest: %s: %s\n", path, what);
    return false;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static bool has_signature(FILE *file)
{
    png_byte start[8];
    return fread(start, 1, sizeof start, file) == sizeof start && png_sig_cmp(start, 0, sizeof start) == 0;
}

static bool read_header(codec *c)
{
    if (setjmp(png_jmpbuf(c->png))) return false;
    png_init_io(c->png, c->file);
    png_set_sig_bytes(c->png, 8);
    png_set_user_limits(c->png, BITMAP_LONGEST_SIDE, BITMAP_LONGEST_SIDE);
    png_set_chunk_malloc_max(c->png, 1 << 22);
    png_read_info(c->png, c->info);
    png_set_expand(c->png); /* palettes, fewer than 8 bits per channel, and transparent colours */
    png_set_scale_16(c->png);
    png_set_gray_to_rgb(c->png);
    png_set_add_alpha(c->png, 0xff, PNG_FILLER_AFTER);
    png_set_interlace_handling(c->png);
    png_read_update_info(c->png, c->info);
    c->width = png_get_image_width(c->png, c->info);
    c->height = png_get_image_height(c->png, c->info);
    if (png_get_rowbytes(c->png, c->info) != 4 * (size_t)c->width) png_error(c->png, "unsupported kind of PNG");
    return true;
}

static bool lay_out_rows(codec *c, png_bytep pixels, size_t channels)
{
    c->rows = malloc(c->height * sizeof *c->rows);
    for (png_uint_32 y = 0; c->rows && y < c->height; y++) c->rows[y] = pixels + (size_t)y * c->width * channels;
    return c->rows != NULL;
}

static bool read_pixels(codec *c)
{
    if (setjmp(png_jmpbuf(c->png))) return false;
    png_read_image(c->png, c->rows);
    png_read_end(c->png, NULL);
    return true;
}

static bool decode(codec *c)
{
    c->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, c, on_error, on_warning);
    c->info = c->png ? png_create_info_struct(c->png) : NULL;
    snprintf(c->message, sizeof c->message, "not enough memory to read it");
    if (!c->info || !read_header(c)) return false;
    c->pixels = calloc((size_t)c->width * c->height, 4);
    return c->pixels && lay_out_rows(c, c->pixels, 4) && read_pixels(c);
}

static unsigned composed(const png_byte *pixel, int channel, unsigned behind)
{
    unsigned alpha = pixel[3];
    return (pixel[channel] * alpha + behind * (255 - alpha) + 127) / 255;
}

static uint8_t *converted(const codec *c, int32_t channels, unsigned behind)
{
    const size_t count = (size_t)c->width * c->height;
    uint8_t *out = malloc(count * (size_t)channels);
    for (size_t i = 0; out && i < count; i++) {
        const png_byte *pixel = c->pixels + 4 * i;
        const unsigned red = composed(pixel, 0, behind), green = composed(pixel, 1, behind);
        const unsigned blue = composed(pixel, 2, behind);
        if (channels == 1) {
            out[i] = (uint8_t)((299 * red + 587 * green + 114 * blue + 500) / 1000);
            continue;
        }
        out[3 * i] = (uint8_t)red;
        out[3 * i + 1] = (uint8_t)green;
        out[3 * i + 2] = (uint8_t)blue;
    }
    return out;
}

bool bitmap_read(const char *path, int32_t channels, uint8_t behind, bitmap *out)
{
    codec c = {.file = fopen(path, "rb")};
    *out = (bitmap){0};
    if (!c.file) return complain(path, strerror(errno));
    bool good = has_signature(c.file);
    if (!good) snprintf(c.message, sizeof c.message, "not a PNG file");
    good = good && decode(&c);
    if (good) {
        *out = (bitmap){(int32_t)c.width, (int32_t)c.height, channels, converted(&c, channels, behind)};
        good = out->pixels != NULL;
        if (!good) snprintf(c.message, sizeof c.message, "not enough memory to convert it");
    }
    png_destroy_read_struct(&c.png, &c.info, NULL);
    fclose(c.file);
    free(c.rows);
    free(c.pixels);
    return good || complain(path, c.message);
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static bool write_all(codec *c, const bitmap *p)
{
    if (setjmp(png_jmpbuf(c->png))) return false;
    png_init_io(c->png, c->file);
    png_set_IHDR(c->png, c->info, c->width, c->height, 8, p->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(c->png, c->info);
    png_write_image(c->png, c->rows);
    png_write_end(c->png, NULL);
    return true;
}

bool bitmap_possible(const char *path)
{
    (void)path;
    return true;
}

bool bitmap_write(const char *path, const bitmap *p)
{
    output o;
    if (!output_open(&o, path)) return false;
    codec c = {.file = o.file, .width = (png_uint_32)p->width, .height = (png_uint_32)p->height};
    snprintf(c.message, sizeof c.message, "not enough memory to write it");
    c.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &c, on_error, on_warning);
    c.info = c.png ? png_create_info_struct(c.png) : NULL;
    bool good = c.info && lay_out_rows(&c, p->pixels, (size_t)p->channels) && write_all(&c, p);
    png_destroy_write_struct(&c.png, &c.info);
    free(c.rows);
    if (!good && !ferror(o.file)) complain(path, c.message); /* otherwise output_close reports the error */
    return output_close(&o, good || ferror(o.file));
}
