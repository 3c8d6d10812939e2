/* remask.c - K time steps in which revealed places may be masked again.
 *
 * ReMDM of Wang et al., "Remasking discrete diffusion models with inference-time scaling" (2025), schedule
 * "cap", alpha = 1 - t on an even grid.  From t to s, with sigma = min(eta, (1 - alpha_s) / alpha_t):
 *   a revealed place is masked with probability sigma;
 *   a masked one is revealed with probability (alpha_s - (1 - sigma) alpha_t) / (1 - alpha_t).
 * The masked share of every place is that of the process without remasking, whatever sigma is; the law of
 * the tokens is reproduced only as K grows with eta = O(1 / K).  Pinned and given tokens are never masked. */
#include "../fill.h"

#define DEFAULT_ETA 0.04 /* the paper's for fewer steps than tokens */

typedef struct {
    double remask, reveal; /* probabilities of this step */
} rates;

static rates rates_at(const pal_fill *f, int32_t steps, int32_t step)
{
    if (step + 1 >= steps) return (rates){.remask = 0.0, .reveal = 1.0}; /* exactly; and for what is opened later */
    double alpha_t = (double)step / steps, alpha_s = (double)(step + 1) / steps;
    double eta = f->options.remask < 0.0 ? DEFAULT_ETA : f->options.remask;
    double cap = alpha_t > 0.0 ? (1.0 - alpha_s) / alpha_t : 1.0;
    double sigma = eta < cap ? eta : cap;
    return (rates){.remask = sigma, .reveal = (alpha_s - (1.0 - sigma) * alpha_t) / (1.0 - alpha_t)};
}

bool pal_sample_remask(pal_fill *f)
{
    int32_t count = 0, remasked = 0;
    const rates r = rates_at(f, pal_fill_steps(f), f->step);
    f->step++;
    for (int32_t slot = 0; slot < f->slots; slot++) {
        bool open = pal_fill_is_open(f, slot);
        if (open && pal_fill_uniform(f, PAL_DRAW_REVEAL, slot) < r.reveal)
            f->chosen[count++] = slot;
        else if (!open && !f->slot[slot].pinned && pal_fill_uniform(f, PAL_DRAW_REMASK, slot) < r.remask)
            f->chosen[f->slots - ++remasked] = slot; /* from the other end: a slot is in one list */
    }
    /* Tokens are drawn given the state at t: evaluate before anything is masked again. */
    if (count) pal_fill_evaluate(f);
    for (int32_t i = 0; i < count; i++) pal_fill_draw(f, f->chosen[i]);
    for (int32_t i = 0; i < remasked && !f->broken; i++) pal_fill_mask(f, f->chosen[f->slots - 1 - i]);
    return count || remasked;
}
