/* score.h - likelihoods of token sequences, in nats (internal).
 *
 * All functions use the predictor interface, so that tests can use tables. A sequence is tokens[n]; its first `given`
 * tokens are shown and not scored. */
#ifndef PAL_SCORE_H
#define PAL_SCORE_H

#include "classes.h"
#include "fill.h"
#include "predictor.h"

enum { PAL_SCORE_ENUMERATED = 10 }; /* up to this many tokens the bound is computed exactly, not estimated */

typedef struct {
    pal_predictor predictor;
    const pal_classes *classes;
    int32_t *shown;                       /* [max_tokens], the tokens that the network sees */
    int32_t *rank;                        /* [max_tokens], as in pal_query */
    int *asked;                           /* [max_tokens], positions of the last evaluation */
    int32_t *order;                       /* [max_tokens], positions */
    float *logits;                        /* [PAL_FILL_ROWS, vocab] */
    double *probs;                        /* [vocab] */
    int32_t open;                         /* adaptive order in progress: order[0 .. open) are still masked */
    int32_t length;                       /* its number of masked positions at the start */
    uint32_t set;                         /* exact bound in progress: sets of positions below this one are done */
    double sum[PAL_SCORE_ENUMERATED + 1]; /* their sums of nats, by number of positions */
    uint64_t evaluations;
    bool broken; /* the predictor returned NaN or infinity: the last result is not valid */
} pal_scorer;

void pal_scorer_layout(pal_scorer *s, int32_t vocab, int32_t max_tokens, pal_arena *arena);

/* Parts that score_entropy.c uses too.  One evaluation for the tokens at s->order[0 .. count), with the ranks in s->rank;
 * the logits of each token are at its position + shift. */
void pal_score_evaluate(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t count, int32_t shift, double time);

/* s->shown and s->rank := the sequence with s->order[0 .. k) masked and the others given. */
void pal_score_mask(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t k);

/* s->order := the `length` positions from `given` on, in a random order; returns the number of those to mask, 1 + level *
 * length. */
int32_t pal_score_choose(pal_scorer *s, int32_t given, int32_t length, double level, uint64_t seed, uint32_t draw,
                         uint32_t window);

/* Causal models: the exact sum of -log p(token | earlier tokens); tokens[0] must be given. */
double pal_score_causal(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given);

/* One term of the likelihood bound, with k masked tokens: (L / k) * sum over the masked of -log p(token | rest), L = n
 * - given. Its average over k uniform in 1..L and over all sets of k positions is an upper bound on -log p under
 * first-hitting (Ou et al. 2024 (RADD), eq. k-DCE; Sahoo et al. 2024). level in [0, 1) sets k = 1 + level * L; seed,
 * draw and window address the random set. */
double pal_score_masked(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double level, uint64_t seed,
                        uint32_t draw, uint32_t window);

/* The exact bound, over all 2^L - 1 sets; L <= PAL_SCORE_ENUMERATED. */
double pal_score_bound(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given);

/* pal_score_bound one set at a time: call start, then step until it returns true; *bound is then set. */
void pal_score_bound_start(pal_scorer *s);
bool pal_score_bound_step(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double *bound);

/* -log p under the sampler that reveals one token where `measure` is largest (ties: the lowest position). Exact,
 * because the order depends only on revealed tokens. Takes L evaluations. */
double pal_score_adaptive(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, pal_measure_fn *measure);

/* pal_score_adaptive one evaluation at a time: call start, then sum the results of step until s->open is 0. */
void pal_score_adaptive_start(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given);
double pal_score_adaptive_step(pal_scorer *s, const int32_t *tokens, int32_t n, pal_measure_fn *measure);

#endif
