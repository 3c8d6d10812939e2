/* self_check.h - whether this machine computes the kernels correctly (internal).
 *
 * Tests check the kernels only on the engines that run the tests.  Relaxed SIMD depends on the engine, and one engine
 * shipped a compiler with a wrong relaxed dot product (V8 11.3, behind a flag).  So a page checks its own engine before
 * it uses that build; the check takes a few milliseconds.
 *
 * A digest is one number for the results of every kernel that a model can run, on fixed small inputs: ordinary values
 * and extreme values of the formats.  All instruction sets give the same bits, so they give the same digest, which is
 * stored here.  The stored digest also detects an error in code that all variants share. */
#ifndef PAL_SELF_CHECK_H
#define PAL_SELF_CHECK_H

#include "kernels.h"

/* The expected digests.  They change only if the result of a kernel or the inputs of the check change;
 * tests/test_self_check.c prints the current values. */
#define PAL_DIGEST_TEXTS    0x0d3fda38u
#define PAL_DIGEST_PICTURES 0x81a43984u

/* Runs every member of `k` that texts and pictures share, with every type of weights.  Uses about 140 KB of stack. */
uint32_t pal_kernels_digest(const pal_kernels *k);

/* The same for the entries that pal_kernels_add_pictures sets. */
uint32_t pal_kernels_digest_pictures(const pal_kernels *k);

/* Whether the best variants out of `isa`, and the references, have the expected digest. */
bool pal_self_check(unsigned isa);
bool pal_self_check_pictures(unsigned isa);

/* Adds the results x [count] to a digest.  All NaNs count as equal (kernels.h). */
uint32_t pal_digest_add(uint32_t digest, const float *x, size_t count);

#endif
