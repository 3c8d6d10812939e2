#include "choose.h"
#include "../core/math.h"

/* law := softmax of the penalised logits over the temperature, on the support of law. */
static void reshape(const pal_choice *how, double *law, const float *logits, int32_t n, const uint8_t *present)
{
    double most = PAL_NEVER;
    for (int32_t id = 0; id < n; id++) {
        double logit = pal_bounded((double)logits[id]);
        if (present[id]) logit = logit > 0.0 ? logit / how->repetition_penalty : logit * how->repetition_penalty;
        law[id] = law[id] > 0.0 ? pal_bounded(logit) : PAL_NEVER;
        if (law[id] > most) most = law[id];
    }
    /* The maximum goes before the division, which may overflow for the others but not for 0. */
    for (int32_t id = 0; id < n; id++)
        if (law[id] > PAL_NEVER) law[id] = (law[id] - most) / how->temperature;
    pal_softmax(law, n);
}

int32_t pal_choose(const pal_choice *how, double *law, const float *logits, int32_t n, const int32_t *tokens,
                   int32_t count, uint8_t *present, int32_t *rank, double u, double *probability)
{
    const pal_choice plain = {.temperature = 1.0, .repetition_penalty = how->repetition_penalty};
    bool penalty = how->repetition_penalty != 1.0, greedy = how->temperature == 0.0;
    bool reshaped = penalty || (!greedy && how->temperature != 1.0);
    double most = 0.0, sum = 0.0; /* of law as it came, to give back the probability of the choice */
    for (int32_t i = 0; penalty && i < count; i++)
        if (tokens[i] >= 0 && tokens[i] < n) present[tokens[i]] = 1;
    if (reshaped) {
        most = PAL_NEVER;
        for (int32_t id = 0; id < n; id++)
            if (law[id] > 0.0 && pal_bounded((double)logits[id]) > most) most = pal_bounded((double)logits[id]);
        for (int32_t id = 0; id < n; id++)
            if (law[id] > 0.0) sum += pal_exp(pal_bounded((double)logits[id]) - most);
        reshape(greedy ? &plain : how, law, logits, n, present);
    }
    for (int32_t i = 0; penalty && i < count; i++)
        if (tokens[i] >= 0 && tokens[i] < n) present[tokens[i]] = 0;
    int32_t id;
    if (greedy)
        id = pal_law_likeliest(law, n);
    else {
        if (how->top_k || how->top_p < 1.0 || how->min_p > 0.0) {
            /* truncation leaves kept entries as they are, so the probability can be read afterwards */
            const pal_truncation rest = {how->top_k, how->top_p, how->min_p};
            pal_law_truncate(&rest, law, n, 1.0, rank);
        }
        id = pal_law_draw(law, n, u);
    }
    *probability = reshaped ? pal_exp(pal_bounded((double)logits[id]) - most) / sum : law[id];
    return id;
}
