/* probing.h - a search for unpredictable tokens (internal). */
#ifndef PAL_PROBING_H
#define PAL_PROBING_H

#include "../network/model.h"
#include "../probe/search.h"
#include "../probe/witness.h"

typedef enum { PAL_PROBE_PREPARE, PAL_PROBE_WITNESS, PAL_PROBE_SEARCH, PAL_PROBE_DONE } pal_probe_phase;

/* What is known about a token.  Tokens with the same row and bias share the record of the lowest one. */
typedef struct {
    uint8_t state; /* a pal_token_state; never PAL_TOKEN_TIED */
    bool wanted;   /* it, or a token that shares the record, is asked for */
    bool shared;   /* several tokens share the record */
    int32_t dominating;
    double value; /* lead or residual */
    int32_t id[PAL_DOMINATING];
    double weight[PAL_DOMINATING];
} pal_probe_record;

struct pal_probing {
    const pal_model *model; /* NULL: rows were given */
    pal_kernels kernels;
    pal_compute compute;
    pal_probe_options options;
    pal_output_layer layer;
    pal_witness witness;
    pal_search search;
    pal_probe_phase phase;
    bool searching;             /* search has begun with token `at` */
    int32_t at;                 /* the next token */
    int32_t round;              /* of the search */
    int32_t batch, n;           /* tokens per step; those of the last step */
    int32_t *token;             /* [batch] */
    bool *decided;              /* [batch] */
    double *lead;               /* [batch] of the direction in z */
    double *length;             /* [batch] that the direction gets as a hidden row */
    double *z;                  /* [batch, width] directions */
    float *lifted;              /* [batch, width] */
    float *logits;              /* [batch, count] */
    pal_leads_scratch *scratch; /* [threads] */
    bool *asked;                /* [count] */
    pal_probe_record *record;   /* [count] */
    uint64_t products;
    void *block;
};

#endif
