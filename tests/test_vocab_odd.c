/* test_vocab_odd.c - vocabularies with odd values: they open, odd values are ignored, and a note says so. */
#include "token_testing.h"

#include <math.h>

static const test_piece small[] = {{"<unk>", 0, 2, 0}, {"a", -1, 1, 0}, {"b", -2, 1, 0}, {"ab", -3, 1, 0}};

static const char no_scores[] =
    "tokenizer.ggml.scores is missing, too short or not numbers: pieces without a score merge last";
static const char no_types[] =
    "tokenizer.ggml.token_type is missing, too short or not numbers: pieces without a type are normal";
static const char odd_merges[] = "merges that name pieces outside the vocabulary are ignored";
static const char no_bytes[] = "some bytes have no piece: they are dropped from texts";

static opened open_odd(image *m)
{
    opened o;
    pal_error err = {0};
    if (open_image(&o, m, &err)) fail_msg("refused: %s", err.text);
    return o;
}

/* Exactly these notes, in their order; NULL ends them. */
static void assert_notes(const pal_vocab *v, const char *first, const char *second)
{
    const char *const expected[] = {first, second, NULL};
    for (size_t i = 0; i < 3; i++) {
        const char *note = pal_vocab_note(v, i);
        if (!expected[i]) {
            if (note) fail_msg("a note more: %s", note);
            return;
        }
        assert_non_null(note);
        assert_string_equal(note, expected[i]);
    }
}

/* ---- special ids -------------------------------------------------------------------------- */

/* Regression: published files name eos 32000 of 32000, and 4294967295; some write -1. */
static void open_special_id_outside_goes_on_without_it(void **state)
{
    (void)state;
    static const char *const keys[] = {"bos_token_id", "eos_token_id",  "eot_token_id",
                                       "eom_token_id", "mask_token_id", "unknown_token_id"};
    for (size_t k = 0; k < COUNT(keys); k++)
        for (int kind = 0; kind < 6; kind++) {
            const int64_t less = -1;
            char key[48], note[128];
            image m;
            snprintf(key, sizeof key, "tokenizer.ggml.%s", keys[k]);
            snprintf(note, sizeof note, "%s is not a token of the vocabulary: ignored", key);
            image_begin_vocab(&m, small, 4);
            if (kind < 2) image_key_u32(&m, key, kind ? UINT32_MAX : 4);
            if (kind == 2) image_key(&m, key, PAL_GGUF_I32), image_put(&m, &less, 4);
            if (kind == 3) image_key(&m, key, PAL_GGUF_I64), image_put(&m, &less, 8);
            if (kind == 4) image_key_str(&m, key, "</s>");
            if (kind == 5) image_array(&m, key, PAL_GGUF_U8, 1), image_put(&m, "a", 1);
            opened o = open_odd(&m);
            const pal_special *s = pal_vocab_special(o.vocab);
            assert_true(s->bos == -1 && s->eos == -1 && s->mask == -1 && s->unknown == 0 && s->end_count == 0);
            assert_notes(o.vocab, note, NULL);
            assert_encodes(o.vocab, "ab", 0, 3);
            close_vocab(&o);
        }
}

static void open_special_id_of_any_integer_type_is_taken(void **state)
{
    (void)state;
    static const int types[] = {PAL_GGUF_U8,  PAL_GGUF_I8,  PAL_GGUF_U16, PAL_GGUF_I16,
                                PAL_GGUF_U32, PAL_GGUF_I32, PAL_GGUF_U64, PAL_GGUF_I64};
    static const size_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 8};
    for (size_t i = 0; i < COUNT(types); i++) {
        image m;
        image_begin_vocab(&m, small, 4);
        image_key(&m, "tokenizer.ggml.eos_token_id", (uint32_t)types[i]);
        image_put(&m, "\2\0\0\0\0\0\0\0", sizes[i]);
        opened o = open_odd(&m);
        assert_int_equal(pal_vocab_special(o.vocab)->eos, 2);
        assert_null(pal_vocab_note(o.vocab, 0));
        close_vocab(&o);
    }
}

static void open_flags_as_numbers_are_taken(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        image m;
        image_begin_vocab(&m, small, 4);
        if (kind < 3)
            image_key_u32(&m, "tokenizer.ggml.add_bos_token", (uint32_t)kind);
        else
            image_key_str(&m, "tokenizer.ggml.add_bos_token", "false");
        opened o = open_odd(&m);
        assert_int_equal(pal_vocab_special(o.vocab)->add_bos, kind != 0);
        assert_notes(o.vocab, kind < 2 ? NULL : "tokenizer.ggml.add_bos_token is neither true nor false: ignored",
                     NULL);
        close_vocab(&o);
    }
}

/* ---- SentencePiece: scores and types --------------------------------------------------------- */

/* Regression: llama.cpp gives all pieces the same score and the type normal; bytes are found by their names. */
static void open_without_scores_and_types_works(void **state)
{
    (void)state;
    test_piece pieces[260] = {{"a", 0, 0, 0}, {"b", 0, 0, 0}, {"ab", 0, 0, 0}, {"bb", 0, 0, 0}};
    char names[256][7];
    make_byte_pieces(pieces + 4, names);
    for (int kind = 0; kind < 3; kind++) {
        image m;
        image_begin(&m);
        image_key_str(&m, "tokenizer.ggml.model", "llama");
        image_key_bool(&m, "tokenizer.ggml.add_space_prefix", false);
        image_tokens(&m, pieces, 260);
        if (kind == 1) image_scores(&m, pieces, 0), image_types(&m, pieces, 0);
        if (kind == 2)
            image_key_u32(&m, "tokenizer.ggml.scores", 1), image_key_str(&m, "tokenizer.ggml.token_type", "n");
        opened o = open_odd(&m);
        assert_notes(o.vocab, no_scores, no_types);
        assert_encodes(o.vocab, "abb", 0, 2, 1); /* the leftmost of equal pairs */
        assert_encodes(o.vocab, "a\n\xC3", 0, 0, 4 + '\n', 4 + 0xC3);
        assert_true(comes_back(o.vocab, "a\n\xC3", 3, 0));
        close_vocab(&o);
    }
}

/* llama.cpp finds bytes by their names, whatever their types; if a file marks some pieces as bytes, only those are
 * bytes. */
static void bytes_are_known_by_their_names_where_none_is_called_so(void **state)
{
    (void)state;
    static const int types[] = {0, 1, 7};
    test_piece pieces[259] = {{"<unk>", 0, 2, 0}, {"a", 0, 1, 0}, {"\xC3", 0, 1, 0}};
    char names[256][7];
    make_byte_pieces(pieces + 3, names);
    for (size_t t = 0; t < COUNT(types); t++) {
        image m;
        for (size_t i = 3; i < COUNT(pieces); i++) pieces[i].type = types[t];
        image_begin_vocab(&m, pieces, COUNT(pieces));
        image_key_bool(&m, "tokenizer.ggml.add_space_prefix", false);
        opened o = open_odd(&m);
        assert_encodes(o.vocab, "a\n", 0, 1, 3 + '\n');
        assert_true(comes_back(o.vocab, "<0x0A>a\n\xC3", 9, 0));
        close_vocab(&o);
    }
    for (size_t i = 3; i < COUNT(pieces); i++) pieces[i].type = i == 3 + 'b' ? 6 : 1;
    image m;
    image_begin_vocab(&m, pieces, COUNT(pieces));
    image_key_bool(&m, "tokenizer.ggml.add_space_prefix", false);
    opened o = open_odd(&m);
    assert_encodes(o.vocab, "abc", 0, 1, 3 + 'b', 0);
    close_vocab(&o);
}

static void open_short_or_other_arrays_take_what_is_there(void **state)
{
    (void)state;
    static const int32_t scores[] = {0, -1, -2, -3};
    static const int8_t types[] = {2, 1, 1, 1};
    image m;
    image_begin(&m);
    image_key_str(&m, "tokenizer.ggml.model", "llama");
    image_key_bool(&m, "tokenizer.ggml.add_space_prefix", false);
    image_tokens(&m, small, 4);
    image_array(&m, "tokenizer.ggml.scores", PAL_GGUF_I32, 4), image_put(&m, scores, sizeof scores);
    image_array(&m, "tokenizer.ggml.token_type", PAL_GGUF_I8, 4), image_put(&m, types, sizeof types);
    opened o = open_odd(&m);
    assert_null(pal_vocab_note(o.vocab, 0));
    assert_encodes(o.vocab, "abz", 0, 3, 0);
    close_vocab(&o);

    /* "aa" has no score any more, and so "ab" goes first */
    static const test_piece pieces[] = {
        {"<unk>", 0, 2, 0}, {"a", -1, 1, 0}, {"b", -2, 1, 0}, {"ab", -3, 1, 0}, {"aa", -2.5F, 1, 0}};
    for (size_t count = 4; count <= 5; count++) {
        image_begin(&m);
        image_key_str(&m, "tokenizer.ggml.model", "llama");
        image_key_bool(&m, "tokenizer.ggml.add_space_prefix", false);
        image_tokens(&m, pieces, 5);
        image_scores(&m, pieces, count);
        image_types(&m, pieces, 1);
        o = open_odd(&m);
        assert_notes(o.vocab, count == 4 ? no_scores : no_types, count == 4 ? no_types : NULL);
        if (count == 4)
            assert_encodes(o.vocab, "aab", 0, 1, 3);
        else
            assert_encodes(o.vocab, "aab", 0, 4, 2);
        close_vocab(&o);
    }
}

static void open_odd_piece_keeps_the_others(void **state)
{
    (void)state;
    static char longer[1026];
    memset(longer, 'x', 1025);
    static const char type[] = "a type in tokenizer.ggml.token_type is not 1 to 6: that piece is treated as normal";
    static const char byte[] = "a byte piece is not written <0xNN>: that piece is treated as normal";
    const struct {
        test_piece piece;
        const char *note;
        bool matches;
    } odd[] = {
        {{"x", NAN, 1, 0}, "a score in tokenizer.ggml.scores is not a number: that piece merges last", true},
        {{"x", 0, 0, 0}, type, true},
        {{"x", 0, 7, 0}, type, true},
        {{"x", 0, -1, 0}, type, true},
        {{"<0xG0>", 0, 6, 0}, byte, false},
        {{"<0x0>", 0, 6, 0}, byte, false},
        {{longer, 0, 1, 1025}, "a piece is longer than 1024 bytes: it is not used", false},
        {{longer, 0, 3, 1025}, "a piece is longer than 1024 bytes: it is not used", false},
        {{longer, 0, 4, 1025}, "a piece is longer than 1024 bytes: it is not used", false},
    };
    for (size_t i = 0; i < COUNT(odd); i++)
        for (int bpe = 0; bpe < 2; bpe++) {
            const test_piece pieces[] = {small[0], small[1], small[2], small[3], odd[i].piece};
            static const char *const merges[] = {"a b"};
            if (bpe && odd[i].piece.score != 0) continue;
            image m;
            if (bpe)
                image_begin_bpe(&m, "gpt-2", pieces, 5, merges, 1);
            else
                image_begin_vocab(&m, pieces, 5), image_key_bool(&m, "tokenizer.ggml.add_space_prefix", false);
            opened o = open_odd(&m);
            assert_notes(o.vocab, odd[i].note, bpe ? no_bytes : NULL);
            assert_encodes(o.vocab, "ab", 0, 3);
            if (odd[i].matches) assert_encodes(o.vocab, "abx", 0, 3, 4);
            char out[4];
            if (odd[i].piece.size) assert_int_equal(pal_vocab_decode_one(o.vocab, 4, true, out, 4), 0);
            close_vocab(&o);
        }
}

/* Empty pieces, and the same piece twice: ids do not change, and lookups find the first one. */
static void open_empty_and_double_pieces_keep_all_ids(void **state)
{
    (void)state;
    static const test_piece pieces[] = {{"<unk>", 0, 2, 0}, {"", -1, 1, 0},   {"a", -1, 1, 0}, {"a", 5, 1, 0},
                                        {"", 0, 3, 0},      {"aa", -2, 1, 0}, {"aa", 9, 4, 0}, {"", 0, 6, 0}};
    image m;
    image_begin_vocab(&m, pieces, 8);
    image_key_bool(&m, "tokenizer.ggml.add_space_prefix", false);
    opened o = open_odd(&m);
    assert_int_equal(pal_vocab_size(o.vocab), 8);
    assert_encodes(o.vocab, "aaa", PAL_ENCODE_SPECIAL, 6, 2);
    assert_decodes(o.vocab, (int32_t[]){0, 1, 2, 3, 4, 5, 6, 7}, 8, false, true, "<unk>aaaaaa");
    close_vocab(&o);
}

static void encode_without_any_way_to_write_it_leaves_it_out(void **state)
{
    (void)state;
    image m;
    image_begin_vocab(&m, small + 1, 3);
    image_key_bool(&m, "tokenizer.ggml.add_space_prefix", false);
    opened o = open_odd(&m);
    assert_notes(o.vocab, no_bytes, NULL);
    assert_encodes(o.vocab, "xab\xFFya", 0, 2, 0);
    close_vocab(&o);
}

/* ---- byte-level BPE ---------------------------------------------------------------------------------- */

/* Regression: text that no piece can write became the unknown token, which is <|endoftext|> in some files. */
static void encode_bytes_that_no_piece_writes_are_left_out(void **state)
{
    (void)state;
    static const test_piece pieces[] = {
        {"<|endoftext|>", 0, 3, 0}, {"a", 0, 1, 0}, {"aa", 0, 1, 0}, {"<0x78>", 0, 6, 0}, {"<unk>", 0, 2, 0}};
    static const char *const merges[] = {"a a"};
    image m;
    image_begin_bpe(&m, "gpt-2", pieces, 5, merges, 1);
    image_key_u32(&m, "tokenizer.ggml.unknown_token_id", 0);
    opened o = open_odd(&m);
    assert_notes(o.vocab, no_bytes, NULL);
    assert_int_equal(pal_vocab_special(o.vocab)->unknown, 0);
    assert_encodes(o.vocab, "aayzaz", 0, 2, 1);
    assert_encodes(o.vocab, "xax", 0, 3, 1, 3);
    size_t count;
    free(encode(o.vocab, "z z\x1D", 4, 0, &count));
    assert_int_equal(count, 0);
    close_vocab(&o);
}

/* Merges from or to something that is not a text piece, malformed merges, and merges to a piece that is too long are
 * ignored; the merges before and after them are used. */
static void open_merges_that_name_no_pieces_are_left_out(void **state)
{
    (void)state;
    static char part[601], together[1202], longer[1100];
    memset(part, 'a', 600);
    memset(together, 'a', 1201);
    memset(longer, 'a', 1099);
    together[600] = longer[1030] = ' '; /* two pieces, which together are longer than any piece may be */
    static const char *const odd[] = {"",
                                      "a",
                                      "ab",
                                      " ab",
                                      "a c",
                                      "c a",
                                      "a ",
                                      "  a",
                                      "a b c",
                                      "b a",
                                      "a  b",
                                      "ab a",
                                      "a <s>",
                                      "\xFF a",
                                      together,
                                      longer,
                                      "a \xE2\x96\x81",
                                      "<s x",
                                      "< s"};
    const test_piece pieces[] = {{"a", 0, 1, 0}, {"b", 0, 1, 0},  {"ab", 0, 1, 0},  {"<s", 0, 3, 0},    {"<", 0, 1, 0},
                                 {"s", 0, 1, 0}, {part, 0, 1, 0}, {"abb", 0, 1, 0}, {"<0x0A>", 0, 6, 0}};
    for (size_t i = 0; i < COUNT(odd); i++) {
        const char *merges[] = {"a b", odd[i], "ab b"};
        image m;
        image_begin_bpe(&m, "gpt-2", pieces, 9, merges, 3);
        opened o = open_odd(&m);
        assert_notes(o.vocab, odd_merges, no_bytes);
        assert_encodes(o.vocab, "abb", 0, 7);
        assert_encodes(o.vocab, "<s", 0, 4, 5);
        close_vocab(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_special_id_outside_goes_on_without_it),
        cmocka_unit_test(open_special_id_of_any_integer_type_is_taken),
        cmocka_unit_test(open_flags_as_numbers_are_taken),
        cmocka_unit_test(open_without_scores_and_types_works),
        cmocka_unit_test(bytes_are_known_by_their_names_where_none_is_called_so),
        cmocka_unit_test(open_short_or_other_arrays_take_what_is_there),
        cmocka_unit_test(open_odd_piece_keeps_the_others),
        cmocka_unit_test(open_empty_and_double_pieces_keep_all_ids),
        cmocka_unit_test(encode_without_any_way_to_write_it_leaves_it_out),
        cmocka_unit_test(encode_bytes_that_no_piece_writes_are_left_out),
        cmocka_unit_test(open_merges_that_name_no_pieces_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
