/* unet_testing.h - a U-Net with its memory, for test_unet.c and test_unet_files.c. */
#ifndef PAL_UNET_TESTING_H
#define PAL_UNET_TESTING_H

#include "arch/unet.h"
#include "file_testing.h"

#define LABELS "tests/models/unet-labels.gguf"
#define PLAIN  "tests/models/unet-plain.gguf"

typedef struct {
    void *image, *block;
    pal_gguf *gguf;
    pal_unet net;
    pal_unet_scratch scratch;
    pal_kernels kernels;
    float *eps, *second;
    size_t size; /* values of a picture */
} loaded;

static inline loaded load(const buffer *file, unsigned isa)
{
    loaded l = {0};
    pal_error err;
    pal_arena arena = {0};
    const void *image = aligned_copy(&l.image, file->data, file->size);
    if (pal_gguf_open(&l.gguf, image, file->size, &err) || pal_unet_bind(&l.net, l.gguf, &err) ||
        pal_matrices_pack(&l.net.matrices, &err))
        fail_msg("%s", err.text);
    pal_kernels_init(&l.kernels, isa);
    pal_kernels_add_pictures(&l.kernels);
    l.size = (size_t)(l.net.height * l.net.width * l.net.channels);
    pal_unet_layout(&l.scratch, &l.net, 1, &arena);
    assert_false(arena.overflow);
    l.block = malloc(arena.used + PAL_ARENA_SLACK);
    l.eps = malloc(l.size * sizeof *l.eps);
    l.second = malloc(l.size * sizeof *l.second);
    assert_true(l.block && l.eps && l.second);
    memset(l.block, 0xff, arena.used + PAL_ARENA_SLACK); /* NaNs show reads of unwritten memory */
    arena = pal_arena_in(l.block);
    pal_unet_layout(&l.scratch, &l.net, 1, &arena);
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
