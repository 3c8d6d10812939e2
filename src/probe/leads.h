/* leads.h - by how much a token leads all others in a direction of the hidden row (internal).
 *
 * The lead of token k over token i is (w_k - w_i) . z + (b_k - b_i) s, for a direction (z, s): the hidden row is z / s.
 * Products of all rows are computed in f32 by the kernels.  Their error is at most e = (width + 4) 2^-24 |w| |z|, summed
 * over both rows.  A lead above e is positive; the others are computed in f64. */
#ifndef PAL_LEADS_H
#define PAL_LEADS_H

#include "output_layer.h"

/* Scratch memory of one thread. */
typedef struct {
    double *own, *other; /* [width] */
    float *row;          /* [width] */
} pal_leads_scratch;

void pal_leads_layout(pal_leads_scratch *scratch, int width, pal_arena *arena);

/* Whether token k is the most probable one in the direction (z, s), s >= 0, by more than rounding errors; tokens with
 * the same row and bias do not count.  logits [count] are the products of all rows with the lifted z.  *lead := the
 * smallest lead. */
bool pal_leads_win(const pal_output_layer *l, pal_leads_scratch *scratch, int32_t k, const double *z, double s,
                   const float *logits, double *lead);

/* The tokens with the smallest leads over k, the smallest first: up to `capacity` ids.  Returns their number. */
int pal_leads_smallest(const pal_output_layer *l, int32_t k, double s, const float *logits, int32_t *ids, double *leads,
                       int capacity);

#endif
