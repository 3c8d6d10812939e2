/* steps.c - how far from the data the samplers of pictures end, by the number of evaluations, without a single random number.
 *
 * The data is a mixture of two Gaussians on a line, the network knows its score, and the noise is that of DDPM (1000 linear
 * steps).  A distribution on a grid of places is moved by each step of a sampler: the real step is made from every place of the
 * grid, once with noise 0 and once with noise 1, which gives mean and spread of where it leads.  What has no spread is
 * spread by half a cell.  The distance is W1, the area between the cumulative distributions.
 * Figures: 0 to 11 the distances [4] of each row of `rows`, 12 to 23 the evaluations [4] that they took; 24 places [GRID]; 25 the data's
 * probabilities [GRID] of the cells; 26 those that ddpm with the small variance, 27 those that
 * sn-ddpm reached with 5 evaluations [GRID]. */
#include "lab.h"
#include "kinds.h"
#include "modes.h"

#include "../core/math.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt */
#include <string.h>

enum { WEIGHT, LEFT, RIGHT, LEFT_SPREAD, RIGHT_SPREAD };
enum { GRID = 1201, ROWS = 12, COUNTS = 4, NOISE_STEPS = 1000 };
enum { DISTANCE = 0, EVALUATIONS = ROWS, PLACE = 2 * ROWS, DATA, DDPM, SN };
#define WIDE 6.0
#define CELL (2.0 * WIDE / (GRID - 1))

/* Samplers that remember earlier steps, or choose their own, are moved from the start to the end at once. */
static const struct {
    pal_image_sampler sampler;
    bool large, whole;
} rows[ROWS] = {{PAL_IMAGE_DDPM, false, false},
                {PAL_IMAGE_DDPM, true, false},
                {PAL_IMAGE_ANALYTIC_DDPM, false, false},
                {PAL_IMAGE_NPR_DDPM, false, false},
                {PAL_IMAGE_SN_DDPM, false, false},
                {PAL_IMAGE_DDIM, false, false},
                {PAL_IMAGE_ANALYTIC_DDIM, false, false},
                {PAL_IMAGE_NPR_DDIM, false, false},
                {PAL_IMAGE_SN_DDIM, false, false},
                {PAL_IMAGE_REVERSE_SDE, false, false},
                {PAL_IMAGE_PROBABILITY_FLOW, false, true},
                {PAL_IMAGE_DPM_SOLVER, false, true}};
static const int32_t counts[COUNTS] = {5, 10, 25, 50};

typedef struct {
    pal_lab lab;
    pal_schedule schedule;
    pal_modes modes;
    double *gamma;             /* [NOISE_STEPS] */
    double *now, *next, *part; /* [GRID] */
    void *block;               /* of a drawing of 2 GRID places */
    pal_denoise d;
    int32_t row, count;
    bool begun;
} steps;
_Static_assert(sizeof(steps) <= PAL_LAB_STRUCT, "larger than promised");

/* The drawing's noise: 0 for the first half of its rows, 1 for the second. */
static void given(void *context, const pal_denoise *d, pal_noise_purpose purpose, int32_t row, float *z)
{
    (void)context;
    *z = purpose == PAL_NOISE_MOVE && row >= d->count / 2 ? 1.0f : 0.0f;
}

static pal_image_options options_of(int32_t row, int32_t count)
{
    pal_image_options o = pal_image_defaults(rows[row].sampler);
    o.clip_x0 = false;
    o.clip_pixel = 0.0;
    o.steps = count;
    if (rows[row].large) o.variance = PAL_VARIANCE_LARGE;
    if (rows[row].sampler == PAL_IMAGE_PROBABILITY_FLOW) { /* Heun's method: two evaluations a step, one in the last */
        o.solver = PAL_FLOW_HEUN;
        o.steps = (count + 1) / 2;
    }
    return o;
}

static void prepare(steps *j, pal_arena *arena)
{
    j->d = (pal_denoise){.predictor = pal_modes_predictor(&j->modes), .schedule = &j->schedule, .channels = 1};
    j->d.options = options_of(j->row, counts[j->count]);
    j->d.count = 2 * GRID;
    j->d.normal = given;
    pal_denoise_layout(&j->d, arena);
}

/* The largest drawing decides about the block. */
static size_t bytes_of_drawings(steps *j)
{
    size_t most = 0;
    for (j->row = 0; j->row < ROWS; j->row++)
        for (j->count = 0; j->count < COUNTS; j->count++) {
            pal_arena measuring = {0};
            size_t bytes;
            prepare(j, &measuring);
            if (pal_arena_bytes(&measuring, &bytes) && bytes > most) most = bytes;
        }
    j->row = j->count = 0;
    return most;
}

static void layout(pal_lab *job, pal_arena *arena)
{
    steps *j = (steps *)job;
    for (int i = 0; i < PLACE; i++) pal_lab_take(job, arena, i, COUNTS);
    for (int i = PLACE; i <= SN; i++) pal_lab_take(job, arena, i, GRID);
    pal_schedule_layout(&j->schedule, NOISE_STEPS, arena, NULL);
    j->gamma = pal_take(arena, NOISE_STEPS, sizeof *j->gamma);
    j->now = pal_take(arena, GRID, sizeof *j->now);
    j->next = pal_take(arena, GRID, sizeof *j->next);
    j->part = pal_take(arena, GRID, sizeof *j->part);
    j->modes = (pal_modes){.schedule = &j->schedule, .gammas = NOISE_STEPS, .gamma = j->gamma};
    j->block = pal_take(arena, bytes_of_drawings(j), 1);
}

static double place_of(int32_t i)
{
    return CELL * i - WIDE;
}

/* E[eps^2] of the predicted noise at every step of the schedule, by adding up over the grid. */
static void measure_gamma(steps *j)
{
    for (int32_t n = 0; n < NOISE_STEPS; n++) {
        const pal_level l = pal_level_at(&j->schedule, (n + 1.0) / (double)NOISE_STEPS);
        double sum = 0.0;
        for (int32_t i = 0; i < GRID; i++) {
            double eps, second;
            pal_modes_moments(&j->modes, &l, place_of(i), &eps, &second);
            sum += pal_modes_density(&j->modes, &l, place_of(i)) * eps * eps * CELL;
        }
        j->gamma[n] = sum;
    }
}

static void normalise(double *p)
{
    double sum = 0.0;
    for (int32_t i = 0; i < GRID; i++) sum += p[i];
    for (int32_t i = 0; i < GRID; i++) p[i] /= sum;
}

static void start(pal_lab *job)
{
    steps *j = (steps *)job;
    const double *o = job->option;
    const pal_level clean = {.alpha = 1.0};
    pal_schedule_linear(&j->schedule, 1e-4, 0.02, NULL);
    j->modes.weight[0] = o[WEIGHT];
    j->modes.weight[1] = 1.0 - o[WEIGHT];
    memcpy(j->modes.mean, o + LEFT, sizeof j->modes.mean);
    memcpy(j->modes.spread, o + LEFT_SPREAD, sizeof j->modes.spread);
    for (int32_t i = 0; i < GRID; i++) {
        job->figures[PLACE].values[i] = place_of(i);
        job->figures[DATA].values[i] = pal_modes_density(&j->modes, &clean, place_of(i));
    }
    normalise(job->figures[DATA].values);
    measure_gamma(j);
}

/* From every place of the grid, twice. */
static void put_grid(steps *j)
{
    for (int32_t i = 0; i < 2 * GRID; i++) j->d.x[i] = (float)place_of(i % GRID);
}

static void begin(steps *j)
{
    pal_arena arena = pal_arena_in(j->block);
    prepare(j, &arena);
    pal_denoise_start(&j->d);
    put_grid(j);
    for (int32_t i = 0; i < GRID; i++) j->now[i] = pal_exp(-0.5 * place_of(i) * place_of(i));
    normalise(j->now);
    j->begun = true;
}

/* part[] := the values of a Gaussian from cell `from` on in one direction, until they are 0; returns their sum.  On a grid each
 * quotient of neighbours is the one before times a constant. */
static double spread_along(double *part, int32_t from, int32_t by, double mean, double variance)
{
    const double off = place_of(from) - mean, width = CELL * by;
    double value = pal_exp(-off * off / (2.0 * variance)), sum = 0.0;
    double quotient = pal_exp(-(2.0 * off * width + width * width) / (2.0 * variance));
    const double change = pal_exp(-width * width / variance);
    for (int32_t i = from; i >= 0 && i < GRID && value > 1e-30; i += by) {
        part[i] = value;
        sum += value;
        value *= quotient;
        quotient *= change;
    }
    return sum;
}

/* next += mass times a Gaussian around mean, normalised on the grid. */
static void spread(steps *j, double mass, double mean, double variance)
{
    double at = (mean + WIDE) / CELL + 0.5;
    if (!(at >= 0.0)) at = 0.0;
    const int32_t middle = at < (double)GRID ? (int32_t)at : GRID - 1;
    memset(j->part, 0, GRID * sizeof *j->part);
    double sum = spread_along(j->part, middle, 1, mean, variance);
    if (middle) sum += spread_along(j->part, middle - 1, -1, mean, variance);
    for (int32_t i = 0; i < GRID && sum > 0.0; i++) j->next[i] += mass * j->part[i] / sum;
}

/* Moves the distribution to where the drawing's places are now. */
static void push(steps *j)
{
    const double least = 0.25 * CELL * CELL;
    memset(j->next, 0, GRID * sizeof *j->next);
    for (int32_t i = 0; i < GRID; i++) {
        const double mean = (double)j->d.x[i], deviation = (double)j->d.x[GRID + i] - mean;
        const double variance = deviation * deviation;
        if (j->now[i] > 1e-18) spread(j, j->now[i], mean, variance > least ? variance : least);
    }
    memcpy(j->now, j->next, GRID * sizeof *j->now);
}

static void end(steps *j)
{
    double difference = 0.0, area = 0.0;
    normalise(j->now);
    for (int32_t i = 0; i < GRID; i++) {
        difference += j->now[i] - j->lab.figures[DATA].values[i];
        area += fabs(difference) * CELL;
    }
    if (!j->count && (j->row == 0 || j->row == 4))
        memcpy(j->lab.figures[j->row ? SN : DDPM].values, j->now, GRID * sizeof *j->now);
    j->lab.figures[DISTANCE + j->row].values[j->count] = area;
    j->lab.figures[EVALUATIONS + j->row].values[j->count] = j->d.evaluations;
    j->begun = false;
    if (++j->count < COUNTS) return;
    j->count = 0;
    j->row++;
}

static void step(pal_lab *job)
{
    steps *j = (steps *)job;
    if (!j->begun) begin(j);
    do pal_denoise_step(&j->d);
    while (!j->d.done && (rows[j->row].whole || j->d.turn));
    push(j);
    if (j->d.done)
        end(j);
    else
        put_grid(j);
    /* the runs of 50 steps take half of the time */
    double made = j->row * 90.0;
    for (int32_t i = 0; i < j->count; i++) made += counts[i];
    job->done = (made + (j->begun ? j->d.at : 0)) / ((double)ROWS * 90.0);
}

static const pal_lab_option options[] = {PAL_LAB_STEPS_OPTIONS};
const pal_lab_kind pal_lab_steps = {.name = "steps",
                                    .options = options,
                                    .option_count = sizeof options / sizeof *options,
                                    .bytes = sizeof(steps),
                                    .layout = layout,
                                    .start = start,
                                    .step = step};
