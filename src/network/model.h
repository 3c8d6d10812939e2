/* model.h - the fields of a pal_model, an opened file (internal). */
#ifndef PAL_MODEL_H
#define PAL_MODEL_H

#include "../core/file.h"
#include "../gguf/gguf.h"
#include "../nn/matrices.h"
#include "../text/classes.h"
#include "../text/noise.h"

typedef struct pal_network_kind pal_network_kind;   /* kinds.h */
typedef struct pal_picture_model pal_picture_model; /* picture.h */
typedef struct pal_attached pal_attached;           /* attached.h */
typedef struct pal_board_net pal_board_net;         /* arch/board.h */

/* The shape of a network of tokens, whatever its kind; zeros if there is none. */
typedef struct {
    int vocab, context, width, layers, heads, kv_heads, hidden;
    bool causal;
} pal_network_shape;

/* How a model fills pages with content rows and query rows (row_runner.h). */
typedef struct {
    bool used;            /* whether it does; otherwise the other fields mean nothing */
    int32_t start, empty; /* tokens: what is at place 0 of every page; what ends a blank, -1: none */
    int32_t unknown;      /* the token that query rows read in place of an unknown one; -1: a vector of the network */
} pal_page_rows;

struct pal_model {
    pal_file file;   /* mapped by pal_model_open_file; size 0 if the image is the caller's */
    pal_file *parts; /* [part_count] instead of file, if the model is split; owned */
    size_t part_count;
    bool joined; /* gguf has the tensors of all parts of a split model */
    pal_gguf *gguf;
    const pal_network_kind *kind; /* the kind that opened it; NULL: this program has none for it */
    pal_vocab *vocab;             /* NULL: see vocab_error */
    pal_classes classes;
    void *network;                /* of the type of its kind's class, owned; NULL: see net_error */
    const pal_matrices *matrices; /* of the network; NULL: no network is bound */
    pal_network_shape shape;      /* of a network of tokens */
    pal_picture_model *picture;   /* other data of a network of pictures, owned; NULL: draws no pictures */
    const pal_board_net *board;   /* the network, if it is one of boards; NULL: it is not */
    pal_noise noise;              /* of discrete diffusion, if classes.noise points here */
    pal_page_rows rows;           /* of a model with an adapter, or a network that was trained for it */
    pal_attached *attached;       /* the adapter, owned; NULL: none.  The fields gguf to classes are then the base's */
    bool as_written;              /* pages are shown to the network without normalising quotes and dashes */
    bool as_stored;               /* weights are not rearranged into panels: nothing can be evaluated */
    pal_error vocab_error, net_error;
    pal_error pair_error;   /* why network and vocabulary cannot be used together, or PAL_OK */
    pal_error stored_error; /* why the file's tensors cannot be converted, or PAL_OK */
    pal_kernels kernels;
    pal_team *team; /* the threads that evaluate it; NULL: one.  A model with an adapter uses that of its base */
    bool owns_team;
    pal_info info;
    char architecture[64], name[128], license[128], tokenizer[64];
    char part_text[PAL_WHY], vocab_text[PAL_WHY], repeated_text[PAL_WHY], kind_text[PAL_WHY], pair_text[PAL_WHY],
        stored_text[PAL_WHY], why_not[2 * PAL_WHY];
};

/* Opens a file whose header was read.  Owns g, also after a failure; bytes is the size of its image or images. */
pal_status pal_model_open_gguf(pal_model **out, pal_gguf *g, bool joined, size_t bytes, unsigned flags, pal_error *err);

/* PAL_OK if the model can be evaluated and has a network and a tokenizer that agree; otherwise the reason in *err. */
pal_status pal_model_ready(const pal_model *m, pal_error *err);

/* A compute context for the model. */
static inline pal_compute pal_model_compute(const pal_model *m)
{
    return (pal_compute){.kernels = &m->kernels, .team = m->team};
}

/* The number of threads that scratch memory must be for. */
static inline int pal_model_threads(const pal_model *m)
{
    return pal_team_threads(m->team);
}

/* The error if a model that was opened with PAL_OPEN_AS_STORED is to be evaluated. */
static inline pal_status pal_fail_as_stored(pal_error *err)
{
    return pal_fail(err, PAL_E_OPTION, "the model was opened with PAL_OPEN_AS_STORED and cannot be evaluated",
                    SIZE_MAX);
}

/* Whether a network of tokens is bound. */
static inline bool pal_model_has_texts(const pal_model *m)
{
    return m->shape.vocab > 0;
}

/* PAL_OK if the model has a network of tokens that can be evaluated, with or without a tokenizer. */
pal_status pal_model_can_evaluate(const pal_model *m, pal_error *err);

#endif
