/* test_bpe_files.c - byte-level BPE: files of all kinds and inconsistent files, round trips, long texts. */
#include "bpe_testing.h"

/* ---- files of all kinds ----------------------------------------------------------------------- */

static const test_piece three[] = {{"a", 0, 1, 0}, {"b", 0, 1, 0}, {"ab", 0, 1, 0}};

static void open_other_rule_is_unsupported(void **state)
{
    (void)state;
    static const char *const names[] = {"", "gpt2", "gpt-22", "qwen", "gemma4", "llama", "Default"};
    for (size_t i = 0; i < COUNT(names); i++) {
        image m;
        image_begin_bpe(&m, names[i], three, 3, NULL, 0);
        assert_refused(&m, PAL_E_UNSUPPORTED, "the pre-tokenizer that tokenizer.ggml.pre names is not supported");
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
        "tokenizer.ggml.merges is not an array of strings",
        "tokenizer.ggml.merges is not an array of strings",
        "tokenizer.ggml.tokens is not an array of strings",
        "the vocabulary has no pieces, or too many",
    };
    for (int kind = 0; kind < (int)COUNT(texts); kind++) {
        image m;
        image_begin(&m);
        image_key_str(&m, "tokenizer.ggml.model", "gpt2");
        if (kind == 4)
            image_key_u32(&m, "tokenizer.ggml.tokens", 3);
        else if (kind != 0)
            image_tokens(&m, three, kind == 5 ? 0 : 3);
        if (kind == 2)
            image_key_str(&m, "tokenizer.ggml.merges", "a b");
        else if (kind == 3)
            image_array(&m, "tokenizer.ggml.merges", PAL_GGUF_U8, 3), image_put(&m, "a b", 3);
        else if (kind != 1)
            image_merges(&m, NULL, 0);
        assert_refused(&m, PAL_E_FORMAT, texts[kind]);
    }
}

/* Pieces of two bytes whose merges all hash to a few neighbouring entries, with hash() of bpe.c. */
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
    assert_encodes(o.vocab, "ab xba", PAL_ENCODE_PREFIX, 2, 1, 0); /* text that no piece can write is omitted */
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
            size_t bytes = 0, max = next_random(&seed) % 180;
            while (bytes < max) {
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

/* No time is asserted, but quadratic work would take minutes here. */
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
        cmocka_unit_test(open_other_rule_is_unsupported),
        cmocka_unit_test(open_bad_array_is_refused),
        cmocka_unit_test(open_crowded_merges_are_refused),
        cmocka_unit_test(open_without_types_has_normal_pieces_only),
        cmocka_unit_test(open_equal_pieces_takes_the_first),
        cmocka_unit_test(round_trip_of_random_bytes_is_exact),
        cmocka_unit_test(round_trip_of_each_pair_of_bytes_is_exact),
        cmocka_unit_test(encode_a_megabyte_is_quick),
        cmocka_unit_test(encode_a_megabyte_with_the_longest_pieces_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
