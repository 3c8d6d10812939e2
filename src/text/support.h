/* support.h - which tokens a slot may have, given what is revealed around it (internal).
 *
 * Four rules: classes (no control, unknown or mask pieces; bytes only by option), borders (the first token
 * of a blank), free length (<empty> is a suffix of its blank and not among its first tokens), and whole
 * UTF-8 characters where byte pieces are allowed. */
#ifndef PAL_SUPPORT_H
#define PAL_SUPPORT_H

#include "fill.h"

typedef struct {
    uint8_t forbidden; /* classes that are left out */
    bool word;         /* the token must begin a word */
    bool empty;        /* <empty> is allowed */
    bool bytes;        /* byte pieces are, those in `byte` */
    bool whole;        /* tokens other than byte pieces are allowed */
    bool byte[256];
} pal_support;

void pal_support_of(pal_support *s, const pal_fill *f, int32_t place);

/* For a token that somebody pins, where byte pieces are allowed: `whole` and `byte` alone.  What is <empty> before it will
 * be open again. */
void pal_support_of_pin(pal_support *s, const pal_fill *f, int32_t place);

static inline bool pal_support_has(const pal_support *s, const pal_classes *c, int32_t id)
{
    if (id == c->empty) return s->empty;
    uint8_t of = c->of[id];
    if (of & s->forbidden) return false;
    if (of & PAL_CLASS_BYTE) return s->bytes && s->byte[c->byte[id]] && !s->word;
    return s->whole && (!s->word || (of & PAL_CLASS_WORD));
}

#endif
