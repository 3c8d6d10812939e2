/* adaptive.c - one token per evaluation, at the place with the highest score (margin, entropy or confidence).
 *
 * Kim et al., "Train for the worst, plan for the best" (2025). The place depends only on revealed tokens, never on the
 * token to be drawn, so with true conditionals the joint distribution is reproduced exactly; choosing by the
 * probability of the drawn token (MaskGIT, LLaDA) does not reproduce it. Blanks of known length come first; when none
 * of them is open, the length of the next blank is drawn (length.c). */
#include "samplers.h"
#include "../length.h"
#include "../../core/math.h"

pal_step_fn pal_adaptive_step;

double pal_measure_margin(const double *probs, int32_t vocab)
{
    double first = 0.0, second = 0.0;
    for (int32_t id = 0; id < vocab; id++) {
        if (probs[id] > first) {
            second = first;
            first = probs[id];
        } else if (probs[id] > second)
            second = probs[id];
    }
    return first - second;
}

double pal_measure_entropy(const double *probs, int32_t vocab)
{
    double negative = 0.0;
    for (int32_t id = 0; id < vocab; id++)
        if (probs[id] > 0.0) negative += probs[id] * pal_log(probs[id]);
    return negative;
}

double pal_measure_confidence(const double *probs, int32_t vocab)
{
    double max = 0.0;
    for (int32_t id = 0; id < vocab; id++)
        if (probs[id] > max) max = probs[id];
    return max;
}

static int32_t best_scored(const pal_fill *f)
{
    int32_t best = -1;
    for (int32_t i = 0; i < f->blanks; i++) {
        const pal_blank *blank = &f->blank[i];
        if (!pal_length_is_known(f, blank)) continue;
        for (int32_t place = blank->place; place < blank->place + blank->max; place++) /* ties: the lowest position */
            if (pal_fill_is_open(f, place) && (best < 0 || f->score[place] > f->score[best])) best = place;
    }
    return best;
}

void pal_adaptive_step(pal_fill *f)
{
    pal_fill_measure(f, f->sampler->measure);
    int32_t place = best_scored(f);
    if (place >= 0)
        pal_fill_draw(f, place);
    else
        pal_length_draw(f, false);
}
