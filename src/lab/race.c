/* race.c - what is lost if the mask and all tokens race with random numbers of few bits (text/race.h), by its formula.
 *
 * With K steps a token of probability p is revealed in a step with chance p / K, and stays masked with 1 - 1 / K.  In the race every class
 * draws u on a grid of 2^-bits, and -log(u) / weight decides: the token wins with 2^-bits / (e^(1 / c) - 1), c = 2^bits (p / K) /
 * (1 - 1 / K), for the mask
 * is so much more probable that tokens hardly meet each other: the formula is right up to a share of 1 / K.  Zipf: p of rank r is proportional to
 * r^-zipf.
 * Figures: 0 ranks [RANKS]; 1 what the token of this rank wins of what it is due; 2 steps [COUNTS], 64 times powers of 2; 3 what all tokens win
 * of what they are due; 4 the entropy of the revealed tokens, in nats; 5 their perplexity; 6 for the chosen number of steps
 * [3]: share won, entropy, share of the tokens that win less than a hundredth of their due; 7 the true entropy [1]. */
#include "lab.h"
#include "kinds.h"

#include "../core/math.h"
#include "../text/noise.h"

enum { VOCABULARY, ZIPF, STEPS, BITS };
enum { RANK, OF_RANK, COUNT, WON, NATS, PERPLEXITY, CHOSEN, TRUE_NATS, RANKS = 97, COUNTS = 9, FEWEST = 64 };

typedef struct {
    pal_lab lab;
    double *p; /* [vocabulary] */
    int32_t made;
} race;

typedef struct {
    double won, nats, lost;
} outcome;

static void layout(pal_lab *job, pal_arena *arena)
{
    race *r = (race *)job;
    for (int i = RANK; i <= OF_RANK; i++) pal_lab_take(job, arena, i, RANKS);
    for (int i = COUNT; i <= PERPLEXITY; i++) pal_lab_take(job, arena, i, COUNTS);
    pal_lab_take(job, arena, CHOSEN, 3);
    pal_lab_take(job, arena, TRUE_NATS, 1);
    r->p = pal_take(arena, (size_t)job->option[VOCABULARY], sizeof *r->p);
}

/* The chance of a token in a step, times the number of steps: p if nothing is lost. */
static double won_by(const race *r, double p, double steps)
{
    const double grid = pal_pow(2.0, -r->lab.option[BITS]);
    const double c = (p / steps) / (1.0 - 1.0 / steps) / grid;
    return 1.0 / c < 700.0 ? steps * grid / pal_expm1(1.0 / c) : 0.0;
}

static outcome outcome_of(const race *r, double steps)
{
    const int32_t vocabulary = (int32_t)r->lab.option[VOCABULARY];
    double won = 0.0, sum = 0.0;
    int32_t lost = 0;
    for (int32_t i = 0; i < vocabulary; i++) {
        const double w = won_by(r, r->p[i], steps);
        won += w;
        sum += w > 0.0 ? w * pal_log(w) : 0.0;
    }
    for (int32_t i = 0; i < vocabulary; i++) lost += won_by(r, r->p[i], steps) / won < 0.01 * r->p[i];
    return (outcome){won, pal_log(won) - sum / won, (double)lost / vocabulary};
}

static void start(pal_lab *job)
{
    race *r = (race *)job;
    const int32_t vocabulary = (int32_t)job->option[VOCABULARY];
    double sum = 0.0, nats = 0.0;
    for (int32_t i = 0; i < vocabulary; i++) sum += r->p[i] = pal_pow(i + 1.0, -job->option[ZIPF]);
    for (int32_t i = 0; i < vocabulary; i++) {
        r->p[i] /= sum;
        nats -= r->p[i] * pal_log(r->p[i]);
    }
    job->figures[TRUE_NATS].values[0] = nats;
    for (int32_t i = 0; i < RANKS; i++) {
        const int32_t rank = (int32_t)(pal_pow(vocabulary, (double)i / (RANKS - 1)) + 0.5);
        const double p = r->p[(rank < vocabulary ? rank : vocabulary) - 1];
        job->figures[RANK].values[i] = rank;
        job->figures[OF_RANK].values[i] = won_by(r, p, job->option[STEPS]) / p;
    }
}

static void step(pal_lab *job)
{
    race *r = (race *)job;
    if (r->made < COUNTS) {
        const double steps = (double)(FEWEST << r->made);
        const outcome o = outcome_of(r, steps);
        job->figures[COUNT].values[r->made] = steps;
        job->figures[WON].values[r->made] = o.won;
        job->figures[NATS].values[r->made] = o.nats;
        job->figures[PERPLEXITY].values[r->made] = pal_exp(o.nats);
    } else {
        const outcome o = outcome_of(r, job->option[STEPS]);
        job->figures[CHOSEN].values[0] = o.won;
        job->figures[CHOSEN].values[1] = o.nats;
        job->figures[CHOSEN].values[2] = o.lost;
    }
    job->done = ++r->made / (double)(COUNTS + 1);
}

static const pal_lab_option options[] = {PAL_LAB_RACE_OPTIONS};
const pal_lab_kind pal_lab_race = {.name = "race",
                                   .options = options,
                                   .option_count = sizeof options / sizeof *options,
                                   .bytes = sizeof(race),
                                   .layout = layout,
                                   .start = start,
                                   .step = step};
