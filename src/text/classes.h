/* classes.h - token classes: what the samplers need to know about each token of a vocabulary (internal). */
#ifndef PAL_CLASSES_H
#define PAL_CLASSES_H

#include "../token/token.h"

enum {                         /* bits of one token */
       PAL_CLASS_LEFT_OUT = 1, /* not in the diffusion softmax: mask and control pieces, except <empty> */
       PAL_CLASS_NO_FILL = 2,  /* never drawn for a blank: control, unknown, mask, unused pieces; <empty> has its own
                                  rule */
       PAL_CLASS_BYTE = 4,
       PAL_CLASS_WORD = 8 /* begins a word: starts with the space mark */
};

typedef struct {
    int32_t vocab;
    int32_t mask, empty; /* -1: not in the vocabulary */
    bool ends;     /* <empty> ends a blank: it is drawn at the leftmost open place, and that place and those behind
                            it stay unknown to the network.  Otherwise every place behind the end holds <empty> */
    uint8_t *of;   /* [vocab] */
    uint8_t *byte; /* [vocab] the byte of a byte piece */
} pal_classes;

/* Fills the table; the caller provides the arrays `of` and `byte`, [vocab] each. */
void pal_classes_fill(pal_classes *c, const pal_vocab *v);

#endif
