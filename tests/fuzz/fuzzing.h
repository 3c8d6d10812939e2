/* fuzzing.h - shared by the fuzzers that run models: reading the bytes of an input, models, checks. */
#ifndef PAL_FUZZING_H
#define PAL_FUZZING_H

#include "../observing.h"
#include "token/token.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fuzzers detect abort(). */
static inline void check(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "fuzz: %s\n", what);
    abort();
}

typedef struct {
    const uint8_t *at, *end;
} input;

/* The next byte; zero after the last. */
static inline unsigned next(input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static inline uint32_t next_u32(input *in)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value |= (uint32_t)next(in) << 8 * i;
    return value;
}

static inline void *block_of(size_t bytes)
{
    void *block = malloc(bytes ? bytes : 1);
    check(block != NULL, "no memory");
    return block;
}

static inline pal_model *open_model(const char *path)
{
    pal_model *model = NULL;
    pal_error err = {0};
    if (pal_model_open_file(&model, path, 0, &err)) check(false, err.text);
    return model;
}

/* Checks that a failed call gives a reason. */
static inline void check_error(const pal_error *err, pal_status status)
{
    check(err->status == status && err->text && *err->text, "an error without a text");
}

/* Whether more bytes can make text[bytes] a character. */
static inline bool may_become_character(const char *text, size_t bytes)
{
    char longer[4];
    if (bytes >= 4) return false;
    for (int fill = 0x80; fill <= 0xBF; fill += 0x3F) {
        memcpy(longer, text, bytes);
        memset(longer + bytes, fill, 4 - bytes);
        if (pal_utf8_char(longer, 4) > bytes) return true;
    }
    return false;
}

/* The length of the prefix of text[bytes] that ends with a whole character, or with bytes that cannot become one. */
static inline size_t whole_end(const char *text, size_t bytes)
{
    for (size_t at = 0, n; at < bytes; at += n ? n : 1) {
        n = pal_utf8_char(text + at, bytes - at);
        if (n == 0 && may_become_character(text + at, bytes - at)) return at;
    }
    return bytes;
}

/* Without stop strings and shifts, the text of all generated tokens has been output, except an incomplete character. */
static inline void check_text(const pal_model *m, const pal_generator *g)
{
    char text[4096];
    int32_t n;
    size_t size;
    const pal_generate_progress p = pal_generator_progress(g);
    const int32_t *tokens = pal_generator_tokens(g, &n);
    if (p.dropped) return;
    const pal_status status = pal_detokenize(m, tokens + n - p.generated, (size_t)p.generated, PAL_TOKENIZE_INSIDE,
                                             text, sizeof text, &size, NULL);
    check(status == PAL_OK && size <= sizeof text, "a text that is none");
    const size_t out = p.text_bytes; /* the first space may not be part of the text */
    check(out == whole_end(text, size) || (size && *text == ' ' && out == whole_end(text + 1, size - 1)),
          "a text that ends inside of a character, or too early");
}

static inline void check_generator(const pal_generator *g)
{
    const pal_generate_progress p = pal_generator_progress(g);
    size_t size;
    int32_t n;
    const char *text = pal_generator_text(g, &size);
    const int32_t *tokens = pal_generator_tokens(g, &n);
    check(n == p.tokens && n >= 0 && n <= p.capacity && p.unread >= 0 && p.unread <= n,
          "more tokens than there can be");
    check(p.generated >= 0 && p.dropped >= 0 && p.evaluations >= 0 && p.evaluated >= 0, "a count below zero");
    check((unsigned)p.finish < PAL_FINISHES && size <= p.text_bytes, "a finish or a text that cannot be");
    for (int32_t i = 0; i < n; i++) check(tokens[i] >= 0, "a token below zero");
    (void)text;
}

#endif
