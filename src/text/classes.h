/* classes.h - what the samplers need to know about each token of a vocabulary (internal). */
#ifndef PAL_CLASSES_H
#define PAL_CLASSES_H

#include "../token/token.h"

enum {                         /* of one token, combined */
       PAL_CLASS_LEFT_OUT = 1, /* not in the diffusion softmax: control pieces other than <empty>, the mask */
       PAL_CLASS_NO_FILL = 2,  /* never in a fill: control, unknown, mask, unused; <empty> has its own rule */
       PAL_CLASS_BYTE = 4,
       PAL_CLASS_WORD = 8 /* begins a word: starts with the space mark */
};

typedef struct {
    int32_t vocab;
    int32_t mask, empty; /* -1: the vocabulary has none */
    uint8_t *of;         /* [vocab] */
    uint8_t *byte;       /* [vocab]: the byte of a byte piece */
} pal_classes;

/* Room for and contents of the table; `of` and `byte` are the caller's, [vocab] each. */
void pal_classes_fill(pal_classes *c, const pal_vocab *v);

#endif
