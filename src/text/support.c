/* support.c - computes the tokens a place may have: class, border, length and UTF-8 rules. */
#include "support.h"

/* ---- whole UTF-8 characters: a finite automaton over bytes ------------------------------------------ */

/* A state is what must follow: BOUNDARY nothing, the others are named by the missing bytes. The transitions are those
 * of the Unicode Standard, "Well-Formed UTF-8 Byte Sequences". */
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
    static const struct {
        uint8_t low, high, to;
    } step[STATES] = {
        [ONE] = {0x80, 0xbf, BOUNDARY}, [TWO] = {0x80, 0xbf, ONE},      [THREE] = {0x80, 0xbf, TWO},
        [AFTER_E0] = {0xa0, 0xbf, ONE}, [AFTER_ED] = {0x80, 0x9f, ONE}, [AFTER_F0] = {0x90, 0xbf, TWO},
        [AFTER_F4] = {0x80, 0x8f, TWO},
    };
    if (state == BOUNDARY) return start_state(b);
    return b >= step[state].low && b <= step[state].high ? step[state].to : DEAD;
}

/* Transitions of an open place: the byte pieces of the vocabulary, and the states they reach from each state. Sets of
 * states are bit masks. */
typedef struct {
    bool held[256];
    unsigned reach[STATES];
} byte_moves;

static void find_moves(byte_moves *m, const pal_classes *c)
{
    *m = (byte_moves){0};
    for (int32_t id = 0; id < c->vocab; id++)
        if ((c->of[id] & PAL_CLASS_BYTE) && !(c->of[id] & PAL_CLASS_NO_FILL)) m->held[c->byte[id]] = true;
    for (int state = 0; state < STATES; state++)
        for (int b = 0; b < 256; b++) {
            int to = m->held[b] ? next_state(state, (uint8_t)b) : DEAD;
            if (to != DEAD) m->reach[state] |= 1u << to;
        }
}

static bool must_be_word(const pal_fill *f, const pal_fill_place *place)
{
    return place->index == 0 && f->blank[place->blank].first == PAL_FIRST_WORD;
}

/* States after the place's token. An open place may hold any non-byte token, and a byte piece unless it must begin a
 * word. */
static unsigned forward(const pal_fill *f, const byte_moves *m, const pal_fill_place *place, bool open, unsigned set)
{
    int32_t id = f->tokens[place->at];
    bool byte = !open && (f->classes->of[id] & PAL_CLASS_BYTE);
    unsigned out = byte ? 0 : set & 1u << BOUNDARY;
    for (int state = 0; state < STATES; state++) {
        if (!(set >> state & 1)) continue;
        int to = byte ? next_state(state, f->classes->byte[id]) : DEAD;
        if (to != DEAD) out |= 1u << to;
        if (open && !must_be_word(f, place)) out |= m->reach[state];
    }
    return out;
}

/* States before the place from which its token can reach one of `set`. */
static unsigned backward(const pal_fill *f, const byte_moves *m, const pal_fill_place *place, unsigned set)
{
    unsigned out = 0;
    for (int state = 0; state < STATES; state++)
        if (forward(f, m, place, place->step < 0, 1u << state) & set) out |= 1u << state;
    return out;
}

/* A place before the current one counts as open if it holds <empty>: this occurs only for a pin, which opens it
 * again. */
static bool open_before(const pal_fill *f, const pal_fill_place *place)
{
    return place->step < 0 || f->tokens[place->at] == f->classes->empty;
}

static void utf8_rule(pal_support *s, const pal_fill *f, const pal_blank *blank, int32_t index)
{
    byte_moves moves;
    unsigned before = 1u << BOUNDARY, after = 1u << BOUNDARY;
    bool any = false;
    find_moves(&moves, f->classes);
    for (int32_t i = 0; i < index; i++) {
        const pal_fill_place *place = &f->place[blank->place + i];
        before = forward(f, &moves, place, open_before(f, place), before);
    }
    for (int32_t i = blank->max - 1; i > index; i--) after = backward(f, &moves, &f->place[blank->place + i], after);
    for (int b = 0; b < 256; b++) {
        s->byte[b] = false;
        for (int state = 0; state < STATES; state++) {
            int to = before >> state & 1 ? next_state(state, (uint8_t)b) : DEAD;
            if (to != DEAD && (after >> to & 1)) s->byte[b] = true;
        }
        any = any || (s->byte[b] && moves.held[b] && !s->word);
    }
    s->whole = before & after & 1u << BOUNDARY;
    if (!s->whole && !any) s->whole = true; /* the pins fit no UTF-8 character: the rule cannot be kept */
    s->empty = s->empty && s->whole;
}

/* ---- the support of a place -------------------------------------------------------------------------- */

static bool empty_allowed(const pal_fill *f, const pal_blank *blank, int32_t index)
{
    if (index < blank->min) return false; /* always true in a blank of fixed length */
    for (int32_t i = index + 1; i < blank->max; i++) {
        const pal_fill_place *later = &f->place[blank->place + i];
        if (later->step >= 0 && f->tokens[later->at] != f->classes->empty) return false;
    }
    return true;
}

/* Whether an earlier place is <empty>: a place that remasking opens after it can only be <empty> again. */
static bool behind_empty(const pal_fill *f, const pal_blank *blank, int32_t index)
{
    for (int32_t i = 0; i < index; i++) {
        const pal_fill_place *earlier = &f->place[blank->place + i];
        if (earlier->step >= 0 && f->tokens[earlier->at] == f->classes->empty) return true;
    }
    return false;
}

void pal_support_of(pal_support *s, const pal_fill *f, int32_t place)
{
    const pal_blank *blank = &f->blank[f->place[place].blank];
    int32_t index = f->place[place].index;
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

void pal_support_of_pin(pal_support *s, const pal_fill *f, int32_t place)
{
    const pal_blank *blank = &f->blank[f->place[place].blank];
    *s = (pal_support){.word = must_be_word(f, &f->place[place])};
    utf8_rule(s, f, blank, f->place[place].index);
}
