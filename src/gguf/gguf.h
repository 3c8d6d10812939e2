/* gguf.h - GGUF files: a bounds-checked reader (v2 and v3) and a writer (v3) (internal).
 *
 * Nothing else in the engine parses model files.  The reader makes one pass over the header, checks everything once
 * (read.c has the list) and then returns views into the image.  The memory it allocates is proportional to the number
 * of keys and tensors that the image really contains.
 *
 * One bad value does not make a file unusable: the reader reads what it can, and records why it cannot read the rest
 * (pal_gguf_tensor.trouble, pal_gguf_value.contradicted, pal_gguf_trouble). */
#ifndef PAL_GGUF_H
#define PAL_GGUF_H

#include "../core/tensor_type.h"

/* Types of values, by the numbers of the file format. */
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
    pal_gguf_type type; /* of the value, or of an array's elements; PAL_GGUF_ARRAY for an array of arrays */
    bool is_array;
    bool contradicted;         /* the key occurs again later with another value */
    uint64_t count;            /* elements; 1 if not an array */
    const unsigned char *data; /* first element: little endian, unaligned; a string is u64 length, then its bytes */
    size_t size;               /* bytes of all elements */
} pal_gguf_value;

typedef struct {
    pal_str name;              /* empty at most once in a file */
    uint32_t type;             /* pal_tensor_type, or any other number */
    uint32_t dims;             /* 0 (a single number) to 4; may be more if trouble is set */
    uint64_t extent[4];        /* innermost (columns) first, as in the file; unused ones are 1; their product fits */
    const unsigned char *data; /* in the image, at a multiple of 8 from its start; NULL if trouble is set */
    size_t size;               /* bytes; 0 if trouble is set */
    size_t offset;             /* of data in the image; if trouble is set, of the tensor's entry in the header */
    const char *trouble;       /* why its data cannot be read ("its type is unknown to this version"), or NULL */
} pal_gguf_tensor;

typedef struct pal_gguf pal_gguf;

/* Checks all of image[size] except the contents of tensors.  The image must stay valid until pal_gguf_close.  It must
 * be aligned to a page or to 64 bytes if tensor data are read in place.  PAL_E_FORMAT: the file is damaged, cut short
 * or of another kind, and the message says what it is.  PAL_E_UNSUPPORTED: a version or byte order that this reader
 * does not support. */
pal_status pal_gguf_open(pal_gguf **out, const void *image, size_t size, pal_error *err);
void pal_gguf_close(pal_gguf *g); /* NULL does nothing */

/* Joins the parts of a split model (keys split.no, split.count and split.tensors.count, as gguf-split of llama.cpp
 * writes them): *out is the part with split.no 0, which has the metadata, with the tensors of all parts.  parts[count]
 * can have any order; the others are closed, and all images must stay valid.  After a failure no part is closed or
 * changed.  PAL_E_FORMAT: the parts are not those of one model, or not all of them. */
pal_status pal_gguf_join(pal_gguf **out, pal_gguf *const *parts, size_t count, pal_error *err);

size_t pal_gguf_values(const pal_gguf *g);
const pal_gguf_value *pal_gguf_value_at(const pal_gguf *g, size_t index);
const pal_gguf_value *pal_gguf_find(const pal_gguf *g, const char *key); /* NULL if absent */
size_t pal_gguf_tensors(const pal_gguf *g);
const pal_gguf_tensor *pal_gguf_tensor_at(const pal_gguf *g, size_t index);
const pal_gguf_tensor *pal_gguf_find_tensor(const pal_gguf *g, const char *name);

/* Why the header could not be read to its end (a value has a type that is newer than this reader).  The keys before
 * that value are available then, and no tensors.  NULL if the whole header was read. g owns the message. */
const pal_error *pal_gguf_trouble(const pal_gguf *g);

/* The first key with this prefix that occurs again with another value, or NULL.  If such a key is used, that is an
 * error, because it is unknown which value is meant; pal_gguf_find returns the first. */
const pal_gguf_value *pal_gguf_contradiction(const pal_gguf *g, const char *beginning);

size_t pal_gguf_alignment(const pal_gguf *g);                             /* of tensor data, in bytes; 0: not known */
size_t pal_gguf_value_offset(const pal_gguf *g, const pal_gguf_value *v); /* in the image, for error messages */

/* The value whose data start at this offset, or NULL: finds the value that an error is about. */
const pal_gguf_value *pal_gguf_value_behind(const pal_gguf *g, size_t offset);

/* Scalars. u32 and u64 convert from any integer type. f32 and f64 convert from any float type, and from integers up to
 * 2^24 and 2^53 in magnitude.  A conversion must be exact.  A bool is a byte 0 or 1.  They return false, and leave *out
 * unchanged, if the key is absent, has another type or does not convert exactly. */
bool pal_gguf_get_u64(const pal_gguf *g, const char *key, uint64_t *out);
bool pal_gguf_get_f64(const pal_gguf *g, const char *key, double *out);
bool pal_gguf_get_u32(const pal_gguf *g, const char *key, uint32_t *out);
bool pal_gguf_get_f32(const pal_gguf *g, const char *key, float *out);
bool pal_gguf_get_bool(const pal_gguf *g, const char *key, bool *out);
bool pal_gguf_get_str(const pal_gguf *g, const char *key, pal_str *out);

/* An integer, or the common value of an array of equal integers (some files repeat a number for each layer). */
bool pal_gguf_get_common_u64(const pal_gguf *g, const char *key, uint64_t *out);

/* Iterates over an array of strings: start with *cursor = 0 and call once per element, in order. */
pal_str pal_gguf_next_str(const pal_gguf_value *array, size_t *cursor);
float pal_gguf_f32_at(const pal_gguf_value *array, uint64_t index);   /* arrays of F32 */
int32_t pal_gguf_i32_at(const pal_gguf_value *array, uint64_t index); /* arrays of I32 or U32 */

/* An element of an array of any integer or float type; false for other arrays.  Integers above 2^53 are rounded. */
bool pal_gguf_number_at(const pal_gguf_value *array, uint64_t index, double *out);

/* Writes a value as text for the user to out[capacity], in printable ASCII, terminated: 12, -3, 0.5, "text", true, [4,
 * 2, ...]. capacity must be at least 8; text that does not fit is cut. */
void pal_gguf_describe(const pal_gguf_value *v, char *out, size_t capacity);

enum { PAL_WHY = 320 }; /* size of a message that says why a file cannot be used, with names and values from the file */

/* Writes a name in the same way, without quotes; characters other than printable ASCII become `?`. */
void pal_gguf_printable(pal_str name, char *out, size_t capacity);

/* ---- writing: metadata copied or set, then tensors in order ---- */

/* Receives consecutive pieces of the file; returns false to stop with PAL_E_IO. */
typedef bool pal_write_fn(void *context, const void *data, size_t size);

typedef struct {
    pal_str name;
    uint32_t type, dims;
    uint64_t extent[4];
} pal_gguf_tensor_plan;

/* Writes header, metadata and tensor infos, padded to the alignment of `from`.  The metadata are those of `from`, byte
 * for byte, with two exceptions.  If file_type is not UINT32_MAX, it replaces general.file_type (or is appended).  Then
 * general.quantization_version is also appended if tensors are quantised and `from` does not have it.  After this call
 * the caller writes each whole tensor, in order, with pal_gguf_write_tensor, which pads it.  PAL_E_UNSUPPORTED: a row
 * is not a whole number of blocks of its type; nothing has been written then. */
pal_status pal_gguf_write_header(const pal_gguf *from, uint32_t file_type, const pal_gguf_tensor_plan *tensors,
                                 size_t count, pal_write_fn *write, void *context, pal_error *err);
pal_status pal_gguf_write_tensor(const pal_gguf *from, const void *data, size_t size, pal_write_fn *write,
                                 void *context, pal_error *err);

#endif
