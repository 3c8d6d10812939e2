/* memory.h - the engines' memory (allocator.c), beyond what stdlib.h declares. */
#ifndef PAL_WASM_MEMORY_H
#define PAL_WASM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Allocates a 64-byte aligned block.  free() frees it.  NULL if memory cannot grow. */
void *pw_alloc(size_t bytes);

/* Changes the size of an allocated block without moving it; false, and nothing is changed, if that is impossible. */
bool pw_resize_in_place(void *p, size_t bytes);

#endif
