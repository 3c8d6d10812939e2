/* noise.h - random numbers of pictures, addressed by (purpose, picture, step, element) (internal).
 *
 * A number depends only on its address and the seed, never on other draws: picture 3 is the same picture for any number
 * of pictures and any batch size. */
#ifndef PAL_IMAGE_NOISE_H
#define PAL_IMAGE_NOISE_H

#include <stdint.h>

/* What a number is used for.  Add new purposes at the end. core/random.h has the purposes of texts, which begin at
 * 0. */
typedef enum {
    PAL_NOISE_START = 64, /* the first state */
    PAL_NOISE_MOVE,       /* the noise of a step */
    PAL_NOISE_KNOWN,      /* noise added to known pixels */
    PAL_NOISE_AGAIN,      /* noise added to a state to return to a noise level (resampling) */
    PAL_NOISE_PROBE,      /* directions for the estimate of a divergence */
    PAL_NOISE_DEQUANTISE, /* offsets of bytes within their intervals */
    PAL_NOISE_BOUND       /* noised pictures of a variational bound */
} pal_noise_purpose;

/* z[size] := normal deviates.  Box and Muller's transform (1958); one block of Philox gives elements 2i and 2i + 1. u =
 * 1 - the 53 bits of words 0 and 1, v = the 53 bits of words 2 and 3, both converted to uniform numbers as in
 * core/random.h.  The deviates are sqrt(-2 log u) times the cosine and the sine of 2 pi v, computed in double and
 * rounded to float.  The largest magnitude is 8.6. */
void pal_normals(uint64_t seed, pal_noise_purpose purpose, uint32_t picture, uint32_t step, int32_t size, float *z);

/* v[size] := signs, -1 or 1 with equal probability (Rademacher): one bit per element, 128 elements per block. */
void pal_signs(uint64_t seed, pal_noise_purpose purpose, uint32_t picture, uint32_t step, int32_t size, float *v);

/* x[size] := 2 (byte + u) / 256 - 1 in [-1, 1), with u uniform in [0, 1).  Another value of draw gives another u. */
void pal_dequantise(uint64_t seed, uint32_t picture, uint32_t draw, const uint8_t *bytes, int32_t size, float *x);

#endif
