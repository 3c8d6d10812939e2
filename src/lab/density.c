/* density.c - a density with two modes on a line: noise, score, networks that learn it, and samplers that follow it.
 *
 * Noise: VP in continuous time, beta 0.1 to 20 (image/schedule.h).  The samplers are those of pictures: Langevin at the least
 * noise only, annealed Langevin, the probability flow by Heun's method, the reverse SDE.  Figures:
 *   0 places [GRID]; 1 to 3 the density [GRID] without noise, at the time looked at, at time 1; 4 the score [GRID] at that time,
 *   5 and 6 those of the networks that learnt by denoising and by sliced score matching; 7 their mean squared errors [2] and the mean
 *   square of the score [1]; 8 times [steps + 1]; 9 to 12 paths [steps + 1] of the flow, 13 to 16 of the SDE from the same
 *   starts; 17 places [BINS] and 18 to 21 densities [BINS] of what the four samplers drew; 22 how much of it [4] is left
 *   of the middle; 23 how much [1] should be. */
#include "lab.h"
#include "kinds.h"
#include "fit.h"
#include "modes.h"

#include "../core/math.h"
#include "../core/random.h"
#include "../image/likelihood.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt */
#include <string.h>

enum { WEIGHT, FAR, SPREAD, LOOK, STEPS, RUNS, TRAINING, SEED };
enum { GRID = 201, BINS = 60, PATHS = 4, SAMPLERS = 4, BATCH = 64, AT_ONCE = 50 };
enum { PLACE, DENSITY, SCORE = 4, LEARNT, ERRORS = 7, TIME, FLOW, SDE = 13, BIN = 17, DRAWN, LEFT = 22, TRUTH };
enum { PLAIN, ANNEALED, BY_FLOW, BY_SDE };

typedef struct {
    pal_lab lab;
    pal_schedule schedule;
    pal_modes modes;
    pal_level look;
    double wide;
    pal_fit fit[2];
    int32_t trained, sampler, recorded, evaluations;
    pal_denoise d[SAMPLERS];
} density;
_Static_assert(sizeof(density) <= PAL_LAB_STRUCT, "larger than promised");

static pal_image_options options_of(const density *j, int sampler)
{
    static const pal_image_sampler samplers[SAMPLERS] = {PAL_IMAGE_ANNEALED_LANGEVIN, PAL_IMAGE_ANNEALED_LANGEVIN,
                                                         PAL_IMAGE_PROBABILITY_FLOW, PAL_IMAGE_REVERSE_SDE};
    pal_image_options o = pal_image_defaults(samplers[sampler]);
    o.seed = pal_lab_whole(&j->lab, SEED);
    o.clip_x0 = false;
    o.clip_pixel = 0.0;
    if (sampler <= ANNEALED) {
        o.iterations = 10;
        o.langevin_step = 0.1;
        /* plain: one level of noise, as wide as the modes; it starts around the middle */
        o.sigma_min = sampler == PLAIN ? j->lab.option[SPREAD] : 0.05;
        o.sigma_max = sampler == PLAIN ? j->lab.option[SPREAD] : 20.0;
    } else {
        o.steps = (int32_t)j->lab.option[STEPS];
        if (sampler == BY_FLOW) o.solver = PAL_FLOW_HEUN;
    }
    return o;
}

static void layout(pal_lab *job, pal_arena *arena)
{
    density *j = (density *)job;
    const int32_t steps = (int32_t)job->option[STEPS];
    static const int32_t counts[][3] = {
        {PLACE, 7, GRID}, {ERRORS, 1, 3}, {BIN, 5, BINS}, {LEFT, 1, SAMPLERS}, {TRUTH, 1, 1}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int32_t k = 0; k < counts[i][1]; k++) pal_lab_take(job, arena, counts[i][0] + k, counts[i][2]);
    for (int which = TIME; which < BIN; which++) pal_lab_take(job, arena, which, steps + 1);
    pal_schedule_vp(&j->schedule, 0.1, 20.0, 1e-3, NULL);
    j->modes.schedule = &j->schedule;
    for (int i = 0; i < SAMPLERS; i++) {
        j->d[i] = (pal_denoise){.predictor = pal_modes_predictor(&j->modes), .schedule = &j->schedule, .channels = 1};
        j->d[i].options = options_of(j, i);
        j->d[i].count = (int32_t)job->option[RUNS];
        pal_denoise_layout(&j->d[i], arena);
    }
}

static void start(pal_lab *job)
{
    density *j = (density *)job;
    const double *o = job->option;
    const pal_level clean = {.alpha = 1.0}, noise = pal_level_at(&j->schedule, 1.0);
    j->modes =
        (pal_modes){{o[WEIGHT], 1.0 - o[WEIGHT]}, {-o[FAR], o[FAR]}, {o[SPREAD], o[SPREAD]}, &j->schedule, 0, NULL};
    j->look = pal_level_at(&j->schedule, o[LOOK]);
    j->wide = o[FAR] + 4.0 * o[SPREAD] > 3.5 ? o[FAR] + 4.0 * o[SPREAD] : 3.5;
    for (int32_t i = 0; i < GRID; i++) {
        const double x = j->wide * (2.0 * i / (GRID - 1) - 1.0);
        double eps, second;
        pal_modes_moments(&j->modes, &j->look, x, &eps, &second);
        job->figures[PLACE].values[i] = x;
        job->figures[DENSITY].values[i] = pal_modes_density(&j->modes, &clean, x);
        job->figures[DENSITY + 1].values[i] = pal_modes_density(&j->modes, &j->look, x);
        job->figures[DENSITY + 2].values[i] = pal_modes_density(&j->modes, &noise, x);
        job->figures[SCORE].values[i] = -eps / sqrt(j->look.beta);
    }
    /* of the right mode a little is on the left, and of the left mode as much on the right */
    const double right = pal_exp(pal_log_normal_between(o[FAR] / o[SPREAD], INFINITY));
    job->figures[TRUTH].values[0] = o[WEIGHT] * (1.0 - right) + (1.0 - o[WEIGHT]) * right;
    for (int i = 0; i < 2; i++) pal_fit_start(&j->fit[i], j->wide);
    for (int i = 0; i < SAMPLERS; i++) pal_denoise_start(&j->d[i]);
}

/* A noised sample: its place, and the score given the place without noise. */
static double noised(const density *j, int32_t number, double *target)
{
    float z[2];
    const uint32_t step = (uint32_t)number;
    const double u = pal_uniform(pal_lab_whole(&j->lab, SEED), PAL_DRAW_LAB, 0, step, 0);
    pal_normals(pal_lab_whole(&j->lab, SEED), PAL_NOISE_BOUND, 0, step, 2, z);
    const double x0 = pal_modes_draw(&j->modes, u, (double)z[0]);
    *target = -(double)z[1] / sqrt(j->look.beta);
    return sqrt(j->look.alpha) * x0 + sqrt(j->look.beta) * (double)z[1];
}

static void measure(density *j)
{
    double *errors = j->lab.figures[ERRORS].values, mass = 0.0;
    memset(errors, 0, 3 * sizeof *errors);
    for (int32_t i = 0; i < GRID; i++) {
        const double x = j->lab.figures[PLACE].values[i], p = j->lab.figures[DENSITY + 1].values[i],
                     s = j->lab.figures[SCORE].values[i];
        for (int k = 0; k < 2; k++) {
            const double learnt = pal_fit_score(&j->fit[k], x);
            j->lab.figures[LEARNT + k].values[i] = learnt;
            errors[k] += p * (learnt - s) * (learnt - s);
        }
        errors[2] += p * s * s;
        mass += p;
    }
    for (int k = 0; k < 3; k++) errors[k] /= mass;
}

static void train(density *j)
{
    const int32_t steps = (int32_t)j->lab.option[TRAINING];
    for (int32_t i = 0; i < AT_ONCE && j->trained < steps; i++, j->trained++) {
        const double rate = 0.03 * (1.0 - (double)j->trained / steps);
        for (int32_t k = 0; k < BATCH; k++) {
            double target;
            const double x = noised(j, j->trained * BATCH + k, &target);
            pal_fit_denoising(&j->fit[0], x, target);
            pal_fit_sliced(&j->fit[1], x);
        }
        for (int k = 0; k < 2; k++) pal_fit_move(&j->fit[k], rate, BATCH);
    }
    measure(j);
}

/* The states of the first rows, which become paths. */
static void record(density *j, const pal_denoise *d)
{
    const int first = j->sampler == BY_FLOW ? FLOW : SDE;
    if (j->sampler < BY_FLOW || d->turn) return;
    j->lab.figures[TIME].values[j->recorded] = d->done ? 0.0 : d->level[d->at].time;
    for (int i = 0; i < PATHS; i++) j->lab.figures[first + i].values[j->recorded] = (double)d->x[i];
    j->recorded++;
}

static void count(density *j, const pal_denoise *d)
{
    const double width = 2.0 * j->wide / (double)BINS;
    for (int32_t row = 0; row < d->count; row++) {
        const double bin = ((double)d->x[row] + j->wide) / width;
        if (bin >= 0.0 && bin < (double)BINS)
            j->lab.figures[DRAWN + j->sampler].values[(int32_t)bin] += 1.0 / (d->count * width);
        j->lab.figures[LEFT].values[j->sampler] += d->x[row] < 0.0f ? 1.0 / d->count : 0.0;
    }
    for (int32_t i = 0; i < BINS; i++) j->lab.figures[BIN].values[i] = (i + 0.5) * width - j->wide;
}

static void sample(density *j)
{
    pal_denoise *d = &j->d[j->sampler];
    if (!j->evaluations) record(j, d);
    for (int32_t i = 0; i < AT_ONCE / 5 && !d->done; i++, j->evaluations++) {
        pal_denoise_step(d);
        record(j, d);
    }
    if (!d->done) return;
    count(j, d);
    j->sampler++;
    j->recorded = j->evaluations = 0;
}

static int32_t evaluations_of(const pal_denoise *d, int sampler)
{
    return sampler <= ANNEALED  ? d->options.steps * d->options.iterations
           : sampler == BY_FLOW ? 2 * d->options.steps
                                : d->options.steps;
}

static void step(pal_lab *job)
{
    density *j = (density *)job;
    const double training = job->option[TRAINING];
    if (j->trained < (int32_t)training)
        train(j);
    else
        sample(j);
    double all = 0.0, made = j->evaluations;
    for (int i = 0; i < SAMPLERS; i++) {
        all += evaluations_of(&j->d[i], i);
        made += i < j->sampler ? evaluations_of(&j->d[i], i) : 0;
    }
    job->done = j->sampler == SAMPLERS ? 1.0 : 0.5 * j->trained / training + 0.499 * (made < all ? made / all : 1.0);
}

static const pal_lab_option options[] = {PAL_LAB_DENSITY_OPTIONS};
const pal_lab_kind pal_lab_density = {.name = "density",
                                      .options = options,
                                      .option_count = sizeof options / sizeof *options,
                                      .bytes = sizeof(density),
                                      .layout = layout,
                                      .start = start,
                                      .step = step};
