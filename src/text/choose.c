#include "choose.h"
#include "../core/math.h"

void pal_softmax(double *x, int32_t n)
{
    double most = PAL_NEVER, sum = 0.0;
    for (int32_t i = 0; i < n; i++)
        if (x[i] > most) most = x[i];
    for (int32_t i = 0; i < n; i++) {
        x[i] = x[i] <= PAL_NEVER ? 0.0 : pal_exp(x[i] - most);
        sum += x[i];
    }
    for (int32_t i = 0; i < n; i++) x[i] /= sum;
}

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

/* ---- a heap of token ids, the likeliest on top, the lowest id among equals ---- */

static bool before(const double *law, int32_t a, int32_t b)
{
    return law[a] > law[b] || (law[a] == law[b] && a < b);
}

static void sift(const double *law, int32_t *heap, int32_t size, int32_t at)
{
    for (int32_t child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && before(law, heap[child + 1], heap[child])) child++;
        if (!before(law, heap[child], heap[at])) return;
        int32_t swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
    }
}

/* Sets what the truncations leave out to zero.  The heap hands out tokens by falling probability until
 * enough are kept, so that a peaked law costs little more than one pass. */
static void truncate_law(const pal_choice *how, double *law, int32_t n, int32_t *heap)
{
    int32_t size = 0, kept = 0;
    double total = 1.0, mass = 0.0, top = 0.0;
    for (int32_t id = 0; id < n; id++)
        if (law[id] > 0.0) heap[size++] = id;
    for (int32_t at = size / 2 - 1; at >= 0; at--) sift(law, heap, size, at);
    if (size) top = law[heap[0]];

    int32_t most = how->top_k && how->top_k < size ? how->top_k : size;
    if (most < size && how->top_p < 1.0) { /* the nucleus is taken of what top-k leaves */
        total = 0.0;
        int32_t left = size;
        for (int32_t i = 0; i < most; i++) { /* the k likeliest end up behind the heap, likeliest last */
            int32_t id = heap[0];
            total += law[id];
            heap[0] = heap[--left];
            heap[left] = id;
            sift(law, heap, left, 0);
        }
        for (int32_t at = size / 2 - 1; at >= 0; at--) sift(law, heap, size, at);
    }
    while (kept < most) {
        int32_t id = heap[0];
        bool crossed = how->top_p < 1.0 && mass >= how->top_p * total;
        if (kept && (crossed || law[id] < how->min_p * top)) break;
        mass += law[id];
        heap[0] = heap[--size];
        heap[size] = id; /* kept ids gather behind the heap */
        sift(law, heap, size, 0);
        kept++;
    }
    for (int32_t i = 0; i < size; i++) law[heap[i]] = 0.0;
}

static int32_t likeliest(const double *law, int32_t n)
{
    int32_t best = 0;
    for (int32_t id = 1; id < n; id++)
        if (law[id] > law[best]) best = id;
    return best;
}

/* The first token whose cumulative mass exceeds u times the whole; never one of probability zero. */
static int32_t draw(const double *law, int32_t n, double u)
{
    double sum = 0.0, reached = 0.0;
    int32_t last = 0;
    for (int32_t id = 0; id < n; id++) sum += law[id];
    for (int32_t id = 0; id < n; id++) {
        if (law[id] <= 0.0) continue;
        reached += law[id];
        last = id;
        if (u * sum < reached) return id;
    }
    return last;
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
        id = likeliest(law, n);
    else {
        if (how->top_k || how->top_p < 1.0 || how->min_p > 0.0) {
            /* truncation leaves kept entries as they are, so the probability can be read afterwards */
            truncate_law(how, law, n, rank);
        }
        id = draw(law, n, u);
    }
    *probability = reshaped ? pal_exp(pal_bounded((double)logits[id]) - most) / sum : law[id];
    return id;
}
