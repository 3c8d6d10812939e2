/* euler.c - Euler steps of the reverse process (tau-leaping).
 *
 * Lou, Meng and Ermon (2024), eq. 19: in a short step a place changes from x to y with probability rate_step times the
 * reverse rate, score(y) Q(y to x).  Where these sum to more than 1 they are divided by their sum. */
#include "reverse.h"

pal_step_fn pal_euler_step;

static double reveal(const pal_reverse *r, double sum)
{
    return r->rate_step * sum;
}

static void weigh(const pal_reverse *r, const pal_classes *c, int32_t own, double *weight)
{
    double moved = 0.0;
    for (int32_t id = 0; id < c->vocab; id++) {
        weight[id] = id == own ? 0.0 : r->rate_step * pal_noise_reverse(c->noise, own, id, weight[id]);
        moved += weight[id];
    }
    weight[own] = moved < 1.0 ? 1.0 - moved : 0.0;
}

void pal_euler_step(pal_fill *f)
{
    const pal_reverse r = pal_reverse_now(f);
    pal_reverse_make(f, &r, reveal, weigh, 0.0);
}
