/* The Lab's field of arrows against differences of the density, and its paths. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab_testing.h"

enum { ARROWS = 289, PLACE = 0, SCORE = 2, DENSITY = 4, FLOW, LANGEVIN = 11, CLEAN = 17, NOISED = 19, STEPS = 100 };

static double density_at(double x, double y, double alpha)
{
    const double v = alpha * 0.16 + 1 - alpha, far = 2 * sqrt(alpha),
                 first = (x + far) * (x + far) + (y + far / 2) * (y + far / 2);
    const double second = (x - far) * (x - far) + (y - far / 2) * (y - far / 2);
    return (0.7 * exp(-first / (2 * v)) + 0.3 * exp(-second / (2 * v))) / (2 * 3.141592653589793 * v);
}

static void arrows_are_the_slope_of_the_log_density(void **state)
{
    (void)state;
    lab_run r = lab_finished(&pal_lab_field, NULL, 0);
    const double alpha = exp(-0.5 * 0.04 * 19.9 - 0.02), h = 1e-5;
    for (int a = 0; a < ARROWS; a++) {
        const double x = lab_values(&r, PLACE)[a], y = lab_values(&r, PLACE + 1)[a];
        assert_true(fabs(lab_values(&r, DENSITY)[a] - density_at(x, y, alpha)) < 1e-14);
        const double by_x = (log(density_at(x + h, y, alpha)) - log(density_at(x - h, y, alpha))) / (2 * h);
        const double by_y = (log(density_at(x, y + h, alpha)) - log(density_at(x, y - h, alpha))) / (2 * h);
        assert_true(fabs(lab_values(&r, SCORE)[a] - by_x) < 1e-6 && fabs(lab_values(&r, SCORE + 1)[a] - by_y) < 1e-6);
    }
    lab_free(&r);
}

static void paths_end_in_a_mode(void **state)
{
    (void)state;
    lab_run r = lab_finished(&pal_lab_field, NULL, 0);
    for (int path = 0; path < 6; path++) {
        const double x = lab_values(&r, FLOW + 2 * path)[STEPS], y = lab_values(&r, FLOW + 2 * path + 1)[STEPS];
        const double side = x < 0 ? -1 : 1; /* five times the spread of a mode */
        assert_true(hypot(x - 2 * side, y - side) < 2.0);
    }
    double left = 0;
    for (int i = 0; i < 300; i++) left += lab_values(&r, CLEAN)[i] < 0;
    assert_true(fabs(left / 300 - 0.7) < 0.13); /* 5 standard deviations */
    lab_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrows_are_the_slope_of_the_log_density),
        cmocka_unit_test(paths_end_in_a_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
