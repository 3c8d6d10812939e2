/* test_bpe.c - byte-level BPE: words and merges, against the tokenizers package (tests/golden/token/bpe.*, made by
 * tools/make_bpe_golden.py) and llama.cpp's vectors. */
#include "token/unicode.h"
#include "bpe_testing.h"

/* ---- the tokenizers package -------------------------------------------------------------- */

static size_t take_number(const unsigned char **at)
{
    size_t value = 0, byte;
    unsigned shift = 0;
    do {
        byte = *(*at)++;
        value |= (byte & 127) << shift;
        shift += 7;
    } while (byte & 128);
    return value;
}

enum { MAX_IDS = 4096 };

typedef struct {
    size_t count;
    int32_t ids[MAX_IDS];
} sequence;

/* The next tokenization of a text, stored as its difference from the one before. */
static void take_sequence(const unsigned char **at, sequence *s)
{
    size_t head = take_number(at), tail = take_number(at), middle = take_number(at);
    assert_true(head + tail <= s->count && head + middle + tail <= MAX_IDS);
    memmove(s->ids + head + middle, s->ids + s->count - tail, tail * sizeof *s->ids);
    for (size_t i = 0; i < middle; i++) s->ids[head + i] = (int32_t)take_number(at);
    s->count = head + middle + tail;
}

static bool encodes_to(const pal_vocab *v, const char *text, size_t bytes, const sequence *s)
{
    size_t count;
    int32_t *ids = encode(v, text, bytes, PAL_ENCODE_PREFIX, &count);
    bool same = count == s->count && memcmp(ids, s->ids, count * sizeof *ids) == 0;
    free(ids);
    return same;
}

/* rule is an index into RULES in the script. */
static void check_golden(const char *pre, size_t rule)
{
    static sequence s;
    opened o = open_with_rule(pre);
    pal_file file;
    assert_int_equal(pal_file_map(&file, PAL_SOURCE_DIR "/tests/golden/token/bpe.bin", NULL), PAL_OK);
    const unsigned char *at = file.data, *end = at + file.size;
    assert_memory_equal(at, "PALBPE1\n", 8);
    at += 8;
    size_t rules = take_number(&at), texts = take_number(&at), all = ((size_t)1 << rules) - 1;
    assert_int_equal(rules, 7);
    assert_int_equal(texts, 3000);
    for (size_t i = 0; i < texts; i++) {
        size_t bytes = take_number(&at), seen = 0;
        const char *text = (const char *)at;
        at += bytes;
        for (s.count = 0; seen != all;) {
            size_t mask = take_number(&at);
            take_sequence(&at, &s);
            assert_true(at <= end && mask && (mask & seen) == 0);
            seen |= mask;
            if ((mask >> rule & 1) && !encodes_to(o.vocab, text, bytes, &s)) fail_msg("rule %s, text %zu", pre, i);
        }
        if (!comes_back(o.vocab, text, bytes, (unsigned)i % 4))
            fail_msg("rule %s, text %zu does not come back", pre, i);
    }
    assert_true(at == end);
    pal_file_unmap(&file);
    close_vocab(&o);
}

static void encode_default_equals_tokenizers(void **state)
{
    (void)state;
    check_golden("default", 0);
}

static void encode_gpt2_equals_tokenizers(void **state)
{
    (void)state;
    check_golden("gpt-2", 1);
    check_golden("mpt", 1);
}

static void encode_llama_bpe_equals_tokenizers(void **state)
{
    (void)state;
    check_golden("llama-bpe", 2);
    check_golden("llama3", 2);
    check_golden("llama-v3", 2);
}

static void encode_qwen2_equals_tokenizers(void **state)
{
    (void)state;
    check_golden("qwen2", 3);
}

static void encode_smollm_equals_tokenizers(void **state)
{
    (void)state;
    check_golden("smollm", 4);
    check_golden("starcoder", 4);
    check_golden("refact", 4);
}

static void encode_deepseek_coder_equals_tokenizers(void **state)
{
    (void)state;
    check_golden("deepseek-coder", 5);
}

static void encode_falcon_equals_tokenizers(void **state)
{
    (void)state;
    check_golden("falcon", 6);
}

static void encode_gpt2_vocabulary_equals_llama_cpp(void **state)
{
    (void)state;
    check_llama_cpp_vectors("ggml-vocab-gpt-2.gguf", 0);
}

/* ---- words ---------------------------------------------------------------------------------- */

typedef struct {
    const char *text;
    char out[256]; /* words with a bar behind each */
    size_t size, next;
} words;

static void add_word(void *context, size_t from, size_t to)
{
    words *w = context;
    assert_int_equal(from, w->next);
    assert_true(to > from && w->size + to - from + 2 < sizeof w->out);
    memcpy(w->out + w->size, w->text + from, to - from);
    w->size += to - from;
    w->out[w->size++] = '|';
    w->next = to;
}

static void assert_words(const char *pre, const char *text, const char *expected)
{
    words w = {.text = text};
    const pal_split_rule *rule = pal_split_rule_of((pal_str){pre, strlen(pre)});
    assert_non_null(rule);
    pal_split(rule, text, 0, strlen(text), add_word, &w);
    assert_int_equal(w.next, strlen(text));
    w.out[w.size] = '\0';
    assert_string_equal(w.out, expected);
}

static void words_of_invalid_bytes_have_no_class(void **state)
{
    (void)state;
    assert_words("gpt-2", "a\xFF\xFE b\xC3", "a|\xFF\xFE| b|\xC3|");
    assert_words("gpt-2", " \xE2\x82 \xE2\x82", " \xE2\x82| \xE2\x82|");
    assert_words("llama-bpe", "\xFFz \xFF\n\nz", "\xFFz| \xFF\n\n|z|");
    assert_words("deepseek-coder", "a\xFF!\xFF\xE4\xB8\xAD\xE4\xB8", "a|\xFF|!|\xFF|\xE4\xB8\xAD|\xE4\xB8|");
    assert_words("falcon", "\xED\xA0\x80.$\xF5", "\xED\xA0\x80|.$|\xF5|");
    assert_words("smollm",
                 "\x80"
                 "1\x80",
                 "\x80|1|\x80|");
    assert_words("default", "", "");
}

/* The text before and after a segment has no effect: in the first segment the quote is alone, before "s" comes. */
static void words_of_a_segment_see_nothing_else(void **state)
{
    (void)state;
    assert_words("falcon", "it's  1234", "it|'|s| | |123|4|");
    assert_words("default", "`a+` 12345", "`|a|+|`| |123|45|");
    assert_words("smollm", "a   1 '12", "a|   |1| '|1|2|");
    assert_words("deepseek-coder", "a  \r\nb  c", "a|  |\r|\n|b| | c|");
}

/* Cases that the golden vocabulary hardly covers; each was checked with the tokenizers package. */
static void words_at_the_edges_of_patterns(void **state)
{
    (void)state;
    assert_words("llama-bpe", "a'\xC5\xBFx'RE'Ve'lL'r", "a|'\xC5\xBF|x|'RE|'Ve|'lL|'r|");
    assert_words("gpt-2", "a'\xC5\xBFx'RE've", "a|'|\xC5\xBFx|'|RE|'ve|");
    assert_words("deepseek-coder", "a\xE9\xBE\xA5\xE9\xBE\xA6", "a|\xE9\xBE\xA5|\xE9\xBE\xA6|"); /* 9FA5 9FA6 */
    assert_words("deepseek-coder", "\xDF\x8A\xE0\xA0\x80", "\xDF\x8A|\xE0\xA0\x80|");            /* 07CA 0800 */
    assert_words("deepseek-coder", "\xED\x9F\xBB\xEF\xA4\x80", "\xED\x9F\xBB|\xEF\xA4\x80|");    /* D7FB F900 */
    assert_words("deepseek-coder", "\xEA\xAF\xA2\xEA\xB0\x80", "\xEA\xAF\xA2|\xEA\xB0\x80|");    /* ABE2 AC00 */
    assert_words("qwen2", "x12\n \n  y!\r\n z", "x|1|2|\n \n| | y|!\r\n| z|");
    assert_words("llama-bpe", "x1234\n \n  y", "x|123|4|\n \n| | y|");
    assert_words("llama-bpe", "x\nab\ry\tz", "x|\n|ab|\r|y|\tz|");
    assert_words("default", "a 12 \xD9\xA3", "a| |12| |\xD9\xA3|");
    assert_words("falcon", "a 12 \xD9\xA3", "a| 12| \xD9\xA3|");
}

static void words_cover_part_of_a_text(void **state)
{
    (void)state;
    words w = {.text = "ab'sc  d", .next = 1};
    pal_split(pal_split_rule_of((pal_str){"gpt-2", 5}), w.text, 1, 7, add_word, &w);
    w.out[w.size] = '\0';
    assert_string_equal(w.out, "b|'s|c|  |");
    assert_int_equal(w.next, 7);
    w = (words){.text = "1234"};
    pal_split(pal_split_rule_of((pal_str){"falcon", 6}), w.text, 0, 2, add_word, &w);
    w.out[w.size] = '\0';
    assert_string_equal(w.out, "12|");
}

static void class_of_code_points_is_that_of_unicode(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        unsigned class;
    } cases[] = {
        {0, 0},
        {'\t', PAL_SPACE},
        {0x0E, 0},
        {' ', PAL_SPACE},
        {'!', PAL_PUNCTUATION},
        {'$', PAL_SYMBOL},
        {'Z', PAL_LETTER | PAL_UPPER},
        {'0', PAL_NUMBER},
        {'`', PAL_SYMBOL},
        {'z', PAL_LETTER | PAL_LOWER},
        {0x7F, 0},
        {0x80, 0},
        {0x85, PAL_SPACE},
        {0xA0, PAL_SPACE},
        {0xAA, PAL_LETTER},
        {0xAD, 0},
        {0xB2, PAL_NUMBER},
        {0xD7, PAL_SYMBOL},
        {0x301, PAL_MARK},
        {0x903, PAL_MARK},
        {0x1C5, PAL_LETTER | PAL_UPPER}, /* title case */
        {0x100, PAL_LETTER | PAL_UPPER}, /* cases in turn */
        {0x101, PAL_LETTER | PAL_LOWER},
        {0x136, PAL_LETTER | PAL_UPPER},
        {0x138, PAL_LETTER | PAL_LOWER},
        {0x139, PAL_LETTER | PAL_UPPER},
        {0x2C6, PAL_LETTER}, /* Lm */
        {0x1E943, PAL_LETTER | PAL_LOWER},
        {0x2028, PAL_SPACE},
        {0x200B, 0},
        {0x2167, PAL_NUMBER},
        {0x3000, PAL_SPACE},
        {0x3400, PAL_LETTER},
        {0x4DBF, PAL_LETTER},
        {0x4DC0, PAL_SYMBOL},
        {0xD7A3, PAL_LETTER},
        {0xD7A4, 0},
        {0xD800, 0},
        {0xE000, 0},
        {0xFFFD, PAL_SYMBOL},
        {0x1F600, PAL_SYMBOL},
        {0x20000, PAL_LETTER},
        {0x10FFFF, 0},
        {0x110000, 0},
        {PAL_NO_CODE, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) assert_int_equal(pal_unicode_class(cases[i].code), cases[i].class);
}

/* ---- merging, on vocabularies made here ------------------------------------------------------------ */

static void encode_merges_lowest_rank_then_leftmost(void **state)
{
    (void)state;
    static const test_piece pieces[] = {{"aa", 0, 1, 0}, {"ab", 0, 1, 0}, {"bc", 0, 1, 0}, {"aaa", 0, 1, 0}};
    static const char *const merges[] = {"b c", "a a", "a b", "aa a", "a a"};
    opened o = make_bpe("gpt-2", pieces, 4, merges, 5);
    assert_encodes(o.vocab, "abc", 0, 'a', 258);
    assert_encodes(o.vocab, "aaa", 0, 259);
    assert_encodes(o.vocab, "aaaa", 0, 256, 256);
    assert_encodes(o.vocab, "aab", 0, 256, 'b');
    assert_encodes(o.vocab, "ab", 0, 257);
    close_vocab(&o);
}

/* "abc" is a piece, but "bc" merges first and then nothing does. */
static void encode_piece_that_merging_does_not_give_is_taken_whole_by_llama_only(void **state)
{
    (void)state;
    static const test_piece pieces[] = {{"bc", 0, 1, 0}, {"ab", 0, 1, 0}, {"abc", 0, 1, 0}, {"xyz", 0, 1, 0}};
    static const char *const merges[] = {"b c", "a b", "ab c"};
    for (size_t i = 0; i < COUNT(all_names); i++) {
        opened o = make_bpe(all_names[i], pieces, 4, merges, 3);
        bool whole = strncmp(all_names[i], "llama", 5) == 0;
        if (whole) {
            assert_encodes(o.vocab, "abc", 0, 258);
            assert_encodes(o.vocab, "xyz", 0, 259);
            assert_encodes(o.vocab, "xyzabc", 0, 'x', 'y', 'z', 'a', 256);
        } else {
            assert_encodes(o.vocab, "abc", 0, 'a', 256);
            assert_encodes(o.vocab, "xyz", 0, 'x', 'y', 'z');
        }
        assert_int_equal(pal_vocab_special(o.vocab)->add_bos, whole);
        assert_false(pal_vocab_special(o.vocab)->add_space_prefix);
        close_vocab(&o);
    }
}

static void encode_added_pieces_match_before_splitting(void **state)
{
    (void)state;
    static const test_piece pieces[] = {{"<|end|>", 0, 3, 0},
                                        {"a b", 0, 4, 0},
                                        {"a bc", 0, 4, 0},
                                        {"\xC3\xA9", 0, 4, 0},
                                        {"<|", 0, 4, 0},
                                        {"\xC4\xA0"
                                         "c",
                                         0, 1, 0}};
    static const char *const merges[] = {"\xC4\xA0 c"};
    opened o = make_bpe("gpt-2", pieces, 6, merges, 1);
    assert_encodes(o.vocab, "xa bcd", 0, 'x', 258, 'd');
    assert_encodes(o.vocab, "a b c", PAL_ENCODE_PREFIX, 257, 261);
    assert_encodes(o.vocab, "\xC3\xA9\xE9", 0, 259, 0xE9);
    assert_encodes(o.vocab, "<|end|>", 0, 260, 'e', 'n', 'd', '|', '>');
    assert_encodes(o.vocab, "<|end|>", PAL_ENCODE_SPECIAL, 256);
    assert_decodes(o.vocab, (int32_t[]){256, 258, 261, 259}, 4, true, false, "a bc c\xC3\xA9");
    assert_decodes(o.vocab, (int32_t[]){256, 258, 261, 259}, 4, true, true, "<|end|>a bc c\xC3\xA9");
    close_vocab(&o);
}

static void pieces_are_known_by_name_and_by_their_bytes(void **state)
{
    (void)state;
    static const test_piece pieces[] = {{"\xC4\xA0"
                                         "a",
                                         0, 1, 0},
                                        {"\xC4\xA0", 0, 3, 0},
                                        {"  b", 0, 1, 0},
                                        {"", 0, 1, 0}};
    static const char *const merges[] = {"\xC4\xA0 a"};
    opened o = make_bpe(NULL, pieces, 4, merges, 1);
    assert_true(pal_vocab_begins_word(o.vocab, 256));
    assert_true(pal_vocab_begins_word(o.vocab, ' '));
    assert_false(pal_vocab_begins_word(o.vocab, 'a'));
    assert_false(pal_vocab_begins_word(o.vocab, 257));
    assert_int_equal(pal_vocab_find(o.vocab, (pal_str){"\xC4\xA0"
                                                       "a",
                                                       3}),
                     256);
    assert_int_equal(pal_vocab_find(o.vocab, (pal_str){" a", 2}), -1);
    assert_int_equal(pal_vocab_byte(o.vocab, 'a'), -1);
    assert_int_equal(pal_vocab_piece(o.vocab, 256).size, 3);
    assert_memory_equal(pal_vocab_piece(o.vocab, 256).data, pieces[0].text, 3);
    for (int b = 0; b < 256; b++) {
        char out[2] = {0};
        assert_int_equal(pal_vocab_decode_one(o.vocab, b, false, out, 2), 1);
        assert_int_equal((unsigned char)out[0], b);
    }
    assert_decodes(o.vocab, (int32_t[]){256, 258, 259}, 3, true, false,
                   " a  b"); /* not written byte by byte: as it is */
    close_vocab(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encode_default_equals_tokenizers),
        cmocka_unit_test(encode_gpt2_equals_tokenizers),
        cmocka_unit_test(encode_llama_bpe_equals_tokenizers),
        cmocka_unit_test(encode_qwen2_equals_tokenizers),
        cmocka_unit_test(encode_smollm_equals_tokenizers),
        cmocka_unit_test(encode_deepseek_coder_equals_tokenizers),
        cmocka_unit_test(encode_falcon_equals_tokenizers),
        cmocka_unit_test(encode_gpt2_vocabulary_equals_llama_cpp),
        cmocka_unit_test(words_of_invalid_bytes_have_no_class),
        cmocka_unit_test(words_of_a_segment_see_nothing_else),
        cmocka_unit_test(words_at_the_edges_of_patterns),
        cmocka_unit_test(words_cover_part_of_a_text),
        cmocka_unit_test(class_of_code_points_is_that_of_unicode),
        cmocka_unit_test(encode_merges_lowest_rank_then_leftmost),
        cmocka_unit_test(encode_piece_that_merging_does_not_give_is_taken_whole_by_llama_only),
        cmocka_unit_test(encode_added_pieces_match_before_splitting),
        cmocka_unit_test(pieces_are_known_by_name_and_by_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
