/* score_entropy.h - the likelihood bound of networks that compute scores, in nats (internal).
 *
 * Lou, Meng and Ermon (2024), theorem 3.6: -log p(x0) is at most the integral over the noise sigma of the expected
 * denoising score entropy, sum over neighbours y of x of Q(x, y) (s(x)_y - r_y log s(x)_y + r_y (log r_y - 1)), r_y =
 * p(y | x0) / p(x | x0), plus the divergence of the last noised texts from what the reverse process starts with.  With the
 * exact score it is -log p(x0).
 *
 * Absorbing graph: with m the share of masks, q(y) = s(y) (e^sigma - 1) and Q = sum of q over all tokens but the mask, the
 * integral is that of dm / m times the sum over masked places of Q - 1 - log q(token), over all m in 0 .. 1.  The network
 * is shown the noise of its trained range only; the factor is that of the true noise (clamped too, the integral would be
 * infinite).  There is no divergence: the reverse process starts with masks only.  Uniform graph: sigma from 0 to
 * sigma(1), with the divergence from uniform tokens.  Tokens that are no states are shown and not scored. */
#ifndef PAL_SCORE_ENTROPY_H
#define PAL_SCORE_ENTROPY_H

#include "score.h"

/* One draw of the bound of tokens[n], of which `given` are given.  level in [0, 1) is the number of masked tokens, as in
 * pal_score_masked, or the square root of the time (a token that noise has replaced at a small time t costs about 1 / t: with
 * even times the draws would have no variance); seed, draw and window address the other random numbers. */
double pal_score_entropy(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double level, uint64_t seed,
                         uint32_t draw, uint32_t window);

/* The number of tokens that are scored. */
int32_t pal_score_entropy_tokens(const pal_classes *c, const int32_t *tokens, int32_t n, int32_t given);

/* The parts of a draw.  Absorbing graph: the tokens at s->order[0 .. k) of `length` are masked, and the share of masks is
 * `share`; the mean over all sets, k in 1 .. length, and share distributed like the k-th smallest of `length` uniform
 * numbers, is the bound. */
double pal_score_absorbed(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t k, int32_t length, double share);

/* Uniform graph: the denoising score entropy, per unit of sigma, of tokens[n] if noise has made s->shown of it; the
 * scored places are s->order[0 .. count). */
double pal_score_replaced(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t count, double sigma);

/* Uniform graph: the divergence for one token. */
double pal_score_divergence(const pal_noise *n);

#endif
