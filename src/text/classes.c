/* classes.c - fills the table of token classes from a vocabulary. */
#include "classes.h"

#include <string.h>

enum { LONGEST_PIECE = 1024 }; /* bytes; pal_vocab_open refuses longer ones */

/* The index of these transitions in c->moves, where they are added if they are new. */
static int move_of(pal_classes *c, int *count, const uint8_t to[PAL_UTF8_STATES])
{
    int i = 0;
    while (i < *count && memcmp(c->moves[i], to, PAL_UTF8_STATES) != 0) i++;
    PAL_ASSERT(i < PAL_MOVES);
    if (i == *count) memcpy(c->moves[(*count)++], to, PAL_UTF8_STATES);
    return i;
}

static bool breaks_line(const pal_vocab *v, int32_t id)
{
    char text[LONGEST_PIECE];
    const size_t bytes = pal_vocab_decode_one(v, id, true, text, sizeof text);
    return memchr(text, '\n', bytes) || memchr(text, '\r', bytes);
}

/* In a byte-level vocabulary a piece can begin and end inside a character: notes what it does. */
static void find_parts(pal_classes *c, const pal_vocab *v)
{
    int count = 0;
    for (int32_t id = 0; id < c->vocab; id++) {
        char text[LONGEST_PIECE];
        uint8_t to[PAL_UTF8_STATES];
        const size_t bytes = pal_vocab_decode_one(v, id, true, text, sizeof text);
        for (int state = 0; state < PAL_UTF8_STATES; state++) to[state] = (uint8_t)pal_utf8_run(state, text, bytes);
        const bool whole = !bytes || to[PAL_UTF8_BOUNDARY] == PAL_UTF8_BOUNDARY;
        c->of[id] = (uint8_t)(whole ? c->of[id] & ~PAL_CLASS_BYTE : c->of[id] | PAL_CLASS_BYTE);
        c->byte[id] = (uint8_t)(whole ? 0 : move_of(c, &count, to));
    }
}

void pal_classes_fill(pal_classes *c, const pal_vocab *v)
{
    const pal_special *special = pal_vocab_special(v);
    c->vocab = pal_vocab_size(v);
    c->mask = special->mask;
    c->empty = special->empty;
    c->ends = false;
    c->noise = NULL;
    for (int32_t id = 0; id < c->vocab; id++) {
        pal_piece_type type = pal_vocab_type(v, id);
        unsigned flags = 0;
        if (type == PAL_PIECE_CONTROL || type == PAL_PIECE_UNKNOWN || type == PAL_PIECE_UNUSED)
            flags |= PAL_CLASS_NO_FILL;
        if (type == PAL_PIECE_CONTROL && id != c->empty) flags |= PAL_CLASS_LEFT_OUT;
        if (id == c->mask) flags |= PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT;
        if (type == PAL_PIECE_BYTE) flags |= PAL_CLASS_BYTE;
        if (pal_vocab_begins_word(v, id)) flags |= PAL_CLASS_WORD;
        if (breaks_line(v, id)) flags |= PAL_CLASS_LINE;
        c->of[id] = (uint8_t)flags;
        c->byte[id] = (uint8_t)(type == PAL_PIECE_BYTE ? pal_vocab_byte(v, id) : 0);
    }
    if (c->moves) find_parts(c, v);
}
