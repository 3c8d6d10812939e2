/* scoring.c - scores a text step by step with text/score: splits it into documents and windows, estimates bounds. */
#include "../core/math.h"
#include "../core/options.h"
#include "../network/text_runner.h"
#include "../text/samplers/samplers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR              "<|endoftext|>"
#define DEFAULT_STANDARD_ERROR 0.01
#define LN2                    0.69314718055994530942

enum { MANY_WINDOWS = 64, LEVELS = 32, ROUNDS_FEW = 4, ROUNDS_MANY = 8, MAX_ROUNDS = 4096 };

typedef struct {
    size_t from;      /* index of its first token in pal_scoring.tokens */
    int32_t n, given; /* its tokens; how many of them are given: BOS or none */
} window;

/* An estimate: the strata of the current round, and the results of the rounds before. */
typedef struct {
    uint32_t *strata; /* [count], the levels in random order */
    size_t count, at;
    uint32_t round, draws, min; /* rounds done; draws per window and round; minimum number of rounds */
    double nats;                /* of the current round so far */
    double sum, squares;        /* of the bits per byte of all rounds; of their squares */
    double target;              /* standard error to reach, in bits per byte */
} estimate;

struct pal_scoring {
    const pal_model *model;
    pal_score_method method;
    uint64_t seed;
    bool done;
    int32_t *tokens; /* of all windows, BOS included */
    window *windows;
    size_t token_count, window_count, window_capacity;
    int32_t longest; /* tokens in the longest window */
    size_t at;       /* exact methods: index of the window being read */
    double nats;     /* of the windows before it */
    uint64_t scored; /* tokens in those windows */
    pal_score_result result;
    pal_score_progress progress;
    pal_runner runner;
    pal_scorer scorer;
    void *block;
    estimate e;
};

static const struct {
    const char *name;
    pal_measure_fn *measure; /* the score that decides the order in which places are revealed; NULL: no order */
} methods[PAL_SCORE_METHODS] = {
    [PAL_SCORE_DEFAULT] = {"default", NULL},
    [PAL_SCORE_EXACT] = {"exact", NULL},
    [PAL_SCORE_BOUND] = {"bound", NULL},
    [PAL_SCORE_MARGIN] = {"margin", pal_measure_margin},
    [PAL_SCORE_ENTROPY] = {"entropy", pal_measure_entropy},
    [PAL_SCORE_CONFIDENCE] = {"confidence", pal_measure_confidence},
};

const char *pal_score_method_name(pal_score_method method)
{
    return (unsigned)method < PAL_SCORE_METHODS ? methods[method].name : NULL;
}

bool pal_score_method_find(const char *name, pal_score_method *out)
{
    for (size_t i = 0; i < PAL_SCORE_METHODS; i++)
        if (strcmp(name, methods[i].name) == 0) {
            *out = (pal_score_method)i;
            return true;
        }
    return false;
}

/* ---- documents and windows -------------------------------------------------------------------------- */

static bool is_separator(const char *line, size_t bytes)
{
    if (bytes && line[bytes - 1] == '\n') bytes--;
    if (bytes && line[bytes - 1] == '\r') bytes--;
    return bytes == sizeof SEPARATOR - 1 && memcmp(line, SEPARATOR, bytes) == 0;
}

/* Returns the end of the document that starts at `from`, and sets *next to the start of the next one. */
static size_t document_end(const char *text, size_t bytes, size_t from, size_t *next)
{
    for (size_t line = from; line < bytes;) {
        const char *newline = memchr(text + line, '\n', bytes - line);
        size_t end = newline ? (size_t)(newline - text) + 1 : bytes;
        if (is_separator(text + line, end - line)) {
            *next = end;
            return line;
        }
        line = end;
    }
    *next = bytes;
    return bytes;
}

static bool add_window(pal_scoring *j, size_t from, int32_t n, int32_t given)
{
    if (j->window_count == j->window_capacity) {
        size_t capacity = j->window_capacity ? 2 * j->window_capacity : 64;
        window *grown = realloc(j->windows, pal_times(capacity, sizeof *grown));
        if (!grown) return false;
        j->windows = grown;
        j->window_capacity = capacity;
    }
    j->windows[j->window_count++] = (window){.from = from, .n = n, .given = given};
    if (n > j->longest) j->longest = n;
    return true;
}

/* Splits ids[count] into windows as long as the context.  With causal models each starts with BOS, with diffusion
 * models only the first of a document. */
static bool add_document(pal_scoring *j, const int32_t *ids, size_t count)
{
    int32_t bos = pal_vocab_special(j->model->vocab)->bos, context = j->model->shape.context;
    bool causal = j->model->shape.causal;
    const bool written = count > 0 && bos >= 0 && ids[0] == bos; /* BOS can be a user-defined token */
    for (size_t at = written; at < count;) {
        int32_t given = bos >= 0 && context > 1 && (causal || at == (size_t)written);
        size_t capacity = (size_t)(context - given), n = count - at < capacity ? count - at : capacity;
        if (!add_window(j, j->token_count, (int32_t)n + given, given)) return false;
        if (given) j->tokens[j->token_count++] = bos;
        memcpy(j->tokens + j->token_count, ids + at, n * sizeof *ids);
        const uint64_t scored =
            j->model->classes.noise ? (uint64_t)pal_of_scores->scored(&j->model->classes, ids + at, (int32_t)n, 0) : n;
        j->result.tokens += scored;
        j->result.left_out += n - scored;
        j->token_count += n;
        at += n;
    }
    j->result.documents += count > 0;
    return true;
}

static pal_status read_text(pal_scoring *j, const char *text, size_t bytes, pal_error *err)
{
    /* One BOS per window: at most twice as many tokens. */
    size_t scratch_bytes = pal_vocab_scratch_bytes(j->model->vocab, bytes);
    bool fits = scratch_bytes < SIZE_MAX && bytes < SIZE_MAX / 16;
    int32_t *ids = fits ? malloc(pal_times(bytes + 1, sizeof *ids)) : NULL;
    void *scratch = fits ? malloc(scratch_bytes + 1) : NULL;
    j->tokens = fits ? malloc(pal_times(2 * bytes + 2, sizeof *j->tokens)) : NULL;
    bool good = ids && scratch && j->tokens;
    for (size_t from = 0, next; good && from < bytes; from = next) {
        size_t end = document_end(text, bytes, from, &next);
        size_t count =
            pal_vocab_encode(j->model->vocab, text + from, end - from, PAL_ENCODE_PREFIX, ids, bytes + 1, scratch);
        j->result.bytes += end - from;
        good = add_document(j, ids, count);
    }
    free(scratch);
    free(ids);
    j->result.windows = j->window_count;
    if (!good) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the text", SIZE_MAX);
    if (!j->result.tokens) return pal_fail(err, PAL_E_TEXT, "there is no text to score", 0);
    return PAL_OK;
}

/* ---- scoring ---------------------------------------------------------------------------------------- */

static double bits_per_byte(const pal_scoring *j, double nats)
{
    return nats / LN2 / (double)j->result.bytes;
}

static void set_result(pal_scoring *j, double nats, double standard_error)
{
    j->result.bits_per_byte = j->progress.bits_per_byte = bits_per_byte(j, nats);
    j->result.nats_per_token = nats / (double)j->result.tokens;
    j->result.perplexity = pal_exp(j->result.nats_per_token);
    j->result.standard_error = j->progress.standard_error = standard_error;
}

static uint64_t expected_evaluations(const pal_scoring *j)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < j->window_count; i++) {
        int32_t length = j->windows[i].n - j->windows[i].given;
        sum += j->method == PAL_SCORE_EXACT   ? 1
               : j->method == PAL_SCORE_BOUND ? ((uint64_t)1 << length) - 1
                                              : (uint64_t)length;
    }
    return sum;
}

/* Makes one evaluation of window w; returns true if it was the last that w needs. */
static bool step_window(pal_scoring *j, const window *w)
{
    const int32_t *tokens = j->tokens + w->from;
    pal_measure_fn *measure = methods[j->method].measure;
    double bound = 0.0;
    if (j->method == PAL_SCORE_EXACT) {
        j->nats += pal_score_causal(&j->scorer, tokens, w->n, w->given);
        return true;
    }
    if (!measure) {
        if (!j->scorer.set) pal_score_bound_start(&j->scorer);
        bool last = pal_score_bound_step(&j->scorer, tokens, w->n, w->given, &bound);
        if (last) j->scorer.set = 0;
        j->nats += bound;
        return last;
    }
    if (!j->scorer.open) pal_score_adaptive_start(&j->scorer, tokens, w->n, w->given);
    j->nats += pal_score_adaptive_step(&j->scorer, tokens, w->n, measure);
    return j->scorer.open == 0;
}

/* Before the end, results are extrapolated from the windows read so far. */
static void step_exactly(pal_scoring *j)
{
    const window *w = &j->windows[j->at];
    if (!step_window(j, w)) return;
    j->scored += (uint64_t)(w->n - w->given);
    j->at++;
    j->done = j->at == j->window_count;
    set_result(j, j->done ? j->nats : j->nats * (double)j->result.tokens / (double)j->scored,
               j->done ? 0.0 : (double)NAN);
}

/* Puts the strata in a new random order. */
static void shuffle(const pal_scoring *j)
{
    uint32_t count = (uint32_t)j->e.count;
    for (uint32_t i = 0; i < count; i++) j->e.strata[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        double u = pal_uniform(j->seed, PAL_DRAW_SUBSET, UINT32_MAX - 1, j->e.round, i);
        uint32_t other = i + (uint32_t)(u * (count - i)), swap = j->e.strata[i];
        j->e.strata[i] = j->e.strata[other];
        j->e.strata[other] = swap;
    }
}

/* A round is one unbiased estimate of the nats of the whole text.  The standard error is computed from the variance of
 * the rounds; rounds are added until it is small enough. */
static void end_round(pal_scoring *j)
{
    estimate *e = &j->e;
    double x = bits_per_byte(j, e->nats);
    e->round++;
    e->sum += x;
    e->squares += x * x;
    double variance = e->round > 1 ? (e->squares - e->sum * e->sum / e->round) / (e->round - 1) : (double)NAN;
    double error = sqrt((variance > 0.0 ? variance : e->round > 1 ? 0.0 : variance) / e->round);
    set_result(j, e->sum / e->round * LN2 * (double)j->result.bytes, error);
    j->done = (e->round >= e->min && error <= e->target) || e->round == MAX_ROUNDS;
    if (e->round < e->min) return;
    double ratio = error / e->target, rounds = e->round * ratio * ratio + 1.0; /* NaN if the error is NaN */
    j->progress.expected_evaluations = (uint64_t)(rounds < (double)MAX_ROUNDS ? rounds : (double)MAX_ROUNDS) * e->count;
}

/* Makes one draw.  A round draws each window `draws` times, with numbers of masked tokens that are stratified over all
 * draws of the round, and divides the sum by `draws`. */
static void step_estimate(pal_scoring *j)
{
    estimate *e = &j->e;
    if (e->at == 0) shuffle(j);
    uint32_t number = (uint32_t)(e->at / e->draws);
    const window *w = &j->windows[number];
    double u = pal_uniform(j->seed, PAL_DRAW_SUBSET, UINT32_MAX, e->round, (uint32_t)e->at);
    double level = (e->strata[e->at] + u) / (double)e->count;
    const uint32_t draw = e->round * e->draws + (uint32_t)(e->at % e->draws);
    e->nats += (j->model->classes.noise ? pal_of_scores->bound : pal_score_masked)(
                   &j->scorer, j->tokens + w->from, w->n, w->given, level, j->seed, draw, number) /
               e->draws;
    if (++e->at < e->count) return;
    end_round(j);
    e->at = 0;
    e->nats = 0.0;
}

static pal_status start_estimate(pal_scoring *j, double target, pal_error *err)
{
    estimate *e = &j->e;
    e->draws = (uint32_t)(LEVELS / j->window_count) + 1;
    e->min = j->window_count >= MANY_WINDOWS ? ROUNDS_FEW : ROUNDS_MANY;
    e->target = target > 0.0 ? target : DEFAULT_STANDARD_ERROR;
    e->count = (size_t)e->draws * j->window_count;
    e->strata = malloc(pal_times(e->count, sizeof *e->strata));
    if (!e->strata) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the estimate", SIZE_MAX);
    j->result.estimated = true;
    j->progress.expected_evaluations = (uint64_t)e->min * e->count;
    return PAL_OK;
}

static pal_status choose_method(pal_scoring *j, pal_error *err)
{
    bool causal = j->model->shape.causal;
    pal_score_method wanted = j->method;
    if ((unsigned)wanted >= PAL_SCORE_METHODS) return pal_fail(err, PAL_E_OPTION, "unknown method", SIZE_MAX);
    j->method = wanted != PAL_SCORE_DEFAULT ? wanted : causal ? PAL_SCORE_EXACT : PAL_SCORE_BOUND;
    if (causal != (j->method == PAL_SCORE_EXACT))
        return pal_fail(err, PAL_E_OPTION,
                        causal
                            ? "a causal model can only be scored with method exact"
                            : "a diffusion model can only be scored with method bound, margin, entropy or confidence",
                        SIZE_MAX);
    const bool scores = j->model->classes.noise != NULL;
    if (scores && j->method != PAL_SCORE_BOUND)
        return pal_fail(err, PAL_E_OPTION, "a model that computes scores can only be scored with method bound",
                        SIZE_MAX);
    if (causal ? pal_vocab_special(j->model->vocab)->bos < 0 : j->model->classes.mask < 0 && !scores)
        return pal_fail(err, PAL_E_UNSUPPORTED,
                        causal ? "the model has no BOS token to start from" : "the model has no mask token", SIZE_MAX);
    return PAL_OK;
}

static pal_status allocate_scratch(pal_scoring *j, pal_error *err)
{
    pal_arena arena = {0};
    size_t bytes;
    pal_runner_layout(&j->runner, j->model, j->longest, &arena);
    pal_scorer_layout(&j->scorer, j->model->shape.vocab, j->longest, &arena);
    j->block = pal_arena_bytes(&arena, &bytes) ? malloc(bytes) : NULL;
    if (!j->block) return pal_fail(err, PAL_E_MEMORY, "not enough memory to evaluate the network", SIZE_MAX);
    arena = pal_arena_in(j->block);
    pal_runner_layout(&j->runner, j->model, j->longest, &arena);
    pal_scorer_layout(&j->scorer, j->model->shape.vocab, j->longest, &arena);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == bytes);
    j->scorer.predictor = pal_runner_start(&j->runner);
    j->scorer.classes = &j->model->classes;
    return PAL_OK;
}

/* ---- functions of palimpsest.h ----------------------------------------------------------------------- */

static pal_status start(pal_scoring *j, const char *text, size_t bytes, const pal_score_options *o, pal_error *err)
{
    pal_status s = pal_model_ready(j->model, err);
    if (!s) s = choose_method(j, err);
    if (!s) s = pal_options_check(&pal_score_table, o, err);
    if (!s) s = read_text(j, text, bytes, err);
    if (!s) s = allocate_scratch(j, err);
    if (s) return s;
    j->result.method = j->method;
    j->result.bound = j->method == PAL_SCORE_BOUND;
    set_result(j, (double)NAN, (double)NAN);
    if (j->result.bound && (j->result.tokens > PAL_SCORE_ENUMERATED || j->model->classes.noise))
        return start_estimate(j, o->standard_error, err);
    j->progress.expected_evaluations = expected_evaluations(j);
    return PAL_OK;
}

pal_status pal_scoring_start(pal_scoring **out, const pal_model *model, const char *text, size_t bytes,
                             const pal_score_options *options, pal_error *err)
{
    pal_scoring *j = calloc(1, sizeof *j);
    if (!j) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the score", SIZE_MAX);
    j->model = model;
    j->method = options->method;
    j->seed = options->seed;
    pal_status s = start(j, text, bytes, options, err);
    if (s)
        pal_scoring_end(j);
    else
        *out = j;
    return s;
}

pal_status pal_scoring_step(pal_scoring *j, pal_error *err)
{
    const pal_scoring before = *j;
    if (j->done) return PAL_OK;
    if (j->result.estimated)
        step_estimate(j);
    else
        step_exactly(j);
    if (j->scorer.broken) {
        *j = before;
        return pal_fail_not_finite(err);
    }
    j->progress.evaluations = j->result.evaluations = j->scorer.evaluations;
    return j->done ? PAL_OK : PAL_MORE;
}

pal_score_progress pal_scoring_progress(const pal_scoring *j)
{
    return j->progress;
}

pal_score_result pal_scoring_result(const pal_scoring *j)
{
    return j->result;
}

void pal_scoring_end(pal_scoring *j)
{
    if (!j) return;
    free(j->e.strata);
    free(j->block);
    free(j->windows);
    free(j->tokens);
    free(j);
}

pal_status pal_score(const pal_model *model, const char *text, size_t bytes, const pal_score_options *options,
                     pal_score_result *out, pal_error *err)
{
    pal_scoring *j;
    pal_status s = pal_scoring_start(&j, model, text, bytes, options, err);
    if (s) return s;
    do {
        if (options->progress && !options->progress(options->context, &j->progress)) break;
        s = pal_scoring_step(j, err);
    } while (s == PAL_MORE);
    if (s == PAL_OK && options->progress && j->done) options->progress(options->context, &j->progress);
    if (s >= 0) {
        *out = j->result;
        s = j->done ? PAL_OK : PAL_MORE;
    }
    pal_scoring_end(j);
    return s;
}
