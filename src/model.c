/* model.c - opening a file: what it can do, and what it cannot and why. */
#include "networks.h"

#include <stdlib.h>
#include <string.h>

static void copy_text(const pal_gguf *g, const char *key, char *out, size_t capacity)
{
    pal_str s;
    size_t size = 0;
    if (pal_gguf_get_str(g, key, &s)) size = s.size < capacity - 1 ? s.size : capacity - 1;
    if (size) memcpy(out, s.data, size);
    out[size] = '\0';
}

static void choose_kernels(pal_model *m, unsigned allowed)
{
    pal_kernels_init(&m->kernels, allowed);
    if (m->kind) m->kind->kernels(m);
}

/* The first kind of network that takes files of this architecture. */
static pal_status open_network(pal_model *m, pal_error *err)
{
    static const char none[] = "this program has no networks of the file's architecture";
    const pal_network_kind *const *kind = pal_network_kinds;
    while (*kind && (*kind)->architecture && strcmp((*kind)->architecture, m->architecture) != 0) kind++;
    m->kind = *kind;
    if (m->kind) return m->kind->open(m, err);
    pal_fail(&m->vocab_error, PAL_E_UNSUPPORTED, none, SIZE_MAX);
    pal_fail(&m->net_error, PAL_E_UNSUPPORTED, none, SIZE_MAX);
    return PAL_OK;
}

pal_status pal_model_open(pal_model **out, void *image, size_t bytes, unsigned flags, pal_error *err)
{
    pal_model *m = calloc(1, sizeof *m);
    if (!m) return pal_fail(err, PAL_E_MEMORY, "no memory for the model", SIZE_MAX);
    pal_status s = pal_gguf_open(&m->gguf, image, bytes, err);
    if (!s) {
        copy_text(m->gguf, "general.architecture", m->architecture, sizeof m->architecture);
        copy_text(m->gguf, "general.name", m->name, sizeof m->name);
        copy_text(m->gguf, "general.license", m->license, sizeof m->license);
        copy_text(m->gguf, "tokenizer.ggml.model", m->tokenizer, sizeof m->tokenizer);
        s = open_network(m, err);
    }
    m->as_stored = flags & PAL_OPEN_AS_STORED;
    if (!s && m->kind && !m->as_stored) s = m->kind->pack(m, err);
    if (s) {
        pal_model_close(m);
        return s;
    }
    choose_kernels(m, (unsigned)PAL_ISA_ALL);
    pal_model_describe(m, bytes);
    *out = m;
    return PAL_OK;
}

pal_status pal_model_open_file(pal_model **out, const char *path, unsigned flags, pal_error *err)
{
    pal_file file;
    pal_status s = pal_file_map(&file, path, err);
    if (s) return s;
    s = pal_model_open(out, file.data, file.size, flags, err);
    if (s)
        pal_file_unmap(&file);
    else
        (*out)->file = file;
    return s;
}

void pal_model_close(pal_model *m)
{
    if (!m) return;
    if (m->kind) m->kind->close(m);
    if (m->gguf) pal_gguf_close(m->gguf);
    if (m->file.size) pal_file_unmap(&m->file);
    free(m);
}

pal_status pal_model_use_isa(pal_model *m, const char *isa, pal_error *err)
{
    static const unsigned masks[] = {PAL_ISA_REF, PAL_ISA_SIMD128, PAL_ISA_SIMD128 | PAL_ISA_RELAXED, PAL_ISA_AVX2,
                                     PAL_ISA_AVX2 | PAL_ISA_VNNI};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        if (strcmp(isa, pal_isa_name(masks[i])) == 0 && (pal_cpu_isa() & masks[i]) == masks[i]) {
            choose_kernels(m, masks[i]);
            m->info.isa = pal_isa_name(m->kernels.isa);
            return PAL_OK;
        }
    return pal_fail(err, PAL_E_OPTION, "this machine or build has no such instruction set", SIZE_MAX);
}

const pal_info *pal_model_info(const pal_model *m)
{
    return &m->info;
}

static pal_status can_evaluate(const pal_model *m, pal_error *err)
{
    if (!m->has_net) return pal_fail(err, m->net_error.status, m->net_error.text, m->net_error.offset);
    if (m->as_stored)
        return pal_fail(err, PAL_E_OPTION, "the model was opened as stored and cannot be evaluated", SIZE_MAX);
    return PAL_OK;
}

pal_status pal_model_ready(const pal_model *m, pal_error *err)
{
    const pal_error *why = &m->pair_error;
    return why->status ? pal_fail(err, why->status, why->text, why->offset) : can_evaluate(m, err);
}

/* ---- a network behind the predictor's three fields -------------------------------------------------- */

void pal_runner_layout(pal_runner *r, const pal_model *m, int32_t most, pal_arena *arena)
{
    r->model = m;
    pal_activations_layout(&r->activations, &m->net, most, most, arena);
    pal_activations_table(&r->activations, &m->net, arena);
    const pal_cache_shape shape = pal_transformer_cache(&m->net);
    pal_cache_layout(&r->cache, &shape, most, false, PAL_KV_F32, arena);
    r->rows = pal_take(arena, (size_t)most, sizeof *r->rows);
    r->row_of = pal_take(arena, (size_t)most, sizeof *r->row_of);
}

/* Where what is predicted for position `at` comes out of the network. */
static int source_of(const pal_runner *r, int at)
{
    return r->model->net.shift_logits && at > 0 ? at - 1 : at;
}

int pal_runner_rows(pal_runner *r, int32_t n, const int *at, int count)
{
    int rows = 0;
    for (int32_t i = 0; i < n; i++) r->row_of[i] = -1;
    for (int i = 0; i < count; i++) r->row_of[source_of(r, at[i])] = 0;
    for (int32_t i = 0; i < n; i++) {
        if (r->row_of[i] < 0) continue;
        r->row_of[i] = rows;
        r->rows[rows++] = (int)i;
    }
    return rows;
}

static void run_evaluate(void *context, const int32_t *tokens, int32_t n, const int *at, int count)
{
    pal_runner *r = context;
    const int rows = pal_runner_rows(r, n, at, count);
    pal_transformer_forward(&r->model->net, &r->model->kernels, &r->activations, &r->cache, tokens, n, 0, r->rows,
                            rows);
}

static bool run_logits(void *context, const int *at, int count, float *logits)
{
    enum { SOME = 64 };
    pal_runner *r = context;
    const size_t vocab = (size_t)r->model->net.vocab;
    for (int done = 0; done < count; done += SOME) {
        int rows[SOME], some = count - done < SOME ? count - done : SOME;
        for (int i = 0; i < some; i++) rows[i] = r->row_of[source_of(r, at[done + i])];
        pal_transformer_logits(&r->model->net, &r->model->kernels, &r->activations, rows, some,
                               logits + (size_t)done * vocab);
    }
    return pal_all_finite(logits, (size_t)count * vocab);
}

pal_predictor pal_runner_start(pal_runner *r)
{
    pal_activations_prepare(&r->activations, &r->model->net, &r->cache);
    return (pal_predictor){.context = r, .vocab = r->model->net.vocab, .evaluate = run_evaluate, .logits = run_logits};
}

/* ---- tokens and logits ------------------------------------------------------------------------------ */

static pal_status need_vocab(const pal_model *m, pal_error *err)
{
    return m->vocab ? PAL_OK : pal_fail(err, m->vocab_error.status, m->vocab_error.text, m->vocab_error.offset);
}

pal_status pal_tokenize(const pal_model *m, const char *text, size_t bytes, unsigned flags, int32_t *ids,
                        size_t capacity, size_t *count, pal_error *err)
{
    pal_status s = need_vocab(m, err);
    if (s) return s;
    size_t scratch_bytes = pal_vocab_scratch_bytes(m->vocab, bytes);
    if (scratch_bytes == SIZE_MAX) return pal_fail(err, PAL_E_MEMORY, "the text is too long to tokenize", SIZE_MAX);
    void *scratch = malloc(scratch_bytes + 1);
    if (!scratch) return pal_fail(err, PAL_E_MEMORY, "no memory for the tokenizer", SIZE_MAX);
    unsigned how =
        (flags & PAL_TOKENIZE_INSIDE ? 0 : PAL_ENCODE_PREFIX) | (flags & PAL_TOKENIZE_SPECIAL ? PAL_ENCODE_SPECIAL : 0);
    *count = pal_vocab_encode(m->vocab, text, bytes, how, ids, capacity, scratch);
    free(scratch);
    return PAL_OK;
}

pal_status pal_detokenize(const pal_model *m, const int32_t *ids, size_t count, unsigned flags, char *text,
                          size_t capacity, size_t *bytes, pal_error *err)
{
    pal_status s = need_vocab(m, err);
    if (s) return s;
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= pal_vocab_size(m->vocab))
            return pal_fail(err, PAL_E_OPTION, "a token id lies outside the vocabulary", i);
    *bytes = pal_vocab_decode(m->vocab, ids, count, !(flags & PAL_TOKENIZE_INSIDE), flags & PAL_TOKENIZE_SPECIAL, text,
                              capacity);
    return PAL_OK;
}

const char *pal_token_piece(const pal_model *m, int32_t id, size_t *bytes)
{
    if (!m->vocab || id < 0 || id >= pal_vocab_size(m->vocab)) return NULL;
    pal_str piece = pal_vocab_piece(m->vocab, id);
    *bytes = piece.size;
    return piece.data;
}

size_t pal_text_ends(const pal_model *m, int32_t *ids, size_t capacity)
{
    if (!m->vocab) return 0;
    const pal_special *special = pal_vocab_special(m->vocab);
    for (size_t i = 0; i < special->end_count && i < capacity; i++) ids[i] = special->ends[i];
    return special->end_count;
}

const char *pal_vocabulary_note(const pal_model *m, size_t index)
{
    return m->vocab ? pal_vocab_note(m->vocab, index) : NULL;
}

static pal_status check_positions(const pal_model *m, const int32_t *tokens, int32_t n, const int32_t *at,
                                  int32_t count, pal_error *err)
{
    pal_status s = can_evaluate(m, err);
    if (s) return s;
    if (n < 1 || n > m->net.context)
        return pal_fail(err, PAL_E_CONTEXT, "there are no tokens, or more than the context holds", SIZE_MAX);
    for (int32_t i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= m->net.vocab)
            return pal_fail(err, PAL_E_OPTION, "a token id lies outside the vocabulary", (size_t)i);
    for (int32_t i = 0; i < count; i++)
        if (at[i] < 0 || at[i] >= n)
            return pal_fail(err, PAL_E_OPTION, "a position lies outside the tokens", (size_t)i);
    return PAL_OK;
}

pal_status pal_logits(const pal_model *m, const int32_t *tokens, int32_t n, const int32_t *at, int32_t count,
                      float *logits, pal_error *err)
{
    pal_status s = check_positions(m, tokens, n, at, count, err);
    if (s) return s;
    pal_runner runner;
    pal_arena arena = {0};
    size_t bytes;
    pal_runner_layout(&runner, m, n, &arena);
    void *block = pal_arena_bytes(&arena, &bytes) ? malloc(bytes) : NULL;
    if (!block) return pal_fail(err, PAL_E_MEMORY, "no memory for the network's work space", SIZE_MAX);
    arena = pal_arena_in(block);
    pal_runner_layout(&runner, m, n, &arena);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == bytes);
    pal_predictor p = pal_runner_start(&runner);
    if (count) p.evaluate(p.context, tokens, n, at, count);
    const bool finite = p.logits(p.context, at, count, logits);
    free(block);
    return finite ? PAL_OK : pal_fail_not_finite(err);
}

const char *pal_version(void)
{
    return "0.1.0";
}
