/* self_check.h - whether this machine computes what the kernels are written for (internal).
 *
 * Tests prove the kernels on engines that the tests have met.  Relaxed SIMD is as its engine makes it, and one has
 * shipped a compiler that gets a relaxed dot product wrong (V8 11.3, behind a flag), so a page asks its own engine
 * before it trusts that build: a few milliseconds. */
#ifndef PAL_SELF_CHECK_H
#define PAL_SELF_CHECK_H

#include <stdbool.h>

/* Runs every kernel of the best variants out of `isa` and its reference on the same small inputs, ordinary ones and
 * the corners of the formats; true where all bits agree.  Takes about 100 KB of stack. */
bool pal_self_check(unsigned isa);

/* The same for what pal_kernels_add_pictures adds. */
bool pal_self_check_pictures(unsigned isa);

#endif
