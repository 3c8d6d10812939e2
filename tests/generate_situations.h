/* generate_situations.h - builds a generator in every state that matters, for test_atomic.c. */
#ifndef PAL_GENERATE_SITUATIONS_H
#define PAL_GENERATE_SITUATIONS_H

#include "generate_testing.h"

#include <math.h>

enum { CAPACITY = 12, VOCAB = 481, EOS = 2 };

static pal_model *tiny, *damaged, *other; /* tiny-ar; tiny-ar with a NaN; another model */
static void *damaged_block;
static pal_grammar *letters, *digits, *exploding, *impossible;
static pal_logit_bias every[VOCAB];

/* Saved sessions that restore must refuse; kept while the tests run. */
typedef struct {
    unsigned char *data;
    size_t size;
} file;
static file good, foreign, longer, of_f16, of_digits, sequence_alone;

static inline pal_generate_options options_of(int32_t max_tokens)
{
    pal_generate_options o = drawn(4, max_tokens);
    o.ignore_eos = true;
    o.alternatives = 3;
    return o;
}

static inline void begin(lent *l, const pal_model *m, const pal_generate_options *o)
{
    const pal_sequence_options s = {.max_tokens = CAPACITY, .batch = 2};
    start_on(l, m, &s, o);
}

static inline void steps(lent *l, int count)
{
    while (count-- > 0 && pal_generator_step(l->generator, NULL) == PAL_MORE) {
    }
}

static inline void prompt_tokens(lent *l, int32_t n)
{
    static const int32_t ids[] = {1, 300, 301, 302, 303, 304, 305};
    assert_int_equal(pal_generator_prompt_tokens(l->generator, ids, n, NULL), PAL_OK);
}

/* ---- situations -------------------------------------------------------------------------------------- */

static inline void without_prompt(lent *l)
{
    const pal_generate_options o = options_of(-1);
    begin(l, tiny, &o);
}

static inline void with_prompt(lent *l)
{
    without_prompt(l);
    prompt_tokens(l, 3);
}

static inline void while_reading(lent *l)
{
    without_prompt(l);
    prompt_tokens(l, 7);
    steps(l, 1);
}

static inline void while_writing(lent *l)
{
    with_prompt(l);
    steps(l, 6);
}

static inline void full(lent *l)
{
    with_prompt(l);
    steps(l, 100);
}

static inline void before_a_shift(lent *l)
{
    pal_generate_options o = options_of(-1);
    o.shift = true;
    o.mirostat = 2;
    begin(l, tiny, &o);
    prompt_tokens(l, 3);
    for (int i = 0; i < 100 && pal_generator_progress(l->generator).tokens < CAPACITY; i++) steps(l, 1);
}

static inline void after_a_shift(lent *l)
{
    before_a_shift(l);
    steps(l, 3);
    assert_true(pal_generator_progress(l->generator).dropped > 0);
}

static inline void at_its_limit(lent *l)
{
    const pal_generate_options o = options_of(4);
    begin(l, tiny, &o);
    prompt_tokens(l, 3);
    steps(l, 100);
}

static inline void at_its_end(lent *l)
{
    while_writing(l);
    assert_int_equal(pal_generator_push(l->generator, EOS, NULL), PAL_OK);
}

static inline void at_a_stop_text(lent *l)
{
    const pal_stop_string stop = {"Z", 1};
    pal_generate_options o = options_of(-1);
    o.stop = &stop;
    o.stop_count = 1;
    begin(l, tiny, &o);
    prompt_tokens(l, 3);
    steps(l, 3);
    assert_int_equal(pal_generator_push(l->generator, piece_id(tiny, "<0x5A>"), NULL), PAL_OK);
    assert_int_equal(finish_of(l), PAL_FINISH_STOP);
}

static inline void inside_of_a_character(lent *l)
{
    while_writing(l);
    assert_int_equal(pal_generator_push(l->generator, piece_id(tiny, "<0xF0>"), NULL), PAL_OK);
}

static inline void rewound(lent *l)
{
    while_writing(l);
    assert_int_equal(pal_generator_rewind(l->generator, 1, NULL), PAL_OK);
}

static inline void with_another_word(lent *l)
{
    rewound(l);
    assert_int_equal(pal_generator_push(l->generator, 310, NULL), PAL_OK);
}

static inline void restored(lent *l)
{
    without_prompt(l);
    assert_int_equal(pal_generator_restore(l->generator, good.data, good.size, NULL), PAL_OK);
}

static inline void grammar_and(lent *l, const pal_grammar *grammar, bool shift)
{
    pal_generate_options o = options_of(-1);
    o.grammar = grammar;
    o.shift = shift;
    begin(l, tiny, &o);
    prompt_tokens(l, 3);
}

static inline void in_a_grammar(lent *l)
{
    grammar_and(l, letters, false);
    steps(l, 5);
}

/* Regression: a push that the grammar refuses shifted the window. */
static inline void in_a_grammar_before_a_shift(lent *l)
{
    grammar_and(l, letters, true);
    for (int i = 0; i < 100 && pal_generator_progress(l->generator).tokens < CAPACITY; i++) steps(l, 1);
    assert_int_equal(pal_generator_progress(l->generator).tokens, CAPACITY);
}

/* Puts as many of the a's that this grammar begins with as fit. */
static inline void in_a_grammar_of_too_many_ways(lent *l)
{
    grammar_and(l, exploding, true);
    for (int i = 0; i < 100 && !pal_generator_push(l->generator, piece_id(tiny, "<0x61>"), NULL); i++) {
    }
    while (pal_generator_progress(l->generator).unread > 2) steps(l, 1);
}

/* Puts this many tokens; nothing may be drawn after them. */
static inline void banned_after(lent *l, int32_t count, const pal_grammar *grammar)
{
    pal_generate_options o = options_of(-1);
    o.shift = true;
    o.logit_bias = every;
    o.logit_bias_count = VOCAB;
    o.grammar = grammar;
    begin(l, tiny, &o);
    prompt_tokens(l, 3);
    for (int32_t i = 0; i < count; i++)
        assert_int_equal(pal_generator_push(l->generator, piece_id(tiny, "<0x61>"), NULL), PAL_OK);
}

static inline void banned(lent *l)
{
    banned_after(l, 2, NULL);
    assert_int_equal(pal_generator_rewind(l->generator, 1, NULL), PAL_OK);
    steps(l, 1); /* which reads */
}

/* Regression: a step whose draw failed had shifted the window. */
static inline void banned_before_a_shift(lent *l)
{
    banned_after(l, CAPACITY - 3, NULL);
}

static inline void banned_in_a_grammar_before_a_shift(lent *l)
{
    banned_after(l, CAPACITY - 3, letters);
}

static inline void in_an_impossible_grammar(lent *l)
{
    pal_generate_options o = options_of(-1);
    o.logit_bias = every + 3; /* all bytes, so that no character can be written */
    o.logit_bias_count = 256;
    o.grammar = impossible;
    begin(l, tiny, &o);
    prompt_tokens(l, 2);
}

static inline void with_damaged_weights(lent *l)
{
    const pal_generate_options o = options_of(-1);
    begin(l, damaged, &o);
    prompt_tokens(l, 2);
}

/* The sequence has read the text, or something that differs from it after a common beginning. */
static inline void with_damaged_weights_and_all_read(lent *l)
{
    with_damaged_weights(l);
    assert_int_equal(pal_sequence_append(l->sequence, (const int32_t[]){1, 300}, 2, NULL), PAL_OK);
    pal_sequence_rewind(l->sequence, 1);
    assert_int_equal(pal_sequence_append(l->sequence, (const int32_t[]){300, 7, 8}, 3, NULL), PAL_OK);
}

static const struct {
    const char *name;
    void (*make)(lent *l);
} situations[] = {
    {"without a prompt", without_prompt},
    {"with a prompt", with_prompt},
    {"while reading", while_reading},
    {"while writing", while_writing},
    {"full", full},
    {"before a shift", before_a_shift},
    {"after a shift", after_a_shift},
    {"at its limit", at_its_limit},
    {"at its end", at_its_end},
    {"at a stop string", at_a_stop_text},
    {"inside of a character", inside_of_a_character},
    {"rewound", rewound},
    {"with another word", with_another_word},
    {"restored", restored},
    {"in a grammar", in_a_grammar},
    {"in a grammar before a shift", in_a_grammar_before_a_shift},
    {"in a grammar of too many ways", in_a_grammar_of_too_many_ways},
    {"banned", banned},
    {"banned before a shift", banned_before_a_shift},
    {"banned in a grammar before a shift", banned_in_a_grammar_before_a_shift},
    {"in an impossible grammar", in_an_impossible_grammar},
    {"with damaged weights", with_damaged_weights},
    {"with damaged weights and all read", with_damaged_weights_and_all_read},
};

/* ---- making what they need --------------------------------------------------------------------------- */

static inline file save(lent *l)
{
    file f = {.size = pal_generator_save(l->generator, NULL, 0)};
    f.data = malloc(f.size);
    assert_non_null(f.data);
    pal_generator_save(l->generator, f.data, f.size);
    end(l);
    return f;
}

static inline file save_of(const pal_model *m, const pal_sequence_options *s, const pal_grammar *grammar)
{
    pal_generate_options o = options_of(-1);
    lent l;
    o.grammar = grammar;
    start_on(&l, m, s, &o);
    prompt_tokens(&l, 3);
    steps(&l, 100);
    return save(&l);
}

static inline void open_files(void)
{
    const pal_sequence_options usual = {.max_tokens = CAPACITY, .batch = 2},
                               large = {.max_tokens = CAPACITY + 1, .batch = 2};
    const pal_sequence_options f16 = {.max_tokens = CAPACITY, .batch = 2, .kv = PAL_KV_F16};
    lent l;
    good = save_of(tiny, &usual, NULL);
    foreign = save_of(other, &usual, NULL);
    longer = save_of(tiny, &large, NULL);
    of_f16 = save_of(tiny, &f16, NULL);
    of_digits = save_of(tiny, &usual, digits);
    while_writing(&l);
    sequence_alone.size = pal_sequence_save(l.sequence, NULL, 0);
    sequence_alone.data = malloc(sequence_alone.size);
    assert_non_null(sequence_alone.data);
    pal_sequence_save(l.sequence, sequence_alone.data, sequence_alone.size);
    end(&l);
}

static inline pal_grammar *open_grammar(const char *text)
{
    pal_grammar *g;
    assert_int_equal(pal_grammar_open(&g, text, strlen(text), NULL), PAL_OK);
    return g;
}

static inline int open_all(void **state)
{
    size_t size;
    pal_gguf *g;
    (void)state;
    tiny = open_test_model("tiny-ar");
    other = open_test_model("stories260K");
    unsigned char *image = load_test_model("tiny-ar", &size, &damaged_block);
    assert_int_equal(pal_gguf_open(&g, image, size, NULL), PAL_OK);
    const uint16_t nan = 0x7e00; /* the scale of a block */
    memcpy(image + pal_gguf_find_tensor(g, "token_embd.weight")->offset, &nan, sizeof nan);
    pal_gguf_close(g);
    assert_int_equal(pal_model_open(&damaged, image, size, 0, NULL), PAL_OK);
    assert_int_equal(pal_model_info(tiny)->vocabulary, VOCAB);
    letters = open_grammar("root ::= [a-z ]+");
    digits = open_grammar("root ::= [0-9]+");
    exploding = open_grammar("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"a\"");
    impossible = open_grammar("root ::= \"\\U0010FFFF\"");
    size_t bytes = 0;
    for (int32_t id = 0; id < VOCAB; id++) /* those of bytes from 3 on, so that they can be given alone */
        if (pal_vocab_byte(tiny->vocab, id) >= 0) every[3 + bytes++] = (pal_logit_bias){id, -INFINITY};
    assert_int_equal(bytes, 256);
    for (int32_t id = 0, at = 0; id < VOCAB; id++)
        if (pal_vocab_byte(tiny->vocab, id) < 0) {
            every[at < 3 ? at : at + 256] = (pal_logit_bias){id, -INFINITY};
            at++;
        }
    open_files();
    return 0;
}

static inline int close_all(void **state)
{
    file *files[] = {&good, &foreign, &longer, &of_f16, &of_digits, &sequence_alone};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) free(files[i]->data);
    pal_grammar_close(letters);
    pal_grammar_close(digits);
    pal_grammar_close(exploding);
    pal_grammar_close(impossible);
    pal_model_close(tiny);
    pal_model_close(other);
    pal_model_close(damaged);
    free(damaged_block);
    return 0;
}

#endif
