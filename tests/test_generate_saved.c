/* test_generate_saved.c - generating text: saved sessions, the shift of the window, grammars, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sha256.h"
#include "generate_testing.h"

#include <math.h>

/* ---- saved ------------------------------------------------------------------------------------------ */

static unsigned char *save(const lent *l, size_t *size)
{
    *size = pal_generator_save(l->generator, NULL, 0);
    unsigned char *data = malloc(*size);
    assert_non_null(data);
    memset(data, 0x77, *size);
    assert_int_equal(pal_generator_save(l->generator, data, *size - 1), *size); /* too small: nothing is written */
    assert_true(data[0] == 0x77);
    assert_int_equal(pal_generator_save(l->generator, data, *size), *size);
    return data;
}

static const char letters[] = "root ::= ( \"(\" [a-z ]+ \")\" )*";

static void restored_text_goes_on_as_it_would_have(void **state)
{
    (void)state;
    pal_grammar *grammar;
    assert_int_equal(pal_grammar_open(&grammar, letters, strlen(letters), NULL), PAL_OK);
    for (int kv = 0; kv < PAL_KV_TYPES; kv++)
        for (int with = 0; with < 8; with++) {
            const pal_stop_string stop = {" the end of it", 14};
            pal_sequence_options s = pal_sequence_defaults();
            pal_generate_options o = drawn(21, -1);
            lent l, again;
            s.kv = (pal_kv_type)kv;
            s.max_tokens = 48;
            o.mirostat = with & 1 ? 2 : 0;
            o.grammar = with & 2 ? grammar : NULL;
            o.shift = with & 4;
            o.max_tokens = 90;
            o.ignore_eos = true;
            o.stop = &stop;
            o.stop_count = 1;
            start_on(&l, model, &s, &o);
            prompt(&l, "Once upon a time");
            run(&l, 3 + 9 * with);
            size_t size;
            unsigned char *data = save(&l, &size);
            o.seed = 99; /* becomes the saved one */
            s.max_tokens = 48;
            start_on(&again, model, &s, &o);
            prompt(&again, "Something else");
            run(&again, 5);
            pal_error err = {0};
            if (pal_generator_restore(again.generator, data, size, &err)) fail_msg("%s", err.text);
            memcpy(again.text, l.text, sizeof l.text);
            again.size = l.size;
            run(&l, 1000);
            run(&again, 1000);
            assert_string_equal(again.text, l.text);
            assert_int_equal(finish_of(&again), finish_of(&l));
            free(data);
            end(&again);
            end(&l);
        }
    pal_grammar_close(grammar);
}

/* A refused file must change nothing: the text continues as if it had not been read. */
static void expect_refused(lent *l, const void *data, size_t size, pal_status want)
{
    pal_error err = {0};
    int32_t before, after;
    pal_generator_tokens(l->generator, &before);
    pal_status got = pal_generator_restore(l->generator, data, size, &err);
    if (got != want) fail_msg("%d instead of %d: %s", got, want, got ? err.text : "restored");
    assert_non_null(err.text);
    pal_generator_tokens(l->generator, &after);
    assert_int_equal(before, after);
}

/* The version follows the eight bytes of the magic. */
static void expect_other_version(lent *l, unsigned char *data, size_t size, unsigned char version, const char *says)
{
    const unsigned char present = data[8];
    pal_error err = {0};
    data[8] = version;
    assert_int_equal(pal_generator_restore(l->generator, data, size, &err), PAL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, says));
    data[8] = present;
}

static void damaged_and_foreign_sessions_are_refused(void **state)
{
    (void)state;
    pal_model *tiny = open_test_model("tiny-ar");
    const pal_sequence_options of[] = {{.max_tokens = 24, .batch = 8},
                                       {.max_tokens = 24, .batch = 8, .kv = PAL_KV_F16},
                                       {.max_tokens = 6, .batch = 8}};
    const pal_generate_options o = drawn(2, 12);
    lent l, f16, small, other, whole;
    start_on(&l, tiny, &of[0], &o);
    start_on(&whole, tiny, &of[0], &o);
    start_on(&f16, tiny, &of[1], &o);
    start_on(&small, tiny, &of[2], &o);
    start_on(&other, model, &of[0], &o);
    prompt(&l, "the dog");
    prompt(&whole, "the dog");
    run(&l, 7);
    run(&whole, 1000);
    size_t size;
    unsigned char *data = save(&l, &size);
    for (size_t cut = 0; cut < size; cut += cut < 400 ? 1 : 97) expect_refused(&l, data, cut, PAL_E_FORMAT);
    for (size_t at = 16; at < size; at += at < 400 ? 1 : 131) {
        data[at] ^= 0x10;
        pal_error err = {0};
        assert_true(pal_generator_restore(l.generator, data, size, &err) < 0);
        data[at] ^= 0x10;
    }
    expect_other_version(&l, data, size, 1, "0.1");
    expect_other_version(&l, data, size, 3, "newer");
    prompt(&other, "Once");
    prompt(&f16, "the");
    prompt(&small, "the");
    expect_refused(&other, data, size, PAL_E_UNSUPPORTED);
    expect_refused(&f16, data, size, PAL_E_UNSUPPORTED);
    expect_refused(&small, data, size, PAL_E_CONTEXT);
    run(&l, 1000);
    assert_string_equal(l.text, whole.text);
    free(data);
    end(&other);
    end(&small);
    end(&f16);
    end(&whole);
    end(&l);
    pal_model_close(tiny);
}

/* Updates the digest of the section at data after a change; returns its length. */
static size_t sign(unsigned char *data)
{
    size_t length = 0;
    pal_sha256 h;
    for (int i = 7; i >= 0; i--) length = length << 8 | data[16 + i];
    pal_sha256_start(&h);
    pal_sha256_add(&h, data, length - PAL_SHA256_BYTES);
    pal_sha256_end(&h, data + length - PAL_SHA256_BYTES);
    return length;
}

/* Forged files have a valid digest: they are refused, or the text continues from their state. */
static void forged_sessions_are_refused_or_harmless(void **state)
{
    (void)state;
    enum { HEAD = 56, WORDS = 24 };
    static const uint32_t values[] = {0, 1, 7, 23, 24, 25, 1000, 0x7fffffff, 0x80000000, 0xffffffff};
    pal_grammar *grammar;
    assert_int_equal(pal_grammar_open(&grammar, letters, strlen(letters), NULL), PAL_OK);
    pal_sequence_options s = pal_sequence_defaults();
    pal_generate_options o = drawn(2, 30);
    lent l;
    s.max_tokens = 24;
    o.mirostat = 2;
    o.shift = o.ignore_eos = true;
    o.grammar = grammar;
    start_on(&l, model, &s, &o);
    prompt(&l, "Once");
    run(&l, 27); /* shifted: the grammar's base is in the file */
    size_t size, good = 0;
    unsigned char *data = save(&l, &size), *forged = malloc(size);
    assert_non_null(forged);
    const size_t sections[2] = {0, sign(data)};
    for (size_t section = 0; section < 2; section++)
        for (size_t word = 0; word < WORDS; word++)
            for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
                unsigned char *at = forged + sections[section];
                memcpy(forged, data, size);
                for (int i = 0; i < 4; i++) at[HEAD + 4 * word + i] = (unsigned char)(values[v] >> 8 * i & 255);
                sign(at);
                pal_error err = {0};
                if (pal_generator_restore(l.generator, forged, size, &err)) continue;
                good++;
                for (int i = 0; i < 3 && pal_generator_step(l.generator, &err) == PAL_MORE; i++) {
                }
                pal_generator_rewind(l.generator, 0, &err);
                pal_generator_rewind(l.generator, pal_generator_progress(l.generator).generated, &err);
            }
    assert_true(good > 0);
    for (size_t cut = 1; cut < 200; cut += 9) { /* lengths that do not fit */
        memcpy(forged, data, size);
        forged[16] = (unsigned char)(forged[16] - cut);
        pal_error err = {0};
        assert_true(pal_generator_restore(l.generator, forged, size, &err) < 0);
    }
    free(forged);
    free(data);
    end(&l);
    pal_grammar_close(grammar);
}

static void session_of_another_grammar_is_refused(void **state)
{
    (void)state;
    const char digits[] = "root ::= [0-9]+";
    pal_grammar *first, *second;
    assert_int_equal(pal_grammar_open(&first, letters, strlen(letters), NULL), PAL_OK);
    assert_int_equal(pal_grammar_open(&second, digits, strlen(digits), NULL), PAL_OK);
    pal_generate_options o = drawn(2, 30);
    lent l, other;
    o.ignore_eos = true;
    o.grammar = first;
    start(&l, &o);
    o.grammar = second;
    start(&other, &o);
    prompt(&l, "Once");
    prompt(&other, "Once");
    run(&l, 10);
    run(&other, 10);
    size_t size;
    unsigned char *data = save(&l, &size);
    expect_refused(&other, data, size, PAL_E_OPTION);
    run(&other, 1000); /* still in its own grammar */
    for (size_t i = 0; i < other.size; i++) assert_true(other.text[i] >= '0' && other.text[i] <= '9');
    free(data);
    end(&other);
    end(&l);
    pal_grammar_close(first);
    pal_grammar_close(second);
}

/* ---- the window's shift ------------------------------------------------------------------------------ */

/* After a shift the next token is the most probable one after exactly the tokens in the window. */
static void shifted_window_is_as_if_the_text_had_begun_so(void **state)
{
    (void)state;
    const int32_t vocab = pal_model_info(model)->vocabulary;
    float *logits = malloc((size_t)vocab * sizeof *logits);
    assert_non_null(logits);
    for (int32_t keep = -1; keep < 12; keep += 4) {
        pal_sequence_options s = pal_sequence_defaults();
        pal_generate_options o = greedy(100);
        lent l;
        s.max_tokens = 24;
        s.batch = 5;
        o.shift = true;
        o.keep = keep;
        o.ignore_eos = true;
        start_on(&l, model, &s, &o);
        prompt(&l, "Once upon a time");
        int32_t generated = 0, shifts = 0, dropped = 0, kept = 0, since = 0;
        int32_t head[24], n;
        const int32_t *first = pal_generator_tokens(l.generator, &n);
        memcpy(head, first, (size_t)n * sizeof *head);
        for (pal_status status = PAL_MORE; status == PAL_MORE;) {
            status = step(&l);
            const pal_generated *t = pal_generator_token(l.generator);
            const int32_t *tokens = pal_generator_tokens(l.generator, &n);
            const pal_generate_progress p = pal_generator_progress(l.generator);
            shifts += p.dropped > dropped;
            if (p.dropped > dropped) since = generated;
            dropped = p.dropped;
            kept = keep < 0 ? p.prompt : keep < p.prompt ? keep : p.prompt;
            assert_memory_equal(tokens, head, (size_t)kept * sizeof *head);
            if (!t) continue;
            const int32_t last = n - 2;
            assert_int_equal(t->index, generated++);
            assert_int_equal(pal_logits(model, tokens, n - 1, &last, 1, logits, NULL), PAL_OK);
            for (int32_t id = 3; id < vocab; id++) assert_true(logits[id] <= logits[t->id]);
        }
        assert_int_equal(generated, 100);
        assert_true(shifts >= 5);
        assert_int_equal(pal_generator_rewind(l.generator, 3, NULL), PAL_E_OPTION); /* no longer there */
        assert_true(since > 80 && since < 100);
        assert_int_equal(pal_generator_rewind(l.generator, since, NULL), PAL_OK);
        const size_t size = l.size;
        l.size = pal_generator_progress(l.generator).text_bytes;
        run(&l, 1000);
        assert_int_equal(l.size, size);
        end(&l);
    }
    free(logits);
}

/* ---- grammars and mistakes --------------------------------------------------------------------------- */

static void grammar_holds_and_ends_the_text(void **state)
{
    (void)state;
    const char text[] = "root ::= \"{\" [a-z]{2,4} \"}\" | \"\xc3\xa9\" \"\xe2\x82\xac\"{2}";
    pal_grammar *grammar;
    assert_int_equal(pal_grammar_open(&grammar, text, strlen(text), NULL), PAL_OK);
    for (uint64_t seed = 0; seed < 20; seed++) {
        pal_generate_options o = drawn(seed, -1);
        o.grammar = grammar;
        o.ignore_eos = seed & 1; /* then nothing can follow, and it ends as well */
        lent l;
        start(&l, &o);
        prompt(&l, seed & 2 ? "" : "Once");
        run(&l, 1000);
        assert_int_equal(finish_of(&l), PAL_FINISH_EOS);
        if (l.text[0] == '{') {
            assert_true(l.size >= 4 && l.size <= 6 && l.text[l.size - 1] == '}');
            for (size_t i = 1; i + 1 < l.size; i++) assert_true(l.text[i] >= 'a' && l.text[i] <= 'z');
        } else {
            assert_string_equal(l.text, "\xc3\xa9\xe2\x82\xac\xe2\x82\xac");
        }
        end(&l);
    }
    pal_grammar_close(grammar);
}

static void word_the_grammar_forbids_is_refused(void **state)
{
    (void)state;
    pal_grammar *grammar;
    pal_error err = {0};
    assert_int_equal(pal_grammar_open(&grammar, letters, strlen(letters), NULL), PAL_OK);
    pal_generate_options o = drawn(1, 20);
    o.grammar = grammar;
    lent l;
    start(&l, &o);
    prompt(&l, "Once");
    assert_int_equal(pal_generator_push(l.generator, piece_id(model, "("), &err), PAL_OK);
    assert_int_equal(pal_generator_push(l.generator, piece_id(model, "("), &err), PAL_E_OPTION);
    assert_int_equal(pal_generator_push(l.generator, 2, &err), PAL_E_OPTION); /* EOS, in the middle */
    assert_int_equal(pal_generator_progress(l.generator).generated, 1);
    assert_int_equal(pal_generator_push(l.generator, piece_id(model, "a"), &err), PAL_OK);
    end(&l);
    pal_grammar_close(grammar);
}

static void mistakes_are_refused_and_change_nothing(void **state)
{
    (void)state;
    const pal_generate_options good = greedy(256);
    pal_error err = {0};
    size_t bytes;
    lent l;
    start(&l, &good);
    assert_int_equal(pal_generator_step(l.generator, &err), PAL_E_OPTION); /* no prompt */
    prompt(&l, "");
    run(&l, 20);
    char *text = malloc(100000);
    assert_non_null(text);
    memset(text, 'x', 100000);
    assert_int_equal(pal_generator_prompt(l.generator, text, 100000, 0, &err), PAL_E_CONTEXT);
    free(text);
    assert_int_equal(pal_generator_prompt_tokens(l.generator, NULL, 0, &err), PAL_E_OPTION);
    assert_int_equal(pal_generator_prompt_tokens(l.generator, (const int32_t[]){1, 5, 512}, 3, &err), PAL_E_OPTION);
    assert_int_equal(err.offset, 2);
    assert_int_equal(pal_generator_push(l.generator, 512, &err), PAL_E_OPTION);
    assert_int_equal(pal_generator_push(l.generator, -1, &err), PAL_E_OPTION);
    const pal_logit_bias bias = {.id = 512};
    const pal_stop_string stops[] = {{"a", 1}, {"", 0}};
    pal_generate_options wrong[10];
    for (size_t i = 0; i < 10; i++) wrong[i] = good;
    wrong[0].temperature = -1.0;
    wrong[1].max_tokens = -2;
    wrong[2].alternatives = PAL_CANDIDATES + 1;
    wrong[3].logit_bias = &bias;
    wrong[3].logit_bias_count = 1;
    wrong[4].stop = stops;
    wrong[4].stop_count = 2;
    wrong[5].keep = -2;
    wrong[6].mirostat = 1;
    wrong[7].top_p = 1.5;
    wrong[8].alternatives = -1;
    wrong[9].stop = stops;
    wrong[9].stop_count = 65;
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(pal_generator_bytes(l.sequence, &wrong[i], &bytes, &err), PAL_E_OPTION);
        if (i == 4) assert_int_equal(err.offset, 1);
    }
    pal_generator *none;
    char small[64];
    assert_int_equal(pal_generator_init(&none, l.sequence, &good, small, sizeof small, &err), PAL_E_MEMORY);
    run(&l, 1000);
    assert_string_equal(l.text, documented);
    end(&l);
}

static void bans_of_everything_are_an_error(void **state)
{
    (void)state;
    const char odd[] = "root ::= \"\\U0010FFFF\"";
    const int32_t vocab = pal_model_info(model)->vocabulary;
    pal_logit_bias *bias = malloc((size_t)vocab * sizeof *bias);
    pal_grammar *grammar;
    pal_error err = {0};
    lent l;
    assert_non_null(bias);
    for (int32_t id = 0; id < vocab; id++) bias[id] = (pal_logit_bias){id, -INFINITY};
    pal_generate_options o = greedy(5);
    o.logit_bias = bias;
    o.logit_bias_count = (size_t)vocab;
    start(&l, &o);
    prompt(&l, "Once");
    assert_int_equal(pal_generator_step(l.generator, &err), PAL_E_OPTION);
    assert_null(pal_generator_token(l.generator));
    assert_int_equal(finish_of(&l), PAL_FINISH_NONE);
    end(&l);
    /* A grammar that requires a character whose bytes are banned. */
    assert_int_equal(pal_grammar_open(&grammar, odd, strlen(odd), NULL), PAL_OK);
    o.logit_bias_count = 0;
    for (int32_t id = 0; id < vocab; id++)
        if (pal_vocab_byte(model->vocab, id) >= 0) bias[o.logit_bias_count++] = (pal_logit_bias){id, -INFINITY};
    o.grammar = grammar;
    start(&l, &o);
    prompt(&l, "Once");
    assert_int_equal(pal_generator_step(l.generator, &err), PAL_E_OPTION);
    end(&l);
    pal_grammar_close(grammar);
    free(bias);
}

static void damaged_weights_are_an_error(void **state)
{
    (void)state;
    const char *tensors[] = {"output_norm.weight", "blk.1.attn_norm.weight"};
    for (int kv = 0; kv < PAL_KV_TYPES; kv++)
        for (size_t i = 0; i < 2; i++) {
            size_t size;
            void *block;
            pal_gguf *g;
            pal_model *m;
            pal_error err = {0};
            unsigned char *image = load_test_model("stories260K", &size, &block);
            assert_int_equal(pal_gguf_open(&g, image, size, NULL), PAL_OK);
            const size_t at = pal_gguf_find_tensor(g, tensors[i])->offset;
            pal_gguf_close(g);
            const float nan = NAN;
            memcpy(image + at, &nan, sizeof nan);
            assert_int_equal(pal_model_open(&m, image, size, 0, &err), PAL_OK);
            pal_sequence_options s = pal_sequence_defaults();
            s.kv = (pal_kv_type)kv;
            const pal_generate_options o = drawn(1, 5);
            lent l;
            start_on(&l, m, &s, &o);
            prompt(&l, "Once");
            assert_int_equal(pal_generator_step(l.generator, &err), PAL_E_FORMAT);
            assert_int_equal(pal_generator_progress(l.generator).generated, 0);
            end(&l);
            pal_model_close(m);
            free(block);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored_text_goes_on_as_it_would_have),
        cmocka_unit_test(damaged_and_foreign_sessions_are_refused),
        cmocka_unit_test(forged_sessions_are_refused_or_harmless),
        cmocka_unit_test(session_of_another_grammar_is_refused),
        cmocka_unit_test(shifted_window_is_as_if_the_text_had_begun_so),
        cmocka_unit_test(grammar_holds_and_ends_the_text),
        cmocka_unit_test(word_the_grammar_forbids_is_refused),
        cmocka_unit_test(mistakes_are_refused_and_change_nothing),
        cmocka_unit_test(bans_of_everything_are_an_error),
        cmocka_unit_test(damaged_weights_are_an_error),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
