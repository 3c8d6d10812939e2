/* pass.h - one evaluation on its way through the layers, and what the networks share (internal to arch/). */
#ifndef PAL_PASS_H
#define PAL_PASS_H

#include "transformer.h"

typedef struct {
    const pal_transformer *net;
    const pal_compute *compute;
    pal_activations *a;
    pal_cache *cache;
    int n;              /* rows; where they stand is in a->place, what they see in a->seen */
    int kept;           /* the first of them leave their keys and values in the cache */
    const int *rows;    /* those that queries and feed-forward networks are computed for */
    int count;          /* of them: n, but in the last layer */
    const int *lengths; /* [sequences], rows of each: sequences that do not see each other */
    int sequences;
} pal_pass;

/* a->x [n, dim]: the embeddings of tokens [n]. */
void pal_pass_embed(const pal_pass *p, const int32_t *tokens);

/* x [n, cols] on its way into products: of all rows, or of those in p->rows.  Rows that leave nothing in the cache ask for
 * adapters. */
pal_input pal_pass_input(const pal_pass *p, const float *x, int n, int cols);

/* Rows p->rows of a->h and a->x [n, dim] to their front: [count, dim]; *h is the input that a->h is, then. */
void pal_pass_gather(const pal_pass *p, pal_input *h);

/* Keeps keys and values a->k, a->v [n, kv_heads * head_dim] of a layer, those of the rows that are kept, and attends
 * with the queries a->q [count, heads * head_dim] to all that they see, into a->attended.  a->k and a->v are used up. */
void pal_pass_attend(const pal_pass *p, int layer);

#endif
