/* parallel.c - several places with high scores per evaluation. Approximate: places revealed together are drawn
 * independently.
 *
 * Threshold (Wu et al., Fast-dLLM, 2025): reveals all places whose highest probability is above the threshold, or the
 * place with the highest score if there is none. Entropy bound (Ben-Hamu et al., EB-sampler, 2025): takes places in
 * order of increasing entropy, as long as the entropies taken, without the largest, add up to at most the bound; this
 * limits how far the independent draw can diverge from the joint distribution. The lengths of all free blanks are drawn
 * first (length.c). */
#include "samplers.h"
#include "../length.h"

#define DEFAULT_THRESHOLD 0.9

pal_step_fn pal_parallel_step;

static int32_t best_scored(const pal_fill *f)
{
    int32_t best = -1;
    for (int32_t place = 0; place < f->places; place++)
        if (pal_fill_is_open(f, place) && (best < 0 || f->score[place] > f->score[best])) best = place;
    return best;
}

static int32_t choose_by_threshold(pal_fill *f)
{
    double threshold = f->options.threshold > 0.0 ? f->options.threshold : DEFAULT_THRESHOLD;
    int32_t count = 0;
    pal_fill_measure(f, pal_measure_confidence);
    for (int32_t place = 0; place < f->places; place++)
        if (pal_fill_is_open(f, place) && f->score[place] > threshold) f->chosen[count++] = place;
    if (!count) f->chosen[count++] = best_scored(f);
    return count;
}

/* Sorts open places by increasing entropy (insertion sort: blanks are short) and takes as many as fit the bound. */
static int32_t choose_by_entropy(pal_fill *f)
{
    int32_t open = 0, count = 1;
    pal_fill_measure(f, pal_measure_entropy);
    for (int32_t place = 0; place < f->places; place++) {
        if (!pal_fill_is_open(f, place)) continue;
        int32_t at = open++;
        for (; at > 0 && f->score[f->chosen[at - 1]] < f->score[place]; at--) f->chosen[at] = f->chosen[at - 1];
        f->chosen[at] = place;
    }
    /* A score is minus the entropy. The last place taken has the largest entropy: the sum excludes it. */
    double sum = -f->score[f->chosen[0]];
    while (count < open && sum <= f->options.entropy_bound) sum -= f->score[f->chosen[count++]];
    return count;
}

static void sort_by_position(int32_t *place, int32_t count)
{
    for (int32_t i = 1; i < count; i++) {
        int32_t moving = place[i], at = i;
        for (; at > 0 && place[at - 1] > moving; at--) place[at] = place[at - 1];
        place[at] = moving;
    }
}

void pal_parallel_step(pal_fill *f)
{
    if (pal_length_draw(f, true)) return;
    int32_t count = f->options.entropy_bound > 0.0 ? choose_by_entropy(f) : choose_by_threshold(f);
    sort_by_position(f->chosen, count);
    for (int32_t i = 0; i < count; i++) pal_fill_draw(f, f->chosen[i]);
}
