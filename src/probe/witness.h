/* witness.h - a direction in which a token is usually the most probable one (internal).
 *
 * z = (C + t I)^-1 (w_k - m), with mean m and covariance C of the rows, and t a tenth of C's mean variance: among rows of
 * one normal distribution, the one for which w_k leads by the largest multiple of the others' spread.  It decides nearly
 * all tokens of trained models with one product. */
#ifndef PAL_WITNESS_H
#define PAL_WITNESS_H

#include "output_layer.h"

typedef struct {
    const pal_output_layer *layer;
    int32_t samples, taken; /* rows that mean and covariance are computed from, evenly spaced; how many are added */
    double *mean;           /* [width] */
    double *factor;         /* [width, width] lower triangle: first the sum of squares, then the Cholesky factor */
    double *row;            /* [width] */
    float *scratch;         /* [width] */
} pal_witness;

void pal_witness_layout(pal_witness *w, const pal_output_layer *layer, pal_arena *arena);

/* Starts; then steps, each of which takes a fraction of a second for usual widths, until one returns false. */
void pal_witness_start(pal_witness *w);
bool pal_witness_step(pal_witness *w);

/* z [width] := the direction of token k, of length 1, or zeros.  `row` is scratch memory, [width]. */
void pal_witness_of(const pal_witness *w, int32_t k, double *z, float *row);

#endif
