/* test_say.c - formatting texts with names and numbers: equals snprintf, for any buffer size. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/say.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static void texts_are_those_of_snprintf_and_cut_where_it_cuts(void **state)
{
    (void)state;
    const unsigned long long numbers[] = {0, 7, 10, 4294967295, 4294967296, UINT64_MAX};
    const int signed_numbers[] = {0, -1, 42, INT_MIN, INT_MAX};
    for (size_t capacity = 1; capacity < 80; capacity++)
        for (int i = 0; i < 30; i++) {
            char ours[96], theirs[96];
            memset(ours, 'x', sizeof ours);
            pal_say(ours, capacity, "a %s, %d of %llu (%u)%s", i % 2 ? "name" : "", signed_numbers[i % 5],
                    numbers[i % 6], UINT_MAX - (unsigned)i, "!");
            snprintf(theirs, capacity, "a %s, %d of %llu (%u)%s", i % 2 ? "name" : "", signed_numbers[i % 5],
                     numbers[i % 6], UINT_MAX - (unsigned)i, "!");
            assert_string_equal(ours, theirs);
            for (size_t at = capacity; at < sizeof ours; at++) assert_int_equal(ours[at], 'x');
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_are_those_of_snprintf_and_cut_where_it_cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
