/* test_image_drawing.c - drawing pictures with any sampler: steps, batches, bits, known parts, guidance, options. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/guidance.h"
#include "mixture.h"

static unsigned char block[1 << 14];
static pal_schedule discrete;
static mixture data; /* the reference data on 1000 linear steps, with its table */

static int set_up(void **state)
{
    (void)state;
    pal_arena arena = pal_arena_in(block);
    if (pal_schedule_layout(&discrete, 1000, &arena, NULL) || pal_schedule_linear(&discrete, 1e-4, 0.02, NULL))
        return 1;
    data = mixture_reference(&discrete);
    mixture_measure_gamma(&data);
    return 0;
}

static pal_image_options unclipped(pal_image_sampler sampler)
{
    pal_image_options o = pal_image_defaults(sampler);
    o.clip_x0 = false;
    o.clip_pixel = 0.0;
    return o;
}

static void check(const pal_image_options *o, const mixture *m)
{
    pal_error err = {PAL_OK, "", 0};
    mixture other = *m;
    const pal_noise_predictor p = mixture_predictor(&other, false);
    if (pal_denoise_check(o, &p, m->schedule, &err)) fail_msg("%s: %s", pal_image_sampler_name(o->sampler), err.text);
}

static void steady_noise(void *context, const pal_denoise *d, pal_noise_purpose purpose, int32_t row, float *z)
{
    (void)purpose, (void)row;
    for (int32_t i = 0; i < d->predictor.size; i++) z[i] = ((const float *)context)[i];
}

/* ---- the interface ---------------------------------------------------------------------------------- */

/* All samplers, with options that reach all of their parts, on pictures of 8 elements. */
enum { KINDS = PAL_IMAGE_SAMPLERS + 4, SIZE = 8 };

static pal_image_options kind(int i)
{
    pal_image_options o = pal_image_defaults(i < PAL_IMAGE_SAMPLERS        ? (pal_image_sampler)i
                                             : i == PAL_IMAGE_SAMPLERS     ? PAL_IMAGE_PROBABILITY_FLOW
                                             : i == PAL_IMAGE_SAMPLERS + 1 ? PAL_IMAGE_REVERSE_SDE
                                             : i == PAL_IMAGE_SAMPLERS + 2 ? PAL_IMAGE_PREDICTOR_CORRECTOR
                                                                           : PAL_IMAGE_DDPM);
    o.seed = 20240607;
    if (o.sampler == PAL_IMAGE_ANNEALED_LANGEVIN)
        o.iterations = 2;
    else if (o.sampler != PAL_IMAGE_PROBABILITY_FLOW)
        o.steps = 7;
    if (i == PAL_IMAGE_SAMPLERS) {
        o.solver = PAL_FLOW_HEUN;
        o.steps = 7;
    }
    if (i == PAL_IMAGE_SAMPLERS + 1 || i == PAL_IMAGE_SAMPLERS + 2) o.process = PAL_PROCESS_VE;
    if (i == PAL_IMAGE_SAMPLERS + 3) o.variance = PAL_VARIANCE_LARGE;
    if (o.sampler == PAL_IMAGE_SN_DDIM) o.eta = 0.5;
    return o;
}

static bool keeps_known(const pal_image_options *o)
{
    return o->sampler != PAL_IMAGE_PROBABILITY_FLOW && o->sampler != PAL_IMAGE_DPM_SOLVER;
}

/* Modes at -+0.7 in all elements; Gamma is that of the reference data, which is some table. */
static mixture two_modes(void)
{
    mixture m = mixture_two(&discrete, SIZE, 0.4, 0.7, 0.1);
    memcpy(m.gamma, data.gamma, sizeof m.gamma);
    return m;
}

static void a_step_is_one_evaluation_and_can_be_looked_at(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        const pal_image_options o = kind(i);
        mixture_drawing w;
        pal_status status = PAL_MORE;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, 3, NULL, NULL);
        for (int32_t n = 1; status == PAL_MORE; n++) {
            status = pal_denoise_step(&w.d);
            assert_int_equal(m.evaluations, n);
            assert_int_equal(w.d.evaluations, n);
            for (int32_t j = 0; j < 3 * SIZE; j++)
                assert_true(isfinite(w.d.x[j]) && w.d.x0[j] >= -1.0f && w.d.x0[j] <= 1.0f);
        }
        assert_int_equal(status, PAL_OK);
        if (pal_image_evaluations(&o)) assert_int_equal(m.evaluations, pal_image_evaluations(&o));
        assert_memory_equal(w.d.x, w.d.x0, 3 * SIZE * sizeof *w.d.x);
        assert_int_equal(pal_denoise_step(&w.d), PAL_OK); /* done stays done */
        assert_int_equal(m.evaluations, w.d.evaluations);
        mixture_free(&w);
    }
}

static void draw(float *x, const pal_image_options *o, mixture *m, uint32_t first, int32_t count)
{
    mixture_drawing w;
    mixture_start(&w, m, o, first, count, NULL, NULL);
    mixture_finish(&w);
    memcpy(x, w.d.x, (size_t)count * SIZE * sizeof *x);
    mixture_free(&w);
}

static void pictures_do_not_depend_on_their_batch(void **state)
{
    (void)state;
    const uint8_t known[SIZE] = {191, 96}, mask[SIZE] = {0, 0, 1, 1, 1, 1, 1, 1};
    for (int i = 0; i < 2 * KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i % KINDS);
        float whole[5 * SIZE], parts[5 * SIZE];
        if (i >= KINDS && !keeps_known(&o)) continue;
        if (i >= KINDS) {
            o.known = known;
            o.mask = mask;
        }
        draw(whole, &o, &m, 10, 5);
        draw(parts, &o, &m, 10, 2);
        draw(parts + 2 * SIZE, &o, &m, 12, 3);
        assert_memory_equal(whole, parts, sizeof whole);
        for (int j = 0; j < 4; j++) assert_true(memcmp(whole + j * SIZE, whole + (j + 1) * SIZE, SIZE * 4) != 0);
    }
}

/* FNV-1a of the bits of three pictures.  The stored values hold on every target: a change of a single bit is a change
 * of what a seed means. */
static void pictures_have_the_same_bits_on_every_target(void **state)
{
    (void)state;
    static const uint32_t stored[KINDS] = {
        0x45abb0fa, 0x46918b09, 0xff55b74d, 0xd1c779f5, 0x7ec6434b, 0xaf3c0b93, 0x93d1be7a, 0xfd3515c9, 0x75fbf14b,
        0x4628b676, 0x93ec3b93, 0x6b209265, 0x48114a15, 0x070a76cf, 0x67f0bf85, 0x5c415f7c, 0xbf7ae16d,
    };
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        const pal_image_options o = kind(i);
        float x[3 * SIZE];
        unsigned char bytes[sizeof x];
        uint32_t hash = 2166136261u;
        draw(x, &o, &m, 0, 3);
        memcpy(bytes, x, sizeof x);
        for (size_t j = 0; j < sizeof x; j++) hash = (hash ^ bytes[j]) * 16777619u;
        if (hash != stored[i]) fail_msg("%d %s: 0x%08x", i, pal_image_sampler_name(o.sampler), (unsigned)hash);
    }
}

static void samplers_start_from_the_same_noise(void **state)
{
    (void)state;
    float noise[SIZE];
    pal_normals(20240607, PAL_NOISE_START, 4, 0, SIZE, noise);
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        const pal_image_options o = kind(i);
        mixture_drawing w;
        mixture_start(&w, &m, &o, 4, 1, NULL, NULL);
        double scale = w.d.exploding ? 50.0 : 1.0;
        for (int j = 0; j < SIZE; j++) assert_true(fabs((double)w.d.x[j] - scale * (double)noise[j]) < 1e-5);
        mixture_free(&w);
    }
}

/* ---- known parts ------------------------------------------------------------------------------------ */

/* Half of the elements are given, about as the rarer mode has them. */
static const uint8_t rare[SIZE] = {38, 45, 26, 38};
static const uint8_t half[SIZE] = {0, 0, 0, 0, 1, 1, 1, 1};

static float value_of(uint8_t byte)
{
    return (float)byte / 127.5f - 1.0f;
}

static bool holds(const float *x, const uint8_t *bytes, int count)
{
    for (int i = 0; i < count; i++)
        if (x[i] < value_of(bytes[i]) || x[i] > value_of(bytes[i])) return false;
    return true;
}

static void known_parts_are_kept_and_the_rest_agrees_with_them(void **state)
{
    (void)state;
    enum { ROWS = 200 };
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i);
        int32_t agree = 0;
        mixture_drawing w;
        if (!keeps_known(&o)) continue;
        if (o.sampler != PAL_IMAGE_ANNEALED_LANGEVIN) o.steps = 50;
        o.known = rare;
        o.mask = half;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, ROWS, NULL, NULL);
        mixture_finish(&w);
        for (int32_t row = 0; row < ROWS; row++) {
            float sum = 0.0f;
            assert_true(holds(w.d.x + row * SIZE, rare, 4));
            assert_true(holds(w.d.x0 + row * SIZE, rare, 4));
            for (int j = 4; j < SIZE; j++) sum += w.d.x[row * SIZE + j];
            agree += fabsf(sum / 4.0f + 0.7f) < 0.3f;
        }
        /* Without the known half 0.4 would; the replacement is an approximation, so that not all need do. */
        if (agree < ROWS * 3 / 4) fail_msg("%s: %d of %d", pal_image_sampler_name(o.sampler), (int)agree, ROWS);
        mixture_free(&w);
    }
}

/* With noise 1 everywhere a known element shows the level it was put back at, or was taken back up to. */
static void known_parts_have_the_noise_of_their_level(void **state)
{
    (void)state;
    const float ones[SIZE] = {1, 1, 1, 1, 1, 1, 1, 1};
    for (int i = 0; i < 2 * KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i % KINDS);
        mixture_drawing w;
        bool again = i >= KINDS && (pal_image_evaluations(&o) == o.steps);
        if (!keeps_known(&o) || (i >= KINDS && !again) || o.sampler == PAL_IMAGE_ANNEALED_LANGEVIN) continue;
        o.known = rare;
        o.mask = half;
        o.resample = again ? 2 : 1;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, 1, steady_noise, (void *)ones);
        for (int step = 0; step < 3; step++) {
            const pal_level t = w.d.level[w.d.at], s = w.d.level[w.d.at + 1];
            double scale = w.d.exploding ? 1.0 : sqrt(t.alpha),
                   noise = w.d.exploding ? pal_level_sigma(&t) : sqrt(t.beta);
            if (again && step == 1) { /* from the level below: the noise in x, and what was added */
                double part = w.d.exploding ? 1.0 : sqrt(t.alpha / s.alpha);
                double from = w.d.exploding ? pal_level_sigma(&s) : sqrt(s.beta);
                noise = part * from + sqrt(noise * noise - part * part * from * from);
            }
            for (int j = 0; j < 4; j++) {
                double wanted = scale * (double)value_of(rare[j]) + noise;
                assert_true(fabs((double)w.d.x[j] - wanted) < 1e-5 * (1.0 + wanted));
            }
            pal_denoise_step(&w.d);
        }
        mixture_free(&w);
    }
}

static void resampling_brings_the_rest_closer_to_the_known(void **state)
{
    (void)state;
    enum { ROWS = 400 };
    int32_t agree[2] = {0, 0};
    for (int often = 0; often < 2; often++) {
        mixture m = two_modes();
        pal_image_options o = unclipped(PAL_IMAGE_DDPM);
        mixture_drawing w;
        o.steps = 10;
        o.known = rare;
        o.mask = half;
        o.resample = often ? 8 : 1;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, ROWS, NULL, NULL);
        mixture_finish(&w);
        assert_int_equal(m.evaluations, pal_image_evaluations(&o));
        assert_int_equal(m.evaluations, often ? 9 * 8 + 1 : 10);
        for (int32_t row = 0; row < ROWS; row++) agree[often] += w.d.x[row * SIZE + 4] < 0.0f;
        mixture_free(&w);
    }
    assert_true(agree[1] > agree[0] + 20); /* the standard deviation of a count of 400 is at most 10 */
}

static void an_empty_mask_changes_nothing_and_a_full_one_everything(void **state)
{
    (void)state;
    const uint8_t none[SIZE] = {1, 1, 1, 1, 1, 1, 1, 1}, all[SIZE] = {0};
    const uint8_t picture[SIZE] = {140, 102, 166, 77, 191, 51, 255, 0};
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i);
        float plain[SIZE], masked[SIZE];
        if (!keeps_known(&o)) continue;
        draw(plain, &o, &m, 0, 1);
        o.known = picture;
        o.mask = none;
        draw(masked, &o, &m, 0, 1);
        assert_memory_equal(plain, masked, sizeof plain);
        o.mask = all;
        draw(masked, &o, &m, 0, 1);
        assert_true(holds(masked, picture, SIZE));
    }
}

/* ---- guidance --------------------------------------------------------------------------------------- */

/* Two "labels" are the two modes; the network without a label knows the mixture. */
static void guidance_combines_two_predictions(void **state)
{
    (void)state;
    mixture both = mixture_two(&discrete, 2, 0.5, 0.7, 0.2), right = mixture_gaussian(&discrete, 2, 0.7, 0.2);
    const float x[2] = {0.2f, -0.3f};
    const double time = 0.2, at[2] = {(double)x[0], (double)x[1]};
    const int32_t picture = 0;
    const pal_level l = pal_level_at(&discrete, time);
    double with[2], without[2], second[2], unused[2];
    float eps[2], head[2];
    mixture_moments(&right, &l, at, with, second);
    mixture_moments(&both, &l, at, without, unused);
    for (double scale = 0.0; scale < 4.0; scale += 0.5) {
        unsigned char memory[64 * 4];
        pal_guidance g = {mixture_predictor(&right, true), mixture_predictor(&both, true), scale, NULL};
        pal_arena arena = pal_arena_in(memory);
        assert_int_equal(pal_guidance_check(&g, NULL), PAL_OK);
        pal_guidance_layout(&g, 1, &arena);
        const pal_noise_predictor p = pal_guidance_predictor(&g);
        right.evaluations = both.evaluations = 0;
        p.evaluate(p.context, &(pal_noise_query){1, &picture, &time, x, PAL_HEAD_SECOND_MOMENT, eps, head});
        assert_true(p.guided == (scale != 1.0) && p.product == NULL);
        assert_int_equal(both.evaluations, scale == 1.0 ? 0 : 1);
        for (int i = 0; i < 2; i++) {
            double guided = without[i] + scale * (with[i] - without[i]);
            assert_true(fabs((double)eps[i] - guided) < 1e-5);
            double variance = (double)head[i] - (double)eps[i] * (double)eps[i];
            assert_true(fabs(variance - (second[i] - with[i] * with[i])) < 1e-4);
        }
        p.evaluate(p.context, &(pal_noise_query){1, &picture, &time, x, PAL_HEAD_NONE, eps, NULL});
        for (int i = 0; i < 2; i++)
            assert_true(fabs((double)eps[i] - (without[i] + scale * (with[i] - without[i]))) < 1e-5);
    }
}

static void guidance_out_of_range_is_refused(void **state)
{
    (void)state;
    mixture a = mixture_gaussian(&discrete, 2, 0.7, 0.2), b = mixture_gaussian(&discrete, 3, 0.7, 0.2);
    pal_guidance g = {mixture_predictor(&a, false), mixture_predictor(&a, false), 1.0, NULL};
    const double bad[] = {-1.0, 101.0, NAN};
    for (int i = 0; i < 3; i++) {
        g.scale = bad[i];
        assert_int_equal(pal_guidance_check(&g, NULL), PAL_E_OPTION);
    }
    g.scale = 2.0;
    g.without = mixture_predictor(&b, false);
    assert_int_equal(pal_guidance_check(&g, NULL), PAL_E_OPTION);
    g.without.evaluate = NULL;
    assert_int_equal(pal_guidance_check(&g, NULL), PAL_E_OPTION);
    g.without = mixture_predictor(&a, false);
    g.with.evaluate = NULL;
    assert_int_equal(pal_guidance_check(&g, NULL), PAL_E_OPTION);
}

/* ---- options ---------------------------------------------------------------------------------------- */

static void names_find_their_samplers(void **state)
{
    (void)state;
    for (int i = 0; i < PAL_IMAGE_SAMPLERS; i++) {
        pal_image_sampler found = PAL_IMAGE_SAMPLERS;
        assert_true(pal_image_sampler_find(pal_image_sampler_name((pal_image_sampler)i), &found));
        assert_int_equal(found, i);
    }
    pal_image_sampler found;
    assert_null(pal_image_sampler_name(PAL_IMAGE_SAMPLERS));
    assert_false(pal_image_sampler_find("ddp", &found));
}

static const uint8_t picture_1[1] = {191}, mask_1[1] = {0};
static const double two_times[2] = {1.0, 0.5};

/* Every option out of its range, and every one that its sampler has no use for.  `word` stands in the text. */
#define REFUSED(of, word_, ...)                                                                                        \
    {                                                                                                                  \
        pal_image_options o = pal_image_defaults(of);                                                                  \
        __VA_ARGS__;                                                                                                   \
        refused(&o, &whole, word_);                                                                                    \
    }

static void refused(const pal_image_options *o, const pal_noise_predictor *p, const char *word)
{
    pal_error err = {PAL_OK, "", 0};
    assert_int_equal(pal_denoise_check(o, p, &discrete, &err), PAL_E_OPTION);
    assert_int_equal(err.status, PAL_E_OPTION);
    if (!strstr(err.text, word)) fail_msg("%s: %s", word, err.text);
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    const pal_noise_predictor whole = mixture_predictor(&data, false);
    REFUSED((pal_image_sampler)99, "no such sampler", (void)0)
    REFUSED(PAL_IMAGE_DDPM, "steps must lie", o.steps = 0)
    REFUSED(PAL_IMAGE_DDPM, "steps must lie", o.steps = -3)
    REFUSED(PAL_IMAGE_DDPM, "more steps", o.steps = 1001)
    REFUSED(PAL_IMAGE_REVERSE_SDE, "steps must lie", (o.process = PAL_PROCESS_VE, o.steps = 65537))
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "at least 100", o.steps = 99)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "iterations", o.iterations = 0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "langevin step", o.langevin_step = 0.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "langevin step", o.langevin_step = 1.1)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "negative", o.sigma_max = -1.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "negative", o.sigma_min = (double)NAN)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "ends with", o.sigma_max = 200.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "begins with", o.sigma_min = 0.001)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "exceed", (o.sigma_min = 2.0, o.sigma_max = 1.0))
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "correctors", o.correctors = -1)
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "snr", o.snr = 0.0)
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "snr", o.snr = (double)NAN)
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "no such process", o.process = (pal_image_process)2)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "tolerance", o.tolerance = 0.0)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "tolerance", o.tolerance = (double)NAN)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "finds its own", o.steps = 10)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "no such solver", o.solver = (pal_image_solver)2)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "steps must lie", o.solver = PAL_FLOW_HEUN)
    REFUSED(PAL_IMAGE_DDPM, "no such variance", o.variance = (pal_image_variance)2)
    REFUSED(PAL_IMAGE_DDIM, "eta must", o.eta = -0.1)
    REFUSED(PAL_IMAGE_DDIM, "eta must", o.eta = 1.1)
    REFUSED(PAL_IMAGE_SN_DDPM, "clip-pixel must", o.clip_pixel = -1.0)
    REFUSED(PAL_IMAGE_SN_DDPM, "clip-pixel must", o.clip_pixel = (double)NAN)
    REFUSED(PAL_IMAGE_DDPM, "no such grid", o.grid = (pal_image_grid)7)
    REFUSED(PAL_IMAGE_DDPM, "needs the times", (o.grid = PAL_GRID_GIVEN, o.steps = 2))
    REFUSED(PAL_IMAGE_DDPM, "the grid is another", (o.times = two_times, o.steps = 2))
    REFUSED(PAL_IMAGE_DDPM, "both", o.known = picture_1)
    REFUSED(PAL_IMAGE_DDPM, "both", o.mask = mask_1)
    REFUSED(PAL_IMAGE_DDPM, "resample must", (o.known = picture_1, o.mask = mask_1, o.resample = 0))
}

static void options_without_use_are_refused(void **state)
{
    (void)state;
    const pal_noise_predictor whole = mixture_predictor(&data, false);
    REFUSED(PAL_IMAGE_DDPM, "iterations is", o.iterations = 2)
    REFUSED(PAL_IMAGE_DDPM, "langevin step is", o.langevin_step = 0.1)
    REFUSED(PAL_IMAGE_DDPM, "correctors is", o.correctors = 2)
    REFUSED(PAL_IMAGE_DDPM, "snr is", o.snr = 0.1)
    REFUSED(PAL_IMAGE_DDPM, "solver is", o.solver = PAL_FLOW_HEUN)
    REFUSED(PAL_IMAGE_DDPM, "tolerance is", o.tolerance = 1e-3)
    REFUSED(PAL_IMAGE_DDPM, "process is", o.process = PAL_PROCESS_VE)
    REFUSED(PAL_IMAGE_DDPM, "sigma-max and sigma-min are", o.sigma_max = 10.0)
    REFUSED(PAL_IMAGE_REVERSE_SDE, "sigma-max and sigma-min are", o.sigma_min = 0.1)
    REFUSED(PAL_IMAGE_DDPM, "eta is", o.eta = 0.5)
    REFUSED(PAL_IMAGE_DDIM, "variance is", o.variance = PAL_VARIANCE_LARGE)
    REFUSED(PAL_IMAGE_DPM_SOLVER, "clip-pixel is", o.clip_pixel = 2.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "grid of times has no use", o.grid = PAL_GRID_QUADRATIC)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "grid of times has no use", o.grid = PAL_GRID_QUADRATIC)
    REFUSED(PAL_IMAGE_REVERSE_SDE, "grid of times has no use",
            (o.process = PAL_PROCESS_VE, o.grid = PAL_GRID_QUADRATIC))
    REFUSED(PAL_IMAGE_DDPM, "resample has no use", o.resample = 2)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "resamples by iterations",
            (o.known = picture_1, o.mask = mask_1, o.resample = 2))
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "resamples by correctors",
            (o.known = picture_1, o.mask = mask_1, o.resample = 2))
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "take ddpm", (o.known = picture_1, o.mask = mask_1))
    REFUSED(PAL_IMAGE_DPM_SOLVER, "take ddpm", (o.known = picture_1, o.mask = mask_1))
}

static void a_model_without_what_a_sampler_needs_is_refused_by_name(void **state)
{
    (void)state;
    pal_noise_predictor bare = mixture_predictor(&data, false);
    bare.has_second_moment = bare.has_residual = false;
    bare.gammas = 0;
    for (int i = 0; i < PAL_IMAGE_SAMPLERS; i++) {
        const pal_image_options o = pal_image_defaults((pal_image_sampler)i);
        const char *name = pal_image_sampler_name(o.sampler);
        if (strncmp(name, "sn", 2) == 0) {
            refused(&o, &bare, "second-moment");
        } else if (strncmp(name, "npr", 3) == 0) {
            refused(&o, &bare, "squared-residual");
        } else if (strncmp(name, "analytic", 8) == 0) {
            refused(&o, &bare, "Gamma");
        } else {
            assert_int_equal(pal_denoise_check(&o, &bare, &discrete, NULL), PAL_OK);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_one_evaluation_and_can_be_looked_at),
        cmocka_unit_test(pictures_do_not_depend_on_their_batch),
        cmocka_unit_test(pictures_have_the_same_bits_on_every_target),
        cmocka_unit_test(samplers_start_from_the_same_noise),
        cmocka_unit_test(known_parts_are_kept_and_the_rest_agrees_with_them),
        cmocka_unit_test(known_parts_have_the_noise_of_their_level),
        cmocka_unit_test(resampling_brings_the_rest_closer_to_the_known),
        cmocka_unit_test(an_empty_mask_changes_nothing_and_a_full_one_everything),
        cmocka_unit_test(guidance_combines_two_predictions),
        cmocka_unit_test(guidance_out_of_range_is_refused),
        cmocka_unit_test(names_find_their_samplers),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(options_without_use_are_refused),
        cmocka_unit_test(a_model_without_what_a_sampler_needs_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
