/* predictor.h - what a sampler or a likelihood needs of a network (internal).
 *
 * The seam between mathematics and networks: the samplers are proven on tables small enough to enumerate and run on
 * transformers through the same fields. */
#ifndef PAL_PREDICTOR_H
#define PAL_PREDICTOR_H

#include <stdbool.h>
#include <stdint.h>

#define PAL_RANK_UNKNOWN INT32_MAX /* later than every other rank */

/* One evaluation: a sequence of tokens, some of them not known yet, and the positions whose tokens are wanted. */
typedef struct {
    int32_t n;
    const int32_t *tokens; /* [n], the mask where a token is not known */
    const int32_t *rank;   /* [n], the order in which they became known: 0 given or pinned, then 1, 2, ...; equal for
                              those that became known together; PAL_RANK_UNKNOWN where a token is not known */
    double time;           /* 0 to 1: the share of tokens that noise has replaced (1 - alpha); 1: all of them */
    int count;             /* at least 1 */
    const int *at; /* [count], where logits may be wanted, in any order: what only others need is not computed */
} pal_query;

typedef struct {
    void *context;
    int32_t vocab;
    void (*evaluate)(void *context, const pal_query *q); /* keeps nothing of what q points to */
    /* logits [count, vocab] at positions of the last evaluation; cheap next to it.  false: some are NaN or infinite,
     * and what is made of them must not be shown. */
    bool (*logits)(void *context, const int *at, int count, float *logits);
    bool reads_time, reads_order; /* whether the answer depends on time, on rank: if not, a query in which nothing else
                                     has changed needs no new evaluation */
} pal_predictor;

#endif
