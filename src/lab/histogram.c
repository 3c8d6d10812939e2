/* histogram.c - a histogram and mixtures of one to four discretised logistic distributions, learnt from the same samples.
 *
 * A sample is a whole number 0 .. bins - 1, drawn from a known distribution by inverse CDF: the first k with u < F(k).  A component
 * with mean m and scale s gives bin k the probability S((k + 1 - m) / s) - S((k - m) / s), S the logistic function, where the first bin
 * begins at minus infinity and the last one ends at infinity, so that they sum to 1 (Salimans et al., PixelCNN++, 2017).  Weights,
 * means and scales are learnt by Adam on the mean log-likelihood.  The histogram counts every bin once more, so that no
 * bin has probability 0.
 * Figures: 0 values [bins]; 1 the true probabilities; 2 the shares of the samples; 3 the histogram's probabilities; 4 to 7 those of
 * the mixtures; 8 nats per held-out sample [6] of the truth, the histogram, the mixtures; 9 the same for the samples that
 * they learnt from; 10 the entropy [1] of the truth; 11 the sums [4] of the mixtures' probabilities. */
#include "lab.h"
#include "kinds.h"

#include "../core/math.h"
#include "../core/random.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt */

enum { SAMPLES, HELD_OUT, BINS, TRAINING, SEED };
enum {
    VALUE,
    TRUE_P,
    SHARES,
    HISTOGRAM,
    MIXTURE,
    HELD = 8,
    LEARNT,
    ENTROPY,
    SUMS,
    MIXTURES = 4,
    PART = 3,
    AT_ONCE = 25
};

/* Of a mixture: a logit, a mean (in bins) and a log scale for each component, with Adam's moments. */
typedef struct {
    double value[PART * MIXTURES], gradient[PART * MIXTURES], first[PART * MIXTURES], second[PART * MIXTURES];
} mixture;

typedef struct {
    pal_lab lab;
    int32_t bins, trained;
    double decay_first, decay_second;
    double *held_out; /* [bins] counts */
    mixture m[MIXTURES];
} histogram;

static void layout(pal_lab *job, pal_arena *arena)
{
    histogram *h = (histogram *)job;
    const int32_t bins = (int32_t)job->option[BINS];
    for (int i = VALUE; i < HELD; i++) pal_lab_take(job, arena, i, bins);
    pal_lab_take(job, arena, HELD, 2 + MIXTURES);
    pal_lab_take(job, arena, LEARNT, 2 + MIXTURES);
    pal_lab_take(job, arena, ENTROPY, 1);
    pal_lab_take(job, arena, SUMS, MIXTURES);
    h->held_out = pal_take(arena, (size_t)bins, sizeof *h->held_out);
}

/* Three bells and a floor, which no logistic mixture is. */
static void make_truth(histogram *h)
{
    static const double bell[3][3] = {
        {0.45, 0.25, 0.05}, {0.25, 0.45, 0.1}, {0.25, 0.8, 0.03}}; /* weight, mean, spread */
    double *p = h->lab.figures[TRUE_P].values, sum = 0.0, entropy = 0.0;
    for (int32_t i = 0; i < h->bins; i++) {
        p[i] = 0.05;
        for (int k = 0; k < 3; k++) {
            const double off = ((i + 0.5) / h->bins - bell[k][1]) / bell[k][2];
            p[i] += bell[k][0] / (2.5066282746310002 * bell[k][2]) * pal_exp(-0.5 * off * off);
        }
        sum += p[i];
    }
    for (int32_t i = 0; i < h->bins; i++) {
        p[i] /= sum;
        entropy -= p[i] * pal_log(p[i]);
        h->lab.figures[VALUE].values[i] = i;
    }
    h->lab.figures[ENTROPY].values[0] = entropy;
}

static int32_t draw(const histogram *h, uint32_t purpose, uint32_t number)
{
    double u = pal_uniform(pal_lab_whole(&h->lab, SEED), PAL_DRAW_LAB, purpose, number, 0);
    for (int32_t i = 0; i < h->bins - 1; i++) {
        if (u < h->lab.figures[TRUE_P].values[i]) return i;
        u -= h->lab.figures[TRUE_P].values[i];
    }
    return h->bins - 1;
}

/* The bin below which this share of the samples is. */
static double quantile(const histogram *h, double share)
{
    double sum = 0.0;
    for (int32_t i = 0; i < h->bins; i++) {
        sum += h->lab.figures[SHARES].values[i];
        if (sum >= share) return i + 0.5;
    }
    return h->bins;
}

static void start(pal_lab *job)
{
    histogram *h = (histogram *)job;
    const double samples = job->option[SAMPLES];
    h->bins = (int32_t)job->option[BINS];
    h->decay_first = h->decay_second = 1.0;
    for (int32_t i = 0; i < h->bins; i++) h->held_out[i] = 0.0;
    make_truth(h);
    for (uint32_t i = 0; i < (uint32_t)samples; i++) job->figures[SHARES].values[draw(h, 0, i)] += 1.0 / samples;
    for (uint32_t i = 0; i < (uint32_t)job->option[HELD_OUT]; i++)
        h->held_out[draw(h, 1, i)] += 1.0 / job->option[HELD_OUT];
    for (int32_t i = 0; i < h->bins; i++)
        job->figures[HISTOGRAM].values[i] = (job->figures[SHARES].values[i] * samples + 1.0) / (samples + h->bins);
    for (int k = 0; k < MIXTURES; k++)
        for (int c = 0; c <= k; c++) {
            h->m[k].value[PART * c + 1] = quantile(h, (c + 0.5) / (k + 1));
            h->m[k].value[PART * c + 2] = pal_log(h->bins / (8.0 * (k + 1)));
        }
}

static double logistic(double x)
{
    return x > 0.0 ? 1.0 / (1.0 + pal_exp(-x)) : pal_exp(x) / (1.0 + pal_exp(x));
}

/* The probability of bin i under a component, and its derivatives by mean and log scale. */
static double part_of(const histogram *h, const double *component, int32_t i, double *by_mean, double *by_scale)
{
    const double scale = pal_exp(component[2]);
    double at[2] = {0.0, 1.0}, slope[2] = {0.0, 0.0}, pull[2] = {0.0, 0.0};
    for (int side = 0; side < 2; side++) {
        if (i + side == 0 || i + side == h->bins) continue;
        const double u = (i + side - component[1]) / scale;
        at[side] = logistic(u);
        slope[side] = at[side] * (1.0 - at[side]);
        pull[side] = u * slope[side];
    }
    *by_mean = (slope[0] - slope[1]) / scale;
    *by_scale = pull[0] - pull[1];
    return at[1] - at[0];
}

/* p := the probability of bin i; the gradient of its share of the log-likelihood is added. */
static double add_bin(const histogram *h, mixture *m, int components, const double *weight, int32_t i, double share)
{
    double p = 0.0, part[MIXTURES], by_mean[MIXTURES], by_scale[MIXTURES];
    for (int c = 0; c < components; c++) {
        part[c] = part_of(h, &m->value[(ptrdiff_t)PART * c], i, &by_mean[c], &by_scale[c]);
        p += weight[c] * part[c];
    }
    const double by_p = share / (p > 1e-300 ? p : 1e-300);
    for (int c = 0; c < components; c++) {
        m->gradient[(ptrdiff_t)PART * c] += by_p * weight[c] * (part[c] - p);
        m->gradient[PART * c + 1] += by_p * weight[c] * by_mean[c];
        m->gradient[PART * c + 2] += by_p * weight[c] * by_scale[c];
    }
    return p;
}

/* The mixture's probabilities, and one step upwards. */
static void learn(histogram *h, int k, double rate)
{
    mixture *m = &h->m[k];
    double weight[MIXTURES], sum = 0.0;
    for (int c = 0; c <= k; c++) sum += weight[c] = pal_exp(m->value[(ptrdiff_t)PART * c]);
    for (int c = 0; c <= k; c++) weight[c] /= sum;
    for (int i = 0; i < PART * (k + 1); i++) m->gradient[i] = 0.0;
    h->lab.figures[SUMS].values[k] = 0.0;
    for (int32_t i = 0; i < h->bins; i++) {
        const double p = add_bin(h, m, k + 1, weight, i, h->lab.figures[SHARES].values[i]);
        h->lab.figures[MIXTURE + k].values[i] = p;
        h->lab.figures[SUMS].values[k] += p;
    }
    for (int i = 0; i < PART * (k + 1); i++) {
        const double unit = i % PART == 1 ? h->bins / 20.0 : 1.0; /* means are in bins */
        const double g = m->gradient[i] * unit;
        m->first[i] = 0.9 * m->first[i] + 0.1 * g;
        m->second[i] = 0.999 * m->second[i] + 0.001 * g * g;
        const double root = sqrt(m->second[i] / (1.0 - h->decay_second)) + 1e-8;
        m->value[i] += rate * unit * m->first[i] / (1.0 - h->decay_first) / root;
    }
}

static void measure(histogram *h)
{
    for (int which = 0; which < 2 + MIXTURES; which++) {
        const double *p = h->lab.figures[which == 0 ? TRUE_P : HISTOGRAM + which - 1].values;
        double held = 0.0, learnt = 0.0;
        for (int32_t i = 0; i < h->bins; i++) {
            const double cost = -pal_log(p[i] > 1e-300 ? p[i] : 1e-300);
            held += h->held_out[i] * cost;
            learnt += h->lab.figures[SHARES].values[i] * cost;
        }
        h->lab.figures[HELD].values[which] = held;
        h->lab.figures[LEARNT].values[which] = learnt;
    }
}

static void step(pal_lab *job)
{
    histogram *h = (histogram *)job;
    const int32_t training = (int32_t)job->option[TRAINING];
    for (int32_t n = 0; n < AT_ONCE && h->trained < training; n++, h->trained++) {
        h->decay_first *= 0.9;
        h->decay_second *= 0.999;
        const double rate = 0.05 * (1.0 - (double)h->trained / training);
        for (int k = 0; k < MIXTURES; k++) learn(h, k, rate);
    }
    for (int k = 0; k < MIXTURES && h->trained == training; k++) learn(h, k, 0.0);
    measure(h);
    job->done = (double)h->trained / training;
}

static const pal_lab_option options[] = {PAL_LAB_HISTOGRAM_OPTIONS};
const pal_lab_kind pal_lab_histogram = {.name = "histogram",
                                        .options = options,
                                        .option_count = sizeof options / sizeof *options,
                                        .bytes = sizeof(histogram),
                                        .layout = layout,
                                        .start = start,
                                        .step = step};
