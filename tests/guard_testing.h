/* guard_testing.h - memory of exactly the requested size, between guard bytes that must not change. */
#ifndef PAL_GUARD_TESTING_H
#define PAL_GUARD_TESTING_H

#include <stdlib.h>
#include <string.h>

enum { GUARD = 64 };

/* A block whose memory is at *memory + GUARD, filled with arbitrary bytes; end_guarded checks the guards and frees
 * it. */
static inline unsigned char *lend_guarded(unsigned char **memory, size_t bytes)
{
    *memory = malloc(bytes + 2 * GUARD);
    assert_non_null(*memory);
    memset(*memory, 0xa5, bytes + 2 * GUARD);
    return *memory + GUARD;
}

static inline void end_guarded(unsigned char *memory, size_t bytes)
{
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(memory[i], 0xa5);
        assert_int_equal(memory[GUARD + bytes + i], 0xa5);
    }
    free(memory);
}

#endif
