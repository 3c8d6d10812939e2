/* adaptive.c - one token an evaluation, where the revealed context makes the model surest.
 *
 * Kim et al., "Train for the worst, plan for the best" (2025).  The place depends on revealed tokens only,
 * never on the token about to be drawn, so that with true conditionals the joint law is reproduced
 * exactly; choosing by the probability of the drawn token (MaskGIT, LLaDA) does not. */
#include "../fill.h"
#include "../../core/math.h"

double pal_measure_margin(const double *law, int32_t vocab)
{
    double first = 0.0, second = 0.0;
    for (int32_t id = 0; id < vocab; id++) {
        if (law[id] > first) {
            second = first;
            first = law[id];
        } else if (law[id] > second)
            second = law[id];
    }
    return first - second;
}

double pal_measure_entropy(const double *law, int32_t vocab)
{
    double negative = 0.0;
    for (int32_t id = 0; id < vocab; id++)
        if (law[id] > 0.0) negative += law[id] * pal_log(law[id]);
    return negative;
}

double pal_measure_confidence(const double *law, int32_t vocab)
{
    double most = 0.0;
    for (int32_t id = 0; id < vocab; id++)
        if (law[id] > most) most = law[id];
    return most;
}

bool pal_sample_adaptive(pal_fill *f)
{
    f->step++;
    pal_fill_evaluate(f);
    pal_fill_measure(f, f->options.sampler == PAL_MARGIN    ? pal_measure_margin
                        : f->options.sampler == PAL_ENTROPY ? pal_measure_entropy
                                                            : pal_measure_confidence);
    int32_t best = -1;
    for (int32_t slot = 0; slot < f->slots; slot++) /* ties stay with the lowest position */
        if (pal_fill_is_open(f, slot) && (best < 0 || f->sureness[slot] > f->sureness[best])) best = slot;
    pal_fill_draw(f, best);
    return true;
}
