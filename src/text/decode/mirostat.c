/* mirostat.c - a truncation that controls the surprise of a text. */
#include "mirostat.h"
#include "../../core/math.h"

#define LN2 0.69314718055994530942

pal_mirostat pal_mirostat_start(double tau)
{
    return (pal_mirostat){2.0 * tau};
}

void pal_mirostat_truncate(const pal_mirostat *m, double *probs, int32_t n)
{
    double min = pal_exp(-m->mu * LN2); /* 2^-mu: one exponential instead of one logarithm per token */
    int32_t best = pal_probs_likeliest(probs, n);
    for (int32_t id = 0; id < n; id++)
        if (id != best && probs[id] < min) probs[id] = 0.0;
}

void pal_mirostat_learn(pal_mirostat *m, double tau, double eta, double probability)
{
    double surprise = -pal_log(probability) / LN2;
    m->mu -= eta * (surprise - tau);
}
