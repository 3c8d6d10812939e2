/* test_gguf.c - the GGUF reader against valid, damaged and hostile files, and the writer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "gguf/gguf.h"

/* ---- building files in memory ---------------------------------------------------------------------- */

typedef struct {
    unsigned char *data;
    size_t size, room;
} bytes;

static void put(bytes *b, const void *data, size_t size)
{
    while (b->size + size > b->room) {
        b->room = b->room ? 2 * b->room : 4096;
        b->data = realloc(b->data, b->room);
        assert_non_null(b->data);
    }
    if (size) memcpy(b->data + b->size, data, size);
    b->size += size;
}

/* The lowest `size` bytes of n, little endian. */
static void put_int(bytes *b, uint64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++, n >>= 8) put(b, &(unsigned char){(unsigned char)n}, 1);
}

static void put_str(bytes *b, const char *s)
{
    put_int(b, strlen(s), 8);
    put(b, s, strlen(s));
}

static void put_key(bytes *b, const char *key, uint32_t type)
{
    put_str(b, key);
    put_int(b, type, 4);
}

static void put_array(bytes *b, const char *key, uint32_t type, uint64_t count)
{
    put_key(b, key, PAL_GGUF_ARRAY);
    put_int(b, type, 4);
    put_int(b, count, 8);
}

static void pad(bytes *b, size_t alignment)
{
    while (b->size % alignment) put_int(b, 0, 1);
}

/* Where the fields of the sample file stand, for those who damage it. */
typedef struct {
    size_t start, version, tensor_count, key_count;
    size_t key_length, type, string_length, array_type, array_count, strings_count, element_length, truth;
    size_t alignment_type, alignment, twin_key;
    size_t name_length, dims, extent0, extent1, tensor_type, offset; /* of the first tensor, F32 [3, 4] */
    size_t row, second_offset, third_offset, twin_name;
    size_t infos_end, data, last, end; /* `last` tensor ends at `end` */
} marks;

enum { SAMPLE_KEYS = 20, SAMPLE_TENSORS = 3, SAMPLE_ALIGNMENT = 64 };

static void put_numbers(bytes *b, marks *m)
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

static void put_arrays(bytes *b, marks *m)
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

static size_t put_info(bytes *b, const char *name, uint32_t dims, const uint64_t *extent, uint32_t type,
                       uint64_t offset)
{
    put_str(b, name);
    put_int(b, dims, 4);
    for (uint32_t i = 0; i < dims; i++) put_int(b, extent[i], 8);
    put_int(b, type, 4);
    put_int(b, offset, 8);
    return b->size - 8;
}

/* A file with every type of value, three tensors and padding; m may be thrown away. */
static bytes sample(uint32_t version, marks *m)
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

/* ---- walking over whatever opens ------------------------------------------------------------------- */

static volatile unsigned sink;

static void touch(const void *data, size_t size)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++) sink += p[i];
}

/* Reads every byte that the reader hands out: with the sanitizers a view outside of the image is an error. */
static void walk(const pal_gguf *g)
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
        assert_true(t->size > 0 && t->dims >= 1 && t->dims <= 4);
        assert_true(t->extent[0] % pal_tensor_block(t->type) == 0);
    }
}

/* Opens a copy in a block of exactly this size, walks over it, and holds a refusal to its form. */
static pal_status try_open(const void *data, size_t size, pal_error *err)
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

/* ---- valid files ----------------------------------------------------------------------------------- */

static void check_sample_scalars(const pal_gguf *g)
{
    uint32_t u = 0;
    float f = 0;
    bool truth = false;
    pal_str s = {NULL, 0};
    assert_true(pal_gguf_get_u32(g, "n.u8", &u) && u == 200);
    assert_true(pal_gguf_get_u32(g, "n.u16", &u) && u == 60000);
    assert_true(pal_gguf_get_u32(g, "n.i16", &u) && u == 300);
    assert_true(pal_gguf_get_u32(g, "n.i64", &u) && u == 4000000000);
    static const char *const no_u32[] = {"n.i8",   "n.i32", "n.u64",        "n.f32",
                                         "n.bool", "a.i32", "general.name", "absent"};
    for (size_t i = 0; i < sizeof no_u32 / sizeof no_u32[0]; i++) {
        u = 99;
        assert_false(pal_gguf_get_u32(g, no_u32[i], &u));
        assert_int_equal(u, 99);
    }
    assert_true(pal_gguf_get_f32(g, "n.f32", &f) && f == 1.5f);
    assert_true(pal_gguf_get_f32(g, "n.f64", &f) && f == 10000.0f);
    assert_true(pal_gguf_get_f32(g, "n.i32", &f) && f == -70000.0f);
    assert_true(pal_gguf_get_f32(g, "n.i8", &f) && f == -3.0f);
    assert_false(pal_gguf_get_f32(g, "n.f64.fine", &f));
    assert_false(pal_gguf_get_f32(g, "n.u64", &f));
    assert_false(pal_gguf_get_f32(g, "a.f32", &f));
    assert_true(pal_gguf_get_bool(g, "n.bool", &truth) && truth);
    assert_false(pal_gguf_get_bool(g, "n.u8", &truth));
    assert_true(pal_gguf_get_str(g, "general.name", &s) && pal_str_is(s, "a sample"));
    assert_false(pal_gguf_get_str(g, "a.str", &s));
}

static void check_sample_arrays(const pal_gguf *g)
{
    const pal_gguf_value *v = pal_gguf_find(g, "a.f32");
    assert_true(v && v->is_array && v->count == 3 && v->type == PAL_GGUF_F32);
    assert_true(pal_gguf_f32_at(v, 0) == 0 && pal_gguf_f32_at(v, 1) == -1 && pal_gguf_f32_at(v, 2) == 2);
    v = pal_gguf_find(g, "a.i32");
    assert_true(v && v->count == 2 && pal_gguf_i32_at(v, 0) == 7 && pal_gguf_i32_at(v, 1) == -8);
    v = pal_gguf_find(g, "a.str");
    assert_true(v && v->count == 3);
    size_t cursor = 0;
    assert_true(pal_str_is(pal_gguf_next_str(v, &cursor), "one"));
    assert_true(pal_str_is(pal_gguf_next_str(v, &cursor), ""));
    assert_true(pal_str_is(pal_gguf_next_str(v, &cursor), "three"));
    assert_int_equal(cursor, v->size);
    v = pal_gguf_find(g, "a.none");
    assert_true(v && v->is_array && v->count == 0 && v->size == 0);
}

static void check_sample(uint32_t version)
{
    marks m;
    bytes b = sample(version, &m);
    pal_gguf *g = NULL;
    assert_int_equal(pal_gguf_open(&g, b.data, b.size, NULL), PAL_OK);
    walk(g);
    assert_int_equal(pal_gguf_values(g), SAMPLE_KEYS);
    assert_true(pal_str_is(pal_gguf_value_at(g, 1)->key, "n.u8")); /* in the order of the file */
    assert_null(pal_gguf_find(g, "n.u"));
    assert_int_equal(pal_gguf_value_offset(g, pal_gguf_find(g, "n.bool")), m.truth);
    assert_int_equal(pal_gguf_alignment(g), SAMPLE_ALIGNMENT);
    check_sample_scalars(g);
    check_sample_arrays(g);

    assert_int_equal(pal_gguf_tensors(g), SAMPLE_TENSORS);
    const pal_gguf_tensor *t = pal_gguf_find_tensor(g, "second");
    assert_true(t == pal_gguf_tensor_at(g, 1));
    assert_int_equal(t->type, PAL_Q8_0);
    assert_int_equal(t->dims, 3);
    assert_true(t->extent[0] == 32 && t->extent[1] == 2 && t->extent[2] == 2 && t->extent[3] == 1);
    assert_int_equal(t->size, 4 * 34);
    assert_int_equal(t->offset, m.data + 64);
    assert_true(t->data == b.data + t->offset && t->data[0] == 0x40);
    t = pal_gguf_find_tensor(g, "first3");
    assert_true(t && t->size == 10 && t->offset == m.last);
    assert_null(pal_gguf_find_tensor(g, "first"));
    pal_gguf_close(g);
    free(b.data);
}

static void open_sample_gives_what_was_written(void **state)
{
    (void)state;
    check_sample(3);
    check_sample(2);
    pal_gguf_close(NULL);
}

static void open_without_tensors_is_valid(void **state)
{
    (void)state;
    bytes b = {NULL, 0, 0};
    pal_error err;
    put(&b, "GGUF", 4), put_int(&b, 3, 4), put_int(&b, 0, 8), put_int(&b, 1, 8);
    put_key(&b, "general.architecture", PAL_GGUF_STRING), put_str(&b, "llama");
    assert_int_equal(try_open(b.data, b.size, &err), PAL_OK);
    size_t end = b.size;
    pad(&b, 32);
    assert_true(b.size > end);
    assert_int_equal(try_open(b.data, b.size, &err), PAL_OK);
    put_int(&b, 0, 1);
    assert_int_equal(try_open(b.data, b.size, &err), PAL_E_FORMAT);
    assert_int_equal(err.offset, end);
    free(b.data);
}

static void tensor_types_have_the_sizes_of_ggml(void **state)
{
    (void)state;
    static const struct {
        uint32_t type, block, bytes;
        const char *name;
    } known[] = {{0, 1, 4, "F32"},       {1, 1, 2, "F16"},       {2, 32, 18, "Q4_0"},          {3, 32, 20, "Q4_1"},
                 {6, 32, 22, "Q5_0"},    {7, 32, 24, "Q5_1"},    {8, 32, 34, "Q8_0"},          {12, 256, 144, "Q4_K"},
                 {13, 256, 176, "Q5_K"}, {14, 256, 210, "Q6_K"}, {30, 1, 2, "BF16"},           {4, 0, 0, "unknown"},
                 {31, 0, 0, "unknown"},  {99, 0, 0, "unknown"},  {UINT32_MAX, 0, 0, "unknown"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(pal_tensor_block(known[i].type), known[i].block);
        assert_int_equal(pal_tensor_block_bytes(known[i].type), known[i].bytes);
        assert_string_equal(pal_tensor_type_name(known[i].type), known[i].name);
    }
    uint64_t size = 0;
    assert_true(pal_tensor_bytes(PAL_Q4_K, 2, (uint64_t[]){512, 3}, &size) && size == 6 * 144);
    assert_false(pal_tensor_bytes(PAL_Q4_K, 1, (uint64_t[]){255}, &size));
    assert_false(pal_tensor_bytes(PAL_F32, 2, (uint64_t[]){(uint64_t)1 << 32, (uint64_t)1 << 32}, &size));
    assert_false(pal_tensor_bytes(PAL_F32, 1, (uint64_t[]){(uint64_t)1 << 62}, &size));
    assert_false(pal_tensor_bytes(77, 1, (uint64_t[]){1}, &size));
}

/* ---- damaged files --------------------------------------------------------------------------------- */

static void open_truncated_is_refused(void **state)
{
    (void)state;
    marks m;
    bytes b = sample(3, &m);
    pal_error err;
    for (size_t size = 0; size < m.end; size++) assert_true(try_open(b.data, size, &err) < 0);
    for (size_t size = m.end; size <= b.size; size++) assert_int_equal(try_open(b.data, size, &err), PAL_OK);
    free(b.data);
}

static void open_with_a_flipped_bit_is_harmless(void **state)
{
    (void)state;
    marks m;
    bytes b = sample(3, &m);
    pal_error err;
    size_t opened = 0, refused = 0;
    for (size_t bit = 0; bit < 8 * b.size; bit++) {
        b.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        pal_status status = try_open(b.data, b.size, &err);
        b.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (status == PAL_OK)
            opened++;
        else
            refused++;
        if (bit < 8 * 24 && bit != 32) assert_true(status < 0); /* magic, version (3 ^ 1 is 2) and counts */
    }
    print_message("%zu flipped bits opened, %zu were refused\n", opened, refused);
    assert_true(opened > 0 && refused > 0);
    free(b.data);
}

/* One field overwritten, and what must come of it.  `shown` is the field the error points at. */
typedef struct {
    size_t field, bytes;
    uint64_t value;
    pal_status status;
    size_t shown;
    const char *word; /* in the text */
} damage;

#define AT(field) offsetof(marks, field)
#define F         PAL_E_FORMAT
#define U         PAL_E_UNSUPPORTED

static const damage damages[] = {
    {AT(start), 1, 'g', F, AT(start), "not a GGUF"},
    {AT(version), 4, 1, U, AT(version), "versions"},
    {AT(version), 4, 0, U, AT(version), "versions"},
    {AT(version), 4, 4, U, AT(version), "versions"},
    {AT(version), 4, 0x03000000, U, AT(version), "big-endian"},
    {AT(tensor_count), 8, UINT64_MAX, F, AT(tensor_count), "tensors than"},
    {AT(tensor_count), 8, 1000, F, AT(tensor_count), "tensors than"},
    {AT(tensor_count), 8, SAMPLE_TENSORS + 1, F, AT(infos_end), "no name"},
    {AT(key_count), 8, UINT64_MAX, F, AT(key_count), "keys than"},
    {AT(key_count), 8, (uint64_t)1 << 63, F, AT(key_count), "keys than"},
    {AT(key_count), 8, 1000, F, AT(key_count), "keys than"},
    {AT(key_length), 8, UINT64_MAX, F, AT(key_length), "string"},
    {AT(key_length), 8, UINT64_MAX - 7, F, AT(key_length), "string"},
    {AT(key_length), 8, 0, F, AT(key_length), "no name"},
    {AT(type), 4, 13, F, AT(type), "unknown type"},
    {AT(type), 4, UINT32_MAX, F, AT(type), "unknown type"},
    {AT(string_length), 8, (uint64_t)1 << 63, F, AT(string_length), "string"},
    {AT(string_length), 8, 5000, F, AT(string_length), "string"},
    {AT(array_type), 4, PAL_GGUF_ARRAY, U, AT(array_type), "arrays of arrays"},
    {AT(array_type), 4, 13, F, AT(array_type), "unknown type"},
    {AT(array_count), 8, (uint64_t)1 << 62, F, AT(array_count), "array"}, /* times 4 it is 0 */
    {AT(array_count), 8, UINT64_MAX, F, AT(array_count), "array"},
    {AT(strings_count), 8, (uint64_t)1 << 61, F, AT(strings_count), "array"},
    {AT(strings_count), 8, 1000, F, AT(strings_count), "array"},
    {AT(element_length), 8, UINT64_MAX - 7, F, AT(element_length), "string"},
    {AT(truth), 1, 2, F, AT(truth), "truth value"},
    {AT(truth), 1, 255, F, AT(truth), "truth value"},
    {AT(twin_key), 6, 0x612e6e697774, F, AT(twin_key), "key appears twice"}, /* "twin.a" */
    {AT(alignment), 4, 0, F, AT(alignment), "alignment"},
    {AT(alignment), 4, 1, F, AT(alignment), "alignment"},
    {AT(alignment), 4, 4, F, AT(alignment), "alignment"},
    {AT(alignment), 4, 96, F, AT(alignment), "alignment"},
    {AT(alignment), 4, (uint64_t)1 << 17, F, AT(alignment), "alignment"},
    {AT(alignment), 4, (uint64_t)1 << 31, F, AT(alignment), "alignment"},
    {AT(alignment_type), 4, PAL_GGUF_I32, F, AT(alignment), "alignment"},
    {AT(name_length), 8, UINT64_MAX, F, AT(name_length), "string"},
    {AT(name_length), 8, 0, F, AT(name_length), "no name"},
    {AT(dims), 4, 0, F, AT(dims), "1 to 4"},
    {AT(dims), 4, 5, F, AT(dims), "1 to 4"},
    {AT(dims), 4, UINT32_MAX, F, AT(dims), "1 to 4"},
    {AT(extent0), 8, 0, F, AT(extent0), "extent of 0"},
    {AT(extent1), 8, 0, F, AT(extent1), "extent of 0"},
    {AT(extent0), 8, UINT64_MAX, F, AT(extent0), "larger"},
    {AT(extent1), 8, UINT64_MAX / 3 + 1, F, AT(extent0), "larger"}, /* 3 times this is 0 and something */
    {AT(extent1), 8, (uint64_t)1 << 62, F, AT(extent0), "larger"},  /* 12 times this is 0 */
    {AT(extent1), 8, 1000, F, AT(extent0), "larger"},
    {AT(extent1), 8, 40, F, AT(offset), "past the end"},
    {AT(tensor_type), 4, 4, U, AT(tensor_type), "type"},
    {AT(tensor_type), 4, 31, U, AT(tensor_type), "type"},
    {AT(tensor_type), 4, UINT32_MAX, U, AT(tensor_type), "type"},
    {AT(tensor_type), 4, PAL_Q8_0, F, AT(extent0), "blocks"},
    {AT(row), 8, 33, F, AT(row), "blocks"},
    {AT(row), 8, 31, F, AT(row), "blocks"},
    {AT(offset), 8, 1, F, AT(offset), "aligned"},
    {AT(third_offset), 8, 32, F, AT(third_offset), "aligned"},
    {AT(offset), 8, (uint64_t)1 << 40, F, AT(offset), "past the end"},
    {AT(offset), 8, UINT64_MAX - 63, F, AT(offset), "past the end"}, /* added to the start it would wrap */
    {AT(third_offset), 8, 320, F, AT(third_offset), "past the end"},
    {AT(second_offset), 8, 0, F, AT(second_offset), "overlaps"},
    {AT(third_offset), 8, 192, F, AT(third_offset), "overlaps"},
    {AT(third_offset), 8, 0, F, AT(third_offset), "overlaps"},
    {AT(twin_name), 6, 0x317473726966, F, AT(twin_name), "name appears twice"}, /* "first1" */
    {AT(end), 1, 1, F, AT(end), "goes on"},
};

static void open_damaged_is_refused_at_the_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const damage *d = &damages[i];
        marks m;
        bytes b = sample(3, &m);
        size_t at, shown;
        memcpy(&at, (const char *)&m + d->field, sizeof at);
        memcpy(&shown, (const char *)&m + d->shown, sizeof shown);
        for (size_t k = 0; k < d->bytes; k++) b.data[at + k] = (unsigned char)(d->value >> 8 * k);
        pal_error err;
        pal_status status = try_open(b.data, b.size, &err);
        if (status != d->status || err.offset != shown || !strstr(err.text, d->word)) {
            fail_msg("damage %zu: status %d, offset %zu instead of %zu, \"%s\"", i, (int)status, err.offset, shown,
                     err.text ? err.text : "");
        }
        free(b.data);
    }
}

static void open_overlap_of_one_byte_is_refused(void **state)
{
    (void)state;
    const uint32_t bytes_type = 24; /* I8 */
    for (uint64_t size = 64; size <= 65; size++) {
        bytes b = {NULL, 0, 0};
        pal_error err;
        put(&b, "GGUF", 4), put_int(&b, 3, 4), put_int(&b, 2, 8), put_int(&b, 0, 8);
        size_t second = put_info(&b, "behind", 1, (uint64_t[]){10}, bytes_type, 64);
        put_info(&b, "before", 1, &size, bytes_type, 0);
        pad(&b, 32);
        for (int i = 0; i < 74; i++) put_int(&b, 1, 1);
        pal_status status = try_open(b.data, b.size, &err);
        assert_int_equal(status, size == 64 ? PAL_OK : PAL_E_FORMAT);
        if (status != PAL_OK) assert_int_equal(err.offset, second);
        free(b.data);
    }
}

static void open_with_more_behind_the_last_tensor_is_refused(void **state)
{
    (void)state;
    marks m;
    bytes b = sample(3, &m);
    pal_error err;
    put_int(&b, 0, 1); /* padding is up to the alignment, not beyond */
    assert_int_equal(try_open(b.data, b.size, &err), PAL_E_FORMAT);
    assert_int_equal(err.offset, m.end);
    free(b.data);
}

/* Whatever a count claims, only what is there is read: a sea of zeros ends at the first empty name. */
static void open_with_a_claimed_million_keys_is_refused_at_the_first(void **state)
{
    (void)state;
    bytes b = {NULL, 0, 0};
    pal_error err;
    put(&b, "GGUF", 4), put_int(&b, 3, 4), put_int(&b, 0, 8), put_int(&b, 1000000, 8);
    size_t first = b.size;
    static const char zeros[4096];
    while (b.size < 14 * 1000000 + 24) put(&b, zeros, sizeof zeros);
    assert_int_equal(try_open(b.data, b.size, &err), PAL_E_FORMAT);
    assert_int_equal(err.offset, first);
    free(b.data);
}

/* 100,000 keys and the search for equal ones among them: a comparison of all pairs would take minutes. */
static void open_many_keys_is_quick_and_finds_each(void **state)
{
    (void)state;
    enum { KEYS = 100000 };
    bytes b = {NULL, 0, 0};
    char key[32];
    put(&b, "GGUF", 4), put_int(&b, 3, 4), put_int(&b, 0, 8), put_int(&b, KEYS, 8);
    for (uint32_t i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key.%06u", (i * 7919) % KEYS);
        put_key(&b, key, PAL_GGUF_U32), put_int(&b, i, 4);
    }
    pal_gguf *g = NULL;
    assert_int_equal(pal_gguf_open(&g, b.data, b.size, NULL), PAL_OK);
    for (uint32_t i = 0; i < KEYS; i++) {
        uint32_t value;
        snprintf(key, sizeof key, "key.%06u", (i * 7919) % KEYS);
        assert_true(pal_gguf_get_u32(g, key, &value) && value == i);
    }
    pal_gguf_close(g);
    memcpy(b.data + 24 + 50000 * 26 + 8, b.data + 24 + 8, 10); /* one equals the first now */
    pal_error err;
    assert_int_equal(try_open(b.data, b.size, &err), PAL_E_FORMAT);
    assert_int_equal(err.offset, 24 + 50000 * 26 + 8);
    free(b.data);
}

/* ---- writer ---------------------------------------------------------------------------------------- */

static bool take(void *context, const void *data, size_t size)
{
    put(context, data, size);
    return true;
}

/* Accepts as many pieces as *context says. */
static bool take_some(void *context, const void *data, size_t size)
{
    size_t *left = context;
    touch(data, size);
    return *left > 0 && (*left)--;
}

static bytes copy_of(const pal_gguf *g, uint32_t file_type)
{
    bytes b = {NULL, 0, 0};
    size_t count = pal_gguf_tensors(g);
    pal_gguf_tensor_plan *plan = calloc(count + 1, sizeof *plan);
    assert_non_null(plan);
    for (size_t i = 0; i < count; i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        plan[i] =
            (pal_gguf_tensor_plan){t->name, t->type, t->dims, {t->extent[0], t->extent[1], t->extent[2], t->extent[3]}};
    }
    assert_int_equal(pal_gguf_write_header(g, file_type, plan, count, take, &b, NULL), PAL_OK);
    for (size_t i = 0; i < count; i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        assert_int_equal(pal_gguf_write_tensor(g, t->data, t->size, take, &b, NULL), PAL_OK);
    }
    free(plan);
    return b;
}

static bool same_str(pal_str a, pal_str b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* The first values of the copy are those of the original, byte for byte, but for general.file_type. */
static void check_copy(const pal_gguf *from, const pal_gguf *copy)
{
    for (size_t i = 0; i < pal_gguf_values(from); i++) {
        const pal_gguf_value *v = pal_gguf_value_at(from, i), *w = pal_gguf_value_at(copy, i);
        assert_true(same_str(v->key, w->key));
        if (pal_str_is(v->key, "general.file_type")) continue;
        assert_true(v->type == w->type && v->is_array == w->is_array && v->count == w->count && v->size == w->size);
        if (v->size) assert_memory_equal(v->data, w->data, v->size);
    }
    assert_int_equal(pal_gguf_tensors(from), pal_gguf_tensors(copy));
    for (size_t i = 0; i < pal_gguf_tensors(from); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(from, i), *u = pal_gguf_tensor_at(copy, i);
        assert_true(same_str(t->name, u->name));
        assert_true(t->type == u->type && t->dims == u->dims && t->size == u->size);
        assert_memory_equal(t->extent, u->extent, sizeof t->extent);
        assert_memory_equal(t->data, u->data, t->size);
    }
}

static void write_copy_of_the_sample_is_the_sample(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        marks m;
        bytes b = sample(version, &m);
        pal_gguf *g = NULL;
        assert_int_equal(pal_gguf_open(&g, b.data, b.size, NULL), PAL_OK);
        bytes copy = copy_of(g, UINT32_MAX);
        b.data[4] = 3; /* what is written is always version 3 */
        assert_int_equal(copy.size, b.size);
        assert_memory_equal(copy.data, b.data, b.size);
        free(copy.data);
        pal_gguf_close(g);
        free(b.data);
    }
}

static void write_with_a_file_type_replaces_it(void **state)
{
    (void)state;
    marks m;
    bytes b = sample(3, &m);
    pal_gguf *g = NULL, *copy = NULL;
    uint32_t n = 0;
    assert_int_equal(pal_gguf_open(&g, b.data, b.size, NULL), PAL_OK);
    bytes written = copy_of(g, 1);
    assert_int_equal(pal_gguf_open(&copy, written.data, written.size, NULL), PAL_OK);
    check_copy(g, copy);
    assert_true(pal_gguf_get_u32(copy, "general.file_type", &n) && n == 1);
    /* The sample has a Q8_0 tensor and no general.quantization_version. */
    assert_int_equal(pal_gguf_values(copy), SAMPLE_KEYS + 1);
    assert_true(pal_gguf_get_u32(copy, "general.quantization_version", &n) && n == 2);
    bytes again = copy_of(copy, 1);
    assert_int_equal(again.size, written.size);
    assert_memory_equal(again.data, written.data, written.size);
    pal_gguf_close(copy);
    pal_gguf_close(g);
    free(again.data), free(written.data), free(b.data);
}

static void write_with_a_file_type_appends_where_there_was_none(void **state)
{
    (void)state;
    bytes b = {NULL, 0, 0};
    put(&b, "GGUF", 4), put_int(&b, 3, 4), put_int(&b, 0, 8), put_int(&b, 0, 8);
    pal_gguf *g = NULL, *copy = NULL;
    uint32_t n = 0;
    assert_int_equal(pal_gguf_open(&g, b.data, b.size, NULL), PAL_OK);
    bytes written = copy_of(g, 0);
    assert_int_equal(pal_gguf_open(&copy, written.data, written.size, NULL), PAL_OK);
    assert_int_equal(pal_gguf_values(copy), 1); /* nothing is quantised here */
    assert_true(pal_gguf_get_u32(copy, "general.file_type", &n) && n == 0);
    pal_gguf_close(copy);
    pal_gguf_close(g);
    free(written.data), free(b.data);
}

static void write_to_a_full_disk_is_an_error(void **state)
{
    (void)state;
    marks m;
    bytes b = sample(3, &m);
    pal_gguf *g = NULL;
    pal_error err;
    pal_gguf_tensor_plan plan = {{"t", 1}, PAL_F32, 1, {8, 1, 1, 1}};
    assert_int_equal(pal_gguf_open(&g, b.data, b.size, NULL), PAL_OK);
    size_t pieces = 0, left;
    do { /* with room for 0, 1, 2, ... pieces, until it works */
        left = pieces++;
    } while (pal_gguf_write_header(g, UINT32_MAX, &plan, 1, take_some, &left, &err) == PAL_E_IO);
    assert_true(pieces > SAMPLE_KEYS);
    left = 0;
    assert_int_equal(pal_gguf_write_tensor(g, "12345678", 8, take_some, &left, &err), PAL_E_IO);
    left = 1; /* the data, but not the padding */
    assert_int_equal(pal_gguf_write_tensor(g, "12345678", 8, take_some, &left, &err), PAL_E_IO);
    assert_non_null(err.text);
    pal_gguf_close(g);
    free(b.data);
}

static void write_rows_of_broken_blocks_is_refused(void **state)
{
    (void)state;
    marks m;
    bytes b = sample(3, &m), out = {NULL, 0, 0};
    pal_gguf *g = NULL;
    pal_error err;
    pal_gguf_tensor_plan plan = {{"t", 1}, PAL_Q8_0, 2, {33, 2, 1, 1}};
    assert_int_equal(pal_gguf_open(&g, b.data, b.size, NULL), PAL_OK);
    assert_int_equal(pal_gguf_write_header(g, 7, &plan, 1, take, &out, &err), PAL_E_UNSUPPORTED);
    assert_int_equal(out.size, 0);
    pal_gguf_close(g);
    free(b.data);
}

/* ---- files of others ------------------------------------------------------------------------------- */

static bool map_fixture(pal_file *file, const char *name)
{
    const char *shared = getenv("PAL_SHARED");
    char path[1024];
    snprintf(path, sizeof path, "%s/fixtures/%s", shared ? shared : PAL_SOURCE_DIR "/../shared", name);
    if (pal_file_map(file, path, NULL) == PAL_OK) return true;
    print_message("skipped: no fixture %s\n", name);
    return false;
}

static void fixture_tiny_llama_opens_copies_and_is_refused_when_cut(void **state)
{
    (void)state;
    pal_file file;
    if (!map_fixture(&file, "gguf-tiny/llama-2-tiny-random.gguf")) skip();
    pal_gguf *g = NULL, *copy = NULL;
    pal_error err;
    pal_str architecture;
    assert_int_equal(pal_gguf_open(&g, file.data, file.size, NULL), PAL_OK);
    walk(g);
    assert_true(pal_gguf_get_str(g, "general.architecture", &architecture) && pal_str_is(architecture, "llama"));
    assert_int_equal(pal_gguf_find(g, "tokenizer.ggml.tokens")->count, 32000);
    const pal_gguf_tensor *t = pal_gguf_find_tensor(g, "token_embd.weight");
    assert_true(t && t->dims == 2 && t->extent[0] == 8 && t->extent[1] == 32000 && t->type == PAL_F16);

    bytes written = copy_of(g, 2);
    assert_int_equal(pal_gguf_open(&copy, written.data, written.size, NULL), PAL_OK);
    check_copy(g, copy);
    pal_gguf_close(copy);
    free(written.data);
    pal_gguf_close(g);
    for (size_t i = 1; i < 60; i++) assert_true(try_open(file.data, file.size / 60 * i, &err) < 0);
    assert_true(try_open(file.data, file.size - 1, &err) < 0);
    pal_file_unmap(&file);
}

static void fixture_vocabularies_open_and_copy(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t tokens;
    } files[] = {{"gguf-vocab/ggml-vocab-llama-spm.gguf", 32000}, {"gguf-vocab/ggml-vocab-gpt-2.gguf", 50257}};
    int seen = 0;
    for (size_t i = 0; i < 2; i++) {
        pal_file file;
        pal_gguf *g = NULL, *copy = NULL;
        if (!map_fixture(&file, files[i].name)) continue;
        seen++;
        assert_int_equal(pal_gguf_open(&g, file.data, file.size, NULL), PAL_OK);
        walk(g);
        assert_int_equal(pal_gguf_tensors(g), 0);
        assert_int_equal(pal_gguf_find(g, "tokenizer.ggml.tokens")->count, files[i].tokens);
        bytes written = copy_of(g, UINT32_MAX);
        assert_int_equal(pal_gguf_open(&copy, written.data, written.size, NULL), PAL_OK);
        check_copy(g, copy);
        assert_true(written.size >= file.size);
        assert_memory_equal(written.data, file.data, file.size); /* the copy may be padded */
        pal_gguf_close(copy);
        pal_gguf_close(g);
        free(written.data);
        pal_file_unmap(&file);
    }
    if (!seen) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_sample_gives_what_was_written),
        cmocka_unit_test(open_without_tensors_is_valid),
        cmocka_unit_test(tensor_types_have_the_sizes_of_ggml),
        cmocka_unit_test(open_truncated_is_refused),
        cmocka_unit_test(open_with_a_flipped_bit_is_harmless),
        cmocka_unit_test(open_damaged_is_refused_at_the_place),
        cmocka_unit_test(open_overlap_of_one_byte_is_refused),
        cmocka_unit_test(open_with_more_behind_the_last_tensor_is_refused),
        cmocka_unit_test(open_with_a_claimed_million_keys_is_refused_at_the_first),
        cmocka_unit_test(open_many_keys_is_quick_and_finds_each),
        cmocka_unit_test(write_copy_of_the_sample_is_the_sample),
        cmocka_unit_test(write_with_a_file_type_replaces_it),
        cmocka_unit_test(write_with_a_file_type_appends_where_there_was_none),
        cmocka_unit_test(write_to_a_full_disk_is_an_error),
        cmocka_unit_test(write_rows_of_broken_blocks_is_refused),
        cmocka_unit_test(fixture_tiny_llama_opens_copies_and_is_refused_when_cut),
        cmocka_unit_test(fixture_vocabularies_open_and_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
