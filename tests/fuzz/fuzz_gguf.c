/* fuzz_gguf.c - fuzzes the GGUF reader and writer: a file is refused with a proper error, or every view of it can be
 * read, every value can be printed, and a copy written from it opens with the same contents. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gguf/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned fuzz_sink; /* keeps the compiler from removing the reads */

#define REQUIRE(cond) ((cond) ? (void)0 : abort())

typedef struct {
    uint8_t *data;
    size_t size, capacity;
} bytes;

static bool take(void *context, const void *data, size_t size)
{
    bytes *b = context;
    if (size > b->capacity - b->size) {
        b->capacity = 2 * b->capacity + size;
        b->data = realloc(b->data, b->capacity);
        REQUIRE(b->data);
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return true;
}

static unsigned sum_of(const void *data, size_t size)
{
    const uint8_t *p = data;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) sum += p[i];
    return sum;
}

static unsigned walk_value(const pal_gguf *g, const pal_gguf_value *v, size_t image_size)
{
    unsigned sum = sum_of(v->key.data, v->key.size) + sum_of(v->data, v->size);
    size_t cursor = 0, offset = pal_gguf_value_offset(g, v);
    REQUIRE(offset <= image_size && v->size <= image_size - offset);
    REQUIRE(v->is_array || v->count == 1);
    for (uint64_t i = 0; i < v->count; i++) {
        if (v->type == PAL_GGUF_STRING) {
            pal_str s = pal_gguf_next_str(v, &cursor);
            sum += sum_of(s.data, s.size);
        }
        if (v->type == PAL_GGUF_F32) sum += pal_gguf_f32_at(v, i) > 0;
        if (v->type == PAL_GGUF_I32 || v->type == PAL_GGUF_U32) sum += (unsigned)pal_gguf_i32_at(v, i);
    }
    REQUIRE(v->type != PAL_GGUF_STRING || cursor == v->size);
    for (size_t capacity = 8; capacity < 40; capacity += 23) {
        char shown[40];
        memset(shown, 1, sizeof shown);
        pal_gguf_describe(v, shown, capacity);
        REQUIRE(memchr(shown, 0, capacity) && (capacity == sizeof shown || shown[capacity] == 1));
        for (const char *c = shown; *c; c++) REQUIRE(*c >= 0x20 && *c < 0x7f);
    }
    return sum;
}

/* A lookup of a key must find it (a key that contains NUL cannot be looked up). */
static void look_up(const pal_gguf *g, const pal_gguf_value *v)
{
    char key[64];
    uint32_t u;
    float f;
    bool truth;
    pal_str s;
    if (v->key.size >= sizeof key || memchr(v->key.data, 0, v->key.size)) return;
    memcpy(key, v->key.data, v->key.size);
    key[v->key.size] = 0;
    const pal_gguf_value *first = pal_gguf_find(g, key); /* index among the values with this key, in file order */
    REQUIRE(first && first <= v && first->key.size == v->key.size && !memcmp(first->key.data, key, v->key.size));
    if (first != v) return;
    uint64_t common;
    double number;
    if (pal_gguf_get_u32(g, key, &u)) REQUIRE(pal_gguf_get_common_u64(g, key, &common) && common == u);
    if (pal_gguf_get_f32(g, key, &f)) REQUIRE(pal_gguf_get_f64(g, key, &number));
    bool any = pal_gguf_get_u32(g, key, &u);
    any |= pal_gguf_get_f32(g, key, &f);
    any |= pal_gguf_get_bool(g, key, &truth) || pal_gguf_get_str(g, key, &s);
    REQUIRE(!any || !v->is_array);
}

static void check_tensor(const pal_gguf *g, const pal_gguf_tensor *t, const uint8_t *image, size_t image_size)
{
    uint64_t size;
    REQUIRE(t->offset <= image_size && t->size <= image_size - t->offset);
    if (t->trouble) {
        REQUIRE(!t->data && !t->size);
        return;
    }
    REQUIRE(t->data == image + t->offset && t->offset % 8 == 0);
    REQUIRE(pal_tensor_bytes(t->type, t->dims, t->extent, &size) && size == t->size);
    REQUIRE(pal_gguf_alignment(g) >= 1);
}

static bytes copy_of(const pal_gguf *g, uint32_t file_type)
{
    bytes b = {NULL, 0, 0};
    size_t count = pal_gguf_tensors(g);
    pal_gguf_tensor_plan *plan = calloc(count + 1, sizeof *plan);
    REQUIRE(plan);
    for (size_t i = 0; i < count; i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        plan[i].name = t->name;
        plan[i].type = t->type;
        plan[i].dims = t->dims;
        memcpy(plan[i].extent, t->extent, sizeof t->extent);
    }
    REQUIRE(pal_gguf_write_header(g, file_type, plan, count, take, &b, NULL) == PAL_OK);
    for (size_t i = 0; i < count; i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        REQUIRE(pal_gguf_write_tensor(g, t->data, t->size, take, &b, NULL) == PAL_OK);
    }
    free(plan);
    return b;
}

static bool same(const void *a, size_t a_size, const void *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static void check_copy(const pal_gguf *g)
{
    bytes b = copy_of(g, 7);
    pal_gguf *copy = NULL;
    REQUIRE(pal_gguf_open(&copy, b.data, b.size, NULL) == PAL_OK);
    for (size_t i = 0; i < pal_gguf_values(g); i++) {
        const pal_gguf_value *v = pal_gguf_value_at(g, i), *w = pal_gguf_value_at(copy, i);
        REQUIRE(same(v->key.data, v->key.size, w->key.data, w->key.size));
        REQUIRE(pal_str_is(v->key, "general.file_type") || same(v->data, v->size, w->data, w->size));
    }
    REQUIRE(pal_gguf_tensors(g) == pal_gguf_tensors(copy));
    for (size_t i = 0; i < pal_gguf_tensors(g); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i), *u = pal_gguf_tensor_at(copy, i);
        REQUIRE(same(t->name.data, t->name.size, u->name.data, u->name.size));
        REQUIRE(same(t->data, t->size, u->data, u->size));
    }
    pal_gguf_close(copy);
    free(b.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pal_gguf *g = NULL;
    pal_error err = {PAL_OK, NULL, 0};
    pal_status status = pal_gguf_open(&g, data, size, &err);
    if (status != PAL_OK) {
        REQUIRE(!g && err.status == status && err.text && err.offset <= size);
        return 0;
    }
    for (size_t i = 0; i < pal_gguf_values(g); i++) {
        const pal_gguf_value *v = pal_gguf_value_at(g, i);
        fuzz_sink += walk_value(g, v, size);
        look_up(g, v);
    }
    for (size_t i = 0; i < pal_gguf_tensors(g); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(g, i);
        check_tensor(g, t, data, size);
        fuzz_sink += sum_of(t->data, t->size);
    }
    bool whole = !pal_gguf_trouble(g);
    for (size_t i = 0; i < pal_gguf_tensors(g); i++) whole = whole && !pal_gguf_tensor_at(g, i)->trouble;
    if (whole && pal_gguf_alignment(g) >= 8) check_copy(g); /* the writer keeps the alignment, the reader requires 8 */
    pal_gguf_close(g);
    return 0;
}
