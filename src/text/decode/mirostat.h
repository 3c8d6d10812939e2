/* mirostat.h - a truncation that controls the surprise of a text (internal).
 *
 * Mirostat v2: algorithm 2 of Basu, Ramachandran, Keskar and Varshney, "Mirostat: a neural text decoding algorithm that
 * directly controls perplexity" (ICLR 2021). Surprise is in bits: -log2 of the probability before this truncation.
 * After each token the threshold mu moves against the error from the target, multiplied by a rate. */
#ifndef PAL_MIROSTAT_H
#define PAL_MIROSTAT_H

#include "../probabilities.h"

/* The state between two tokens; saved with a session. */
typedef struct {
    double mu; /* bits: tokens with a higher surprise are excluded from the next draw */
} pal_mirostat;

pal_mirostat pal_mirostat_start(double tau); /* mu = 2 tau, as in the paper */

/* Sets tokens with a surprise above mu to zero; the most probable always stays. probs[n] must sum to 1. */
void pal_mirostat_truncate(const pal_mirostat *m, double *probs, int32_t n);

/* Updates mu after a token whose probability before the truncation is given: mu -= eta (-log2 probability - tau). */
void pal_mirostat_learn(pal_mirostat *m, double tau, double eta, double probability);

#endif
