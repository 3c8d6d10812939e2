/* core.c - byte strings, the check for finite numbers, and the arena. */
#include "core.h"

#include <string.h>

#if PAL_ASAN
#include <sanitizer/asan_interface.h>
#endif

enum { ARENA_ALIGN = 64 }; /* a cache line, and the widest vector load in use */

bool pal_str_is(pal_str s, const char *literal)
{
    size_t size = strlen(literal);
    return s.size == size && (size == 0 || memcmp(s.data, literal, size) == 0);
}

/* Tests the exponent bits without a branch, so that the compiler can vectorise the loop. */
bool pal_all_finite(const float *values, size_t count)
{
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !found;
}

/* ---- red zones -------------------------------------------------------------------------------------- */

#if PAL_ASAN
static bool on_heap(void *block)
{
    void *region;
    size_t size;
    const char *kind = __asan_locate_address(block, NULL, 0, &region, &size);
    return kind && strcmp(kind, "heap") == 0;
}

static void separate(const pal_arena *arena, unsigned char *array, size_t bytes, size_t whole)
{
    if (!arena->red_zones) return;
    ASAN_UNPOISON_MEMORY_REGION(array, bytes); /* an earlier layout of the block may have poisoned its gaps here */
    ASAN_POISON_MEMORY_REGION(array + bytes, whole - bytes);
}

void pal_arena_return(const pal_arena *arena)
{
    if (arena->red_zones) ASAN_UNPOISON_MEMORY_REGION(arena->base, arena->used);
}
#else
static bool on_heap(void *block)
{
    (void)block;
    return false;
}

static void separate(const pal_arena *arena, unsigned char *array, size_t bytes, size_t whole)
{
    (void)arena, (void)array, (void)bytes, (void)whole;
}

void pal_arena_return(const pal_arena *arena)
{
    (void)arena;
}
#endif

/* ---- the arena -------------------------------------------------------------------------------------- */

pal_arena pal_arena_in(void *block)
{
    unsigned char *base = (unsigned char *)(((uintptr_t)block + ARENA_ALIGN - 1) & ~(uintptr_t)(ARENA_ALIGN - 1));
    return (pal_arena){.base = base, .red_zones = on_heap(block)};
}

bool pal_arena_bytes(const pal_arena *measured, size_t *bytes)
{
    if (measured->overflow || measured->used > SIZE_MAX - PAL_ARENA_SLACK) return false;
    *bytes = measured->used + PAL_ARENA_SLACK;
    return true;
}

void *pal_take(pal_arena *arena, size_t count, size_t size)
{
    const size_t max = SIZE_MAX - (ARENA_ALIGN - 1) - PAL_RED_ZONE, bytes = pal_times(count, size);
    const size_t whole = bytes > max ? 0 : ((bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1)) + PAL_RED_ZONE;
    size_t used;
    if (arena->overflow || bytes > max || __builtin_add_overflow(arena->used, whole, &used)) {
        arena->overflow = true;
        return NULL;
    }
    unsigned char *array = arena->base ? arena->base + arena->used : NULL;
    if (array) separate(arena, array, bytes, whole);
    arena->used = used;
    return array;
}

void *pal_take2(pal_arena *arena, size_t a, size_t b, size_t size)
{
    return pal_take(arena, pal_times(a, b), size);
}

void *pal_take3(pal_arena *arena, size_t a, size_t b, size_t c, size_t size)
{
    return pal_take(arena, pal_times(pal_times(a, b), c), size);
}
