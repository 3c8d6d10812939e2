/* residual_block.h - the residual block of a picture network; the time enters as scale and shift (internal).
 *
 * Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020, appendix B, with the scale-shift norm of
 * Dhariwal and Nichol, "Diffusion models beat GANs", 2021, section 3:
 *
 *    h = conv1(silu(norm1(x)));  [scale, shift] = emb(silu(e));  h = conv2(silu(norm2(h) * (1 + scale) + shift))
 *    y = h + x, or h + skip(x) if the number of channels changes */
#ifndef PAL_RESIDUAL_BLOCK_H
#define PAL_RESIDUAL_BLOCK_H

#include "conv2d.h"
#include "group_norm.h"

typedef struct {
    pal_group_norm norm1, norm2; /* for `in` and for `out` channels */
    pal_conv2d conv1, conv2;     /* 3x3, in to out and out to out */
    pal_conv2d skip;             /* 1x1, in to out; no data if in equals out */
    pal_matrix emb;              /* [2 * out, embedding]: scale, then shift */
} pal_residual_block;

/* Scratch memory of the blocks, and of the attention between them, for `threads` threads. */
typedef struct {
    float *h, *t;      /* [values] each */
    float *modulation; /* [2 * widest] */
    pal_group_norm_scratch norm;
    pal_conv2d_scratch conv;
} pal_block_scratch;

/* The sizes of that scratch memory: the largest inputs and outputs of any part; SIZE_MAX if the true size is larger. */
typedef struct {
    size_t values; /* places * channels */
    size_t widest; /* channels, or the width of the embedding */
    size_t patch;  /* size * size * in of a convolution */
} pal_block_sizes;

void pal_block_layout(pal_block_scratch *scratch, int threads, const pal_block_sizes *sizes, pal_arena *arena);

/* Computes y [height, width, out] from x [height, width, in]; y overlaps nothing. e [embedding] already has SiLU
 * applied. */
void pal_residual_block_run(const pal_compute *compute, const pal_residual_block *b, float *y, const float *x,
                            int height, int width, const float *e, const pal_block_scratch *scratch);

#endif
