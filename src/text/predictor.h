/* predictor.h - the interface between samplers or likelihoods and a network (internal).
 *
 * Through it the samplers run on transformers, and tests run them on tables that are small enough to enumerate. */
#ifndef PAL_PREDICTOR_H
#define PAL_PREDICTOR_H

#include "../core/team.h"

#define PAL_RANK_UNKNOWN INT32_MAX /* greater than every other rank */

/* One evaluation: a sequence of tokens, some of them unknown, and the positions whose logits are needed. */
typedef struct {
    int32_t n;
    const int32_t *tokens; /* [n], the mask token where a token is unknown */
    const int32_t *rank;   /* [n], increasing in the order in which they became known: 0 given, then pins from left to
                              right, then drawn tokens; equal for tokens revealed together; PAL_RANK_UNKNOWN for unknown
                              tokens */
    double time;           /* 0 to 1: the share of tokens that noise has replaced (1 - alpha) */
    int count;             /* at least 1 */
    const int *at;         /* [count], the positions whose logits may be read, in any order; others are not computed */
    const int32_t *before; /* the token before the sequence if that is a part of a text; NULL: it starts a text, or the
                              token is not known */
} pal_query;

/* What the logits at a position depend on.  If the predictor reads the order (reads_order): on all known tokens if the
 * token there is unknown; if it is known and has a rank r above 0, on the tokens with ranks below r only, so that they
 * give the probabilities under which it became known.  Tokens with equal ranks do not affect each other; given tokens,
 * of rank 0, cannot be asked for.  One query for all known tokens with ranks above 0 therefore gives the likelihood of a
 * filled page in this order.  Unknown tokens never matter; one behind the end of its blank is unknown for ever.
 * A mask token with a rank is unknown too, but its logits are those of its rank (a drafted end of a blank).
 *
 * If the predictor does not read the order: on all of `tokens`, whatever their ranks, and also on the token at the
 * position itself.  Likelihoods then need a query for each token, in which it is unknown. */

typedef struct {
    void *context;
    pal_team *team; /* the threads that evaluate it, also for work on its logits; NULL: the caller's alone */
    int32_t vocab;
    void (*evaluate)(void *context, const pal_query *q); /* keeps no pointer into q */
    /* Writes logits [count, vocab] at positions of the last evaluation; cheap compared with it. Returns false if some
     * are NaN or infinite; then results computed from them must not be used. */
    bool (*logits)(void *context, const int *at, int count, float *logits);
    bool reads_time, reads_order; /* whether the logits depend on time, or on rank: if not, a query that differs in
                                     nothing else needs no new evaluation */
} pal_predictor;

#endif
