/* self_check.h - whether this machine computes what the kernels are written for (internal).
 *
 * Tests prove the kernels on engines that the tests have met.  Relaxed SIMD is as its engine makes it, and one has
 * shipped a compiler that gets a relaxed dot product wrong (V8 11.3, behind a flag), so a page asks its own engine
 * before it trusts that build: a few milliseconds.
 *
 * A digest is one number for the results of every kernel that a model can run, on the same small inputs: ordinary
 * ones and the corners of the formats.  All instruction sets give the same bits, so they give the same digest, and it
 * is stored.  That also sees a fault in code which all variants share. */
#ifndef PAL_SELF_CHECK_H
#define PAL_SELF_CHECK_H

#include "kernels.h"

/* What the digests must be.  They change only when the result of a kernel or the inputs of the check change;
 * tests/test_self_check.c prints what they are. */
#define PAL_DIGEST_TEXTS    0xb01614b7u
#define PAL_DIGEST_PICTURES 0x81a43984u

/* Runs every member of `k` that texts and pictures share, with every type of weights.  Takes about 140 KB of stack. */
uint32_t pal_kernels_digest(const pal_kernels *k);

/* The same for what pal_kernels_add_pictures adds. */
uint32_t pal_kernels_digest_pictures(const pal_kernels *k);

/* Whether the best variants out of `isa`, and the references, have the digest that they must have. */
bool pal_self_check(unsigned isa);
bool pal_self_check_pictures(unsigned isa);

/* Puts the results x [count] into a digest; which NaN a result is does not count (kernels.h). */
uint32_t pal_digest_add(uint32_t digest, const float *x, size_t count);

#endif
