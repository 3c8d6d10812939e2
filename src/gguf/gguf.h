/* gguf.h - GGUF files: a bounds-checked reader (v2 and v3) and a writer (v3) (internal).
 *
 * Nothing else in the engine parses model files.  The reader makes one pass over the header, checks
 * everything once (see read.c for the list) and afterwards hands out views into the image.  What it
 * allocates is proportional to the number of keys and tensors actually present in the image.
 *
 * One odd value does not close a file: what can be read is, and what cannot says why (pal_gguf_tensor.trouble,
 * pal_gguf_value.contradicted, pal_gguf_trouble). */
#ifndef PAL_GGUF_H
#define PAL_GGUF_H

#include "../core/tensor_type.h"

/* Values of the file format. */
typedef enum {
    PAL_GGUF_U8,
    PAL_GGUF_I8,
    PAL_GGUF_U16,
    PAL_GGUF_I16,
    PAL_GGUF_U32,
    PAL_GGUF_I32,
    PAL_GGUF_F32,
    PAL_GGUF_BOOL,
    PAL_GGUF_STRING,
    PAL_GGUF_ARRAY,
    PAL_GGUF_U64,
    PAL_GGUF_I64,
    PAL_GGUF_F64
} pal_gguf_type;

typedef struct {
    pal_str key;        /* empty at most once in a file */
    pal_gguf_type type; /* of the value, or of the elements if it is an array; PAL_GGUF_ARRAY: they are arrays */
    bool is_array;
    bool contradicted;         /* the key stands again further on, with another value */
    uint64_t count;            /* elements; 1 if not an array */
    const unsigned char *data; /* first element, little endian, unaligned; strings: u64 length, bytes, ... */
    size_t size;               /* bytes of all elements */
} pal_gguf_value;

typedef struct {
    pal_str name;       /* empty at most once in a file */
    uint32_t type;      /* pal_tensor_type, or any other number */
    uint32_t dims;      /* 0 (a single number) to 4; more with trouble */
    uint64_t extent[4]; /* innermost (columns) first, as in the file; unused ones are 1; the product of all fits */
    const unsigned char *data; /* inside the image, at a multiple of 8 from its start; NULL with trouble */
    size_t size;               /* bytes; 0 with trouble */
    size_t offset;             /* of data in the image; with trouble of the tensor's entry in the header */
    const char *trouble;       /* why its data cannot be read ("its type is unknown to this version"), or NULL */
} pal_gguf_tensor;

typedef struct pal_gguf pal_gguf;

/* Checks all of image[size] but the tensors' contents; the image must stay in place until the close, and is
 * page or 64-byte aligned where tensor data are to be read in place.  PAL_E_FORMAT: damaged, cut short or another
 * kind of file, of which the text says what it is; PAL_E_UNSUPPORTED: versions and byte orders that this reader does
 * not know. */
pal_status pal_gguf_open(pal_gguf **out, const void *image, size_t size, pal_error *err);
void pal_gguf_close(pal_gguf *g); /* NULL does nothing */

size_t pal_gguf_values(const pal_gguf *g);
const pal_gguf_value *pal_gguf_value_at(const pal_gguf *g, size_t index);
const pal_gguf_value *pal_gguf_find(const pal_gguf *g, const char *key); /* NULL: absent */
size_t pal_gguf_tensors(const pal_gguf *g);
const pal_gguf_tensor *pal_gguf_tensor_at(const pal_gguf *g, size_t index);
const pal_gguf_tensor *pal_gguf_find_tensor(const pal_gguf *g, const char *name);

/* Why the header could not be read to its end (a value of a type that is newer than this reader): then there are the
 * keys before that place, and no tensors.  NULL: it was.  The text is g's. */
const pal_error *pal_gguf_trouble(const pal_gguf *g);

/* The first key that begins so and stands in the file again with another value, or NULL.  Of keys that are read this
 * is an error, for nobody can tell which value is meant; pal_gguf_find gives the first. */
const pal_gguf_value *pal_gguf_contradiction(const pal_gguf *g, const char *beginning);

size_t pal_gguf_alignment(const pal_gguf *g);                             /* of tensor data, bytes; 0: not known */
size_t pal_gguf_value_offset(const pal_gguf *g, const pal_gguf_value *v); /* in the image, for errors */

/* The value at such an offset, or NULL: which one an error is about. */
const pal_gguf_value *pal_gguf_value_behind(const pal_gguf *g, size_t offset);

/* Scalars: u32 and u64 from any integer type, f32 from any integer or float type, where the result holds the value
 * exactly; f64 likewise, from integers up to 2^53.  A bool is 0 or 1.  false: absent, of another kind, or not exact;
 * *out then keeps its value. */
bool pal_gguf_get_u64(const pal_gguf *g, const char *key, uint64_t *out);
bool pal_gguf_get_f64(const pal_gguf *g, const char *key, double *out);
bool pal_gguf_get_u32(const pal_gguf *g, const char *key, uint32_t *out);
bool pal_gguf_get_f32(const pal_gguf *g, const char *key, float *out);
bool pal_gguf_get_bool(const pal_gguf *g, const char *key, bool *out);
bool pal_gguf_get_str(const pal_gguf *g, const char *key, pal_str *out);

/* An integer, or the integer that all elements of an array are (files give some numbers for each layer). */
bool pal_gguf_get_common_u64(const pal_gguf *g, const char *key, uint64_t *out);

/* Walks an array of strings: start with *cursor = 0, once per element, in order. */
pal_str pal_gguf_next_str(const pal_gguf_value *array, size_t *cursor);
float pal_gguf_f32_at(const pal_gguf_value *array, uint64_t index);   /* arrays of F32 */
int32_t pal_gguf_i32_at(const pal_gguf_value *array, uint64_t index); /* arrays of I32 or U32 */

/* An element of an array of integers or floats of any type; false for other arrays.  (Integers above 2^53 are rounded.) */
bool pal_gguf_number_at(const pal_gguf_value *array, uint64_t index, double *out);

/* A value for a person, in out[capacity], printable ASCII, terminated: 12, -3, 0.5, "text", true, [4, 2, ...].
 * capacity is at least 8; what does not fit is cut. */
void pal_gguf_describe(const pal_gguf_value *v, char *out, size_t capacity);

enum { PAL_WHY = 320 }; /* bytes of a text that says why a file cannot be used, with names and values from it */

/* A name likewise, without quotes; other characters than printable ASCII as ?. */
void pal_gguf_printable(pal_str name, char *out, size_t capacity);

/* ---- writing: metadata copied or set, then tensors in order ---- */

/* `write` gets consecutive pieces of the file and returns false to stop with PAL_E_IO. */
typedef bool pal_write_fn(void *context, const void *data, size_t size);

typedef struct {
    pal_str name;
    uint32_t type, dims;
    uint64_t extent[4];
} pal_gguf_tensor_plan;

/* Writes header, metadata and tensor infos, padded to the alignment of `from`.  The metadata are all of
 * `from`, byte for byte; where file_type is not UINT32_MAX it replaces general.file_type (or is appended), and
 * general.quantization_version is appended if tensors are quantised and it is absent.  After that the
 * caller streams each tensor's data with pal_gguf_write_tensor, whole and in order, which pads them too.
 * PAL_E_UNSUPPORTED: a row is no whole number of its type's blocks; nothing has then been written. */
pal_status pal_gguf_write_header(const pal_gguf *from, uint32_t file_type, const pal_gguf_tensor_plan *tensors,
                                 size_t count, pal_write_fn *write, void *context, pal_error *err);
pal_status pal_gguf_write_tensor(const pal_gguf *from, const void *data, size_t size, pal_write_fn *write,
                                 void *context, pal_error *err);

#endif
