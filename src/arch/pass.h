/* pass.h - the state of one evaluation, and the steps that all transformers share (internal to arch/). */
#ifndef PAL_PASS_H
#define PAL_PASS_H

#include "transformer.h"

typedef struct {
    const pal_transformer *net;
    const pal_compute *compute;
    pal_activations *a;
    pal_cache *cache;
    int n;              /* rows; their places are in a->place, what they see in a->seen */
    int kept;           /* the first `kept` rows store their keys and values in the cache */
    const int *rows;    /* the rows for which queries and feed-forward networks are computed */
    int count;          /* number of `rows`: n, except in the last layer */
    const int *lengths; /* [sequences], rows of each sequence; sequences do not see each other */
    int sequences;
    const pal_row_part *parts; /* [sequences], instead of cache and lengths, if they have caches of their own */
} pal_pass;

/* Stores the embeddings of tokens [n] in a->x [n, dim]; -1 is net->unknown. */
void pal_pass_embed(const pal_pass *p, const int32_t *tokens);

/* Makes x [n, cols] an input of products; x holds all rows, or those in p->rows.  Rows that are not kept in the cache
 * request adapters. */
pal_input pal_pass_input(const pal_pass *p, const float *x, int n, int cols);

/* Moves rows p->rows of a->h and a->x [n, dim] to the front: [count, dim]. *h becomes the input for the new a->h. */
void pal_pass_gather(const pal_pass *p, pal_input *h);

/* a->k, a->v [n, kv_heads * head_dim] and a->q [count, heads * head_dim] := products of a->h [n, dim], the input of the
 * attention of layer l.  Calls pal_pass_gather. */
void pal_pass_project(const pal_pass *p, const pal_layer *l);

/* Rotates x [count, heads * head_dim] by the angles of its rows' places; rows NULL: rows 0, 1, 2, ... */
void pal_pass_rotate(const pal_pass *p, float *x, const int *rows, int count, int heads);

/* Stores the keys and values a->k, a->v [n, kv_heads * head_dim] of the kept rows in the cache for this layer.  Then
 * the queries a->q [count, heads * head_dim] attend to all that they see; the result is in a->attended.  The contents
 * of a->k and a->v are lost. */
void pal_pass_attend(const pal_pass *p, int layer);

#endif
