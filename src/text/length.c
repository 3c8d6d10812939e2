/* length.c - draws the length of a blank of free length, before its words.
 *
 * <empty> fills the end of its blank, so the probability of <empty> at place j is that of a length of at most j: one
 * evaluation gives the whole distribution. A word drawn before the length is known is drawn for a mixture of all
 * lengths, and the end then cuts off the words it needs ("found a small in the garden"). After the length the last word
 * is drawn, since it tells the network that the blank is not shorter; the others may follow in any order. With true
 * conditionals the joint distribution is reproduced exactly. */
#include "length.h"
#include "samplers/samplers.h"

/* Index in the blank of the first place that is known to be <empty>; `max` if there is none. */
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

/* A sampler that draws place by place needs, at an open place, the probability that the blank ends there, among all
 * lengths that the blank allows. With fewer places the network would expect the blank to be full. */
bool pal_length_needs_no_empty(const pal_fill *f, const pal_blank *blank)
{
    int32_t end = end_of(f, blank);
    return f->sampler->lengths == PAL_LENGTHS_AT_ONCE || end == 0 || end == blank->max ||
           f->place[blank->place + end].pinned || !pal_fill_is_open(f, blank->place + end - 1);
}

/* f->probs := the distribution at a place, with the probability that the blank ends there given that it does not end
 * before. Returns the probability that it ends there or before. *reached is the maximum of these over earlier places,
 * since a network's own values need not increase from place to place. */
static double end_by(pal_fill *f, int32_t place, double *reached)
{
    const double no_longer = pal_fill_look_at(f, place);
    const bool rises = no_longer > *reached;
    pal_fill_set_end(f, rises ? (no_longer - *reached) / (1.0 - *reached) : 0.0);
    if (rises) *reached = no_longer;
    return no_longer;
}

/* Draws a length of at most `end`, place by place; at temperature 0 takes the median. The place before `end` is open:
 * if the blank does not end before it, its word is drawn. */
static void draw_length(pal_fill *f, const pal_blank *blank, int32_t end)
{
    const bool greedy = f->options.temperature == 0.0;
    const int32_t last = blank->place + end - 1;
    double reached = 0.0;
    for (int32_t place = blank->place + blank->min; place <= last; place++) {
        if (!pal_fill_is_open(f, place)) continue;
        const double no_longer = end_by(f, place, &reached);
        if (place == last && !(greedy && no_longer > 0.5)) {
            pal_fill_draw_from_probs(f, place); /* this also draws whether it ends here */
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
