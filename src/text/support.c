#include "support.h"

/* ---- whole UTF-8 characters: a finite automaton over bytes ------------------------------------------ */

/* States are what must still come: BOUNDARY nothing, the others named by the bytes they wait for.  The
 * table is that of the Unicode Standard, "Well-Formed UTF-8 Byte Sequences". */
enum { BOUNDARY, ONE, TWO, THREE, AFTER_E0, AFTER_ED, AFTER_F0, AFTER_F4, STATES, DEAD };

static int start_state(uint8_t b)
{
    if (b < 0x80) return BOUNDARY;
    if (b >= 0xc2 && b <= 0xdf) return ONE;
    if (b == 0xe0) return AFTER_E0;
    if (b == 0xed) return AFTER_ED;
    if (b >= 0xe1 && b <= 0xef) return TWO;
    if (b == 0xf0) return AFTER_F0;
    if (b >= 0xf1 && b <= 0xf3) return THREE;
    return b == 0xf4 ? AFTER_F4 : DEAD;
}

static int next_state(int state, uint8_t b)
{
    static const struct { uint8_t low, high, to; } step[STATES] = {
        [ONE] = { 0x80, 0xbf, BOUNDARY }, [TWO] = { 0x80, 0xbf, ONE },      [THREE] = { 0x80, 0xbf, TWO },
        [AFTER_E0] = { 0xa0, 0xbf, ONE }, [AFTER_ED] = { 0x80, 0x9f, ONE }, [AFTER_F0] = { 0x90, 0xbf, TWO },
        [AFTER_F4] = { 0x80, 0x8f, TWO },
    };
    if (state == BOUNDARY) return start_state(b);
    return b >= step[state].low && b <= step[state].high ? step[state].to : DEAD;
}

/* Sets of states are bit masks; forward: states after the slot's token, backward: states it may start in
 * for its token to end in one of `set`.  An open slot may hold any byte or any whole token. */
static unsigned forward(const pal_fill *f, const pal_slot *slot, unsigned set)
{
    int32_t id = f->tokens[slot->at];
    bool open = slot->step < 0, byte = !open && (f->classes->of[id] & PAL_CLASS_BYTE);
    unsigned out = !byte ? set & 1u << BOUNDARY : 0;
    for (int state = 0; state < STATES; state++)
        for (int b = 0; (set >> state & 1) && b < 256 && (open || byte); b++)
            if (open || b == f->classes->byte[id]) {
                int to = next_state(state, (uint8_t)b);
                if (to != DEAD) out |= 1u << to;
            }
    return out;
}

static unsigned backward(const pal_fill *f, const pal_slot *slot, unsigned set)
{
    unsigned out = 0;
    for (int state = 0; state < STATES; state++)
        if (forward(f, slot, 1u << state) & set) out |= 1u << state;
    return out;
}

static void utf8_rule(pal_support *s, const pal_fill *f, const pal_blank *blank, int32_t index)
{
    unsigned before = 1u << BOUNDARY, after = 1u << BOUNDARY;
    for (int32_t i = 0; i < index; i++) before = forward(f, &f->slot[blank->slot + i], before);
    for (int32_t i = blank->most - 1; i > index; i--) after = backward(f, &f->slot[blank->slot + i], after);
    s->whole = before & after & 1u << BOUNDARY;
    s->empty = s->empty && s->whole;
    for (int b = 0; b < 256; b++) {
        s->byte[b] = false;
        for (int state = 0; state < STATES; state++) {
            int to = before >> state & 1 ? next_state(state, (uint8_t)b) : DEAD;
            if (to != DEAD && (after >> to & 1)) s->byte[b] = true;
        }
    }
}

/* ---- the support of a slot -------------------------------------------------------------------------- */

static bool empty_allowed(const pal_fill *f, const pal_blank *blank, int32_t index)
{
    if (blank->least == blank->most || index < blank->least) return false;
    for (int32_t i = index + 1; i < blank->most; i++) {
        const pal_slot *later = &f->slot[blank->slot + i];
        if (later->step >= 0 && f->tokens[later->at] != f->classes->empty) return false;
    }
    return true;
}

/* Where remasking has opened a place behind an <empty>, it can only be <empty> again. */
static bool behind_empty(const pal_fill *f, const pal_blank *blank, int32_t index)
{
    for (int32_t i = 0; i < index; i++) {
        const pal_slot *earlier = &f->slot[blank->slot + i];
        if (earlier->step >= 0 && f->tokens[earlier->at] == f->classes->empty) return true;
    }
    return false;
}

void pal_support_of(pal_support *s, const pal_fill *f, int32_t slot)
{
    const pal_blank *blank = &f->blank[f->slot[slot].blank];
    int32_t index = f->slot[slot].index;
    bool first = index == 0;
    s->forbidden = PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT;
    if (first && blank->first == PAL_FIRST_INSIDE) s->forbidden |= PAL_CLASS_WORD;
    s->word = first && blank->first == PAL_FIRST_WORD;
    s->bytes = f->options.byte_pieces;
    s->whole = true;
    s->empty = empty_allowed(f, blank, index);
    if (s->empty && behind_empty(f, blank, index))
        s->bytes = s->whole = false;
    else if (s->bytes)
        utf8_rule(s, f, blank, index);
}
