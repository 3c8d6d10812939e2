/* test_gguf.c - the GGUF reader on valid and third-party files, and the writer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/file.h"
#include "gguf_testing.h"

#include <stdio.h>

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

/* The first values of the copy equal those of the original byte for byte, except general.file_type. */
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
