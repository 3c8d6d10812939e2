/* test_vocab.c - reads our own vocabulary, and inconsistent files. */
#include "token_testing.h"

#include <math.h>

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

/* ---- files that lie --------------------------------------------------------------------- */

/* Opens a vocabulary that must be refused. */
static const test_piece small[] = {{"<unk>", 0, 2, 0}, {"a", -1, 1, 0}, {"b", -2, 1, 0}};

static void open_other_tokenizer_is_unsupported(void **state)
{
    (void)state;
    image m;
    image_begin(&m);
    image_key_str(&m, "tokenizer.ggml.model", "bert");
    assert_refused(&m, PAL_E_UNSUPPORTED, "tokenizer.ggml.model is neither \"llama\" nor \"gpt2\"");
    image_begin(&m);
    image_key_u32(&m, "tokenizer.ggml.model", 4);
    assert_refused(&m, PAL_E_FORMAT, "tokenizer.ggml.model is not a string");
    image_begin(&m);
    assert_refused(&m, PAL_E_FORMAT, "tokenizer.ggml.model is missing");
}

static void open_without_a_list_of_pieces_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"tokenizer.ggml.tokens is missing",
                                        "tokenizer.ggml.tokens is not an array of strings",
                                        "the vocabulary has no pieces, or too many"};
    for (int kind = 0; kind < 3; kind++) {
        image m;
        image_begin(&m);
        image_key_str(&m, "tokenizer.ggml.model", "llama");
        if (kind == 1) image_key_u32(&m, "tokenizer.ggml.tokens", 3);
        if (kind == 2) image_tokens(&m, small, 0);
        assert_refused(&m, PAL_E_FORMAT, texts[kind]);
    }
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

/* " x", "_ x", " _x", "__x" (with _ for U+2581) share a hash by design, and so do all spellings of more spaces: 512 of
 * them have the same entry of the table. */
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
        cmocka_unit_test(our_vocabulary_has_its_special_pieces),
        cmocka_unit_test(our_vocabulary_marks_the_mask_only_when_asked),
        cmocka_unit_test(open_other_tokenizer_is_unsupported),
        cmocka_unit_test(open_without_a_list_of_pieces_is_refused),
        cmocka_unit_test(open_without_ids_has_none_and_the_flags_of_llama),
        cmocka_unit_test(open_empty_name_of_another_type_is_not_the_empty_piece),
        cmocka_unit_test(open_odd_pieces_is_harmless),
        cmocka_unit_test(open_crowded_hash_table_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
