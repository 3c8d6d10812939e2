/* memory.h - allocates blocks of any size that 32-bit addresses allow. */
#ifndef PAL_WASM_MEMORY_H
#define PAL_WASM_MEMORY_H

#include <stddef.h>

/* Allocates a 64-byte aligned block, also of 2 GiB and more, which malloc refuses.  free() frees it.  NULL if memory
 * cannot grow. */
void *pw_alloc(size_t bytes);

#endif
