/* test_token.c - the vocabulary and SentencePiece encoding: small vocabularies by hand, the sentencepiece
 * package's answers (tests/golden/token, made by tools/make_token_golden.py), llama.cpp's vectors, round
 * trips of arbitrary bytes, files that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "core/file.h"
#include "token/vocab.h"
#include "token_builder.h"

#define MARK     "\xE2\x96\x81"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- helpers ------------------------------------------------------------- */

typedef struct {
    pal_vocab *vocab;
    unsigned char *image;
    pal_file file;
} opened;

static pal_status open_image(opened *o, image *m, pal_error *err)
{
    pal_gguf *g;
    *o = (opened){0};
    image_end(m);
    pal_status status = pal_gguf_open(&g, m->data, m->size, err);
    if (status) {
        free(m->data);
        return status;
    }
    status = pal_vocab_open(&o->vocab, g, err);
    pal_gguf_close(g);
    if (status)
        free(m->data);
    else
        o->image = m->data;
    return status;
}

static void close_vocab(opened *o)
{
    pal_vocab_close(o->vocab);
    free(o->image);
    if (o->file.data) pal_file_unmap(&o->file);
}

/* Most tests: control 0 to 2, bytes 3 to 258, then the pieces of the test from FIRST on. */
enum { FIRST = 259, UNK = 0, BYTE0 = 3 };

static opened make_vocab(const test_piece *extra, size_t count, bool prefix)
{
    test_piece pieces[FIRST + 300] = {
        {"<unk>", 0, PAL_PIECE_UNKNOWN, 0}, {"<s>", 0, PAL_PIECE_CONTROL, 0}, {"</s>", 0, PAL_PIECE_CONTROL, 0}};
    char names[256][7];
    opened o;
    image m;
    pal_error err;
    make_byte_pieces(pieces + BYTE0, names);
    assert_true(count <= 300);
    memcpy(pieces + FIRST, extra, count * sizeof *extra);
    image_begin_vocab(&m, pieces, FIRST + count);
    image_key_bool(&m, "tokenizer.ggml.add_space_prefix", prefix);
    assert_int_equal(open_image(&o, &m, &err), PAL_OK);
    return o;
}

/* Exact-size blocks; the caller frees the ids. */
static int32_t *encode(const pal_vocab *v, const char *text, size_t bytes, unsigned flags, size_t *count)
{
    size_t need = pal_vocab_scratch_bytes(v, bytes);
    void *scratch = malloc(need);
    int32_t *ids = malloc((bytes + 1) * sizeof *ids);
    assert_non_null(scratch);
    assert_non_null(ids);
    *count = pal_vocab_encode(v, text, bytes, flags, ids, bytes + 1, scratch);
    free(scratch);
    assert_true(*count <= bytes + 1);
    return ids;
}

#define NO_MORE (-1)

static void assert_tokens(const pal_vocab *v, const char *text, size_t bytes, unsigned flags, const int32_t *expected)
{
    size_t count, n = 0;
    while (expected[n] != NO_MORE) n++;
    int32_t *ids = encode(v, text, bytes, flags, &count);
    assert_int_equal(count, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(ids[i], expected[i]);
    free(ids);
}

#define assert_encodes(v, text, flags, ...)                                                                            \
    assert_tokens(v, text, sizeof(text) - 1, flags, (const int32_t[]){__VA_ARGS__, NO_MORE})

static bool comes_back(const pal_vocab *v, const char *text, size_t bytes, unsigned flags)
{
    size_t count;
    bool prefixed = flags & PAL_ENCODE_PREFIX, special = flags & PAL_ENCODE_SPECIAL;
    int32_t *ids = encode(v, text, bytes, flags, &count);
    bool same = pal_vocab_decode(v, ids, count, prefixed, special, NULL, 0) == bytes;
    char *back = malloc(bytes + 1);
    assert_non_null(back);
    same = same && pal_vocab_decode(v, ids, count, prefixed, special, back, bytes) == bytes &&
           (bytes == 0 || memcmp(back, text, bytes) == 0);
    free(back);
    free(ids);
    return same;
}

/* A fixed sequence for every run and target (xorshift64*, Vigna 2016). */
static uint32_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * 2685821657736338717u) >> 32);
}

static opened open_file(const char *path)
{
    opened o = {0};
    pal_gguf *g;
    pal_error err;
    assert_int_equal(pal_file_map(&o.file, path, &err), PAL_OK);
    assert_int_equal(pal_gguf_open(&g, o.file.data, o.file.size, &err), PAL_OK);
    assert_int_equal(pal_vocab_open(&o.vocab, g, &err), PAL_OK);
    pal_gguf_close(g);
    return o;
}

static opened open_ours(void)
{
    return open_file(PAL_SOURCE_DIR "/tests/models/tales-vocab.gguf");
}

/* ---- merging --------------------------------------------------------------- */

static void encode_pairs_merges_the_best_score_first(void **state)
{
    (void)state;
    opened o = make_vocab(
        (test_piece[]){
            {"a", -9, 1, 0}, {"b", -9, 1, 0}, {"c", -9, 1, 0}, {"ab", -2, 1, 0}, {"bc", -1, 1, 0}, {"abc", -3, 1, 0}},
        6, false);
    assert_encodes(o.vocab, "ab", 0, FIRST + 3);
    assert_encodes(o.vocab, "abc", 0, FIRST + 5); /* b+c first, then a+bc */
    assert_encodes(o.vocab, "abcab", 0, FIRST + 5, FIRST + 3);
    assert_encodes(o.vocab, "bcbc", 0, FIRST + 4, FIRST + 4);
    close_vocab(&o);
}

static void encode_equal_scores_merges_the_leftmost(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"a", 0, 1, 0}, {"aa", 0, 1, 0}, {"b", 0, 1, 0}, {"ab", 0, 1, 0}}, 4, false);
    assert_encodes(o.vocab, "aaa", 0, FIRST + 1, FIRST);
    assert_encodes(o.vocab, "aaaa", 0, FIRST + 1, FIRST + 1);
    assert_encodes(o.vocab, "aab", 0, FIRST + 1, FIRST + 2);
    close_vocab(&o);
}

static void encode_characters_without_a_piece_can_still_merge(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"xy", 0, 1, 0}}, 1, false);
    assert_encodes(o.vocab, "xyx", 0, FIRST, BYTE0 + 'x');
    close_vocab(&o);
}

static void encode_empty_text_gives_no_tokens(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{MARK, 0, 1, 0}}, 1, true);
    size_t count;
    free(encode(o.vocab, "", 0, PAL_ENCODE_PREFIX | PAL_ENCODE_SPECIAL, &count));
    assert_int_equal(count, 0);
    close_vocab(&o);
}

static void encode_small_capacity_writes_no_more_and_counts_all(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"a", 0, 1, 0}}, 1, false);
    int32_t ids[4] = {7, 7, 7, 7};
    void *scratch = malloc(pal_vocab_scratch_bytes(o.vocab, 5));
    assert_int_equal(pal_vocab_encode(o.vocab, "aaaaa", 5, 0, ids, 3, scratch), 5);
    assert_int_equal(ids[2], FIRST);
    assert_int_equal(ids[3], 7);
    assert_int_equal(pal_vocab_encode(o.vocab, "aaaaa", 5, 0, NULL, 0, scratch), 5);
    free(scratch);
    close_vocab(&o);
}

static void scratch_of_absurd_text_is_refused(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"a", 0, 1, 0}}, 1, false);
    assert_true(pal_vocab_scratch_bytes(o.vocab, 1000) < 40 * 1000);
    assert_true(pal_vocab_scratch_bytes(o.vocab, (size_t)INT32_MAX) == SIZE_MAX);
    assert_true(pal_vocab_scratch_bytes(o.vocab, SIZE_MAX) == SIZE_MAX);
    close_vocab(&o);
}

/* ---- spaces ----------------------------------------------------------------- */

static void encode_space_is_the_mark_of_the_file(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{MARK, 0, 1, 0}, {MARK "a", 0, 1, 0}, {"a", 0, 1, 0}}, 3, true);
    assert_encodes(o.vocab, " a", 0, FIRST + 1);
    assert_encodes(o.vocab, "a", PAL_ENCODE_PREFIX, FIRST + 1);
    assert_encodes(o.vocab, " a", PAL_ENCODE_PREFIX, FIRST, FIRST + 1);
    assert_true(pal_vocab_begins_word(o.vocab, FIRST));
    assert_true(pal_vocab_begins_word(o.vocab, FIRST + 1));
    assert_false(pal_vocab_begins_word(o.vocab, FIRST + 2));
    assert_false(pal_vocab_begins_word(o.vocab, BYTE0 + ' '));
    close_vocab(&o);
}

static void encode_prefix_without_dummy_space_changes_nothing(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{MARK, 0, 1, 0}, {MARK "a", 0, 1, 0}, {"a", 0, 1, 0}}, 3, false);
    assert_encodes(o.vocab, "a", PAL_ENCODE_PREFIX, FIRST + 2);
    assert_true(comes_back(o.vocab, " a", 2, PAL_ENCODE_PREFIX));
    close_vocab(&o);
}

static void encode_space_mark_in_text_gives_three_bytes(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{MARK, 0, 1, 0}, {MARK "a", 0, 1, 0}, {"a", 0, 1, 0}, {MARK MARK, 9, 4, 0}}, 4,
                          false);
    assert_encodes(o.vocab, MARK "a", 0, BYTE0 + 0xE2, BYTE0 + 0x96, BYTE0 + 0x81, FIRST + 2);
    assert_encodes(o.vocab, " " MARK, 0, FIRST, BYTE0 + 0xE2, BYTE0 + 0x96, BYTE0 + 0x81);
    assert_true(comes_back(o.vocab, MARK " " MARK MARK "a", 11, 0));
    assert_true(comes_back(o.vocab, MARK " " MARK MARK "a", 11, PAL_ENCODE_PREFIX));
    close_vocab(&o);
}

static void encode_space_without_a_piece_is_the_byte(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"a", 0, 1, 0}}, 1, true);
    assert_encodes(o.vocab, "a", PAL_ENCODE_PREFIX, BYTE0 + ' ', FIRST);
    assert_true(comes_back(o.vocab, " a", 2, PAL_ENCODE_PREFIX));
    close_vocab(&o);
}

/* ---- user-defined, control and unused pieces ---------------------------------- */

static void encode_user_piece_matches_whole_and_never_merges(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"\n", 0, 4, 0},
                                         {"a", 0, 1, 0},
                                         {"a\n", 5, 1, 0},
                                         {"\n\n", 5, 1, 0},
                                         {"ing", 0, 4, 0},
                                         {"in", 7, 1, 0},
                                         {"ng", 8, 1, 0},
                                         {"i", 0, 1, 0},
                                         {"n", 0, 1, 0}},
                          9, false);
    assert_encodes(o.vocab, "a\n", 0, FIRST + 1, FIRST);
    assert_encodes(o.vocab, "\n\n", 0, FIRST, FIRST);
    assert_encodes(o.vocab, "aing", 0, FIRST + 1, FIRST + 4);
    assert_encodes(o.vocab, "iing", 0, FIRST + 7, FIRST + 4);
    assert_encodes(o.vocab, "inn", 0, FIRST + 5, FIRST + 8);
    close_vocab(&o);
}

static void encode_overlapping_user_pieces_takes_the_longest_at_each_place(void **state)
{
    (void)state;
    opened o = make_vocab(
        (test_piece[]){{"th", 0, 4, 0}, {"the", 0, 4, 0}, {"hell", 0, 4, 0}, {"there", 0, 4, 0}, {"e", 0, 1, 0}}, 5,
        false);
    assert_encodes(o.vocab, "th", 0, FIRST);
    assert_encodes(o.vocab, "the", 0, FIRST + 1);
    assert_encodes(o.vocab, "ther", 0, FIRST + 1, BYTE0 + 'r');
    assert_encodes(o.vocab, "there", 0, FIRST + 3);
    assert_encodes(o.vocab, "thell", 0, FIRST + 1, BYTE0 + 'l', BYTE0 + 'l');
    close_vocab(&o);
}

static void encode_user_piece_with_spaces_matches_both_spellings(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"a b", 0, 4, 0}, {"c" MARK "d", 0, 4, 0}, {"e f", 0, 1, 0}}, 3, false);
    assert_encodes(o.vocab, "a b", 0, FIRST);
    assert_encodes(o.vocab, "c d", 0, FIRST + 1);
    assert_encodes(o.vocab, "e f", 0, BYTE0 + 'e', BYTE0 + ' ', BYTE0 + 'f');
    close_vocab(&o);
}

static void encode_control_piece_matches_only_when_asked(void **state)
{
    (void)state;
    opened o = make_vocab(
        (test_piece[]){{"<m>", 0, 3, 0}, {"<", 0, 1, 0}, {"m", 0, 1, 0}, {">", 0, 1, 0}, {"X", 0, 3, 0}}, 5, false);
    assert_encodes(o.vocab, "<m>m", 0, FIRST + 1, FIRST + 2, FIRST + 3, FIRST + 2);
    assert_encodes(o.vocab, "<m>m", PAL_ENCODE_SPECIAL, FIRST, FIRST + 2);
    assert_encodes(o.vocab, "<s>", PAL_ENCODE_SPECIAL, 1);
    assert_encodes(o.vocab, "X", 0, BYTE0 + 'X'); /* the reference would give the control piece */
    assert_true(comes_back(o.vocab, "<m>m<m><m", 9, PAL_ENCODE_SPECIAL));
    close_vocab(&o);
}

static void encode_control_and_user_of_one_text_prefers_user(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"<x>", 0, 3, 0}, {"<x>", 0, 4, 0}, {"<xx>", 0, 3, 0}}, 3, false);
    assert_encodes(o.vocab, "<x>", 0, FIRST + 1);
    assert_encodes(o.vocab, "<x>", PAL_ENCODE_SPECIAL, FIRST + 1);
    assert_encodes(o.vocab, "<xx>", PAL_ENCODE_SPECIAL, FIRST + 2);
    close_vocab(&o);
}

static void encode_unused_piece_is_taken_apart_again(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"a", 0, 1, 0},
                                         {"b", 0, 1, 0},
                                         {"ab", 9, 5, 0},
                                         {"abab", 8, 5, 0},
                                         {"ababc", 7, 1, 0},
                                         {"c", 0, 5, 0},
                                         {"d", 0, 1, 0}},
                          7, false);
    assert_encodes(o.vocab, "ab", 0, FIRST, FIRST + 1);
    assert_encodes(o.vocab, "abab", 0, FIRST, FIRST + 1, FIRST, FIRST + 1);
    assert_encodes(o.vocab, "ababc", 0, FIRST + 4); /* through two unused pieces to a used one */
    assert_encodes(o.vocab, "c", 0, BYTE0 + 'c');   /* a single character has no parts but its bytes */
    assert_encodes(o.vocab, "dabd", 0, FIRST + 6, FIRST, FIRST + 1, FIRST + 6);
    close_vocab(&o);
}

/* ---- bytes and unknown characters --------------------------------------------- */

static void encode_invalid_utf8_gives_byte_tokens(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "\x80",         "\xC0\xAF",         "\xC1\x81",         "\xE0\x80\xAF",     "\xED\xA0\x80",
        "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF\xFE",
        "\xC3",         "\xE2\x96",         "\xF0\x9F\x98",     "\xE2\x96\xE2\x96"};
    opened o = make_vocab((test_piece[]){{"a", 0, 1, 0}}, 1, false);
    for (size_t i = 0; i < COUNT(invalid); i++) {
        size_t bytes = strlen(invalid[i]), count;
        int32_t *ids = encode(o.vocab, invalid[i], bytes, 0, &count);
        assert_int_equal(count, bytes);
        for (size_t j = 0; j < bytes; j++) assert_int_equal(ids[j], BYTE0 + (unsigned char)invalid[i][j]);
        for (size_t j = 0; j < bytes; j++) assert_int_equal(pal_utf8_char(invalid[i] + j, bytes - j), 0);
        free(ids);
    }
    close_vocab(&o);
}

static void utf8_char_at_the_limits_has_its_length(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
    } valid[] = {{"", 1},
                 {"\x7F", 1},
                 {"\xC2\x80", 2},
                 {"\xDF\xBF", 2},
                 {"\xE0\xA0\x80", 3},
                 {"\xED\x9F\xBF", 3},
                 {"\xEE\x80\x80", 3},
                 {"\xEF\xBF\xBF", 3},
                 {"\xF0\x90\x80\x80", 4},
                 {"\xF4\x8F\xBF\xBF", 4}};
    for (size_t i = 0; i < COUNT(valid); i++) {
        assert_int_equal(pal_utf8_char(valid[i].text, valid[i].bytes), valid[i].bytes);
        assert_int_equal(pal_utf8_char(valid[i].text, valid[i].bytes - 1), 0);
    }
}

static void encode_nul_is_an_ordinary_byte(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"a", 0, 1, 0}, {"a\0b", 0, 4, 3}}, 2, false);
    assert_encodes(o.vocab, "a\0a", 0, FIRST, BYTE0, FIRST);
    assert_encodes(o.vocab, "a\0b", 0, FIRST + 1);
    close_vocab(&o);
}

static void encode_without_byte_pieces_gives_one_unknown_a_run(void **state)
{
    (void)state;
    opened o;
    image m;
    pal_error err;
    test_piece pieces[] = {{"a", 0, 1, 0}, {"<unk>", 0, 2, 0}, {"<0x62>", 0, 6, 0}, {MARK, 0, 1, 0}};
    image_begin_vocab(&m, pieces, COUNT(pieces));
    assert_int_equal(open_image(&o, &m, &err), PAL_OK);
    assert_int_equal(pal_vocab_special(o.vocab)->unknown, 1);
    assert_encodes(o.vocab, "axya", 0, 0, 1, 0);
    assert_encodes(o.vocab, "x\xFFy", PAL_ENCODE_PREFIX, 3, 1);
    assert_encodes(o.vocab, "xby", 0, 1, 2, 1);
    close_vocab(&o);
}

/* ---- decoding ------------------------------------------------------------------ */

static void assert_decodes(const pal_vocab *v, const int32_t *ids, size_t count, bool prefixed, bool special,
                           const char *expected)
{
    char out[64];
    size_t n = pal_vocab_decode(v, ids, count, prefixed, special, out, sizeof out);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(out, expected, n);
}

static void decode_prefixed_drops_one_space_of_the_first_text(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{MARK, 0, 1, 0}, {MARK "a", 0, 1, 0}, {"b", 0, 1, 0}}, 3, true);
    int32_t a = FIRST + 1, b = FIRST + 2, mark = FIRST;
    assert_decodes(o.vocab, (int32_t[]){a, a}, 2, true, false, "a a");
    assert_decodes(o.vocab, (int32_t[]){a, a}, 2, false, false, " a a");
    assert_decodes(o.vocab, (int32_t[]){mark, mark, a}, 3, true, false, "  a");
    assert_decodes(o.vocab, (int32_t[]){b, a}, 2, true, false, "b a");
    assert_decodes(o.vocab, (int32_t[]){1, a}, 2, true, false, "a");
    assert_decodes(o.vocab, (int32_t[]){1, a}, 2, true, true, "<s>a");
    assert_decodes(o.vocab, (int32_t[]){BYTE0 + 'x', a, UNK, 2}, 4, true, true, "x a<unk></s>");
    assert_decodes(o.vocab, (int32_t[]){BYTE0 + 'x', a, UNK, 2}, 4, true, false, "x a");
    close_vocab(&o);
}

static void decode_into_little_room_writes_no_more_and_counts_all(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{MARK "abc", 0, 1, 0}}, 1, true);
    int32_t ids[] = {FIRST, FIRST, BYTE0 + 'x'};
    for (size_t capacity = 0; capacity <= 8; capacity++) {
        char out[9] = "########";
        assert_int_equal(pal_vocab_decode(o.vocab, ids, 3, true, false, out, capacity), 8);
        assert_memory_equal(out, "abc abcx", capacity);
        assert_memory_equal(out + capacity, "########", 8 - capacity);
    }
    char one[4] = "####";
    assert_int_equal(pal_vocab_decode_one(o.vocab, FIRST, false, one, 2), 4);
    assert_memory_equal(one, " a##", 4);
    assert_int_equal(pal_vocab_decode_one(o.vocab, 1, false, one, 4), 0);
    assert_int_equal(pal_vocab_decode_one(o.vocab, 1, true, one, 3), 3);
    assert_memory_equal(one, "<s>#", 4);
    close_vocab(&o);
}

/* ---- our own vocabulary --------------------------------------------------------- */

static void our_vocabulary_has_its_special_pieces(void **state)
{
    (void)state;
    opened o = open_ours();
    const pal_special *s = pal_vocab_special(o.vocab);
    assert_int_equal(pal_vocab_size(o.vocab), 4096);
    assert_int_equal(s->unknown, 0);
    assert_int_equal(s->bos, 1);
    assert_int_equal(s->eos, 2);
    assert_int_equal(s->mask, 3);
    assert_int_equal(s->empty, 4);
    assert_false(s->add_bos);
    assert_true(s->add_space_prefix);
    assert_int_equal(pal_vocab_find(o.vocab, (pal_str){"\n", 1}), 5);
    assert_int_equal(pal_vocab_type(o.vocab, 5), PAL_PIECE_USER);
    assert_int_equal(pal_vocab_type(o.vocab, 3), PAL_PIECE_CONTROL);
    for (int b = 0; b < 256; b++) assert_int_equal(pal_vocab_byte(o.vocab, 6 + b), b);
    assert_int_equal(pal_vocab_byte(o.vocab, 5), -1);
    assert_int_equal(pal_vocab_find(o.vocab, (pal_str){"no such piece", 13}), -1);
    for (int32_t id = 0; id < 4096; id++) assert_int_equal(pal_vocab_find(o.vocab, pal_vocab_piece(o.vocab, id)), id);
    close_vocab(&o);
}

static void our_vocabulary_marks_the_mask_only_when_asked(void **state)
{
    (void)state;
    opened o = open_ours();
    size_t count;
    int32_t *ids = encode(o.vocab, "<mask>\n<empty>", 14, PAL_ENCODE_SPECIAL, &count);
    assert_int_equal(count, 3);
    assert_int_equal(ids[0], 3);
    assert_int_equal(ids[1], 5);
    assert_int_equal(ids[2], 4);
    free(ids);
    ids = encode(o.vocab, "<mask>\n<empty>", 14, 0, &count);
    for (size_t i = 0; i < count; i++) assert_true(pal_vocab_type(o.vocab, ids[i]) != PAL_PIECE_CONTROL);
    free(ids);
    close_vocab(&o);
}

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

/* One line of numbers; *line moves behind its line break.  Returns how many. */
static size_t parse_ids(const char **line, const char *end, int32_t *ids, size_t capacity)
{
    size_t n = 0;
    const char *s = *line;
    while (s < end && *s != '\n') {
        if (*s == ' ') {
            s++;
            continue;
        }
        int32_t id = 0;
        while (s < end && *s >= '0' && *s <= '9') id = id * 10 + (*s++ - '0');
        assert_true(n < capacity);
        ids[n++] = id;
    }
    *line = s + 1;
    return n;
}

/* Texts end with "\n__ggml_vocab_test__\n"; the line break before it is not part of them. */
static void encode_llama_vocabulary_equals_llama_cpp(void **state)
{
    (void)state;
    static const char separator[] = "\n__ggml_vocab_test__\n";
    const char *shared = getenv("PAL_SHARED");
    char path[3][1024];
    pal_file input, output;
    for (int i = 0; i < 3; i++)
        snprintf(path[i], sizeof path[i], "%s/fixtures/gguf-vocab/ggml-vocab-llama-spm.gguf%s",
                 shared ? shared : PAL_SOURCE_DIR "/../shared",
                 i == 0   ? ""
                 : i == 1 ? ".inp"
                          : ".out");
    if (pal_file_map(&input, path[1], NULL)) {
        print_message("skipped: %s is absent\n", path[1]);
        skip();
    }
    assert_int_equal(pal_file_map(&output, path[2], NULL), PAL_OK);
    opened o = open_file(path[0]);
    const char *text = input.data, *end = text + input.size, *line = output.data, *lines_end = line + output.size;
    size_t blocks = 0;
    for (const char *s = text; (size_t)(end - s) >= sizeof separator - 1; s++) {
        if (memcmp(s, separator, sizeof separator - 1) != 0) continue;
        int32_t expected[1024];
        size_t n = parse_ids(&line, lines_end, expected, COUNT(expected) - 1);
        expected[n] = NO_MORE;
        assert_tokens(o.vocab, text, (size_t)(s - text), PAL_ENCODE_PREFIX, expected);
        assert_true(comes_back(o.vocab, text, (size_t)(s - text), PAL_ENCODE_PREFIX));
        text = s + sizeof separator - 1;
        s = text - 1;
        blocks++;
    }
    assert_int_equal(blocks, 46);
    assert_true(text == end && line >= lines_end);
    pal_file_unmap(&input);
    pal_file_unmap(&output);
    close_vocab(&o);
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
        size_t bytes = 0, most = next_random(&seed) % 280;
        unsigned kind = next_random(&seed) % 3;
        while (bytes < most) {
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

/* No time is asserted, but what is quadratic would take minutes here. */
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

/* A vocabulary in which one letter merges to pieces of 2, 4, ... 1024: the longest lookups there are. */
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

/* ---- files that lie --------------------------------------------------------------------- */

/* Opens a vocabulary that must be refused. */
static void assert_refused(image *m, pal_status status, const char *text)
{
    opened o;
    pal_error err = {0};
    assert_int_equal(open_image(&o, m, &err), status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, text);
    assert_null(o.vocab);
}

static const test_piece small[] = {{"<unk>", 0, 2, 0}, {"a", -1, 1, 0}, {"b", -2, 1, 0}};

static void open_other_tokenizer_is_unsupported(void **state)
{
    (void)state;
    image m;
    image_begin(&m);
    image_key_str(&m, "tokenizer.ggml.model", "gpt2");
    assert_refused(&m, PAL_E_UNSUPPORTED, "tokenizer.ggml.model is not \"llama\", the only kind known here");
    image_begin(&m);
    image_key_u32(&m, "tokenizer.ggml.model", 4);
    assert_refused(&m, PAL_E_FORMAT, "tokenizer.ggml.model is not a string");
    image_begin(&m);
    assert_refused(&m, PAL_E_FORMAT, "tokenizer.ggml.model is missing");
}

static void open_missing_arrays_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"tokenizer.ggml.tokens is missing", "tokenizer.ggml.scores is missing",
                                        "tokenizer.ggml.token_type is missing"};
    for (int missing = 0; missing < 3; missing++) {
        image m;
        image_begin(&m);
        image_key_str(&m, "tokenizer.ggml.model", "llama");
        if (missing != 0) image_tokens(&m, small, 3);
        if (missing != 1) image_scores(&m, small, 3);
        if (missing != 2) image_types(&m, small, 3);
        assert_refused(&m, PAL_E_FORMAT, texts[missing]);
    }
}

static void open_arrays_of_other_length_or_kind_is_refused(void **state)
{
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        static const char *const texts[] = {"tokenizer.ggml.scores and tokens differ in length",
                                            "tokenizer.ggml.token_type and tokens differ in length",
                                            "the vocabulary has no or too many pieces",
                                            "tokenizer.ggml.tokens is not an array of strings",
                                            "tokenizer.ggml.scores is not an array of f32",
                                            "tokenizer.ggml.token_type is not an array of i32"};
        image m;
        image_begin(&m);
        image_key_str(&m, "tokenizer.ggml.model", "llama");
        if (kind == 3)
            image_key_u32(&m, "tokenizer.ggml.tokens", 3);
        else
            image_tokens(&m, small, kind == 2 ? 0 : 3);
        if (kind == 4)
            image_array(&m, "tokenizer.ggml.scores", PAL_GGUF_U8, 3), image_put(&m, "abc", 3);
        else
            image_scores(&m, small, kind == 0 ? 2 : kind == 2 ? 0 : 3);
        if (kind == 5)
            image_key_str(&m, "tokenizer.ggml.token_type", "normal");
        else
            image_types(&m, small, kind == 1 ? 2 : kind == 2 ? 0 : 3);
        assert_refused(&m, PAL_E_FORMAT, texts[kind]);
    }
}

static void open_bad_piece_is_refused_with_its_offset(void **state)
{
    (void)state;
    char longer[1026];
    memset(longer, 'x', sizeof longer);
    const struct {
        test_piece piece;
        pal_status status;
        const char *text;
    } bad[] = {
        {{"x", NAN, 1, 0}, PAL_E_FORMAT, "a score of the vocabulary is not a number"},
        {{"x", 0, 0, 0}, PAL_E_FORMAT, "a type in tokenizer.ggml.token_type is not 1 to 6"},
        {{"x", 0, 7, 0}, PAL_E_FORMAT, "a type in tokenizer.ggml.token_type is not 1 to 6"},
        {{"x", 0, -1, 0}, PAL_E_FORMAT, "a type in tokenizer.ggml.token_type is not 1 to 6"},
        {{"<0xG0>", 0, 6, 0}, PAL_E_FORMAT, "a byte piece is not written <0xNN>"},
        {{"<0x0>", 0, 6, 0}, PAL_E_FORMAT, "a byte piece is not written <0xNN>"},
        {{longer, 0, 1, 1025}, PAL_E_UNSUPPORTED, "a piece of the vocabulary is longer than 1024 bytes"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        test_piece pieces[] = {small[0], small[1], bad[i].piece};
        image m;
        opened o;
        pal_error err;
        image_begin_vocab(&m, pieces, 3);
        size_t length = bad[i].piece.size ? bad[i].piece.size : strlen(bad[i].piece.text), offset = 0;
        while (memcmp(m.data + offset, bad[i].piece.text, length) != 0 || m.data[offset - 8] != (length & 255))
            offset++;
        assert_int_equal(open_image(&o, &m, &err), bad[i].status);
        assert_string_equal(err.text, bad[i].text);
        assert_int_equal(err.offset, offset);
    }
    test_piece fits[] = {small[0], {longer, 0, 1, 1024}};
    image m;
    opened o;
    image_begin_vocab(&m, fits, 2);
    assert_int_equal(open_image(&o, &m, NULL), PAL_OK);
    close_vocab(&o);
}

static void open_bad_special_id_is_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
                                       "tokenizer.ggml.unknown_token_id", "tokenizer.ggml.mask_token_id"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        image m;
        image_begin_vocab(&m, small, 3);
        image_key_u32(&m, keys[i], 3);
        assert_refused(&m, PAL_E_FORMAT, "a special token's id is outside the vocabulary");
        image_begin_vocab(&m, small, 3);
        image_key_u32(&m, keys[i], UINT32_MAX);
        assert_refused(&m, PAL_E_FORMAT, "a special token's id is outside the vocabulary");
        image_begin_vocab(&m, small, 3);
        image_key_str(&m, keys[i], "x");
        assert_refused(&m, PAL_E_FORMAT, "a special token's id is not an unsigned number");
    }
    image m;
    image_begin_vocab(&m, small, 3);
    image_key_u32(&m, "tokenizer.ggml.add_space_prefix", 1);
    assert_refused(&m, PAL_E_FORMAT, "a flag of the tokenizer is not a boolean");
}

static void open_without_ids_has_none_and_the_flags_of_llama(void **state)
{
    (void)state;
    image m;
    opened o;
    image_begin_vocab(&m, small, 3);
    assert_int_equal(open_image(&o, &m, NULL), PAL_OK);
    const pal_special *s = pal_vocab_special(o.vocab);
    assert_int_equal(s->bos, -1);
    assert_int_equal(s->eos, -1);
    assert_int_equal(s->unknown, 0);
    assert_int_equal(s->mask, -1);
    assert_int_equal(s->empty, -1);
    assert_true(s->add_bos);
    assert_true(s->add_space_prefix);
    close_vocab(&o);
}

static void open_empty_name_of_another_type_is_not_the_empty_piece(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"<empty>", 0, 1, 0}}, 1, false);
    assert_int_equal(pal_vocab_special(o.vocab)->empty, -1);
    close_vocab(&o);
    o = make_vocab((test_piece[]){{"<empty>", 0, 1, 0}, {"<empty>", 0, 3, 0}}, 2, false);
    assert_int_equal(pal_vocab_find(o.vocab, (pal_str){"<empty>", 7}), FIRST);
    close_vocab(&o);
}

static void open_without_any_way_to_write_a_byte_is_refused(void **state)
{
    (void)state;
    image m;
    image_begin_vocab(&m, small + 1, 2);
    assert_refused(&m, PAL_E_FORMAT, "the vocabulary has neither all byte pieces nor an unknown token");
}

static void open_odd_pieces_is_harmless(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{"", 9, 1, 0},
                                         {"", 9, 4, 0},
                                         {"", 9, 3, 0},
                                         {"\xFF", 9, 1, 0},
                                         {"\xFF", 9, 4, 0},
                                         {"\xE2\x96", 9, 4, 0},
                                         {"a", 0, 1, 0},
                                         {"a", 9, 1, 0},
                                         {"aa", INFINITY, 1, 0},
                                         {"aa", -INFINITY, 5, 0},
                                         {"\xC3\xA9"
                                          "a",
                                          -INFINITY, 1, 0}},
                          11, false);
    assert_encodes(o.vocab, "a\xFF", PAL_ENCODE_SPECIAL, FIRST + 6, BYTE0 + 0xFF);
    assert_encodes(o.vocab, "aaa", 0, FIRST + 8, FIRST + 6);
    assert_encodes(o.vocab,
                   "\xC3\xA9"
                   "a",
                   0, FIRST + 10);
    assert_int_equal(pal_vocab_find(o.vocab, (pal_str){"a", 1}), FIRST + 6);
    assert_int_equal(pal_vocab_find(o.vocab, (pal_str){"", 0}), FIRST);
    assert_decodes(o.vocab, (int32_t[]){FIRST, FIRST + 3, FIRST + 7}, 3, true, false,
                   "\xFF"
                   "a");
    close_vocab(&o);
}

/* "  x", "_ x", " _x", "__x" (with _ for U+2581) share a hash on purpose of the design, so do all spellings
 * of more spaces: 512 of them crowd one place of the table. */
static void open_crowded_hash_table_is_refused(void **state)
{
    (void)state;
    enum { SPACES = 9, SPELLINGS = 1 << SPACES };
    static char names[SPELLINGS][4 * SPACES];
    static test_piece pieces[SPELLINGS + 1];
    for (size_t i = 0; i < SPELLINGS; i++) {
        names[i][0] = '\0';
        for (int bit = 0; bit < SPACES; bit++) strcat(names[i], i >> bit & 1 ? MARK : " ");
        pieces[i] = (test_piece){names[i], 0, 1, 0};
    }
    pieces[SPELLINGS] = small[0];
    image m;
    image_begin_vocab(&m, pieces, SPELLINGS + 1);
    assert_refused(&m, PAL_E_FORMAT, "too many pieces of the vocabulary share a hash value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encode_pairs_merges_the_best_score_first),
        cmocka_unit_test(encode_equal_scores_merges_the_leftmost),
        cmocka_unit_test(encode_characters_without_a_piece_can_still_merge),
        cmocka_unit_test(encode_empty_text_gives_no_tokens),
        cmocka_unit_test(encode_small_capacity_writes_no_more_and_counts_all),
        cmocka_unit_test(scratch_of_absurd_text_is_refused),
        cmocka_unit_test(encode_space_is_the_mark_of_the_file),
        cmocka_unit_test(encode_prefix_without_dummy_space_changes_nothing),
        cmocka_unit_test(encode_space_mark_in_text_gives_three_bytes),
        cmocka_unit_test(encode_space_without_a_piece_is_the_byte),
        cmocka_unit_test(encode_user_piece_matches_whole_and_never_merges),
        cmocka_unit_test(encode_overlapping_user_pieces_takes_the_longest_at_each_place),
        cmocka_unit_test(encode_user_piece_with_spaces_matches_both_spellings),
        cmocka_unit_test(encode_control_piece_matches_only_when_asked),
        cmocka_unit_test(encode_control_and_user_of_one_text_prefers_user),
        cmocka_unit_test(encode_unused_piece_is_taken_apart_again),
        cmocka_unit_test(encode_invalid_utf8_gives_byte_tokens),
        cmocka_unit_test(utf8_char_at_the_limits_has_its_length),
        cmocka_unit_test(encode_nul_is_an_ordinary_byte),
        cmocka_unit_test(encode_without_byte_pieces_gives_one_unknown_a_run),
        cmocka_unit_test(decode_prefixed_drops_one_space_of_the_first_text),
        cmocka_unit_test(decode_into_little_room_writes_no_more_and_counts_all),
        cmocka_unit_test(our_vocabulary_has_its_special_pieces),
        cmocka_unit_test(our_vocabulary_marks_the_mask_only_when_asked),
        cmocka_unit_test(encode_our_vocabulary_equals_sentencepiece),
        cmocka_unit_test(encode_unused_and_user_pieces_equals_sentencepiece),
        cmocka_unit_test(encode_without_byte_pieces_equals_sentencepiece),
        cmocka_unit_test(encode_llama_vocabulary_equals_llama_cpp),
        cmocka_unit_test(round_trip_of_random_bytes_is_exact),
        cmocka_unit_test(round_trip_of_each_pair_of_bytes_is_exact),
        cmocka_unit_test(encode_a_megabyte_is_quick),
        cmocka_unit_test(encode_a_megabyte_with_the_longest_pieces_is_quick),
        cmocka_unit_test(open_other_tokenizer_is_unsupported),
        cmocka_unit_test(open_missing_arrays_is_refused),
        cmocka_unit_test(open_arrays_of_other_length_or_kind_is_refused),
        cmocka_unit_test(open_bad_piece_is_refused_with_its_offset),
        cmocka_unit_test(open_bad_special_id_is_refused),
        cmocka_unit_test(open_without_ids_has_none_and_the_flags_of_llama),
        cmocka_unit_test(open_empty_name_of_another_type_is_not_the_empty_piece),
        cmocka_unit_test(open_without_any_way_to_write_a_byte_is_refused),
        cmocka_unit_test(open_odd_pieces_is_harmless),
        cmocka_unit_test(open_crowded_hash_table_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
