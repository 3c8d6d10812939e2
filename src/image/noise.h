/* noise.h - random numbers of pictures, addressed by (purpose, picture, step, element) (internal).
 *
 * A number depends on its address and the seed alone, never on what was drawn before or beside it: picture 3 is the
 * same picture however many are asked for, and in whatever batches they are made. */
#ifndef PAL_IMAGE_NOISE_H
#define PAL_IMAGE_NOISE_H

#include <stdint.h>

/* What a number decides; new purposes go to the end.  core/random.h has those of texts, which begin at 0. */
typedef enum {
    PAL_NOISE_START = 64, /* the first state */
    PAL_NOISE_MOVE,       /* the noise of a step */
    PAL_NOISE_KNOWN,      /* known pixels taken to a noise level */
    PAL_NOISE_AGAIN,      /* a state taken back to a noise level (resampling) */
    PAL_NOISE_PROBE,      /* directions in which a divergence is measured */
    PAL_NOISE_DEQUANTISE, /* where in its interval a byte lies */
    PAL_NOISE_BOUND       /* noised pictures of a variational bound */
} pal_noise_purpose;

/* z[size] := normal deviates.  Box and Muller's transform (1958) of one block of Philox for elements 2i and 2i + 1:
 * u = 1 - the 53 bits of words 0 and 1, v = the 53 bits of words 2 and 3, both as core/random.h makes a uniform number;
 * sqrt(-2 log u) times the cosine and the sine of 2 pi v, in double, rounded to float.  The largest is 8.6. */
void pal_normals(uint64_t seed, pal_noise_purpose purpose, uint32_t picture, uint32_t step, int32_t size, float *z);

/* v[size] := signs, -1 or 1 with equal probability (Rademacher): one bit an element, 128 to a block. */
void pal_signs(uint64_t seed, pal_noise_purpose purpose, uint32_t picture, uint32_t step, int32_t size, float *v);

/* x[size] := bytes spread evenly over their intervals, in [-1, 1): 2 (byte + u) / 256 - 1.  Another draw is another
 * u. */
void pal_dequantise(uint64_t seed, uint32_t picture, uint32_t draw, const uint8_t *bytes, int32_t size, float *x);

#endif
