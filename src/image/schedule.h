/* schedule.h - noise schedules: the noise level as a function of time, and the times that samplers use (internal).
 *
 * Notation: a picture x0 at time t is x = sqrt(alpha) x0 + sqrt(beta) eps, where alpha is the cumulative alpha-bar(t),
 * beta = 1 - alpha, and t goes from 0 (clean) to 1 (noise).  A discrete schedule of N steps has its n-th step at t = n
 * / N.  Between two steps log alpha is linear, so continuous-time samplers work with it too. */
#ifndef PAL_IMAGE_SCHEDULE_H
#define PAL_IMAGE_SCHEDULE_H

#include "../core/core.h"

enum { PAL_SCHEDULE_STEPS = 65536 }; /* the maximum */

typedef struct {
    int32_t steps;             /* N of a discrete schedule; 0: continuous time */
    double *log_alpha;         /* [N + 1], of a discrete schedule: log alpha-bar at n / N, 0 at 0 */
    double beta_min, beta_max; /* of the linear VP schedule in continuous time: beta(t) */
    double min_time;           /* the smallest time above 0 that samplers use: 1 / N, or the cut */
} pal_schedule;

/* Noise level at a time: alpha + beta = 1. */
typedef struct {
    double time, log_alpha, alpha, beta;
} pal_level;

/* Measures or places the table of a discrete schedule.  The constructors below fill it. */
pal_status pal_schedule_layout(pal_schedule *s, int32_t steps, pal_arena *arena, pal_error *err);
/* Betas in equal steps from first to last (Ho et al., DDPM, 2020: 1000 steps from 1e-4 to 0.02). */
pal_status pal_schedule_linear(pal_schedule *s, double first, double last, pal_error *err);
/* alpha-bar = cos^2((t + 0.008) / 1.008 pi / 2) divided by its value at 0, betas at most 0.999 (Nichol and Dhariwal
 * 2021). */
void pal_schedule_cosine(pal_schedule *s);
pal_status pal_schedule_given(pal_schedule *s, const double *betas, pal_error *err); /* betas[steps] in (0, 1) */

/* Continuous time, beta(t) = beta_min + t (beta_max - beta_min) (Song et al. 2021, VP: 0.1 and 20; cut 1e-3). */
pal_status pal_schedule_vp(pal_schedule *s, double beta_min, double beta_max, double cut, pal_error *err);

pal_level pal_level_at(const pal_schedule *s, double time);
/* The level with this log alpha, which must be between that of time 1 and 0. */
pal_level pal_level_of(const pal_schedule *s, double log_alpha);
/* The level with sqrt(beta / alpha) = sigma, the noise level in variance-exploding form, x / sqrt(alpha). */
pal_level pal_level_of_sigma(const pal_schedule *s, double sigma);
/* The level with log sqrt(alpha / beta) = half_log_snr. */
pal_level pal_level_of_snr(const pal_schedule *s, double half_log_snr);
double pal_level_sigma(const pal_level *l);
double pal_level_snr(const pal_level *l);                     /* log sqrt(alpha / beta) */
double pal_schedule_rate(const pal_schedule *s, double time); /* beta(t) = -d log alpha / dt */

double pal_one_minus_exp(double x); /* 1 - e^x for x <= 0; relative error at most 4e-15 */

/* ---- which times a sampler visits ---- */

/* level[steps + 1] := the levels of a grid of times from 1 down to s->min_time, then the clean level.  On a discrete
 * schedule times are rounded to steps (ties to even) and kept distinct. given[steps]: decreasing times in (0, 1],
 * multiples of 1 / N on a discrete schedule. */
pal_status pal_grid_check(const pal_schedule *s, pal_image_grid grid, const double *given, int32_t steps,
                          pal_error *err);
void pal_grid_levels(const pal_schedule *s, pal_image_grid grid, const double *given, int32_t steps, pal_level *level);
/* level[steps + 1] := levels with sigma geometric from sigma_max to sigma_min, then the clean level. */
void pal_grid_geometric(const pal_schedule *s, double sigma_max, double sigma_min, int32_t steps, pal_level *level);

#endif
