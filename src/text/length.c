/* length.c - the length of a free blank, drawn at once and before its words.
 *
 * <empty> is a suffix of its blank, so the probability of <empty> at place j is that of a length of at most j: one
 * evaluation shows the whole distribution.  A word drawn before the length is known is drawn for all lengths at once,
 * and the end then cuts off what it asked for ("found a small in the garden").  The last word comes next, since it is
 * what tells the network that the blank is no shorter; the others may follow in any order.  With true conditionals
 * the joint law is reproduced exactly. */
#include "length.h"
#include "samplers/samplers.h"

/* Index of the first place that is known to be <empty>; `max` if none is. */
static int32_t end_of(const pal_fill *f, const pal_blank *blank)
{
    for (int32_t i = 0; i < blank->max; i++)
        if (!pal_fill_is_open(f, blank->place + i) && f->tokens[f->place[blank->place + i].at] == f->classes->empty)
            return i;
    return blank->max;
}

bool pal_length_is_known(const pal_fill *f, const pal_blank *blank)
{
    if (blank->min == blank->max) return true;
    int32_t end = end_of(f, blank);
    return end <= blank->min || !pal_fill_is_open(f, blank->place + end - 1);
}

/* A sampler that draws place by place asks at an open place how likely the blank ends there, among all the lengths that
 * it was given with: with fewer places the network would expect it to be full. */
bool pal_length_needs_no_empty(const pal_fill *f, const pal_blank *blank)
{
    int32_t end = end_of(f, blank);
    return f->sampler->lengths == PAL_LENGTHS_AT_ONCE || end == 0 || end == blank->max ||
           f->place[blank->place + end].pinned || !pal_fill_is_open(f, blank->place + end - 1);
}

/* f->probs := that of a place, with the probability that the blank ends there given that it does not end before.  Returns
 * the probability that it ends there or before; *reached is the largest of those before, since a network's own need not
 * rise from place to place. */
static double end_by(pal_fill *f, int32_t place, double *reached)
{
    const double no_longer = pal_fill_look_at(f, place);
    const bool rises = no_longer > *reached;
    pal_fill_set_end(f, rises ? (no_longer - *reached) / (1.0 - *reached) : 0.0);
    if (rises) *reached = no_longer;
    return no_longer;
}

/* Draws a length of at most `end`, place by place; greedily the median.  The place before `end` is open: there a word is
 * drawn if the blank ends nowhere. */
static void draw_length(pal_fill *f, const pal_blank *blank, int32_t end)
{
    const bool greedy = f->options.temperature == 0.0;
    const int32_t last = blank->place + end - 1;
    double reached = 0.0;
    for (int32_t place = blank->place + blank->min; place <= last; place++) {
        if (!pal_fill_is_open(f, place)) continue;
        const double no_longer = end_by(f, place, &reached);
        if (place == last && !(greedy && no_longer > 0.5)) {
            pal_fill_draw_from_probs(f, place); /* which also draws whether it ends */
        } else if (greedy ? no_longer > 0.5
                          : pal_fill_uniform(f, PAL_DRAW_TOKEN, place) < f->probs[f->classes->empty]) {
            pal_fill_end_at(f, place);
            return;
        }
    }
}

static void draw_blank(pal_fill *f, const pal_blank *blank)
{
    int32_t end = end_of(f, blank), last = blank->place + end - 1;
    bool drawn = end < blank->max && !f->place[blank->place + end].pinned;
    if (!drawn) {
        draw_length(f, blank, end);
        return;
    }
    pal_fill_look_at(f, last);
    pal_fill_set_end(f, 0.0);
    pal_fill_draw_from_probs(f, last);
}

bool pal_length_draw(pal_fill *f, bool together)
{
    bool changed = false;
    for (int32_t i = 0; i < f->blanks && (together || !changed); i++) {
        if (pal_length_is_known(f, &f->blank[i])) continue;
        draw_blank(f, &f->blank[i]);
        changed = true;
    }
    return changed;
}
