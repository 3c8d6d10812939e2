/* group_norm.h - GroupNorm (Wu and He, "Group normalization", 2018), with the modulation and SiLU that follow it
 * (internal).
 *
 * Groups are runs of consecutive channels.  Mean and (biased) variance are taken over a group's channels and all pixels
 * of the picture.  The scale and shift of a time embedding and the norm's own gain and bias are combined to one factor
 * and one addend per channel, so a picture is read twice for its statistics and once to normalise it. */
#ifndef PAL_GROUP_NORM_H
#define PAL_GROUP_NORM_H

#include "../kernels/compute.h"

typedef struct {
    const float *gain, *bias; /* [channels] */
    int channels, groups;     /* groups divides channels */
    float eps;
} pal_group_norm;

typedef struct {
    float *sum, *factor, *addend; /* [widest] each */
} pal_group_norm_scratch;

/* Scratch memory for norms of up to `widest` channels. */
void pal_group_norm_layout(pal_group_norm_scratch *scratch, size_t widest, pal_arena *arena);

/* What follows the norm. */
typedef enum { PAL_NORM_ONLY, PAL_NORM_SILU } pal_norm_end;

/* y = end(norm(x) * (1 + scale) + shift) for x, y [pixels, channels]; y may be x. modulation [2 * channels] holds
 * scale, then shift; NULL: none. */
void pal_group_norm_run(const pal_compute *compute, const pal_group_norm *norm, float *y, const float *x, int pixels,
                        const float *modulation, pal_norm_end end, const pal_group_norm_scratch *scratch);

#endif
