/* gguf_testing.h - makes a GGUF file in memory, and reads everything in a file that opens, for test_gguf.c and
 * test_gguf_damaged.c. */
#ifndef PAL_GGUF_TESTING_H
#define PAL_GGUF_TESTING_H

#include <stdlib.h>
#include <string.h>

#include "gguf/gguf.h"

typedef struct {
    unsigned char *data;
    size_t size, capacity;
} bytes;

static inline void put(bytes *b, const void *data, size_t size)
{
    while (b->size + size > b->capacity) {
        b->capacity = b->capacity ? 2 * b->capacity : 4096;
        b->data = realloc(b->data, b->capacity);
        assert_non_null(b->data);
    }
    if (size) memcpy(b->data + b->size, data, size);
    b->size += size;
}

/* The lowest `size` bytes of n, little endian. */
static inline void put_int(bytes *b, uint64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++, n >>= 8) put(b, &(unsigned char){(unsigned char)n}, 1);
}

static inline void put_str(bytes *b, const char *s)
{
    put_int(b, strlen(s), 8);
    put(b, s, strlen(s));
}

static inline void put_key(bytes *b, const char *key, uint32_t type)
{
    put_str(b, key);
    put_int(b, type, 4);
}

static inline void put_array(bytes *b, const char *key, uint32_t type, uint64_t count)
{
    put_key(b, key, PAL_GGUF_ARRAY);
    put_int(b, type, 4);
    put_int(b, count, 8);
}

static inline void pad(bytes *b, size_t alignment)
{
    while (b->size % alignment) put_int(b, 0, 1);
}

/* Offsets of the fields of the sample file, for tests that damage it. */
typedef struct {
    size_t start, version, tensor_count, key_count;
    size_t key_length, type, string_length, array_type, array_count, strings_count, element_length, truth;
    size_t alignment_type, alignment, twin_key;
    size_t name_length, dims, extent0, extent1, tensor_type, offset; /* of the first tensor, F32 [3, 4] */
    size_t row, second_offset, third_offset, twin_name;
    size_t infos_end, data, last, end; /* `last` tensor ends at `end` */
} marks;

enum { SAMPLE_KEYS = 20, SAMPLE_TENSORS = 3, SAMPLE_ALIGNMENT = 64 };

static inline void put_numbers(bytes *b, marks *m)
{
    put_key(b, "n.u8", PAL_GGUF_U8), put_int(b, 200, 1);
    put_key(b, "n.i8", PAL_GGUF_I8), put_int(b, (uint64_t)-3, 1);
    put_key(b, "n.u16", PAL_GGUF_U16), put_int(b, 60000, 2);
    put_key(b, "n.i16", PAL_GGUF_I16), put_int(b, 300, 2);
    put_key(b, "n.i32", PAL_GGUF_I32), put_int(b, (uint64_t)-70000, 4);
    put_key(b, "n.f32", PAL_GGUF_F32), put_int(b, 0x3fc00000, 4); /* 1.5 */
    put_key(b, "n.bool", PAL_GGUF_BOOL);
    m->truth = b->size;
    put_int(b, 1, 1);
    put_key(b, "n.u64", PAL_GGUF_U64), put_int(b, (uint64_t)1 << 40, 8);
    put_key(b, "n.i64", PAL_GGUF_I64), put_int(b, 4000000000, 8);
    put_key(b, "n.f64", PAL_GGUF_F64), put_int(b, 0x40c3880000000000, 8);      /* 10000 */
    put_key(b, "n.f64.fine", PAL_GGUF_F64), put_int(b, 0x3ee4f8b588e368f1, 8); /* 1e-5, no float */
}

static inline void put_arrays(bytes *b, marks *m)
{
    put_array(b, "a.f32", PAL_GGUF_F32, 3);
    m->array_type = b->size - 12;
    m->array_count = b->size - 8;
    put_int(b, 0, 4), put_int(b, 0xbf800000, 4), put_int(b, 0x40000000, 4); /* 0, -1, 2 */
    put_array(b, "a.i32", PAL_GGUF_I32, 2);
    put_int(b, 7, 4), put_int(b, (uint64_t)-8, 4);
    put_array(b, "a.str", PAL_GGUF_STRING, 3);
    m->strings_count = b->size - 8;
    put_str(b, "one"), put_str(b, "");
    m->element_length = b->size;
    put_str(b, "three");
    put_array(b, "a.none", PAL_GGUF_U8, 0);
}

static inline size_t put_info(bytes *b, const char *name, uint32_t dims, const uint64_t *extent, uint32_t type,
                              uint64_t offset)
{
    put_str(b, name);
    put_int(b, dims, 4);
    for (uint32_t i = 0; i < dims; i++) put_int(b, extent[i], 8);
    put_int(b, type, 4);
    put_int(b, offset, 8);
    return b->size - 8;
}

/* A file with every type of value, three tensors and padding; m receives the offsets of its fields. */
static inline bytes sample(uint32_t version, marks *m)
{
    bytes b = {NULL, 0, 0};
    memset(m, 0, sizeof *m);
    put(&b, "GGUF", 4);
    m->version = 4, m->tensor_count = 8, m->key_count = 16;
    put_int(&b, version, 4), put_int(&b, SAMPLE_TENSORS, 8), put_int(&b, SAMPLE_KEYS, 8);
    m->key_length = b.size;
    put_key(&b, "general.name", PAL_GGUF_STRING);
    m->type = b.size - 4, m->string_length = b.size;
    put_str(&b, "a sample"), put_numbers(&b, m), put_arrays(&b, m);
    put_key(&b, "general.alignment", PAL_GGUF_U32), put_int(&b, SAMPLE_ALIGNMENT, 4);
    m->alignment_type = b.size - 8, m->alignment = b.size - 4;
    put_key(&b, "general.file_type", PAL_GGUF_U32), put_int(&b, 7, 4);
    put_key(&b, "twin.a", PAL_GGUF_U8), put_int(&b, 1, 1);
    m->twin_key = b.size + 8;
    put_key(&b, "twin.b", PAL_GGUF_U8), put_int(&b, 2, 1);

    m->name_length = b.size, m->dims = b.size + 8 + 6;
    m->extent0 = m->dims + 4, m->extent1 = m->dims + 12, m->tensor_type = m->dims + 20;
    m->offset = put_info(&b, "first1", 2, (uint64_t[]){3, 4}, PAL_F32, 0);
    m->row = b.size + 8 + 6 + 4;
    m->second_offset = put_info(&b, "second", 3, (uint64_t[]){32, 2, 2}, PAL_Q8_0, 64);
    m->twin_name = b.size + 8;
    m->third_offset = put_info(&b, "first3", 1, (uint64_t[]){5}, PAL_F16, 256);
    m->infos_end = b.size;
    pad(&b, SAMPLE_ALIGNMENT);
    m->data = b.size;
    for (int i = 0; i < 48; i++) put_int(&b, 0x10 + (uint64_t)i, 1);
    pad(&b, SAMPLE_ALIGNMENT);
    for (int i = 0; i < 4 * 34; i++) put_int(&b, 0x40 + (uint64_t)i, 1);
    pad(&b, SAMPLE_ALIGNMENT);
    m->last = b.size;
    for (int i = 0; i < 10; i++) put_int(&b, 0xe0 + (uint64_t)i, 1);
    m->end = b.size;
    pad(&b, SAMPLE_ALIGNMENT);
    return b;
}

static volatile unsigned sink;

static inline void touch(const void *data, size_t size)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++) sink += p[i];
}

/* Reads every byte of every view that the reader returns: with the sanitizers a view outside the image is an error. */
static inline void walk(const pal_gguf *g)
{
    for (size_t i = 0; i < pal_gguf_values(g); i++) {
        const pal_gguf_value *v = pal_gguf_value_at(g, i);
        touch(v->key.data, v->key.size);
        touch(v->data, v->size);
        size_t cursor = 0;
        for (uint64_t k = 0; k < v->count; k++) {
            if (v->type == PAL_GGUF_STRING) {
                pal_str s = pal_gguf_next_str(v, &cursor);
                touch(s.data, s.size);
            }
            if (v->type == PAL_GGUF_F32) sink += pal_gguf_f32_at(v, k) > 0;
            if (v->type == PAL_GGUF_I32) sink += (unsigned)pal_gguf_i32_at(v, k);
        }
        if (v->type == PAL_GGUF_STRING) assert_int_equal(cursor, v->size);
    }
    for (size_t i = 0; i < pal_gguf_tensors(g); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        touch(t->name.data, t->name.size);
        touch(t->data, t->size);
        assert_true(t->trouble ? !t->data && !t->size : t->dims <= 4 && t->data != NULL);
        assert_true(t->trouble || t->extent[0] % pal_tensor_block(t->type) == 0);
    }
}

/* Opens a copy in a block of exactly this size and reads all of it, or checks the form of the error. */
static inline pal_status try_open(const void *data, size_t size, pal_error *err)
{
    unsigned char *image = malloc(size ? size : 1);
    assert_non_null(image);
    if (size) memcpy(image, data, size);
    pal_gguf *g = NULL;
    *err = (pal_error){PAL_OK, NULL, 0};
    pal_status status = pal_gguf_open(&g, image, size, err);
    if (status == PAL_OK) {
        walk(g);
        pal_gguf_close(g);
    } else {
        assert_null(g);
        assert_int_equal(err->status, status);
        assert_non_null(err->text);
        assert_true(status == PAL_E_FORMAT || status == PAL_E_UNSUPPORTED);
        assert_true(err->offset <= size);
    }
    free(image);
    return status;
}

#endif
