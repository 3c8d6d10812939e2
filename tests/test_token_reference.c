/* test_token_reference.c - encoding against the sentencepiece package (tests/golden/token, made by
 * tools/make_token_golden.py) and llama.cpp's vectors; round trips of arbitrary bytes; long texts. */
#include "token_testing.h"

/* ---- against the sentencepiece package ------------------------------------------- */

static size_t take_u16(const unsigned char **at)
{
    size_t value = (*at)[0] + 256u * (*at)[1];
    *at += 2;
    return value;
}

static bool same_ids(const pal_vocab *v, const char *text, size_t bytes, unsigned flags, const unsigned char *expected,
                     size_t n)
{
    size_t count;
    int32_t *ids = encode(v, text, bytes, flags, &count);
    bool same = count == n;
    for (size_t i = 0; i < n && same; i++) same = (size_t)ids[i] == take_u16(&expected);
    free(ids);
    return same;
}

/* The format is in tools/make_token_golden.py. */
static void check_golden(const char *vocabulary, const char *path, size_t expected_texts, bool round_trip)
{
    opened o = open_file(vocabulary);
    pal_file file;
    pal_error err;
    unsigned char without[2 * 4096];
    assert_int_equal(pal_file_map(&file, path, &err), PAL_OK);
    const unsigned char *at = file.data, *end = at + file.size;
    assert_memory_equal(at, "PALTOK1\n", 8);
    assert_int_equal(at[8] + 256u * at[9], expected_texts);
    at += 12;
    for (size_t i = 0; i < expected_texts; i++) {
        size_t bytes = take_u16(&at);
        const char *text = (const char *)at;
        at += bytes;
        size_t n = take_u16(&at);
        const unsigned char *with_prefix = at;
        at += 2 * n;
        size_t m = take_u16(&at), k = take_u16(&at);
        assert_true(m + k <= 4096 && k <= n);
        memcpy(without, at, 2 * m);
        memcpy(without + 2 * m, with_prefix + 2 * (n - k), 2 * k);
        at += 2 * m;
        assert_true(at <= end);
        if (!same_ids(o.vocab, text, bytes, PAL_ENCODE_PREFIX, with_prefix, n)) fail_msg("text %zu, prefix", i);
        if (!same_ids(o.vocab, text, bytes, 0, without, m + k)) fail_msg("text %zu, no prefix", i);
        if (!round_trip) continue;
        if (!comes_back(o.vocab, text, bytes, PAL_ENCODE_PREFIX)) fail_msg("text %zu does not come back", i);
        if (!comes_back(o.vocab, text, bytes, PAL_ENCODE_SPECIAL)) fail_msg("text %zu does not come back", i);
    }
    assert_true(at == end);
    pal_file_unmap(&file);
    close_vocab(&o);
}

#define GOLDEN PAL_SOURCE_DIR "/tests/golden/token/"

static void encode_our_vocabulary_equals_sentencepiece(void **state)
{
    (void)state;
    check_golden(PAL_SOURCE_DIR "/tests/models/tales-vocab.gguf", GOLDEN "tales.bin", 10000, true);
}

static void encode_unused_and_user_pieces_equals_sentencepiece(void **state)
{
    (void)state;
    check_golden(GOLDEN "variant.gguf", GOLDEN "variant.bin", 3000, true);
}

static void encode_without_byte_pieces_equals_sentencepiece(void **state)
{
    (void)state;
    check_golden(GOLDEN "nobytes.gguf", GOLDEN "nobytes.bin", 1000, false);
}

/* ---- llama.cpp's vectors ----------------------------------------------------------- */

static void encode_llama_vocabulary_equals_llama_cpp(void **state)
{
    (void)state;
    check_llama_cpp_vectors("ggml-vocab-llama-spm.gguf", PAL_ENCODE_PREFIX);
}

/* ---- round trips --------------------------------------------------------------------- */

static void round_trip_of_random_bytes_is_exact(void **state)
{
    (void)state;
    static const char *const parts[] = {MARK,           " ",   "<mask>", "\n", "\xE2\x96", "the", "\xF0\x9F\x98\x81",
                                        "\xED\xA0\x80", "\r\n"};
    opened o = open_ours();
    uint64_t seed = 20240607;
    char text[300];
    for (int i = 0; i < 4000; i++) {
        size_t bytes = 0, max = next_random(&seed) % 280;
        unsigned kind = next_random(&seed) % 3;
        while (bytes < max) {
            uint32_t r = next_random(&seed);
            const char *part = parts[(r >> 8) % COUNT(parts)];
            if (kind == 0 || (kind == 1 && r % 4 == 0))
                text[bytes++] = (char)(r >> 16);
            else if (kind == 1)
                text[bytes++] = (char)(' ' + (r >> 16) % 95);
            else {
                memcpy(text + bytes, part, strlen(part));
                bytes += strlen(part);
            }
        }
        assert_true(comes_back(o.vocab, text, bytes, (unsigned)i % 4));
    }
    close_vocab(&o);
}

static void round_trip_of_each_pair_of_bytes_is_exact(void **state)
{
    (void)state;
    opened o = open_ours();
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char text[2] = {(char)a, (char)b};
            if (!comes_back(o.vocab, text, 2, PAL_ENCODE_PREFIX)) fail_msg("bytes %d %d", a, b);
        }
    }
    close_vocab(&o);
}

/* No time is asserted, but quadratic work would take minutes here. */
static void encode_a_megabyte_is_quick(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    opened o = open_ours();
    char *text = malloc(BYTES);
    uint64_t seed = 1;
    assert_non_null(text);
    for (int kind = 0; kind < 5; kind++) {
        for (size_t i = 0; i < BYTES; i++) {
            uint32_t r = next_random(&seed);
            text[i] = kind == 0 ? 'a' : kind == 1 ? ' ' : kind == 2 ? '\n' : kind == 3 ? (char)r : (char)('a' + r % 3);
        }
        assert_true(comes_back(o.vocab, text, BYTES, kind % 2 ? PAL_ENCODE_SPECIAL : PAL_ENCODE_PREFIX));
    }
    free(text);
    close_vocab(&o);
}

/* A vocabulary in which one letter merges to pieces of 2, 4, ... 1024: the longest possible lookups. */
static void encode_a_megabyte_with_the_longest_pieces_is_quick(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    char *text = malloc(BYTES);
    test_piece pieces[12];
    assert_non_null(text);
    memset(text, 'a', BYTES);
    for (size_t i = 0; i <= 10; i++) pieces[i] = (test_piece){text, -(float)i, 1, (size_t)1 << i};
    pieces[11] = (test_piece){text, 0, 4, 1023};
    opened o = make_vocab(pieces, 11, false);
    size_t count;
    int32_t *ids = encode(o.vocab, text, BYTES, 0, &count);
    assert_int_equal(count, BYTES / 1024);
    for (size_t i = 0; i < count; i++) assert_int_equal(ids[i], FIRST + 10);
    free(ids);
    close_vocab(&o);
    o = make_vocab(pieces, 12, false);
    free(encode(o.vocab, text, BYTES, 0, &count));
    assert_int_equal(count, BYTES / 1023 + 1); /* 1025 times 1023, and 1 left */
    close_vocab(&o);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encode_our_vocabulary_equals_sentencepiece),
        cmocka_unit_test(encode_unused_and_user_pieces_equals_sentencepiece),
        cmocka_unit_test(encode_without_byte_pieces_equals_sentencepiece),
        cmocka_unit_test(encode_llama_vocabulary_equals_llama_cpp),
        cmocka_unit_test(round_trip_of_random_bytes_is_exact),
        cmocka_unit_test(round_trip_of_each_pair_of_bytes_is_exact),
        cmocka_unit_test(encode_a_megabyte_is_quick),
        cmocka_unit_test(encode_a_megabyte_with_the_longest_pieces_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
