/* score_entropy.c - Monte Carlo terms of the bound by denoising score entropy. */
#include "score_entropy.h"
#include "../core/math.h"

#include <string.h>

/* ---- rows of logits --------------------------------------------------------------------------------- */

/* The sum over the rows of the last evaluation, at s->order[0 .. count). */
typedef struct {
    const int32_t *tokens;
    double divisor; /* logarithm: log score (or log q) = logit - divisor */
    double ratio;   /* uniform graph: p(y | x0) / p(x | x0) of another y if x is x0 */
} terms;

typedef double row_term(const pal_scorer *s, const terms *t, int32_t at, const float *logits);

static double sum_rows(pal_scorer *s, int32_t count, row_term *term, const terms *t)
{
    const size_t vocab = (size_t)s->classes->vocab;
    double sum = 0.0;
    for (int32_t done = 0; done < count; done += PAL_FILL_ROWS) {
        const int rows = count - done < PAL_FILL_ROWS ? (int)(count - done) : PAL_FILL_ROWS;
        if (!s->predictor.logits(s->predictor.context, s->asked + done, rows, s->logits)) s->broken = true;
        for (int i = 0; i < rows; i++) sum += term(s, t, s->order[done + i], s->logits + (size_t)i * vocab);
    }
    return sum;
}

static double log_score(const terms *t, const float *logits, int32_t id)
{
    return pal_bounded((double)logits[id]) - t->divisor;
}

/* ---- the absorbing graph ---------------------------------------------------------------------------- */

static double absorbed_term(const pal_scorer *s, const terms *t, int32_t at, const float *logits)
{
    double all = 0.0;
    for (int32_t id = 0; id < s->classes->vocab; id++)
        if (id != s->classes->noise->mask) all += pal_exp(log_score(t, logits, id));
    return all - 1.0 - log_score(t, logits, t->tokens[at]);
}

double pal_score_absorbed(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t k, int32_t length, double share)
{
    const pal_noise *noise = s->classes->noise;
    const double told = pal_noise_told(noise, pal_noise_of_share(share));
    const double divisor = noise->scaled ? pal_log(s->classes->vocab - 1.0) : -pal_log(pal_expm1(told));
    const terms t = {.tokens = tokens, .divisor = divisor};
    pal_score_mask(s, tokens, n, k);
    pal_score_evaluate(s, s->shown, n, k, 0, share);
    return sum_rows(s, k, absorbed_term, &t) * length / k;
}

/* The k-th smallest of `length` uniform numbers, which is distributed like a ratio of sums of exponential ones. */
static double kth_smallest(int32_t k, int32_t length, uint64_t seed, uint32_t draw, uint32_t window)
{
    double sum = 0.0, below = 0.0;
    for (int32_t i = 0; i <= length; i++) {
        sum -= pal_log(1.0 - pal_uniform(seed, PAL_DRAW_NOISE, window, draw, (uint32_t)i));
        if (i + 1 == k) below = sum;
    }
    return below / sum;
}

static double absorb(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double level, uint64_t seed,
                     uint32_t draw, uint32_t window)
{
    const int32_t length = n - given, k = pal_score_choose(s, given, length, level, seed, draw, window);
    return pal_score_absorbed(s, tokens, n, k, length, kth_smallest(k, length, seed, draw, window));
}

/* ---- the uniform graph ------------------------------------------------------------------------------ */

/* a (log a - 1), which makes the score entropy 0 at its minimum. */
static double least(double a)
{
    return a * (pal_log(a) - 1.0);
}

static double replaced_term(const pal_scorer *s, const terms *t, int32_t at, const float *logits)
{
    const int32_t shown = s->shown[at], clean = t->tokens[at];
    const double states = s->classes->noise->states;
    double all = 0.0, logs = 0.0; /* of the scores of the other states */
    for (int32_t id = 0; id < s->classes->vocab; id++) {
        if (id == shown || !pal_classes_is_state(s->classes, id)) continue;
        all += pal_exp(log_score(t, logits, id));
        logs += log_score(t, logits, id);
    }
    if (shown == clean) return (all - t->ratio * logs + (states - 1.0) * least(t->ratio)) / states;
    const double back = log_score(t, logits, clean);
    return (all - (logs - back) - back / t->ratio - (states - 2.0) + least(1.0 / t->ratio)) / states;
}

double pal_score_replaced(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t count, double sigma)
{
    const pal_noise *noise = s->classes->noise;
    const double grown = pal_expm1(sigma);
    const terms t = {.tokens = tokens,
                     .divisor = pal_noise_log_divisor(noise, sigma, s->classes->vocab),
                     .ratio = grown / (grown + noise->states)};
    memset(s->rank, 0, (size_t)n * sizeof *s->rank);
    pal_score_evaluate(s, s->shown, n, count, 0, pal_noise_share(sigma));
    return sum_rows(s, count, replaced_term, &t);
}

double pal_score_divergence(const pal_noise *n)
{
    const double sigma = pal_noise_sigma(n, 1.0), states = n->states;
    const double same = pal_noise_transition(n, sigma, 0, 0), other = pal_noise_transition(n, sigma, 0, 1);
    return same * pal_log(same * states) + (states - 1.0) * other * pal_log(other * states);
}

/* s->order := the places of states; returns their number. */
static int32_t find_states(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given)
{
    int32_t count = 0;
    for (int32_t i = given; i < n; i++)
        if (pal_classes_is_state(s->classes, tokens[i])) s->order[count++] = i;
    return count;
}

static double replace(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double level, uint64_t seed,
                      uint32_t draw, uint32_t window)
{
    const pal_noise *noise = s->classes->noise;
    const double root = level > 1e-6 ? level : 1e-6, time = root * root, sigma = pal_noise_sigma(noise, time);
    const double share = pal_noise_share(sigma);
    const int32_t count = find_states(s, tokens, n, given);
    if (!count) return 0.0;
    memcpy(s->shown, tokens, (size_t)n * sizeof *tokens);
    for (int32_t i = 0; i < count; i++) {
        const uint32_t at = (uint32_t)s->order[i];
        if (pal_uniform(seed, PAL_DRAW_SUBSET, window, draw, at) >= share) continue;
        const double u = pal_uniform(seed, PAL_DRAW_NOISE, window, draw, at);
        s->shown[at] = pal_classes_state(s->classes, (int32_t)(u * noise->states));
    }
    return 2.0 * root * pal_noise_rate(noise, time) * pal_score_replaced(s, tokens, n, count, sigma) +
           count * pal_score_divergence(noise);
}

/* ---- both ------------------------------------------------------------------------------------------- */

int32_t pal_score_entropy_tokens(const pal_classes *c, const int32_t *tokens, int32_t n, int32_t given)
{
    int32_t count = 0;
    if (c->noise->graph == PAL_GRAPH_ABSORB) return n - given;
    for (int32_t i = given; i < n; i++) count += pal_classes_is_state(c, tokens[i]);
    return count;
}

double pal_score_entropy(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double level, uint64_t seed,
                         uint32_t draw, uint32_t window)
{
    return (s->classes->noise->graph == PAL_GRAPH_ABSORB ? absorb : replace)(s, tokens, n, given, level, seed, draw,
                                                                             window);
}
