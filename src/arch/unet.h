/* unet.h - the network that predicts the noise of a picture (internal).
 *
 * Ronneberger et al. 2015 (U-Net) as Ho et al. 2020 use it: residual blocks that are told the time, attention at
 * coarse levels, group norms; patches of pixels as channels at both ends.  Pictures are [height, width, channels] in
 * -1 .. 1.  One picture an evaluation, so that none depends on others.  ARCHITECTURE.md, Files, lists the keys. */
#ifndef PAL_UNET_H
#define PAL_UNET_H

#include "../gguf/gguf.h"
#include "../nn/attention_block.h"
#include "../nn/matrices.h"
#include "noise_head.h"

enum {
    PAL_UNET_SIDE = 256,       /* pixels of a picture's side, at most */
    PAL_UNET_WIDTH = 4096,     /* channels of a level, at most */
    PAL_UNET_LEVELS = 8,       /* at most */
    PAL_UNET_BLOCKS = 16,      /* of a level in one direction, at most */
    PAL_UNET_PIXELS = 4096,    /* of a level with attention, at most */
    PAL_UNET_VALUES = 1 << 24, /* places * channels of any layer's input, at most: 64 MB */
    PAL_UNET_SKIPS = 1 << 26,  /* values kept on the way down, at most: 256 MB */
    PAL_UNET_LABELS = 1 << 16, /* at most */
    PAL_UNET_STEPS = 1 << 16   /* of the training schedule, at most */
};

typedef struct {
    pal_residual_block residual;
    pal_attention_block attention; /* where the level has it */
} pal_unet_block;

typedef struct {
    int height, width, channels;
    bool attends;
    pal_unet_block *down, *up; /* [blocks], [up_blocks]; in pal_unet.block */
    pal_conv2d shrink;         /* down.L.sample: 3x3 of stride 2; not on the last level */
    pal_conv2d grow;           /* up.L.sample: 3x3 after doubling; not on the first */
} pal_unet_level;

/* An end of the network: what it predicts from the last features. */
typedef struct {
    bool present, deep;
    pal_residual_block block; /* where deep */
    pal_group_norm norm;
    pal_conv2d conv; /* to patch * patch * channels */
} pal_unet_head;

/* How noise was added in training; image/schedule.h is what runs on it. */
typedef struct {
    bool cosine; /* else linear: betas evenly from first to last */
    int steps;
    double beta_first, beta_last;
} pal_unet_schedule;

typedef struct {
    int height, width, channels;       /* of a picture */
    int patch;                         /* side of the squares of pixels that become channels */
    int levels, blocks, up_blocks;     /* residual blocks of a level on the way down, and up */
    int sinusoids, embedding;          /* length of the time's sines and cosines; width of what blocks are told */
    int labels;                        /* 0: none */
    const pal_gguf_value *label_names; /* array of `labels` strings, or NULL */
    float label_dropout;               /* share of training pictures without their label; 0: guidance is impossible */
    pal_unet_schedule schedule;
    int gammas;        /* entries of gamma: schedule.steps, or 0 */
    double *gamma;     /* [gammas], owned: E[predicted eps^2] at t = 1 / gammas, ..., 1 */
    double *frequency; /* [sinusoids / 2], owned */
    pal_unet_level level[PAL_UNET_LEVELS];
    pal_unet_block *block; /* [levels * (blocks + up_blocks)], owned */
    pal_conv2d conv_in;
    pal_matrix time[2], label_embd; /* [embedding, sinusoids], [embedding, embedding], [labels + 1, embedding] */
    pal_residual_block mid[2];
    pal_attention_block mid_attention;
    pal_unet_head head[3]; /* by pal_noise_head: NONE is eps itself, always present */
    pal_matrices matrices; /* all of the above, each once */
    float *vectors;        /* owned: vectors that the file has in half precision */
    char why[PAL_WHY];     /* what failures of pal_unet_bind say */
} pal_unet;

/* Reads hyperparameters and binds every tensor by name, type and shape, as pal_transformer_bind does, with the same
 * statuses. */
pal_status pal_unet_bind(pal_unet *net, const pal_gguf *g, pal_error *err);
void pal_unet_release(pal_unet *net);

/* Told of every stage as it is computed, for comparison with another implementation: e, conv_in, every block (after
 * its attention), every change of size, and the heads' outputs.  x [height, width, channels]. */
typedef void pal_unet_watch(void *context, const float *x, int height, int width, int channels);

/* Work space of an evaluation. */
typedef struct {
    float *skip;           /* all outputs of blocks on the way down, one after the other */
    float *x, *y, *joined; /* [values of the largest layer] each */
    float *sines;          /* [sinusoids] */
    float *e, *hidden;     /* [embedding] each */
    void *row;             /* of label_embd */
    pal_block_scratch blocks;
    pal_attention_scratch attention;
    pal_unet_watch *watch; /* NULL after the layout: nobody watches */
    void *watching;
} pal_unet_scratch;

/* Places the arrays in `arena`, or measures them (see pal_arena). */
void pal_unet_layout(pal_unet_scratch *scratch, const pal_unet *net, pal_arena *arena);

/* eps [height, width, channels] predicted for x, as large, at `time` in (0, 1]; label 0 .. labels - 1, or -1: none.
 * second receives what `head`, which the network must have, says; NULL without one.  eps and second may not overlap
 * x or each other. */
void pal_unet_forward(const pal_unet *net, const pal_compute *compute, pal_unet_scratch *scratch, const float *x,
                      double time, int label, pal_noise_head head, float *eps, float *second);

#endif
