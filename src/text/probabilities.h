/* probabilities.h - probability distributions over a vocabulary: softmax, truncations, draw (internal).
 *
 * probs is an array of doubles, one per token in the order of ids; zero means impossible. Truncations set the removed
 * tokens to zero and leave the others unchanged. */
#ifndef PAL_PROBABILITIES_H
#define PAL_PROBABILITIES_H

#include "../core/team.h"

#define PAL_NEVER     (-1e300) /* the logit of an impossible token: probability exactly zero */
#define PAL_MAX_LOGIT 1e30

/* Clamps a logit to a range that is safe for the arithmetic, whatever the weights produce; NaN becomes the minimum. */
static inline double pal_bounded(double logit)
{
    if (logit > PAL_MAX_LOGIT) return PAL_MAX_LOGIT;
    return logit > -PAL_MAX_LOGIT ? logit : -PAL_MAX_LOGIT;
}

/* The two steps of softmax, in double.  pal_exponentials sets *max to the maximum of x[n], x to e^(x - max), 0 for
 * PAL_NEVER, and returns their sum, in index order.  pal_softmax then divides by it.  The team computes the exponentials;
 * NULL: the caller alone. */
double pal_exponentials(pal_team *team, double *x, int32_t n, double *max);
void pal_softmax(pal_team *team, double *x, int32_t n);

typedef struct {
    int32_t top_k; /* 0: off */
    double top_p;  /* 1 or more: off */
    double min_p;  /* 0: off */
} pal_truncation;

/* Applies in this order: top_k keeps the top_k most probable tokens (lower ids first among equals); top_p keeps the
 * most probable of these until their sum reaches top_p of the mass; min_p keeps those with at least min_p times the
 * highest probability. At least one token stays. total is the sum of probs (1 unless a truncation came before); heap[n]
 * is scratch memory. */
void pal_probs_truncate(const pal_truncation *how, double *probs, int32_t n, double total, int32_t *heap);

/* Locally typical sampling (Meister, Pimentel, Wiher and Cotterell 2022, section 4.2): keeps the tokens whose -ln p is
 * closest to the entropy, closest first, lower ids first among equals, until they have typical_p of the mass; the token
 * that crosses stays. key[n] and heap[n] are scratch memory. */
void pal_probs_typical(double *probs, int32_t n, double typical_p, double *key, int32_t *heap);

double pal_probs_sum(const double *probs, int32_t n); /* in index order */

/* The most probable token; the lowest id among equals. */
int32_t pal_probs_likeliest(const double *probs, int32_t n);

/* Collects the `max` (at least 1) largest of the values offered, largest first. Among equal values the first one
 * offered comes first, so offer ids in ascending order. NaN must not be offered. */
typedef struct {
    int32_t max, count;
    int32_t *id;  /* [max] */
    float *value; /* [max] */
} pal_top;
void pal_top_insert(pal_top *top, int32_t id, float value); /* called by pal_top_offer only */

static inline void pal_top_offer(pal_top *top, int32_t id, float value)
{
    if (top->count < top->max || value > top->value[top->max - 1]) pal_top_insert(top, id, value);
}

/* Inverse CDF in the order of ids: returns the first token whose cumulative probability exceeds u times the sum, u in
 * [0, 1). Never returns a token of probability zero unless all are zero. */
int32_t pal_probs_draw(const double *probs, int32_t n, double u);

#endif
