/* score.c - log-likelihoods by evaluating a predictor: causal, the masked bound, and adaptive orders. */
#include "score.h"
#include "probabilities.h"
#include "../core/math.h"

#include <string.h>

void pal_scorer_layout(pal_scorer *s, int32_t vocab, int32_t max_tokens, pal_arena *arena)
{
    s->shown = pal_take(arena, (size_t)max_tokens, sizeof *s->shown);
    s->rank = pal_take(arena, (size_t)max_tokens, sizeof *s->rank);
    s->order = pal_take(arena, (size_t)max_tokens, sizeof *s->order);
    s->asked = pal_take(arena, (size_t)max_tokens, sizeof *s->asked);
    s->logits = pal_take2(arena, PAL_FILL_ROWS, (size_t)vocab, sizeof *s->logits);
    s->probs = pal_take(arena, (size_t)vocab, sizeof *s->probs);
}

void pal_score_evaluate(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t count, int32_t shift, double time)
{
    for (int32_t i = 0; i < count; i++) s->asked[i] = (int)(s->order[i] + shift);
    s->predictor.evaluate(s->predictor.context, &(pal_query){n, tokens, s->rank, time, (int)count, s->asked, NULL});
    s->evaluations++;
}

void pal_score_mask(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t k)
{
    memcpy(s->shown, tokens, (size_t)n * sizeof *tokens);
    memset(s->rank, 0, (size_t)n * sizeof *s->rank);
    for (int32_t i = 0; i < k; i++) {
        s->shown[s->order[i]] = s->classes->mask;
        s->rank[s->order[i]] = PAL_RANK_UNKNOWN;
    }
}

/* s->probs := the model's probabilities at one position. The diffusion softmax excludes control pieces. */
static void fill_probs(pal_scorer *s, const float *logits, bool causal)
{
    for (int32_t id = 0; id < s->classes->vocab; id++) {
        double logit = pal_bounded((double)logits[id]);
        s->probs[id] = !causal && (s->classes->of[id] & PAL_CLASS_LEFT_OUT) ? PAL_NEVER : logit;
    }
    pal_softmax(s->predictor.team, s->probs, s->classes->vocab);
}

typedef void visit_fn(void *context, int32_t index, const double *probs);

/* Calls visit(context, i, probs) for each position of the last evaluation; reads several rows of logits at a time. */
static void each_row(pal_scorer *s, int32_t count, bool causal, visit_fn *visit, void *context)
{
    for (int32_t done = 0; done < count; done += PAL_FILL_ROWS) {
        int rows = count - done < PAL_FILL_ROWS ? (int)(count - done) : PAL_FILL_ROWS;
        if (!s->predictor.logits(s->predictor.context, s->asked + done, rows, s->logits)) s->broken = true;
        for (int i = 0; i < rows; i++) {
            fill_probs(s, s->logits + (size_t)i * (size_t)s->classes->vocab, causal);
            visit(context, done + i, s->probs);
        }
    }
}

typedef struct {
    const int32_t *tokens, *at;
    double nats;
} sum_context;

static void add_nats(void *context, int32_t index, const double *probs)
{
    sum_context *c = context;
    c->nats -= pal_log(probs[c->tokens[c->at[index]]]);
}

double pal_score_causal(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given)
{
    sum_context c = {.tokens = tokens, .at = s->order};
    for (int32_t i = 0; i < n; i++) s->rank[i] = i < given ? 0 : i - given + 1;
    for (int32_t i = given; i < n; i++) s->order[i - given] = i;
    pal_score_evaluate(s, tokens, n, n - given, -1, 0.0);
    each_row(s, n - given, true, add_nats, &c);
    return c.nats;
}

/* -log p of the tokens at s->order[0 .. k), all masked together, given the others. `length` is the number of positions
 * that could have been masked; k / length is the time. */
static double masked_nats(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t k, int32_t length)
{
    sum_context c = {.tokens = tokens, .at = s->order};
    pal_score_mask(s, tokens, n, k);
    pal_score_evaluate(s, s->shown, n, k, 0, k / (double)length);
    each_row(s, k, false, add_nats, &c);
    return c.nats;
}

int32_t pal_score_choose(pal_scorer *s, int32_t given, int32_t length, double level, uint64_t seed, uint32_t draw,
                         uint32_t window)
{
    int32_t k = 1 + (int32_t)(level * length);
    if (k > length) k = length;
    for (int32_t i = 0; i < length; i++) s->order[i] = given + i;
    for (int32_t i = 0; i < k; i++) { /* the first k elements of a random permutation */
        double u = pal_uniform(seed, PAL_DRAW_SUBSET, window, draw, (uint32_t)i);
        int32_t other = i + (int32_t)(u * (length - i)), swap = s->order[i];
        s->order[i] = s->order[other];
        s->order[other] = swap;
    }
    return k;
}

double pal_score_masked(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double level, uint64_t seed,
                        uint32_t draw, uint32_t window)
{
    const int32_t length = n - given, k = pal_score_choose(s, given, length, level, seed, draw, window);
    return masked_nats(s, tokens, n, k, length) * length / k;
}

void pal_score_bound_start(pal_scorer *s)
{
    s->set = 1;
    memset(s->sum, 0, sizeof s->sum);
}

bool pal_score_bound_step(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double *bound)
{
    int32_t length = n - given, k = 0;
    double sets = 1.0;
    PAL_ASSERT(length <= PAL_SCORE_ENUMERATED);
    for (int32_t i = 0; i < length; i++)
        if (s->set >> i & 1) s->order[k++] = given + i;
    s->sum[k] += masked_nats(s, tokens, n, k, length);
    if (++s->set < 1u << length) return false;
    *bound = 0.0;
    for (k = 1; k <= length; k++) {
        sets = sets * (length - k + 1) / k; /* binomial coefficient: length over k */
        *bound += s->sum[k] / sets / k;     /* (1 / L) * (L / k) * mean over the sets */
    }
    return true;
}

double pal_score_bound(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given)
{
    double bound = 0.0;
    if (n == given) return bound;
    pal_score_bound_start(s);
    while (!pal_score_bound_step(s, tokens, n, given, &bound)) continue;
    return bound;
}

typedef struct {
    const pal_scorer *s;
    pal_measure_fn *measure;
    double best, nats;
    int32_t best_index;
    const int32_t *tokens;
} adaptive_context;

static void keep_best(void *context, int32_t index, const double *probs)
{
    adaptive_context *c = context;
    double score = c->measure(probs, c->s->classes->vocab);
    if (c->best_index >= 0 && score <= c->best) return;
    c->best = score;
    c->best_index = index;
    c->nats = -pal_log(probs[c->tokens[c->s->order[index]]]);
}

void pal_score_adaptive_start(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given)
{
    s->open = s->length = n - given;
    for (int32_t i = 0; i < s->open; i++) s->order[i] = given + i;
    pal_score_mask(s, tokens, n, s->open);
}

double pal_score_adaptive_step(pal_scorer *s, const int32_t *tokens, int32_t n, pal_measure_fn *measure)
{
    adaptive_context c = {.s = s, .measure = measure, .best_index = -1, .tokens = tokens};
    pal_score_evaluate(s, s->shown, n, s->open, 0, s->open / (double)s->length);
    each_row(s, s->open, false, keep_best, &c);
    if (s->broken) return c.nats; /* nothing is revealed */
    s->shown[s->order[c.best_index]] = tokens[s->order[c.best_index]];
    s->rank[s->order[c.best_index]] = s->length - s->open + 1;
    s->open--; /* the others stay in order of position: ties depend on it */
    memmove(s->order + c.best_index, s->order + c.best_index + 1, (size_t)(s->open - c.best_index) * sizeof *s->order);
    return c.nats;
}

double pal_score_adaptive(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, pal_measure_fn *measure)
{
    double nats = 0.0;
    pal_score_adaptive_start(s, tokens, n, given);
    while (s->open && !s->broken) nats += pal_score_adaptive_step(s, tokens, n, measure);
    return nats;
}
