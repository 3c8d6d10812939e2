/* file_testing.h - reads and writes whole files in memory, aligned as the engine requires. */
#ifndef PAL_FILE_TESTING_H
#define PAL_FILE_TESTING_H

#include "core/core.h"
#include "palimpsest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* free(data). */
typedef struct {
    unsigned char *data;
    size_t size, capacity;
} buffer;

/* A pal_write_fn into a buffer. */
static inline bool append(void *context, const void *data, size_t size)
{
    buffer *b = context;
    if (b->size + size > b->capacity) {
        b->capacity = 2 * (b->size + size);
        b->data = realloc(b->data, b->capacity);
        assert_non_null(b->data);
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return true;
}

/* Returns false if the file does not exist. */
static inline bool read_path(const char *path, buffer *b)
{
    char chunk[4096];
    FILE *in = fopen(path, "rb");
    *b = (buffer){0};
    if (!in) return false;
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, in)) > 0;) append(b, chunk, got);
    assert_false(ferror(in));
    fclose(in);
    return true;
}

/* A file of this repository, by its path in the repository. */
static inline buffer read_whole(const char *name)
{
    char path[1024];
    buffer b;
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, name);
    if (!read_path(path, &b)) fail_msg("cannot open %s", path);
    return b;
}

/* Aligned to 64 bytes; free(*block). */
static inline void *aligned_copy(void **block, const unsigned char *data, size_t size)
{
    *block = malloc(size + PAL_ARENA_SLACK);
    assert_non_null(*block);
    return memcpy((void *)(((uintptr_t)*block + 63) & ~(uintptr_t)63), data, size);
}

/* The model of `name` with its matrices converted to `type`, as a file in memory. */
static inline buffer converted(const char *name, const char *type)
{
    char path[1024];
    pal_model *model;
    pal_error err;
    buffer out = {0};
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, name);
    if (pal_model_open_file(&model, path, PAL_OPEN_AS_STORED, &err)) fail_msg("%s: %s", path, err.text);
    assert_int_equal(pal_model_quantize(model, type, append, &out, &err), PAL_OK);
    pal_model_close(model);
    return out;
}

#endif
