/* fuzz_picture.c - fuzzes headers of picture models: a file is refused with a proper error, or every query works and it
 * draws.
 *
 * The input is a list of changes to the header of tests/models/unet-labels.gguf (metadata, names, shapes): of every 3
 * bytes the first two are an offset and the third is the byte to write there.  Opening as stored is cheap.  A file that
 * opens is packed and draws a picture only if one byte of input remains and is a multiple of 16. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gguf/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond) ((cond) ? (void)0 : abort())

static struct {
    uint8_t *original, *image; /* aligned to 64 bytes */
    size_t size, header;       /* header: offset of the first tensor */
} file;

static uint8_t *aligned(size_t size)
{
    uint8_t *block = malloc(size + 63);
    REQUIRE(block);
    return (uint8_t *)(((uintptr_t)block + 63) & ~(uintptr_t)63);
}

static size_t end_of_header(const uint8_t *data, size_t size)
{
    pal_gguf *g;
    size_t end = size;
    REQUIRE(pal_gguf_open(&g, data, size, NULL) == PAL_OK);
    for (size_t i = 0; i < pal_gguf_tensors(g); i++)
        if (pal_gguf_tensor_at(g, i)->offset < end) end = pal_gguf_tensor_at(g, i)->offset;
    pal_gguf_close(g);
    REQUIRE(end < 65536);
    return end;
}

static void load(void)
{
    FILE *stream = fopen(PAL_SOURCE_DIR "/tests/models/unet-labels.gguf", "rb");
    REQUIRE(stream && fseek(stream, 0, SEEK_END) == 0);
    file.size = (size_t)ftell(stream);
    rewind(stream);
    file.original = aligned(file.size);
    file.image = aligned(file.size);
    REQUIRE(fread(file.original, 1, file.size, stream) == file.size);
    fclose(stream);
    file.header = end_of_header(file.original, file.size);
}

/* Restores the image, including weights changed by packing, and damages it anew. */
static void damage(const uint8_t *data, size_t size, bool packed)
{
    memcpy(file.image, file.original, packed ? file.size : file.header);
    for (size_t i = 0; i + 3 <= size; i += 3) {
        size_t at = (size_t)data[i] | (size_t)data[i + 1] << 8;
        file.image[at % file.header] = data[i + 2];
    }
}

static void ask(const pal_model *m)
{
    const pal_image_info *info = pal_model_image(m);
    const char *why = NULL;
    REQUIRE((info != NULL) == pal_model_info(m)->can_image);
    REQUIRE(info || pal_model_info(m)->why_not);
    for (int32_t i = 0; info && i < info->labels; i++) REQUIRE(strlen(pal_image_label(m, i)) < 64);
    for (int s = 0; s < PAL_IMAGE_SAMPLERS; s++)
        REQUIRE(pal_image_supports(m, (pal_image_sampler)s, &why) || (why && *why));
}

/* Makes two steps if the picture is small enough. */
static void draw(const pal_model *m)
{
    pal_image_options o = pal_image_defaults(pal_image_default_sampler(m));
    pal_drawing *d;
    pal_error err = {0};
    size_t bytes;
    o.steps = 2;
    o.label = pal_model_image(m)->labels - 1;
    if (pal_image_bytes(m, &o, &bytes, &err)) {
        REQUIRE(err.text && err.status < 0);
        return;
    }
    if (bytes > 1 << 22) return;
    void *block = malloc(bytes);
    uint8_t *pixels = malloc(bytes);
    REQUIRE(block && pixels && pal_image_init(&d, m, &o, block, bytes, &err) == PAL_OK);
    pal_status s = PAL_MORE;
    while (s == PAL_MORE) s = pal_image_step(d, &err);
    REQUIRE(s == PAL_OK || s == PAL_E_FORMAT);
    pal_image_pixels(d, PAL_IMAGE_PREDICTED, 0, pixels);
    free(block);
    free(pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pal_model *m;
    pal_error err = {0};
    if (!file.size) load();
    damage(data, size, false);
    if (pal_model_open(&m, file.image, file.size, PAL_OPEN_AS_STORED, &err)) {
        REQUIRE(err.text && err.status < 0);
        return 0;
    }
    ask(m);
    const bool draws = pal_model_image(m) && size % 3 == 1 && data[size - 1] % 16 == 0;
    pal_model_close(m);
    if (!draws) return 0;
    REQUIRE(pal_model_open(&m, file.image, file.size, 0, &err) == PAL_OK);
    draw(m);
    pal_model_close(m);
    damage(NULL, 0, true);
    return 0;
}
