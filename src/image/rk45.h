/* rk45.h - the probability-flow equation and an adaptive solver of it, one clock a picture (internal).
 *
 * With half the log signal-to-noise ratio l = log sqrt(alpha / beta) as its variable, the equation of Song et al.
 * (2021, eq. 13) is the same for every schedule,
 *   dx / dl = beta x - sqrt(beta) eps(x, t(l)),
 * and smooth and bounded from end to end; only the network's time depends on the schedule.  The solver is Dormand and
 * Prince's pair of orders 5 and 4 (1980), the step controlled by the error of the lower one.  Every picture has its own
 * step, so that it does not depend on the others; their stages run in lockstep, an evaluation for all of them. */
#ifndef PAL_RK45_H
#define PAL_RK45_H

#include "denoise.h"

enum { PAL_RK45_STAGES = 7 };

struct pal_flow_clock {
    double at, end; /* l now and at the end */
    double step;    /* signed; the present attempt's */
    int32_t stage;  /* whose derivative is evaluated next; 0 only at the beginning */
    bool rejected;  /* the attempt before: no growth right after */
    bool arrived;   /* at the end */
    bool done;      /* nothing left to evaluate */
};

/* From noise (t = 1) to the schedule's least time, or with `up` the other way. */
void pal_flow_start(pal_flow_clock *c, const pal_schedule *s, bool up);
/* Level of the stage to be evaluated. */
pal_level pal_flow_level(const pal_flow_clock *c, const pal_schedule *s);
/* state[size] := x + step (sum over stages before), k[7, size] their derivatives. */
void pal_flow_state(const pal_flow_clock *c, const float *x, const float *k, int32_t size, float *state);
/* k[size] := dx / dl. */
void pal_flow_rate(const pal_level *level, const float *x, const float *eps, int32_t size, float *k);

/* Another number that is integrated along, by its derivatives of all stages: the change over the step, and the
 * difference of the two orders. */
double pal_flow_change(const pal_flow_clock *c, const double *rate);
double pal_flow_slip(const pal_flow_clock *c, const double *rate);

/* After the last stage, whose state was `state`: accepts (x := state, k[0] := k[6], the clock goes on) or not, and
 * chooses the next step.  other: an error measured beside that of x, in units of the tolerance. */
bool pal_flow_judge(pal_flow_clock *c, float *x, const float *state, float *k, int32_t size, double tolerance,
                    double other);

#endif
