/* generator.c - pal_generator: continues a text token by token, with a pal_sequence and text/decode/. */
#include "generator.h"
#include "../core/options.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const finish_names[PAL_FINISHES] = {"none", "stop", "length", "eos", "context"};

const char *pal_finish_name(pal_finish finish)
{
    return (unsigned)finish < PAL_FINISHES ? finish_names[finish] : NULL;
}

/* ---- making a generator ----------------------------------------------------------------------------- */

static pal_status check_stop(const pal_generate_options *o, pal_error *err)
{
    if (o->stop_count > PAL_STOP_STRINGS) return pal_stop_check(NULL, o->stop_count, err); /* fails: too many */
    for (size_t i = 0; i < o->stop_count; i++) {
        const pal_str text = {o->stop[i].text, o->stop[i].bytes};
        pal_status status = pal_stop_check(&text, 1, err);
        if (status && err) err->offset = i;
        if (status) return status;
    }
    return PAL_OK;
}

static pal_status check(const pal_sequence *s, const pal_generate_options *o, pal_error *err)
{
    enum { SHORTEST_TO_SHIFT = 4 };
    pal_status status = pal_choose_check(o, s->model->shape.vocab, err);
    if (!status) status = check_stop(o, err);
    if (status) return status;
    if (o->shift && s->max_tokens < SHORTEST_TO_SHIFT)
        return pal_fail(err, PAL_E_OPTION, "shift needs a context of at least 4 tokens", SIZE_MAX);
    return PAL_OK;
}

/* Lists the control tokens that stop strings name, then the tokens that end every text. */
static void find_ends(pal_generator *g)
{
    const pal_vocab *vocab = g->model->vocab;
    const pal_special *special = pal_vocab_special(vocab);
    for (size_t i = 0; i < g->options.stop_count; i++) {
        const int32_t id = pal_vocab_find(vocab, g->stop_text[i]);
        if (id < 0 || pal_vocab_type(vocab, id) != PAL_PIECE_CONTROL) continue;
        g->named_by[g->named_count++] = (int32_t)i;
        g->ends[g->end_count++] = id;
    }
    for (size_t i = 0; i < special->end_count; i++) g->ends[g->end_count++] = special->ends[i];
}

/* Index of the stop string that names this token; -1: none. */
static int32_t stop_named(const pal_generator *g, int32_t id)
{
    for (size_t i = 0; i < g->named_count; i++)
        if (g->ends[i] == id) return g->named_by[i];
    return -1;
}

static size_t piece_text(const void *vocab, int32_t id, char *out, size_t capacity)
{
    return pal_vocab_decode_one(vocab, id, false, out, capacity);
}

/* Copies the caller's arrays. */
static void layout_options(pal_generator *g, const pal_generate_options *o, pal_arena *arena)
{
    g->options = *o;
    g->bias = pal_take(arena, pal_plus(o->logit_bias_count, PAL_ENDS), sizeof *g->bias);
    g->banned = pal_take(arena, (size_t)g->model->shape.vocab, 1);
    for (size_t i = 0; i < o->stop_count; i++) {
        char *text = pal_take(arena, o->stop[i].bytes, 1);
        if (text) memcpy(text, o->stop[i].text, o->stop[i].bytes);
        g->stop_text[i] = (pal_str){text ? text : o->stop[i].text, o->stop[i].bytes};
    }
    pal_stop_layout(&g->stop, g->stop_text, o->stop_count, arena);
    g->text = pal_take(arena, PAL_TOKEN_TEXT + g->stop.held_capacity, 1);
    g->window.dropped_held = pal_take(arena, g->stop.held_capacity, 1);
}

static void layout_grammar(pal_generator *g, pal_arena *arena)
{
    const pal_vocab *vocab = g->model->vocab;
    pal_pieces_measure(&g->pieces, g->model->shape.vocab, piece_text, vocab);
    pal_pieces_layout(&g->pieces, arena);
    g->grammar = pal_grammar_layout(g->options.grammar, &g->pieces, arena);
    g->base = pal_take(arena, 1, sizeof *g->base);
    g->allowed = pal_take(arena, (size_t)g->model->shape.vocab, 1);
}

/* If the arena has no block, only measures, using the caller's *g.  Otherwise places the generator first in the block,
 * and its arrays after it. */
static pal_generator *lay_out(pal_generator *g, const pal_sequence *s, const pal_generate_options *o, pal_arena *arena)
{
    const size_t vocab = (size_t)s->model->shape.vocab, capacity = (size_t)s->max_tokens;
    pal_generator *placed = pal_take(arena, 1, sizeof *placed);
    if (placed) g = placed;
    memset(g, 0, sizeof *g);
    g->model = s->model;
    layout_options(g, o, arena);
    g->window.capacity = s->max_tokens;
    g->window.tokens = pal_take(arena, capacity, sizeof *g->window.tokens);
    if (o->mirostat) g->window.mu = pal_take(arena, capacity, sizeof *g->window.mu);
    pal_choose_layout(&g->scratch, s->model->shape.vocab, o->typical_p < 1.0, arena);
    g->scratch.team = s->model->team;
    g->logits = pal_take(arena, vocab, sizeof *g->logits);
    if (o->grammar) layout_grammar(g, arena);
    return g;
}

pal_status pal_generator_bytes(const pal_sequence *s, const pal_generate_options *o, size_t *bytes, pal_error *err)
{
    pal_generator measured;
    pal_arena arena = {0};
    pal_status status = check(s, o, err);
    if (status) return status;
    lay_out(&measured, s, o, &arena);
    if (!pal_arena_bytes(&arena, bytes))
        return pal_fail(err, PAL_E_MEMORY, "not enough memory for the generator", SIZE_MAX);
    return PAL_OK;
}

pal_status pal_generator_init(pal_generator **out, pal_sequence *s, const pal_generate_options *o, void *block,
                              size_t bytes, pal_error *err)
{
    size_t needed;
    pal_generator unplaced;
    pal_status status = pal_generator_bytes(s, o, &needed, err);
    if (status) return status;
    if (!block || bytes < needed)
        return pal_fail(err, PAL_E_MEMORY, "the memory block for the generator is too small", SIZE_MAX);
    pal_arena arena = pal_arena_in(block);
    pal_generator *g = lay_out(&unplaced, s, o, &arena);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == needed);
    g->sequence = s;
    find_ends(g);
    for (size_t i = 0; i < o->logit_bias_count; i++) g->bias[i] = o->logit_bias[i];
    for (size_t i = g->named_count; o->ignore_eos && i < g->end_count; i++)
        if (stop_named(g, g->ends[i]) < 0)
            g->bias[g->options.logit_bias_count++] = (pal_logit_bias){g->ends[i], -INFINITY};
    g->options.logit_bias = g->bias;
    memset(g->banned, 0, (size_t)g->model->shape.vocab);
    for (size_t i = 0; i < g->options.logit_bias_count; i++)
        if (g->bias[i].bias < -DBL_MAX) g->banned[g->bias[i].id] = 1;
    if (g->grammar) pal_pieces_fill(&g->pieces, piece_text, g->model->vocab);
    g->options.stop = NULL;
    g->mirostat = pal_mirostat_start(o->mirostat_tau);
    *out = g;
    return PAL_OK;
}

/* ---- text ------------------------------------------------------------------------------------------- */

bool pal_generator_ends_at(const pal_generator *g, int32_t id)
{
    for (size_t i = 0; i < g->end_count; i++)
        if (g->ends[i] == id) return true;
    return false;
}

size_t pal_generator_text_of(const pal_generator *g, int32_t index, int32_t id, char text[PAL_TOKEN_TEXT])
{
    size_t bytes = pal_vocab_decode_one(g->model->vocab, id, false, text, PAL_TOKEN_TEXT);
    if (index == 0 && g->drop_space && bytes && text[0] == ' ') memmove(text, text + 1, --bytes);
    return bytes;
}

/* `stop` has appended `bytes` to g->text: counts them, and removes those that the caller has already. */
static void release_text(pal_generator *g, size_t bytes)
{
    const size_t ahead = g->shown - g->streamed, known = ahead < bytes ? ahead : bytes;
    char *from = g->text + g->text_bytes;
    if (known) memmove(from, from + known, bytes - known);
    g->streamed += bytes;
    g->text_bytes += bytes - known;
    if (g->shown < g->streamed) g->shown = g->streamed;
}

void pal_generator_finish_with(pal_generator *g, pal_finish finish)
{
    g->finish = finish;
    if (finish != PAL_FINISH_STOP) release_text(g, pal_stop_finish(&g->stop, g->text + g->text_bytes));
}

pal_finish pal_generator_finish_of(const pal_generator *g)
{
    if (g->stop.found >= 0) return PAL_FINISH_STOP;
    if (g->options.max_tokens >= 0 && pal_generated_count(g) >= g->options.max_tokens) return PAL_FINISH_LENGTH;
    if (pal_generator_full(g) && !pal_generator_can_shift(g)) return PAL_FINISH_CONTEXT;
    return PAL_FINISH_NONE;
}

void pal_generator_begin_call(pal_generator *g)
{
    g->has_token = false;
    g->text_bytes = 0;
}

void pal_generator_take_token(pal_generator *g, int32_t id, double mu)
{
    pal_window *w = &g->window;
    char text[PAL_TOKEN_TEXT];
    g->has_token = true;
    g->token.id = id;
    g->token.index = pal_generated_count(g);
    g->token.offset = g->bytes;
    g->token.bytes = 0;
    if (pal_generator_ends_at(g, id)) {
        pal_generator_finish_with(g, PAL_FINISH_EOS);
        g->stop.found = stop_named(g, id);
        if (g->stop.found >= 0) g->finish = PAL_FINISH_STOP;
        return;
    }
    g->token.bytes = pal_generator_text_of(g, g->token.index, id, text);
    g->bytes += g->token.bytes;
    if (w->mu) w->mu[w->count] = mu;
    w->tokens[w->count++] = id;
    release_text(g, pal_stop_push(&g->stop, text, g->token.bytes, g->text));
    const pal_finish finish = pal_generator_finish_of(g);
    if (finish) pal_generator_finish_with(g, finish);
}

void pal_generator_advance_grammar(pal_generator *g, int32_t from, int32_t to)
{
    for (int32_t i = from; i < to; i++) {
        pal_status status = pal_grammar_accept(g->grammar, g->window.tokens[i], NULL);
        PAL_ASSERT(status == PAL_OK);
        (void)status;
    }
}

void pal_generator_grammar_to_base(pal_generator *g)
{
    if (g->window.dropped_generated)
        pal_grammar_restore(g->grammar, g->base, pal_grammar_state_bytes(g->base), NULL);
    else
        pal_grammar_restart(g->grammar);
}

void pal_generator_replay_grammar(pal_generator *g)
{
    if (!g->grammar) return;
    pal_generator_grammar_to_base(g);
    pal_generator_advance_grammar(g, g->window.prompt, g->window.count);
}

void pal_generator_replay_text(pal_generator *g)
{
    const pal_window *w = &g->window;
    char text[PAL_TOKEN_TEXT];
    pal_stop_reset(&g->stop);
    g->bytes = w->dropped_bytes;
    g->streamed = w->dropped_bytes - w->dropped_held_bytes;
    for (size_t i = 0; i < w->dropped_held_bytes; i++)
        g->streamed += pal_stop_push(&g->stop, &w->dropped_held[i], 1, g->text);
    for (int32_t i = w->prompt; i < w->count; i++) {
        const size_t bytes = pal_generator_text_of(g, w->dropped_generated + i - w->prompt, w->tokens[i], text);
        g->bytes += bytes;
        g->streamed += pal_stop_push(&g->stop, text, bytes, g->text);
    }
}

/* ---- prompts ---------------------------------------------------------------------------------------- */

int32_t pal_generator_cached(const pal_generator *g)
{
    const pal_sequence *s = g->sequence;
    const pal_window *w = &g->window;
    int32_t shared = 0;
    while (shared < w->count && shared < s->length && w->tokens[shared] == s->tokens[shared]) shared++;
    const bool ready = s->has_logits && s->length == shared;
    return shared == w->count && shared > 0 && !ready ? shared - 1 : shared;
}

static bool has_text(const pal_generator *g, const int32_t *tokens, int32_t n)
{
    char none[1];
    for (int32_t i = 0; i < n; i++)
        if (pal_vocab_decode_one(g->model->vocab, tokens[i], false, none, 0)) return true;
    return false;
}

pal_status pal_generator_prompt_tokens(pal_generator *g, const int32_t *tokens, int32_t n, pal_error *err)
{
    pal_window *w = &g->window;
    if (n < 1) return pal_fail(err, PAL_E_OPTION, "a prompt must have at least one token", SIZE_MAX);
    if (n > w->capacity)
        return pal_fail(err, PAL_E_CONTEXT, "the prompt has more tokens than the context holds", SIZE_MAX);
    for (int32_t i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= g->model->shape.vocab)
            return pal_fail(err, PAL_E_OPTION, "a token id is outside the vocabulary", (size_t)i);
    memmove(w->tokens, tokens, (size_t)n * sizeof *tokens);
    w->count = w->prompt = w->given = n;
    w->dropped = w->dropped_generated = 0;
    w->dropped_bytes = w->dropped_held_bytes = 0;
    g->drop_space = !g->grammar && pal_vocab_special(g->model->vocab)->add_space_prefix && !has_text(g, tokens, n);
    g->mirostat = pal_mirostat_start(g->options.mirostat_tau);
    for (int32_t i = 0; w->mu && i < n; i++) w->mu[i] = g->mirostat.mu;
    g->kept = pal_generator_cached(g);
    g->evaluations = g->evaluated = 0;
    g->shown = 0;
    g->finish = PAL_FINISH_NONE;
    pal_generator_begin_call(g);
    pal_generator_replay_text(g);
    pal_generator_replay_grammar(g);
    return PAL_OK;
}

/* The token that texts begin with; -1: none. */
static int32_t first_token(const pal_model *m, bool empty)
{
    const pal_special *special = pal_vocab_special(m->vocab);
    if (!empty && !special->add_bos) return -1;
    return special->bos < 0 && empty ? special->eos : special->bos;
}

pal_status pal_generator_prompt(pal_generator *g, const char *text, size_t bytes, unsigned flags, pal_error *err)
{
    const pal_vocab *vocab = g->model->vocab;
    const size_t scratch = pal_vocab_scratch_bytes(vocab, bytes), max = bytes + 2;
    const unsigned how =
        (flags & PAL_TOKENIZE_INSIDE ? 0 : PAL_ENCODE_PREFIX) | (flags & PAL_TOKENIZE_SPECIAL ? PAL_ENCODE_SPECIAL : 0);
    if (scratch == SIZE_MAX || max > (SIZE_MAX - scratch - 8) / sizeof(int32_t) || max > INT32_MAX)
        return pal_fail(err, PAL_E_CONTEXT, "the prompt is too long to tokenize", SIZE_MAX);
    char *block = malloc(scratch + 8 + max * sizeof(int32_t));
    if (!block) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the prompt's tokens", SIZE_MAX);
    int32_t *ids = (int32_t *)(void *)(block + (scratch + 7) / 8 * 8);
    size_t n = pal_vocab_encode(vocab, text, bytes, how, ids + 1, max - 1, block);
    const int32_t first = first_token(g->model, n == 0);
    ids[0] = first;
    const bool added = first >= 0 && (n == 0 || ids[1] != first);
    pal_status status =
        n == 0 && first < 0
            ? pal_fail(err, PAL_E_OPTION, "the prompt is empty, and the model has no BOS token to start from", SIZE_MAX)
            : pal_generator_prompt_tokens(g, added ? ids : ids + 1, (int32_t)n + added, err);
    free(block);
    return status;
}

/* ---- rewind, seed and limit ------------------------------------------------------------------------- */

pal_status pal_generator_rewind(pal_generator *g, int32_t generated, pal_error *err)
{
    pal_window *w = &g->window;
    if (generated < 0 || generated > pal_generated_count(g))
        return pal_fail(err, PAL_E_OPTION, "cannot rewind to more tokens than were generated", SIZE_MAX);
    if (generated < w->dropped_generated || (w->given && w->prompt + generated == w->dropped_generated))
        return pal_fail(err, PAL_E_OPTION, "that token has been dropped from the context", SIZE_MAX);
    const int32_t count = w->prompt + generated - w->dropped_generated;
    if (w->mu && count < w->count) g->mirostat.mu = w->mu[count];
    w->count = count;
    pal_generator_begin_call(g);
    pal_generator_replay_text(g);
    pal_generator_replay_grammar(g);
    g->shown = g->streamed;
    g->finish = g->stop.found >= 0 ? PAL_FINISH_STOP : PAL_FINISH_NONE;
    return PAL_OK;
}

void pal_generator_lift_finish(pal_generator *g)
{
    if (g->finish) pal_generator_replay_text(g);
    g->finish = PAL_FINISH_NONE;
}

void pal_generator_reseed(pal_generator *g, uint64_t seed, uint32_t draft)
{
    g->options.seed = seed;
    g->options.draft = draft;
}

void pal_generator_limit(pal_generator *g, int32_t max_tokens)
{
    g->options.max_tokens = max_tokens < 0 ? -1 : max_tokens;
    if (g->finish == PAL_FINISH_LENGTH && pal_generator_finish_of(g) != PAL_FINISH_LENGTH) pal_generator_lift_finish(g);
}

/* ---- reading results -------------------------------------------------------------------------------- */

const pal_generated *pal_generator_token(const pal_generator *g)
{
    return g->has_token ? &g->token : NULL;
}

const char *pal_generator_text(const pal_generator *g, size_t *bytes)
{
    *bytes = g->text_bytes;
    return g->text;
}

const int32_t *pal_generator_tokens(const pal_generator *g, int32_t *n)
{
    *n = g->window.count;
    return g->window.tokens;
}

pal_generate_progress pal_generator_progress(const pal_generator *g)
{
    const pal_window *w = &g->window;
    return (pal_generate_progress){.prompt = w->given,
                                   .kept = g->kept,
                                   .unread = w->count - pal_generator_cached(g),
                                   .generated = pal_generated_count(g),
                                   .tokens = w->count,
                                   .capacity = w->capacity,
                                   .dropped = w->dropped,
                                   .evaluations = g->evaluations,
                                   .evaluated = g->evaluated,
                                   .text_bytes = g->shown,
                                   .stop = g->stop.found,
                                   .seed = g->options.seed,
                                   .draft = g->options.draft,
                                   .finish = g->finish};
}
