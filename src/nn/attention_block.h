/* attention_block.h - self-attention over all pixels of a picture (internal).
 *
 * As in Ho, Jain and Abbeel 2020, with several heads: x + out(softmax(q k^T / sqrt(head size)) v), where q, k and v are
 * computed from norm(x). */
#ifndef PAL_ATTENTION_BLOCK_H
#define PAL_ATTENTION_BLOCK_H

#include "residual_block.h"

typedef struct {
    pal_group_norm norm;
    pal_matrix q, k, v, out; /* [channels, channels] each */
    int heads;               /* channels / heads is a multiple of 8 */
} pal_attention_block;

typedef struct {
    float *q, *v;   /* [pixels, channels] each */
    float *keys;    /* [heads, pixels rounded up to 8, channels / heads], in panels: see pal_attention */
    float *scores;  /* [threads, PAL_ATTENTION_ROWS, pixels rounded up to 8] */
    pal_seen *seen; /* [pixels] */
} pal_attention_scratch;

/* Scratch memory for up to `pixels` pixels of up to `widest` channels, for `threads` threads. */
void pal_attention_layout(pal_attention_scratch *scratch, int threads, size_t pixels, size_t widest, pal_arena *arena);

/* x [pixels, channels], in place. */
void pal_attention_block_run(const pal_compute *compute, const pal_attention_block *b, float *x, int pixels,
                             const pal_block_scratch *block_scratch, const pal_attention_scratch *scratch);

#endif
