/* generator_step.c - adds one token to a text: shifts the window, reads tokens, draws; or appends a pushed token.
 *
 * A call that fails changes nothing.  Therefore everything that does not need the network is checked first, a step that
 * shifts the window draws nothing, and a draw that fails undoes the reading before it. */
#include "generator.h"
#include "../core/random.h"

#include <math.h>
#include <string.h>

/* ---- shifting the window ----------------------------------------------------------------------------- */

/* Moves the bases of grammar and text over the first `generated` generated tokens in the window. */
static void move_base(pal_generator *g, int32_t generated)
{
    pal_window *w = &g->window;
    char text[PAL_TOKEN_TEXT];
    if (g->grammar) {
        pal_generator_grammar_to_base(g);
        pal_generator_advance_grammar(g, w->prompt, w->prompt + generated);
        const pal_grammar_state *state = pal_grammar_state_of(g->grammar);
        memcpy(g->base, state, pal_grammar_state_bytes(state));
        pal_generator_advance_grammar(g, w->prompt + generated, w->count);
    }
    pal_stop_reset(&g->stop);
    for (size_t i = 0; i < w->dropped_held_bytes; i++) pal_stop_push(&g->stop, &w->dropped_held[i], 1, g->text);
    for (int32_t i = 0; i < generated; i++) {
        const size_t bytes = pal_generator_text_of(g, w->dropped_generated + i, w->tokens[w->prompt + i], text);
        pal_stop_push(&g->stop, text, bytes, g->text);
        w->dropped_bytes += bytes;
    }
    w->dropped_held_bytes = g->stop.holds;
    if (w->dropped_held_bytes) memcpy(w->dropped_held, g->stop.held, w->dropped_held_bytes);
}

/* Drops the older half of the tokens after those to keep. */
static void shift(pal_generator *g)
{
    pal_window *w = &g->window;
    const int32_t limit = g->options.keep < 0 ? w->capacity / 2 : w->capacity - 2;
    int32_t keep = g->options.keep < 0 ? w->given : g->options.keep;
    if (keep > w->prompt) keep = w->prompt;
    if (keep > limit) keep = limit;
    const int32_t drop = (w->count - keep) / 2, of_prompt = w->prompt - keep < drop ? w->prompt - keep : drop;
    const int32_t generated = drop - of_prompt;
    if (generated) move_base(g, generated);
    const size_t rest = (size_t)(w->count - keep - drop);
    memmove(w->tokens + keep, w->tokens + keep + drop, rest * sizeof *w->tokens);
    if (w->mu) memmove(w->mu + keep, w->mu + keep + drop, rest * sizeof *w->mu);
    w->count -= drop;
    w->prompt -= of_prompt;
    w->dropped += drop;
    w->dropped_generated += generated;
    if (generated) pal_generator_replay_text(g);
}

/* ---- reading ----------------------------------------------------------------------------------------- */

/* The state before read_some, to which give_back returns if the step fails. */
typedef struct {
    int32_t length, evaluations, evaluated; /* length: of the sequence, or only of the part that stays valid */
    bool read;
} reading;

static int32_t count_up(int32_t count, int32_t by)
{
    return count > INT32_MAX - by ? INT32_MAX : count + by;
}

/* Reads up to `batch` of the tokens that the sequence does not have; PAL_MORE if some are left. */
static pal_status read_some(pal_generator *g, reading *before, pal_error *err)
{
    pal_sequence *s = g->sequence;
    const pal_window *w = &g->window;
    const int32_t known = pal_generator_cached(g), left = w->count - known, length = s->length;
    const int32_t some = left < s->activations.max_tokens ? left : s->activations.max_tokens;
    /* If the sequence has these tokens already, reading them again gives the same keys and values: all stay valid. */
    const int32_t both = length < w->count ? length : w->count;
    const bool same = both == known || (both == known + 1 && w->tokens[known] == s->tokens[known]);
    *before = (reading){same ? length : known, g->evaluations, g->evaluated, left > 0};
    if (!left) return PAL_OK;
    pal_sequence_rewind(s, known);
    pal_status status = pal_sequence_append(s, w->tokens + known, some, err);
    if (status) return status;
    g->evaluations = count_up(g->evaluations, 1);
    g->evaluated = count_up(g->evaluated, some);
    return some < left ? PAL_MORE : PAL_OK;
}

static void give_back(pal_generator *g, const reading *before)
{
    if (!before->read) return;
    g->sequence->length = before->length;
    g->sequence->has_logits = false;
    g->evaluations = before->evaluations;
    g->evaluated = before->evaluated;
}

/* ---- the draw ---------------------------------------------------------------------------------------- */

/* Fails if grammar and bans allow no token.  *ended: the grammar has ended, so nothing is to be drawn. */
static pal_status ask(pal_generator *g, bool *ended, pal_error *err)
{
    const size_t ends = g->options.ignore_eos ? g->named_count : g->end_count;
    int32_t count = 1;
    pal_status status = g->grammar ? pal_grammar_mask(g->grammar, g->ends, ends, g->allowed, &count, err) : PAL_OK;
    *ended = count == 0;
    if (status || *ended) return status;
    for (int32_t id = 0; id < g->model->shape.vocab; id++)
        if ((!g->grammar || g->allowed[id]) && !g->banned[id]) return PAL_OK;
    return pal_fail(err, PAL_E_OPTION, "no token is allowed: the logit biases and the grammar exclude all of them",
                    SIZE_MAX);
}

/* Draws from the logits of the sequence, among the tokens that `ask` found allowed. */
static pal_status draw(pal_generator *g, pal_error *err)
{
    const pal_window *w = &g->window;
    const pal_mirostat before = g->mirostat;
    const pal_choose_context context = {.tokens = w->tokens,
                                        .count = (size_t)w->count,
                                        .allowed = g->grammar ? g->allowed : NULL,
                                        .mirostat = &g->mirostat};
    pal_chosen chosen;
    const double u =
        pal_uniform(g->options.seed, PAL_DRAW_TOKEN, g->options.draft, 0, (uint32_t)w->dropped + (uint32_t)w->count);
    pal_status status = pal_sequence_logits(g->sequence, g->logits, err);
    if (!status) status = pal_choose(&g->scratch, &g->options, g->logits, &context, u, &chosen, err);
    if (!status && g->grammar && !pal_generator_ends_at(g, chosen.id))
        status = pal_grammar_accept(g->grammar, chosen.id, err);
    if (status) {
        g->mirostat = before;
        return status;
    }
    g->token = (pal_generated){.logprob = pal_choose_logprob(&g->scratch, g->logits, chosen.id),
                               .probability = chosen.probability};
    if (g->options.alternatives)
        g->token.alternatives = pal_choose_likeliest(&g->scratch, g->logits, g->options.alternatives,
                                                     g->token.alternative_id, g->token.alternative_logprob);
    pal_generator_begin_call(g);
    pal_generator_take_token(g, chosen.id, before.mu);
    return PAL_OK;
}

/* Reads a batch, and draws if no token is left to read. */
static pal_status read_and_draw(pal_generator *g, pal_error *err)
{
    const bool draws = g->window.count - pal_generator_cached(g) <= g->sequence->activations.max_tokens;
    reading before;
    bool ended = false;
    pal_status status = draws ? ask(g, &ended, err) : PAL_OK;
    if (!status) status = read_some(g, &before, err);
    if (status == PAL_MORE) pal_generator_begin_call(g);
    if (status) return status;
    if (ended) {
        pal_generator_begin_call(g);
        pal_generator_finish_with(g, PAL_FINISH_EOS);
        return PAL_OK;
    }
    status = draw(g, err);
    if (status) give_back(g, &before);
    return status ? status : g->finish ? PAL_OK : PAL_MORE;
}

static pal_status shift_and_read(pal_generator *g, pal_error *err)
{
    reading before;
    bool ended;
    pal_status status = ask(g, &ended, err);
    if (status) return status;
    pal_generator_begin_call(g);
    if (ended) {
        pal_generator_finish_with(g, PAL_FINISH_EOS);
        return PAL_OK;
    }
    shift(g);
    status = read_some(g, &before, err);
    return status < 0 ? status : PAL_MORE;
}

pal_status pal_generator_step(pal_generator *g, pal_error *err)
{
    if (!g->window.count) return pal_fail(err, PAL_E_OPTION, "there is no prompt to continue", SIZE_MAX);
    const pal_finish finish = pal_generator_finish_of(g);
    if (g->finish || finish) { /* the context is full, or max_tokens is reached */
        pal_generator_begin_call(g);
        if (!g->finish) pal_generator_finish_with(g, finish);
        return PAL_OK;
    }
    return pal_generator_full(g) ? shift_and_read(g, err) : read_and_draw(g, err);
}

/* ---- pushed tokens ----------------------------------------------------------------------------------- */

static pal_status check_push(const pal_generator *g, int32_t id, pal_error *err)
{
    if (id < 0 || id >= g->model->shape.vocab)
        return pal_fail(err, PAL_E_OPTION, "the token id is outside the vocabulary", SIZE_MAX);
    if (!g->window.count) return pal_fail(err, PAL_E_OPTION, "there is no prompt to continue", SIZE_MAX);
    if (g->finish == PAL_FINISH_STOP)
        return pal_fail(err, PAL_E_OPTION, "the text has ended at a stop string", SIZE_MAX);
    const bool ends = pal_generator_ends_at(g, id);
    if (!ends && pal_generator_full(g) && !pal_generator_can_shift(g))
        return pal_fail(err, PAL_E_CONTEXT, "the context is full", SIZE_MAX);
    if (ends && g->grammar && !pal_grammar_may_end(g->grammar))
        return pal_fail(err, PAL_E_OPTION, "the grammar does not allow the text to end here", SIZE_MAX);
    return PAL_OK;
}

pal_status pal_generator_push(pal_generator *g, int32_t id, pal_error *err)
{
    const bool ends = pal_generator_ends_at(g, id);
    pal_status status = check_push(g, id, err);
    if (!status && g->grammar && !ends) status = pal_grammar_accept(g->grammar, id, err);
    if (status) return status;
    if (!ends && pal_generator_full(g)) {
        shift(g); /* leaves the grammar in its state at the end of the window */
        if (g->grammar) status = pal_grammar_accept(g->grammar, id, err);
        PAL_ASSERT(status == PAL_OK);
    }
    pal_generator_lift_finish(g);
    pal_generator_begin_call(g);
    g->token = (pal_generated){.logprob = NAN, .probability = 1.0};
    pal_generator_take_token(g, id, g->mirostat.mu);
    return status;
}
