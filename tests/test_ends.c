/* test_ends.c - which tokens end texts: by the file's keys, by their names, by stop strings that name them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_testing.h"

#include "token_testing.h"

/* ---- which they are ------------------------------------------------------------------------ */

/* Pieces "a" and "b" of ids 0 and 1, then these, all of one type; keys may follow. */
static void begin_names(image *m, bool bpe, int type, const char *const *names, size_t count)
{
    test_piece pieces[40] = {{"a", 0, 1, 0}, {"b", 0, 1, 0}};
    for (size_t i = 0; i < count; i++) pieces[2 + i] = (test_piece){names[i], 0, type, 0};
    if (bpe)
        image_begin_bpe(m, "gpt-2", pieces, 2 + count, NULL, 0);
    else
        image_begin_vocab(m, pieces, 2 + count);
}

static void assert_ends(image *m, const int32_t *expected)
{
    opened o;
    pal_error err = {0};
    if (open_image(&o, m, &err)) fail_msg("refused: %s", err.text);
    const pal_special *s = pal_vocab_special(o.vocab);
    size_t n = 0;
    while (expected[n] != NO_MORE) n++;
    assert_int_equal(s->end_count, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(s->ends[i], expected[i]);
    close_vocab(&o);
}

#define assert_ends_are(m, ...) assert_ends(m, (const int32_t[]){__VA_ARGS__, NO_MORE})

#define DEEPSEEK_END                                                                                                   \
    "<\xEF\xBD\x9C"                                                                                                    \
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"

static const char *const usual[] = {"</s>",          "<eos>",
                                    "<EOT>",         "_<EOT>",
                                    "[EOT]",         "[EOS]",
                                    "[e~[",          "<|end|>",
                                    "<|eot_id|>",    "<|eom_id|>",
                                    "<|im_end|>",    "<end_of_turn>",
                                    "<|endoftext|>", "<|end_of_text|>",
                                    "<turn|>",       "<end_of_utterance>",
                                    "<|return|>",    "<|tool_response>",
                                    DEEPSEEK_END};

/* Regression: a ChatML model whose file names another end continued past <|im_end|>.  The type of such a token in the
 * file does not matter: it is a control piece, and plain text never becomes one. */
static void usual_names_end_texts_whatever_their_type(void **state)
{
    (void)state;
    static const int types[] = {PAL_PIECE_CONTROL, PAL_PIECE_USER, PAL_PIECE_NORMAL, PAL_PIECE_UNUSED, 0};
    for (size_t i = 0; i < COUNT(usual); i++)
        for (size_t t = 0; t < COUNT(types); t++)
            for (int bpe = 0; bpe < 2; bpe++) {
                const char *names[] = {"<|im_start|>", usual[i], "<|im_endx|>"};
                opened o;
                image m;
                begin_names(&m, bpe, types[t], names, 3);
                image_key_u32(&m, "tokenizer.ggml.eos_token_id", 1);
                assert_int_equal(open_image(&o, &m, NULL), PAL_OK);
                const pal_special *s = pal_vocab_special(o.vocab);
                assert_true(s->end_count == 2 && s->ends[0] == 1 && s->ends[1] == 3);
                assert_int_equal(pal_vocab_type(o.vocab, 3), PAL_PIECE_CONTROL);
                assert_int_equal(pal_vocab_type(o.vocab, 1), PAL_PIECE_NORMAL);
                size_t count;
                int32_t *ids = encode(o.vocab, usual[i], strlen(usual[i]), PAL_ENCODE_SPECIAL, &count);
                assert_true(count == 1 && ids[0] == 3);
                free(ids);
                ids = encode(o.vocab, usual[i], strlen(usual[i]), 0, &count);
                for (size_t k = 0; k < count; k++) assert_true(ids[k] != 3);
                free(ids);
                close_vocab(&o);
            }
}

static void other_names_end_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"<s>",       "<|im_start|>",   "<|fim_prefix|>", "<fim_suffix>", "<unk>",
                                        "<|start|>", "<|file_sep|",    "<|IM_END|>",     "</S>",         "< /s>",
                                        "<mask>",    "<|fim_middle|>", "<|im_end|> ",    "<file_sep>",   "<pad>"};
    image m;
    begin_names(&m, true, PAL_PIECE_CONTROL, names, COUNT(names));
    assert_ends(&m, (const int32_t[]){NO_MORE});
}

static void keys_name_ends_of_any_type(void **state)
{
    (void)state;
    static const char *const names[] = {"</s>", "<x>"};
    image m;
    begin_names(&m, false, PAL_PIECE_CONTROL, names, 2);
    image_key_u32(&m, "tokenizer.ggml.eos_token_id", 0);
    image_key_u32(&m, "tokenizer.ggml.eot_token_id", 3);
    image_key_u32(&m, "tokenizer.ggml.eom_token_id", 2);
    assert_ends_are(&m, 0, 2, 3);
    begin_names(&m, false, PAL_PIECE_CONTROL, names, 2);
    image_key_u32(&m, "tokenizer.ggml.eos_token_id", 4);
    image_key_u32(&m, "tokenizer.ggml.eot_token_id", UINT32_MAX);
    assert_ends_are(&m, 2);
}

/* Of the fill-in-the-middle tokens: padding, repository and file.  The key takes precedence over names; among names the
 * lowest id counts. */
static void fim_tokens_that_end_texts_are_one_of_each_kind(void **state)
{
    (void)state;
    static const char *const names[] = {"<PAD>",      "<fim_pad>",    "<|repo_name|>",
                                        "<reponame>", "<|file_sep|>", "<|fim_prefix|>"};
    image m;
    begin_names(&m, true, PAL_PIECE_CONTROL, names, 6);
    assert_ends_are(&m, 2, 4, 6);
    begin_names(&m, true, PAL_PIECE_CONTROL, names, 6);
    image_key_u32(&m, "tokenizer.ggml.fim_pad_token_id", 3);
    image_key_u32(&m, "tokenizer.ggml.fim_rep_token_id", 7);
    image_key_u32(&m, "tokenizer.ggml.fim_sep_token_id", 99);
    assert_ends_are(&m, 3, 6, 7);
}

/* Formats in which one of the names is ordinary. */
static void names_that_are_ordinary_beside_others_end_nothing(void **state)
{
    (void)state;
    static const char *const harmony[] = {"<|end|>", "<|return|>", "<|call|>"};
    static const char *const solar[] = {"<|end|>", "<|flush|>", "<|calls|>"};
    static const char *const gemma[] = {"</s>", "<|tool_response>", "<eos>"};
    static const char *const plain[] = {"<|end|>", "<|return|>"};
    image m;
    begin_names(&m, true, PAL_PIECE_USER, harmony, 3);
    image_key_u32(&m, "tokenizer.ggml.eos_token_id", 2);
    assert_ends_are(&m, 3, 4);
    begin_names(&m, true, PAL_PIECE_USER, solar, 3);
    assert_ends_are(&m, 3, 4);
    begin_names(&m, false, PAL_PIECE_NORMAL, gemma, 3);
    assert_ends_are(&m, 3, 4);
    begin_names(&m, true, PAL_PIECE_USER, plain, 2);
    assert_ends_are(&m, 2, 3);
}

/* ---- texts that end there -------------------------------------------------------------------------- */

enum { BOS_ID = 1, EOS_ID = 2 }; /* of stories260K: <s>, </s> */

typedef struct {
    void *file, *sequence, *generator;
    pal_model *model;
    pal_sequence *s;
    pal_generator *g;
} running;

/* `key` occurs once in the file, before a type and the number. */
static void patch(unsigned char *file, const char *key, uint32_t number)
{
    size_t at = 0;
    while (memcmp(file + at, key, strlen(key)) != 0) at++;
    memcpy(file + at + strlen(key) + 4, &number, 4);
}

/* stories260K with another eos_token_id (its eot_token_id, which is <s>, becomes the same), and a prompt. */
static running start(uint32_t eos, const pal_generate_options *o)
{
    const pal_sequence_options options = pal_sequence_defaults();
    running r = {0};
    size_t size, bytes;
    unsigned char *bytes_of = load_test_model("stories260K", &size, &r.file);
    patch(bytes_of, "tokenizer.ggml.eos_token_id", eos);
    patch(bytes_of, "tokenizer.ggml.eot_token_id", eos);
    assert_int_equal(pal_model_open(&r.model, bytes_of, size, 0, NULL), PAL_OK);
    assert_int_equal(pal_sequence_bytes(r.model, &options, &bytes, NULL), PAL_OK);
    r.sequence = malloc(bytes);
    assert_int_equal(pal_sequence_init(&r.s, r.model, &options, r.sequence, bytes, NULL), PAL_OK);
    assert_int_equal(pal_generator_bytes(r.s, o, &bytes, NULL), PAL_OK);
    r.generator = malloc(bytes);
    assert_int_equal(pal_generator_init(&r.g, r.s, o, r.generator, bytes, NULL), PAL_OK);
    assert_int_equal(pal_generator_prompt(r.g, "Once", 4, 0, NULL), PAL_OK);
    return r;
}

static void finish(running *r)
{
    free(r->generator);
    free(r->sequence);
    pal_model_close(r->model);
    free(r->file);
}

static void generation_ends_at_a_name_that_no_key_names(void **state)
{
    (void)state;
    static const uint32_t eos[] = {0, 512, UINT32_MAX};
    for (size_t i = 0; i < COUNT(eos); i++) {
        const pal_logit_bias bias = {EOS_ID, 1000};
        pal_generate_options o = pal_generate_defaults();
        o.logit_bias = &bias;
        o.logit_bias_count = 1;
        o.max_tokens = 5;
        running r = start(eos[i], &o);
        assert_int_equal(pal_generator_step(r.g, NULL), PAL_OK);
        const pal_generate_progress p = pal_generator_progress(r.g);
        assert_true(p.finish == PAL_FINISH_EOS && p.generated == 0 && p.stop == -1);
        finish(&r);
        o.ignore_eos = true;
        r = start(eos[i], &o);
        while (pal_generator_step(r.g, NULL) == PAL_MORE) {
        }
        assert_int_equal(pal_generator_progress(r.g).finish, PAL_FINISH_LENGTH);
        finish(&r);
    }
}

/* Regression: a stop string that is a control token's name had no effect, since such tokens have no text. */
static void stop_text_that_names_a_control_token_ends_there(void **state)
{
    (void)state;
    static const pal_stop_string stops[] = {{"never that", 10}, {"<s>", 3}, {"</s>", 4}};
    for (int ignore = 0; ignore < 2; ignore++)
        for (int32_t id = BOS_ID; id <= EOS_ID; id++) {
            const pal_logit_bias bias = {id, 1000};
            pal_generate_options o = pal_generate_defaults();
            o.stop = stops;
            o.stop_count = 3;
            o.ignore_eos = ignore;
            o.logit_bias = &bias;
            o.logit_bias_count = 1;
            running r = start(EOS_ID, &o);
            assert_int_equal(pal_generator_step(r.g, NULL), PAL_OK);
            pal_generate_progress p = pal_generator_progress(r.g);
            assert_true(p.finish == PAL_FINISH_STOP && p.generated == 0 && p.stop == id);
            assert_int_equal(pal_generator_token(r.g)->id, id);
            assert_int_equal(pal_generator_rewind(r.g, 0, NULL), PAL_OK); /* and it can be taken back */
            p = pal_generator_progress(r.g);
            assert_true(p.finish == PAL_FINISH_NONE && p.stop == -1);
            finish(&r);
        }
}

/* Text held back for a stop string is output before the token that ends the text. */
static void stop_token_lets_out_what_was_held_back(void **state)
{
    (void)state;
    static const pal_stop_string stops[] = {{" up and away", 12}, {"<s>", 3}};
    pal_generate_options o = pal_generate_defaults();
    o.stop = stops;
    o.stop_count = 2;
    running r = start(EOS_ID, &o);
    size_t bytes;
    assert_int_equal(pal_generator_push(r.g, piece_id(r.model, MARK "up"), NULL), PAL_OK);
    pal_generator_text(r.g, &bytes);
    assert_int_equal(bytes, 0);
    assert_int_equal(pal_generator_push(r.g, BOS_ID, NULL), PAL_OK);
    const char *text = pal_generator_text(r.g, &bytes);
    assert_int_equal(bytes, 3);
    assert_memory_equal(text, " up", 3);
    assert_int_equal(pal_generator_progress(r.g).finish, PAL_FINISH_STOP);
    finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_names_end_texts_whatever_their_type),
        cmocka_unit_test(other_names_end_nothing),
        cmocka_unit_test(keys_name_ends_of_any_type),
        cmocka_unit_test(fim_tokens_that_end_texts_are_one_of_each_kind),
        cmocka_unit_test(names_that_are_ordinary_beside_others_end_nothing),
        cmocka_unit_test(generation_ends_at_a_name_that_no_key_names),
        cmocka_unit_test(stop_text_that_names_a_control_token_ends_there),
        cmocka_unit_test(stop_token_lets_out_what_was_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
