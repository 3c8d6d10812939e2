/* core.c - byte strings and the arena. */
#include "core.h"

#include <string.h>

enum { ARENA_ALIGN = 64 }; /* a cache line, and the widest vector load anyone may want */

bool pal_str_is(pal_str s, const char *literal)
{
    size_t size = strlen(literal);
    return s.size == size && (size == 0 || memcmp(s.data, literal, size) == 0);
}

void *pal_take(pal_arena *arena, size_t count, size_t size)
{
    size_t bytes, used;
    if (arena->overflow || __builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - (ARENA_ALIGN - 1)) {
        arena->overflow = true;
        return NULL;
    }
    bytes = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (__builtin_add_overflow(arena->used, bytes, &used)) {
        arena->overflow = true;
        return NULL;
    }
    void *place = arena->base ? arena->base + arena->used : NULL;
    arena->used = used;
    return place;
}
