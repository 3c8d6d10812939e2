/* alarm.c - a Bayesian network of five yes-or-no questions: drawn in order, and its posteriors by enumeration and by rejection.
 *
 * Burglary and earthquake cause the alarm, and the alarm calls of John and Mary (Pearl 1988).  The chain rule makes p(b, e, a, j, m)
 * = p(b) p(e) p(a | b, e) p(j | a) p(m | a): a sample answers the questions in this order.  A posterior adds up the states that
 * agree with what is known; rejection draws samples and keeps those that agree.  A state is a number with bit 0 burglary, 1
 * earthquake, 2 alarm, 3 John, 4 Mary.
 * Figures: 0 probabilities [32] of the states; 1 the shares [32] that were drawn; 2 the probability [5] of yes to each question, 3
 * the shares; for the calls none, John only, Mary only, both: 4 p(burglary | calls) [4], 5 the same by rejection (-1: no sample
 * agreed), 6 samples that agreed [4], 7 p(earthquake | calls), 8 p(alarm | calls). */
#include "lab.h"
#include "kinds.h"

#include "../core/random.h"

enum {
    BURGLARY,
    EARTHQUAKE,
    BOTH,
    ONLY_BURGLARY,
    ONLY_EARTHQUAKE,
    NEITHER,
    JOHN_ALARM,
    JOHN_QUIET,
    MARY_ALARM,
    MARY_QUIET,
    RUNS,
    SEED
};
enum { QUESTIONS = 5, STATES = 32, CALLS = 4, AT_ONCE = 20000 };
enum { EXACT, DRAWN, YES, YES_DRAWN, POSTERIOR, REJECTION, AGREED, OF_EARTHQUAKE, OF_ALARM };

typedef struct {
    pal_lab lab;
    int32_t runs;
    double drawn[STATES];
} alarm;

static void layout(pal_lab *job, pal_arena *arena)
{
    for (int i = EXACT; i <= DRAWN; i++) pal_lab_take(job, arena, i, STATES);
    for (int i = YES; i <= YES_DRAWN; i++) pal_lab_take(job, arena, i, QUESTIONS);
    for (int i = POSTERIOR; i <= OF_ALARM; i++) pal_lab_take(job, arena, i, CALLS);
}

static bool is_yes(int32_t state, int question)
{
    return state >> question & 1;
}

/* p(yes to a question | the answers to the questions before it, in `state`). */
static double yes_of(const double *o, int32_t state, int question)
{
    static const int of_alarm[4] = {NEITHER, ONLY_BURGLARY, ONLY_EARTHQUAKE, BOTH};
    switch (question) {
    case 0: return o[BURGLARY];
    case 1: return o[EARTHQUAKE];
    case 2: return o[of_alarm[state & 3]];
    case 3: return o[is_yes(state, 2) ? JOHN_ALARM : JOHN_QUIET];
    default: return o[is_yes(state, 2) ? MARY_ALARM : MARY_QUIET];
    }
}

/* p[5] := the share of yes to each question. */
static void add_up(const double *share, double *p)
{
    for (int q = 0; q < QUESTIONS; q++) {
        p[q] = 0.0;
        for (int32_t s = 0; s < STATES; s++) p[q] += is_yes(s, q) ? share[s] : 0.0;
    }
}

/* Of the states with these calls, the share with yes to a question; -1: there are none. */
static double posterior(const double *share, int32_t calls, int question)
{
    double all = 0.0, yes = 0.0;
    for (int32_t rest = 0; rest < STATES / CALLS; rest++) {
        const int32_t state = calls << 3 | rest;
        all += share[state];
        yes += is_yes(state, question) ? share[state] : 0.0;
    }
    return all > 0.0 ? yes / all : -1.0;
}

static void start(pal_lab *job)
{
    double *p = job->figures[EXACT].values;
    for (int32_t s = 0; s < STATES; s++) {
        p[s] = 1.0;
        for (int q = 0; q < QUESTIONS; q++) {
            const double yes = yes_of(job->option, s, q);
            p[s] *= is_yes(s, q) ? yes : 1.0 - yes;
        }
    }
    add_up(p, job->figures[YES].values);
    for (int32_t calls = 0; calls < CALLS; calls++) {
        job->figures[POSTERIOR].values[calls] = posterior(p, calls, 0);
        job->figures[OF_EARTHQUAKE].values[calls] = posterior(p, calls, 1);
        job->figures[OF_ALARM].values[calls] = posterior(p, calls, 2);
    }
}

static int32_t draw(const alarm *j)
{
    int32_t state = 0;
    for (int q = 0; q < QUESTIONS; q++) {
        const double u = pal_uniform(pal_lab_whole(&j->lab, SEED), PAL_DRAW_LAB, 0, (uint32_t)j->runs, (uint32_t)q);
        if (u < yes_of(j->lab.option, state, q)) state |= 1 << q;
    }
    return state;
}

static void step(pal_lab *job)
{
    alarm *j = (alarm *)job;
    const int32_t runs = (int32_t)job->option[RUNS];
    for (int32_t i = 0; i < AT_ONCE && j->runs < runs; i++, j->runs++) j->drawn[draw(j)] += 1.0;
    for (int32_t s = 0; s < STATES; s++) job->figures[DRAWN].values[s] = j->drawn[s] / j->runs;
    add_up(job->figures[DRAWN].values, job->figures[YES_DRAWN].values);
    for (int32_t calls = 0; calls < CALLS; calls++) {
        job->figures[REJECTION].values[calls] = posterior(j->drawn, calls, 0);
        job->figures[AGREED].values[calls] = 0.0;
        for (int32_t rest = 0; rest < STATES / CALLS; rest++)
            job->figures[AGREED].values[calls] += j->drawn[calls << 3 | rest];
    }
    job->done = (double)j->runs / runs;
}

static const pal_lab_option options[] = {PAL_LAB_ALARM_OPTIONS};
const pal_lab_kind pal_lab_alarm = {.name = "alarm",
                                    .options = options,
                                    .option_count = sizeof options / sizeof *options,
                                    .bytes = sizeof(alarm),
                                    .layout = layout,
                                    .start = start,
                                    .step = step};
