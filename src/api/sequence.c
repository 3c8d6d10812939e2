/* sequence.c - pal_sequence: a causal model reads tokens and keeps their keys and values. */
#include "sequence.h"
#include "../core/options.h"

#include <string.h>

static const char *const type_names[PAL_KV_TYPES] = {"F32", "F16", "Q8_0"};

const char *pal_kv_type_name(pal_kv_type type)
{
    return (unsigned)type < PAL_KV_TYPES ? type_names[type] : NULL;
}

bool pal_kv_type_find(const char *name, pal_kv_type *out)
{
    for (int i = 0; i < PAL_KV_TYPES; i++)
        if (strcmp(name, type_names[i]) == 0) {
            *out = (pal_kv_type)i;
            return true;
        }
    return false;
}

/* Measures or places the arrays.  Also checks the options, so that sizes cannot overflow an int. */
static pal_status layout(pal_sequence *s, const pal_model *m, const pal_sequence_options *o, pal_arena *arena,
                         pal_error *err)
{
    int32_t max_tokens = o->max_tokens ? o->max_tokens : m->shape.context;
    pal_status status = pal_model_ready(m, err);
    if (status) return status;
    if (!m->shape.causal)
        return pal_fail(
            err, PAL_E_UNSUPPORTED,
            "the model cannot continue a text, because it does not read from left to right: it fills blanks", SIZE_MAX);
    status = pal_options_check(&pal_sequence_table, o, err);
    if (status) return status;
    if (max_tokens > m->shape.context)
        return pal_fail(err, PAL_E_OPTION, "max_tokens (context) must not be above the model's context", SIZE_MAX);
    s->model = m;
    s->compute = pal_model_compute(m);
    s->max_tokens = max_tokens;
    s->tokens = pal_take(arena, (size_t)max_tokens, sizeof *s->tokens);
    pal_activations_layout(&s->activations, pal_model_transformer(m), pal_model_threads(m),
                           max_tokens < o->batch ? max_tokens : o->batch, max_tokens, arena);
    pal_activations_table(&s->activations, pal_model_transformer(m), arena);
    const pal_cache_shape shape = pal_transformer_cache(pal_model_transformer(m));
    pal_cache_layout(&s->cache, &shape, max_tokens, true, o->kv, arena);
    return PAL_OK;
}

pal_status pal_sequence_bytes(const pal_model *model, const pal_sequence_options *options, size_t *bytes,
                              pal_error *err)
{
    pal_sequence measured;
    pal_arena arena = {0};
    pal_take(&arena, 1, sizeof(pal_sequence));
    pal_status s = layout(&measured, model, options, &arena, err);
    if (s) return s;
    if (!pal_arena_bytes(&arena, bytes))
        return pal_fail(err, PAL_E_MEMORY,
                        "not enough memory for the key-value cache: use a smaller context, or a cache of type Q8_0",
                        SIZE_MAX);
    return PAL_OK;
}

pal_status pal_sequence_init(pal_sequence **out, const pal_model *model, const pal_sequence_options *options,
                             void *block, size_t bytes, pal_error *err)
{
    size_t needed;
    pal_status status = pal_sequence_bytes(model, options, &needed, err);
    if (status) return status;
    if (!block || bytes < needed)
        return pal_fail(err, PAL_E_MEMORY, "the memory block for the sequence is too small", SIZE_MAX);
    pal_arena arena = pal_arena_in(block);
    pal_sequence *s = pal_take(&arena, 1, sizeof *s);
    *s = (pal_sequence){0};
    layout(s, model, options, &arena, NULL);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == needed);
    pal_activations_prepare(&s->activations, pal_model_transformer(model), &s->cache);
    *out = s;
    return PAL_OK;
}

pal_status pal_sequence_append(pal_sequence *s, const int32_t *tokens, int32_t n, pal_error *err)
{
    const pal_model *m = s->model;
    if (n < 0 || n > s->max_tokens - s->length)
        return pal_fail(err, PAL_E_CONTEXT, "more tokens than the sequence can hold", SIZE_MAX);
    for (int32_t i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= m->shape.vocab)
            return pal_fail(err, PAL_E_OPTION, "a token id is outside the vocabulary", (size_t)i);
    for (int32_t done = 0; done < n;) {
        const int32_t some = n - done < s->activations.max_tokens ? n - done : s->activations.max_tokens;
        const int last = (int)some - 1;
        pal_transformer_forward(pal_model_transformer(m), &s->compute, &s->activations, &s->cache, tokens + done,
                                (int)some, (int)s->length, &last, 1);
        memcpy(s->tokens + s->length, tokens + done, (size_t)some * sizeof *tokens);
        s->length += some;
        s->has_logits = true;
        done += some;
    }
    return PAL_OK;
}

pal_status pal_sequence_logits(pal_sequence *s, float *logits, pal_error *err)
{
    const int row = 0;
    if (!s->has_logits) return pal_fail(err, PAL_E_OPTION, "there are no logits: append a token first", SIZE_MAX);
    pal_transformer_logits(pal_model_transformer(s->model), &s->compute, &s->activations, &row, 1, logits);
    return pal_all_finite(logits, (size_t)s->model->shape.vocab) ? PAL_OK : pal_fail_not_finite(err);
}

int32_t pal_sequence_length(const pal_sequence *s)
{
    return s->length;
}

const int32_t *pal_sequence_tokens(const pal_sequence *s)
{
    return s->tokens;
}

void pal_sequence_rewind(pal_sequence *s, int32_t length)
{
    if (length < 0 || length >= s->length) return;
    s->length = length;
    s->has_logits = false;
}

int32_t pal_sequence_keep(pal_sequence *s, const int32_t *tokens, int32_t n)
{
    int32_t shared = 0;
    while (shared < n && shared < s->length && tokens[shared] == s->tokens[shared]) shared++;
    pal_sequence_rewind(s, shared);
    return shared;
}

/* ---- saving and restoring --------------------------------------------------------------------------- */

enum { SHAPE_WORDS = 5 }; /* type, layers, heads, head_dim, length */

size_t pal_sequence_save(const pal_sequence *s, void *out, size_t capacity)
{
    const pal_cache_shape *shape = &s->cache.shape;
    const size_t cache = pal_cache_bytes(&s->cache, s->length);
    const size_t content = 4 * (SHAPE_WORDS + (size_t)s->length) + cache;
    pal_saving to;
    if (!out || capacity < pal_saved_bytes(content)) return pal_saved_bytes(content);
    pal_save_begin(&to, out, PAL_SAVED_SEQUENCE, s->model, content);
    pal_save_u32(&to, s->cache.type);
    pal_save_u32(&to, (uint32_t)shape->layers);
    pal_save_u32(&to, (uint32_t)shape->kv_heads);
    pal_save_u32(&to, (uint32_t)shape->head_dim);
    pal_save_u32(&to, (uint32_t)s->length);
    pal_save_ids(&to, s->tokens, s->length);
    pal_cache_write(&s->cache, s->length, to.out);
    to.out += cache;
    pal_save_end(&to);
    return pal_saved_bytes(content);
}

pal_status pal_sequence_read_saved(pal_saved_sequence *saved, const pal_sequence *s, const void *data, size_t bytes,
                                   pal_error *err)
{
    const pal_cache_shape *shape = &s->cache.shape;
    pal_loading from;
    size_t section;
    pal_status status = pal_load_begin(&from, data, bytes, PAL_SAVED_SEQUENCE, s->model, &section, err);
    if (status) return status;
    const uint32_t type = pal_loaded_u32(&from), layers = pal_loaded_u32(&from), heads = pal_loaded_u32(&from);
    const uint32_t head_dim = pal_loaded_u32(&from), length = pal_loaded_u32(&from);
    if (section != bytes || layers != (uint32_t)shape->layers || heads != (uint32_t)shape->kv_heads ||
        head_dim != (uint32_t)shape->head_dim || type >= PAL_KV_TYPES || length > INT32_MAX)
        return pal_fail(err, PAL_E_FORMAT, "the saved session is damaged", SIZE_MAX);
    if (type != s->cache.type)
        return pal_fail(err, PAL_E_UNSUPPORTED, "the session was saved with another type of key-value cache", SIZE_MAX);
    if ((int32_t)length > s->max_tokens)
        return pal_fail(err, PAL_E_CONTEXT, "the saved session has more tokens than the context holds", SIZE_MAX);
    saved->length = (int32_t)length;
    saved->tokens = from;
    pal_loaded_bytes(&from, 4 * (size_t)length);
    saved->cache = pal_loaded_bytes(&from, pal_cache_bytes(&s->cache, saved->length));
    bool known = saved->cache && from.at == from.end;
    for (pal_loading ids = saved->tokens; known && ids.at < saved->cache;)
        known = pal_loaded_u32(&ids) < (uint32_t)s->model->shape.vocab;
    return known ? PAL_OK : pal_fail(err, PAL_E_FORMAT, "the saved session is damaged", SIZE_MAX);
}

void pal_sequence_take_saved(pal_sequence *s, const pal_saved_sequence *saved)
{
    pal_loading tokens = saved->tokens;
    for (int32_t i = 0; i < saved->length; i++) s->tokens[i] = (int32_t)pal_loaded_u32(&tokens);
    pal_cache_read(&s->cache, saved->length, saved->cache);
    s->length = saved->length;
    s->has_logits = false;
}

pal_status pal_sequence_restore(pal_sequence *s, const void *data, size_t bytes, pal_error *err)
{
    pal_saved_sequence saved;
    pal_status status = pal_sequence_read_saved(&saved, s, data, bytes, err);
    if (!status) pal_sequence_take_saved(s, &saved);
    return status;
}
