/* row_testing.h - a model with an adapter, its runner of content rows and query rows, and random pages for it.  Include
 * cmocka.h first. */
#ifndef PAL_ROW_TESTING_H
#define PAL_ROW_TESTING_H

#include "model_testing.h"
#include "adapter_file.h"
#include "network/row_runner.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { N = 21, PLACES = N + 1, SET = 8 }; /* tokens of a page; with the start token; bytes of a set of places */

static const char *const bases[] = {"tests/models/tiny-ar.gguf", "tests/golden/arch/llama-tied.gguf",
                                    "tests/golden/arch/qwen3.gguf"};

/* ---- a model, its runner, and a page ---------------------------------------------------------------- */

typedef struct {
    pal_model *base;
    attached a;
    pal_row_runner r;
    pal_predictor p;
    void *block;
    size_t vocab;
} runner;

static inline void lay_out(runner *t, pal_kv_type kv, pal_arena *arena)
{
    pal_row_runner_layout(&t->r, t->a.model, N, N, kv, arena);
}

/* For a runner whose models are open. */
static inline runner *start_opened(runner *t, const char *isa, pal_kv_type kv)
{
    pal_arena arena = {0};
    size_t bytes;
    if (isa) assert_int_equal(pal_model_use_isa(t->a.model, isa, NULL), PAL_OK);
    lay_out(t, kv, &arena);
    assert_true(pal_arena_bytes(&arena, &bytes));
    t->block = malloc(bytes);
    assert_non_null(t->block);
    memset(t->block, 0xff, bytes);
    arena = pal_arena_in(t->block);
    lay_out(t, kv, &arena);
    t->p = pal_row_runner_start(&t->r);
    t->vocab = (size_t)t->a.model->shape.vocab;
    return t;
}

static inline runner *start(const char *name, const adapter_spec *o, const char *isa, pal_kv_type kv)
{
    runner *t = calloc(1, sizeof *t);
    assert_non_null(t);
    char path[1024];
    pal_error err;
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, name);
    if (pal_model_open_file(&t->base, path, 0, &err)) fail_msg("%s: %s", path, err.text);
    t->a = attach_to(t->base, o);
    if (t->a.status || pal_model_info(t->a.model)->why_not) fail_msg("%s does not fit", name);
    return start_opened(t, isa, kv);
}

static inline void end(runner *t)
{
    pal_arena arena = pal_arena_in(t->block);
    pal_arena_return(&arena);
    close_attachment(&t->a);
    pal_model_close(t->base);
    free(t->block);
    free(t);
}

/* A page that is being filled: rank PAL_RANK_UNKNOWN where the token is not known. */
typedef struct {
    int32_t n, token[N], rank[N], next;
} page;

/* Unknown places hold any tokens. */
static inline page some_page(const runner *t, uint32_t run)
{
    page p = {.n = N - (int32_t)pick(run, 900, 3), .next = 1};
    for (int32_t i = 0; i < N; i++) {
        p.token[i] = (int32_t)pick(run, 1000 + (uint32_t)i, (uint32_t)t->vocab);
        p.rank[i] = pick(run, 2000 + (uint32_t)i, 2) ? 0 : PAL_RANK_UNKNOWN;
    }
    p.rank[pick(run, 901, (uint32_t)p.n)] = PAL_RANK_UNKNOWN;
    return p;
}

static inline int unknown_places(const page *p, int at[N])
{
    int count = 0;
    for (int i = 0; i < p->n; i++)
        if (p->rank[i] == PAL_RANK_UNKNOWN) at[count++] = i;
    return count;
}

/* The logits of all unknown places, [count, vocab]; free them. */
static inline float *ask(runner *t, const page *p, const int *at, int count)
{
    float *out = malloc((size_t)count * t->vocab * sizeof *out);
    assert_non_null(out);
    t->p.evaluate(t->p.context, &(pal_query){p->n, p->token, p->rank, 0.0, count, at, NULL});
    assert_true(t->p.logits(t->p.context, at, count, out));
    return out;
}

/* ---- the causal model ------------------------------------------------------------------------------- */

/* The logits after the start token and the first `known` tokens, by the base alone; free them. */
static inline float *causal(const runner *t, const page *p, int known)
{
    const pal_sequence_options o = {.batch = 5, .kv = t->r.cache.type};
    const int32_t first = 1;
    size_t bytes;
    pal_sequence *s;
    assert_int_equal(pal_sequence_bytes(t->base, &o, &bytes, NULL), PAL_OK);
    void *block = malloc(bytes);
    float *out = malloc(t->vocab * sizeof *out);
    assert_true(block && out);
    assert_int_equal(pal_sequence_init(&s, t->base, &o, block, bytes, NULL), PAL_OK);
    assert_int_equal(pal_sequence_append(s, &first, 1, NULL), PAL_OK);
    if (known) assert_int_equal(pal_sequence_append(s, p->token, known, NULL), PAL_OK);
    assert_int_equal(pal_sequence_logits(s, out, NULL), PAL_OK);
    free(block);
    return out;
}

/* The first `known` tokens are known: the first `given` of them from the start, the others one after another. */
static inline page from_the_left(const runner *t, uint32_t run, int known, int given)
{
    page p = some_page(t, run);
    p.n = N;
    for (int i = 0; i < N; i++) p.rank[i] = i < given ? 0 : i < known ? i - given + 1 : PAL_RANK_UNKNOWN;
    return p;
}

/* Query rows of pages that are filled from the left, as a fill does it (the rows before are kept), have the bits of the
 * base.  Ends the runner. */
static inline void expect_causal_rows(runner *t)
{
    for (int given = 0; given < N; given += 1 + given / 2)
        for (int known = given; known < N; known++) {
            const page p = from_the_left(t, (uint32_t)given, known, given);
            float *got = ask(t, &p, &known, 1), *wanted = causal(t, &p, known);
            assert_memory_equal(got, wanted, t->vocab * sizeof *got);
            free(got);
            free(wanted);
        }
    end(t);
}

#endif
