/* unet.h - the U-Net that predicts the noise of a picture (internal).
 *
 * Ronneberger et al. 2015 (U-Net) as used by Ho et al. 2020: residual blocks with the time as input, attention at
 * coarse levels, group norms; patches of pixels become channels at the input and pixels again at the output.  Pictures
 * are [height, width, channels] in -1 .. 1.  An evaluation computes one picture, so that pictures do not affect each
 * other. docs/picture-models.md lists the keys. */
#ifndef PAL_UNET_H
#define PAL_UNET_H

#include "../gguf/gguf.h"
#include "../nn/attention_block.h"
#include "../nn/matrices.h"
#include "noise_head.h"

enum {
    PAL_UNET_SIDE = 256,       /* max. pixels of a picture's side */
    PAL_UNET_WIDTH = 4096,     /* max. channels of a level */
    PAL_UNET_LEVELS = 8,       /* max. levels */
    PAL_UNET_BLOCKS = 16,      /* max. blocks of a level in one direction */
    PAL_UNET_PIXELS = 4096,    /* max. pixels of a level with attention */
    PAL_UNET_VALUES = 1 << 24, /* max. pixels * channels of a layer's input: 64 MB */
    PAL_UNET_SKIPS = 1 << 26,  /* max. values of all skip connections: 256 MB */
    PAL_UNET_LABELS = 1 << 16, /* max. labels */
    PAL_UNET_STEPS = 1 << 16   /* max. steps of the training schedule */
};

typedef struct {
    pal_residual_block residual;
    pal_attention_block attention; /* only if the level has attention */
} pal_unet_block;

typedef struct {
    int height, width, channels;
    bool attends;
    pal_unet_block *down, *up; /* [blocks], [up_blocks]; in pal_unet.block */
    pal_conv2d shrink;         /* down.L.sample: 3x3 with stride 2; not on the last level */
    pal_conv2d grow;           /* up.L.sample: 3x3 after doubling the extent; not on the first level */
} pal_unet_level;

/* An output of the network: what it predicts from the last features. */
typedef struct {
    bool present, deep;
    pal_residual_block block; /* only if `deep` */
    pal_group_norm norm;
    pal_conv2d conv; /* to patch * patch * channels */
} pal_unet_head;

/* How noise was added in training; image/schedule.h evaluates it. */
typedef struct {
    bool cosine; /* otherwise linear: betas evenly spaced from first to last */
    int steps;
    double beta_first, beta_last;
} pal_unet_schedule;

typedef struct {
    int height, width, channels;       /* of a picture */
    int patch;                         /* side of the pixel squares that become channels */
    int levels, blocks, up_blocks;     /* residual blocks per level on the way down, and on the way up */
    int sinusoids, embedding;          /* number of the time's sines and cosines; width of the time embedding that
                                        * blocks use */
    int labels;                        /* 0: none */
    const pal_gguf_value *label_names; /* array of `labels` strings, or NULL */
    float label_dropout; /* fraction of training pictures without their label; 0: guidance is impossible */
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
    pal_unet_head head[3]; /* by pal_noise_head; PAL_HEAD_NONE predicts eps and is always present */
    pal_matrices matrices; /* all matrices above, each once */
    float *vectors;        /* owned: vectors converted from half precision */
    char why[PAL_WHY];     /* the message of a failed pal_unet_bind */
} pal_unet;

/* Reads hyperparameters and binds every tensor by name, type and shape; statuses are as in pal_transformer_bind. */
pal_status pal_unet_bind(pal_unet *net, const pal_gguf *g, pal_error *err);
void pal_unet_release(pal_unet *net);

/* Called with every stage as it is computed, to compare with another implementation: e, conv_in, every block (after its
 * attention), every change of extent, and the outputs of the heads. x [height, width, channels]. */
typedef void pal_unet_watch(void *context, const float *x, int height, int width, int channels);

/* Scratch memory of an evaluation, for `threads` threads. */
typedef struct {
    float *skip;           /* outputs of all blocks on the way down, concatenated */
    float *x, *y, *joined; /* [values of the largest layer] each */
    float *sines;          /* [sinusoids] */
    float *e, *hidden;     /* [embedding] each */
    void *row;             /* one row of label_embd */
    pal_block_scratch blocks;
    pal_attention_scratch attention;
    pal_unet_watch *watch; /* NULL after pal_unet_layout: not called */
    void *watching;
} pal_unet_scratch;

/* Places the arrays in `arena`, or measures them (see pal_arena). */
void pal_unet_layout(pal_unet_scratch *scratch, const pal_unet *net, int threads, pal_arena *arena);

/* Predicts eps [height, width, channels] for x of the same shape at `time` in (0, 1]. label is 0 .. labels - 1, or -1
 * for none. second receives the output of `head`, which the network must have; with PAL_HEAD_NONE it may be NULL. eps
 * and second must not overlap x or each other. */
void pal_unet_forward(const pal_unet *net, const pal_compute *compute, pal_unet_scratch *scratch, const float *x,
                      double time, int label, pal_noise_head head, float *eps, float *second);

#endif
