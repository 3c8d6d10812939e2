/* length.c - the length of a free blank, drawn at once and before its words.
 *
 * <empty> is a suffix of its blank, so the probability of <empty> at place j is that of a length of at most j: one
 * evaluation shows the whole distribution.  A word drawn before the length is known is drawn for all lengths at once,
 * and the end then cuts off what it asked for ("found a small in the garden").  The last word comes next, since it is
 * what tells the network that the blank is no shorter; the others may follow in any order.  With true conditionals
 * the joint law is reproduced exactly. */
#include "length.h"
#include "samplers/samplers.h"

/* Index of the first place that is known to be <empty>; `most` if none is. */
static int32_t end_of(const pal_fill *f, const pal_blank *blank)
{
    for (int32_t i = 0; i < blank->most; i++)
        if (!pal_fill_is_open(f, blank->slot + i) && f->tokens[f->slot[blank->slot + i].at] == f->classes->empty)
            return i;
    return blank->most;
}

bool pal_length_is_settled(const pal_fill *f, const pal_blank *blank)
{
    if (blank->least == blank->most) return true;
    int32_t end = end_of(f, blank);
    return end <= blank->least || !pal_fill_is_open(f, blank->slot + end - 1);
}

/* A sampler that draws place by place asks at an open place how likely the blank ends there, among all the lengths that
 * it was given with: with fewer places the network would expect it to be full. */
bool pal_length_needs_no_empty(const pal_fill *f, const pal_blank *blank)
{
    int32_t end = end_of(f, blank);
    return f->sampler->lengths == PAL_LENGTHS_AT_ONCE || end == 0 || end == blank->most ||
           f->slot[blank->slot + end].pinned || !pal_fill_is_open(f, blank->slot + end - 1);
}

/* Draws a length of at most `end`, place by place: whether it ends here, given that it has not before.  Greedily it
 * is the median.  The place before `end` is open; if nothing ends, its word is drawn. */
static void draw_length(pal_fill *f, const pal_blank *blank, int32_t end)
{
    const bool greedy = f->options.temperature == 0.0;
    double reached = 0.0; /* probability of a length up to here; a network's own need not rise from place to place */
    for (int32_t i = blank->least; i < end; i++) {
        int32_t slot = blank->slot + i;
        if (!pal_fill_is_open(f, slot)) continue;
        double no_longer = pal_fill_look_at(f, slot);
        bool median = greedy && no_longer > 0.5;
        pal_fill_set_end(f, no_longer > reached ? (no_longer - reached) / (1.0 - reached) : 0.0);
        if (i == end - 1 && !median)
            pal_fill_draw_by_law(f, slot);
        else if (median || (!greedy && pal_fill_uniform(f, PAL_DRAW_TOKEN, slot) < f->law[f->classes->empty])) {
            pal_fill_end_at(f, slot);
            return;
        }
        if (no_longer > reached) reached = no_longer;
    }
}

static void settle(pal_fill *f, const pal_blank *blank)
{
    int32_t end = end_of(f, blank), last = blank->slot + end - 1;
    bool drawn = end < blank->most && !f->slot[blank->slot + end].pinned;
    if (!drawn) {
        draw_length(f, blank, end);
        return;
    }
    pal_fill_look_at(f, last);
    pal_fill_set_end(f, 0.0);
    pal_fill_draw_by_law(f, last);
}

bool pal_length_settle(pal_fill *f, bool together)
{
    bool changed = false;
    for (int32_t i = 0; i < f->blanks && (together || !changed); i++) {
        if (pal_length_is_settled(f, &f->blank[i])) continue;
        settle(f, &f->blank[i]);
        changed = true;
    }
    return changed;
}
