/* generator_saved.c - saves and restores generators: a section of their own, then that of the sequence. */
#include "generator.h"
#include "saved.h"

#include <float.h>
#include <string.h>

/* The section contains these fields in this order, then the tokens, mirostat's thresholds, the grammar's base and, up
 * to the end of the section, pal_window.dropped_held. */
typedef struct {
    uint32_t flags, draft, count, prompt, given, dropped, dropped_generated, finish, base_bytes;
    uint64_t seed, dropped_bytes, shown;
    double mu;
} fields;

enum { HAS_MU = 1, DROPS_SPACE = 2, HAS_HELD = 4, FLAGS = 7, FIELDS_BYTES = 9 * 4 + 3 * 8 + 8 };

static fields fields_of(const pal_generator *g)
{
    const pal_window *w = &g->window;
    return (fields){.flags = (w->mu ? HAS_MU : 0u) | (g->drop_space ? DROPS_SPACE : 0u) |
                             (w->dropped_held_bytes ? HAS_HELD : 0u),
                    .draft = g->options.draft,
                    .count = (uint32_t)w->count,
                    .prompt = (uint32_t)w->prompt,
                    .given = (uint32_t)w->given,
                    .dropped = (uint32_t)w->dropped,
                    .dropped_generated = (uint32_t)w->dropped_generated,
                    .finish = g->finish,
                    .base_bytes = g->grammar && w->dropped_generated ? (uint32_t)pal_grammar_state_bytes(g->base) : 0,
                    .seed = g->options.seed,
                    .dropped_bytes = w->dropped_bytes,
                    .shown = g->shown,
                    .mu = g->mirostat.mu};
}

size_t pal_generator_save(const pal_generator *g, void *out, size_t capacity)
{
    const pal_window *w = &g->window;
    const fields f = fields_of(g);
    const size_t content =
        FIELDS_BYTES + (size_t)f.count * (w->mu ? 4 + sizeof(double) : 4) + f.base_bytes + w->dropped_held_bytes;
    const size_t own = pal_saved_bytes(content), all = own + pal_sequence_save(g->sequence, NULL, 0);
    const uint32_t words[] = {f.flags,  f.draft,     f.count, f.prompt, f.given, f.dropped, f.dropped_generated,
                              f.finish, f.base_bytes};
    pal_saving to;
    if (!out || capacity < all) return all;
    pal_save_begin(&to, out, PAL_SAVED_GENERATOR, g->model, content);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) pal_save_u32(&to, words[i]);
    pal_save_u64(&to, f.seed);
    pal_save_u64(&to, f.dropped_bytes);
    pal_save_u64(&to, f.shown);
    pal_save_double(&to, f.mu);
    pal_save_ids(&to, w->tokens, w->count);
    for (int32_t i = 0; w->mu && i < w->count; i++) pal_save_double(&to, w->mu[i]);
    pal_save_bytes(&to, g->base, f.base_bytes);
    pal_save_bytes(&to, w->dropped_held, w->dropped_held_bytes);
    pal_save_end(&to);
    pal_sequence_save(g->sequence, to.out, all - own);
    return all;
}

static void read_fields(pal_loading *l, fields *f)
{
    uint32_t *words[] = {
        &f->flags,  &f->draft,     &f->count, &f->prompt, &f->given, &f->dropped, &f->dropped_generated,
        &f->finish, &f->base_bytes};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) *words[i] = pal_loaded_u32(l);
    f->seed = pal_loaded_u64(l);
    f->dropped_bytes = pal_loaded_u64(l);
    f->shown = pal_loaded_u64(l);
    f->mu = pal_loaded_double(l);
}

static bool is_finite(double x)
{
    return x >= -DBL_MAX && x <= DBL_MAX;
}

/* A hostile file can have a correct digest, so checks that the numbers are possible.  Counters then stay within 32 bits
 * in later steps: see pal_generator_can_shift. */
static bool plausible(const fields *f, const pal_generator *g)
{
    const uint64_t max = INT32_MAX, capacity = (uint64_t)g->window.capacity;
    return f->flags <= FLAGS && f->count <= max && f->prompt <= f->count && f->prompt <= f->given && f->given <= max &&
           (f->given || !f->count) && f->dropped + capacity <= max && f->dropped_generated <= f->dropped &&
           f->given - f->prompt == f->dropped - f->dropped_generated && f->finish < PAL_FINISHES &&
           (f->dropped_generated || !f->base_bytes) &&
           f->dropped_bytes <= (uint64_t)f->dropped_generated * PAL_TOKEN_TEXT && f->dropped_bytes <= SIZE_MAX / 2 &&
           is_finite(f->mu);
}

/* The arrays of a saved generator, in place in the file's bytes. */
typedef struct {
    fields f;
    pal_loading tokens, mu;
    const unsigned char *base, *held;
    size_t held_bytes;
} saved_generator;

/* Whether all ids are in the vocabulary and their text is at least as long as the text that the caller has. */
static bool good_tokens(const saved_generator *saved, const pal_generator *g)
{
    const fields *f = &saved->f;
    pal_loading ids = saved->tokens;
    uint64_t bytes = f->dropped_bytes;
    for (uint32_t i = 0; i < f->count; i++) {
        const uint32_t id = pal_loaded_u32(&ids);
        if (id >= (uint32_t)g->model->shape.vocab) return false;
        if (i >= f->prompt) bytes += pal_vocab_decode_one(g->model->vocab, (int32_t)id, false, NULL, 0);
    }
    return f->shown <= bytes;
}

static bool good_thresholds(const saved_generator *saved)
{
    pal_loading mu = saved->mu;
    for (uint32_t i = 0; saved->f.flags & HAS_MU && i < saved->f.count; i++)
        if (!is_finite(pal_loaded_double(&mu))) return false;
    return true;
}

/* Finds the arrays after the fields; false: their lengths do not agree with the fields. */
static bool read_arrays(saved_generator *saved, pal_loading *from)
{
    const fields *f = &saved->f;
    saved->tokens = *from;
    pal_loaded_bytes(from, 4 * (size_t)f->count);
    saved->mu = *from;
    if (f->flags & HAS_MU) pal_loaded_bytes(from, sizeof(double) * (size_t)f->count);
    saved->base = pal_loaded_bytes(from, f->base_bytes);
    saved->held_bytes = from->cut ? 0 : (size_t)(from->end - from->at);
    saved->held = pal_loaded_bytes(from, saved->held_bytes);
    return !from->cut && (saved->held_bytes > 0) == ((f->flags & HAS_HELD) != 0) &&
           saved->held_bytes <= PAL_STOP_HELD && saved->held_bytes <= f->dropped_bytes;
}

static pal_status read_saved(saved_generator *saved, const pal_generator *g, const void *data, size_t bytes,
                             size_t *section, pal_error *err)
{
    static const char damaged[] = "the saved session is damaged";
    pal_loading from;
    pal_status status = pal_load_begin(&from, data, bytes, PAL_SAVED_GENERATOR, g->model, section, err);
    if (status) return status;
    read_fields(&from, &saved->f);
    if (from.cut || !plausible(&saved->f, g)) return pal_fail(err, PAL_E_FORMAT, damaged, SIZE_MAX);
    if (saved->f.count > (uint32_t)g->window.capacity)
        return pal_fail(err, PAL_E_CONTEXT, "the saved session has more tokens than the context holds", SIZE_MAX);
    if (!read_arrays(saved, &from) || !good_tokens(saved, g) || !good_thresholds(saved))
        return pal_fail(err, PAL_E_FORMAT, damaged, SIZE_MAX);
    return PAL_OK;
}

/* Runs the grammar over the saved text.  PAL_E_OPTION: the text does not match. */
static pal_status replay_grammar(pal_generator *g, const saved_generator *saved, pal_error *err)
{
    const fields *f = &saved->f;
    pal_loading ids = saved->tokens;
    pal_status status = PAL_OK;
    if (f->dropped_generated && !f->base_bytes)
        return pal_fail(err, PAL_E_OPTION,
                        "the session was saved without this grammar, and its first tokens have been dropped", SIZE_MAX);
    if (f->base_bytes)
        status = pal_grammar_restore(g->grammar, saved->base, f->base_bytes, err);
    else
        pal_grammar_restart(g->grammar);
    for (uint32_t i = 0; i < f->count && !status; i++) {
        const int32_t id = (int32_t)pal_loaded_u32(&ids);
        if (i >= f->prompt) status = pal_grammar_accept(g->grammar, id, err);
    }
    if (status) return pal_fail(err, PAL_E_OPTION, "the saved text does not match the grammar", SIZE_MAX);
    return PAL_OK;
}

/* Holds back the part of the saved held bytes that the generator's own stop strings require. */
static void take_held(pal_generator *g, const saved_generator *saved)
{
    pal_stop_reset(&g->stop);
    for (size_t i = 0; i < saved->held_bytes; i++) pal_stop_push(&g->stop, (const char *)saved->held + i, 1, g->text);
    g->window.dropped_held_bytes = g->stop.holds;
    if (g->stop.holds) memcpy(g->window.dropped_held, g->stop.held, g->stop.holds);
}

static void take_saved(pal_generator *g, saved_generator *saved)
{
    const fields *f = &saved->f;
    pal_window *w = &g->window;
    w->count = (int32_t)f->count;
    w->prompt = (int32_t)f->prompt;
    w->given = (int32_t)f->given;
    w->dropped = (int32_t)f->dropped;
    w->dropped_generated = (int32_t)f->dropped_generated;
    w->dropped_bytes = (size_t)f->dropped_bytes;
    for (int32_t i = 0; i < w->count; i++) w->tokens[i] = (int32_t)pal_loaded_u32(&saved->tokens);
    if (w->mu && f->flags & HAS_MU)
        g->mirostat.mu = f->mu;
    else
        g->mirostat = pal_mirostat_start(g->options.mirostat_tau);
    for (int32_t i = 0; w->mu && i < w->count; i++)
        w->mu[i] = f->flags & HAS_MU ? pal_loaded_double(&saved->mu) : g->mirostat.mu;
    if (g->grammar && f->base_bytes) memcpy(g->base, saved->base, f->base_bytes);
    g->options.seed = f->seed;
    g->options.draft = f->draft;
    g->drop_space = f->flags & DROPS_SPACE;
    g->kept = g->evaluations = g->evaluated = 0;
    pal_generator_begin_call(g);
    take_held(g, saved);
    pal_generator_replay_text(g);
    g->shown = f->shown > g->streamed ? (size_t)f->shown : g->streamed;
    g->finish = g->stop.found >= 0 ? PAL_FINISH_STOP : f->finish == PAL_FINISH_EOS ? PAL_FINISH_EOS : PAL_FINISH_NONE;
}

pal_status pal_generator_restore(pal_generator *g, const void *data, size_t bytes, pal_error *err)
{
    saved_generator saved;
    pal_saved_sequence sequence;
    size_t section = 0;
    pal_status status = read_saved(&saved, g, data, bytes, &section, err);
    const unsigned char *behind = (const unsigned char *)data + section;
    if (!status) status = pal_sequence_read_saved(&sequence, g->sequence, behind, bytes - section, err);
    if (!status && g->grammar) {
        status = replay_grammar(g, &saved, err);
        if (status) pal_generator_replay_grammar(g);
    }
    if (status) return status;
    take_saved(g, &saved);
    pal_sequence_take_saved(g->sequence, &sequence);
    return PAL_OK;
}
