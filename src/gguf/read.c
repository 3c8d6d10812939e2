/* read.c - opening a GGUF file: one pass over the header in which everything is checked.
 *
 * The file (docs/gguf.md of the ggml project), all numbers little endian:
 *
 *    "GGUF", u32 version, u64 tensors, u64 keys
 *    a key:     string key, u32 type, value          a string: u64 length, bytes
 *                                                    an array: u32 type, u64 count, values
 *    a tensor:  string name, u32 dims, u64 extent[dims], u32 type, u64 offset from the start of the data
 *    padding to the alignment, then the tensors' data, each starting at a multiple of the alignment
 *
 * Refused, with the byte at which it shows: another magic, version or byte order; an end anywhere before
 * the last tensor's; counts and lengths that the rest of the file has no room for; unknown types of values or
 * tensors; arrays of arrays; truth values other than 0 and 1; empty or repeated keys and names; 0 or more
 * than 4 dimensions, extents of 0, sizes that overflow, rows that are no whole number of blocks; an
 * alignment that is no power of two from 8 to 65536; tensors that are misaligned, overlap or reach past the
 * end; anything but padding after the last.  Memory grows with the keys and tensors that have been read and
 * found good, never with a count that the file merely claims. */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

enum {
    MIN_KEY = 8 + 1 + 4 + 1,            /* bytes of the shortest key with a value */
    MIN_TENSOR = 8 + 1 + 4 + 8 + 4 + 8, /* and of the shortest tensor info */
    COUNTS_AT = 8                       /* where the two counts of the header are */
};

/* A place in the image.  After the first failure, which is in *err and status, every call returns false. */
typedef struct {
    const unsigned char *image;
    size_t size, at;
    pal_status status;
    pal_error *err;
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

/* ---- the pieces of the format ---------------------------------------------------------------------- */

static bool skip_bytes(reader *r, uint64_t bytes)
{
    if (bytes > r->size - r->at) return damaged(r, "the file ends inside its header", r->at);
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
    if (length > r->size - r->at) return damaged(r, "a string is longer than the rest of the file", at);
    *out = (pal_str){(const char *)r->image + r->at, (size_t)length};
    r->at += (size_t)length;
    return true;
}

/* A key or a name, which unlike other strings is not empty. */
static bool read_name(reader *r, pal_str *out)
{
    size_t at = r->at;
    if (!read_str(r, out)) return false;
    return out->size > 0 || damaged(r, "a key or a tensor has no name", at);
}

/* ---- keys ------------------------------------------------------------------------------------------ */

/* Passes over the elements of v, whose type and count are known and allowed. */
static bool read_elements(reader *r, pal_gguf_value *v, size_t count_at)
{
    size_t start = r->at, each = pal_gguf_type_size(v->type);
    if (v->count > (r->size - start) / (each ? each : 8)) {
        return damaged(r, v->is_array ? "an array is longer than the rest of the file" : "the file ends inside a value",
                       v->is_array ? count_at : start);
    }
    if (v->type == PAL_GGUF_STRING) {
        pal_str unused;
        for (uint64_t i = 0; i < v->count; i++) {
            if (!read_str(r, &unused)) return false;
        }
    } else {
        r->at += (size_t)v->count * each;
    }
    if (v->type == PAL_GGUF_BOOL) {
        for (size_t i = start; i < r->at; i++) {
            if (r->image[i] > 1) return damaged(r, "a truth value is neither 0 nor 1", i);
        }
    }
    v->data = r->image + start;
    v->size = r->at - start;
    return true;
}

static bool read_value(reader *r, pal_gguf_value *v)
{
    uint32_t type;
    if (!read_name(r, &v->key)) return false;
    size_t type_at = r->at;
    if (!read_u32(r, &type)) return false;
    v->is_array = type == PAL_GGUF_ARRAY;
    v->count = 1;
    if (v->is_array) {
        type_at = r->at;
        if (!read_u32(r, &type)) return false;
        if (type == PAL_GGUF_ARRAY) return refuse(r, PAL_E_UNSUPPORTED, "arrays of arrays are not supported", type_at);
    }
    if (type > PAL_GGUF_F64) return damaged(r, "a value has an unknown type", type_at);
    v->type = (pal_gguf_type)type;
    size_t count_at = r->at;
    if (v->is_array && !read_u64(r, &v->count)) return false;
    return read_elements(r, v, count_at);
}

/* Room for one more element behind the `used` ones at *array, doubled as they come but never above `count`. */
static bool make_room(reader *r, void **array, size_t used, size_t *room, size_t count, size_t size)
{
    if (used < *room) return true;
    size_t more = *room ? 2 * *room : 16;
    if (more > count) more = count;
    void *grown = more > SIZE_MAX / size ? NULL : realloc(*array, more * size);
    if (!grown) return refuse(r, PAL_E_MEMORY, "no memory for the file's header", SIZE_MAX);
    *array = grown;
    *room = more;
    return true;
}

static bool read_values(reader *r, pal_gguf *g, size_t count)
{
    void *array = NULL;
    size_t room = 0, used = 0;
    bool good = true;
    while (good && used < count) {
        good = make_room(r, &array, used, &room, count, sizeof *g->values);
        if (good) g->values = array;
        if (good && read_value(r, &g->values[used]))
            used++;
        else
            good = false;
    }
    g->value_count = used;
    return good;
}

/* ---- tensors --------------------------------------------------------------------------------------- */

static bool read_extents(reader *r, pal_gguf_tensor *t)
{
    size_t at = r->at;
    if (!read_u32(r, &t->dims)) return false;
    if (t->dims < 1 || t->dims > 4) return damaged(r, "a tensor does not have 1 to 4 dimensions", at);
    for (uint32_t i = 0; i < 4; i++) {
        t->extent[i] = 1;
        at = r->at;
        if (i < t->dims && !read_u64(r, &t->extent[i])) return false;
        if (t->extent[i] == 0) return damaged(r, "a tensor has an extent of 0", at);
    }
    return true;
}

/* Where the offset of a tensor from the start of the data stands in the image. */
static size_t offset_field(const pal_gguf *g, const pal_gguf_tensor *t)
{
    size_t name_end = (size_t)((const unsigned char *)t->name.data - g->image) + t->name.size;
    return name_end + 4 + (size_t)8 * t->dims + 4;
}

static bool read_tensor(reader *r, pal_gguf_tensor *t)
{
    uint64_t bytes;
    if (!read_name(r, &t->name)) return false;
    size_t extents_at = r->at + 4;
    if (!read_extents(r, t)) return false;
    size_t type_at = r->at;
    if (!read_u32(r, &t->type)) return false;
    uint32_t block = pal_tensor_block(t->type);
    if (block == 0) {
        return refuse(r, PAL_E_UNSUPPORTED, "a tensor is of a type this engine does not know, of unknown size",
                      type_at);
    }
    if (t->extent[0] % block != 0) return damaged(r, "a tensor's rows are no whole number of blocks", extents_at);
    if (!pal_tensor_bytes(t->type, t->dims, t->extent, &bytes) || bytes > r->size) {
        return damaged(r, "a tensor is larger than the file", extents_at);
    }
    t->size = (size_t)bytes;
    return skip_bytes(r, 8); /* the offset: place_tensors reads it, when the start of the data is known */
}

static bool read_tensors(reader *r, pal_gguf *g, size_t count)
{
    void *array = NULL;
    size_t room = 0, used = 0;
    bool good = true;
    while (good && used < count) {
        good = make_room(r, &array, used, &room, count, sizeof *g->tensors);
        if (good) g->tensors = array;
        if (good && read_tensor(r, &g->tensors[used]))
            used++;
        else
            good = false;
    }
    g->tensor_count = used;
    return good;
}

/* Sets data and offset of every tensor; `start` is where the data begins. */
static bool place_tensors(reader *r, pal_gguf *g, size_t start)
{
    for (size_t i = 0; i < g->tensor_count; i++) {
        pal_gguf_tensor *t = &g->tensors[i];
        size_t field = offset_field(g, t);
        uint64_t offset = pal_load_u64(r->image + field);
        if (offset % g->alignment != 0) return damaged(r, "a tensor is not aligned", field);
        if (offset > r->size - start || t->size > r->size - start - (size_t)offset) {
            return damaged(r, "a tensor reaches past the end of the file", field);
        }
        t->offset = start + (size_t)offset;
        t->data = r->image + t->offset;
    }
    return true;
}

static int by_offset(const void *a, const void *b)
{
    const pal_gguf_tensor *x = *(const pal_gguf_tensor *const *)a, *y = *(const pal_gguf_tensor *const *)b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* No two tensors share a byte; *end moves to the end of the last. */
static bool check_overlap(reader *r, const pal_gguf *g, size_t *end)
{
    const pal_gguf_tensor **order = malloc(g->tensor_count * sizeof *order);
    if (!order) return refuse(r, PAL_E_MEMORY, "no memory for the file's header", SIZE_MAX);
    for (size_t i = 0; i < g->tensor_count; i++) order[i] = &g->tensors[i];
    qsort(order, g->tensor_count, sizeof *order, by_offset);
    bool good = true;
    for (size_t i = 0; good && i < g->tensor_count; i++) {
        good = order[i]->offset >= *end || damaged(r, "a tensor overlaps another", offset_field(g, order[i]));
        *end = order[i]->offset + order[i]->size;
    }
    free(order);
    return good;
}

/* The data: where each tensor lies, and that the file ends with the last. */
static bool check_data(reader *r, pal_gguf *g)
{
    size_t end = r->at;
    if (g->tensor_count > 0) {
        size_t padding = pal_gguf_padding(end, g->alignment);
        if (padding > r->size - end) return damaged(r, "the file ends before its tensors", r->size);
        end += padding;
        if (!place_tensors(r, g, end) || !check_overlap(r, g, &end)) return false;
    }
    if (r->size - end > pal_gguf_padding(end, g->alignment)) {
        return damaged(r, "the file goes on after its last tensor", end);
    }
    for (size_t i = end; i < r->size; i++) {
        if (r->image[i] != 0) return damaged(r, "the file goes on after its last tensor", i);
    }
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static bool read_start(reader *r, size_t *tensors, size_t *keys)
{
    uint32_t version;
    uint64_t counts[2];
    if (r->size < 4 || memcmp(r->image, "GGUF", 4) != 0) return damaged(r, "this is not a GGUF file", 0);
    r->at = 4;
    if (!read_u32(r, &version)) return false;
    if (version != 0 && (version & 0xffff) == 0) {
        return refuse(r, PAL_E_UNSUPPORTED, "a big-endian GGUF file is not supported", 4);
    }
    if (version != 2 && version != PAL_GGUF_VERSION) {
        return refuse(r, PAL_E_UNSUPPORTED, "of GGUF, only versions 2 and 3 are supported", 4);
    }
    if (!read_u64(r, &counts[0]) || !read_u64(r, &counts[1])) return false;
    if (counts[0] > (r->size - r->at) / MIN_TENSOR) {
        return damaged(r, "more tensors than the file has room for", COUNTS_AT);
    }
    if (counts[1] > (r->size - r->at) / MIN_KEY) {
        return damaged(r, "more keys than the file has room for", COUNTS_AT + 8);
    }
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

/* Sorts the table; two neighbours that are equal are refused, at the second of them in the file. */
static bool sort_names(reader *r, pal_gguf_name *names, size_t count, const char *repeated)
{
    if (count > 0) qsort(names, count, sizeof *names, by_name);
    for (size_t i = 1; i < count; i++) {
        if (pal_gguf_compare(names[i - 1].text, names[i].text) == 0) {
            return damaged(r, repeated, (size_t)((const unsigned char *)names[i].text.data - r->image));
        }
    }
    return true;
}

static bool index_values(reader *r, pal_gguf *g)
{
    g->value_names = malloc((g->value_count + 1) * sizeof *g->value_names);
    if (!g->value_names) return refuse(r, PAL_E_MEMORY, "no memory for the file's header", SIZE_MAX);
    for (size_t i = 0; i < g->value_count; i++) g->value_names[i] = (pal_gguf_name){g->values[i].key, i};
    return sort_names(r, g->value_names, g->value_count, "a key appears twice");
}

static bool index_tensors(reader *r, pal_gguf *g)
{
    g->tensor_names = malloc((g->tensor_count + 1) * sizeof *g->tensor_names);
    if (!g->tensor_names) return refuse(r, PAL_E_MEMORY, "no memory for the file's header", SIZE_MAX);
    for (size_t i = 0; i < g->tensor_count; i++) g->tensor_names[i] = (pal_gguf_name){g->tensors[i].name, i};
    return sort_names(r, g->tensor_names, g->tensor_count, "a tensor's name appears twice");
}

static bool read_alignment(reader *r, pal_gguf *g)
{
    const pal_gguf_value *v = pal_gguf_find(g, "general.alignment");
    g->alignment = PAL_GGUF_ALIGNMENT;
    if (!v) return true;
    uint32_t n = !v->is_array && v->type == PAL_GGUF_U32 ? pal_load_u32(v->data) : 0;
    if (n < PAL_GGUF_MIN_ALIGNMENT || n > PAL_GGUF_MAX_ALIGNMENT || (n & (n - 1)) != 0) {
        return damaged(r, "the alignment is no power of two from 8 to 65536", pal_gguf_value_offset(g, v));
    }
    g->alignment = n;
    return true;
}

pal_status pal_gguf_open(pal_gguf **out, const void *image, size_t size, pal_error *err)
{
    reader r = {image, size, 0, PAL_OK, err};
    size_t tensors, keys;
    if (!read_start(&r, &tensors, &keys)) return r.status;
    pal_gguf *g = calloc(1, sizeof *g);
    if (!g) return pal_fail(err, PAL_E_MEMORY, "no memory for the file's header", SIZE_MAX);
    g->image = image;
    g->size = size;
    if (read_values(&r, g, keys) && index_values(&r, g) && read_alignment(&r, g) && read_tensors(&r, g, tensors) &&
        index_tensors(&r, g) && check_data(&r, g)) {
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
