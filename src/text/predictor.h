/* predictor.h - the interface between samplers or likelihoods and a network (internal).
 *
 * Through it the samplers run on transformers, and tests run them on tables that are small enough to enumerate. */
#ifndef PAL_PREDICTOR_H
#define PAL_PREDICTOR_H

#include <stdbool.h>
#include <stdint.h>

#define PAL_RANK_UNKNOWN INT32_MAX /* greater than every other rank */

/* One evaluation: a sequence of tokens, some of them unknown, and the positions whose logits are needed. */
typedef struct {
    int32_t n;
    const int32_t *tokens; /* [n], the mask token where a token is unknown */
    const int32_t *rank;   /* [n], the order in which they became known: 0 given or pinned, then 1, 2, ...; equal for
                              tokens revealed together; PAL_RANK_UNKNOWN for unknown tokens */
    double time;           /* 0 to 1: the share of tokens that noise has replaced (1 - alpha) */
    int count;             /* at least 1 */
    const int *at;         /* [count], the positions whose logits may be read, in any order; others are not computed */
} pal_query;

typedef struct {
    void *context;
    int32_t vocab;
    void (*evaluate)(void *context, const pal_query *q); /* keeps no pointer into q */
    /* Writes logits [count, vocab] at positions of the last evaluation; cheap compared with it. Returns false if some
     * are NaN or infinite; then results computed from them must not be used. */
    bool (*logits)(void *context, const int *at, int count, float *logits);
    bool reads_time, reads_order; /* whether the logits depend on time, or on rank: if not, a query that differs in
                                     nothing else needs no new evaluation */
} pal_predictor;

#endif
