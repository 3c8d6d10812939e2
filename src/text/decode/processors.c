/* processors.c - from one row of logits to a token; the order stands in processors.h. */
#include "processors.h"
#include "../../core/math.h"
#include "../../core/random.h"
#include "../../core/ranges.h"

#include <float.h>
#include <string.h>

pal_decode_options pal_decode_defaults(void)
{
    return (pal_decode_options){
        .temperature = 1.0,
        .typical_p = 1.0,
        .top_p = 1.0,
        .repetition_penalty = 1.0,
        .repeat_last_n = 64,
        .mirostat_tau = 5.0,
        .mirostat_eta = 0.1,
    };
}

static pal_status check_numbers(const pal_decode_options *o, pal_error *err)
{
    const pal_rule rules[] = {
        {pal_between(o->typical_p, 0.0, 1.0), "typical-p must lie between 0 and 1 (1 is off)"},
        {pal_between(o->frequency_penalty, -100.0, 100.0),
         "frequency-penalty must lie between -100 and 100 (0 is off)"},
        {pal_between(o->presence_penalty, -100.0, 100.0), "presence-penalty must lie between -100 and 100 (0 is off)"},
        {o->repeat_last_n >= -1, "repeat-last-n must not be below -1 (which is all tokens)"},
        {o->mirostat == 0 || o->mirostat == 2, "mirostat must be 0 (off) or 2"},
        {o->mirostat_tau > 0.0 && o->mirostat_tau <= 100.0, "mirostat-tau must lie above 0 and at most at 100 bits"},
        {o->mirostat_eta > 0.0 && o->mirostat_eta <= 1.0, "mirostat-eta must lie above 0 and at most at 1"},
    };
    return pal_check_rules(rules, sizeof rules / sizeof *rules, err);
}

pal_status pal_decode_check(const pal_decode_options *o, int32_t vocab, pal_error *err)
{
    const pal_sampling shared = {o->temperature, o->top_k, o->top_p, o->min_p, o->repetition_penalty};
    pal_status s = pal_check_sampling(&shared, err);
    if (!s) s = check_numbers(o, err);
    if (s) return s;
    for (size_t i = 0; i < o->logit_bias_count; i++) {
        const pal_logit_bias *b = &o->logit_bias[i];
        if (b->id < 0 || b->id >= vocab)
            return pal_fail(err, PAL_E_OPTION, "a logit bias is for a token that is not in the vocabulary", i);
        if (!(b->bias <= PAL_LOGIT_MOST))
            return pal_fail(err, PAL_E_OPTION, "a logit bias is not a number up to 1e30", i);
    }
    return PAL_OK;
}

void pal_decode_layout(pal_decode_room *room, int32_t vocab, pal_arena *arena)
{
    size_t n = (size_t)vocab;
    *room = (pal_decode_room){.vocab = vocab};
    room->law = pal_take(arena, n, sizeof *room->law);
    room->key = pal_take(arena, n, sizeof *room->key);
    room->rank = pal_take(arena, n, sizeof *room->rank);
    room->seen = pal_take(arena, n, sizeof *room->seen);
    if (room->seen) memset(room->seen, 0, n * sizeof *room->seen);
}

/* ---- logits ----------------------------------------------------------------------------------------- */

/* law := the logits in double, PAL_NEVER where they are minus infinity; and their log-softmax. */
static pal_status take_logits(pal_decode_room *room, const float *logits, pal_error *err)
{
    room->most = PAL_NEVER;
    for (int32_t id = 0; id < room->vocab; id++) {
        double logit = (double)logits[id];
        if (logit != logit) return pal_fail_not_finite(err);
        room->law[id] = logit < -DBL_MAX ? PAL_NEVER : pal_bounded(logit);
        if (room->law[id] > room->most) room->most = room->law[id];
    }
    double sum = 0.0;
    for (int32_t id = 0; id < room->vocab; id++)
        if (room->law[id] > PAL_NEVER) sum += pal_exp(room->law[id] - room->most);
    room->log_sum = pal_log(sum);
    return PAL_OK;
}

/* A bias moves what is possible; only minus infinity makes a token impossible. */
static void add_bias(double *law, const pal_logit_bias *bias, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double *logit = &law[bias[i].id];
        if (bias[i].bias < -DBL_MAX)
            *logit = PAL_NEVER;
        else if (*logit > PAL_NEVER)
            *logit = pal_bounded(*logit + bias[i].bias);
    }
}

static void penalise_one(const pal_decode_options *o, double *logit, int32_t times)
{
    if (*logit <= PAL_NEVER) return;
    double x = *logit > 0.0 ? *logit / o->repetition_penalty : *logit * o->repetition_penalty;
    *logit = pal_bounded(pal_bounded(x) - o->frequency_penalty * times - o->presence_penalty);
}

static void penalise(pal_decode_room *room, const pal_decode_options *o, const int32_t *tokens, size_t count)
{
    size_t last = o->repeat_last_n < 0 ? count : (size_t)o->repeat_last_n;
    size_t from = last < count ? count - last : 0;
    if (o->repetition_penalty == 1.0 && o->frequency_penalty == 0.0 && o->presence_penalty == 0.0) return;
    for (size_t i = from; i < count; i++)
        if (tokens[i] >= 0 && tokens[i] < room->vocab) room->seen[tokens[i]]++;
    for (size_t i = from; i < count; i++) {
        int32_t id = tokens[i];
        if (id < 0 || id >= room->vocab || room->seen[id] == 0) continue; /* not ours, or done */
        penalise_one(o, &room->law[id], room->seen[id]);
        room->seen[id] = 0;
    }
}

/* ---- law -------------------------------------------------------------------------------------------- */

/* law := softmax of the logits in it over the temperature; at 0 all on the likeliest.  The maximum goes before the
 * division, which may overflow for the others but not for 0. */
static void temper(double *law, int32_t n, double temperature)
{
    int32_t best = pal_law_likeliest(law, n);
    double most = law[best];
    for (int32_t id = 0; id < n; id++) {
        if (temperature == 0.0)
            law[id] = id == best ? 1.0 : 0.0;
        else if (law[id] > PAL_NEVER)
            law[id] = (law[id] - most) / temperature;
    }
    if (temperature > 0.0) pal_softmax(law, n);
}

static void truncate_law(pal_decode_room *room, const pal_decode_options *o, const pal_mirostat *mirostat)
{
    const pal_truncation first = {o->top_k, 1.0, 0.0}, last = {0, o->top_p, o->min_p},
                         both = {o->top_k, o->top_p, o->min_p};
    int32_t n = room->vocab;
    if (o->mirostat) {
        pal_mirostat_truncate(mirostat, room->law, n);
        return;
    }
    if (o->typical_p < 1.0) {
        if (o->top_k) pal_law_truncate(&first, room->law, n, 1.0, room->rank);
        pal_law_typical(room->law, n, o->typical_p, room->key, room->rank);
        if (o->top_p < 1.0 || o->min_p > 0.0)
            pal_law_truncate(&last, room->law, n, pal_law_sum(room->law, n), room->rank);
    } else if (o->top_k || o->top_p < 1.0 || o->min_p > 0.0) {
        pal_law_truncate(&both, room->law, n, 1.0, room->rank);
    }
}

pal_status pal_decode_law(pal_decode_room *room, const pal_decode_options *o, const float *logits,
                          const pal_decode_context *context, pal_error *err)
{
    double *law = room->law;
    pal_status status = take_logits(room, logits, err);
    if (status) return status;
    add_bias(law, o->logit_bias, o->logit_bias_count);
    penalise(room, o, context->tokens, context->count);
    for (int32_t id = 0; context->allowed && id < room->vocab; id++)
        if (!context->allowed[id]) law[id] = PAL_NEVER;
    if (room->vocab == 0 || law[pal_law_likeliest(law, room->vocab)] <= PAL_NEVER)
        return pal_fail(err, PAL_E_OPTION, "no token is left: bans and grammar leave out all of them", SIZE_MAX);
    temper(law, room->vocab, o->temperature);
    room->kept = 1.0;
    if (o->temperature == 0.0) return PAL_OK;
    truncate_law(room, o, context->mirostat);
    room->kept = pal_law_sum(law, room->vocab);
    for (int32_t id = 0; id < room->vocab; id++) law[id] /= room->kept;
    return PAL_OK;
}

pal_status pal_decode_token(pal_decode_room *room, const pal_decode_options *o, const float *logits,
                            const pal_decode_context *context, double u, pal_drawn *drawn, pal_error *err)
{
    pal_status status = pal_decode_law(room, o, logits, context, err);
    if (status) return status;
    drawn->id = pal_law_draw(room->law, room->vocab, u);
    drawn->probability = room->law[drawn->id];
    drawn->logprob = pal_decode_logprob(room, logits, drawn->id);
    if (o->mirostat && o->temperature > 0.0)
        pal_mirostat_learn(context->mirostat, o->mirostat_tau, o->mirostat_eta, drawn->probability * room->kept);
    return PAL_OK;
}

double pal_decode_uniform(uint64_t seed, uint32_t draft, uint32_t position)
{
    return pal_uniform(seed, PAL_DRAW_TOKEN, draft, 0, position);
}

/* ---- what the model thought ------------------------------------------------------------------------- */

double pal_decode_logprob(const pal_decode_room *room, const float *logits, int32_t id)
{
    return pal_bounded((double)logits[id]) - room->most - room->log_sum;
}

int32_t pal_decode_likeliest(const pal_decode_room *room, const float *logits, int32_t k, int32_t *ids,
                             double *logprobs)
{
    for (int32_t id = 0; id < room->vocab; id++) room->key[id] = (double)logits[id];
    int32_t count = pal_largest(room->key, room->vocab, -DBL_MAX, k, ids, room->rank);
    for (int32_t i = 0; i < count; i++) logprobs[i] = pal_decode_logprob(room, logits, ids[i]);
    return count;
}
