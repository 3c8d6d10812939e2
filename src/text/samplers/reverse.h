/* reverse.h - the reverse process of networks that compute scores: what euler, tweedie and euler-corrector share
 * (internal).
 *
 * K steps lead from time 1 to PAL_REVERSE_END on an even grid, and a closing one from there to clean tokens, as in the code
 * that Lou, Meng and Ermon (2024) published.  All places change independently of each other in a step: the distribution
 * has an error of O(1 / K).  Given and pinned tokens are held.
 *
 * Absorbing graph: open places hold the mask.  Whether one is revealed is drawn first, with 53 bits, and then its token
 * by the rules and options that all samplers have.  Uniform graph: open places hold pieces, which change until the closing
 * step reveals them; whether a place changes is drawn first here too. */
#ifndef PAL_REVERSE_H
#define PAL_REVERSE_H

#include "samplers.h"

#define PAL_REVERSE_END 1e-5

typedef enum { PAL_REVERSE_PREDICT, PAL_REVERSE_CORRECT, PAL_REVERSE_CLOSE } pal_reverse_kind;

typedef struct {
    pal_reverse_kind kind;
    double sigma;     /* the noise in the tokens that the network sees */
    double rate_step; /* the rate of sigma times the length of the step in time */
    double removed;   /* the noise that the step removes: sigma now - sigma then; of the closing step all */
} pal_reverse;

pal_reverse pal_reverse_now(const pal_fill *f); /* the step that begins */
int32_t pal_reverse_last(const pal_fill *f);    /* number of steps, with corrections and the closing one */
bool pal_reverse_ask(pal_fill *f);

/* The probability that an open place of the absorbing graph is revealed, if all scores together are `sum`. */
typedef double pal_reveal_fn(const pal_reverse *r, double sum);

/* weight[id], in: the score of every state, 1 for `own`, the state that the place is in; out: the weights of the states
 * that the place will be in. */
typedef void pal_weigh_fn(const pal_reverse *r, const pal_classes *c, int32_t own, double *weight);

/* Makes the step; `remask` is the probability that a token of the absorbing graph is masked again. */
void pal_reverse_make(pal_fill *f, const pal_reverse *r, pal_reveal_fn *reveal, pal_weigh_fn *weigh, double remask);

/* The weights of `removed` noise that is taken away by Bayes' rule (Lou et al., theorem 4.2); the closing step of all. */
pal_reveal_fn pal_reveal_tweedie;
pal_weigh_fn pal_weigh_tweedie;

#endif
