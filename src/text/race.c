/* race.c - draws by a race of floats. */
#include "race.h"
#include "../core/math.h"
#include "../core/random.h"

/* Four numbers from one block: number `at` of the race. */
static uint32_t word(const uint32_t key[2], uint32_t at)
{
    uint32_t out[4];
    pal_philox(out, (const uint32_t[4]){at / 4, 0, 0, 0}, key);
    return out[at % 4];
}

static float strength(double share, uint32_t random)
{
    const float u = (float)(random >> 8) * 0x1p-24f;
    return (float)share / (1e-10f - (float)pal_log((double)(u + 1e-10f)));
}

int32_t pal_race_run(const pal_race *race, const double *probs, int32_t vocab, double chance, bool closes)
{
    const uint32_t seed[2] = {(uint32_t)race->seed, (uint32_t)(race->seed >> 32)};
    uint32_t key[4];
    int32_t winner = -1;
    pal_philox(key, (const uint32_t[4]){race->position, race->step, race->draft, PAL_DRAW_RACE}, seed);
    float best = closes ? -1.0f : strength(1.0 - chance, word(key, 0));
    for (int32_t id = 0; id < vocab; id++) {
        if (!(probs[id] > 0.0)) continue;
        const float one = strength(chance * probs[id], word(key, (uint32_t)id + 1));
        if (one <= best) continue;
        best = one;
        winner = id;
    }
    return winner;
}
