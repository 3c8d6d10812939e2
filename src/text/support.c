/* support.c - computes the tokens a place may have: class, border, length and UTF-8 rules. */
#include "support.h"
#include "utf8.h"

/* ---- whole UTF-8 characters: an automaton over pieces that are not whole characters -------------------- */

enum { BOUNDARY = PAL_UTF8_BOUNDARY, STATES = PAL_UTF8_STATES, DEAD = PAL_UTF8_DEAD };

/* Transitions of an open place: the kinds of such pieces in the vocabulary (pal_classes.byte), and the states that they
 * reach from each state. Sets of states are bit masks. The second of each is for pieces that begin a word. */
typedef struct {
    bool held[2][256];
    unsigned reach[2][STATES];
} byte_moves;

static void find_moves(byte_moves *m, const pal_classes *c)
{
    *m = (byte_moves){0};
    for (int32_t id = 0; id < c->vocab; id++) {
        if (!(c->of[id] & PAL_CLASS_BYTE) || c->of[id] & PAL_CLASS_NO_FILL || id == c->empty) continue;
        m->held[0][c->byte[id]] = true;
        if (c->of[id] & PAL_CLASS_WORD) m->held[1][c->byte[id]] = true;
    }
    for (int state = 0; state < STATES; state++)
        for (int b = 0; b < 256; b++) {
            const int to = m->held[0][b] ? pal_classes_move(c, (uint8_t)b, state) : DEAD;
            if (to == DEAD) continue;
            m->reach[0][state] |= 1u << to;
            if (m->held[1][b]) m->reach[1][state] |= 1u << to;
        }
}

static bool must_be_word(const pal_fill *f, const pal_fill_place *place)
{
    return place->index == 0 && f->blank[place->blank].first == PAL_FIRST_WORD;
}

/* States after the place's token. An open place may hold any piece of whole characters, and the others, unless it must
 * begin a word. */
static unsigned forward(const pal_fill *f, const byte_moves *m, const pal_fill_place *place, bool open, unsigned set)
{
    const int32_t id = f->tokens[place->at];
    const bool byte = !open && id != f->classes->empty && (f->classes->of[id] & PAL_CLASS_BYTE);
    unsigned out = byte ? 0 : set & 1u << BOUNDARY;
    for (int state = 0; state < STATES; state++) {
        if (!(set >> state & 1)) continue;
        int to = byte ? pal_classes_move(f->classes, f->classes->byte[id], state) : DEAD;
        if (to != DEAD) out |= 1u << to;
        if (open) out |= m->reach[must_be_word(f, place)][state];
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
            const int to = before >> state & 1 ? pal_classes_move(f->classes, (uint8_t)b, state) : DEAD;
            if (to != DEAD && (after >> to & 1)) s->byte[b] = true;
        }
        any = any || (s->byte[b] && moves.held[s->word][b]);
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
    if (blank->one_line) s->forbidden |= PAL_CLASS_LINE;
    s->word = first && blank->first == PAL_FIRST_WORD;
    s->bytes = f->options.byte_pieces || f->classes->moves;
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
