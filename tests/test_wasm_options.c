/* test_wasm_options.c - numbers from JavaScript (wasm/options.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../wasm/options.h"

/* Regression: NaN was converted, which C does not define and WebAssembly traps on. */
static void numbers_outside_int32_stay_absurd(void **state)
{
    (void)state;
    static const struct {
        double x;
        int32_t whole;
    } cases[] = {
        {NAN, INT32_MIN},
        {-NAN, INT32_MIN},
        {INFINITY, INT32_MAX},
        {-INFINITY, INT32_MIN},
        {2147483647.0, INT32_MAX},
        {2147483646.9, 2147483646},
        {2147483648.0, INT32_MAX},
        {-2147483647.9, -2147483647},
        {-2147483648.0, INT32_MIN},
        {-2147483649.0, INT32_MIN},
        {1e300, INT32_MAX},
        {-1e300, INT32_MIN},
        {-0.5, 0},
        {41.9, 41},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_int_equal(cases[i].whole, whole(cases[i].x));
}

static void nan_stands_for_the_default(void **state)
{
    (void)state;
    int32_t count = 7;
    bool flag = true;
    double ratio = 0.5;
    take_int(&count, NAN), take_bool(&flag, NAN), take_double(&ratio, NAN);
    assert_true(count == 7 && flag && ratio == 0.5);
    take_int(&count, 8.0), take_bool(&flag, 0.0), take_double(&ratio, -1.0);
    assert_true(count == 8 && !flag && ratio == -1.0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_outside_int32_stay_absurd),
        cmocka_unit_test(nan_stands_for_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
