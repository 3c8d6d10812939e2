/* support.h - which tokens a place may have, given the revealed tokens around it (internal).
 *
 * Four rules: classes (no control, unknown or mask pieces; byte pieces only by option), borders (the first token of a
 * blank; no line break inside of a line), free length (<empty> only at the end of its blank, after its minimum length), and complete UTF-8 characters
 * where byte pieces are allowed. */
#ifndef PAL_SUPPORT_H
#define PAL_SUPPORT_H

#include "fill.h"

typedef struct {
    uint8_t forbidden; /* classes that are not allowed */
    bool word;         /* the token must begin a word */
    bool empty;        /* <empty> is allowed */
    bool bytes;        /* pieces of class PAL_CLASS_BYTE are allowed, of the kinds in `byte` (pal_classes.byte) */
    bool whole;        /* other pieces are allowed */
    bool byte[256];
} pal_support;

void pal_support_of(pal_support *s, const pal_fill *f, int32_t place);

/* The support for pinning a token, where byte pieces are allowed: only `whole` and `byte` are meaningful. Places before
 * it that hold <empty> count as open, since the pin opens them again. */
void pal_support_of_pin(pal_support *s, const pal_fill *f, int32_t place);

static inline bool pal_support_has(const pal_support *s, const pal_classes *c, int32_t id)
{
    if (id == c->empty) return s->empty;
    uint8_t of = c->of[id];
    if (of & s->forbidden) return false;
    if (of & PAL_CLASS_BYTE) return s->bytes && s->byte[c->byte[id]] && (!s->word || (of & PAL_CLASS_WORD));
    return s->whole && (!s->word || (of & PAL_CLASS_WORD));
}

#endif
