/* euler_corrector.c - Euler steps with corrections between them.
 *
 * Campbell et al., "A continuous time framework for discrete denoising models" (2022): the sum of the forward and the
 * reverse rates leaves the distribution at a noise level as it is, so steps of it repair what independent changes have
 * broken.  After every step to a lower noise level come `corrections` steps of that sum there, each as long as the next
 * Euler step would be. */
#include "reverse.h"

pal_step_fn pal_euler_corrector_step;

static double reveal(const pal_reverse *r, double sum)
{
    return r->rate_step * sum;
}

static void weigh(const pal_reverse *r, const pal_classes *c, int32_t own, double *weight)
{
    const double corrects = r->kind == PAL_REVERSE_CORRECT;
    double moved = 0.0;
    for (int32_t id = 0; id < c->vocab; id++) {
        if (id == own || !pal_classes_is_state(c, id)) {
            weight[id] = 0.0;
            continue;
        }
        weight[id] = r->rate_step * (pal_noise_reverse(c->noise, own, id, weight[id]) +
                                     corrects * pal_noise_forward(c->noise, own, id));
        moved += weight[id];
    }
    weight[own] = moved < 1.0 ? 1.0 - moved : 0.0;
}

void pal_euler_corrector_step(pal_fill *f)
{
    const pal_reverse r = pal_reverse_now(f);
    const double remask = r.rate_step < 1.0 ? r.rate_step : 1.0;
    pal_reverse_make(f, &r, reveal, weigh, r.kind == PAL_REVERSE_CORRECT ? remask : 0.0);
}
