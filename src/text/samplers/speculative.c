/* speculative.c - the blanks first to last, each from its left: several tokens are drafted from one evaluation, and
 * verified by the next one.
 *
 * The order is fixed beforehand, so a network of query rows can compute in one evaluation how likely each drafted token is
 * given those before it (law q), with the drafts as known tokens.  They were drawn one by one from the rows of an
 * evaluation without them (law p).  A draft is accepted with probability min(1, q / p); otherwise a token is drawn from
 * the positive part of q - p, and the drafts behind it are dropped: the result has the law q exactly (Guo and Ermon, any-
 * subset speculative decoding, 2025).  The first token of a step needs no check.  Temperature and truncation are part of
 * both laws.  Behind a drafted <empty> the drafts go on in the next blank.
 *
 * If all drafts are accepted, the evaluation that verified them also has the rows for the next step.  On other networks one
 * token is drawn per evaluation. */
#include "samplers.h"

pal_ask_fn pal_speculative_ask;
pal_step_fn pal_speculative_step;

/* How many tokens a step may reveal. */
static int32_t depth(const pal_fill *f)
{
    return f->drafts.probs && !f->forced ? PAL_DRAFTS : 1;
}

static bool is_drafted(const pal_fill *f, int32_t place)
{
    for (int32_t i = 0; i < f->drafts.count; i++)
        if (f->drafts.place[i] == place) return true;
    return false;
}

/* The place that follows in the order; `ended`: its blank ends at `place`.  place -1: the first one.  -1: none. */
static int32_t next_place(const pal_fill *f, int32_t place, bool ended)
{
    int32_t number = place < 0 ? 0 : f->place[place].blank + ended;
    for (; number < f->blanks; number++) {
        const pal_blank *blank = &f->blank[number];
        int32_t i = place >= blank->place ? place + 1 : blank->place;
        for (; i < blank->place + blank->max; i++)
            if (pal_fill_is_open(f, i)) return i;
    }
    return -1;
}

/* Asks for every place that can be one of the next `count` in the order, from `place` on. */
static void ask_from(pal_fill *f, int32_t place, int32_t count)
{
    while (count > 0 && place >= 0) {
        const pal_blank *blank = &f->blank[f->place[place].blank];
        int32_t sure = 0; /* places of this blank that are filled before the next one, whatever is drawn */
        for (int32_t i = place, left = count; i < blank->place + blank->max && left > 0; i++) {
            if (!pal_fill_is_open(f, i) || is_drafted(f, i)) continue;
            pal_fill_ask(f, i);
            left--;
            sure += blank->min == blank->max || f->place[i].index <= blank->min || !sure;
        }
        count -= sure;
        place = next_place(f, place, true);
    }
}

bool pal_speculative_ask(pal_fill *f)
{
    const pal_drafts *d = &f->drafts;
    const int32_t last = d->count ? d->place[d->count - 1] : -1;
    for (int32_t i = 0; i < d->count; i++) pal_fill_ask(f, d->place[i]);
    ask_from(f, next_place(f, last, last >= 0 && d->token[d->count - 1] == f->classes->empty), depth(f));
    return true;
}

/* ---- drafting --------------------------------------------------------------------------------------- */

/* Draws a token for a place from the last evaluation, and stores its distribution. */
static int32_t draw_draft(pal_fill *f, int32_t place, float *kept)
{
    pal_fill_look_at(f, place);
    pal_fill_reshape(f, place);
    for (int32_t id = 0; id < f->classes->vocab; id++) {
        kept[id] = (float)f->probs[id];
        f->probs[id] = (double)kept[id];
    }
    return pal_probs_draw(f->probs, f->classes->vocab, pal_fill_uniform(f, PAL_DRAW_TOKEN, place));
}

/* Reveals the first place, and drafts tokens for those after it.  While it drafts, drafted words count as revealed, for
 * the rules of allowed tokens and the penalty. */
static void draft(pal_fill *f)
{
    pal_drafts d = {.probs = f->drafts.probs};
    int32_t place = next_place(f, -1, false);
    pal_fill_draw(f, place);
    bool ended = f->tokens[f->place[place].at] == f->classes->empty;
    while (d.count < depth(f) - 1) {
        place = next_place(f, place, ended);
        if (place < 0 || !f->place[place].answered) break;
        const int32_t id = draw_draft(f, place, d.probs + (size_t)d.count * (size_t)f->classes->vocab);
        d.place[d.count] = place;
        d.token[d.count++] = id;
        ended = id == f->classes->empty;
        if (ended) continue;
        f->tokens[f->place[place].at] = id;
        f->place[place].step = f->step;
    }
    for (int32_t i = 0; i < d.count; i++) {
        f->tokens[f->place[d.place[i]].at] = f->classes->mask;
        f->place[d.place[i]].step = -1;
    }
    f->drafts = d;
    if (d.count) f->tokens_changed = f->order_changed = true;
}

/* ---- verifying -------------------------------------------------------------------------------------- */

/* f->probs := the positive part of q - p; left as it is if nothing of it is left by rounding. */
static void subtract(pal_fill *f, const float *p, double sum)
{
    double left = 0.0;
    for (int32_t id = 0; id < f->classes->vocab; id++) {
        const double more = f->probs[id] - (double)p[id] / sum;
        left += more > 0.0 ? more : 0.0;
    }
    for (int32_t id = 0; id < f->classes->vocab && left > 0.0; id++) {
        const double more = f->probs[id] - (double)p[id] / sum;
        f->probs[id] = more > 0.0 ? more : 0.0;
    }
}

/* Reveals the place of a draft: its token if that is accepted, otherwise another one.  Returns whether it was accepted. */
static bool verify(pal_fill *f, int32_t number)
{
    const int32_t place = f->drafts.place[number], vocab = f->classes->vocab;
    const float *p = f->drafts.probs + (size_t)number * (size_t)vocab;
    int32_t id = f->drafts.token[number];
    double sum = 0.0;
    for (int32_t i = 0; i < vocab; i++) sum += (double)p[i];
    pal_fill_look_at(f, place);
    pal_fill_reshape(f, place);
    const bool accepted = pal_fill_uniform(f, PAL_DRAW_ACCEPT, place) * ((double)p[id] / sum) < f->probs[id];
    if (!accepted) {
        subtract(f, p, sum);
        id = pal_probs_draw(f->probs, vocab, pal_fill_uniform(f, PAL_DRAW_REPLACE, place));
    }
    pal_fill_look_at(f, place);
    pal_fill_take(f, place, id);
    return accepted;
}

void pal_speculative_step(pal_fill *f)
{
    const int32_t count = f->drafts.count, rank = f->next_rank;
    bool accepted = true;
    if (!count) {
        draft(f);
        return;
    }
    for (int32_t i = 0; i < count && accepted; i++) {
        f->next_rank = rank + i; /* that of the draft in the query: its row in the network's cache stays */
        accepted = verify(f, i);
    }
    f->drafts.count = 0;
    /* With all drafts accepted, the network has seen the page as it is now. */
    f->tokens_changed = f->order_changed = !accepted;
}
