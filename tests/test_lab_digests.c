/* The Lab's figures have the same bits on every target: a digest of all of them, for each calculation with small settings.  These
 * digests change if a calculation changes; the test prints the new ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab_testing.h"

#include <string.h>

/* FNV-1a over the bytes of all figures. */
static uint64_t digest_of(const lab_run *r)
{
    uint64_t digest = 0xcbf29ce484222325u;
    for (int which = 0; which < PAL_LAB_FIGURES; which++) {
        const size_t bytes = (size_t)r->job->figures[which].count * sizeof(double);
        const unsigned char *at = (const unsigned char *)lab_values(r, which);
        for (size_t i = 0; i < bytes; i++) digest = (digest ^ at[i]) * 0x100000001b3u;
    }
    return digest;
}

static void figures_have_the_same_bits_everywhere(void **state)
{
    (void)state;
    static const struct {
        const pal_lab_kind *kind;
        double options[PAL_LAB_OPTIONS];
        int32_t count;
        uint64_t digest;
    } runs[] = {{&pal_lab_exactness, {500, 3, 0.35, 1, 1}, 5, 0x03975167eff9a237u},
                {&pal_lab_chain, {5, 2, 3, 1, 4, 0.8, 0, 50, 1}, 9, 0x56af9ca0ff8cab67u},
                {&pal_lab_density, {0.8, 3, 0.2, 0.15, 20, 100, 50, 1}, 8, 0x7b5db17f2846fee9u},
                {&pal_lab_field, {0.7, 2, 0.4, 0.2, 100, 1}, 6, 0xd6193e4cd770db06u},
                {&pal_lab_histogram, {300, 1000, 32, 100, 1}, 5, 0x8c568a9102a7c4b2u},
                {&pal_lab_alarm,
                 {0.001, 0.002, 0.95, 0.94, 0.29, 0.001, 0.9, 0.05, 0.7, 0.01, 2000, 1},
                 12,
                 0x11de7b0df8ca13ddu},
                {&pal_lab_race, {1000, 1, 1024, 24}, 4, 0xe68e6216d513ef55u}};
    int wrong = 0;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        lab_run r = lab_finished(runs[i].kind, runs[i].options, runs[i].count);
        const uint64_t digest = digest_of(&r);
        if (digest != runs[i].digest) {
            print_message("%s: 0x%08x%08xu\n", runs[i].kind->name, (unsigned)(digest >> 32), (unsigned)digest);
            wrong++;
        }
        lab_free(&r);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_have_the_same_bits_everywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
