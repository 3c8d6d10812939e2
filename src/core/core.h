/* core.h - what every part of the engine stands on (internal): checks, errors, arena, byte strings.
 *
 * Depends on nothing but the public header.  Random numbers are in random.h, elementary functions in
 * math.h, file mapping in file.h. */
#ifndef PAL_CORE_H
#define PAL_CORE_H

#include "../palimpsest.h"

/* Tensors of a file, panels and saved keys and values are read where they lie, and files are little-endian. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "this engine needs a little-endian machine");

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

/* What a network gave is not all numbers: one status and one text for every kind of network. */
static inline pal_status pal_fail_not_finite(pal_error *err)
{
    return pal_fail(err, PAL_E_FORMAT, "the network produced NaN or infinity; the model file is probably damaged",
                    SIZE_MAX);
}

bool pal_all_finite(const float *values, size_t count);

/* Bytes of someone else's: not terminated, may hold NUL. */
typedef struct {
    const char *data;
    size_t size;
} pal_str;

bool pal_str_is(pal_str s, const char *literal);

/* Products and sums of sizes that a file or a caller names: SIZE_MAX where the true one is larger, which no block has and
 * pal_take refuses.  The one way to multiply sizes in a layout: in 32 bits 2^20 tokens of 2^12 bytes are 0. */
static inline size_t pal_times(size_t a, size_t b)
{
    size_t product;
    return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

static inline size_t pal_plus(size_t a, size_t b)
{
    size_t sum;
    return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

/* Whether this is compiled for AddressSanitizer. */
#if defined(__SANITIZE_ADDRESS__)
#define PAL_ASAN 1
#elif defined(__has_feature)
#define PAL_ASAN __has_feature(address_sanitizer)
#else
#define PAL_ASAN 0
#endif

/* Memory asked for and lent: with base NULL it measures, with a base it places, and because one layout
 * function runs both ways the two cannot disagree; whoever places asserts that they do not.
 *
 * All arrays of an arena lie in one block, of which the sanitizer knows the ends alone.  So in sanitized builds each
 * array is followed by PAL_RED_ZONE bytes that belong to nobody, and where the block is on the heap they are poisoned:
 * whoever writes past his array is told at once.  free() takes the poison away, and so does placing anew in the same
 * block.  A caller of such a build who wants a block for something else without freeing it unpoisons it himself
 * (ASAN_UNPOISON_MEMORY_REGION).  Blocks on the stack or in static memory, which nothing frees, are never poisoned. */
typedef struct {
    unsigned char *base; /* 64-byte aligned, or NULL while measuring */
    size_t used;
    bool overflow;  /* the size does not fit size_t: what was measured is meaningless */
    bool red_zones; /* poisons them; as pal_arena_in decides */
} pal_arena;

enum { PAL_RED_ZONE = PAL_ASAN ? 256 : 0 };

/* Space for count elements of size bytes, aligned to 64; NULL while measuring or after overflow. */
void *pal_take(pal_arena *arena, size_t count, size_t size);

/* The same for a * b, or a * b * c, elements. */
void *pal_take2(pal_arena *arena, size_t a, size_t b, size_t size);
void *pal_take3(pal_arena *arena, size_t a, size_t b, size_t c, size_t size);

/* An arena that places in a lent block; the block has PAL_ARENA_SLACK bytes more than was measured, so that
 * it may start anywhere. */
#define PAL_ARENA_SLACK 63
pal_arena pal_arena_in(void *block);

/* What a block for the arena that measured must have: false if no memory is as large. */
bool pal_arena_bytes(const pal_arena *measured, size_t *bytes);

/* Gives the placed arrays back to who lent the block: for calls that fail after they have placed. */
void pal_arena_return(const pal_arena *arena);

#endif
