/* test_image_schedule.c - noise schedules, grids of times, and the random numbers of pictures. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/likelihood.h"
#include "mixture.h"

static unsigned char block[1 << 20];

/* One at a time: the next schedule uses the same memory. */
static pal_schedule discrete(int32_t steps)
{
    pal_schedule s;
    pal_arena arena = pal_arena_in(block);
    assert_int_equal(pal_schedule_layout(&s, steps, &arena, NULL), PAL_OK);
    assert_true(arena.used + PAL_ARENA_SLACK <= sizeof block);
    return s;
}

static pal_schedule linear(int32_t steps)
{
    pal_schedule s = discrete(steps);
    assert_int_equal(pal_schedule_linear(&s, 1e-4, 0.02, NULL), PAL_OK);
    return s;
}

static pal_schedule continuous(void)
{
    pal_schedule s;
    assert_int_equal(pal_schedule_vp(&s, 0.1, 20.0, 1e-3, NULL), PAL_OK);
    return s;
}

static bool near(double a, double b, double relative)
{
    return fabs(a - b) <= relative * (fabs(a) > fabs(b) ? fabs(a) : fabs(b));
}

/* ---- schedules -------------------------------------------------------------------------------------- */

static void linear_schedule_is_the_product_of_its_betas(void **state)
{
    (void)state;
    const pal_schedule s = linear(1000);
    long double alpha = 1.0L;
    for (int32_t n = 1; n <= 1000; n++) {
        alpha *= 1.0L - (1e-4L + (0.02L - 1e-4L) * (n - 1) / 999);
        const pal_level l = pal_level_at(&s, n / 1000.0);
        /* a sum of up to 1000 logarithms, each good to an ulp */
        assert_true(near(l.alpha, (double)alpha, 1e-12));
        assert_true(near(l.beta, (double)(1.0L - alpha), 1e-12));
        assert_true(
            near(pal_schedule_rate(&s, n / 1000.0), -1000.0 * log1p(-(1e-4 + (0.02 - 1e-4) * (n - 1) / 999)), 1e-9));
    }
}

static void cosine_schedule_follows_its_definition_with_betas_capped(void **state)
{
    (void)state;
    pal_schedule s = discrete(1000);
    const double half_pi = 1.5707963267948966, at_0 = cos(0.008 / 1.008 * half_pi);
    pal_schedule_cosine(&s);
    for (int32_t n = 1; n < 1000; n++) {
        double c = cos((n / 1000.0 + 0.008) / 1.008 * half_pi);
        if (n < 999) assert_true(near(pal_level_at(&s, n / 1000.0).alpha, c * c / (at_0 * at_0), 1e-9));
    }
    const pal_level before = pal_level_at(&s, 0.999), end = pal_level_at(&s, 1.0);
    assert_true(near(end.alpha / before.alpha, 0.001, 1e-9));
}

static void given_schedule_refuses_betas_outside_of_0_to_1(void **state)
{
    (void)state;
    double betas[] = {0.1, 0.5, 0.9};
    const double bad[] = {0.0, 1.0, -0.1, NAN};
    pal_error err;
    pal_schedule s = discrete(3);
    assert_int_equal(pal_schedule_given(&s, betas, NULL), PAL_OK);
    assert_true(near(pal_level_at(&s, 1.0).alpha, 0.9 * 0.5 * 0.1, 1e-14));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        betas[1] = bad[i];
        assert_int_equal(pal_schedule_given(&s, betas, &err), PAL_E_OPTION);
        assert_int_equal(err.offset, 1);
    }
}

static void schedules_out_of_range_are_refused(void **state)
{
    (void)state;
    pal_arena arena = {0};
    pal_schedule s;
    assert_int_equal(pal_schedule_layout(&s, 0, &arena, NULL), PAL_E_OPTION);
    assert_int_equal(pal_schedule_layout(&s, PAL_SCHEDULE_STEPS + 1, &arena, NULL), PAL_E_OPTION);
    s = discrete(10);
    assert_int_equal(pal_schedule_linear(&s, 0.0, 0.02, NULL), PAL_E_OPTION);
    assert_int_equal(pal_schedule_linear(&s, 0.02, 0.01, NULL), PAL_E_OPTION);
    assert_int_equal(pal_schedule_linear(&s, 0.02, 1.0, NULL), PAL_E_OPTION);
    assert_int_equal(pal_schedule_vp(&s, 0.0, 20.0, 1e-3, NULL), PAL_E_OPTION);
    assert_int_equal(pal_schedule_vp(&s, 20.0, 0.1, 1e-3, NULL), PAL_E_OPTION);
    assert_int_equal(pal_schedule_vp(&s, 0.1, 20.0, 0.0, NULL), PAL_E_OPTION);
    assert_int_equal(pal_schedule_vp(&s, 0.1, 20.0, NAN, NULL), PAL_E_OPTION);
}

static void continuous_schedule_is_its_formula_and_near_1000_linear_steps(void **state)
{
    (void)state;
    const pal_schedule c = continuous(), d = linear(1000);
    for (int32_t n = 1; n <= 1000; n++) {
        double t = n / 1000.0;
        const pal_level l = pal_level_at(&c, t);
        assert_true(near(l.beta, -expm1(-0.5 * t * t * 19.9 - 0.1 * t), 1e-14));
        assert_true(near(l.alpha, exp(-0.5 * t * t * 19.9 - 0.1 * t), 1e-14));
        assert_true(near(pal_schedule_rate(&c, t), 0.1 + 19.9 * t, 1e-14));
        /* The steps are the right ends of intervals in which beta(t) rises: their values are slightly larger. */
        assert_true(fabs(pal_level_at(&d, t).alpha - l.alpha) < 0.004);
    }
}

static void levels_are_found_again_from_noise_and_ratio(void **state)
{
    (void)state;
    pal_schedule all[3] = {continuous(), linear(1000), {0}};
    for (int i = 0; i < 2; i++)
        for (double t = 0.0013; t <= 1.0; t += 0.00217) {
            const pal_level l = pal_level_at(&all[i], t), a = pal_level_of(&all[i], l.log_alpha);
            const pal_level b = pal_level_of_sigma(&all[i], pal_level_sigma(&l));
            const pal_level c = pal_level_of_snr(&all[i], pal_level_snr(&l));
            assert_true(near(a.time, t, 1e-12) && near(b.time, t, 1e-12) && near(c.time, t, 1e-12));
            assert_true(near(b.beta, l.beta, 1e-12) && near(c.alpha, l.alpha, 1e-12));
        }
}

static void rate_integrates_to_log_alpha(void **state)
{
    (void)state;
    const pal_schedule s = linear(10);
    double sum = 0.0;
    for (int32_t i = 0; i < 10000; i++) sum -= pal_schedule_rate(&s, (i + 0.5) / 10000) / 10000;
    assert_true(near(sum, pal_level_at(&s, 1.0).log_alpha, 1e-12));
}

/* ---- grids ------------------------------------------------------------------------------------------ */

static pal_level level[1025];

static void even_grid_is_that_of_the_reference_checks(void **state)
{
    (void)state;
    const pal_schedule s = linear(1000);
    const int32_t of_5[] = {1000, 750, 500, 251, 1}; /* 500.5 goes to the even one */
    pal_grid_levels(&s, PAL_GRID_EVEN, NULL, 5, level);
    for (int32_t k = 0; k < 5; k++) assert_int_equal(lround(level[k].time * 1000), of_5[k]);
    assert_true(level[5].time == 0.0 && level[5].alpha == 1.0 && level[5].beta == 0.0 && level[5].log_alpha == 0.0);
    pal_grid_levels(&s, PAL_GRID_EVEN, NULL, 1, level);
    assert_true(level[0].time == 1.0);
}

static void grids_of_any_size_fall_strictly_from_1_to_the_least_time(void **state)
{
    (void)state;
    for (int32_t n = 1; n <= 40; n++) {
        const pal_schedule all[2] = {linear(n), continuous()};
        for (int i = 0; i < 2; i++)
            for (int grid = PAL_GRID_EVEN; grid <= PAL_GRID_QUADRATIC; grid++)
                for (int32_t k = 1; k <= n; k++) {
                    assert_int_equal(pal_grid_check(&all[i], (pal_image_grid)grid, NULL, k, NULL), PAL_OK);
                    pal_grid_levels(&all[i], (pal_image_grid)grid, NULL, k, level);
                    assert_true(level[0].time == 1.0);
                    if (k > 1) assert_true(near(level[k - 1].time, all[i].min_time, 1e-15));
                    for (int32_t j = 1; j < k; j++) assert_true(level[j].time < level[j - 1].time);
                }
    }
}

static void quadratic_grid_is_denser_where_there_is_little_noise(void **state)
{
    (void)state;
    const pal_schedule s = linear(1000);
    pal_grid_levels(&s, PAL_GRID_QUADRATIC, NULL, 11, level);
    assert_int_equal(lround(level[5].time * 1000), 251); /* 1 + 999 / 4 = 250.75 */
}

static void given_grid_is_taken_as_it_is_or_refused(void **state)
{
    (void)state;
    const pal_schedule s = linear(10), c = continuous();
    const double good[] = {0.9, 0.5, 0.1}, rising[] = {0.5, 0.9}, off[] = {0.95, 0.5}, high[] = {1.1, 0.5},
                 zero[] = {0.5, 0.0};
    pal_error err;
    assert_int_equal(pal_grid_check(&s, PAL_GRID_GIVEN, good, 3, NULL), PAL_OK);
    pal_grid_levels(&s, PAL_GRID_GIVEN, good, 3, level);
    for (int k = 0; k < 3; k++) assert_true(level[k].time == good[k]);
    assert_int_equal(pal_grid_check(&s, PAL_GRID_GIVEN, rising, 2, &err), PAL_E_OPTION);
    assert_int_equal(err.offset, 1);
    assert_int_equal(pal_grid_check(&s, PAL_GRID_GIVEN, off, 2, &err), PAL_E_OPTION);
    assert_int_equal(err.offset, 0);
    assert_int_equal(pal_grid_check(&c, PAL_GRID_GIVEN, off, 2, NULL), PAL_OK);
    assert_int_equal(pal_grid_check(&c, PAL_GRID_GIVEN, high, 2, NULL), PAL_E_OPTION);
    assert_int_equal(pal_grid_check(&c, PAL_GRID_GIVEN, zero, 2, NULL), PAL_E_OPTION);
    assert_int_equal(pal_grid_check(&s, PAL_GRID_GIVEN, NULL, 2, NULL), PAL_E_OPTION);
    assert_int_equal(pal_grid_check(&s, PAL_GRID_EVEN, good, 3, NULL), PAL_E_OPTION);
    assert_int_equal(pal_grid_check(&s, PAL_GRID_EVEN, NULL, 11, NULL), PAL_E_OPTION);
    assert_int_equal(pal_grid_check(&s, (pal_image_grid)3, NULL, 3, NULL), PAL_E_OPTION);
}

static void geometric_levels_have_one_ratio(void **state)
{
    (void)state;
    const pal_schedule s = linear(1000);
    pal_grid_geometric(&s, 50.0, 0.02, 100, level);
    assert_true(near(pal_level_sigma(&level[0]), 50.0, 1e-12) && near(pal_level_sigma(&level[99]), 0.02, 1e-12));
    for (int32_t k = 1; k < 100; k++)
        assert_true(
            near(pal_level_sigma(&level[k]) / pal_level_sigma(&level[k - 1]), pow(0.02 / 50.0, 1.0 / 99), 1e-10));
}

/* ---- random numbers --------------------------------------------------------------------------------- */

enum { DRAWS = 200000 };
static float drawn[DRAWS];

/* Kolmogorov and Smirnov's distance stays below 1.95 / sqrt(n) with probability 0.999; the seed is fixed. */
static void normals_follow_the_normal_distribution(void **state)
{
    (void)state;
    double max = 0.0, neighbours = 0.0;
    pal_normals(7, PAL_NOISE_START, 3, 5, DRAWS, drawn);
    for (int32_t i = 1; i < DRAWS; i++) neighbours += (double)drawn[i] * (double)drawn[i - 1] / DRAWS;
    qsort(drawn, DRAWS, sizeof *drawn, mixture_by_value);
    for (int32_t i = 0; i < DRAWS; i++) {
        double p = 0.5 * erfc(-(double)drawn[i] / sqrt(2.0));
        if (fabs(p - (i + 0.5) / DRAWS) > max) max = fabs(p - (i + 0.5) / DRAWS);
    }
    assert_true(max < 1.95 / sqrt(DRAWS));
    assert_true(fabs(neighbours) < 4.0 / sqrt(DRAWS));
    assert_true(drawn[0] < -4.0f && drawn[DRAWS - 1] > 4.0f);
}

static void normals_depend_on_their_address_alone(void **state)
{
    (void)state;
    float a[9], b[9];
    pal_normals(7, PAL_NOISE_MOVE, 3, 5, 9, a);
    pal_normals(7, PAL_NOISE_MOVE, 3, 5, 4, b);
    assert_memory_equal(a, b, 4 * sizeof *a);
    const struct {
        uint64_t seed;
        pal_noise_purpose purpose;
        uint32_t picture, step;
    } other[] = {{8, PAL_NOISE_MOVE, 3, 5},
                 {7 | (uint64_t)1 << 40, PAL_NOISE_MOVE, 3, 5},
                 {7, PAL_NOISE_KNOWN, 3, 5},
                 {7, PAL_NOISE_MOVE, 4, 5},
                 {7, PAL_NOISE_MOVE, 3, 6}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        pal_normals(other[i].seed, other[i].purpose, other[i].picture, other[i].step, 9, b);
        for (int j = 0; j < 9; j++) assert_true(a[j] < b[j] || a[j] > b[j]);
    }
}

static void signs_are_balanced_and_independent_of_their_neighbours(void **state)
{
    (void)state;
    double sum = 0.0, pairs = 0.0;
    pal_signs(7, PAL_NOISE_PROBE, 1, 0, DRAWS, drawn);
    for (int32_t i = 0; i < DRAWS; i++) {
        assert_true(fabsf(drawn[i]) == 1.0f);
        sum += (double)drawn[i];
        if (i) pairs += (double)drawn[i] * (double)drawn[i - 1];
    }
    assert_true(fabs(sum) < 4.0 * sqrt(DRAWS) && fabs(pairs) < 4.0 * sqrt(DRAWS));
}

static void dequantised_bytes_spread_evenly_in_their_interval(void **state)
{
    (void)state;
    static uint8_t bytes[DRAWS];
    double mean = 0.0, squares = 0.0;
    for (int32_t i = 0; i < DRAWS; i++) bytes[i] = (uint8_t)i;
    pal_dequantise(7, 2, 0, bytes, DRAWS, drawn);
    for (int32_t i = 0; i < DRAWS; i++) {
        double u = ((double)drawn[i] + 1.0) * 128.0 - bytes[i];
        assert_true(u >= 0.0 && u < 1.0 && drawn[i] >= -1.0f && drawn[i] < 1.0f);
        mean += u / DRAWS;
        squares += u * u / DRAWS;
    }
    assert_true(fabs(mean - 0.5) < 4.0 * 0.289 / sqrt(DRAWS) && fabs(squares - 1.0 / 3) < 4.0 * 0.298 / sqrt(DRAWS));
}

/* ---- intervals of the normal distribution -------------------------------------------------------------------- */

static double upper(double x)
{
    return 0.5 * erfc(x / sqrt(2.0));
}

static void interval_probabilities_agree_with_erfc(void **state)
{
    (void)state;
    for (double a = -8.0; a < 8.0; a += 0.37)
        for (double width = 0.01; width < 6.0; width *= 1.7) {
            double b = a + width, mine = exp(pal_log_normal_between(a, b));
            double p = a > 0.0 ? upper(a) - upper(b) : b < 0.0 ? upper(-b) - upper(-a) : 1.0 - upper(b) - upper(-a);
            assert_true(near(mine, p, 1e-11)); /* differences of erfc of libm lose digits, too */
        }
    assert_true(near(pal_log_normal_between(37.0, INFINITY), log(upper(37.0)), 1e-13));
    assert_true(near(pal_log_normal_between(-INFINITY, -20.0), log(upper(20.0)), 1e-13));
    assert_true(fabs(pal_log_normal_between(-INFINITY, INFINITY)) < 1e-15);
}

static void interval_probabilities_far_out_stay_finite_and_fall(void **state)
{
    (void)state;
    double before = 0.0;
    for (double a = 1.0; a < 1e6; a *= 3.0) {
        double p = pal_log_normal_between(a, a + 0.5);
        assert_true(isfinite(p) && p < before);
        assert_true(pal_log_normal_between(-a - 0.5, -a) == p);
        before = p;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_schedule_is_the_product_of_its_betas),
        cmocka_unit_test(cosine_schedule_follows_its_definition_with_betas_capped),
        cmocka_unit_test(given_schedule_refuses_betas_outside_of_0_to_1),
        cmocka_unit_test(schedules_out_of_range_are_refused),
        cmocka_unit_test(continuous_schedule_is_its_formula_and_near_1000_linear_steps),
        cmocka_unit_test(levels_are_found_again_from_noise_and_ratio),
        cmocka_unit_test(rate_integrates_to_log_alpha),
        cmocka_unit_test(even_grid_is_that_of_the_reference_checks),
        cmocka_unit_test(grids_of_any_size_fall_strictly_from_1_to_the_least_time),
        cmocka_unit_test(quadratic_grid_is_denser_where_there_is_little_noise),
        cmocka_unit_test(given_grid_is_taken_as_it_is_or_refused),
        cmocka_unit_test(geometric_levels_have_one_ratio),
        cmocka_unit_test(normals_follow_the_normal_distribution),
        cmocka_unit_test(normals_depend_on_their_address_alone),
        cmocka_unit_test(signs_are_balanced_and_independent_of_their_neighbours),
        cmocka_unit_test(dequantised_bytes_spread_evenly_in_their_interval),
        cmocka_unit_test(interval_probabilities_agree_with_erfc),
        cmocka_unit_test(interval_probabilities_far_out_stay_finite_and_fall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
