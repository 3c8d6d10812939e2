/* parts.h - declarations that the files of this folder share (internal to gguf). */
#ifndef PAL_GGUF_PARTS_H
#define PAL_GGUF_PARTS_H

#include "gguf.h"

enum {
    PAL_GGUF_VERSION = 3,
    PAL_GGUF_ALIGNMENT = 32,          /* if general.alignment is absent */
    PAL_GGUF_MAX_ALIGNMENT = 1 << 16, /* the largest page of any system in use */
    PAL_GGUF_DATA_ALIGNMENT = 8,      /* needed to read tensors in place */
    PAL_GGUF_TROUBLE = 192            /* size of the message of pal_gguf_trouble */
};

/* A key or a tensor's name, in the sorted tables for lookup. */
typedef struct {
    pal_str text;
    size_t index;
} pal_gguf_name;

struct pal_gguf {
    const unsigned char *image;
    size_t size, alignment; /* alignment 0: general.alignment is invalid, so the positions of tensor data are unknown */
    pal_error trouble;      /* status PAL_OK: none */
    char trouble_text[PAL_GGUF_TROUBLE];
    size_t value_count, tensor_count;
    pal_gguf_value *values;                    /* [value_count], in the order of the file */
    pal_gguf_tensor *tensors;                  /* [tensor_count], in the order of the file */
    pal_gguf_name *value_names, *tensor_names; /* the same counts, sorted by pal_gguf_compare */
};

/* Makes the sorted table of tensors again, and marks those with equal names; false: not enough memory. */
bool pal_gguf_index_tensors(pal_gguf *g);

/* A total order: by length first, so that most comparisons do not read the bytes. */
int pal_gguf_compare(pal_str a, pal_str b);

/* For a file that is not GGUF: a sentence for the user that says what it is and what to do. */
const char *pal_gguf_foreign_file(const unsigned char *image, size_t size);

/* Bytes of one value; 0 for strings and arrays (their size is in the file) and for unknown types. */
size_t pal_gguf_type_size(uint32_t type);

/* Little-endian numbers at any address. */
uint32_t pal_load_u32(const unsigned char *p);
uint64_t pal_load_u64(const unsigned char *p);

/* Load an integer of any type as magnitude and sign, or a float of either type; false for other types. */
bool pal_load_integer(pal_gguf_type type, const unsigned char *p, uint64_t *magnitude, bool *negative);
bool pal_load_float(pal_gguf_type type, const unsigned char *p, double *out);

/* Bytes from n to the next multiple of alignment, which is a power of two. */
static inline size_t pal_gguf_padding(size_t n, size_t alignment)
{
    return (0 - n) & (alignment - 1);
}

#endif
