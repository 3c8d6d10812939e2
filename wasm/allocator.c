/* allocator.c - malloc and its relatives for the engines: an eighth of the code of a general allocator.
 *
 * A model and what is computed with it are few and large blocks, and a step allocates nothing.  So a list of the free
 * blocks in the order of their addresses is fast enough: a block is taken from the first one that is large enough, and
 * what is freed is joined with its neighbours.  Memory grows at its end by what is missing.  A block can have any size
 * that 32-bit addresses allow, and the last one can grow where it is.
 *
 * One thread may call these functions; if there are others, they only compute. */
#include "memory.h"
#include "team.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The header in front of a block, free or not.  Blocks are whole units, from address to address without gaps. */
typedef struct block {
    size_t bytes;       /* with the header: a multiple of UNIT */
    struct block *next; /* of a free block: the next free one, at a higher address */
} block;

enum { UNIT = 16, WASM_PAGE = 65536 };
#define END ((uintptr_t)0xffff0000) /* the last page is never used, so that the end of a block is an address */

static block *free_blocks;
static uintptr_t managed_end; /* of the memory that blocks are made of; 0 at first */

extern unsigned char __heap_base;                       /* by the linker: the end of stack and static data */
void emscripten_notify_memory_growth(size_t memory_id); /* by the host */

static uintptr_t round_up(uintptr_t value, size_t unit)
{
    return (value + unit - 1) & ~(uintptr_t)(unit - 1);
}

static uintptr_t end_of(const block *b)
{
    return (uintptr_t)b + b->bytes;
}

/* Joins two blocks of the list if nothing is between them. */
static void join(block *a, block *b)
{
    if (!b || end_of(a) != (uintptr_t)b) return;
    a->bytes += b->bytes;
    a->next = b->next;
}

static void release(block *b)
{
    block *before = NULL, *after = free_blocks;
    while (after && after < b) {
        before = after;
        after = after->next;
    }
    b->next = after;
    *(before ? &before->next : &free_blocks) = b;
    join(b, after);
    if (before) join(before, b);
}

/* The host is told after a failure too if there are threads, because it lets them in again. */
static bool grow(size_t pages)
{
    pw_team_rest();
    const bool grown = __builtin_wasm_memory_grow(0, pages) != SIZE_MAX;
    if (grown || PAL_HAVE_THREADS) emscripten_notify_memory_growth(0);
    return grown;
}

/* Makes the memory up to `end` free blocks; false: the host has no more. */
static bool grow_to(uintptr_t end)
{
    const uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) * WASM_PAGE - 1; /* 4 GiB would be 0 */
    if (end > have && !grow((end - have - 1 + WASM_PAGE - 1) / WASM_PAGE)) return false;
    const uintptr_t from = managed_end ? managed_end : round_up((uintptr_t)&__heap_base, UNIT);
    const uintptr_t last = (uintptr_t)__builtin_wasm_memory_size(0) * WASM_PAGE - 1;
    managed_end = last < END ? last + 1 : END;
    if (managed_end == from) return true;
    block *b = (block *)from;
    b->bytes = managed_end - from;
    release(b);
    return true;
}

/* The address at which a free block would give `align`ed bytes. */
static uintptr_t address_in(uintptr_t free_block, size_t align)
{
    return round_up(free_block + UNIT, align);
}

/* Takes `bytes` (with a header) from a free block, so that what follows the header is at `at`.  What is left on both
 * sides stays free. */
static void *take(block **link, uintptr_t at, size_t bytes)
{
    block *b = *link, *taken = (block *)(at - UNIT);
    const uintptr_t end = end_of(b), rest = (uintptr_t)taken + bytes;
    block *next = b->next;
    if (rest < end) {
        block *left = (block *)rest;
        left->bytes = end - rest;
        left->next = next;
        next = left;
    }
    if (taken == b) {
        *link = next;
    } else {
        b->bytes = (uintptr_t)taken - (uintptr_t)b;
        b->next = next;
    }
    taken->bytes = bytes;
    return (void *)at;
}

/* With the header, in whole units; 0: more than there can be. */
static size_t whole(size_t bytes)
{
    return bytes <= END - 2 * UNIT ? round_up(bytes + (bytes == 0), UNIT) + UNIT : 0;
}

void *aligned_alloc(size_t align, size_t bytes)
{
    const size_t need = whole(bytes);
    if (!need) return NULL;
    if (align < UNIT) align = UNIT;
    for (int tries = 0; tries < 2; tries++) {
        uintptr_t start = managed_end ? managed_end : (uintptr_t)&__heap_base;
        for (block **link = &free_blocks; *link; link = &(*link)->next) {
            const uintptr_t at = address_in((uintptr_t)*link, align);
            if (end_of(*link) >= at && end_of(*link) - at >= need - UNIT) return take(link, at, need);
            if (end_of(*link) == managed_end) start = (uintptr_t)*link;
        }
        const uintptr_t at = address_in(round_up(start, UNIT), align);
        if (at > END || END - at < need - UNIT || !grow_to(at + need - UNIT)) return NULL;
    }
    return NULL;
}

void *malloc(size_t bytes)
{
    return aligned_alloc(UNIT, bytes);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    void *p = __builtin_mul_overflow(count, size, &bytes) ? NULL : malloc(bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

void free(void *p)
{
    if (p) release((block *)((uintptr_t)p - UNIT));
}

bool pw_resize_in_place(void *p, size_t bytes)
{
    block *b = (block *)((uintptr_t)p - UNIT);
    const size_t need = whole(bytes);
    if (!need || END - (uintptr_t)b < need) return false;
    for (int tries = 0; tries < 2; tries++) {
        block **link = &free_blocks;
        while (*link && (uintptr_t)*link < end_of(b)) link = &(*link)->next;
        const uintptr_t free_end = *link && (uintptr_t)*link == end_of(b) ? end_of(*link) : end_of(b);
        if (need <= free_end - (uintptr_t)b) {
            if (need > b->bytes) take(link, end_of(b) + UNIT, need - b->bytes), b->bytes = need;
            break;
        }
        if (free_end != managed_end || !grow_to((uintptr_t)b + need)) return false;
    }
    if (need < b->bytes) {
        block *rest = (block *)((uintptr_t)b + need);
        rest->bytes = b->bytes - need;
        b->bytes = need;
        release(rest);
    }
    return true;
}

void *realloc(void *p, size_t bytes)
{
    if (p && pw_resize_in_place(p, bytes)) return p;
    void *moved = malloc(bytes);
    if (!moved || !p) return moved;
    const size_t had = ((block *)((uintptr_t)p - UNIT))->bytes - UNIT;
    memcpy(moved, p, had < bytes ? had : bytes);
    free(p);
    return moved;
}
