/* test_bpe.c - byte-level BPE: words, merges, files that lie; against the tokenizers package (tests/golden/token/bpe.*,
 * made by tools/make_bpe_golden.py) and llama.cpp's vectors. */
#include "token_testing.h"

#include "token/unicode.h"

static const char *const all_names[] = {"default", "gpt-2",  "mpt",    "llama-bpe",      "llama3",    "llama-v3",
                                        "qwen2",   "smollm", "refact", "deepseek-coder", "starcoder", "falcon"};

/* ---- the tokenizers package -------------------------------------------------------------- */

/* The vocabulary of the golden files with a rule put in: a key behind the 24 bytes of the header. */
static opened open_with_rule(const char *pre)
{
    pal_file file;
    pal_error err;
    opened o;
    image m;
    assert_int_equal(pal_file_map(&file, PAL_SOURCE_DIR "/tests/golden/token/bpe.gguf", &err), PAL_OK);
    const unsigned char *bytes = file.data;
    image_begin(&m);
    memcpy(&m.keys, bytes + 16, sizeof m.keys);
    image_key_str(&m, "tokenizer.ggml.pre", pre);
    image_put(&m, bytes + 24, file.size - 24);
    pal_file_unmap(&file);
    assert_int_equal(open_image(&o, &m, &err), PAL_OK);
    return o;
}

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

enum { MOST_IDS = 4096 };

typedef struct {
    size_t count;
    int32_t ids[MOST_IDS];
} sequence;

/* The next of the sequences of one text, which is told by what differs from the one before. */
static void take_sequence(const unsigned char **at, sequence *s)
{
    size_t head = take_number(at), tail = take_number(at), middle = take_number(at);
    assert_true(head + tail <= s->count && head + middle + tail <= MOST_IDS);
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

/* rule is the index in the script's RULES. */
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

/* What comes before or behind a segment is not seen: in the first the quote stands alone before "s" comes. */
static void words_of_a_segment_see_nothing_else(void **state)
{
    (void)state;
    assert_words("falcon", "it's  1234", "it|'|s| | |123|4|");
    assert_words("default", "`a+` 12345", "`|a|+|`| |123|45|");
    assert_words("smollm", "a   1 '12", "a|   |1| '|1|2|");
    assert_words("deepseek-coder", "a  \r\nb  c", "a|  |\r|\n|b| | c|");
}

/* What few merges of the golden vocabulary would show; each checked with the tokenizers package. */
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
        {'0', PAL_NUMBER},
        {'`', PAL_SYMBOL},
        {'z', PAL_LETTER},
        {0x7F, 0},
        {0x80, 0},
        {0x85, PAL_SPACE},
        {0xA0, PAL_SPACE},
        {0xAA, PAL_LETTER},
        {0xAD, 0},
        {0xB2, PAL_NUMBER},
        {0xD7, PAL_SYMBOL},
        {0x301, 0},
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

/* 256 pieces of one byte, then those of the test from 256 on. */
static opened make_bpe(const char *pre, const test_piece *extra, size_t count, const char *const *merges, size_t n)
{
    test_piece pieces[256 + 32];
    char names[256][3];
    opened o;
    image m;
    make_bpe_bytes(pieces, names);
    assert_true(count <= 32);
    memcpy(pieces + 256, extra, count * sizeof *extra);
    image_begin_bpe(&m, pre, pieces, 256 + count, merges, n);
    assert_int_equal(open_image(&o, &m, NULL), PAL_OK);
    return o;
}

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

/* ---- files of all kinds ----------------------------------------------------------------------- */

static const test_piece three[] = {{"a", 0, 1, 0}, {"b", 0, 1, 0}, {"ab", 0, 1, 0}};

static void assert_refused(image *m, pal_status status, const char *text)
{
    opened o;
    pal_error err = {0};
    assert_int_equal(open_image(&o, m, &err), status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, text);
    assert_null(o.vocab);
}

static void open_other_rule_is_unsupported(void **state)
{
    (void)state;
    static const char *const names[] = {"", "gpt2", "gpt-22", "qwen", "tekken", "llama", "Default"};
    for (size_t i = 0; i < COUNT(names); i++) {
        image m;
        image_begin_bpe(&m, names[i], three, 3, NULL, 0);
        assert_refused(&m, PAL_E_UNSUPPORTED,
                       "tokenizer.ggml.pre is none of gpt-2, mpt, llama-bpe, smollm, qwen2, deepseek-coder, starcoder, "
                       "refact, falcon, default");
    }
    image m;
    image_begin_bpe(&m, NULL, three, 3, NULL, 0);
    image_key_u32(&m, "tokenizer.ggml.pre", 1);
    assert_refused(&m, PAL_E_FORMAT, "tokenizer.ggml.pre is not a string");
}

static void open_bad_array_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "tokenizer.ggml.tokens is missing",
        "tokenizer.ggml.merges is missing",
        "tokenizer.ggml.token_type and tokens differ in length",
        "tokenizer.ggml.token_type is not an array of i32",
        "tokenizer.ggml.merges is not an array of strings",
        "tokenizer.ggml.merges is not an array of strings",
        "tokenizer.ggml.tokens is not an array of strings",
        "the vocabulary has no or too many pieces",
    };
    for (int kind = 0; kind < (int)COUNT(texts); kind++) {
        image m;
        image_begin(&m);
        image_key_str(&m, "tokenizer.ggml.model", "gpt2");
        if (kind == 6)
            image_key_u32(&m, "tokenizer.ggml.tokens", 3);
        else if (kind != 0)
            image_tokens(&m, three, kind == 7 ? 0 : 3);
        if (kind == 3)
            image_scores(&m, three, 0), image_key_str(&m, "tokenizer.ggml.token_type", "x");
        else
            image_types(&m, three, kind == 2 ? 2 : kind == 7 ? 0 : 3);
        if (kind == 4)
            image_key_str(&m, "tokenizer.ggml.merges", "a b");
        else if (kind == 5)
            image_array(&m, "tokenizer.ggml.merges", PAL_GGUF_U8, 3), image_put(&m, "a b", 3);
        else if (kind != 1)
            image_merges(&m, NULL, 0);
        assert_refused(&m, PAL_E_FORMAT, texts[kind]);
    }
}

static void open_bad_merge_is_refused_with_its_offset(void **state)
{
    (void)state;
    char part[601], together[1202], longer[1100];
    memset(part, 'a', 600);
    memset(together, 'a', 1201);
    memset(longer, 'a', 1099);
    part[600] = together[1201] = longer[1099] = '\0';
    together[600] = ' '; /* two pieces, which together are longer than any piece may be */
    longer[1030] = ' ';
    static const char no_part[] = "a part of a merge is no piece of the vocabulary";
    static const char no_result[] = "what a merge makes is no piece of the vocabulary";
    static const char no_two[] = "a merge is not two parts with a space between them";
    const struct {
        const char *merge, *text;
    } bad[] = {
        {"", no_two},
        {"a", no_two},
        {"ab", no_two},
        {" ab", no_two},
        {"a c", no_part},
        {"c a", no_part},
        {"a ", no_part},
        {"  a", no_part},
        {"a b c", no_part},
        {"b a", no_result},
        {"a  b", no_part},
        {"ab a", no_result},
        {"a <s>", no_part},
        {"\xFF a", no_part},
        {together, no_result},
        {longer, no_part},
        {"a \xE2\x96\x81", no_part},
        {"<s x", no_part},
        {"< s", no_result},
    };
    const test_piece pieces[] = {{"a", 0, 1, 0}, {"b", 0, 1, 0},  {"ab", 0, 1, 0}, {"<s>", 0, 3, 0},
                                 {"<", 0, 1, 0}, {"s>", 0, 1, 0}, {"s", 0, 1, 0},  {part, 0, 1, 0}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        const char *merges[] = {"a b", bad[i].merge};
        image m;
        opened o;
        pal_error err;
        image_begin_bpe(&m, NULL, pieces, 8, merges, 2);
        size_t offset = m.size - strlen(bad[i].merge);
        assert_int_equal(open_image(&o, &m, &err), PAL_E_FORMAT);
        assert_string_equal(err.text, bad[i].text);
        assert_int_equal(err.offset, offset);
    }
}

/* Control pieces are not what merges make, even where their name would be. */
static void open_merge_to_a_control_piece_is_refused(void **state)
{
    (void)state;
    static const test_piece pieces[] = {{"<", 0, 1, 0}, {"s", 0, 1, 0}, {"<s", 0, 3, 0}};
    static const char *const merges[] = {"< s"};
    image m;
    image_begin_bpe(&m, NULL, pieces, 3, merges, 1);
    assert_refused(&m, PAL_E_FORMAT, "what a merge makes is no piece of the vocabulary");
}

static void open_bad_piece_is_refused(void **state)
{
    (void)state;
    char longer[1026];
    memset(longer, 'x', sizeof longer);
    const struct {
        test_piece piece;
        pal_status status;
        const char *text;
    } bad[] = {
        {{longer, 0, 1, 1025}, PAL_E_UNSUPPORTED, "a piece of the vocabulary is longer than 1024 bytes"},
        {{"x", 0, 0, 0}, PAL_E_FORMAT, "a type in tokenizer.ggml.token_type is not 1 to 6"},
        {{"x", 0, 6, 0}, PAL_E_FORMAT, "a byte piece is not written <0xNN>"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        image m;
        image_begin_bpe(&m, NULL, &bad[i].piece, 1, NULL, 0);
        assert_refused(&m, bad[i].status, bad[i].text);
    }
}

/* Pieces of two bytes whose merges all hash to one of a few neighbouring slots: as hash() in bpe.c has it. */
static void open_crowded_merges_are_refused(void **state)
{
    (void)state;
    enum { SLOTS = 1024, MERGES = 300 };
    static char names[MERGES][6], merges[MERGES][7], bytes[256][3];
    static const char *list[MERGES];
    static test_piece pieces[256 + MERGES];
    size_t n = 0;
    make_bpe_bytes(pieces, bytes);
    for (uint32_t left = 0; left < 256; left++) {
        for (uint32_t right = 0; right < 256 && n < MERGES; right++) {
            uint64_t product = ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15u;
            if ((product >> 32) % SLOTS >= 8) continue;
            strcat(strcpy(names[n], bytes[left]), bytes[right]);
            strcat(strcat(strcpy(merges[n], bytes[left]), " "), bytes[right]);
            pieces[256 + n] = (test_piece){names[n], 0, 1, 0};
            list[n] = merges[n];
            n++;
        }
    }
    assert_int_equal(n, MERGES);
    image m;
    image_begin_bpe(&m, NULL, pieces, 256 + n, list, n);
    assert_refused(&m, PAL_E_FORMAT, "too many merges share a hash value");
}

static void open_without_types_has_normal_pieces_only(void **state)
{
    (void)state;
    static const char *const merges[] = {"a b"};
    opened o;
    image m;
    image_begin(&m);
    image_key_str(&m, "tokenizer.ggml.model", "gpt2");
    image_key_bool(&m, "tokenizer.ggml.add_space_prefix", true);
    image_key_bool(&m, "tokenizer.ggml.add_bos_token", true);
    image_key_u32(&m, "tokenizer.ggml.bos_token_id", 2);
    image_tokens(&m, three, 3);
    image_merges(&m, merges, 1);
    assert_int_equal(open_image(&o, &m, NULL), PAL_OK);
    for (int32_t i = 0; i < 3; i++) assert_int_equal(pal_vocab_type(o.vocab, i), PAL_PIECE_NORMAL);
    assert_true(pal_vocab_special(o.vocab)->add_bos);
    assert_false(pal_vocab_special(o.vocab)->add_space_prefix);
    assert_int_equal(pal_vocab_special(o.vocab)->bos, 2);
    assert_int_equal(pal_vocab_special(o.vocab)->unknown, -1);
    assert_encodes(o.vocab, "ab xba", PAL_ENCODE_PREFIX, 2, 1, 0); /* what no piece can write is left out */
    close_vocab(&o);
}

static void encode_unwritable_bytes_become_one_unknown_token(void **state)
{
    (void)state;
    static const test_piece pieces[] = {{"<unk>", 0, 2, 0}, {"a", 0, 1, 0}, {"aa", 0, 1, 0}, {"<0x78>", 0, 6, 0}};
    static const char *const merges[] = {"a a"};
    opened o;
    image m;
    image_begin_bpe(&m, "gpt-2", pieces, 4, merges, 1);
    assert_int_equal(open_image(&o, &m, NULL), PAL_OK);
    assert_encodes(o.vocab, "aayzaz", 0, 2, 0, 1, 0);
    assert_encodes(o.vocab, "z z", 0, 0);
    assert_encodes(o.vocab, "xax", 0, 3, 1, 3);
    close_vocab(&o);
}

static void open_equal_pieces_takes_the_first(void **state)
{
    (void)state;
    static const test_piece pieces[] = {{"aa", 0, 1, 0}, {"aa", 0, 1, 0}, {"a", 0, 1, 0}, {"aa", 0, 4, 0}};
    static const char *const merges[] = {"a a", "a a"};
    opened o = make_bpe(NULL, pieces, 3, merges, 2);
    assert_encodes(o.vocab, "aaa", 0, 256, 'a');
    assert_int_equal(pal_vocab_find(o.vocab, (pal_str){"aa", 2}), 256);
    close_vocab(&o);
    o = make_bpe(NULL, pieces, 4, merges, 2); /* user-defined: matched before merging */
    assert_encodes(o.vocab, "aaa", 0, 259, 'a');
    close_vocab(&o);
}

/* ---- round trips and long texts --------------------------------------------------------------------- */

static void round_trip_of_random_bytes_is_exact(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "<s>",          " ",    "<tag>>", "\n\t\n",   "\xE2\x96",  "the", "\xF0\x9F\x98\x81", "'ll",
        "\xED\xA0\x80", "\r\n", "123",    "\xC4\xA0", "\xC3\xA9!", "    "};
    uint64_t seed = 20240802;
    char text[200];
    for (size_t rule = 0; rule < COUNT(all_names); rule++) {
        opened o = open_with_rule(all_names[rule]);
        for (int i = 0; i < 600; i++) {
            size_t bytes = 0, most = next_random(&seed) % 180;
            while (bytes < most) {
                uint32_t r = next_random(&seed);
                const char *part = parts[(r >> 8) % COUNT(parts)];
                if (r % 3 == 0) {
                    text[bytes++] = (char)(r >> 16);
                } else {
                    memcpy(text + bytes, part, strlen(part));
                    bytes += strlen(part);
                }
            }
            if (!comes_back(o.vocab, text, bytes, (unsigned)i % 4)) fail_msg("rule %s, text %d", all_names[rule], i);
        }
        close_vocab(&o);
    }
}

static void round_trip_of_each_pair_of_bytes_is_exact(void **state)
{
    (void)state;
    opened o = open_with_rule("llama-bpe");
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char text[2] = {(char)a, (char)b};
            if (!comes_back(o.vocab, text, 2, 0)) fail_msg("bytes %d %d", a, b);
        }
    }
    close_vocab(&o);
}

/* No time is asserted, but what is quadratic would take minutes here. */
static void encode_a_megabyte_is_quick(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    static const char *const units[] = {"a",    " ",  "\n",        "ab", " \n", "'", "1", "\xE4\xB8\xAD",
                                        "\xFF", " a", "\t\xC2\x85"};
    char *text = malloc(BYTES);
    assert_non_null(text);
    for (size_t unit = 0; unit < COUNT(units); unit++) {
        opened o = open_with_rule(all_names[unit]);
        for (size_t i = 0; i < BYTES; i++) text[i] = units[unit][i % strlen(units[unit])];
        assert_true(comes_back(o.vocab, text, BYTES, 0));
        close_vocab(&o);
    }
    free(text);
}

/* One letter merges to pieces of 2, 4, ... 1024. */
static void encode_a_megabyte_with_the_longest_pieces_is_quick(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    static char names[11][1025], merges[10][1026];
    test_piece pieces[11];
    const char *list[10];
    char *text = malloc(BYTES);
    size_t count;
    assert_non_null(text);
    memset(text, 'a', BYTES);
    for (size_t i = 0; i <= 10; i++) {
        memset(names[i], 'a', (size_t)1 << i);
        pieces[i] = (test_piece){names[i], 0, 1, 0};
        if (i == 0) continue;
        memset(merges[i - 1], 'a', ((size_t)1 << i) + 1);
        merges[i - 1][(size_t)1 << (i - 1)] = ' ';
        list[i - 1] = merges[i - 1];
    }
    opened o = make_bpe("gpt-2", pieces, 11, list, 10);
    int32_t *ids = encode(o.vocab, text, BYTES, 0, &count);
    assert_int_equal(count, BYTES / 1024);
    for (size_t i = 0; i < count; i++) assert_int_equal(ids[i], 256 + 10);
    free(ids);
    free(text);
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
        cmocka_unit_test(open_other_rule_is_unsupported),
        cmocka_unit_test(open_bad_array_is_refused),
        cmocka_unit_test(open_bad_merge_is_refused_with_its_offset),
        cmocka_unit_test(open_merge_to_a_control_piece_is_refused),
        cmocka_unit_test(open_bad_piece_is_refused),
        cmocka_unit_test(open_crowded_merges_are_refused),
        cmocka_unit_test(open_without_types_has_normal_pieces_only),
        cmocka_unit_test(encode_unwritable_bytes_become_one_unknown_token),
        cmocka_unit_test(open_equal_pieces_takes_the_first),
        cmocka_unit_test(round_trip_of_random_bytes_is_exact),
        cmocka_unit_test(round_trip_of_each_pair_of_bytes_is_exact),
        cmocka_unit_test(encode_a_megabyte_is_quick),
        cmocka_unit_test(encode_a_megabyte_with_the_longest_pieces_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
