/* test_generate.c - texts that go on: streaming, stop texts, rewinds, other words, saved sessions, the window's shift. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/math.h"
#include "core/sha256.h"
#include "model_testing.h"

#include <math.h>

enum { GUARD = 64, MOST_TEXT = 4096 };

/* What llama2.c documents for this model at temperature 0 from an empty prompt, 256 tokens. */
static const char documented[] =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a "
    "big, red ball. She wanted to play with it, but it was too high.\n"
    "Lily's mom said, \"Lily, let's go to the park.\" Lily was sad and didn't know what to do. She said, \"I want to "
    "play with your ball, but I can't find it.\"\n"
    "Lily was sad and didn't know what to do. She said, \"I'm sorry, Lily. I didn't know what to do.\"\n"
    "Lily didn't want to help her mom, so she said, \"I'm sorry, mom. I didn't know what to do.\" Her mom said, "
    "\"Don't worry, Lily. We can help you.";

static pal_model *model; /* stories260K */

static int open_model(void **state)
{
    (void)state;
    model = open_test_model("stories260K");
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    pal_model_close(model);
    return 0;
}

/* A sequence and a generator on it, each in a block of exactly the size asked for, between guards. */
typedef struct {
    pal_sequence *sequence;
    pal_generator *generator;
    unsigned char *memory[2];
    size_t bytes[2];
    char text[MOST_TEXT]; /* what came out */
    size_t size;
} lent;

static unsigned char *lend(lent *l, int which)
{
    l->memory[which] = malloc(l->bytes[which] + 2 * GUARD);
    assert_non_null(l->memory[which]);
    memset(l->memory[which], 0xa5, l->bytes[which] + 2 * GUARD);
    return l->memory[which] + GUARD;
}

static void start_on(lent *l, const pal_model *m, const pal_sequence_options *s, const pal_generate_options *o)
{
    pal_error err = {0};
    memset(l, 0, sizeof *l);
    assert_int_equal(pal_sequence_bytes(m, s, &l->bytes[0], &err), PAL_OK);
    assert_int_equal(pal_sequence_init(&l->sequence, m, s, lend(l, 0), l->bytes[0], &err), PAL_OK);
    if (pal_generator_bytes(l->sequence, o, &l->bytes[1], &err)) fail_msg("%s", err.text);
    assert_int_equal(pal_generator_init(&l->generator, l->sequence, o, lend(l, 1), l->bytes[1], &err), PAL_OK);
}

static void start(lent *l, const pal_generate_options *o)
{
    const pal_sequence_options s = pal_sequence_defaults();
    start_on(l, model, &s, o);
}

static void end(lent *l)
{
    for (int which = 0; which < 2; which++) {
        for (size_t i = 0; i < GUARD; i++) {
            assert_int_equal(l->memory[which][i], 0xa5);
            assert_int_equal(l->memory[which][GUARD + l->bytes[which] + i], 0xa5);
        }
        free(l->memory[which]);
    }
}

static void prompt(lent *l, const char *text)
{
    pal_error err = {0};
    if (pal_generator_prompt(l->generator, text, strlen(text), 0, &err)) fail_msg("%s: %s", text, err.text);
    l->size = 0;
}

/* Takes what the last call let out. */
static size_t take_text(lent *l)
{
    size_t bytes;
    const char *text = pal_generator_text(l->generator, &bytes);
    assert_true(l->size + bytes < MOST_TEXT);
    memcpy(l->text + l->size, text, bytes);
    l->size += bytes;
    l->text[l->size] = '\0';
    assert_int_equal(pal_generator_progress(l->generator).text_bytes, l->size);
    return bytes;
}

static pal_status step(lent *l)
{
    pal_error err = {0};
    const int32_t before = pal_generator_progress(l->generator).evaluations;
    pal_status status = pal_generator_step(l->generator, &err);
    if (status < 0) fail_msg("%s", err.text);
    assert_true(pal_generator_progress(l->generator).evaluations - before <= 1);
    take_text(l);
    return status;
}

/* So many steps, or to the end. */
static void run(lent *l, int steps)
{
    while (steps-- > 0 && step(l) == PAL_MORE) {
    }
}

static pal_finish finish_of(const lent *l)
{
    return pal_generator_progress(l->generator).finish;
}

static pal_generate_options greedy(int32_t max_tokens)
{
    pal_generate_options o = pal_generate_defaults();
    o.temperature = 0.0;
    o.max_tokens = max_tokens;
    return o;
}

static pal_generate_options drawn(uint64_t seed, int32_t max_tokens)
{
    pal_generate_options o = pal_generate_defaults();
    o.seed = seed;
    o.max_tokens = max_tokens;
    return o;
}

/* The text of a fresh generator. */
static void text_of(const char *from, const pal_generate_options *o, char out[MOST_TEXT])
{
    lent l;
    start(&l, o);
    prompt(&l, from);
    run(&l, 1000);
    memcpy(out, l.text, l.size + 1);
    end(&l);
}

/* ---- what comes out --------------------------------------------------------------------------------- */

static void greedy_from_nothing_tells_the_documented_story(void **state)
{
    (void)state;
    static const char *const isas[] = {"scalar", "simd128", "relaxed", "avx2", "avx512vnni"};
    const pal_generate_options o = greedy(256);
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        char text[MOST_TEXT];
        if (pal_model_use_isa(model, isas[i], NULL)) continue;
        text_of("", &o, text);
        assert_string_equal(text, documented);
    }
}

static void prompt_goes_in_batches_and_changes_nothing(void **state)
{
    (void)state;
    const char *from = "Once upon a time, there was a little girl named Lily. She loved to play";
    const pal_generate_options o = drawn(7, 40);
    char whole[MOST_TEXT];
    text_of(from, &o, whole);
    for (int32_t batch = 1; batch < 12; batch += 3) {
        pal_sequence_options s = pal_sequence_defaults();
        lent l;
        s.batch = batch;
        start_on(&l, model, &s, &o);
        prompt(&l, from);
        const int32_t n = pal_generator_progress(l.generator).prompt;
        int32_t steps = 0;
        for (; !pal_generator_token(l.generator); steps++) {
            const int32_t left = n - steps * batch;
            assert_int_equal(pal_generator_progress(l.generator).unread, left);
            assert_int_equal(step(&l), PAL_MORE);
        }
        assert_int_equal(steps, (n + batch - 1) / batch);
        run(&l, 1000);
        assert_string_equal(l.text, whole);
        assert_int_equal(finish_of(&l), PAL_FINISH_LENGTH);
        end(&l);
    }
}

static void tokens_have_the_models_own_probabilities(void **state)
{
    (void)state;
    const int32_t vocab = pal_model_info(model)->vocabulary;
    float *logits = malloc((size_t)vocab * sizeof *logits);
    pal_generate_options o = drawn(3, 12);
    o.temperature = 0.7;
    o.top_k = 10;
    o.alternatives = PAL_CANDIDATES;
    lent l;
    assert_non_null(logits);
    start(&l, &o);
    prompt(&l, "Tom");
    for (pal_status status = PAL_MORE; status == PAL_MORE;) {
        int32_t n, last;
        double sum = 0.0;
        status = step(&l);
        const int32_t *tokens = pal_generator_tokens(l.generator, &n);
        const pal_generated *t = pal_generator_token(l.generator);
        last = n - 2;
        assert_int_equal(tokens[n - 1], t->id);
        assert_int_equal(pal_logits(model, tokens, n - 1, &last, 1, logits, NULL), PAL_OK);
        for (int32_t id = 0; id < vocab; id++) sum += pal_exp((double)logits[id]);
        /* a softmax of 512 doubles against another order of the same sum */
        assert_true(fabs(pal_log(pal_exp((double)logits[t->id]) / sum) - t->logprob) < 1e-12);
        assert_int_equal(t->alternatives, PAL_CANDIDATES);
        assert_true(t->probability > 0.0 && t->probability <= 1.0);
        for (int32_t i = 0; i < t->alternatives; i++) {
            const double p = (double)logits[t->alternative_id[i]];
            assert_true(fabs(p - pal_log(sum) - t->alternative_logprob[i]) < 1e-12);
            assert_true(i == 0 || t->alternative_logprob[i] <= t->alternative_logprob[i - 1]);
        }
        int32_t better = 0;
        for (int32_t id = 0; id < vocab; id++) better += logits[id] > logits[t->alternative_id[0]];
        assert_int_equal(better, 0);
    }
    free(logits);
    end(&l);
}

static void tokens_know_where_their_text_stands(void **state)
{
    (void)state;
    const pal_generate_options o = greedy(60);
    lent l;
    start(&l, &o);
    prompt(&l, "");
    size_t at = 0;
    int32_t index = 0;
    for (pal_status status = PAL_MORE; status == PAL_MORE;) {
        status = step(&l);
        const pal_generated *t = pal_generator_token(l.generator);
        assert_int_equal(t->offset, at);
        assert_int_equal(t->index, index++);
        at += t->bytes;
    }
    assert_int_equal(at, l.size);
    assert_memory_equal(l.text, documented, l.size);
    end(&l);
}

static void characters_come_out_whole(void **state)
{
    (void)state;
    const pal_generate_options o = greedy(-1);
    lent l;
    start(&l, &o);
    prompt(&l, "a");
    const char *pieces[] = {"<0xC3>", "<0xA9>", "<0xE2>", "<0x82>", "<0xAC>", "<0xF0>", "<0x9F>", "<0xFF>"};
    const size_t out[] = {0, 2, 0, 0, 3, 0, 0, 3};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        assert_int_equal(pal_generator_push(l.generator, piece_id(model, pieces[i]), NULL), PAL_OK);
        assert_int_equal(take_text(&l), out[i]);
        assert_int_equal(pal_generator_token(l.generator)->bytes, 1);
        assert_true(isnan(pal_generator_token(l.generator)->logprob));
    }
    assert_string_equal(l.text, "\xc3\xa9\xe2\x82\xac\xf0\x9f\xff");
    end(&l);
}

/* ---- how it ends ------------------------------------------------------------------------------------ */

static void stop_text_across_tokens_ends_before_it(void **state)
{
    (void)state;
    const char *stops[] = {"little girl n", "xyz", "me,", "One", "ime"};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        const char *found = strstr(documented, stops[i]);
        const pal_stop_text stop[] = {{"never that", 10}, {stops[i], strlen(stops[i])}};
        pal_generate_options o = greedy(256);
        o.stop = stop;
        o.stop_count = 2;
        lent l;
        start(&l, &o);
        prompt(&l, "");
        run(&l, 1000);
        assert_int_equal(finish_of(&l), found ? PAL_FINISH_STOP : PAL_FINISH_LENGTH);
        assert_int_equal(pal_generator_progress(l.generator).stop, found ? 1 : -1);
        assert_int_equal(l.size, found ? (size_t)(found - documented) : strlen(documented));
        assert_memory_equal(l.text, documented, l.size);
        assert_int_equal(pal_generator_step(l.generator, NULL), PAL_OK);
        assert_null(pal_generator_token(l.generator));
        end(&l);
    }
}

static void token_that_ends_texts_ends_it(void **state)
{
    (void)state;
    const pal_logit_bias bias = {.id = 2, .bias = 1000.0};
    pal_generate_options o = drawn(1, 50);
    o.logit_bias = &bias;
    o.logit_bias_count = 1;
    lent l;
    start(&l, &o);
    prompt(&l, "Once");
    assert_int_equal(step(&l), PAL_OK);
    assert_int_equal(finish_of(&l), PAL_FINISH_EOS);
    assert_int_equal(pal_generator_token(l.generator)->id, 2);
    assert_int_equal(pal_generator_progress(l.generator).generated, 0);
    /* Another word in its place, and it goes on. */
    assert_int_equal(pal_generator_push(l.generator, piece_id(model, "\xe2\x96\x81upon"), NULL), PAL_OK);
    take_text(&l);
    assert_string_equal(l.text, " upon");
    assert_int_equal(finish_of(&l), PAL_FINISH_NONE);
    end(&l);
    o.ignore_eos = true;
    start(&l, &o);
    prompt(&l, "Once");
    run(&l, 1000);
    assert_int_equal(finish_of(&l), PAL_FINISH_LENGTH);
    end(&l);
}

static void full_window_ends_it(void **state)
{
    (void)state;
    pal_sequence_options s = pal_sequence_defaults();
    const pal_generate_options o = greedy(-1);
    const int32_t full[] = {1, 5, 6, 7, 8, 9, 10, 11, 12};
    lent l;
    s.max_tokens = 8;
    start_on(&l, model, &s, &o);
    prompt(&l, "");
    run(&l, 1000);
    assert_int_equal(finish_of(&l), PAL_FINISH_CONTEXT);
    assert_int_equal(pal_generator_progress(l.generator).generated, 7);
    assert_memory_equal(l.text, documented, l.size);
    assert_int_equal(pal_generator_push(l.generator, 5, NULL), PAL_E_CONTEXT);
    assert_int_equal(pal_generator_prompt_tokens(l.generator, full, 9, NULL), PAL_E_CONTEXT);
    assert_int_equal(pal_generator_progress(l.generator).generated, 7); /* as it was */
    assert_int_equal(pal_generator_prompt_tokens(l.generator, full, 8, NULL), PAL_OK);
    assert_int_equal(pal_generator_step(l.generator, NULL), PAL_OK);
    assert_int_equal(finish_of(&l), PAL_FINISH_CONTEXT);
    assert_int_equal(pal_generator_progress(l.generator).evaluations, 0);
    end(&l);
}

static void limit_raised_goes_on_where_it_ended(void **state)
{
    (void)state;
    const pal_stop_text stop = {" little girl named Bob", 22}; /* holds text back when the limit comes */
    pal_generate_options o = greedy(1);
    o.stop = &stop;
    o.stop_count = 1;
    lent l;
    start(&l, &o);
    prompt(&l, "");
    for (int32_t most = 1; most <= 256; most++) {
        pal_generator_limit(l.generator, most);
        assert_int_equal(step(&l), PAL_OK);
        assert_int_equal(finish_of(&l), PAL_FINISH_LENGTH);
        assert_memory_equal(l.text, documented, l.size);
    }
    assert_string_equal(l.text, documented);
    end(&l);
}

/* ---- going back ------------------------------------------------------------------------------------- */

static void rewind_gives_the_same_text_again(void **state)
{
    (void)state;
    pal_generate_options o = drawn(11, 60);
    o.mirostat = 2;
    o.ignore_eos = true;
    o.repetition_penalty = 1.1;
    lent l;
    char whole[MOST_TEXT];
    start(&l, &o);
    prompt(&l, "Once upon");
    run(&l, 1000);
    memcpy(whole, l.text, sizeof whole);
    for (uint32_t i = 0; i < 12; i++) {
        const int32_t to = (int32_t)pick(3, i, 61);
        const int32_t before = pal_generator_progress(l.generator).evaluated;
        assert_int_equal(pal_generator_rewind(l.generator, to, NULL), PAL_OK);
        l.size = pal_generator_progress(l.generator).text_bytes;
        run(&l, 1000);
        assert_string_equal(l.text, whole);
        assert_int_equal(pal_generator_progress(l.generator).evaluated - before, 60 - to);
    }
    pal_generator_reseed(l.generator, 11, 1);
    assert_int_equal(pal_generator_rewind(l.generator, 0, NULL), PAL_OK);
    l.size = 0;
    run(&l, 1000);
    assert_true(strcmp(l.text, whole) != 0);
    assert_int_equal(pal_generator_rewind(l.generator, 61, NULL), PAL_E_OPTION);
    assert_int_equal(pal_generator_rewind(l.generator, -1, NULL), PAL_E_OPTION);
    end(&l);
}

static void other_word_goes_on_from_there_at_the_cost_of_one_token(void **state)
{
    (void)state;
    const pal_generate_options o = drawn(5, 40);
    lent l, fresh;
    start(&l, &o);
    start(&fresh, &o);
    prompt(&l, "One day");
    run(&l, 1000);
    const int32_t other = piece_id(model, "\xe2\x96\x81mom");
    for (int32_t at = 0; at < 39; at += 9) {
        int32_t n;
        const int32_t before = pal_generator_progress(l.generator).evaluated;
        assert_int_equal(pal_generator_rewind(l.generator, at, NULL), PAL_OK);
        l.size = pal_generator_progress(l.generator).text_bytes;
        assert_int_equal(pal_generator_push(l.generator, other, NULL), PAL_OK);
        take_text(&l);
        step(&l);
        assert_int_equal(pal_generator_progress(l.generator).evaluated - before, 1);
        const int32_t *tokens = pal_generator_tokens(l.generator, &n);
        assert_int_equal(pal_generator_prompt_tokens(fresh.generator, tokens, n - 1, NULL), PAL_OK);
        fresh.size = 0;
        step(&fresh);
        assert_int_equal(pal_generator_token(fresh.generator)->id, pal_generator_token(l.generator)->id);
        run(&l, 1000);
    }
    end(&fresh);
    end(&l);
}

static void rewind_into_a_stop_text_finds_it_again(void **state)
{
    (void)state;
    const pal_stop_text stop = {"a little girl", 13};
    pal_generate_options o = greedy(256);
    o.stop = &stop;
    o.stop_count = 1;
    lent l;
    start(&l, &o);
    prompt(&l, "");
    run(&l, 1000);
    const int32_t n = pal_generator_progress(l.generator).generated;
    const size_t size = l.size;
    for (int32_t back = 0; back <= n; back++) {
        assert_int_equal(pal_generator_rewind(l.generator, n - back, NULL), PAL_OK);
        assert_int_equal(finish_of(&l), back ? PAL_FINISH_NONE : PAL_FINISH_STOP);
        l.size = pal_generator_progress(l.generator).text_bytes;
        assert_true(l.size <= size);
        run(&l, 1000);
        assert_int_equal(finish_of(&l), PAL_FINISH_STOP);
        assert_int_equal(l.size, size);
        assert_memory_equal(l.text, documented, size);
    }
    end(&l);
}

static void common_beginning_is_not_read_again(void **state)
{
    (void)state;
    const pal_generate_options o = greedy(5);
    pal_generate_options other = drawn(4, 9);
    lent l;
    size_t bytes;
    pal_generator *second;
    char want[MOST_TEXT];
    start(&l, &o);
    prompt(&l, "Once upon a time, there was a little girl");
    run(&l, 1000);
    prompt(&l, "Once upon a time, there was a little boy");
    pal_generate_progress p = pal_generator_progress(l.generator);
    assert_true(p.kept >= 8 && p.kept < p.prompt && p.unread == p.prompt - p.kept && p.evaluations == 0);
    run(&l, 1000);
    assert_int_equal(pal_generator_progress(l.generator).evaluated, p.prompt - p.kept + 4);
    /* Another generator, with other options, on the same sequence. */
    text_of("Once upon a time, there was a little boy", &other, want);
    assert_int_equal(pal_generator_bytes(l.sequence, &other, &bytes, NULL), PAL_OK);
    void *block = malloc(bytes);
    assert_int_equal(pal_generator_init(&second, l.sequence, &other, block, bytes, NULL), PAL_OK);
    lent two = {.sequence = l.sequence, .generator = second};
    prompt(&two, "Once upon a time, there was a little boy");
    assert_int_equal(pal_generator_progress(second).kept, p.prompt - 1); /* only the logits are missing */
    run(&two, 1000);
    assert_string_equal(two.text, want);
    free(block);
    end(&l);
}

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
            const pal_stop_text stop = {" the end of it", 14};
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

/* What a refused file may not change: the text goes on as if it had not been. */
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
    data[8] ^= 3; /* the version */
    expect_refused(&l, data, size, PAL_E_UNSUPPORTED);
    data[8] ^= 3;
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

/* Makes the section at data right again after a change; returns its length. */
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

/* Files made to do harm have a right digest: they are refused, or the text goes on from what they say. */
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

/* After a shift the next token is the likeliest behind exactly the tokens in the window. */
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
    const pal_stop_text stops[] = {{"a", 1}, {"", 0}};
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
    /* A grammar that wants a character, and its bytes banned. */
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
        cmocka_unit_test(greedy_from_nothing_tells_the_documented_story),
        cmocka_unit_test(prompt_goes_in_batches_and_changes_nothing),
        cmocka_unit_test(tokens_have_the_models_own_probabilities),
        cmocka_unit_test(tokens_know_where_their_text_stands),
        cmocka_unit_test(characters_come_out_whole),
        cmocka_unit_test(stop_text_across_tokens_ends_before_it),
        cmocka_unit_test(token_that_ends_texts_ends_it),
        cmocka_unit_test(full_window_ends_it),
        cmocka_unit_test(limit_raised_goes_on_where_it_ended),
        cmocka_unit_test(rewind_gives_the_same_text_again),
        cmocka_unit_test(other_word_goes_on_from_there_at_the_cost_of_one_token),
        cmocka_unit_test(rewind_into_a_stop_text_finds_it_again),
        cmocka_unit_test(common_beginning_is_not_read_again),
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
