/* fill.c - the state of a page being filled: reveals, masks and pins places, draws tokens, computes scores. */
#include "fill.h"
#include "forced.h"
#include "length.h"
#include "support.h"
#include "samplers/samplers.h"
#include "../core/math.h"
#include "../core/options.h"

void pal_fill_layout(pal_fill *f, int32_t vocab, int32_t max_tokens, int32_t places, pal_arena *arena)
{
    size_t v = (size_t)vocab, s = (size_t)places;
    f->shown = pal_take(arena, (size_t)max_tokens, sizeof *f->shown);
    f->shown_rank = pal_take(arena, (size_t)max_tokens, sizeof *f->shown_rank);
    f->logits = pal_take2(arena, PAL_FILL_ROWS, v, sizeof *f->logits);
    pal_choose_layout(&f->scratch, vocab, false, arena);
    f->probs = f->scratch.probabilities;
    f->score = pal_take(arena, s, sizeof *f->score);
    f->chosen = pal_take(arena, s, sizeof *f->chosen);
    f->asked = pal_take(arena, s, sizeof *f->asked);
    f->drafts = (pal_drafts){0};
}

void pal_fill_layout_drafts(pal_fill *f, int32_t vocab, pal_arena *arena)
{
    f->drafts.probs = pal_take2(arena, PAL_DRAFTS, (size_t)vocab, sizeof *f->drafts.probs);
}

/* A border rule that no token of the vocabulary can satisfy is dropped. */
static void relax_borders(pal_fill *f)
{
    bool word = false, inside = false;
    for (int32_t id = 0; id < f->classes->vocab; id++) {
        uint8_t of = f->classes->of[id];
        if (of & (PAL_CLASS_NO_FILL | PAL_CLASS_BYTE) || id == f->classes->empty) continue;
        if (of & PAL_CLASS_WORD)
            word = true;
        else
            inside = true;
    }
    for (int32_t i = 0; i < f->blanks; i++)
        if ((f->blank[i].first == PAL_FIRST_WORD && !word) || (f->blank[i].first == PAL_FIRST_INSIDE && !inside))
            f->blank[i].first = PAL_FIRST_FREE;
}

/* The random number depends only on what the draw decides, not on earlier draws. */
static double addressed(void *context, const pal_fill *f, pal_purpose purpose, int32_t place)
{
    (void)context;
    uint32_t position = place < 0 ? 0 : (uint32_t)(f->place[place].at - f->from);
    return pal_uniform(f->options.seed, purpose, f->options.draft, (uint32_t)f->step, position);
}

/* Whether the token closes its place: the network is then never shown anything there. */
static bool is_end(const pal_fill *f, int32_t id)
{
    return f->classes->ends && id == f->classes->empty;
}

void pal_fill_move(pal_fill *f)
{
    f->tokens_changed = f->order_changed = true;
    f->open = f->drafts.count = 0;
    for (int32_t i = 0; i < f->places; i++) f->open += pal_fill_is_open(f, i);
}

/* What an open place holds: the mask, or a piece of the first, uniform noise. */
static int32_t hidden_token(const pal_fill *f, int32_t place)
{
    if (!pal_fill_is_noised(f)) return f->classes->mask;
    const double u = pal_uniform(f->options.seed, PAL_DRAW_NOISE, f->options.draft, 0, (uint32_t)f->place[place].at);
    return pal_classes_state(f->classes, (int32_t)(u * f->classes->noise->states));
}

void pal_fill_start(pal_fill *f)
{
    relax_borders(f);
    f->scratch.team = f->predictor.team;
    f->uniform = addressed;
    f->uniform_context = NULL;
    f->forced = NULL;
    f->sampler = pal_sampler_row_for(&f->options, f->classes);
    f->open = f->drafts.count = 0;
    f->step = f->first_step = f->evaluations = 0;
    f->tokens_changed = f->order_changed = true;
    for (int32_t i = 0; i < f->places; i++) {
        const bool given = f->place[i].pinned;
        f->place[i].rank = given && !is_end(f, f->tokens[f->place[i].at]) ? 0 : PAL_RANK_UNKNOWN;
        if (given) continue;
        f->tokens[f->place[i].at] = hidden_token(f, i);
        f->place[i].step = -1;
        f->place[i].ended = 0.0;
        f->open++;
    }
}

/* ---- queries ---------------------------------------------------------------------------------------- */

static bool is_shown(const pal_fill *f, int32_t place)
{
    const pal_fill_place *s = &f->place[place];
    const bool own = place >= 0 && place < f->places;
    return !f->drops_empty || f->tokens[s->at] != f->classes->empty ||
           (own && !pal_length_needs_no_empty(f, &f->blank[s->blank]));
}

/* The rank of a known place of a blank for the network.  Pins, which have rank 0 here, come before all drawn places,
 * from left to right.  Drawn places keep their ranks when a place is pinned.  Words of other parts are given text. */
static int32_t query_rank(const pal_fill *f, int32_t place, int32_t *pins)
{
    const int32_t rank = f->place[place].rank;
    if (rank == PAL_RANK_UNKNOWN) return rank;
    if (place < 0 || place >= f->places) return 0;
    return rank ? f->places + rank : ++*pins;
}

/* Builds f->shown. In training as here, the network sees a blank of n words as n places or more. Places that are known
 * to be <empty> add no information compared with fewer places, and separate the words from the text after them. */
static void collect_shown(pal_fill *f)
{
    int32_t place = -f->before, pins = 0;
    f->shown_n = 0;
    for (int32_t i = f->from; i < f->from + f->n; i++) {
        bool in_blank = place < f->places + f->after && f->place[place].at == i;
        bool shown = !in_blank || is_shown(f, place);
        const int32_t rank = in_blank ? query_rank(f, place, &pins) : 0;
        if (in_blank) f->place[place++].shown_at = f->shown_n;
        if (!shown) continue;
        f->shown[f->shown_n] = rank == PAL_RANK_UNKNOWN && !pal_fill_is_noised(f) ? f->classes->mask : f->tokens[i];
        f->shown_rank[f->shown_n++] = rank;
    }
    for (int32_t i = 0; i < f->drafts.count; i++) {
        const int32_t at = f->place[f->drafts.place[i]].shown_at, id = f->drafts.token[i];
        f->shown[at] = is_end(f, id) ? f->classes->mask : id;
        f->shown_rank[at] = f->places + f->next_rank + i;
    }
}

/* Whether the last evaluation already answers this query, as far as the predictor reads it. */
static bool is_answered(const pal_fill *f)
{
    if (f->tokens_changed || (f->predictor.reads_order && f->order_changed)) return false;
    if (f->predictor.reads_time && (f->time < f->evaluated_time || f->time > f->evaluated_time)) return false;
    for (int32_t i = 0; i < f->places; i++)
        if (f->place[i].asked && !f->place[i].answered) return false;
    return true;
}

/* The token before the part that the network sees; NULL: there is none, or it is not known. */
static const int32_t *token_before(const pal_fill *f)
{
    const int32_t *before = f->from > 0 ? &f->tokens[f->from - 1] : NULL;
    return before && *before != f->classes->mask && *before != f->classes->empty ? before : NULL;
}

/* f->query := the query of the current step. False: it requests nothing, or everything is already answered. */
static bool form_query(pal_fill *f)
{
    int count = 0;
    f->query = (pal_query){0};
    if (is_answered(f)) return false;
    collect_shown(f);
    for (int32_t i = 0; i < f->places; i++)
        if (f->place[i].asked) f->asked[count++] = (int)f->place[i].shown_at;
    f->query = (pal_query){f->shown_n, f->shown, f->shown_rank, f->time, count, f->asked, token_before(f)};
    return count > 0;
}

void pal_fill_answered(pal_fill *f)
{
    f->evaluations++;
    f->tokens_changed = f->order_changed = false;
    f->evaluated_time = f->time;
    for (int32_t i = 0; i < f->places; i++) f->place[i].answered = f->place[i].asked;
}

int32_t pal_fill_leftmost(const pal_fill *f, const pal_blank *blank)
{
    for (int32_t place = blank->place; place < blank->place + blank->max; place++)
        if (pal_fill_is_open(f, place)) return place;
    return -1;
}

void pal_fill_ask(pal_fill *f, int32_t place)
{
    PAL_ASSERT(pal_fill_is_open(f, place));
    f->place[place].asked = true;
}

void pal_fill_ask_open(pal_fill *f)
{
    for (int32_t i = 0; i < f->places; i++)
        if (pal_fill_is_open(f, i)) pal_fill_ask(f, i);
}

double pal_fill_uniform(const pal_fill *f, pal_purpose purpose, int32_t place)
{
    return f->uniform(f->uniform_context, f, purpose, place);
}

int32_t pal_fill_steps(const pal_fill *f)
{
    return f->options.steps ? f->options.steps : 64;
}

int32_t pal_fill_last(const pal_fill *f)
{
    return f->sampler->last ? f->sampler->last(f) : pal_fill_steps(f);
}

static void reveal(pal_fill *f, int32_t place, int32_t id, double probability)
{
    pal_fill_place *s = &f->place[place];
    f->tokens[s->at] = id;
    s->step = f->step;
    s->drawn = true;
    s->probability = (float)probability;
    f->open--;
    if (is_end(f, id)) return; /* the place stays unknown to the network: nothing that it reads has changed */
    s->rank = f->next_rank;
    f->tokens_changed = f->order_changed = true;
}

/* Once a place is <empty>, all later places of its blank are: they are revealed without an evaluation. */
static void reveal_tail(pal_fill *f, int32_t place)
{
    const pal_blank *blank = &f->blank[f->place[place].blank];
    for (int32_t i = f->place[place].index + 1; i < blank->max; i++)
        if (pal_fill_is_open(f, blank->place + i)) {
            f->place[blank->place + i].alternatives = 0;
            reveal(f, blank->place + i, f->classes->empty, 1.0);
        }
}

void pal_fill_mask(pal_fill *f, int32_t place)
{
    PAL_ASSERT(!f->place[place].pinned && f->place[place].step >= 0);
    f->tokens[f->place[place].at] = hidden_token(f, place);
    f->place[place].step = -1;
    f->place[place].rank = PAL_RANK_UNKNOWN;
    f->drafts.count = 0;
    f->open++;
    f->tokens_changed = f->order_changed = true;
}

void pal_fill_pin(pal_fill *f, int32_t place, int32_t id)
{
    pal_fill_place *s = &f->place[place];
    const bool hides = id == f->classes->empty && !s->pinned; /* a place pinned as <empty> may be hidden from now on */
    if (s->step < 0) f->open--;
    if (f->tokens[s->at] != id || hides) f->tokens_changed = true;
    const int32_t rank = is_end(f, id) ? PAL_RANK_UNKNOWN : 0;
    if (s->rank != rank) f->order_changed = true;
    f->tokens[s->at] = id;
    s->pinned = true;
    f->drafts.count = 0;
    s->step = 0;
    s->rank = rank;
    s->probability = 1.0f;
    s->alternatives = 0;
}

void pal_fill_probabilities(pal_fill *f, int32_t place, const float *logits)
{
    pal_support support;
    pal_support_of(&support, f, place);
    for (int32_t id = 0; id < f->classes->vocab; id++)
        f->probs[id] = pal_support_has(&support, f->classes, id) ? pal_bounded((double)logits[id]) : PAL_NEVER;
    pal_softmax(f->predictor.team, f->probs, f->classes->vocab);
}

void pal_fill_each_row(pal_fill *f, pal_row_fn *visit, void *context)
{
    int at[PAL_FILL_ROWS];
    int32_t place[PAL_FILL_ROWS];
    for (int32_t i = 0; i < f->places;) {
        int count = 0;
        for (; i < f->places && count < PAL_FILL_ROWS; i++)
            if (f->place[i].asked && pal_fill_is_open(f, i)) {
                place[count] = i;
                at[count++] = (int)f->place[i].shown_at;
            }
        if (!count) return;
        if (!f->predictor.logits(f->predictor.context, at, count, f->logits)) f->broken = true;
        for (int row = 0; row < count; row++)
            visit(context, f, place[row], f->logits + (size_t)row * (size_t)f->classes->vocab);
    }
}

typedef struct {
    pal_measure_fn *measure;
} measure_context;

static void measure_row(void *context, pal_fill *f, int32_t place, const float *logits)
{
    pal_fill_probabilities(f, place, logits);
    f->score[place] = ((measure_context *)context)->measure(f->probs, f->classes->vocab);
}

void pal_fill_measure(pal_fill *f, pal_measure_fn *measure)
{
    pal_fill_each_row(f, measure_row, &(measure_context){measure});
}

/* Stores the most probable tokens under f->probs, for users to choose from. */
static void note_alternatives(const pal_fill *f, pal_fill_place *s)
{
    pal_top top = {.max = PAL_ALTERNATIVES, .id = s->alternative_id, .value = s->alternative_probability};
    for (int32_t id = 0; id < f->classes->vocab; id++)
        if ((float)f->probs[id] > 0.0f) pal_top_offer(&top, id, (float)f->probs[id]);
    s->alternatives = top.count;
}

double pal_fill_look_at(pal_fill *f, int32_t place)
{
    int at = (int)f->place[place].shown_at;
    PAL_ASSERT(f->place[place].answered);
    if (!f->predictor.logits(f->predictor.context, &at, 1, f->logits)) f->broken = true;
    pal_fill_probabilities(f, place, f->logits);
    return f->classes->empty >= 0 ? f->probs[f->classes->empty] : 0.0;
}

void pal_fill_set_end(pal_fill *f, double end)
{
    int32_t empty = f->classes->empty;
    double words = 1.0 - f->probs[empty];
    if (words <= 0.0) return;
    for (int32_t id = 0; id < f->classes->vocab; id++) f->probs[id] *= (1.0 - end) / words;
    f->probs[empty] = end;
}

void pal_fill_end_at(pal_fill *f, int32_t place)
{
    note_alternatives(f, &f->place[place]);
    reveal(f, place, f->classes->empty, f->probs[f->classes->empty]);
    reveal_tail(f, place);
}

static pal_choose_options choice_of_words(const pal_fill *f)
{
    pal_choose_options how = pal_choose_defaults();
    how.temperature = f->options.temperature;
    how.top_k = f->options.top_k;
    how.top_p = f->options.top_p;
    how.min_p = f->options.min_p;
    how.repetition_penalty = f->options.repetition_penalty;
    how.repeat_last_n = -1;
    return how;
}

/* The repetition penalty applies to every token of the page. */
static pal_choose_context page_of(const pal_fill *f)
{
    return (pal_choose_context){.tokens = f->tokens + f->from, .count = (size_t)f->n, .given = true};
}

/* The probability with which the blank is ended here, given that of <empty>.  In blanks that are filled from their left
 * the temperature is applied to it (length.h); elsewhere a length is drawn with the model's own probabilities, or at
 * temperature 0 is their median. */
static double end_at_temperature(pal_fill *f, int32_t place, double end)
{
    if (f->classes->ends) return pal_length_end_here(f, place, end);
    if (f->options.temperature == 0.0) return end > 0.5 ? 1.0 : 0.0;
    return end;
}

static pal_chosen choose_word(pal_fill *f, double u)
{
    const pal_choose_context page = page_of(f);
    const pal_choose_options how = choice_of_words(f);
    pal_chosen chosen = {0};
    (void)pal_choose(&f->scratch, &how, f->logits, &page, u, &chosen, NULL); /* cannot fail with given probabilities */
    return chosen;
}

int32_t pal_fill_choose(pal_fill *f, int32_t place)
{
    return choose_word(f, pal_fill_uniform(f, PAL_DRAW_TOKEN, place)).id;
}

void pal_fill_change(pal_fill *f, int32_t place, int32_t id)
{
    f->tokens[f->place[place].at] = id;
    f->tokens_changed = true;
}

/* Draws a word from f->probs; `end` is the probability that the blank ends here. */
static void draw_word(pal_fill *f, int32_t place, double u, double end)
{
    if (end > 0.0) pal_fill_set_end(f, 0.0);
    const pal_chosen chosen = choose_word(f, u);
    reveal(f, place, chosen.id, chosen.own * (1.0 - end));
}

void pal_fill_reshape(pal_fill *f, int32_t place)
{
    const pal_choose_context page = page_of(f);
    const pal_choose_options how = choice_of_words(f);
    const int32_t vocab = f->classes->vocab, empty = f->classes->empty;
    const double own = empty >= 0 ? f->probs[empty] : 0.0, end = end_at_temperature(f, place, own);
    if (own >= 1.0) return;
    if (own > 0.0) pal_fill_set_end(f, 0.0);
    (void)pal_choose_among(&f->scratch, &how, f->logits, &page, NULL); /* cannot fail with given probabilities */
    if (how.temperature == 0.0) {
        const int32_t best = pal_probs_likeliest(f->probs, vocab);
        for (int32_t id = 0; id < vocab; id++) f->probs[id] = id == best ? 1.0 : 0.0;
    }
    const double words = (1.0 - end) / pal_probs_sum(f->probs, vocab);
    for (int32_t id = 0; id < vocab; id++) f->probs[id] *= words;
    if (empty >= 0) f->probs[empty] = end;
}

void pal_fill_take(pal_fill *f, int32_t place, int32_t id)
{
    if (id == f->classes->empty) {
        pal_fill_end_at(f, place);
        return;
    }
    note_alternatives(f, &f->place[place]);
    reveal(f, place, id, f->probs[id]);
}

/* Takes the given token instead of a drawn one. */
static void take_forced(pal_fill *f, int32_t place)
{
    const int32_t id = f->forced->token[place];
    f->forced->nats[place] = -pal_log(f->probs[id]);
    if (id == f->classes->empty)
        pal_fill_end_at(f, place);
    else
        reveal(f, place, id, f->probs[id]);
}

/* Truncation and penalty affect the words, not the length. */
void pal_fill_draw_from_probs(pal_fill *f, int32_t place)
{
    if (f->forced) {
        take_forced(f, place);
        return;
    }
    const double own = f->classes->empty >= 0 ? f->probs[f->classes->empty] : 0.0,
                 end = end_at_temperature(f, place, own), u = pal_fill_uniform(f, PAL_DRAW_TOKEN, place);
    if (end > 0.0 && u < end) {
        pal_fill_end_at(f, place);
        return;
    }
    note_alternatives(f, &f->place[place]);
    draw_word(f, place, u > end ? (u - end) / (1.0 - end) : 0.0, own);
}

void pal_fill_draw(pal_fill *f, int32_t place)
{
    if (!pal_fill_is_open(f, place)) return; /* already revealed: an <empty> was drawn before it in this step */
    pal_fill_look_at(f, place);
    pal_fill_draw_from_probs(f, place);
}

/* ---- steps ------------------------------------------------------------------------------------------ */

/* A sampler that can mask again continues to its last time step, since a full page may be opened again before that. */
static bool finished(const pal_fill *f)
{
    return !f->open && (!f->sampler->is.reopens || pal_fill_time_step(f) >= pal_fill_last(f));
}

/* The time at the start of a step: from the grid of time steps if the sampler has them (places opened after the last
 * step repeat it), otherwise the share of places that are open. */
static double time_of_step(const pal_fill *f)
{
    const int32_t steps = pal_fill_steps(f), left = steps - pal_fill_time_step(f) + 1;
    if (f->sampler->is.steps) return (left > 1 ? left : 1) / (double)steps;
    return f->open / (double)f->places;
}

/* Begins the next step; returns whether it changes anything. */
static bool begin(pal_fill *f)
{
    if (!f->drafts.count) f->step++; /* drafting and verifying are one step */
    f->next_rank = 1;
    for (int32_t i = 0; i < f->places; i++) {
        pal_fill_place *s = &f->place[i];
        s->asked = false;
        if (s->rank != PAL_RANK_UNKNOWN && s->rank >= f->next_rank) f->next_rank = s->rank + 1;
    }
    f->time = time_of_step(f);
    if (f->sampler->ask) return f->sampler->ask(f);
    pal_fill_ask_open(f);
    return true;
}

bool pal_fill_sampler_step(pal_fill *f)
{
    if (!begin(f)) return false;
    if (form_query(f)) {
        f->predictor.evaluate(f->predictor.context, &f->query);
        pal_fill_answered(f);
    }
    f->sampler->step(f);
    return true;
}

const pal_query *pal_fill_query(pal_fill *f)
{
    const int32_t step = f->step;
    bool changes = false;
    while (!changes && !finished(f)) changes = begin(f);
    f->step = step;
    f->query = (pal_query){0};
    return changes && form_query(f) ? &f->query : NULL;
}

/* Samplers continue with any logits, within bounds; only this function checks whether the logits were finite, and
 * undoes the step if not. */
pal_status pal_fill_step(pal_fill *f, pal_error *err)
{
    const int32_t step = f->step, evaluations = f->evaluations, drafts = f->drafts.count;
    const bool tokens_changed = f->tokens_changed, order_changed = f->order_changed;
    bool changed = false;
    f->broken = false;
    for (int32_t i = 0; i < f->places; i++) f->place[i].drawn = false;
    while (!changed && !f->broken && !finished(f))
        changed = pal_fill_sampler_step(f); /* time steps that change nothing are skipped */
    if (!f->broken) return finished(f) ? PAL_OK : PAL_MORE;
    for (int32_t i = 0; i < f->places; i++)
        if (f->place[i].drawn) pal_fill_mask(f, i);
    f->step = step;
    f->drafts.count = drafts;
    f->evaluations = evaluations;
    f->tokens_changed = tokens_changed;
    f->order_changed = order_changed;
    return pal_fail_not_finite(err);
}

/* ---- options ---------------------------------------------------------------------------------------- */

static bool can_fill(const pal_classes *c)
{
    for (int32_t id = 0; id < c->vocab; id++)
        if (id != c->empty && !(c->of[id] & (PAL_CLASS_NO_FILL | PAL_CLASS_BYTE))) return true;
    return false;
}

/* The option byte_pieces promises characters outside the vocabulary, which needs all 256 bytes. */
static bool has_all_bytes(const pal_classes *c)
{
    bool seen[256] = {false};
    int count = 0;
    for (int32_t id = 0; id < c->vocab; id++) {
        if (!(c->of[id] & PAL_CLASS_BYTE) || seen[c->byte[id]]) continue;
        seen[c->byte[id]] = true;
        count++;
    }
    return count == 256;
}

/* Rules that depend on the sampler or on several options. */
static pal_status check_samplers(const pal_infill_options *o, const pal_classes *c, pal_error *err)
{
    const pal_sampler_row *row = pal_sampler_row_for(o, c);
    if (!row) return pal_fail(err, PAL_E_OPTION, PAL_FOR_SCORES, SIZE_MAX); /* it is not in this program */
    const pal_sampler_properties *takes = &row->is;
    const pal_rule rules[] = {
        {!o->steps || takes->steps, "this sampler does not use the option steps"},
        {!(o->threshold > 0.0) || takes->threshold, "this sampler does not use the option threshold"},
        {!(o->entropy_bound > 0.0) || takes->entropy_bound, "this sampler does not use the option entropy-bound"},
        {!(o->threshold > 0.0 && o->entropy_bound > 0.0), "threshold and entropy-bound cannot be used together"},
        {!o->distance || takes->distance, "this sampler does not use the option distance"},
        {!o->distance || !(o->threshold > 0.0 || o->entropy_bound > 0.0),
         "distance cannot be used with threshold or entropy-bound"},
        {!(o->remask >= 0.0) || takes->remask, "this sampler does not use the option remask"},
        {!o->corrections || takes->corrections, "this sampler does not use the option corrections"},
        {!o->released || takes->released, "this sampler does not use the option released"},
    };
    pal_status s = pal_of_scores ? pal_of_scores->check(o, row, c, err) : PAL_OK;
    return s ? s : pal_check_rules(rules, sizeof rules / sizeof *rules, err);
}

pal_status pal_fill_check(const pal_infill_options *o, const pal_classes *c, pal_error *err)
{
    pal_status s = pal_options_check(&pal_infill_table, o, err);
    if (!s) s = check_samplers(o, c, err);
    if (s) return s;
    const pal_rule rules[] = {
        {o->free_min <= o->free_max, "the shortest length of [[?]] must not be above the longest"},
        {!o->byte_pieces || c->moves || has_all_bytes(c), "byte-pieces needs a vocabulary with all 256 byte pieces"},
        {can_fill(c), "the vocabulary has no token that can fill a blank"},
    };
    return pal_check_rules(rules, sizeof rules / sizeof *rules, err);
}
