/* unet_testing.h - a U-Net with its memory, for test_unet.c and test_unet_files.c. */
#ifndef PAL_UNET_TESTING_H
#define PAL_UNET_TESTING_H

#include "../src/arch/unet.h"
#include "../src/core/core.h"
#include "../src/palimpsest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS "tests/models/unet-labels.gguf"
#define PLAIN  "tests/models/unet-plain.gguf"

typedef struct {
    unsigned char *data;
    size_t size, room;
} buffer;

static inline bool append(void *context, const void *data, size_t size)
{
    buffer *b = context;
    if (b->size + size > b->room) {
        b->room = 2 * (b->size + size);
        b->data = realloc(b->data, b->room);
        assert_non_null(b->data);
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return true;
}

static inline buffer read_whole(const char *name)
{
    char path[512], chunk[4096];
    buffer b = {0};
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, name);
    FILE *in = fopen(path, "rb");
    if (!in) fail_msg("cannot open %s", path);
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, in)) > 0;) append(&b, chunk, got);
    fclose(in);
    return b;
}

typedef struct {
    void *image, *block;
    pal_gguf *gguf;
    pal_unet net;
    pal_unet_room room;
    pal_kernels kernels;
    float *eps, *second;
    size_t size; /* values of a picture */
} loaded;

static inline void *aligned_copy(void **block, const unsigned char *data, size_t size)
{
    *block = malloc(size + PAL_ARENA_SLACK);
    assert_non_null(*block);
    return memcpy((void *)(((uintptr_t)*block + 63) & ~(uintptr_t)63), data, size);
}

static inline loaded load(const buffer *file, unsigned isa)
{
    loaded l = {0};
    pal_error err;
    pal_arena arena = {0};
    const void *image = aligned_copy(&l.image, file->data, file->size);
    if (pal_gguf_open(&l.gguf, image, file->size, &err) || pal_unet_bind(&l.net, l.gguf, &err) ||
        pal_unet_pack(&l.net, &err))
        fail_msg("%s", err.text);
    pal_kernels_init(&l.kernels, isa);
    pal_kernels_add_pictures(&l.kernels);
    l.size = (size_t)(l.net.height * l.net.width * l.net.channels);
    pal_unet_layout(&l.room, &l.net, &arena);
    assert_false(arena.overflow);
    l.block = malloc(arena.used + PAL_ARENA_SLACK);
    l.eps = malloc(l.size * sizeof *l.eps);
    l.second = malloc(l.size * sizeof *l.second);
    assert_true(l.block && l.eps && l.second);
    memset(l.block, 0xff, arena.used + PAL_ARENA_SLACK); /* NaNs: what is read before it is written shows */
    arena = pal_arena_in(l.block);
    pal_unet_layout(&l.room, &l.net, &arena);
    return l;
}

static inline void unload(loaded *l)
{
    pal_unet_release(&l->net);
    pal_gguf_close(l->gguf);
    free(l->eps);
    free(l->second);
    free(l->block);
    free(l->image);
}

#endif
