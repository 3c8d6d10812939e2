/* choose.c - chooses a token from one row of logits; choose.h documents the order and the differences for blanks. */
#include "choose.h"
#include "../core/math.h"
#include "../core/options.h"

#include <float.h>
#include <string.h>

pal_status pal_choose_check(const pal_choose_options *o, int32_t vocab, pal_error *err)
{
    pal_status s = pal_options_check(&pal_generate_table, o, err);
    if (s) return s;
    for (size_t i = 0; i < o->logit_bias_count; i++) {
        const pal_logit_bias *b = &o->logit_bias[i];
        if (b->id < 0 || b->id >= vocab)
            return pal_fail(err, PAL_E_OPTION, "a logit bias is for a token that is not in the vocabulary", i);
        if (!(b->bias <= PAL_MAX_LOGIT))
            return pal_fail(err, PAL_E_OPTION, "a logit bias must be a number of at most 1e30", i);
    }
    return PAL_OK;
}

void pal_choose_layout(pal_choose_scratch *s, int32_t vocab, bool typical, pal_arena *arena)
{
    size_t n = (size_t)vocab;
    *s = (pal_choose_scratch){.vocab = vocab};
    s->probabilities = pal_take(arena, n, sizeof *s->probabilities);
    if (typical) s->key = pal_take(arena, n, sizeof *s->key);
    s->rank = pal_take(arena, n, sizeof *s->rank);
    s->seen = pal_take(arena, n, sizeof *s->seen);
    if (s->seen) memset(s->seen, 0, n * sizeof *s->seen);
}

/* ---- logits: steps 1 to 4 ---------------------------------------------------------------------------- */

/* The softmax of a row that a team computes: the row is overwritten, and made again. */
static void sum_by_team(pal_choose_scratch *s, const float *logits)
{
    double *row = s->probabilities;
    s->sum = pal_exponentials(s->team, row, s->vocab, &s->max);
    for (int32_t id = 0; id < s->vocab; id++)
        row[id] = (double)logits[id] >= -DBL_MAX ? pal_bounded((double)logits[id]) : PAL_NEVER;
}

/* row := the logits in double, PAL_NEVER for impossible tokens; s->max and s->sum := the terms of their softmax. */
static pal_status take_logits(pal_choose_scratch *s, const float *logits, bool given, pal_error *err)
{
    double *row = s->probabilities, max = PAL_NEVER, sum = 0.0;
    for (int32_t id = 0; id < s->vocab; id++) {
        const double logit = (double)logits[id];
        if (!given && logit != logit) return pal_fail_not_finite(err);
        row[id] = (given ? row[id] > 0.0 : logit >= -DBL_MAX) ? pal_bounded(logit) : PAL_NEVER;
        if (row[id] > max) max = row[id];
    }
    if (PAL_HAVE_THREADS && s->team && !given) { /* if probabilities are given, only the row says what is possible */
        sum_by_team(s, logits);
        return PAL_OK;
    }
    for (int32_t id = 0; id < s->vocab; id++)
        if (row[id] > PAL_NEVER) sum += pal_exp(row[id] - max);
    s->max = max;
    s->sum = sum;
    return PAL_OK;
}

/* A finite bias changes only possible tokens; minus infinity makes a token impossible. */
static void add_bias(double *row, const pal_logit_bias *bias, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double *logit = &row[bias[i].id];
        if (bias[i].bias < -DBL_MAX)
            *logit = PAL_NEVER;
        else if (*logit > PAL_NEVER)
            *logit = pal_bounded(*logit + bias[i].bias);
    }
}

static void penalise_one(const pal_choose_options *o, double *logit, int32_t times)
{
    if (*logit <= PAL_NEVER) return;
    double x = *logit > 0.0 ? *logit / o->repetition_penalty : *logit * o->repetition_penalty;
    *logit = pal_bounded(pal_bounded(x) - o->frequency_penalty * times - o->presence_penalty);
}

static bool penalises(const pal_choose_options *o)
{
    return o->repetition_penalty != 1.0 || o->frequency_penalty != 0.0 || o->presence_penalty != 0.0;
}

static void penalise(pal_choose_scratch *s, const pal_choose_options *o, const int32_t *tokens, size_t count)
{
    size_t last = o->repeat_last_n < 0 ? count : (size_t)o->repeat_last_n;
    size_t from = last < count ? count - last : 0;
    if (!penalises(o)) return;
    for (size_t i = from; i < count; i++)
        if (tokens[i] >= 0 && tokens[i] < s->vocab) s->seen[tokens[i]]++;
    for (size_t i = from; i < count; i++) {
        int32_t id = tokens[i];
        if (id < 0 || id >= s->vocab || s->seen[id] == 0) continue; /* outside the vocabulary, or done */
        penalise_one(o, &s->probabilities[id], s->seen[id]);
        s->seen[id] = 0;
    }
}

/* ---- probabilities: steps 5 to 9 --------------------------------------------------------------------- */

/* row := softmax of row / temperature; at 0 all probability on the most probable token. The maximum is subtracted
 * before the division: the quotient may then overflow for other tokens, but is 0 for the maximum. */
static void temper(pal_team *team, double *row, int32_t n, double temperature)
{
    int32_t best = pal_probs_likeliest(row, n);
    double max = row[best];
    for (int32_t id = 0; id < n; id++) {
        if (temperature == 0.0)
            row[id] = id == best ? 1.0 : 0.0;
        else if (row[id] > PAL_NEVER)
            row[id] = (row[id] - max) / temperature;
    }
    if (temperature > 0.0) pal_softmax(team, row, n);
}

static pal_status reshape(pal_choose_scratch *s, const pal_choose_options *o, const float *logits,
                          const pal_choose_context *c, pal_error *err)
{
    double *row = s->probabilities;
    pal_status status = take_logits(s, logits, c->given, err);
    if (status) return status;
    add_bias(row, o->logit_bias, o->logit_bias_count);
    penalise(s, o, c->tokens, c->count);
    for (int32_t id = 0; c->allowed && id < s->vocab; id++)
        if (!c->allowed[id]) row[id] = PAL_NEVER;
    if (s->vocab == 0 || row[pal_probs_likeliest(row, s->vocab)] <= PAL_NEVER)
        return pal_fail(err, PAL_E_OPTION, "no token is allowed: the logit biases and the grammar exclude all of them",
                        SIZE_MAX);
    temper(s->team, row, s->vocab, c->given && o->temperature == 0.0 ? 1.0 : o->temperature);
    return PAL_OK;
}

static void truncate_row(pal_choose_scratch *s, const pal_choose_options *o, const pal_mirostat *mirostat)
{
    const pal_truncation first = {o->top_k, 1.0, 0.0}, last = {0, o->top_p, o->min_p},
                         both = {o->top_k, o->top_p, o->min_p};
    double *row = s->probabilities;
    if (o->mirostat) {
        pal_mirostat_truncate(mirostat, row, s->vocab);
    } else if (o->typical_p < 1.0) {
        if (o->top_k) pal_probs_truncate(&first, row, s->vocab, 1.0, s->rank);
        pal_probs_typical(row, s->vocab, o->typical_p, s->key, s->rank);
        if (o->top_p < 1.0 || o->min_p > 0.0)
            pal_probs_truncate(&last, row, s->vocab, pal_probs_sum(row, s->vocab), s->rank);
    } else if (o->top_k || o->top_p < 1.0 || o->min_p > 0.0) {
        pal_probs_truncate(&both, row, s->vocab, 1.0, s->rank);
    }
}

/* ---- all steps --------------------------------------------------------------------------------------- */

/* Whether the given probabilities are used unchanged up to the truncations. */
static bool as_given(const pal_choose_options *o, const pal_choose_context *c)
{
    return c->given && !o->logit_bias_count && !penalises(o) && (o->temperature == 0.0 || o->temperature == 1.0);
}

pal_status pal_choose_among(pal_choose_scratch *s, const pal_choose_options *o, const float *logits,
                            const pal_choose_context *c, pal_error *err)
{
    pal_status status = as_given(o, c) ? PAL_OK : reshape(s, o, logits, c, err);
    s->kept = 1.0;
    if (status || o->temperature == 0.0) return status;
    truncate_row(s, o, c->mirostat);
    if (c->given) return PAL_OK;
    s->kept = pal_probs_sum(s->probabilities, s->vocab);
    for (int32_t id = 0; id < s->vocab; id++) s->probabilities[id] /= s->kept;
    return PAL_OK;
}

pal_status pal_choose(pal_choose_scratch *s, const pal_choose_options *o, const float *logits,
                      const pal_choose_context *c, double u, pal_chosen *chosen, pal_error *err)
{
    const double *row = s->probabilities;
    pal_status status = pal_choose_among(s, o, logits, c, err);
    if (status) return status;
    const int32_t id = o->temperature == 0.0 ? pal_probs_likeliest(row, s->vocab) : pal_probs_draw(row, s->vocab, u);
    chosen->id = id;
    chosen->probability = row[id];
    chosen->own = as_given(o, c) ? row[id] : pal_exp(pal_bounded((double)logits[id]) - s->max) / s->sum;
    if (o->mirostat && o->temperature > 0.0)
        pal_mirostat_learn(c->mirostat, o->mirostat_tau, o->mirostat_eta, chosen->probability * s->kept);
    return PAL_OK;
}

/* ---- the model's own probabilities ------------------------------------------------------------------- */

double pal_choose_logprob(const pal_choose_scratch *s, const float *logits, int32_t id)
{
    return pal_bounded((double)logits[id]) - s->max - pal_log(s->sum);
}

int32_t pal_choose_likeliest(const pal_choose_scratch *s, const float *logits, int32_t k, int32_t *ids,
                             double *logprobs)
{
    float largest[PAL_CANDIDATES];
    pal_top top = {.max = k, .id = ids, .value = largest};
    PAL_ASSERT(k <= PAL_CANDIDATES);
    for (int32_t id = 0; id < s->vocab; id++)
        if (logits[id] >= -FLT_MAX) pal_top_offer(&top, id, logits[id]);
    for (int32_t i = 0; i < top.count; i++) logprobs[i] = pal_choose_logprob(s, logits, ids[i]);
    return top.count;
}
