/* test_written_bos.c - texts that begin with a written BOS or another control piece: it comes first, and only once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_testing.h"

#include "token_testing.h"

enum { BOTH = PAL_ENCODE_PREFIX | PAL_ENCODE_SPECIAL, BOS_ID = 1, EOS_ID = 2 };

static opened make(void)
{
    static const test_piece pieces[] = {{MARK, -1, 1, 0}, {"G", -2, 1, 0}, {MARK "G", -3, 1, 0}, {"\n", 0, 4, 0}};
    return make_vocab(pieces, COUNT(pieces), true);
}

enum { SPACE = FIRST, G, SPACE_G, LINE };

/* Regression: the dummy space went before BOS. */
static void control_pieces_that_begin_a_text_stand_first(void **state)
{
    (void)state;
    opened o = make();
    assert_encodes(o.vocab, "G", BOTH, SPACE_G);
    assert_encodes(o.vocab, "<s>G", BOTH, BOS_ID, G);
    assert_encodes(o.vocab, "<s> G", BOTH, BOS_ID, SPACE_G);
    assert_encodes(o.vocab, "<s>", BOTH, BOS_ID);
    assert_encodes(o.vocab, "<s><s>G", BOTH, BOS_ID, BOS_ID, G);
    assert_encodes(o.vocab, "</s><s>\nG", BOTH, EOS_ID, BOS_ID, LINE, G);
    assert_encodes(o.vocab, "G<s>G", BOTH, SPACE_G, BOS_ID, G);
    assert_encodes(o.vocab, " <s>G", BOTH, SPACE, SPACE, BOS_ID, G);
    assert_encodes(o.vocab, "\nG", BOTH, SPACE, LINE, G);
    assert_encodes(o.vocab, "<s>G", PAL_ENCODE_SPECIAL, BOS_ID, G);
    assert_encodes(o.vocab, "<s>G", PAL_ENCODE_PREFIX, SPACE, BYTE0 + '<', BYTE0 + 's', BYTE0 + '>', G);
    close_vocab(&o);
}

static void texts_with_control_pieces_come_back(void **state)
{
    (void)state;
    static const char *const parts[] = {"<s>", "</s>", " ", "G", "\n", "<s", "x"};
    opened o = make();
    for (unsigned number = 0; number < 7 * 7 * 7 * 7; number++) {
        char text[32] = "";
        for (unsigned i = 0, rest = number; i < 4; i++, rest /= 7) strcat(text, parts[rest % 7]);
        for (unsigned flags = 0; flags < 4; flags++)
            if (!comes_back(o.vocab, text, strlen(text), flags)) fail_msg("\"%s\", flags %u", text, flags);
    }
    /* If control pieces are not written, the dummy space after them still is. */
    assert_decodes(o.vocab, (int32_t[]){BOS_ID, SPACE_G}, 2, true, false, "G");
    assert_decodes(o.vocab, (int32_t[]){BOS_ID, SPACE_G}, 2, true, true, "<s> G");
    assert_decodes(o.vocab, (int32_t[]){BOS_ID, SPACE_G}, 2, false, false, " G");
    close_vocab(&o);
}

/* Regression: a prompt that begins with a written BOS got a second one. */
static void prompt_with_a_written_bos_has_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned flags;
        int32_t tokens[8]; /* the first; the rest is not read */
        int32_t count;
    } cases[] = {
        {"", 0, {BOS_ID}, 1},
        {"", PAL_TOKENIZE_SPECIAL, {BOS_ID}, 1},
        {"<s>", PAL_TOKENIZE_SPECIAL, {BOS_ID}, 1},
        {"<s><s>", PAL_TOKENIZE_SPECIAL, {BOS_ID, BOS_ID}, 2},
        {"<s></s>", PAL_TOKENIZE_SPECIAL, {BOS_ID, EOS_ID}, 2},
        {"</s>", PAL_TOKENIZE_SPECIAL, {BOS_ID, EOS_ID}, 2},
        {"</s><s>", PAL_TOKENIZE_SPECIAL, {BOS_ID, EOS_ID, BOS_ID}, 3},
        {"<s>", PAL_TOKENIZE_SPECIAL | PAL_TOKENIZE_INSIDE, {BOS_ID}, 1},
    };
    pal_model *model = open_test_model("stories260K");
    const pal_sequence_options so = pal_sequence_defaults();
    const pal_generate_options go = pal_generate_defaults();
    pal_sequence *s;
    pal_generator *g;
    size_t bytes;
    assert_int_equal(pal_sequence_bytes(model, &so, &bytes, NULL), PAL_OK);
    void *memory = malloc(bytes);
    assert_int_equal(pal_sequence_init(&s, model, &so, memory, bytes, NULL), PAL_OK);
    assert_int_equal(pal_generator_bytes(s, &go, &bytes, NULL), PAL_OK);
    void *more = malloc(bytes);
    assert_int_equal(pal_generator_init(&g, s, &go, more, bytes, NULL), PAL_OK);
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int with_text = 0; with_text < 2; with_text++) {
            char text[32];
            int32_t n;
            snprintf(text, sizeof text, "%s%s", cases[i].text, with_text ? "Lily" : "");
            assert_int_equal(pal_generator_prompt(g, text, strlen(text), cases[i].flags, NULL), PAL_OK);
            const int32_t *tokens = pal_generator_tokens(g, &n);
            assert_true(with_text ? n > cases[i].count : n == cases[i].count);
            for (int32_t k = 0; k < cases[i].count; k++) assert_int_equal(tokens[k], cases[i].tokens[k]);
            assert_true(!with_text || (tokens[cases[i].count] != BOS_ID && tokens[cases[i].count] != EOS_ID));
        }
    free(more);
    free(memory);
    pal_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_pieces_that_begin_a_text_stand_first),
        cmocka_unit_test(texts_with_control_pieces_come_back),
        cmocka_unit_test(prompt_with_a_written_bos_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
