/* rk45.h - the probability-flow equation and an adaptive solver for it, with one clock per picture (internal).
 *
 * With half the log signal-to-noise ratio l = log sqrt(alpha / beta) as its variable, the equation of Song et al.
 * (2021, eq. 13) is the same for every schedule,
 *   dx / dl = beta x - sqrt(beta) eps(x, t(l)),
 * and it is smooth and bounded from end to end.  Only the network's time depends on the schedule.  The solver is
 * Dormand and Prince's pair of orders 5 and 4 (1980); the error of the lower order controls the step.  Every picture
 * has its own step, so it does not depend on the others.  The stages of all pictures run in lockstep, with one
 * evaluation for all of them. */
#ifndef PAL_RK45_H
#define PAL_RK45_H

#include "denoise.h"

enum { PAL_RK45_STAGES = 7 };

struct pal_flow_clock {
    double at, end; /* l now and at the end */
    double step;    /* signed; that of the current attempt */
    int32_t stage;  /* stage whose derivative is evaluated next; 0 only at the beginning */
    bool rejected;  /* the last attempt was rejected: the next step must not grow */
    bool arrived;   /* at the end */
    bool done;      /* no evaluation is left */
};

/* Starts a clock from noise (t = 1) to the schedule's smallest time, or with `up` in the other direction. */
void pal_flow_start(pal_flow_clock *c, const pal_schedule *s, bool up);
/* Returns the level of the stage that is evaluated next. */
pal_level pal_flow_level(const pal_flow_clock *c, const pal_schedule *s);
/* state[size] := x + step (weighted sum of the derivatives of earlier stages); k[7, size] holds the derivatives. */
void pal_flow_state(const pal_flow_clock *c, const float *x, const float *k, int32_t size, float *state);
/* k[size] := dx / dl. */
void pal_flow_rate(const pal_level *level, const float *x, const float *eps, int32_t size, float *k);

/* For a scalar that is integrated together with x, from its derivatives at all stages: its change over the step, and
 * the difference between the two orders. */
double pal_flow_change(const pal_flow_clock *c, const double *rate);
double pal_flow_slip(const pal_flow_clock *c, const double *rate);

/* Call after the last stage, with its state in `state`. Accepts the step (x := state, k[0] := k[6], the clock advances)
 * or rejects it, and chooses the next step. other: an additional error, in units of the tolerance. */
bool pal_flow_judge(pal_flow_clock *c, float *x, const float *state, float *k, int32_t size, double tolerance,
                    double other);

#endif
