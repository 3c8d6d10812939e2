/* processors_testing.h - processors in memory of their own, for test_processors.c and test_processors_draws.c. */
#ifndef PAL_PROCESSORS_TESTING_H
#define PAL_PROCESSORS_TESTING_H

#include <stdlib.h>

#include "text/decode/processors.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef struct {
    pal_decode_room room;
    void *block;
} lent;

static inline lent lend(int32_t vocab)
{
    lent l;
    pal_arena arena = {0};
    pal_decode_layout(&l.room, vocab, &arena);
    assert_null(l.room.law);
    l.block = malloc(arena.used + PAL_ARENA_SLACK);
    assert_non_null(l.block);
    arena = pal_arena_in(l.block);
    pal_decode_layout(&l.room, vocab, &arena);
    return l;
}

static inline void give_back(lent *l)
{
    for (int32_t id = 0; id < l->room.vocab; id++) assert_int_equal(l->room.seen[id], 0);
    free(l->block);
}

#endif
