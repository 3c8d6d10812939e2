/* noise.h - the noise of score entropy discrete diffusion: how tokens are replaced, how fast, and back (internal).
 *
 * Lou, Meng and Ermon, "Discrete diffusion modeling by estimating the ratios of the data distribution" (2024).  Every
 * token is a Markov chain in continuous time, independent of the others.  The graph says what a token can become: the mask
 * (absorb), from which it never returns, or any of N states (uniform).  sigma(t) is the total noise until time t in 0 .. 1,
 * and a chain that has run for sigma has kept its token, untouched, with probability exp(-sigma).  Everything is in
 * doubles; small sigma keeps its relative precision. */
#ifndef PAL_NOISE_H
#define PAL_NOISE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum { PAL_GRAPH_ABSORB, PAL_GRAPH_UNIFORM } pal_graph;

typedef enum {
    PAL_NOISE_LOG_LINEAR, /* sigma(t) = -log(1 - (1 - epsilon) t): the share of replaced tokens is (1 - epsilon) t */
    PAL_NOISE_GEOMETRIC   /* sigma(t) = sigma_min^(1 - t) sigma_max^t */
} pal_noise_schedule;

typedef struct {
    pal_graph graph;
    pal_noise_schedule schedule;
    double epsilon;              /* of log-linear; 0 < epsilon < 1 */
    double sigma_min, sigma_max; /* of geometric; 0 < sigma_min < sigma_max */
    bool scaled;                 /* log score = logits - log(e^sigma - 1) - log(V - 1), V the network's vocabulary;
                                    otherwise the logits are the log scores */
    int32_t states;              /* N of the uniform graph, at least 2 */
    int32_t mask;                /* of the absorbing graph: the state that absorbs */
} pal_noise;

/* The smallest time that networks are trained at, as published; sigma below sigma(PAL_NOISE_FIRST) is outside of the
 * trained range. */
#define PAL_NOISE_FIRST 1e-3

double pal_expm1(double x); /* e^x - 1 */
double pal_log1p(double x); /* log(1 + x), x > -1 */

double pal_noise_sigma(const pal_noise *n, double t);
double pal_noise_rate(const pal_noise *n, double t); /* the derivative of sigma */

/* The share of tokens that noise has replaced, 1 - exp(-sigma), which is pal_query.time; and back. */
double pal_noise_share(double sigma);
double pal_noise_of_share(double share);

/* sigma as the network is told it: within the trained range. */
double pal_noise_told(const pal_noise *n, double sigma);

/* What the logits are more than log scores, at this noise; `vocab` is the size of the network's vocabulary. */
double pal_noise_log_divisor(const pal_noise *n, double sigma, int32_t vocab);

/* P(state `to` after noise sigma | state `from` before it). */
double pal_noise_transition(const pal_noise *n, double sigma, int32_t from, int32_t to);

/* The rate from a state to another one, per unit of sigma.  The rate of staying is minus the sum of the others. */
double pal_noise_forward(const pal_noise *n, int32_t from, int32_t to);

/* The rate of the reverse process from a state to another one, per unit of sigma: `score` is p(to) / p(from). */
double pal_noise_reverse(const pal_noise *n, int32_t from, int32_t to, double score);

#endif
