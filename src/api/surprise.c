/* surprise.c - computes the probability of each token of a text given the text before it, step by step. */
#include "../core/math.h"
#include "../network/text_runner.h"
#include "../text/probabilities.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16 }; /* maximum number of tokens per step, which is the number of rows of logits */

struct pal_surprising {
    const pal_model *model;
    int32_t alternatives;
    size_t n, at;                 /* tokens of the text; how many of them are done */
    int32_t given, capacity;      /* 1 if every window starts with BOS, else 0; tokens of the text in a full window */
    int32_t *tokens;              /* [n] */
    int32_t *window;              /* [given + capacity] the window being read */
    int *position;                /* [given + capacity] 0, 1, 2 ...; also used as the ranks of the tokens */
    float *logits;                /* [ROWS, vocab] */
    pal_surprise_token out[ROWS]; /* [count] results of the last step */
    size_t count;
    uint64_t evaluations;
    pal_runner runner;
    pal_predictor predictor;
    void *block;
};

static pal_status check(const pal_model *m, const int32_t *tokens, size_t n, int32_t alternatives, pal_error *err)
{
    pal_status s = pal_model_ready(m, err);
    if (s) return s;
    if (!m->shape.causal)
        return pal_fail(err, PAL_E_UNSUPPORTED,
                        "this model fills blanks: surprise needs a causal model, which reads from left to right (score "
                        "says how likely a whole text is)",
                        SIZE_MAX);
    if (alternatives < 0 || alternatives > PAL_CANDIDATES)
        return pal_fail(err, PAL_E_OPTION, "alternatives must be between 0 and 20", SIZE_MAX);
    if (!n) return pal_fail(err, PAL_E_TEXT, "there is no text", SIZE_MAX);
    for (size_t i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= m->shape.vocab)
            return pal_fail(err, PAL_E_OPTION, "a token id is outside the vocabulary", i);
    return PAL_OK;
}

static void layout(pal_surprising *j, pal_arena *arena)
{
    const int32_t longest = j->given + j->capacity;
    j->tokens = pal_take(arena, j->n, sizeof *j->tokens);
    j->window = pal_take(arena, (size_t)longest, sizeof *j->window);
    j->position = pal_take(arena, (size_t)longest, sizeof *j->position);
    j->logits = pal_take2(arena, ROWS, (size_t)j->model->shape.vocab, sizeof *j->logits);
    pal_runner_layout(&j->runner, j->model, longest, arena);
}

static pal_status start(pal_surprising *j, const int32_t *tokens, pal_error *err)
{
    const int32_t bos = pal_vocab_special(j->model->vocab)->bos, context = j->model->shape.context;
    pal_arena arena = {0};
    size_t bytes;
    j->given = bos >= 0 && context > 1;
    j->capacity = j->n < (size_t)(context - j->given) ? (int32_t)j->n : context - j->given;
    layout(j, &arena);
    j->block = pal_arena_bytes(&arena, &bytes) ? malloc(bytes) : NULL;
    if (!j->block) return pal_fail(err, PAL_E_MEMORY, "not enough memory to evaluate the network", SIZE_MAX);
    arena = pal_arena_in(j->block);
    layout(j, &arena);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == bytes);
    memcpy(j->tokens, tokens, j->n * sizeof *tokens);
    for (int32_t i = 0; i < j->given + j->capacity; i++) j->position[i] = i;
    j->window[0] = bos; /* without BOS, the first token of the text overwrites this */
    j->predictor = pal_runner_start(&j->runner);
    return PAL_OK;
}

pal_status pal_surprising_start(pal_surprising **out, const pal_model *model, const int32_t *tokens, size_t n,
                                int32_t alternatives, pal_error *err)
{
    pal_status s = check(model, tokens, n, alternatives, err);
    if (s) return s;
    pal_surprising *j = calloc(1, sizeof *j);
    if (!j) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the text", SIZE_MAX);
    j->model = model;
    j->alternatives = alternatives;
    j->n = n;
    s = start(j, tokens, err);
    if (s)
        pal_surprising_end(j);
    else
        *out = j;
    return s;
}

/* Computes the logarithm of the softmax in double: subtracts the maximum before taking exponentials. */
static void look_at(const pal_surprising *j, const float *logits, pal_surprise_token *out)
{
    const int32_t vocab = j->model->shape.vocab;
    float largest[PAL_CANDIDATES] = {0};
    pal_top top = {.max = j->alternatives > 0 ? j->alternatives : 1, .id = out->alternative_id, .value = largest};
    double sum = 0.0;
    for (int32_t id = 0; id < vocab; id++) pal_top_offer(&top, id, logits[id]);
    const double max = (double)largest[0];
    for (int32_t id = 0; id < vocab; id++) sum += pal_exp((double)logits[id] - max);
    const double all = pal_log(sum) + max;
    out->logprob = (double)logits[out->id] - all;
    out->alternatives = j->alternatives ? top.count : 0;
    for (int32_t i = 0; i < out->alternatives; i++) out->alternative_logprob[i] = (double)largest[i] - all;
}

/* Evaluates the window whose first token is `begin`.  The logits of its last token are not needed. */
static void read_window(pal_surprising *j, size_t begin, int32_t length)
{
    memcpy(j->window + j->given, j->tokens + begin, (size_t)(length - j->given) * sizeof *j->window);
    j->predictor.evaluate(j->predictor.context,
                          &(pal_query){length, j->window, j->position, 0.0, length - 1, j->position, NULL});
    j->evaluations++;
}

/* Computes the results of window[from], window[from + 1] ..., up to ROWS of them, in a window of `length`. */
static pal_status look_at_some(pal_surprising *j, int32_t from, int32_t length, pal_error *err)
{
    const int32_t rows = length - from < ROWS ? length - from : ROWS;
    if (!j->predictor.logits(j->predictor.context, j->position + from - 1, rows, j->logits))
        return pal_fail_not_finite(err);
    for (int32_t i = 0; i < rows; i++) {
        j->out[i] = (pal_surprise_token){.id = j->window[from + i]};
        look_at(j, j->logits + (size_t)i * (size_t)j->model->shape.vocab, &j->out[i]);
    }
    j->count = (size_t)rows;
    return PAL_OK;
}

pal_status pal_surprising_step(pal_surprising *j, pal_error *err)
{
    const size_t in_window = j->at % (size_t)j->capacity, begin = j->at - in_window, left = j->n - begin;
    const int32_t length = j->given + (left < (size_t)j->capacity ? (int32_t)left : j->capacity);
    const int32_t from = j->given + (int32_t)in_window;
    pal_status s = PAL_OK;
    j->count = 0;
    if (j->at == j->n) return PAL_OK;
    if (from == 1) read_window(j, begin, length);
    if (from) {
        s = look_at_some(j, from, length, err);
    } else { /* there is nothing before this token */
        j->out[0] = (pal_surprise_token){.id = j->tokens[j->at], .logprob = (double)NAN};
        j->count = 1;
    }
    j->at += j->count;
    return s ? s : j->at == j->n ? PAL_OK : PAL_MORE;
}

const pal_surprise_token *pal_surprising_tokens(const pal_surprising *j, size_t *count)
{
    *count = j->count;
    return j->out;
}

pal_surprise_progress pal_surprising_progress(const pal_surprising *j)
{
    const size_t capacity = (size_t)j->capacity;
    return (pal_surprise_progress){.tokens = j->at,
                                   .all_tokens = j->n,
                                   .evaluations = j->evaluations,
                                   .expected_evaluations = j->n / capacity + (j->n % capacity != 0)};
}

void pal_surprising_end(pal_surprising *j)
{
    if (!j) return;
    free(j->block);
    free(j);
}

pal_status pal_surprise(const pal_model *model, const int32_t *tokens, size_t n, int32_t alternatives,
                        pal_surprise_token *out, pal_error *err)
{
    pal_surprising *j;
    size_t done = 0;
    pal_status s = pal_surprising_start(&j, model, tokens, n, alternatives, err);
    if (s) return s;
    do {
        s = pal_surprising_step(j, err);
        memcpy(out + done, j->out, j->count * sizeof *out);
        done += j->count;
    } while (s == PAL_MORE);
    pal_surprising_end(j);
    return s;
}
