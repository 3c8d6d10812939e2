/* memory.h - blocks of any size that 32-bit addresses reach. */
#ifndef PAL_WASM_MEMORY_H
#define PAL_WASM_MEMORY_H

#include <stddef.h>

/* 64-byte aligned, also where malloc refuses: from 2 GiB on.  For free(); NULL when memory cannot grow. */
void *pw_alloc(size_t bytes);

#endif
