/* score.h - likelihoods of token sequences, in nats (internal).
 *
 * Every function works through the predictor, so that tests can use tables.  A sequence is
 * tokens[n], of which the first `given` are shown and not scored. */
#ifndef PAL_SCORE_H
#define PAL_SCORE_H

#include "classes.h"
#include "fill.h"
#include "predictor.h"

enum { PAL_SCORE_ENUMERATED = 10 }; /* up to this many tokens the bound is computed, not estimated */

typedef struct {
    pal_predictor predictor;
    const pal_classes *classes;
    int32_t *shown; /* [max_tokens], what the network is shown */
    int32_t *rank;  /* [max_tokens], when that became known, as in pal_query */
    int *asked;     /* [max_tokens], positions of the last evaluation */
    int32_t *order; /* [max_tokens], positions */
    float *logits;  /* [PAL_FILL_ROWS, vocab] */
    double *probs;  /* [vocab] */
    int32_t open;   /* of an adaptive order under way: order[0 .. open) are still masked */
    int32_t length; /* how many that were in the beginning */
    uint32_t set;   /* of an exact bound under way: the sets of positions below this one are done */
    double sum[PAL_SCORE_ENUMERATED + 1]; /* ... and their nats by the number of positions */
    uint64_t evaluations;
    bool broken; /* the predictor has given NaN or infinity: what the last call returned means nothing */
} pal_scorer;

void pal_scorer_layout(pal_scorer *s, int32_t vocab, int32_t max_tokens, pal_arena *arena);

/* Causal: sum of -log p(token | before), exactly; tokens[0] must be given. */
double pal_score_causal(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given);

/* The bound with k masked tokens: (L / k) * sum over the masked of -log p(token | rest), L = n - given.
 * Averaged over k uniform in 1..L and all sets of k positions it is an upper bound on -log p of the
 * first-hitting law (Ou et al. 2024 (RADD), eq. k-DCE; Sahoo et al. 2024).  level in [0, 1) chooses k = 1 + level * L,
 * draw numbers the random set. */
double pal_score_masked(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double level, uint64_t seed,
                        uint32_t draw, uint32_t window);

/* The same bound, exactly, over all 2^L - 1 sets; L <= PAL_SCORE_ENUMERATED. */
double pal_score_bound(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given);

/* The same, one set at a time: after start, step until it is true; *bound is then set. */
void pal_score_bound_start(pal_scorer *s);
bool pal_score_bound_step(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double *bound);

/* -log p under the sampler that reveals one token where `measure` is largest (ties to the lowest
 * position): exact, because the order is a function of what is revealed.  L evaluations. */
double pal_score_adaptive(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, pal_measure_fn *measure);

/* The same, one evaluation at a time: after start, the sum of what step returns until s->open is 0. */
void pal_score_adaptive_start(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given);
double pal_score_adaptive_step(pal_scorer *s, const int32_t *tokens, int32_t n, pal_measure_fn *measure);

#endif
