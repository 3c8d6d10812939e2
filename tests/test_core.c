/* test_core.c - errors, arena, random numbers, file mapping, SHA-256. */
#define _XOPEN_SOURCE 700
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/core.h"
#include "core/file.h"
#include "core/random.h"
#include "core/sha256.h"

/* ---- errors, strings, arena ------------------------------------------------------------------------ */

static void fail_fills_the_error_and_returns_the_status(void **state)
{
    (void)state;
    pal_error err = {PAL_OK, NULL, 0};
    assert_int_equal(pal_fail(&err, PAL_E_FORMAT, "no good", 42), PAL_E_FORMAT);
    assert_int_equal(err.status, PAL_E_FORMAT);
    assert_string_equal(err.text, "no good");
    assert_int_equal(err.offset, 42);
    assert_int_equal(pal_fail(NULL, PAL_E_IO, "nobody listens", 0), PAL_E_IO);
}

static void str_is_compares_all_bytes(void **state)
{
    (void)state;
    assert_true(pal_str_is((pal_str){"abcd", 3}, "abc"));
    assert_false(pal_str_is((pal_str){"abcd", 4}, "abc"));
    assert_false(pal_str_is((pal_str){"ab\0", 3}, "ab"));
    assert_false(pal_str_is((pal_str){"abd", 3}, "abc"));
    assert_true(pal_str_is((pal_str){NULL, 0}, ""));
}

static void *lay_out(pal_arena *arena, char **second)
{
    void *first = pal_take(arena, 3, 5);
    *second = pal_take(arena, 7, sizeof(double));
    pal_take(arena, 0, 8);
    return first;
}

static void arena_measured_and_placed_agrees(void **state)
{
    (void)state;
    char *second;
    pal_arena measure = {0};
    assert_null(lay_out(&measure, &second));
    assert_null(second);
    assert_int_equal(measure.used, 64 + 64 + 3 * PAL_RED_ZONE);

    unsigned char *block = aligned_alloc(64, measure.used);
    assert_non_null(block);
    pal_arena place = pal_arena_in(block);
    assert_true(lay_out(&place, &second) == block);
    assert_true((unsigned char *)second == block + 64 + PAL_RED_ZONE);
    assert_int_equal(place.used, measure.used);
    assert_false(place.overflow);
    free(block);
}

static void arena_overflowing_says_so_and_keeps_saying_so(void **state)
{
    (void)state;
    const size_t hostile[][2] = {{SIZE_MAX, 2}, {SIZE_MAX / 2 + 1, 2}, {SIZE_MAX - 62, 1}, {SIZE_MAX, 1}};
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        pal_arena arena = {0};
        assert_null(pal_take(&arena, hostile[i][0], hostile[i][1]));
        assert_true(arena.overflow);
        pal_take(&arena, 1, 1);
        assert_true(arena.overflow);
    }
    pal_arena sum = {0}; /* each fits, the sum does not */
    pal_take(&sum, SIZE_MAX / 2, 1);
    assert_false(sum.overflow);
    pal_take(&sum, SIZE_MAX / 2, 1);
    assert_true(sum.overflow);
}

/* ---- random numbers -------------------------------------------------------------------------------- */

/* The known-answer vectors of Random123 (kat_vectors, philox4x32 10). */
static void philox_known_answers_are_reproduced(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t out[4];
        pal_philox(out, known[i].counter, known[i].key);
        assert_memory_equal(out, known[i].answer, sizeof out);
    }
}

/* The address of a draw as random.h fixes it, from the third known answer. */
static void uniform_is_addressed_as_documented(void **state)
{
    (void)state;
    const uint32_t counter[4] = {7, 8, 9, PAL_DRAW_REMASK}, key[2] = {0x89abcdef, 0x01234567};
    uint32_t word[4];
    pal_philox(word, counter, key);
    double expected = ((double)word[0] * 2097152.0 + (double)(word[1] >> 11)) / 9007199254740992.0;
    assert_true(pal_uniform(0x0123456789abcdef, PAL_DRAW_REMASK, 9, 8, 7) == expected);
    /* All zeros give the first known answer. */
    assert_true(pal_uniform(0, PAL_DRAW_TOKEN, 0, 0, 0) == (0x6627e8d5 * 2097152.0 + (0xe169c58d >> 11)) * 0x1p-53);
}

static void uniform_each_part_of_the_address_matters(void **state)
{
    (void)state;
    double u = pal_uniform(1, PAL_DRAW_TOKEN, 2, 3, 4);
    assert_true(u != pal_uniform(2, PAL_DRAW_TOKEN, 2, 3, 4));
    assert_true(u != pal_uniform(1 + ((uint64_t)1 << 32), PAL_DRAW_TOKEN, 2, 3, 4));
    assert_true(u != pal_uniform(1, PAL_DRAW_REVEAL, 2, 3, 4));
    assert_true(u != pal_uniform(1, PAL_DRAW_TOKEN, 3, 3, 4));
    assert_true(u != pal_uniform(1, PAL_DRAW_TOKEN, 2, 4, 4));
    assert_true(u != pal_uniform(1, PAL_DRAW_TOKEN, 2, 3, 5));
}

/* Chi-square over 256 cells of the upper and of the lower bits: 255 degrees of freedom, mean 255, deviation 22.6; 350
 * is exceeded by chance once in 20,000 seeds, and the seed is fixed. */
static void uniform_cells_are_equally_filled(void **state)
{
    (void)state;
    enum { DRAWS = 256 * 400 };
    int upper[256] = {0}, lower[256] = {0};
    double sum = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        double u = pal_uniform(2024, PAL_DRAW_TOKEN, i % 5, i / 5, i);
        assert_true(u >= 0 && u < 1);
        sum += u;
        upper[(int)(u * 256)]++;
        double low = u * 0x1p45; /* 53 bits: the last 8 are behind this binary point */
        lower[(int)((low - floor(low)) * 256)]++;
    }
    double chi_upper = 0, chi_lower = 0;
    for (int i = 0; i < 256; i++) {
        chi_upper += (upper[i] - 400.0) * (upper[i] - 400.0) / 400.0;
        chi_lower += (lower[i] - 400.0) * (lower[i] - 400.0) / 400.0;
    }
    assert_true(chi_upper < 350);
    assert_true(chi_lower < 350);
    assert_true(fabs(sum / DRAWS - 0.5) < 4 * 0.2887 / sqrt(DRAWS));
}

/* ---- files ----------------------------------------------------------------------------------------- */

static void file_mapped_has_the_bytes_of_the_file(void **state)
{
    (void)state;
    pal_file file;
    pal_error err;
    assert_int_equal(pal_file_map(&file, PAL_SOURCE_DIR "/tests/test_core.c", &err), PAL_OK);
    assert_int_equal((uintptr_t)file.data % 64, 0);
    assert_true(file.size > 1000);
    FILE *stream = fopen(PAL_SOURCE_DIR "/tests/test_core.c", "rb");
    char *copy = malloc(file.size + 1);
    assert_non_null(stream);
    assert_non_null(copy);
    assert_int_equal(fread(copy, 1, file.size + 1, stream), file.size);
    assert_memory_equal(copy, file.data, file.size);
    fclose(stream);
    free(copy);
    pal_file_unmap(&file);
    assert_null(file.data);
    pal_file_unmap(&file); /* does nothing */
}

static void file_that_cannot_be_mapped_is_refused(void **state)
{
    (void)state;
    pal_file file = {"before", 6};
    pal_error err = {PAL_OK, NULL, 0};
    assert_int_equal(pal_file_map(&file, PAL_SOURCE_DIR "/tests/no such file", &err), PAL_E_IO);
    assert_non_null(err.text);
    assert_int_equal(err.offset, SIZE_MAX);
    assert_int_equal(pal_file_map(&file, PAL_SOURCE_DIR "/tests", &err), PAL_E_IO);
    assert_non_null(strstr(err.text, "folder"));

    char path[] = P_tmpdir "/pal_test_XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_int_equal(pal_file_map(&file, path, &err), PAL_E_IO);
    assert_string_equal(err.text, "the file is empty");
    remove(path);
    assert_true(file.size == 6); /* a failed call changes nothing */
}

/* ---- SHA-256 ----------------------------------------------------------------------------------------- */

static void assert_hash(const void *data, size_t bytes, size_t piece, const char *wanted)
{
    pal_sha256 h;
    unsigned char digest[PAL_SHA256_BYTES];
    char hex[2 * PAL_SHA256_BYTES + 1];
    pal_sha256_start(&h);
    for (size_t at = 0; at < bytes; at += piece)
        pal_sha256_add(&h, (const char *)data + at, piece < bytes - at ? piece : bytes - at);
    pal_sha256_end(&h, digest);
    for (int i = 0; i < PAL_SHA256_BYTES; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(hex, wanted);
}

/* The examples of FIPS 180-2, appendix B: one block, two blocks, a million letters. */
static void sha256_gives_the_published_digests(void **state)
{
    (void)state;
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    enum { MILLION = 1000000 };
    char *many = malloc(MILLION);
    assert_non_null(many);
    memset(many, 'a', MILLION);
    assert_hash("", 0, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash("abc", 3, 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for (size_t piece = 1; piece <= 56; piece += 11)
        assert_hash(two, 56, piece, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    for (size_t piece = 63; piece < 2000; piece = 3 * piece + 1)
        assert_hash(many, MILLION, piece, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(fail_fills_the_error_and_returns_the_status),
        cmocka_unit_test(str_is_compares_all_bytes),
        cmocka_unit_test(arena_measured_and_placed_agrees),
        cmocka_unit_test(arena_overflowing_says_so_and_keeps_saying_so),
        cmocka_unit_test(philox_known_answers_are_reproduced),
        cmocka_unit_test(uniform_is_addressed_as_documented),
        cmocka_unit_test(uniform_each_part_of_the_address_matters),
        cmocka_unit_test(uniform_cells_are_equally_filled),
        cmocka_unit_test(file_mapped_has_the_bytes_of_the_file),
        cmocka_unit_test(file_that_cannot_be_mapped_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
