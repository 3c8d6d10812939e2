/* read.c - opens a GGUF file: checks everything in one pass over the header.
 *
 * The file (docs/gguf.md of the ggml project), all numbers little endian:
 *
 *    "GGUF", u32 version, u64 tensors, u64 keys
 *    a key:     string key, u32 type, value          a string: u64 length, bytes
 *                                                    an array: u32 type, u64 count, values
 *    a tensor:  string name, u32 dims, u64 extent[dims], u32 type, u64 offset from the start of the data
 *    padding to the alignment, then the tensors' data, each starting at a multiple of the alignment
 *
 * Refused, with the offset of the error: another magic, version or byte order; a file that ends before its last tensor
 * does; counts, lengths and sizes that exceed the rest of the file; value types that no version will have; arrays
 * nested more than 8 deep; a second empty key or name; more than 8 dimensions; sizes that overflow.  Memory grows with
 * the valid keys and tensors read so far, never with a count that the file only claims.
 *
 * Accepted, and recorded for the caller: a value of a type newer than this reader (reading stops there); keys that
 * occur again with another value; tensors whose data cannot be read because of their type, more than 4 dimensions, rows
 * that are not a whole number of blocks, an offset that is not a multiple of 8, an alignment that is not a power of two
 * up to 65536, a name that occurs twice, or an overlap with another tensor.
 *
 * Ignored: bytes after the last tensor, bools other than 0 and 1 that are not used, extents of 0, keys that occur twice
 * with equal values. */
#include "parts.h"
#include "../core/say.h"

#include <stdlib.h>
#include <string.h>

enum {
    MIN_KEY = 8 + 4 + 1,        /* bytes of the shortest key with a value */
    MIN_TENSOR = 8 + 4 + 4 + 8, /* bytes of the shortest tensor info */
    COUNTS_AT = 8,              /* offset of the two counts in the header */
    MAX_NESTED = 8,             /* depth of arrays in arrays */
    MAX_DIMS = 8,               /* of a tensor that is skipped; usable tensors have up to 4 */
    NEWEST = 1 << 16            /* value types below this may be added by a later version */
};

static const char cut[] = "the file ends inside its header: it is incomplete, download it again",
                  no_memory[] = "not enough memory for the file's header";

/* A position in the image.  After the first failure, which is stored in *err and status, every call returns false. */
typedef struct {
    const unsigned char *image;
    size_t size, at;
    pal_status status;
    pal_error *err;
    bool unnamed;   /* an empty key or name has been seen */
    uint32_t newer; /* an unknown value type, found at `newer_at`, where reading stopped; 0: none */
    size_t newer_at;
} reader;

static bool refuse(reader *r, pal_status status, const char *text, size_t offset)
{
    r->status = pal_fail(r->err, status, text, offset);
    return false;
}

static bool damaged(reader *r, const char *text, size_t offset)
{
    return refuse(r, PAL_E_FORMAT, text, offset);
}

/* ---- parts of the format --------------------------------------------------------------------------- */

static bool skip_bytes(reader *r, uint64_t bytes)
{
    if (bytes > r->size - r->at) return damaged(r, cut, r->at);
    r->at += (size_t)bytes;
    return true;
}

static bool read_u32(reader *r, uint32_t *out)
{
    size_t at = r->at;
    if (!skip_bytes(r, 4)) return false;
    *out = pal_load_u32(r->image + at);
    return true;
}

static bool read_u64(reader *r, uint64_t *out)
{
    size_t at = r->at;
    if (!skip_bytes(r, 8)) return false;
    *out = pal_load_u64(r->image + at);
    return true;
}

static bool read_str(reader *r, pal_str *out)
{
    uint64_t length;
    size_t at = r->at;
    if (!read_u64(r, &length)) return false;
    if (length > r->size - r->at)
        return damaged(r, "a string is longer than the rest of the file, which is incomplete or damaged", at);
    *out = (pal_str){(const char *)r->image + r->at, (size_t)length};
    r->at += (size_t)length;
    return true;
}

/* Reads a key or a name.  One may be empty.  More are damage: a run of zero bytes would read as many empty names. */
static bool read_name(reader *r, pal_str *out)
{
    size_t at = r->at;
    if (!read_str(r, out)) return false;
    if (out->size > 0) return true;
    if (r->unnamed) return damaged(r, "keys or tensors have no name: the file is damaged", at);
    return r->unnamed = true;
}

/* ---- keys ------------------------------------------------------------------------------------------ */

/* Whether values of this type can be skipped.  A type that a later version may add is recorded. */
static bool known_type(reader *r, uint32_t type, size_t at)
{
    if (type <= PAL_GGUF_F64) return true;
    if (type >= NEWEST) return damaged(r, "a value has an unknown type: the file is damaged", at);
    r->newer = type;
    r->newer_at = at;
    return false;
}

static bool skip_array(reader *r, uint32_t *type, uint64_t *count, const unsigned char **data, int depth);

/* Skips `count` values of a type; count_at is the offset of an array's count. */
static bool skip_values(reader *r, uint32_t type, uint64_t count, size_t count_at, int depth)
{
    const size_t each = pal_gguf_type_size(type), min = each ? each : type == PAL_GGUF_STRING ? 8 : 12;
    pal_str unused;
    uint32_t inner;
    uint64_t inner_count;
    const unsigned char *data;
    if (count > (r->size - r->at) / min)
        return damaged(r, depth ? "an array is longer than the rest of the file, which is incomplete or damaged" : cut,
                       depth ? count_at : r->at);
    if (each) {
        r->at += (size_t)count * each;
        return true;
    }
    for (uint64_t i = 0; i < count; i++) {
        const bool good =
            type == PAL_GGUF_STRING ? read_str(r, &unused) : skip_array(r, &inner, &inner_count, &data, depth + 1);
        if (!good) return false;
    }
    return true;
}

/* Returns the type and number of the elements, and where they start. */
static bool skip_array(reader *r, uint32_t *type, uint64_t *count, const unsigned char **data, int depth)
{
    const size_t at = r->at;
    if (depth > MAX_NESTED) return refuse(r, PAL_E_UNSUPPORTED, "arrays are nested more than 8 deep", at);
    if (!read_u32(r, type) || !read_u64(r, count)) return false;
    *data = r->image + r->at;
    if (*count == 0)
        *type = *type <= PAL_GGUF_F64 ? *type : PAL_GGUF_U8; /* an empty array has no elements of an unknown type */
    return known_type(r, *type, at) && skip_values(r, *type, *count, at + 4, depth);
}

static bool read_value(reader *r, pal_gguf_value *v)
{
    uint32_t type;
    *v = (pal_gguf_value){.count = 1};
    if (!read_name(r, &v->key)) return false;
    const size_t type_at = r->at;
    if (!read_u32(r, &type)) return false;
    v->is_array = type == PAL_GGUF_ARRAY;
    v->data = r->image + r->at;
    const bool good = v->is_array ? skip_array(r, &type, &v->count, &v->data, 1)
                                  : known_type(r, type, type_at) && skip_values(r, type, 1, r->at, 0);
    if (!good) return false;
    v->type = (pal_gguf_type)type;
    v->size = (size_t)(r->image + r->at - v->data);
    return true;
}

/* Data after a value of a newer type cannot be read, because the size of that value is unknown. */
static void note_newer(const reader *r, pal_gguf *g, pal_str key)
{
    char name[64];
    pal_gguf_printable(key, name, sizeof name);
    pal_say(g->trouble_text, sizeof g->trouble_text,
            "the value of %s has type %u, which this version does not know: what follows it cannot be read", name,
            (unsigned)r->newer);
    pal_fail(&g->trouble, PAL_E_UNSUPPORTED, g->trouble_text, r->newer_at);
}

/* Makes room for one more element after the `used` ones in *array: doubles the capacity, up to `count`. */
static bool grow(reader *r, void **array, size_t used, size_t *capacity, size_t count, size_t size)
{
    if (used < *capacity) return true;
    size_t more = *capacity ? 2 * *capacity : 16;
    if (more > count) more = count;
    void *grown = more > SIZE_MAX / size ? NULL : realloc(*array, more * size);
    if (!grown) return refuse(r, PAL_E_MEMORY, no_memory, SIZE_MAX);
    *array = grown;
    *capacity = more;
    return true;
}

static bool read_values(reader *r, pal_gguf *g, size_t count)
{
    void *array = NULL;
    size_t capacity = 0, used = 0;
    bool good = true;
    while (good && used < count) {
        good = grow(r, &array, used, &capacity, count, sizeof *g->values);
        if (good) g->values = array;
        if (good && read_value(r, &g->values[used]))
            used++;
        else
            good = false;
    }
    g->value_count = used;
    if (good || r->status || !r->newer) return good;
    note_newer(r, g, g->values[used].key);
    return true;
}

/* ---- tensors --------------------------------------------------------------------------------------- */

/* Extents beyond the fourth are multiplied into the fourth: only their product is used. */
static bool read_extents(reader *r, pal_gguf_tensor *t)
{
    size_t at = r->at;
    uint64_t extent, product = 1;
    if (!read_u32(r, &t->dims)) return false;
    if (t->dims > MAX_DIMS) return damaged(r, "a tensor has more than 8 dimensions: the file is damaged", at);
    for (uint32_t i = 0; i < t->dims; i++) {
        if (!read_u64(r, &extent)) return false;
        if (__builtin_mul_overflow(product, extent, &product))
            return damaged(r, "a tensor is larger than the file, which is incomplete or damaged", at + 4);
        t->extent[i < 4 ? i : 3] *= extent;
    }
    return true;
}

/* The position in the image of a tensor's offset field. */
static size_t offset_field(const pal_gguf *g, const pal_gguf_tensor *t)
{
    size_t name_end = (size_t)((const unsigned char *)t->name.data - g->image) + t->name.size;
    return name_end + 4 + (size_t)8 * t->dims + 4;
}

static void trouble(const pal_gguf *g, pal_gguf_tensor *t, const char *text)
{
    t->trouble = text;
    t->data = NULL;
    t->size = 0;
    t->offset = (size_t)((const unsigned char *)t->name.data - g->image);
}

static bool read_tensor(reader *r, const pal_gguf *g, pal_gguf_tensor *t)
{
    uint64_t bytes = 0;
    *t = (pal_gguf_tensor){.extent = {1, 1, 1, 1}};
    if (!read_name(r, &t->name)) return false;
    size_t extents_at = r->at + 4;
    if (!read_extents(r, t) || !read_u32(r, &t->type)) return false;
    const uint32_t block = pal_tensor_block(t->type);
    if (block == 0)
        trouble(g, t, "its type is unknown to this version");
    else if (t->dims > 4)
        trouble(g, t, "it has more than 4 dimensions");
    else if (t->extent[0] % block != 0)
        trouble(g, t, "its rows are not a whole number of blocks of its type");
    else if (!pal_tensor_bytes(t->type, t->dims, t->extent, &bytes) || bytes > r->size)
        return damaged(r, "a tensor is larger than the file, which is incomplete or damaged", extents_at);
    t->size = (size_t)bytes;
    return skip_bytes(r, 8); /* the offset: place_tensors reads it, once the start of the data is known */
}

static bool read_tensors(reader *r, pal_gguf *g, size_t count)
{
    void *array = NULL;
    size_t capacity = 0, used = 0;
    bool good = true;
    while (good && used < count) {
        good = grow(r, &array, used, &capacity, count, sizeof *g->tensors);
        if (good) g->tensors = array;
        if (good && read_tensor(r, g, &g->tensors[used]))
            used++;
        else
            good = false;
    }
    g->tensor_count = used;
    return good;
}

/* Sets data and offset of every readable tensor; `start` is the start of the data. */
static bool place_tensors(reader *r, pal_gguf *g, size_t start)
{
    for (size_t i = 0; i < g->tensor_count; i++) {
        pal_gguf_tensor *t = &g->tensors[i];
        size_t field = offset_field(g, t);
        uint64_t offset = pal_load_u64(r->image + field);
        if (offset > r->size - start || t->size > r->size - start - (size_t)offset)
            return damaged(r, "a tensor reaches past the end of the file, which is incomplete: download it again",
                           field);
        if (t->trouble) continue;
        t->offset = start + (size_t)offset;
        t->data = r->image + t->offset;
        if (t->offset % PAL_GGUF_DATA_ALIGNMENT) trouble(g, t, "it does not start at a multiple of 8 bytes");
    }
    return true;
}

static int by_offset(const void *a, const void *b)
{
    const pal_gguf_tensor *x = *(const pal_gguf_tensor *const *)a, *y = *(const pal_gguf_tensor *const *)b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* If tensors share a byte, the later one is marked as unreadable. */
static bool check_overlap(reader *r, pal_gguf *g)
{
    pal_gguf_tensor **order = malloc(g->tensor_count * sizeof *order);
    size_t count = 0, end = 0;
    if (!order) return refuse(r, PAL_E_MEMORY, no_memory, SIZE_MAX);
    for (size_t i = 0; i < g->tensor_count; i++)
        if (!g->tensors[i].trouble) order[count++] = &g->tensors[i];
    qsort(order, count, sizeof *order, by_offset);
    for (size_t i = 0; i < count; i++) {
        if (order[i]->offset < end)
            trouble(g, order[i], "it overlaps another tensor");
        else
            end = order[i]->offset + order[i]->size;
    }
    free(order);
    return true;
}

/* Finds and checks the data of all tensors. */
static bool check_data(reader *r, pal_gguf *g)
{
    if (g->tensor_count == 0) return true;
    for (size_t i = 0; !g->alignment && i < g->tensor_count; i++)
        if (!g->tensors[i].trouble)
            trouble(g, &g->tensors[i],
                    "its position is unknown, because general.alignment is not a power of two up to 65536");
    if (!g->alignment) return true;
    const size_t padding = pal_gguf_padding(r->at, g->alignment);
    if (padding > r->size - r->at)
        return damaged(r, "the file ends before its tensors: it is incomplete, download it again", r->size);
    return place_tensors(r, g, r->at + padding) && check_overlap(r, g);
}

/* ---- the whole header ------------------------------------------------------------------------------ */

static bool read_version(reader *r)
{
    uint32_t version;
    if (!read_u32(r, &version)) return false;
    if (version == 2 || version == PAL_GGUF_VERSION) return true;
    if (version != 0 && (version & 0xffff) == 0)
        return refuse(r, PAL_E_UNSUPPORTED, "a big-endian GGUF file is not supported: convert it to little endian", 4);
    return refuse(r, PAL_E_UNSUPPORTED,
                  version == 1 ? "GGUF version 1 is not supported (versions 2 and 3 are): convert the model again"
                               : "only GGUF versions 2 and 3 are supported",
                  4);
}

static bool read_start(reader *r, size_t *tensors, size_t *keys)
{
    uint64_t counts[2];
    if (r->size < 4 || memcmp(r->image, "GGUF", 4) != 0) return damaged(r, pal_gguf_foreign_file(r->image, r->size), 0);
    r->at = 4;
    if (!read_version(r) || !read_u64(r, &counts[0]) || !read_u64(r, &counts[1])) return false;
    if (counts[0] > (r->size - r->at) / MIN_TENSOR)
        return damaged(r, "more tensors than the file can hold: it is incomplete or damaged", COUNTS_AT);
    if (counts[1] > (r->size - r->at) / MIN_KEY)
        return damaged(r, "more keys than the file can hold: it is incomplete or damaged", COUNTS_AT + 8);
    *tensors = (size_t)counts[0];
    *keys = (size_t)counts[1];
    return true;
}

static int by_name(const void *a, const void *b)
{
    const pal_gguf_name *x = a, *y = b;
    int order = pal_gguf_compare(x->text, y->text);
    return order ? order : x->index < y->index ? -1 : x->index > y->index;
}

static bool same_value(const pal_gguf_value *a, const pal_gguf_value *b)
{
    return a->type == b->type && a->is_array == b->is_array && a->count == b->count && a->size == b->size &&
           memcmp(a->data, b->data, a->size) == 0;
}

static bool index_values(reader *r, pal_gguf *g)
{
    pal_gguf_name *names = malloc((g->value_count + 1) * sizeof *names);
    g->value_names = names;
    if (!names) return refuse(r, PAL_E_MEMORY, no_memory, SIZE_MAX);
    for (size_t i = 0; i < g->value_count; i++) names[i] = (pal_gguf_name){g->values[i].key, i};
    if (g->value_count > 0) qsort(names, g->value_count, sizeof *names, by_name);
    for (size_t i = 1, first = 0; i < g->value_count; i++) {
        if (pal_gguf_compare(names[first].text, names[i].text) != 0)
            first = i;
        else if (!same_value(&g->values[names[first].index], &g->values[names[i].index]))
            g->values[names[first].index].contradicted = true;
    }
    return true;
}

bool pal_gguf_index_tensors(pal_gguf *g)
{
    pal_gguf_name *names = realloc(g->tensor_names, (g->tensor_count + 1) * sizeof *names);
    if (!names) return false;
    g->tensor_names = names;
    for (size_t i = 0; i < g->tensor_count; i++) names[i] = (pal_gguf_name){g->tensors[i].name, i};
    if (g->tensor_count > 0) qsort(names, g->tensor_count, sizeof *names, by_name);
    for (size_t i = 1; i < g->tensor_count; i++) {
        if (pal_gguf_compare(names[i - 1].text, names[i].text) != 0) continue;
        trouble(g, &g->tensors[names[i - 1].index], "its name appears twice");
        trouble(g, &g->tensors[names[i].index], "its name appears twice");
    }
    return true;
}

/* Stores 0 if the key is present but invalid, or present with two values. */
static void read_alignment(pal_gguf *g)
{
    static const char key[] = "general.alignment";
    uint64_t n = PAL_GGUF_ALIGNMENT;
    if (pal_gguf_find(g, key) && !pal_gguf_get_u64(g, key, &n)) n = 0;
    const bool good = n && n <= PAL_GGUF_MAX_ALIGNMENT && (n & (n - 1)) == 0 && !pal_gguf_contradiction(g, key);
    g->alignment = good ? (size_t)n : 0;
}

/* Reads the keys, then the tensors, as far as the header can be read. */
static bool read_all(reader *r, pal_gguf *g, size_t tensors, size_t keys)
{
    if (!read_values(r, g, keys) || !index_values(r, g)) return false;
    read_alignment(g);
    if (r->newer) tensors = 0;
    if (!read_tensors(r, g, tensors)) return false;
    if (!pal_gguf_index_tensors(g)) return refuse(r, PAL_E_MEMORY, no_memory, SIZE_MAX);
    return check_data(r, g);
}

pal_status pal_gguf_open(pal_gguf **out, const void *image, size_t size, pal_error *err)
{
    reader r = {.image = image, .size = size, .err = err};
    size_t tensors, keys;
    if (!read_start(&r, &tensors, &keys)) return r.status;
    pal_gguf *g = calloc(1, sizeof *g);
    if (!g) return pal_fail(err, PAL_E_MEMORY, no_memory, SIZE_MAX);
    g->image = image;
    g->size = size;
    if (read_all(&r, g, tensors, keys)) {
        *out = g;
        return PAL_OK;
    }
    pal_gguf_close(g);
    return r.status;
}

void pal_gguf_close(pal_gguf *g)
{
    if (!g) return;
    free(g->values);
    free(g->tensors);
    free(g->value_names);
    free(g->tensor_names);
    free(g);
}
