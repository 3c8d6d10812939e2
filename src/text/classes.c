/* classes.c - fills the table of token classes from a vocabulary. */
#include "classes.h"

void pal_classes_fill(pal_classes *c, const pal_vocab *v)
{
    const pal_special *special = pal_vocab_special(v);
    c->vocab = pal_vocab_size(v);
    c->mask = special->mask;
    c->empty = special->empty;
    c->ends = false;
    for (int32_t id = 0; id < c->vocab; id++) {
        pal_piece_type type = pal_vocab_type(v, id);
        unsigned flags = 0;
        if (type == PAL_PIECE_CONTROL || type == PAL_PIECE_UNKNOWN || type == PAL_PIECE_UNUSED)
            flags |= PAL_CLASS_NO_FILL;
        if (type == PAL_PIECE_CONTROL && id != c->empty) flags |= PAL_CLASS_LEFT_OUT;
        if (id == c->mask) flags |= PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT;
        if (type == PAL_PIECE_BYTE) flags |= PAL_CLASS_BYTE;
        if (pal_vocab_begins_word(v, id)) flags |= PAL_CLASS_WORD;
        c->of[id] = (uint8_t)flags;
        c->byte[id] = (uint8_t)(type == PAL_PIECE_BYTE ? pal_vocab_byte(v, id) : 0);
    }
}
