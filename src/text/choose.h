/* choose.h - from logits to a token of a page (internal): penalty, temperature, truncation, draw. */
#ifndef PAL_CHOOSE_H
#define PAL_CHOOSE_H

#include "law.h"

typedef struct {
    double temperature; /* 0: the likeliest, the lowest id among equals */
    int32_t top_k;      /* 0: off */
    double top_p, min_p, repetition_penalty;
} pal_choice;

/* Chooses a token by u in [0, 1).  law[n] holds the probabilities at temperature 1 (zeros stay
 * impossible) and is used as scratch; logits[n] the row they came from.  In this order: repetition penalty
 * for the tokens[count] of the page (positive logits divided, negative multiplied), temperature, top-k,
 * top-p (nucleus with the token that crosses, as Hugging Face has it), min-p; what is left is drawn from
 * by inverse CDF in token order.  *probability is law[result] as it came in.
 * present[n] is zero before and after; rank[n] is scratch. */
int32_t pal_choose(const pal_choice *how, double *law, const float *logits, int32_t n, const int32_t *tokens,
                   int32_t count, uint8_t *present, int32_t *rank, double u, double *probability);

#endif
