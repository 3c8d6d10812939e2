/* test_self_check.c - the check that a page makes of its engine: it passes with every instruction set here.  (That it
 * fails where an instruction computes wrongly is tests/web/engines.test.mjs's to show.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_inputs.h"
#include "kernels/self_check.h"

static void self_check_every_variant_passes(void **state)
{
    (void)state;
    skip_without_variants();
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) assert_true(pal_self_check(k.isa) && pal_self_check_pictures(k.isa));
}

static void self_check_all_of_the_machine_passes(void **state)
{
    (void)state;
    assert_true(pal_self_check(pal_cpu_isa()));
    assert_true(pal_self_check_pictures(pal_cpu_isa()));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(self_check_every_variant_passes),
        cmocka_unit_test(self_check_all_of_the_machine_passes),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
