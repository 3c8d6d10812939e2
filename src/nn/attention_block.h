/* attention_block.h - attention of every place of a picture to all places (internal).
 *
 * As in Ho, Jain and Abbeel 2020 with heads: x + out(softmax(q k^T / sqrt(head size)) v), q, k and v of norm(x). */
#ifndef PAL_ATTENTION_BLOCK_H
#define PAL_ATTENTION_BLOCK_H

#include "residual_block.h"

typedef struct {
    pal_group_norm norm;
    pal_matrix q, k, v, out; /* [channels, channels] each */
    int heads;               /* channels / heads is a multiple of 8 */
} pal_attention_block;

typedef struct {
    float *q, *v;   /* [places, channels] each */
    float *keys;    /* [heads, places rounded up to 8, channels / heads], in panels: see pal_attention */
    float *scores;  /* [PAL_ATTENTION_ROWS, places rounded up to 8] */
    pal_seen *seen; /* [places] */
} pal_attention_room;

/* Room for up to `places` places, and for up to `values` = places * channels. */
void pal_attention_layout(pal_attention_room *room, size_t places, size_t widest, pal_arena *arena);

/* x [places, channels], in place. */
void pal_attention_block_run(const pal_compute *compute, const pal_attention_block *b, float *x, int places,
                             const pal_block_room *block_room, const pal_attention_room *room);

#endif
