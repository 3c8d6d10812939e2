/* board.h - the network of boards: a transformer over the cells of a Sudoku that runs its layers several times (internal).
 *
 * A board has `cells` = size * size cells in boxes of box x box, size = box * box, numbered row by row from 0.  A token is
 * 0 for an open cell, otherwise its digit.  The network knows nothing of the rules but which cells share a row, a column or
 * a box: each layer and head adds a learnt number to its scores for each of these relations.  docs/board-models.md lists
 * the keys and tensors of the file. */
#ifndef PAL_BOARD_H
#define PAL_BOARD_H

#include "../gguf/gguf.h"
#include "../nn/matrices.h"
#include "cache.h"

enum {
    PAL_BOARD_BOX = 3,   /* the largest box */
    PAL_BOARD_LOOPS = 64 /* the most loops */
};

typedef struct pal_board_net pal_board_net;

/* How two cells are related: in one row only, and so on. */
enum {
    PAL_SAME_CELL,
    PAL_SAME_ROW,
    PAL_SAME_COLUMN,
    PAL_SAME_BOX,
    PAL_SAME_ROW_AND_BOX,
    PAL_SAME_COLUMN_AND_BOX,
    PAL_UNRELATED,
    PAL_RELATIONS
};

typedef struct {
    const float *attn_norm, *ffn_norm; /* [dim] */
    pal_matrix q, k, v, attn_output;   /* [dim, dim] */
    pal_matrix attn_bias;              /* [heads, PAL_RELATIONS] */
    pal_matrix gate, up, down;         /* [hidden, dim] twice, [dim, hidden] */
} pal_board_layer;

struct pal_board_net {
    int box, size, cells;
    int dim, layers, heads, head_dim, hidden;
    int loops; /* if the caller names no number */
    float eps;
    pal_matrix token_embd;                /* [size + 1, dim] */
    pal_matrix feedback;                  /* [dim, size] */
    pal_matrix output;                    /* [size, dim] */
    const float *loop_norm, *output_norm; /* [dim] */
    pal_board_layer *layer;               /* [layers], owned */
    pal_matrices matrices;                /* all matrices above, each once */
    float *vectors;                       /* owned: vectors converted from half precision */
    char why[PAL_WHY];                    /* the message of a failed pal_board_bind */
};

/* Reads hyperparameters and binds every tensor by name, type and shape; statuses are as in pal_transformer_bind. */
pal_status pal_board_bind(pal_board_net *net, const pal_gguf *g, pal_error *err);
void pal_board_release(pal_board_net *net);

/* Scratch memory of an evaluation, for `threads` threads. */
typedef struct {
    float *x, *h;                /* [cells, dim]: the state, and what a layer reads or adds */
    float *q, *k, *v, *attended; /* [cells, dim] */
    float *gate, *up;            /* [cells, hidden] */
    float *belief;               /* [cells, size]: the probabilities of the digits after the last loop */
    float *logits;               /* [cells, size] */
    float *embedding;            /* [size + 1, dim]: token_embd in f32 */
    float *related;              /* [layers, heads, PAL_RELATIONS]: attn_bias in f32 */
    float *bias;                 /* [heads, cells, capacity] of the current layer */
    float *scores;               /* [threads, PAL_ATTENTION_ROWS, capacity] */
    uint8_t *relation;           /* [cells, cells] */
    pal_seen *seen;              /* [cells]: every cell sees all */
    int *place;                  /* [cells]: 0, 1, 2, ... */
    void *row;                   /* one row of token_embd or attn_bias as stored */
    pal_cache cache;             /* keys and values of the current layer; its capacity is that above */
    pal_quantized scratch;       /* [cells, the widest input] */
} pal_board_scratch;

/* Places the arrays in `arena`, or measures them (see pal_arena). */
void pal_board_scratch_layout(pal_board_scratch *a, const pal_board_net *net, int threads, pal_arena *arena);

/* Fills what does not change between evaluations; once, before the first. */
void pal_board_prepare(pal_board_scratch *a, const pal_board_net *net);

/* a->logits [cells, size] := the logits of the digits of all cells, given ones too, after `loops` (1 to PAL_BOARD_LOOPS)
 * loops over tokens [cells], each 0 to size.  The result depends on nothing else. */
void pal_board_forward(const pal_board_net *net, const pal_compute *compute, pal_board_scratch *a,
                       const int32_t *tokens, int loops);

#endif
