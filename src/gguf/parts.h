/* parts.h - what the files of this folder share (internal to gguf). */
#ifndef PAL_GGUF_PARTS_H
#define PAL_GGUF_PARTS_H

#include "gguf.h"

enum {
    PAL_GGUF_VERSION = 3,
    PAL_GGUF_ALIGNMENT = 32,         /* where general.alignment is absent */
    PAL_GGUF_MIN_ALIGNMENT = 8,      /* of general.alignment, as the format has it */
    PAL_GGUF_MAX_ALIGNMENT = 1 << 16 /* the largest page of any system in use */
};

/* A key or a tensor's name, for the sorted tables in which they are looked up. */
typedef struct {
    pal_str text;
    size_t index;
} pal_gguf_name;

struct pal_gguf {
    const unsigned char *image;
    size_t size, alignment;
    size_t value_count, tensor_count;
    pal_gguf_value *values;                    /* [value_count], in the order of the file */
    pal_gguf_tensor *tensors;                  /* [tensor_count], in the order of the file */
    pal_gguf_name *value_names, *tensor_names; /* the same counts, sorted by pal_gguf_compare */
};

/* Any total order serves: by length first, which most often needs no look at the bytes. */
int pal_gguf_compare(pal_str a, pal_str b);

/* Bytes of one value, 0 for strings and arrays (whose size lies in the file) and for unknown types. */
size_t pal_gguf_type_size(uint32_t type);

/* Little-endian numbers at any address. */
uint32_t pal_load_u32(const unsigned char *p);
uint64_t pal_load_u64(const unsigned char *p);

/* Bytes from n to the next multiple of alignment, which is a power of two. */
static inline size_t pal_gguf_padding(size_t n, size_t alignment)
{
    return (0 - n) & (alignment - 1);
}

#endif
