/* grammar_testing.h - a text under a grammar, in its own memory, for test_grammar.c and fuzz_grammar.c. */
#ifndef PAL_GRAMMAR_TESTING_H
#define PAL_GRAMMAR_TESTING_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/decode/grammar.h"

/* Returns a piece of a vocabulary that is an array of texts. */
static inline size_t bench_piece(const void *context, int32_t id, char *out, size_t capacity)
{
    pal_str text = ((const pal_str *)context)[id];
    size_t n = text.size < capacity ? text.size : capacity;
    if (n) memcpy(out, text.data, n);
    return text.size;
}

/* A text that is being written; free(block).  Do not move it or the grammar: the run points to them. */
typedef struct {
    pal_pieces pieces;
    pal_grammar_run *run;
    void *block;
} bench;

static inline void open_bench(bench *b, const pal_grammar *g, const pal_str *texts, int32_t count)
{
    pal_arena arena = {0};
    pal_pieces_measure(&b->pieces, count, bench_piece, texts);
    pal_pieces_layout(&b->pieces, &arena);
    b->run = pal_grammar_layout(g, &b->pieces, &arena);
    b->block = malloc(arena.used + PAL_ARENA_SLACK);
    if (b->run || !b->block) abort();
    size_t used = arena.used;
    arena = pal_arena_in(b->block);
    pal_pieces_layout(&b->pieces, &arena);
    pal_pieces_fill(&b->pieces, bench_piece, texts);
    b->run = pal_grammar_layout(g, &b->pieces, &arena);
    if (arena.used != used) abort();
}

#endif
