/* write.c - writes a new GGUF v3 file with the metadata of an open file and other tensors. */
#include "parts.h"

#include <string.h>

#define FILE_TYPE            "general.file_type"
#define QUANTIZATION_VERSION "general.quantization_version"
enum { QUANTIZATION_OF_GGML = 2 }; /* ggml's quantised formats have not changed since this version */

/* Counts the bytes written.  After the first failure nothing more is written. */
typedef struct {
    pal_write_fn *write;
    void *context;
    size_t written;
    bool failed;
} writer;

static void put(writer *w, const void *data, size_t size)
{
    if (w->failed || size == 0) return;
    w->failed = !w->write(w->context, data, size);
    w->written += size;
}

static void put_u32(writer *w, uint32_t n)
{
    const unsigned char bytes[4] = {(unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16),
                                    (unsigned char)(n >> 24)};
    put(w, bytes, sizeof bytes);
}

static void put_u64(writer *w, uint64_t n)
{
    put_u32(w, (uint32_t)n);
    put_u32(w, (uint32_t)(n >> 32));
}

static void put_str(writer *w, pal_str s)
{
    put_u64(w, s.size);
    put(w, s.data, s.size);
}

static void put_padding(writer *w, size_t size, size_t alignment)
{
    static const unsigned char zeros[64];
    for (size_t left = pal_gguf_padding(size, alignment), n; left > 0; left -= n) {
        n = left < sizeof zeros ? left : sizeof zeros;
        put(w, zeros, n);
    }
}

static void put_u32_key(writer *w, const char *key, uint32_t n)
{
    put_str(w, (pal_str){key, strlen(key)});
    put_u32(w, PAL_GGUF_U32);
    put_u32(w, n);
}

/* Copies a key from the open file: name, type and value are contiguous there. */
static void put_copy(writer *w, const pal_gguf_value *v)
{
    const unsigned char *start = (const unsigned char *)v->key.data - 8;
    put(w, start, (size_t)(v->data + v->size - start));
}

/* How the keys differ from those of the open file when the weights change type. */
typedef struct {
    bool file_type; /* general.file_type is replaced, or appended if it was absent */
    bool append_file_type;
    bool append_quantization; /* general.quantization_version, required with quantised tensors */
} key_changes;

static key_changes plan_keys(const pal_gguf *from, uint32_t file_type, const pal_gguf_tensor_plan *tensors,
                             size_t count)
{
    key_changes changes = {false, false, false};
    if (file_type == UINT32_MAX) return changes;
    changes.file_type = true;
    changes.append_file_type = !pal_gguf_find(from, FILE_TYPE);
    for (size_t i = 0; i < count; i++) {
        if (pal_tensor_block(tensors[i].type) > 1) changes.append_quantization = true;
    }
    if (pal_gguf_find(from, QUANTIZATION_VERSION)) changes.append_quantization = false;
    return changes;
}

static void put_keys(writer *w, const pal_gguf *from, uint32_t file_type, key_changes changes)
{
    for (size_t i = 0; i < pal_gguf_values(from); i++) {
        const pal_gguf_value *v = pal_gguf_value_at(from, i);
        if (changes.file_type && pal_str_is(v->key, FILE_TYPE))
            put_u32_key(w, FILE_TYPE, file_type);
        else
            put_copy(w, v);
    }
    if (changes.append_file_type) put_u32_key(w, FILE_TYPE, file_type);
    if (changes.append_quantization) put_u32_key(w, QUANTIZATION_VERSION, QUANTIZATION_OF_GGML);
}

/* Writes tensor infos; the data of each tensor follows that of the previous one. */
static void put_infos(writer *w, const pal_gguf_tensor_plan *tensors, size_t count, size_t alignment)
{
    uint64_t offset = 0, bytes;
    for (size_t i = 0; i < count; i++) {
        const pal_gguf_tensor_plan *t = &tensors[i];
        put_str(w, t->name);
        put_u32(w, t->dims);
        for (uint32_t d = 0; d < t->dims; d++) put_u64(w, t->extent[d]);
        put_u32(w, t->type);
        put_u64(w, offset);
        bytes = 0;
        pal_tensor_bytes(t->type, t->dims, t->extent, &bytes);
        offset += bytes + pal_gguf_padding((size_t)bytes, alignment);
    }
}

pal_status pal_gguf_write_header(const pal_gguf *from, uint32_t file_type, const pal_gguf_tensor_plan *tensors,
                                 size_t count, pal_write_fn *write, void *context, pal_error *err)
{
    writer w = {write, context, 0, false};
    uint64_t total = 0, bytes;
    for (size_t i = 0; i < count; i++) {
        const pal_gguf_tensor_plan *t = &tensors[i];
        PAL_ASSERT(t->dims <= 4);
        if (!pal_tensor_bytes(t->type, t->dims, t->extent, &bytes) || bytes > SIZE_MAX / 2 ||
            __builtin_add_overflow(total, bytes + from->alignment, &total)) {
            return pal_fail(err, PAL_E_UNSUPPORTED, "a tensor of this shape cannot have this type", SIZE_MAX);
        }
    }
    key_changes changes = plan_keys(from, file_type, tensors, count);
    put(&w, "GGUF", 4);
    put_u32(&w, PAL_GGUF_VERSION);
    put_u64(&w, count);
    put_u64(&w, pal_gguf_values(from) + changes.append_file_type + changes.append_quantization);
    put_keys(&w, from, file_type, changes);
    put_infos(&w, tensors, count, from->alignment);
    put_padding(&w, w.written, from->alignment);
    return w.failed ? pal_fail(err, PAL_E_IO, "the file cannot be written", SIZE_MAX) : PAL_OK;
}

pal_status pal_gguf_write_tensor(const pal_gguf *from, const void *data, size_t size, pal_write_fn *write,
                                 void *context, pal_error *err)
{
    writer w = {write, context, 0, false};
    put(&w, data, size);
    put_padding(&w, size, from->alignment);
    return w.failed ? pal_fail(err, PAL_E_IO, "the file cannot be written", SIZE_MAX) : PAL_OK;
}
