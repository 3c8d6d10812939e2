/* The Lab's distances by evaluations: the numbers of the reference check C16, computed by another program (numpy). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab_testing.h"

enum { ROWS = 12, GRID = 1201 };

static void distances_are_those_of_the_reference(void **state)
{
    (void)state;
    static const struct {
        int row;
        double distance[4];
    } known[] = {{0, {0.387, 0.202, 0.094, 0.053}},  {1, {0.380, 0.155, 0.055, 0.027}},
                 {2, {0.360, 0.096, 0.030, 0.014}},  {4, {0.219, 0.039, 0.0077, 0.0025}},
                 {5, {0.318, 0.130, 0.048, 0.023}},  {6, {0.354, 0.082, 0.031, 0.016}},
                 {8, {0.208, 0.031, 0.0075, 0.0025}}};
    static const int evaluations[4] = {5, 10, 25, 50};
    lab_run r = lab_finished(&pal_lab_steps, NULL, 0);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (int k = 0; k < 4;
             k++) { /* the reference is printed with three digits after the point, below 0.01 with four */
            const double found = lab_values(&r, known[i].row)[k], wanted = known[i].distance[k];
            if (!(fabs(found - wanted) <= (wanted < 0.01 ? 0.6e-4 : 0.6e-3)))
                fail_msg("row %d, %d steps: %.5f, not %.4f", known[i].row, evaluations[k], found, wanted);
        }
    for (int k = 0; k < 4; k++) { /* with an exact mean both optimal variances are equal */
        assert_true(fabs(lab_values(&r, 3)[k] - lab_values(&r, 4)[k]) < 1e-5);
        assert_true(fabs(lab_values(&r, 7)[k] - lab_values(&r, 8)[k]) < 1e-5);
        assert_true(lab_values(&r, ROWS)[k] == evaluations[k]);
    }
    for (int row = 0; row < ROWS; row++)
        for (int k = 1; k < 4; k++) assert_true(lab_values(&r, row)[k] < lab_values(&r, row)[k - 1]);

    double sum = 0.0;
    for (int i = 0; i < GRID; i++) sum += lab_values(&r, 26)[i];
    assert_true(fabs(sum - 1.0) < 1e-12);
    lab_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(distances_are_those_of_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
