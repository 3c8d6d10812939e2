/* processors_testing.h - choosing a token, with its own memory, for test_processors.c and test_processors_draws.c. */
#ifndef PAL_PROCESSORS_TESTING_H
#define PAL_PROCESSORS_TESTING_H

#include <stdlib.h>

#include "text/choose.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef struct {
    pal_choose_scratch scratch;
    void *block;
} lent;

static inline lent lend(int32_t vocab)
{
    lent l;
    pal_arena arena = {0};
    pal_choose_layout(&l.scratch, vocab, true, &arena);
    assert_null(l.scratch.probabilities);
    l.block = malloc(arena.used + PAL_ARENA_SLACK);
    assert_non_null(l.block);
    arena = pal_arena_in(l.block);
    pal_choose_layout(&l.scratch, vocab, true, &arena);
    return l;
}

static inline void give_back(lent *l)
{
    for (int32_t id = 0; id < l->scratch.vocab; id++) assert_int_equal(l->scratch.seen[id], 0);
    free(l->block);
}

#endif
