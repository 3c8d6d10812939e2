/* test_gguf_damaged.c - the GGUF reader against damaged and hostile files. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gguf_testing.h"

#include <stdio.h>

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
        if (bit < 8 * 8 && bit != 32) assert_true(status < 0); /* magic and version (3 ^ 1 is 2) */
    }
    print_message("%zu flipped bits opened, %zu were refused\n", opened, refused);
    assert_true(opened > 0 && refused > 0);
    free(b.data);
}

/* One overwritten field and the expected result. `shown` is the field that the error names. */
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
    {AT(key_count), 8, UINT64_MAX, F, AT(key_count), "keys than"},
    {AT(key_count), 8, (uint64_t)1 << 63, F, AT(key_count), "keys than"},
    {AT(key_count), 8, 1000, F, AT(key_count), "keys than"},
    {AT(key_length), 8, UINT64_MAX, F, AT(key_length), "string"},
    {AT(key_length), 8, UINT64_MAX - 7, F, AT(key_length), "string"},
    {AT(type), 4, UINT32_MAX, F, AT(type), "unknown type"},
    {AT(string_length), 8, (uint64_t)1 << 63, F, AT(string_length), "string"},
    {AT(string_length), 8, 5000, F, AT(string_length), "string"},
    {AT(array_count), 8, (uint64_t)1 << 62, F, AT(array_count), "array"}, /* times 4 it is 0 */
    {AT(array_count), 8, UINT64_MAX, F, AT(array_count), "array"},
    {AT(strings_count), 8, (uint64_t)1 << 61, F, AT(strings_count), "array"},
    {AT(strings_count), 8, 1000, F, AT(strings_count), "array"},
    {AT(element_length), 8, UINT64_MAX - 7, F, AT(element_length), "string"},
    {AT(name_length), 8, UINT64_MAX, F, AT(name_length), "string"},
    {AT(dims), 4, 9, F, AT(dims), "8 dimensions"},
    {AT(dims), 4, UINT32_MAX, F, AT(dims), "8 dimensions"},
    {AT(extent0), 8, UINT64_MAX, F, AT(extent0), "larger"},
    {AT(extent1), 8, UINT64_MAX / 3 + 1, F, AT(extent0), "larger"}, /* 3 times this is 0 and something */
    {AT(extent1), 8, (uint64_t)1 << 62, F, AT(extent0), "larger"},  /* 12 times this is 0 */
    {AT(extent1), 8, 1000, F, AT(extent0), "larger"},
    {AT(extent1), 8, 40, F, AT(offset), "past the end"},
    {AT(offset), 8, (uint64_t)1 << 40, F, AT(offset), "past the end"},
    {AT(offset), 8, UINT64_MAX - 63, F, AT(offset), "past the end"}, /* added to the start it would wrap */
    {AT(third_offset), 8, 320, F, AT(third_offset), "past the end"},
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

/* The reader stays within the file for any count: a file of zeros ends at the second empty name. */
static void open_with_a_claimed_million_keys_is_refused_at_the_second(void **state)
{
    (void)state;
    bytes b = {NULL, 0, 0};
    pal_error err;
    put(&b, "GGUF", 4), put_int(&b, 3, 4), put_int(&b, 0, 8), put_int(&b, 1000000, 8);
    size_t second = b.size + 8 + 4 + 1;
    static const char zeros[4096];
    while (b.size < 14 * 1000000 + 24) put(&b, zeros, sizeof zeros);
    assert_int_equal(try_open(b.data, b.size, &err), PAL_E_FORMAT);
    assert_int_equal(err.offset, second);
    free(b.data);
}

/* 100,000 keys must be searched for duplicates: comparing all pairs would take minutes. */
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
    assert_null(pal_gguf_contradiction(g, "key."));
    pal_gguf_close(g);
    memcpy(b.data + 24 + 50000 * 26 + 8, b.data + 24 + 8, 10); /* one equals the first now */
    assert_int_equal(pal_gguf_open(&g, b.data, b.size, NULL), PAL_OK);
    assert_true(pal_gguf_contradiction(g, "key.") == pal_gguf_value_at(g, 0));
    pal_gguf_close(g);
    free(b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_truncated_is_refused),
        cmocka_unit_test(open_with_a_flipped_bit_is_harmless),
        cmocka_unit_test(open_damaged_is_refused_at_the_place),
        cmocka_unit_test(open_with_a_claimed_million_keys_is_refused_at_the_second),
        cmocka_unit_test(open_many_keys_is_quick_and_finds_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
