/* keyed_file.h - a model file of the tests with more keys, in memory.  Include model_testing.h first. */
#ifndef PAL_KEYED_FILE_H
#define PAL_KEYED_FILE_H

#include "token_builder.h"

enum { KEYED_ALIGNMENT = 32 };

/* The bytes of a file of the repository whose first keys are those that `put` appends, in a 64-byte aligned block; free
 * it.  A last key makes the length of all of them a multiple of the alignment, so that the tensors stay aligned. */
static inline unsigned char *keyed_file(const char *name, void (*put)(image *m), size_t *size)
{
    static const char filler[] = "palimpsest.filler";
    const buffer file = read_whole(name);
    image m;
    uint64_t keys; /* of the file; the header has 24 bytes */
    memcpy(&keys, file.data + 16, sizeof keys);
    image_begin(&m);
    put(&m);
    char text[KEYED_ALIGNMENT + 1] = "";
    const size_t before = m.size - 24 + 8 + strlen(filler) + 4 + 8;
    memset(text, 'x', (KEYED_ALIGNMENT - before % KEYED_ALIGNMENT) % KEYED_ALIGNMENT);
    image_key_str(&m, filler, text);
    keys += m.keys;
    memcpy(m.data + 8, file.data + 8, 8);
    memcpy(m.data + 16, &keys, sizeof keys);
    image_put(&m, file.data + 24, file.size - 24);
    *size = m.size;
    unsigned char *aligned = aligned_alloc(64, (m.size + 63) & ~(size_t)63);
    assert_non_null(aligned);
    memcpy(aligned, m.data, m.size);
    free(m.data);
    free(file.data);
    return aligned;
}

#endif
