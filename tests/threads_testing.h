/* threads_testing.h - the numbers of threads that tests compare with one, for test_team.c, test_shared.c and
 * test_threads.c.  Include cmocka.h first.
 *
 * Two, unless PAL_TEST_THREADS names others: the ctest preset `threads` sets it to "2 3 7". */
#ifndef PAL_THREADS_TESTING_H
#define PAL_THREADS_TESTING_H

#include "core/team.h"

#include <stdlib.h>

enum { MAX_NUMBERS = 8 };

/* Calls test(context, number) for each number of threads. */
typedef void with_threads(void *context, int threads);

static inline void for_each_number(with_threads *test, void *context)
{
    const char *at = getenv("PAL_TEST_THREADS");
    for (at = at && *at ? at : "2"; *at;) {
        char *end;
        const long number = strtol(at, &end, 10);
        assert_true(end > at && number >= 1 && number <= PAL_MAX_THREADS);
        test(context, (int)number);
        for (at = end; *at == ' ';) at++;
    }
}

/* A team that divides all work, however little. */
static inline pal_team *start_team(int threads)
{
    pal_team *team;
    assert_int_equal(pal_team_start(&team, threads, NULL), PAL_OK);
    assert_int_equal(pal_team_threads(team), PAL_HAVE_THREADS ? threads : 1);
    pal_team_set_min_work(team, 0);
    return team;
}

#endif
