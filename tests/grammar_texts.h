/* grammar_texts.h - compiles grammars and accepts texts byte by byte, for test_grammar.c and test_grammar_tokens.c. */
#ifndef PAL_GRAMMAR_TEXTS_H
#define PAL_GRAMMAR_TEXTS_H

#include "core/file.h"
#include "core/random.h"
#include "grammar_testing.h"

static char byte_text[256];
static pal_str bytes_alone[256]; /* the vocabulary of all bytes */

typedef struct {
    pal_grammar *grammar;
    bench bench;
    pal_grammar_run *run; /* of the bench */
} opened;

static inline pal_grammar *compile(const char *text, size_t bytes)
{
    pal_grammar *g;
    pal_error err = {0};
    if (pal_grammar_open(&g, text, bytes, &err))
        fail_msg("%s (byte %zu) in: %.*s", err.text, err.offset, (int)bytes, text);
    return g;
}

static inline void place(opened *o, const pal_str *texts, int32_t count)
{
    open_bench(&o->bench, o->grammar, texts, count);
    o->run = o->bench.run;
}

static inline void open_text(opened *o, const char *text, size_t bytes)
{
    for (int b = 0; b < 256; b++) {
        byte_text[b] = (char)b;
        bytes_alone[b] = (pal_str){&byte_text[b], 1};
    }
    o->grammar = compile(text, bytes);
    place(o, bytes_alone, 256);
}

static inline void open_grammar(opened *o, const char *text)
{
    open_text(o, text, strlen(text));
}

static inline void close_grammar(opened *o)
{
    free(o->bench.block);
    pal_grammar_close(o->grammar);
}

static inline uint32_t below(uint32_t test, uint32_t draw, uint32_t n)
{
    return (uint32_t)(pal_uniform(5, PAL_DRAW_TOKEN, 1, test, draw) * n);
}

/* Returns how many bytes are accepted from the start; *inside: whether the text is complete.  Returns SIZE_MAX if a
 * text can be read in more ways than a run has capacity for, which happens with ambiguous random grammars. */
static inline size_t taken(opened *o, const char *text, size_t bytes, bool *inside)
{
    size_t at = 0;
    pal_status status = PAL_OK;
    pal_grammar_restart(o->run);
    while (at < bytes && (status = pal_grammar_accept_bytes(o->run, text + at, 1, NULL)) == PAL_OK) at++;
    *inside = at == bytes && pal_grammar_may_end(o->run);
    return status == PAL_E_UNSUPPORTED ? SIZE_MAX : at;
}

typedef struct {
    const unsigned char *at;
    pal_file file;
    uint32_t grammars;
} golden;

static inline uint32_t take_number(golden *g)
{
    uint32_t value;
    memcpy(&value, g->at, sizeof value);
    g->at += sizeof value;
    return value;
}

static inline pal_str take_text(golden *g)
{
    size_t bytes = take_number(g);
    pal_str text = {(const char *)g->at, bytes};
    g->at += bytes;
    return text;
}

static inline golden open_golden(void)
{
    golden g;
    assert_int_equal(pal_file_map(&g.file, PAL_SOURCE_DIR "/tests/golden/decode/grammar.bin", NULL), PAL_OK);
    g.at = g.file.data;
    assert_memory_equal(g.at, "PALGBN1\n", 8);
    g.at += 8;
    g.grammars = take_number(&g);
    return g;
}

#endif
