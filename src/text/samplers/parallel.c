/* parallel.c - several places per evaluation. Approximate: places revealed together are drawn independently.
 *
 * Distance (the default): in order of decreasing confidence, reveals every place that is at least so many tokens away
 * from all places already chosen in this evaluation, so never neighbours, and in short blanks one place each. What is
 * far apart depends little on each other (tools/train/parallel_loss.py measures how little).
 * Threshold (Wu et al., Fast-dLLM, 2025): reveals all places whose highest probability is above the threshold, or the
 * place with the highest score if there is none. Entropy bound (Ben-Hamu et al., EB-sampler, 2025): takes places in
 * order of increasing entropy, as long as the entropies taken, without the largest, add up to at most the bound; this
 * limits how far the independent draw can diverge from the joint distribution. The lengths of all free blanks are drawn
 * first (length.c). */
#include "samplers.h"
#include "../length.h"

#define DEFAULT_DISTANCE 16

pal_step_fn pal_parallel_step;

/* f->chosen := all open places, the highest score first, equal ones from left to right (insertion sort: blanks are
 * short). Returns their number. */
static int32_t sort_open(pal_fill *f, pal_measure_fn *measure)
{
    int32_t open = 0;
    pal_fill_measure(f, measure);
    for (int32_t place = 0; place < f->places; place++) {
        if (!pal_fill_is_open(f, place)) continue;
        int32_t at = open++;
        for (; at > 0 && f->score[f->chosen[at - 1]] < f->score[place]; at--) f->chosen[at] = f->chosen[at - 1];
        f->chosen[at] = place;
    }
    return open;
}

/* Whether a place is at least `distance` tokens away from each of f->chosen[0 .. count - 1]. */
static bool is_apart(const pal_fill *f, int32_t place, int32_t count, int32_t distance)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t away = f->place[place].at - f->place[f->chosen[i]].at;
        if (away < distance && -away < distance) return false;
    }
    return true;
}

static int32_t choose_by_distance(pal_fill *f)
{
    const int32_t distance = f->options.distance ? f->options.distance : DEFAULT_DISTANCE;
    const int32_t open = sort_open(f, pal_measure_confidence);
    int32_t count = 0;
    for (int32_t i = 0; i < open; i++)
        if (is_apart(f, f->chosen[i], count, distance)) f->chosen[count++] = f->chosen[i];
    return count;
}

static int32_t choose_by_threshold(pal_fill *f)
{
    const int32_t open = sort_open(f, pal_measure_confidence);
    int32_t count = 1;
    while (count < open && f->score[f->chosen[count]] > f->options.threshold) count++;
    return count;
}

static int32_t choose_by_entropy(pal_fill *f)
{
    const int32_t open = sort_open(f, pal_measure_entropy);
    int32_t count = 1;
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
    const int32_t count = f->options.entropy_bound > 0.0 ? choose_by_entropy(f)
                          : f->options.threshold > 0.0   ? choose_by_threshold(f)
                                                         : choose_by_distance(f);
    sort_by_position(f->chosen, count);
    for (int32_t i = 0; i < count; i++) pal_fill_draw(f, f->chosen[i]);
}
