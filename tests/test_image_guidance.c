/* test_image_guidance.c - drawing pictures with guidance, and the options of drawings. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drawing_testing.h"

#include <math.h>
#include <string.h>

/* ---- guidance --------------------------------------------------------------------------------------- */

/* The two "labels" are the two modes; without a label the network predicts for the mixture. */
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
        pal_image_options o = pal_image_defaults(PAL_IMAGE_DDPM);
        o.guidance = bad[i];
        assert_int_equal(pal_denoise_check(&o, &g.with, &discrete, NULL), PAL_E_OPTION);
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

/* Every option out of its range, and every option that its sampler does not use.  The error text contains `word`. */
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
    REFUSED((pal_image_sampler)99, "unknown sampler", (void)0)
    REFUSED(PAL_IMAGE_DDPM, "steps must be", o.steps = 0)
    REFUSED(PAL_IMAGE_DDPM, "steps must be", o.steps = -3)
    REFUSED(PAL_IMAGE_DDPM, "more steps", o.steps = 1001)
    REFUSED(PAL_IMAGE_REVERSE_SDE, "steps must be", (o.process = PAL_PROCESS_VE, o.steps = 65537))
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "at least 100", o.steps = 99)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "iterations", o.iterations = 0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "langevin-step must be", o.langevin_step = 0.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "langevin-step must be", o.langevin_step = 1.1)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "sigma-max must be at least 0", o.sigma_max = -1.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "sigma-min must be at least 0", o.sigma_min = (double)NAN)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "above the largest", o.sigma_max = 200.0)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "below the smallest", o.sigma_min = 0.001)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "not be above", (o.sigma_min = 2.0, o.sigma_max = 1.0))
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "correctors", o.correctors = -1)
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "snr", o.snr = 0.0)
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "snr", o.snr = (double)NAN)
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "process must be vp or ve", o.process = (pal_image_process)2)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "tolerance", o.tolerance = 0.0)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "tolerance", o.tolerance = (double)NAN)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "chooses its own", o.steps = 10)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "solver must be rk45 or heun", o.solver = (pal_image_solver)2)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "steps must be", o.solver = PAL_FLOW_HEUN)
    REFUSED(PAL_IMAGE_DDPM, "variance must be small or large", o.variance = (pal_image_variance)2)
    REFUSED(PAL_IMAGE_DDIM, "eta must", o.eta = -0.1)
    REFUSED(PAL_IMAGE_DDIM, "eta must", o.eta = 1.1)
    REFUSED(PAL_IMAGE_SN_DDPM, "clip-pixel must", o.clip_pixel = -1.0)
    REFUSED(PAL_IMAGE_SN_DDPM, "clip-pixel must", o.clip_pixel = (double)NAN)
    REFUSED(PAL_IMAGE_DDPM, "grid must be even or quadratic", o.grid = (pal_image_grid)7)
    REFUSED(PAL_IMAGE_DDPM, "needs a list of times", (o.grid = PAL_GRID_GIVEN, o.steps = 2))
    REFUSED(PAL_IMAGE_DDPM, "another grid is chosen", (o.times = two_times, o.steps = 2))
    REFUSED(PAL_IMAGE_DDPM, "both", o.known = picture_1)
    REFUSED(PAL_IMAGE_DDPM, "both", o.mask = mask_1)
    REFUSED(PAL_IMAGE_DDPM, "resample must", (o.known = picture_1, o.mask = mask_1, o.resample = 0))
}

static void options_without_use_are_refused(void **state)
{
    (void)state;
    const pal_noise_predictor whole = mixture_predictor(&data, false);
    REFUSED(PAL_IMAGE_DDPM, "iterations is", o.iterations = 2)
    REFUSED(PAL_IMAGE_DDPM, "langevin-step is", o.langevin_step = 0.1)
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
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "grid cannot be used here", o.grid = PAL_GRID_QUADRATIC)
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "grid cannot be used here", o.grid = PAL_GRID_QUADRATIC)
    REFUSED(PAL_IMAGE_REVERSE_SDE, "grid cannot be used here",
            (o.process = PAL_PROCESS_VE, o.grid = PAL_GRID_QUADRATIC))
    REFUSED(PAL_IMAGE_DDPM, "resample needs a picture", o.resample = 2)
    REFUSED(PAL_IMAGE_ANNEALED_LANGEVIN, "resample cannot be used with annealed-langevin",
            (o.known = picture_1, o.mask = mask_1, o.resample = 2))
    REFUSED(PAL_IMAGE_PREDICTOR_CORRECTOR, "resample cannot be used with predictor-corrector",
            (o.known = picture_1, o.mask = mask_1, o.resample = 2))
    REFUSED(PAL_IMAGE_PROBABILITY_FLOW, "use a ddpm", (o.known = picture_1, o.mask = mask_1))
    REFUSED(PAL_IMAGE_DPM_SOLVER, "use a ddpm", (o.known = picture_1, o.mask = mask_1))
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
        cmocka_unit_test(guidance_combines_two_predictions),
        cmocka_unit_test(guidance_out_of_range_is_refused),
        cmocka_unit_test(names_find_their_samplers),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(options_without_use_are_refused),
        cmocka_unit_test(a_model_without_what_a_sampler_needs_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
