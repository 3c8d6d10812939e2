/* core.h - what every part of the engine stands on (internal): checks, errors, arena, byte strings.
 *
 * Depends on nothing but the public header.  Random numbers are in random.h, elementary functions in
 * math.h, file mapping in file.h. */
#ifndef PAL_CORE_H
#define PAL_CORE_H

#include "../palimpsest.h"

/* For mistakes of the caller or of this library, never for bad files or text. */
#ifdef NDEBUG
#define PAL_ASSERT(cond) ((void)0)
#else
#define PAL_ASSERT(cond) ((cond) ? (void)0 : __builtin_trap())
#endif

/* Fills *err (which may be NULL) and returns status, so that a failure is one `return pal_fail(...)`.  Inline so
 * that the static analyser sees that it returns a failure. */
static inline pal_status pal_fail(pal_error *err, pal_status status, const char *text, size_t offset)
{
    if (err) *err = (pal_error){status, text, offset};
    return status;
}

/* Bytes of someone else's: not terminated, may hold NUL. */
typedef struct {
    const char *data;
    size_t size;
} pal_str;

bool pal_str_is(pal_str s, const char *literal);

/* Memory asked for and lent: with base NULL it measures, with a base it places, and because one layout
 * function runs both ways the two cannot disagree. */
typedef struct {
    unsigned char *base; /* 64-byte aligned, or NULL while measuring */
    size_t used;
    bool overflow; /* the size does not fit size_t: what was measured is meaningless */
} pal_arena;

/* Room for count elements of size bytes, aligned to 64; NULL while measuring or after overflow. */
void *pal_take(pal_arena *arena, size_t count, size_t size);

/* An arena that places in a lent block; the block has PAL_ARENA_SLACK bytes more than was measured, so that
 * it may start anywhere. */
#define PAL_ARENA_SLACK 63
static inline pal_arena pal_arena_in(void *block)
{
    return (pal_arena){.base = (unsigned char *)(((uintptr_t)block + 63) & ~(uintptr_t)63)};
}

#endif
