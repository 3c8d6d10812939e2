/* field.c - the score of two modes in the plane as a field of arrows, and paths that samplers take in it.
 *
 * The modes are at (-far, -far / 2) and (far, far / 2) and round, the noise is VP (density.c).  Paths are those of the annealed
 * Langevin and of the probability flow, both samplers of pictures, here with two elements.  Figures:
 *   0 and 1 places x and y [ARROWS]; 2 and 3 the score there at the time looked at; 4 the density [ARROWS]; 5 to 10 x and y [steps
 *   + 1] of three paths of the flow; 11 to 16 those of annealed Langevin, which end when steps are made; 17 and 18 samples without noise
 *   [SAMPLES]; 19 and 20 the same with the noise of the time. */
#include "lab.h"
#include "kinds.h"

#include "../core/math.h"
#include "../core/random.h"
#include "../image/denoise.h"

#include <math.h> /* NOLINT(readability-duplicate-include): the system's, for sqrt */

enum { WEIGHT, FAR, SPREAD, LOOK, STEPS, SEED };
enum { SIDE = 17, ARROWS = SIDE * SIDE, PATHS = 3, SAMPLES = 300, SAMPLERS = 2, AT_ONCE = 10 };
enum { PLACE, SCORE = 2, DENSITY = 4, FLOW, LANGEVIN = FLOW + 2 * PATHS, CLEAN = 17, NOISED = 19 };

typedef struct {
    double weight[2], mean[2][2], spread;
    const pal_schedule *schedule;
} plane;

typedef struct {
    pal_lab lab;
    pal_schedule schedule;
    plane plane;
    int32_t sampler, recorded;
    pal_denoise d[SAMPLERS];
} field;
_Static_assert(sizeof(field) <= PAL_LAB_STRUCT, "larger than promised");

/* The density at a place, and E[eps | x]. */
static double noise_at(const plane *p, const pal_level *l, const double x[2], double eps[2])
{
    const double v = l->alpha * p->spread * p->spread + l->beta;
    double part[2], off[2][2];
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 2; i++) off[k][i] = x[i] - sqrt(l->alpha) * p->mean[k][i];
        part[k] = pal_log(p->weight[k]) - (off[k][0] * off[k][0] + off[k][1] * off[k][1]) / (2.0 * v);
    }
    double ahead = part[1] - part[0];
    ahead = ahead > 700.0 ? 700.0 : ahead;
    const double first = 1.0 / (1.0 + pal_exp(ahead));
    for (int i = 0; i < 2; i++) eps[i] = sqrt(l->beta) * (first * off[0][i] + (1.0 - first) * off[1][i]) / v;
    return (pal_exp(part[0]) + pal_exp(part[1])) / (6.283185307179586 * v);
}

static void evaluate(void *context, const pal_noise_query *q)
{
    for (int32_t row = 0; row < q->count; row++) {
        const pal_level l = pal_level_at(((plane *)context)->schedule, q->time[row]);
        const double x[2] = {(double)q->x[(size_t)row * 2], (double)q->x[(size_t)row * 2 + 1]};
        double eps[2];
        noise_at(context, &l, x, eps);
        for (int i = 0; i < 2; i++) q->eps[(size_t)row * 2 + (size_t)i] = (float)eps[i];
    }
}

static pal_image_options options_of(const field *j, int sampler)
{
    pal_image_options o = pal_image_defaults(sampler ? PAL_IMAGE_ANNEALED_LANGEVIN : PAL_IMAGE_PROBABILITY_FLOW);
    o.seed = pal_lab_whole(&j->lab, SEED);
    o.clip_x0 = false;
    o.clip_pixel = 0.0;
    o.steps = (int32_t)j->lab.option[STEPS];
    if (sampler) {
        o.iterations = 5;
        o.langevin_step = 0.1;
        o.sigma_max = 2.0;
        o.sigma_min = 0.05;
    } else {
        o.solver = PAL_FLOW_HEUN;
    }
    return o;
}

static void layout(pal_lab *job, pal_arena *arena)
{
    field *j = (field *)job;
    const int32_t steps = (int32_t)job->option[STEPS];
    for (int i = PLACE; i < FLOW; i++) pal_lab_take(job, arena, i, ARROWS);
    for (int i = FLOW; i < CLEAN; i++) pal_lab_take(job, arena, i, steps + 1);
    for (int i = CLEAN; i < NOISED + 2; i++) pal_lab_take(job, arena, i, SAMPLES);
    pal_schedule_vp(&j->schedule, 0.1, 20.0, 1e-3, NULL);
    for (int i = 0; i < SAMPLERS; i++) {
        j->d[i] = (pal_denoise){.schedule = &j->schedule, .channels = 1, .count = PATHS};
        j->d[i].predictor = (pal_noise_predictor){.context = &j->plane, .size = 2, .evaluate = evaluate};
        j->d[i].options = options_of(j, i);
        pal_denoise_layout(&j->d[i], arena);
    }
}

static void draw_samples(field *j, const pal_level *l)
{
    for (uint32_t s = 0; s < SAMPLES; s++) {
        float z[4];
        const int k = pal_uniform(pal_lab_whole(&j->lab, SEED), PAL_DRAW_LAB, 0, s, 0) >= j->plane.weight[0];
        pal_normals(pal_lab_whole(&j->lab, SEED), PAL_NOISE_BOUND, s, 0, 4, z);
        for (int i = 0; i < 2; i++) {
            const double x = j->plane.mean[k][i] + j->plane.spread * (double)z[i];
            j->lab.figures[CLEAN + i].values[s] = x;
            j->lab.figures[NOISED + i].values[s] = sqrt(l->alpha) * x + sqrt(l->beta) * (double)z[2 + i];
        }
    }
}

static void start(pal_lab *job)
{
    field *j = (field *)job;
    const double *o = job->option, wide = o[FAR] + 3.0 * o[SPREAD] > 3.0 ? o[FAR] + 3.0 * o[SPREAD] : 3.0;
    const pal_level look = pal_level_at(&j->schedule, o[LOOK]);
    j->plane = (plane){
        {o[WEIGHT], 1.0 - o[WEIGHT]}, {{-o[FAR], -o[FAR] / 2.0}, {o[FAR], o[FAR] / 2.0}}, o[SPREAD], &j->schedule};
    for (int32_t a = 0; a < ARROWS; a++) {
        const int32_t column = a % SIDE, line = a / SIDE;
        const double x[2] = {wide * (2.0 * column / (SIDE - 1) - 1.0), wide * (2.0 * line / (SIDE - 1) - 1.0)};
        double eps[2];
        job->figures[DENSITY].values[a] = noise_at(&j->plane, &look, x, eps);
        for (int i = 0; i < 2; i++) {
            job->figures[PLACE + i].values[a] = x[i];
            job->figures[SCORE + i].values[a] = -eps[i] / sqrt(look.beta);
        }
    }
    draw_samples(j, &look);
    for (int i = 0; i < SAMPLERS; i++) pal_denoise_start(&j->d[i]);
}

/* The states after this step; a state of Langevin is in units without the shrinking of the noise. */
static void record(field *j, const pal_denoise *d)
{
    if (d->turn) return;
    for (int i = 0; i < 2 * PATHS; i++)
        j->lab.figures[(j->sampler ? LANGEVIN : FLOW) + i].values[j->recorded] = (double)d->x[i];
    j->recorded++;
}

static void step(pal_lab *job)
{
    field *j = (field *)job;
    pal_denoise *d = &j->d[j->sampler];
    if (!d->evaluations) record(j, d);
    for (int i = 0; i < AT_ONCE && !d->done; i++) {
        pal_denoise_step(d);
        record(j, d);
    }
    job->done = (j->sampler + (d->done ? 1.0 : j->recorded / (job->option[STEPS] + 1.0))) / (double)SAMPLERS;
    if (!d->done) return;
    j->sampler++;
    j->recorded = 0;
}

static const pal_lab_option options[] = {PAL_LAB_FIELD_OPTIONS};
const pal_lab_kind pal_lab_field = {.name = "field",
                                    .options = options,
                                    .option_count = sizeof options / sizeof *options,
                                    .bytes = sizeof(field),
                                    .layout = layout,
                                    .start = start,
                                    .step = step};
