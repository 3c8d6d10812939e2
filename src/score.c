/* score.c - pal_score: documents, windows, and the estimate of a bound, on top of text/score. */
#include "core/math.h"
#include "model.h"
#include "text/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR              "<|endoftext|>"
#define DEFAULT_STANDARD_ERROR 0.01
#define LN2                    0.69314718055994530942

enum { MANY_WINDOWS = 64, LEVELS = 32, ROUNDS_FEW = 4, ROUNDS_MANY = 8, ROUNDS_MOST = 4096 };

typedef struct {
    size_t from; /* in tokens */
    int32_t n, given;
} window;

typedef struct {
    const pal_model *model;
    const pal_score_options *options;
    pal_score_method method;
    int32_t *tokens; /* of all windows, BOS included */
    window *windows;
    size_t token_count, window_count, window_room;
    int32_t longest; /* tokens in the longest window */
    pal_score_result result;
    pal_score_progress progress;
    pal_runner runner;
    pal_scorer scorer;
    void *block;
    uint32_t *strata; /* [strata_count], of an estimate's levels */
    size_t strata_count;
} job;

static const struct {
    pal_score_method method;
    const char *name;
} method_names[] = {
    {PAL_SCORE_DEFAULT, "default"}, {PAL_SCORE_EXACT, "exact"},     {PAL_SCORE_BOUND, "bound"},
    {PAL_SCORE_MARGIN, "margin"},   {PAL_SCORE_ENTROPY, "entropy"}, {PAL_SCORE_CONFIDENCE, "confidence"},
};

const char *pal_score_method_name(pal_score_method method)
{
    return (unsigned)method < PAL_SCORE_METHODS ? method_names[method].name : NULL;
}

bool pal_score_method_find(const char *name, pal_score_method *out)
{
    for (size_t i = 0; i < PAL_SCORE_METHODS; i++)
        if (strcmp(name, method_names[i].name) == 0) {
            *out = method_names[i].method;
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

/* The end of the document that starts at `from`, and where the next one starts. */
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

static bool add_window(job *j, size_t from, int32_t n, int32_t given)
{
    if (j->window_count == j->window_room) {
        size_t room = j->window_room ? 2 * j->window_room : 64;
        window *grown = realloc(j->windows, room * sizeof *grown);
        if (!grown) return false;
        j->windows = grown;
        j->window_room = room;
    }
    j->windows[j->window_count++] = (window){.from = from, .n = n, .given = given};
    if (n > j->longest) j->longest = n;
    j->result.tokens += (uint64_t)(n - given);
    return true;
}

/* Cuts ids[count] into windows of the context; causal models start each with BOS, diffusion models the
 * first of a document. */
static bool add_document(job *j, const int32_t *ids, size_t count)
{
    int32_t bos = pal_vocab_special(j->model->vocab)->bos, context = j->model->net.context;
    bool causal = j->model->net.causal;
    for (size_t at = 0; at < count;) {
        int32_t given = bos >= 0 && context > 1 && (causal || at == 0);
        size_t room = (size_t)(context - given), n = count - at < room ? count - at : room;
        if (!add_window(j, j->token_count, (int32_t)n + given, given)) return false;
        if (given) j->tokens[j->token_count++] = bos;
        memcpy(j->tokens + j->token_count, ids + at, n * sizeof *ids);
        j->token_count += n;
        at += n;
    }
    j->result.documents += count > 0;
    return true;
}

static pal_status read_text(job *j, const char *text, size_t bytes, pal_error *err)
{
    /* BOS once a window: at most one more token for every token. */
    size_t scratch_bytes = pal_vocab_scratch_bytes(j->model->vocab, bytes);
    bool fits = scratch_bytes < SIZE_MAX && bytes < SIZE_MAX / 16;
    int32_t *ids = fits ? malloc((bytes + 1) * sizeof *ids) : NULL;
    void *scratch = fits ? malloc(scratch_bytes + 1) : NULL;
    j->tokens = fits ? malloc((2 * bytes + 2) * sizeof *j->tokens) : NULL;
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
    if (!good) return pal_fail(err, PAL_E_MEMORY, "no memory for the text", SIZE_MAX);
    if (!j->result.tokens) return pal_fail(err, PAL_E_TEXT, "there is no text to score", 0);
    return PAL_OK;
}

/* ---- scoring ---------------------------------------------------------------------------------------- */

static bool go_on(job *j)
{
    j->progress.evaluations = j->result.evaluations = j->scorer.evaluations;
    return !j->options->progress || j->options->progress(j->options->context, &j->progress);
}

static double bits_per_byte(const job *j, double nats)
{
    return nats / LN2 / (double)j->result.bytes;
}

static void set_result(job *j, double nats, double standard_error)
{
    j->result.bits_per_byte = bits_per_byte(j, nats);
    j->result.nats_per_token = nats / (double)j->result.tokens;
    j->result.perplexity = pal_exp(j->result.nats_per_token);
    j->result.standard_error = standard_error;
    j->result.evaluations = j->scorer.evaluations;
}

static double score_window(job *j, const window *w)
{
    const int32_t *tokens = j->tokens + w->from;
    switch (j->method) {
    case PAL_SCORE_EXACT: return pal_score_causal(&j->scorer, tokens, w->n, w->given);
    case PAL_SCORE_MARGIN: return pal_score_adaptive(&j->scorer, tokens, w->n, w->given, pal_measure_margin);
    case PAL_SCORE_ENTROPY: return pal_score_adaptive(&j->scorer, tokens, w->n, w->given, pal_measure_entropy);
    case PAL_SCORE_CONFIDENCE: return pal_score_adaptive(&j->scorer, tokens, w->n, w->given, pal_measure_confidence);
    default: return pal_score_bound(&j->scorer, tokens, w->n, w->given);
    }
}

static uint64_t expected_evaluations(const job *j)
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

/* One pass; stopped early, the figures are those of the windows read so far. */
static pal_status score_exactly(job *j)
{
    double nats = 0.0;
    j->progress.expected_evaluations = expected_evaluations(j);
    j->progress.bits_per_byte = j->progress.standard_error = (double)NAN;
    for (size_t i = 0; i < j->window_count; i++) {
        if (!go_on(j)) {
            double done = 0.0;
            for (size_t w = 0; w < i; w++) done += j->windows[w].n - j->windows[w].given;
            set_result(j, done > 0.0 ? nats * (double)j->result.tokens / done : (double)NAN, (double)NAN);
            return PAL_MORE;
        }
        nats += score_window(j, &j->windows[i]);
    }
    set_result(j, nats, 0.0);
    go_on(j);
    return PAL_OK;
}

/* A fresh random order of the strata. */
static void shuffle(const job *j, uint32_t round)
{
    uint32_t count = (uint32_t)j->strata_count;
    for (uint32_t i = 0; i < count; i++) j->strata[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        double u = pal_uniform(j->options->seed, PAL_DRAW_SUBSET, UINT32_MAX - 1, round, i);
        uint32_t other = i + (uint32_t)(u * (count - i)), swap = j->strata[i];
        j->strata[i] = j->strata[other];
        j->strata[other] = swap;
    }
}

/* One unbiased estimate of the whole text's nats: every window `draws` times, its number of masked tokens
 * stratified over all of them, scaled back by 1 / draws. */
static bool estimate_round(job *j, uint32_t round, uint32_t draws, double *nats)
{
    *nats = 0.0;
    shuffle(j, round);
    for (size_t i = 0; i < j->strata_count; i++) {
        uint32_t number = (uint32_t)(i / draws);
        const window *w = &j->windows[number];
        double u = pal_uniform(j->options->seed, PAL_DRAW_SUBSET, UINT32_MAX, round, (uint32_t)i);
        double level = (j->strata[i] + u) / (double)j->strata_count;
        if (!go_on(j)) return false;
        *nats += pal_score_masked(&j->scorer, j->tokens + w->from, w->n, w->given, level, j->options->seed,
                                  round * draws + (uint32_t)(i % draws), number) /
                 draws;
    }
    return true;
}

/* Rounds until the standard error, from the spread of the rounds, is small enough. */
static pal_status score_estimated(job *j, pal_error *err)
{
    double target = j->options->standard_error > 0.0 ? j->options->standard_error : DEFAULT_STANDARD_ERROR;
    uint32_t draws = (uint32_t)(LEVELS / j->window_count) + 1, round = 0;
    uint32_t least = j->window_count >= MANY_WINDOWS ? ROUNDS_FEW : ROUNDS_MANY;
    double sum = 0.0, squares = 0.0, nats, error = (double)NAN;
    bool stopped = false;
    j->strata_count = (size_t)draws * j->window_count;
    j->strata = malloc(j->strata_count * sizeof *j->strata);
    if (!j->strata) return pal_fail(err, PAL_E_MEMORY, "no memory for the estimate", SIZE_MAX);
    j->progress.expected_evaluations = (uint64_t)least * draws * j->window_count;
    j->progress.bits_per_byte = j->progress.standard_error = (double)NAN;
    while (round < ROUNDS_MOST) {
        stopped = !estimate_round(j, round, draws, &nats);
        if (stopped) break;
        double x = bits_per_byte(j, nats);
        round++;
        sum += x;
        squares += x * x;
        double variance = round > 1 ? (squares - sum * sum / round) / (round - 1) : (double)NAN;
        error = sqrt((variance > 0.0 ? variance : round > 1 ? 0.0 : variance) / round);
        j->progress.bits_per_byte = sum / round;
        j->progress.standard_error = error;
        if (round >= least && error <= target) break;
        double rounds = round * (error / target) * (error / target) + 1.0; /* NaN where the error is */
        if (round >= least)
            j->progress.expected_evaluations =
                (uint64_t)(rounds < ROUNDS_MOST ? rounds : ROUNDS_MOST) * j->strata_count;
    }
    set_result(j, round ? sum / round * LN2 * (double)j->result.bytes : (double)NAN, error);
    j->result.estimated = true;
    return stopped ? PAL_MORE : PAL_OK;
}

static pal_status choose_method(job *j, pal_error *err)
{
    bool causal = j->model->net.causal;
    pal_score_method wanted = j->options->method;
    if ((unsigned)wanted >= PAL_SCORE_METHODS) return pal_fail(err, PAL_E_OPTION, "there is no such method", SIZE_MAX);
    j->method = wanted != PAL_SCORE_DEFAULT ? wanted : causal ? PAL_SCORE_EXACT : PAL_SCORE_BOUND;
    if (causal != (j->method == PAL_SCORE_EXACT))
        return pal_fail(err, PAL_E_OPTION,
                        causal ? "a causal model is scored by the method exact"
                               : "a diffusion model is scored by bound, margin, entropy or confidence",
                        SIZE_MAX);
    if (causal ? pal_vocab_special(j->model->vocab)->bos < 0 : j->model->classes.mask < 0)
        return pal_fail(err, PAL_E_UNSUPPORTED,
                        causal ? "the model has no BOS token to start from" : "the model has no mask token", SIZE_MAX);
    return PAL_OK;
}

static pal_status make_room(job *j, pal_error *err)
{
    pal_arena arena = {0};
    pal_runner_layout(&j->runner, j->model, j->longest, &arena);
    pal_scorer_layout(&j->scorer, j->model->net.vocab, j->longest, &arena);
    j->block = arena.overflow ? NULL : malloc(arena.used + PAL_ARENA_SLACK);
    if (!j->block) return pal_fail(err, PAL_E_MEMORY, "no memory for the network's work space", SIZE_MAX);
    arena = pal_arena_in(j->block);
    pal_runner_layout(&j->runner, j->model, j->longest, &arena);
    pal_scorer_layout(&j->scorer, j->model->net.vocab, j->longest, &arena);
    j->scorer.predictor = pal_runner_start(&j->runner);
    j->scorer.classes = &j->model->classes;
    return PAL_OK;
}

pal_status pal_score(const pal_model *model, const char *text, size_t bytes, const pal_score_options *options,
                     pal_score_result *out, pal_error *err)
{
    job j = {.model = model, .options = options};
    pal_status s = pal_model_ready(model, err);
    if (!s) s = choose_method(&j, err);
    if (!s) s = read_text(&j, text, bytes, err);
    if (!s) s = make_room(&j, err);
    if (!s) {
        bool bound = j.method == PAL_SCORE_BOUND;
        j.result.method = j.method;
        j.result.bound = bound;
        s = bound && j.result.tokens > PAL_SCORE_ENUMERATED ? score_estimated(&j, err) : score_exactly(&j);
        if (s >= 0) *out = j.result;
    }
    free(j.strata);
    free(j.block);
    free(j.windows);
    free(j.tokens);
    return s;
}
