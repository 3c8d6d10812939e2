/* length.c - draws the length of a blank of free length, before its words.
 *
 * <empty> fills the end of its blank, so the probability of <empty> at place j is that of a length of at most j: one
 * evaluation gives the whole distribution. A word drawn before the length is known is drawn for a mixture of all
 * lengths, and the end then cuts off the words it needs ("found a small in the garden"). After the length the last word
 * is drawn, since it tells the network that the blank is not shorter; the others may follow in any order. With true
 * conditionals the joint distribution is reproduced exactly.
 *
 * In blanks that are filled from their left, <empty> ends a blank when it is drawn (pal_length_end_here). */
#include "length.h"
#include "samplers/samplers.h"
#include "../core/math.h"

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

#define LARGEST_ODDS 1e300 /* quotients of odds are then numbers */

/* The odds c / (1 - c) at a temperature. */
static double odds(double c, double temperature)
{
    const double plain = c < 1.0 ? c / (1.0 - c) : LARGEST_ODDS;
    if (temperature == 0.0) return plain > 1.0 ? LARGEST_ODDS : 0.0;
    const double sharp = pal_pow(plain, 1.0 / temperature);
    return sharp < LARGEST_ODDS ? sharp : LARGEST_ODDS;
}

/* A length is many decisions, one per place.  If each of them were sharpened, blanks would have one word or all places.
 * So the temperature is applied to one question, whose answers are symmetrical: has the blank ended by here? With c the
 * probability that it has, at temperature 1 and given the drawn tokens, its odds become (c / (1 - c))^(1 / temperature).
 * The lower the temperature, the closer the lengths are to their median, which is taken at 0. */
double pal_length_end_here(pal_fill *f, int32_t place, double end)
{
    const double t = f->options.temperature;
    pal_fill_place *s = &f->place[place];
    double before = 0.0;
    for (int32_t i = 1; i <= s->index && before == 0.0; i++) /* pinned places have no decision: 0 */
        if (!s[-i].pinned) before = s[-i].ended;
    s->ended = before + (1.0 - before) * end;
    if (end <= 0.0 || end >= 1.0 || t == 1.0) return end;
    const double was = odds(before, t);
    return was < LARGEST_ODDS ? 1.0 - (1.0 + was) / (1.0 + odds(s->ended, t)) : 1.0;
}
