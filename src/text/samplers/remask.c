/* remask.c - K time steps in which revealed places may be masked again.
 *
 * ReMDM of Wang et al., "Remasking discrete diffusion models with inference-time scaling" (2025), schedule "cap", on
 * the uniform grid alpha = 1 - t. From t to s, with sigma = min(eta, (1 - alpha_s) / alpha_t):
 *    a revealed place is masked with probability sigma;
 *    a masked place is revealed with probability (alpha_s - (1 - sigma) alpha_t) / (1 - alpha_t).
 * The share of masked places at each time equals that of the process without remasking, for every sigma; the
 * distribution of the tokens is reproduced only as K grows with eta = O(1 / K). Pinned and given tokens are never
 * masked. */
#include "samplers.h"

#define DEFAULT_ETA 0.04 /* the paper's value for fewer steps than tokens */

pal_ask_fn pal_remask_ask;
pal_step_fn pal_remask_step;

typedef struct {
    double remask, reveal; /* probabilities of this step */
} rates;

static rates rates_at(const pal_fill *f, int32_t steps, int32_t step)
{
    if (step + 1 >= steps) return (rates){.remask = 0.0, .reveal = 1.0}; /* exact; also for places opened later */
    double alpha_t = (double)step / steps, alpha_s = (double)(step + 1) / steps;
    double eta = f->options.remask < 0.0 ? DEFAULT_ETA : f->options.remask;
    double cap = alpha_t > 0.0 ? (1.0 - alpha_s) / alpha_t : 1.0;
    double sigma = eta < cap ? eta : cap;
    return (rates){.remask = sigma, .reveal = (alpha_s - (1.0 - sigma) * alpha_t) / (1.0 - alpha_t)};
}

/* f->chosen holds a place to be revealed as its index, and a place to be masked as ~index. */
bool pal_remask_ask(pal_fill *f)
{
    const rates r = rates_at(f, pal_fill_steps(f), pal_fill_time_step(f) - 1);
    bool reveals = false;
    f->chosen_count = 0;
    for (int32_t place = 0; place < f->places; place++) {
        const bool open = pal_fill_is_open(f, place);
        if (open && pal_fill_uniform(f, PAL_DRAW_REVEAL, place) < r.reveal) {
            f->chosen[f->chosen_count++] = place;
            reveals = true;
        } else if (!open && !f->place[place].pinned && pal_fill_uniform(f, PAL_DRAW_REMASK, place) < r.remask)
            f->chosen[f->chosen_count++] = ~place;
    }
    if (reveals) pal_fill_ask_open(f);
    return f->chosen_count > 0;
}

/* Tokens are drawn given the state at t, so before any place is masked again. */
void pal_remask_step(pal_fill *f)
{
    for (int32_t i = 0; i < f->chosen_count; i++)
        if (f->chosen[i] >= 0) pal_fill_draw(f, f->chosen[i]);
    for (int32_t i = 0; i < f->chosen_count && !f->broken; i++)
        if (f->chosen[i] < 0) pal_fill_mask(f, ~f->chosen[i]);
}
