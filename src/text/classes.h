/* classes.h - token classes: what the samplers need to know about each token of a vocabulary (internal). */
#ifndef PAL_CLASSES_H
#define PAL_CLASSES_H

#include "../token/token.h"
#include "noise.h"
#include "utf8.h"

enum {                         /* bits of one token */
       PAL_CLASS_LEFT_OUT = 1, /* not in the diffusion softmax: mask and control pieces, except <empty> */
       PAL_CLASS_NO_FILL = 2,  /* never drawn for a blank: control, unknown, mask, unused pieces; <empty> has its own
                                  rule */
       PAL_CLASS_BYTE = 4,     /* a byte piece or, in a byte-level vocabulary, a piece that is not whole characters */
       PAL_CLASS_WORD = 8,     /* begins a word: starts with the space mark */
       PAL_CLASS_LINE = 16     /* contains a line break */
};

typedef struct {
    int32_t vocab;
    int32_t mask, empty; /* -1: not in the vocabulary */
    bool ends; /* <empty> ends a blank: it is drawn at the leftmost open place, and that place and those behind
                            it stay unknown to the network.  Otherwise every place behind the end holds <empty> */
    const pal_noise *noise; /* of a network that computes scores of noised texts; NULL: it predicts masked tokens */
    uint8_t *of;            /* [vocab] */
    uint8_t *byte; /* [vocab] the kind of a piece of class PAL_CLASS_BYTE: its byte or, with `moves`, the index of
                            its transitions there */
    uint8_t (*moves)[PAL_UTF8_STATES]; /* [PAL_MOVES] of a byte-level vocabulary, NULL for others: the states after such
                                          a piece, from each state of utf8.h */
} pal_classes;

enum { PAL_MOVES = 256 }; /* more than there can be: pieces of bytes have fewer than 100 different effects */

/* Fills the table; the caller provides the arrays `of` and `byte`, [vocab] each, and `moves`, all zeros, or NULL if the
 * vocabulary is not byte-level. */
void pal_classes_fill(pal_classes *c, const pal_vocab *v);

/* Whether a fill may hold this piece: byte pieces only in byte-level vocabularies, <empty> never. */
static inline bool pal_classes_fills(const pal_classes *c, int32_t id)
{
    const unsigned never = PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT | (c->moves ? 0 : PAL_CLASS_BYTE);
    return id != c->empty && !(c->of[id] & never);
}

/* Whether noise of the uniform graph replaces this piece, and can put it. */
static inline bool pal_classes_is_state(const pal_classes *c, int32_t id)
{
    return c->noise->states == c->vocab || pal_classes_fills(c, id);
}

/* State number `number`, in the order of ids. */
static inline int32_t pal_classes_state(const pal_classes *c, int32_t number)
{
    int32_t id = 0;
    if (c->noise->states == c->vocab) return number;
    while (!pal_classes_is_state(c, id) || number-- > 0) id++;
    return id;
}

/* The state after a piece of this kind. */
static inline int pal_classes_move(const pal_classes *c, uint8_t kind, int state)
{
    return c->moves ? c->moves[kind][state] : pal_utf8_next(state, kind);
}

#endif
