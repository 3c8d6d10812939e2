/* chain.c - noise and its reversal on one token with three states (Lou, Meng and Ermon 2024; ALGORITHMS of the noise:
 * text/noise.h).
 *
 * States 0 to 2 are tokens; with the absorbing graph state 3 is the mask.  N is the number of states.  The state that is
 * looked at is the option `state`, or the mask.  Figures, rates per unit of noise:
 *   0 the noise [GRID]; 1 to 4 the probability [GRID] of each state after it; 5 rates [N, N] of the noise, row: to, column:
 *   from; 6 dp/dnoise [N] at the noise looked at; 7 rates [N, N] of the reverse process there; 8 dp/dnoise [N] by these;
 *   9 ratios p(y) / p(x) [N] for the state x that is looked at; 10 ratios [POINTS] that a network could have computed; 11 to 14 the
 *   score entropy [POINTS] of each y with them; 15 to 18 the denoising score entropy; 19 to 24 reverse paths [GRID],
 *   numbers of states from the most noise to none; 25 the shares [N] of the states in which all paths ended. */
#include "lab.h"
#include "kinds.h"

#include "../core/math.h"
#include "../core/random.h"
#include "../text/noise.h"

enum { A, B, C, GRAPH, MOST, LOOK, STATE, RUNS, SEED };
enum { STATES = 4, GRID = 101, POINTS = 161, PATHS = 6, AT_ONCE = 200 };
enum {
    NOISE,
    FORWARD,
    RATES = 5,
    CHANGE,
    REVERSE,
    UNDONE,
    RATIO,
    GUESS,
    ENTROPY,
    DENOISING = 15,
    PATH = 19,
    ENDS = 25
};

typedef struct {
    pal_lab lab;
    pal_noise noise;
    int32_t n, runs;
    double p[STATES];
    double reach[STATES][STATES]; /* [from, to] the transitions between neighbours of the grid */
} chain;

static void layout(pal_lab *job, pal_arena *arena)
{
    const int32_t n = job->option[GRAPH] > 0.0 ? STATES : STATES - 1;
    pal_lab_take(job, arena, NOISE, GRID);
    for (int32_t i = 0; i < n; i++) pal_lab_take(job, arena, FORWARD + i, GRID);
    for (int32_t i = 0; i < PATHS; i++) pal_lab_take(job, arena, PATH + i, GRID);
    pal_lab_take(job, arena, RATES, n * n);
    pal_lab_take(job, arena, REVERSE, n * n);
    pal_lab_take(job, arena, CHANGE, n);
    pal_lab_take(job, arena, UNDONE, n);
    pal_lab_take(job, arena, RATIO, n);
    pal_lab_take(job, arena, ENDS, n);
    pal_lab_take(job, arena, GUESS, POINTS);
    for (int32_t i = 0; i < n; i++) {
        pal_lab_take(job, arena, ENTROPY + i, POINTS);
        pal_lab_take(job, arena, DENOISING + i, POINTS);
    }
}

/* The probability of a state after noise sigma. */
static double after(const chain *c, double sigma, int32_t state)
{
    double sum = 0.0;
    for (int32_t from = 0; from < c->n; from++)
        if (c->p[from] > 0.0) sum += c->p[from] * pal_noise_transition(&c->noise, sigma, from, state);
    return sum;
}

static double sigma_at(const chain *c, int32_t i)
{
    return c->lab.option[MOST] * i / (GRID - 1);
}

static void forward(chain *c)
{
    for (int32_t i = 0; i < GRID; i++) {
        c->lab.figures[NOISE].values[i] = sigma_at(c, i);
        for (int32_t s = 0; s < c->n; s++) c->lab.figures[FORWARD + s].values[i] = after(c, sigma_at(c, i), s);
    }
}

/* rates[to, from] and its product with p[n], where the rate of staying is minus the others. */
typedef double rate_fn(const chain *c, int32_t from, int32_t to);
static void matrix(const chain *c, rate_fn *rate, const double *p, double *rates, double *product)
{
    for (int32_t from = 0; from < c->n; from++) {
        double sum = 0.0;
        for (int32_t to = 0; to < c->n; to++) {
            rates[to * c->n + from] = to == from ? 0.0 : rate(c, from, to);
            sum += rates[to * c->n + from];
        }
        rates[from * c->n + from] = -sum;
    }
    for (int32_t to = 0; to < c->n; to++) {
        product[to] = 0.0;
        for (int32_t from = 0; from < c->n; from++) product[to] += rates[to * c->n + from] * p[from];
    }
}

static double forward_rate(const chain *c, int32_t from, int32_t to)
{
    return pal_noise_forward(&c->noise, from, to);
}

static double reverse_rate(const chain *c, int32_t from, int32_t to)
{
    const double look = c->lab.option[LOOK], here = after(c, look, from);
    return here > 0.0 ? pal_noise_reverse(&c->noise, from, to, after(c, look, to) / here) : 0.0;
}

/* s - r log s + r (log r - 1), which is 0 for s = r. */
static double entropy_of(double s, double r)
{
    return s + (r > 0.0 ? r * (pal_log(r) - 1.0) - r * pal_log(s) : 0.0);
}

/* The mean of the same with the ratios given the token before the noise, weighted by how probable each token is. */
static double denoising_of(const chain *c, int32_t x, int32_t y, double s)
{
    const double look = c->lab.option[LOOK];
    double sum = 0.0;
    for (int32_t token = 0; token < c->n; token++) {
        const double here = pal_noise_transition(&c->noise, look, token, x);
        if (!(c->p[token] * here > 0.0)) continue;
        sum += c->p[token] * here * entropy_of(s, pal_noise_transition(&c->noise, look, token, y) / here);
    }
    return sum / after(c, look, x);
}

static void losses(chain *c)
{
    const double look = c->lab.option[LOOK];
    const int32_t x = c->noise.graph == PAL_GRAPH_ABSORB ? c->noise.mask : (int32_t)c->lab.option[STATE];
    for (int32_t y = 0; y < c->n; y++) c->lab.figures[RATIO].values[y] = after(c, look, y) / after(c, look, x);
    for (int32_t i = 0; i < POINTS; i++) {
        const double s = pal_exp((i / (double)(POINTS - 1) - 0.5) * 9.210340371976184); /* 0.01 to 100 */
        c->lab.figures[GUESS].values[i] = s;
        for (int32_t y = 0; y < c->n; y++) {
            c->lab.figures[ENTROPY + y].values[i] = entropy_of(s, c->lab.figures[RATIO].values[y]);
            c->lab.figures[DENOISING + y].values[i] = denoising_of(c, x, y, s);
        }
    }
}

static void start(pal_lab *job)
{
    chain *c = (chain *)job;
    const double sum = job->option[A] + job->option[B] + job->option[C];
    const bool absorb = job->option[GRAPH] > 0.0;
    double p[STATES];
    c->n = absorb ? STATES : STATES - 1;
    c->noise = (pal_noise){.graph = absorb ? PAL_GRAPH_ABSORB : PAL_GRAPH_UNIFORM, .states = STATES - 1, .mask = 3};
    for (int32_t i = 0; i < STATES - 1; i++) c->p[i] = job->option[i] / sum;
    forward(c);
    for (int32_t i = 0; i < c->n * c->n; i++)
        c->reach[i / c->n][i % c->n] = pal_noise_transition(&c->noise, sigma_at(c, 1), i / c->n, i % c->n);
    for (int32_t i = 0; i < c->n; i++) p[i] = after(c, job->option[LOOK], i);
    matrix(c, forward_rate, p, job->figures[RATES].values, job->figures[CHANGE].values);
    matrix(c, reverse_rate, p, job->figures[REVERSE].values, job->figures[UNDONE].values);
    losses(c);
}

static double uniform(const chain *c, int32_t run, int32_t step)
{
    return pal_uniform(pal_lab_whole(&c->lab, SEED), PAL_DRAW_LAB, (uint32_t)run, (uint32_t)step, 0);
}

/* The state before the noise from sigma_at(i) to sigma_at(i + 1), by Bayes' rule: the reverse process without an error of
 * its step.  `state` < 0: drawn from the most noise. */
static int32_t back(const chain *c, int32_t i, int32_t state, double u)
{
    const double whole = state < 0 ? 1.0 : c->lab.figures[FORWARD + state].values[i + 1];
    int32_t last = 0;
    for (int32_t s = 0; s < c->n; s++) {
        const double p = c->lab.figures[FORWARD + s].values[i] * (state < 0 ? 1.0 : c->reach[s][state]) / whole;
        if (!(p > 0.0)) continue;
        if (u < p) return s;
        u -= p;
        last = s;
    }
    return last;
}

static void run(chain *c)
{
    int32_t state = back(c, GRID - 1, -1, uniform(c, c->runs, GRID));
    for (int32_t i = GRID - 1; i >= 0; i--) {
        if (i < GRID - 1) state = back(c, i, state, uniform(c, c->runs, i));
        if (c->runs < PATHS) c->lab.figures[PATH + c->runs].values[i] = state;
    }
    c->lab.figures[ENDS].values[state] += 1.0;
}

static void step(pal_lab *job)
{
    chain *c = (chain *)job;
    const int32_t runs = (int32_t)job->option[RUNS];
    for (int32_t i = 0; i < AT_ONCE && c->runs < runs; i++, c->runs++) run(c);
    job->done = (double)c->runs / runs;
    for (int32_t s = 0; s < c->n && c->runs == runs; s++) job->figures[ENDS].values[s] /= runs;
}

static const pal_lab_option options[] = {PAL_LAB_CHAIN_OPTIONS};
const pal_lab_kind pal_lab_chain = {.name = "chain",
                                    .options = options,
                                    .option_count = sizeof options / sizeof *options,
                                    .bytes = sizeof(chain),
                                    .layout = layout,
                                    .start = start,
                                    .step = step};
