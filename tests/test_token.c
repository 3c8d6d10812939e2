/* test_token.c - encoding and decoding with small vocabularies made by hand. */
#include "token_testing.h"

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

/* Regression, found by fuzz_token: the piece used the dummy space as its own. */
static void encode_control_piece_with_a_space_leaves_the_prefix_alone(void **state)
{
    (void)state;
    opened o = make_vocab((test_piece[]){{" x", 0, 3, 0}, {MARK, 0, 1, 0}}, 2, true);
    assert_encodes(o.vocab, "x", PAL_ENCODE_PREFIX | PAL_ENCODE_SPECIAL, FIRST + 1, BYTE0 + 'x');
    assert_encodes(o.vocab, " x", PAL_ENCODE_PREFIX | PAL_ENCODE_SPECIAL, FIRST);
    assert_encodes(o.vocab, " x", PAL_ENCODE_SPECIAL, FIRST);
    assert_true(comes_back(o.vocab, "x x", 3, PAL_ENCODE_PREFIX | PAL_ENCODE_SPECIAL));
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

static void encode_of_equal_pieces_uses_the_first_that_matches(void **state)
{
    (void)state;
    opened o =
        make_vocab((test_piece[]){{"x", 0, 3, 0}, {"x", 0, 1, 0}, {"x", 0, 1, 0}, {"<0x79>", 0, 6, 0}}, 4, false);
    assert_encodes(o.vocab, "xy", 0, FIRST + 1, BYTE0 + 'y');
    assert_encodes(o.vocab, "xy", PAL_ENCODE_SPECIAL, FIRST, BYTE0 + 'y');
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
    assert_encodes(o.vocab, "c", 0, BYTE0 + 'c');   /* the only parts of a single character are its bytes */
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
    assert_encodes(o.vocab,
                   "a\xFF"
                   "a\xE2\x96"
                   "a",
                   0, FIRST, BYTE0 + 0xFF, FIRST, BYTE0 + 0xE2, BYTE0 + 0x96, FIRST);
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
    assert_decodes(o.vocab, (int32_t[]){1, a}, 2, true, true, "<s> a"); /* encoded in this way; "<s>a" has no space */
    assert_decodes(o.vocab, (int32_t[]){BYTE0 + 'x', a, UNK, 2}, 4, true, true, "x a<unk></s>");
    assert_decodes(o.vocab, (int32_t[]){BYTE0 + 'x', a, UNK, 2}, 4, true, false, "x a");
    close_vocab(&o);
}

static void decode_into_small_capacity_writes_no_more_and_counts_all(void **state)
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
        cmocka_unit_test(encode_control_piece_with_a_space_leaves_the_prefix_alone),
        cmocka_unit_test(encode_control_and_user_of_one_text_prefers_user),
        cmocka_unit_test(encode_of_equal_pieces_uses_the_first_that_matches),
        cmocka_unit_test(encode_unused_piece_is_taken_apart_again),
        cmocka_unit_test(encode_invalid_utf8_gives_byte_tokens),
        cmocka_unit_test(utf8_char_at_the_limits_has_its_length),
        cmocka_unit_test(encode_nul_is_an_ordinary_byte),
        cmocka_unit_test(encode_without_byte_pieces_gives_one_unknown_a_run),
        cmocka_unit_test(decode_prefixed_drops_one_space_of_the_first_text),
        cmocka_unit_test(decode_into_small_capacity_writes_no_more_and_counts_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
