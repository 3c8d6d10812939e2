/* core.h - what all parts of the engine use (internal): assertions, errors, byte strings, checked sizes, the arena.
 *
 * Depends only on the public header.  See random.h for random numbers, math.h for elementary functions, file.h for file
 * mapping. */
#ifndef PAL_CORE_H
#define PAL_CORE_H

#include "../palimpsest.h"

/* Tensors, panels and saved keys and values are read in place, and files are little-endian. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "this engine needs a little-endian machine");

/* Checks for bugs in the caller or in this library; bad files and bad text are reported with pal_fail instead. */
#ifdef NDEBUG
#define PAL_ASSERT(cond) ((void)0)
#else
#define PAL_ASSERT(cond) ((cond) ? (void)0 : __builtin_trap())
#endif

/* Fills *err (which may be NULL) and returns status, so that a failure is one `return pal_fail(...)`. It is inline so
 * that the static analyser sees that it returns a failure. */
static inline pal_status pal_fail(pal_error *err, pal_status status, const char *text, size_t offset)
{
    if (err) *err = (pal_error){status, text, offset};
    return status;
}

/* For a network whose output contains NaN or infinity: the same status and message for every kind of network. */
static inline pal_status pal_fail_not_finite(pal_error *err)
{
    return pal_fail(err, PAL_E_FORMAT, "the network produced NaN or infinity; the model file is probably damaged",
                    SIZE_MAX);
}

bool pal_all_finite(const float *values, size_t count);

/* A byte string that is not owned: not terminated, may contain NUL. */
typedef struct {
    const char *data;
    size_t size;
} pal_str;

bool pal_str_is(pal_str s, const char *literal);

/* Products and sums of sizes from a file or a caller.  They return SIZE_MAX if the true result is larger; pal_take
 * refuses that value.  Layouts must multiply sizes only with these: in 32 bits, 2^20 * 2^12 bytes would wrap to 0. */
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

/* Measures and places the arrays of one memory block: with base NULL it measures, otherwise it places.  The same layout
 * function does both, so the results agree; the code that places asserts this.
 *
 * All arrays of an arena are in one block, and the sanitizer knows only the ends of that block.  So in sanitized builds
 * each array is followed by PAL_RED_ZONE unused bytes, which are poisoned if the block is on the heap: a write past an
 * array is reported at once. free() removes the poison, and so does placing again in the same block.  In such a build,
 * a caller that reuses a block for something else without freeing it must unpoison it (ASAN_UNPOISON_MEMORY_REGION).
 * Blocks on the stack or in static memory are never freed, so they are never poisoned. */
typedef struct {
    unsigned char *base; /* 64-byte aligned, or NULL while measuring */
    size_t used;
    bool overflow;  /* the size does not fit size_t: the measurement is meaningless */
    bool red_zones; /* whether to poison them; set by pal_arena_in */
} pal_arena;

enum { PAL_RED_ZONE = PAL_ASAN ? 256 : 0 };

/* Space for count elements of size bytes, aligned to 64; NULL while measuring or after overflow. */
void *pal_take(pal_arena *arena, size_t count, size_t size);

/* The same for a * b or a * b * c elements. */
void *pal_take2(pal_arena *arena, size_t a, size_t b, size_t size);
void *pal_take3(pal_arena *arena, size_t a, size_t b, size_t c, size_t size);

/* An arena that places in a given block.  The block must have PAL_ARENA_SLACK bytes more than was measured, so that it
 * can start at any address. */
#define PAL_ARENA_SLACK 63
pal_arena pal_arena_in(void *block);

/* The size of the block that a measured arena needs, slack included; false if it does not fit size_t. */
bool pal_arena_bytes(const pal_arena *measured, size_t *bytes);

/* Unpoisons the placed arrays, for calls that fail after placing and hand the block back to its owner. */
void pal_arena_return(const pal_arena *arena);

#endif
