/* row_runner.h - fills pages with a network of content rows and query rows, behind the predictor of text/ (internal).
 *
 * Every known token has a content row: its keys and values, computed once with the plain weights of the network.  A
 * prediction is a query row, with the adapter if there is one, which leaves nothing in the cache.  The runner puts the start token of the
 * model at place 0, so token i of a query is at place i + 1.
 *
 * Place 0 has the start token, or the token before the sequence if that is a part of a text (pal_query.before).
 *
 *   content row at place i   sees itself, and the content rows j < i that became known before it, or that are given as
 *                            it is: rank(j) < rank(i), or both are 0.  It does not see tokens of its own rank.
 *   query row for place p    stands at p - 1 and sees the content rows of all places that were known before p, except
 *                            p - 1, and itself.  If p is unknown, these are all known places; if it is known, those
 *                            with rank(j) < rank(p).  It reads the token at p - 1 if that was known before p,
 *                            otherwise the mask vector: a tensor of
 *                            the adapter, or the embedding of the mask token of a network without adapter.
 *
 * Unknown places have no content row and may be anywhere; the places after them keep their positions.  If all drawn
 * tokens are known, one evaluation of their query rows gives the probabilities under which they were drawn, one at a
 * time in the order of their ranks: the bits are those of evaluations step by step.
 *
 * If exactly the places before p are known, given or filled from left to right, a query row without adapter has the
 * bits of the causal row at p - 1.  Content rows that are still right are kept from one evaluation to the next; the
 * results have the bits of an evaluation from nothing. */
#ifndef PAL_ROW_RUNNER_H
#define PAL_ROW_RUNNER_H

#include "text_runner.h"

enum { PAL_ANSWERS = 4 };

typedef struct {
    const pal_model *model; /* with m->rows.used */
    pal_compute compute;
    pal_activations activations;
    pal_cache cache; /* of all layers: the content rows */
    int places;      /* max_tokens + 1 */
    int max_drawn;
    int rows, computed, asked; /* of the last evaluation: all rows, the content rows at their front, the query rows */
    int32_t *token, *rank;     /* [places], of the content rows in the cache; rank PAL_RANK_UNKNOWN: none */
    /* The rows of an evaluation: content rows, then query rows. */
    int32_t *row_token; /* [places + max_drawn]; model->rows.unknown: the mask vector */
    int *row_place;     /* [places + max_drawn] */
    pal_seen *seen;     /* [places + max_drawn] */
    int *wanted;        /* [places], the query rows */
    int *row_of;        /* [places], at p - 1: the number of the query row for place p */
    float *answer;      /* [PAL_ANSWERS, vocab]: the logits of the query rows, if `answered` */
    bool answered;      /* by row_batch.h, which computes them for several runners in one product */
    uint8_t *sets;      /* [max_sets, set_bytes]: set i has the places with ranks below set_rank[i] */
    int32_t *set_rank;  /* [max_sets] */
    int max_sets, set_count;
    size_t set_bytes;
} pal_row_runner;

/* For sequences of up to `max_tokens` tokens, at most `max_drawn` of which have ranks above 0.  max_tokens must be below
 * the model's context. */
void pal_row_runner_layout(pal_row_runner *r, const pal_model *m, int32_t max_tokens, int32_t max_drawn, pal_kv_type kv,
                           pal_arena *arena);

/* The predictor of a runner that was just placed; the runner must not be moved afterwards.  Queries may ask only for
 * unknown tokens and for tokens with ranks above 0, each once. */
pal_predictor pal_row_runner_start(pal_row_runner *r);

/* The parts of an evaluation, for callers that evaluate the rows in another way (row_batch.h).  pal_row_runner_prepare
 * lists the rows of q, and assumes that all of them will be evaluated before the next query.  pal_row_runner_run
 * evaluates them. */
void pal_row_runner_prepare(pal_row_runner *r, const pal_query *q);
void pal_row_runner_run(pal_row_runner *r);

/* Content rows by place, of a runner or of a sequence that read text from left to right. */
typedef struct {
    const pal_cache *cache;
    const int32_t *token, *rank; /* [places]; rank NULL: all are given */
    int places;
} pal_content_rows;

static inline pal_content_rows pal_row_runner_content(const pal_row_runner *r)
{
    return (pal_content_rows){&r->cache, r->token, r->rank, r->places};
}

/* Makes r, which has evaluated nothing, keep the rows of given tokens at the first places; the tokens there must be
 * those of the texts that r will evaluate, otherwise the rows are of no use.  Nothing happens if the caches differ in
 * type. */
void pal_row_runner_adopt(pal_row_runner *r, const pal_content_rows *from, int places);

/* Whether r has evaluated nothing. */
static inline bool pal_row_runner_is_new(const pal_row_runner *r)
{
    return r->rank[0] == PAL_RANK_UNKNOWN;
}

#endif
