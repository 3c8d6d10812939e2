/* probabilities.h - probabilities over a vocabulary (internal): softmax, truncations, draw.
 *
 * A law is a row of doubles, one a token
 * in the order of ids; zero is impossible.  Truncations set to zero what they leave out and leave the rest
 * as it is. */
#ifndef PAL_PROBABILITIES_H
#define PAL_PROBABILITIES_H

#include "../core/core.h"

#define PAL_NEVER     (-1e300) /* a logit whose token is out of the question: exactly zero probability */
#define PAL_MAX_LOGIT 1e30

/* A logit that arithmetic cannot go wrong on, whatever hostile weights gave; NaN is the least. */
static inline double pal_bounded(double logit)
{
    if (logit > PAL_MAX_LOGIT) return PAL_MAX_LOGIT;
    return logit > -PAL_MAX_LOGIT ? logit : -PAL_MAX_LOGIT;
}

/* x[n]: logits -> probabilities, in place, in double: the maximum is subtracted, sums run in index order. */
void pal_softmax(double *x, int32_t n);

typedef struct {
    int32_t top_k; /* 0: off */
    double top_p;  /* 1 or more: off */
    double min_p;  /* 0: off */
} pal_truncation;

/* In this order: the top_k likeliest, lower ids first among equals; of those the likeliest up to top_p of their
 * mass, the one that crosses included; of those all that have min_p times the probability of the likeliest.  At
 * least one is left.  total is the sum of law (1, except where a truncation came before); heap[n] is scratch. */
void pal_probs_truncate(const pal_truncation *how, double *probs, int32_t n, double total, int32_t *heap);

/* Locally typical sampling (Meister, Pimentel, Wiher and Cotterell 2022, section 4.2): keeps tokens whose
 * -ln p is nearest to the entropy of the law, nearest first, lower ids first among equals, until they have
 * typical_p of its mass; the one that crosses stays.  key[n] and heap[n] are scratch. */
void pal_probs_typical(double *probs, int32_t n, double typical_p, double *key, int32_t *heap);

double pal_probs_sum(const double *probs, int32_t n); /* in index order */

/* The lowest id among the likeliest. */
int32_t pal_probs_likeliest(const double *probs, int32_t n);

/* The largest of the values offered, at most `max` (at least 1), largest first; of equals the one that was offered first,
 * so ids are offered in their order.  NaN must not be offered. */
typedef struct {
    int32_t max, count;
    int32_t *id;  /* [max] */
    float *value; /* [max] */
} pal_top;
void pal_top_insert(pal_top *top, int32_t id, float value); /* for pal_top_offer alone */

static inline void pal_top_offer(pal_top *top, int32_t id, float value)
{
    if (top->count < top->max || value > top->value[top->max - 1]) pal_top_insert(top, id, value);
}

/* Inverse CDF in the order of ids: the first token whose cumulative mass exceeds u times the whole, u in [0, 1);
 * never one of probability zero while another is left. */
int32_t pal_probs_draw(const double *probs, int32_t n, double u);

#endif
