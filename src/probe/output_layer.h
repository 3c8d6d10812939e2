/* output_layer.h - the output layer of a network, as the measures of its tokens need it (internal).
 *
 * A logit is w . h + b, where h is the hidden row after the last norm.  Such a norm computes h = gain * z + shift from a
 * normalised row z, whose length is below sqrt(width), and whose elements have the sum 0 after a LayerNorm.  With gain
 * and shift folded into w and b, a logit is w' . z + b', and only z varies. */
#ifndef PAL_OUTPUT_LAYER_H
#define PAL_OUTPUT_LAYER_H

#include "../arch/transformer.h"
#include "../core/sha256.h"

typedef struct {
    uint64_t hash;
    int32_t id;
} pal_output_key;

typedef struct {
    int32_t count;
    int width;
    pal_matrix rows;     /* [count, width] F32 as in the model, in panels */
    double *gain;        /* [width]; NULL: ones */
    double *shift;       /* [width]; NULL: zeros */
    double *bias;        /* [count] b'; NULL: all tokens have the same */
    double *size;        /* [count] the norms of `rows` */
    int32_t *same;       /* [count] the lowest token with the same row and bias, which can be the token itself */
    double radius;       /* the limit of the length of z; 0: none */
    bool centred;        /* the elements of z have the sum 0 */
    pal_output_key *key; /* [count] scratch memory of pal_output_fill */
    float *row;          /* [9 * width] scratch memory */
    double *folded;      /* [width] scratch memory of pal_output_fill */
} pal_output_layer;

/* What a layer is made of. */
typedef struct {
    int32_t count;
    int width;
    const pal_matrix *matrix;             /* [count, width], in panels; NULL: rows */
    const float *rows;                    /* [count, width] */
    const float *bias;                    /* [count]; NULL: none */
    const float *gain, *shift;            /* [width] of the norm; NULL: ones; zeros */
    const float *then_shift, *then_scale; /* [width] what adaptive norms do after that; NULL: nothing */
    double radius;
    bool centred;
} pal_output_source;

/* The output of a network.  `bounded`: z is what its last norm can compute; otherwise z is the hidden row, of any
 * length. */
pal_output_source pal_output_of(const pal_transformer *net, bool bounded);

/* Whether the last norm of a network is the same at every noise level. */
bool pal_output_is_constant(const pal_transformer *net);

/* Places the arrays, or measures them. */
void pal_output_layout(pal_output_layer *l, const pal_output_source *source, pal_arena *arena);

/* Fills a placed layer.  PAL_E_FORMAT: a weight or bias is NaN or infinite. */
pal_status pal_output_fill(pal_output_layer *l, const pal_output_source *source, pal_error *err);

/* out [width] := w' of one token; after a LayerNorm without its mean, which no z sees.  `row` is scratch memory, [width]. */
void pal_output_row(const pal_output_layer *l, int32_t id, double *out, float *row);

/* y [width] such that rows . y = w' . z, up to rounding. */
void pal_output_lift(const pal_output_layer *l, const double *z, float *y);

/* h [width] := the hidden row, the input of the output layer, of a normalised row z. */
void pal_output_hidden(const pal_output_layer *l, const double *z, double *h);

/* b' of token k minus b' of token i. */
static inline double pal_output_bias(const pal_output_layer *l, int32_t k, int32_t i)
{
    return l->bias ? l->bias[k] - l->bias[i] : 0.0;
}

/* Identifies rows and biases, and what z can be. */
void pal_output_digest(const pal_output_layer *l, unsigned char digest[PAL_SHA256_BYTES]);

#endif
