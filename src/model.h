/* model.h - what an opened file holds (internal: for session.c, score.c and the like). */
#ifndef PAL_MODEL_H
#define PAL_MODEL_H

#include "arch/transformer.h"
#include "arch/unet.h"
#include "core/file.h"
#include "picture.h"
#include "text/classes.h"
#include "text/predictor.h"

typedef struct pal_network_kind pal_network_kind; /* networks.h */

struct pal_model {
    pal_file file; /* mapped by us; size 0 when the image is the caller's */
    pal_gguf *gguf;
    const pal_network_kind *kind; /* what opened it; NULL: nothing that this program has */
    pal_vocab *vocab;             /* NULL: why in vocab_error */
    pal_classes classes;
    pal_transformer net; /* bound when has_net, else why in net_error */
    bool has_net;
    pal_unet unet; /* of pictures; bound when has_unet, else why in net_error */
    bool has_unet;
    pal_picture_model picture; /* what stands beside the unet */
    bool as_stored;            /* the weights are not in panels: nothing can be evaluated */
    pal_error vocab_error, net_error;
    pal_error pair_error;   /* why network and vocabulary do not belong together, or PAL_OK */
    pal_error stored_error; /* why the file's tensors cannot be converted, or PAL_OK */
    pal_kernels kernels;
    pal_info info;
    char architecture[64], name[128], license[128], tokenizer[64];
    char part_text[PAL_WHY], vocab_text[PAL_WHY], repeated_text[PAL_WHY], pair_text[PAL_WHY], stored_text[PAL_WHY],
        why_not[2 * PAL_WHY];
};

/* A network at work on sequences of up to `most` tokens. */
typedef struct {
    const pal_model *model;
    pal_activations activations;
    pal_cache cache; /* of one layer at a time */
    int *rows;       /* [most]: positions whose hidden states were computed, ascending */
    int *row_of;     /* [most]: where in them a position stands, -1 if it does not */
} pal_runner;

void pal_runner_layout(pal_runner *r, const pal_model *m, int32_t most, pal_arena *arena);
pal_predictor pal_runner_start(pal_runner *r); /* the runner must stay where it is */

/* What an evaluation of n tokens for positions at[count] computes: the number of r->rows, ascending. */
int pal_runner_rows(pal_runner *r, int32_t n, const int *at, int count);

/* PAL_OK if the model has a network and a tokenizer that belong together and can be evaluated, else why not. */
pal_status pal_model_ready(const pal_model *m, pal_error *err);

#endif
