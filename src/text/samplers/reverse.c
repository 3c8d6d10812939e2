/* reverse.c - steps of the reverse process: when they are, and how places change by given probabilities. */
#include "reverse.h"
#include "../race.h"
#include "../support.h"
#include "../../core/math.h"

/* ---- the grid --------------------------------------------------------------------------------------- */

static int32_t corrections_of(const pal_fill *f)
{
    if (!f->sampler->is.corrections) return 0;
    return f->options.corrections ? f->options.corrections : 1;
}

int32_t pal_reverse_last(const pal_fill *f)
{
    return pal_fill_steps(f) * (1 + corrections_of(f)) + 1;
}

pal_reverse pal_reverse_now(const pal_fill *f)
{
    const pal_noise *n = f->classes->noise;
    const int32_t steps = pal_fill_steps(f), each = 1 + corrections_of(f), done = pal_fill_time_step(f) - 1;
    const double length = (1.0 - PAL_REVERSE_END) / steps;
    if (done >= steps * each) { /* also for places that are opened later */
        const double rest = pal_noise_sigma(n, PAL_REVERSE_END);
        return (pal_reverse){.kind = PAL_REVERSE_CLOSE, .sigma = rest, .removed = rest};
    }
    const bool corrects = done % each > 0;
    const int32_t number = done / each; /* of the time step */
    const double from = 1.0 - number * length, to = 1.0 - (number + 1) * length, at = corrects ? to : from;
    return (pal_reverse){.kind = corrects ? PAL_REVERSE_CORRECT : PAL_REVERSE_PREDICT,
                         .sigma = pal_noise_sigma(n, at),
                         .rate_step = pal_noise_rate(n, at) * length,
                         .removed = pal_noise_sigma(n, from) - pal_noise_sigma(n, to)};
}

bool pal_reverse_ask(pal_fill *f)
{
    f->time = pal_noise_share(pal_reverse_now(f).sigma);
    pal_fill_ask_open(f);
    return true;
}

/* ---- scores ----------------------------------------------------------------------------------------- */

/* scores[id] of every state from a row of logits, 0 for other tokens. */
static void read_scores(const pal_fill *f, const float *logits, double sigma, double *scores)
{
    const pal_classes *c = f->classes;
    const double divisor = pal_noise_log_divisor(c->noise, sigma, c->vocab);
    for (int32_t id = 0; id < c->vocab; id++) {
        const bool state = c->noise->graph == PAL_GRAPH_UNIFORM ? pal_classes_is_state(c, id) : id != c->noise->mask;
        scores[id] = state ? pal_exp(pal_bounded((double)logits[id]) - divisor) : 0.0;
    }
}

static bool happens(pal_fill *f, pal_purpose purpose, int32_t place, double chance)
{
    f->chance = chance;
    return pal_fill_uniform(f, purpose, place) < chance;
}

/* ---- the absorbing graph ---------------------------------------------------------------------------- */

typedef struct {
    const pal_reverse *r;
    pal_reveal_fn *reveal;
    pal_weigh_fn *weigh;
} move;

static double bound(double chance)
{
    return chance < 1.0 ? chance : 1.0;
}

/* f->score := the probability that the place is revealed. */
static void find_chance(void *context, pal_fill *f, int32_t place, const float *logits)
{
    const move *m = context;
    read_scores(f, logits, m->r->sigma, f->probs);
    f->score[place] = bound(m->reveal(m->r, pal_probs_sum(f->probs, f->classes->vocab)));
}

/* The mask and all tokens in one race of 32-bit numbers: f->chosen is the token that wins, or -1. */
static void find_winner(void *context, pal_fill *f, int32_t place, const float *logits)
{
    const move *m = context;
    find_chance(context, f, place, logits);
    const double chance = f->score[place];
    pal_fill_probabilities(f, place, logits);
    const pal_race race = {f->options.seed, f->options.draft, (uint32_t)f->step,
                           (uint32_t)(f->place[place].at - f->from)};
    f->chosen[place] = pal_race_run(&race, f->probs, f->classes->vocab, chance, m->r->kind == PAL_REVERSE_CLOSE);
}

static void reveal_winners(pal_fill *f)
{
    for (int32_t i = 0; i < f->places; i++) {
        if (!pal_fill_is_open(f, i) || f->chosen[i] < 0) continue;
        pal_fill_look_at(f, i);
        pal_fill_take(f, i, f->chosen[i]);
    }
}

/* Tokens are drawn given the state before the step, so before any place is masked again. */
static void move_absorbing(pal_fill *f, double remask)
{
    int32_t reveals = 0, masks = f->places; /* chosen places, from both ends of f->chosen */
    for (int32_t i = 0; i < f->places; i++) {
        if (!pal_fill_is_open(f, i) && !f->place[i].pinned && happens(f, PAL_DRAW_REMASK, i, remask))
            f->chosen[--masks] = i;
        else if (pal_fill_is_open(f, i) && happens(f, PAL_DRAW_REVEAL, i, f->score[i]))
            f->chosen[reveals++] = i;
    }
    for (int32_t i = 0; i < reveals; i++) pal_fill_draw(f, f->chosen[i]);
    for (int32_t i = f->places; i > masks && !f->broken; i--) pal_fill_mask(f, f->chosen[i - 1]);
}

/* ---- the uniform graph ------------------------------------------------------------------------------ */

/* f->probs := weights of the next state of a place, divided by their sum. */
static void next_states(pal_fill *f, int32_t place, const float *logits, const move *m)
{
    const int32_t own = f->tokens[f->place[place].at], vocab = f->classes->vocab;
    read_scores(f, logits, m->r->sigma, f->probs);
    f->probs[own] = 1.0;
    m->weigh(m->r, f->classes, own, f->probs);
    const double sum = pal_probs_sum(f->probs, vocab);
    for (int32_t id = 0; id < vocab; id++) f->probs[id] /= sum;
}

/* Options such as the temperature read logits: these are those of f->probs. */
static void set_logits(pal_fill *f)
{
    for (int32_t id = 0; id < f->classes->vocab; id++)
        f->logits[id] = f->probs[id] > 0.0 ? (float)pal_log(f->probs[id]) : (float)PAL_NEVER;
}

/* f->chosen := the state that the place changes to, or -1.  Overwrites the first row of f->logits, which is `logits` or was
 * visited before. */
static void choose_state(void *context, pal_fill *f, int32_t place, const float *logits)
{
    const move *m = context;
    const int32_t own = f->tokens[f->place[place].at], vocab = f->classes->vocab;
    next_states(f, place, logits, m);
    f->probs[own] = 0.0;
    const double change = pal_probs_sum(f->probs, vocab);
    f->chosen[place] = -1;
    if (!happens(f, PAL_DRAW_REVEAL, place, change) || !(change > 0.0)) return;
    for (int32_t id = 0; id < vocab; id++) f->probs[id] /= change;
    set_logits(f);
    f->chosen[place] = pal_fill_choose(f, place);
}

/* Reveals the token of a place among those that it can have. */
static void close_place(pal_fill *f, int32_t place, const move *m)
{
    pal_support support;
    pal_fill_look_at(f, place);
    next_states(f, place, f->logits, m);
    pal_support_of(&support, f, place);
    for (int32_t id = 0; id < f->classes->vocab; id++)
        if (!pal_support_has(&support, f->classes, id)) f->probs[id] = 0.0;
    const double sum = pal_probs_sum(f->probs, f->classes->vocab);
    if (!(sum > 0.0))
        pal_fill_look_at(f, place); /* nothing that the process can reach is allowed: what is allowed, by its scores */
    else
        for (int32_t id = 0; id < f->classes->vocab; id++) f->probs[id] /= sum;
    set_logits(f);
    pal_fill_draw_from_probs(f, place);
}

static void move_uniform(pal_fill *f, move *m)
{
    for (int32_t i = 0; i < f->places; i++) f->chosen[i] = -1;
    if (m->r->kind == PAL_REVERSE_CLOSE)
        for (int32_t i = 0; i < f->places; i++) {
            if (pal_fill_is_open(f, i)) close_place(f, i, m);
        }
    else
        pal_fill_each_row(f, choose_state, m);
    for (int32_t i = 0; i < f->places && !f->broken; i++)
        if (f->chosen[i] >= 0) pal_fill_change(f, i, f->chosen[i]);
}

/* ---- steps ------------------------------------------------------------------------------------------ */

double pal_reveal_tweedie(const pal_reverse *r, double sum)
{
    return r->kind == PAL_REVERSE_CLOSE ? 1.0 : pal_expm1(r->removed) * sum;
}

void pal_weigh_tweedie(const pal_reverse *r, const pal_classes *c, int32_t own, double *weight)
{
    const double states = c->noise->states, more = pal_exp(r->removed), less = pal_noise_share(r->removed) / states;
    const double all = pal_expm1(r->removed) / states * pal_probs_sum(weight, c->vocab);
    for (int32_t id = 0; id < c->vocab; id++) {
        if (!pal_classes_is_state(c, id)) continue;
        const double score = more * weight[id] - all; /* of the less noised texts; a wrong score can make it negative */
        weight[id] = score > 0.0 ? score * (less + (id == own ? pal_exp(-r->removed) : 0.0)) : 0.0;
    }
    if (!(pal_probs_sum(weight, c->vocab) > 0.0)) weight[own] = 1.0;
}

void pal_reverse_make(pal_fill *f, const pal_reverse *r, pal_reveal_fn *reveal, pal_weigh_fn *weigh, double remask)
{
    const bool closes = r->kind == PAL_REVERSE_CLOSE;
    move m = {r, closes ? pal_reveal_tweedie : reveal, closes ? pal_weigh_tweedie : weigh};
    if (f->classes->noise->graph == PAL_GRAPH_UNIFORM)
        move_uniform(f, &m);
    else if (f->options.released) {
        pal_fill_each_row(f, find_winner, &m);
        reveal_winners(f);
    } else {
        pal_fill_each_row(f, find_chance, &m);
        move_absorbing(f, closes ? 0.0 : remask);
    }
}
