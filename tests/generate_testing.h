/* generate_testing.h - generators between guard bytes, for test_generate.c and test_generate_saved.c. */
#ifndef PAL_GENERATE_TESTING_H
#define PAL_GENERATE_TESTING_H

#include "guard_testing.h"
#include "model_testing.h"

enum { MAX_TEXT = 4096 };

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

static inline int open_model(void **state)
{
    (void)state;
    model = open_test_model("stories260K");
    return 0;
}

static inline int close_model(void **state)
{
    (void)state;
    pal_model_close(model);
    return 0;
}

/* A sequence and a generator on it, each in a block of exactly the requested size, between guard bytes. */
typedef struct {
    pal_sequence *sequence;
    pal_generator *generator;
    unsigned char *memory[2];
    size_t bytes[2];
    char text[MAX_TEXT]; /* what came out */
    size_t size;
} lent;

static inline unsigned char *lend(lent *l, int which)
{
    return lend_guarded(&l->memory[which], l->bytes[which]);
}

static inline void start_on(lent *l, const pal_model *m, const pal_sequence_options *s, const pal_generate_options *o)
{
    pal_error err = {0};
    memset(l, 0, sizeof *l);
    assert_int_equal(pal_sequence_bytes(m, s, &l->bytes[0], &err), PAL_OK);
    assert_int_equal(pal_sequence_init(&l->sequence, m, s, lend(l, 0), l->bytes[0], &err), PAL_OK);
    if (pal_generator_bytes(l->sequence, o, &l->bytes[1], &err)) fail_msg("%s", err.text);
    assert_int_equal(pal_generator_init(&l->generator, l->sequence, o, lend(l, 1), l->bytes[1], &err), PAL_OK);
}

static inline void start(lent *l, const pal_generate_options *o)
{
    const pal_sequence_options s = pal_sequence_defaults();
    start_on(l, model, &s, o);
}

static inline void end(lent *l)
{
    for (int which = 0; which < 2; which++) end_guarded(l->memory[which], l->bytes[which]);
}

static inline void prompt(lent *l, const char *text)
{
    pal_error err = {0};
    if (pal_generator_prompt(l->generator, text, strlen(text), 0, &err)) fail_msg("%s: %s", text, err.text);
    l->size = 0;
}

/* Appends the output of the last call. */
static inline size_t take_text(lent *l)
{
    size_t bytes;
    const char *text = pal_generator_text(l->generator, &bytes);
    assert_true(l->size + bytes < MAX_TEXT);
    memcpy(l->text + l->size, text, bytes);
    l->size += bytes;
    l->text[l->size] = '\0';
    assert_int_equal(pal_generator_progress(l->generator).text_bytes, l->size);
    return bytes;
}

static inline pal_status step(lent *l)
{
    pal_error err = {0};
    const int32_t before = pal_generator_progress(l->generator).evaluations;
    pal_status status = pal_generator_step(l->generator, &err);
    if (status < 0) fail_msg("%s", err.text);
    assert_true(pal_generator_progress(l->generator).evaluations - before <= 1);
    take_text(l);
    return status;
}

/* Makes this many steps, or fewer if the text ends. */
static inline void run(lent *l, int steps)
{
    while (steps-- > 0 && step(l) == PAL_MORE) {
    }
}

static inline pal_finish finish_of(const lent *l)
{
    return pal_generator_progress(l->generator).finish;
}

static inline pal_generate_options greedy(int32_t max_tokens)
{
    pal_generate_options o = pal_generate_defaults();
    o.temperature = 0.0;
    o.max_tokens = max_tokens;
    return o;
}

static inline pal_generate_options drawn(uint64_t seed, int32_t max_tokens)
{
    pal_generate_options o = pal_generate_defaults();
    o.seed = seed;
    o.max_tokens = max_tokens;
    return o;
}

#endif
