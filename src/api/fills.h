/* fills.h - the state of a score of fills (internal). */
#ifndef PAL_FILLS_H
#define PAL_FILLS_H

#include "pages.h"
#include "../text/forced.h"

struct pal_fills {
    const pal_model *model;
    pal_session *session;
    void *session_block;
    int32_t places;
    int32_t *token; /* [places] <empty> behind the end of a blank */
    int32_t *order; /* [places] */
    int32_t *here;  /* [places] the part of `order` in the current window, counted from its first place */
    double *nats;   /* [places] of this replay */
    double *sum;    /* [places] of all replays */
    pal_forced forced;
    int32_t orders, done;           /* replays wanted, finished */
    double total, squares;          /* of the replays' nats */
    const pal_sampler_row *sampler; /* of the session */
    uint32_t draft;                 /* of the session: of the first random order */
    pal_predictor network;          /* of the session */
    int32_t order_count;            /* of places in `order`; 0: the order is not known beforehand */
    bool several;                   /* several places are evaluated at once: this needs such an order */
    int32_t window;                 /* the window that `here` is for; -1: none yet */
    int32_t here_count, answered;   /* answered: index in `here` behind the places that the last evaluation answers */
    int32_t *page, *rank;           /* [1 + longest window] for evaluations of several places */
    pal_runner left;                /* with left_only */
    void *left_block;
    pal_fills_result result;
};

/* With left_only: evaluates the network for all tokens, each given what stands before it; the session then reads the
 * results.  In a file of its own, because the engines for web pages do without it. */
pal_status pal_fills_read_left(pal_fills *job, const pal_fills_options *options, pal_error *err);

#endif
