/* generate_saved.c - generators as bytes: a section of their own, and the sequence's behind it. */
#include "generate.h"
#include "saved.h"

#include <string.h>

/* In this order; then tokens, thresholds of mirostat, the grammar's base. */
typedef struct {
    uint32_t flags, draft, count, prompt, given, dropped, dropped_generated, finish, base_bytes;
    uint64_t seed, dropped_bytes, shown;
    double mu;
} fields;

enum { HAS_MU = 1, DROPS_SPACE = 2, FLAGS = 3, FIELDS_BYTES = 9 * 4 + 3 * 8 + 8 };

static fields fields_of(const pal_generator *g)
{
    const pal_window *w = &g->window;
    return (fields){.flags = (w->mu ? HAS_MU : 0u) | (g->drop_space ? DROPS_SPACE : 0u),
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
    const size_t content = FIELDS_BYTES + (size_t)f.count * (f.flags & HAS_MU ? 4 + sizeof(double) : 4) + f.base_bytes;
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

/* Files may come from anywhere, with a right digest. */
static bool plausible(const fields *f)
{
    const uint32_t most = INT32_MAX;
    return f->flags <= FLAGS && f->count <= most && f->prompt <= f->count && f->given <= most && f->dropped <= most &&
           f->prompt <= f->given && f->dropped_generated <= f->dropped && f->finish < PAL_FINISHES &&
           f->dropped_bytes <= f->shown + PAL_STOP_BYTES && f->shown <= SIZE_MAX / 2 && f->mu == f->mu;
}

/* A saved generator's arrays, in place. */
typedef struct {
    fields f;
    pal_loading tokens, mu;
    const unsigned char *base;
} saved_generator;

static pal_status read_saved(saved_generator *saved, const pal_generator *g, const void *data, size_t bytes,
                             size_t *section, pal_error *err)
{
    pal_loading from;
    fields *f = &saved->f;
    pal_status status = pal_load_begin(&from, data, bytes, PAL_SAVED_GENERATOR, g->model, section, err);
    if (status) return status;
    read_fields(&from, f);
    if (!from.cut && plausible(f) && f->count > (uint32_t)g->window.room)
        return pal_fail(err, PAL_E_CONTEXT, "the saved session is longer than there is room for", SIZE_MAX);
    saved->tokens = saved->mu = from;
    const unsigned char *ids = pal_loaded_bytes(&from, 4 * (size_t)f->count);
    saved->mu = from;
    if (f->flags & HAS_MU) pal_loaded_bytes(&from, sizeof(double) * (size_t)f->count);
    saved->base = pal_loaded_bytes(&from, f->base_bytes);
    bool good = plausible(f) && !from.cut && from.at == from.end;
    for (pal_loading l = saved->tokens; good && l.at < ids + 4 * (size_t)f->count;)
        good = pal_loaded_u32(&l) < (uint32_t)g->model->net.vocab;
    return good ? PAL_OK : pal_fail(err, PAL_E_FORMAT, "the saved session is damaged", SIZE_MAX);
}

/* The grammar goes through the saved text.  PAL_E_OPTION: it is none of the grammar's. */
static pal_status follow(pal_generator *g, const saved_generator *saved, pal_error *err)
{
    const fields *f = &saved->f;
    pal_loading ids = saved->tokens;
    pal_status status = PAL_OK;
    if (f->dropped_generated && !f->base_bytes)
        return pal_fail(err, PAL_E_OPTION, "the session was saved without the grammar, and its beginning is dropped",
                        SIZE_MAX);
    if (f->base_bytes)
        status = pal_grammar_restore(g->grammar, saved->base, f->base_bytes, err);
    else
        pal_grammar_restart(g->grammar);
    for (uint32_t i = 0; i < f->count && !status; i++) {
        const int32_t id = (int32_t)pal_loaded_u32(&ids);
        if (i >= f->prompt) status = pal_grammar_accept(g->grammar, id, err);
    }
    if (status) return pal_fail(err, PAL_E_OPTION, "the text of the saved session is none of the grammar", SIZE_MAX);
    return PAL_OK;
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
    g->has_token = false;
    g->text_bytes = 0;
    pal_generator_replay_text(g);
    g->shown = f->shown > g->streamed ? (size_t)f->shown : g->streamed;
    g->finish = g->stop.found >= 0 ? PAL_FINISH_STOP : f->finish == PAL_FINISH_EOS ? PAL_FINISH_EOS : PAL_FINISH_NONE;
}

pal_status pal_generator_restore(pal_generator *g, const void *data, size_t bytes, pal_error *err)
{
    saved_generator saved;
    size_t section = 0;
    pal_status status = read_saved(&saved, g, data, bytes, &section, err);
    const unsigned char *sequence = (const unsigned char *)data + section;
    if (!status) status = pal_sequence_check_saved(g->sequence, sequence, bytes - section, err);
    if (!status && g->grammar) {
        status = follow(g, &saved, err);
        if (status) pal_generator_replay_grammar(g);
    }
    if (status) return status;
    take_saved(g, &saved);
    return pal_sequence_restore(g->sequence, sequence, bytes - section, err);
}
