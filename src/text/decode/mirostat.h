/* mirostat.h - a truncation that steers the surprise of a text (internal).
 *
 * Mirostat v2: algorithm 2 of Basu, Ramachandran, Keskar and Varshney, "Mirostat: a neural text decoding algorithm
 * that directly controls perplexity" (ICLR 2021).  Surprise is in bits, -log2 of the probability before this
 * truncation.  After each token the threshold mu moves by the error against the target, times a rate. */
#ifndef PAL_MIROSTAT_H
#define PAL_MIROSTAT_H

#include "../probabilities.h"

/* All there is to keep between two tokens; saved with a session. */
typedef struct {
    double mu; /* bits: more surprising tokens are left out of the next draw */
} pal_mirostat;

pal_mirostat pal_mirostat_start(double tau); /* mu = 2 tau, as the paper starts */

/* Sets to zero what is more surprising than mu; the likeliest always stays.  probs[n] sums to 1. */
void pal_mirostat_truncate(const pal_mirostat *m, double *probs, int32_t n);

/* After a token of that probability, before the truncation: mu -= eta (-log2 probability - tau). */
void pal_mirostat_learn(pal_mirostat *m, double tau, double eta, double probability);

#endif
