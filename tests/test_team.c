/* test_team.c - a team computes every tile once, on threads that sleep when there is nothing to do. */
#if !defined(__wasm__)
#define _POSIX_C_SOURCE 200809L
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/team.h"
#include "threads_testing.h"

#include <string.h>
#include <time.h>

enum { MAX_TILES = 4096 };

typedef struct {
    int threads, tiles;
    int count[MAX_TILES];        /* times that a tile was computed; threads write different elements */
    int inside[PAL_MAX_THREADS]; /* 1 while a call with this number runs: scratch memory of a thread */
    int calls[PAL_MAX_THREADS];
    int overlaps[PAL_MAX_THREADS];
} work;

static void count_tiles(void *context, int from, int to, int thread)
{
    work *w = context;
    w->overlaps[thread] += w->inside[thread];
    w->inside[thread] = 1;
    for (int tile = from; tile < to; tile++) w->count[tile]++;
    w->calls[thread]++;
    w->inside[thread] = 0;
}

static void check_work(work *w, int times)
{
    for (int tile = 0; tile < MAX_TILES; tile++) assert_int_equal(w->count[tile], tile < w->tiles ? times : 0);
    for (int thread = 0; thread < PAL_MAX_THREADS; thread++) {
        assert_int_equal(w->overlaps[thread], 0);
        if (thread >= w->threads) assert_int_equal(w->calls[thread], 0);
    }
}

static void a_team_of_one_is_null(void **state)
{
    (void)state;
    pal_team *team = (pal_team *)(void *)state;
    work w = {.threads = 1, .tiles = 5};
    assert_int_equal(pal_team_start(&team, 1, NULL), PAL_OK);
    assert_null(team);
    assert_int_equal(pal_team_threads(NULL), 1);
    assert_false(pal_team_gains(NULL, SIZE_MAX));
    pal_team_run(NULL, count_tiles, &w, w.tiles);
    check_work(&w, 1);
    assert_int_equal(w.calls[0], 1); /* without a team all tiles are one call */
    pal_team_end(NULL);
}

static void run_all_counts(void *context, int threads)
{
    static const int counts[] = {1, 2, 3, 7, 8, 63, 64, 100, 1000, MAX_TILES};
    pal_team *team = start_team(threads);
    (void)context;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        work w = {.threads = threads, .tiles = counts[i]};
        for (int run = 0; run < 20; run++) pal_team_run(team, count_tiles, &w, w.tiles);
        check_work(&w, 20);
    }
    pal_team_end(team);
}

static void every_tile_is_computed_once(void **state)
{
    (void)state;
    for_each_number(run_all_counts, NULL);
}

static void only_large_work_is_divided(void **state)
{
    (void)state;
    pal_team *team;
    assert_int_equal(pal_team_start(&team, 2, NULL), PAL_OK);
    assert_false(pal_team_gains(team, 1000));
    assert_int_equal(pal_team_gains(team, SIZE_MAX), PAL_HAVE_THREADS);
    pal_team_set_min_work(team, 0);
    assert_int_equal(pal_team_gains(team, 0), PAL_HAVE_THREADS);
    pal_team_end(team);
}

/* ---- with threads --------------------------------------------------------------------------------- */

#if PAL_HAVE_THREADS

#include <pthread.h>

static void sleep_milliseconds(long n)
{
    nanosleep(&(struct timespec){.tv_sec = n / 1000, .tv_nsec = n % 1000 * 1000000}, NULL);
}

static void run_many(void *context, int threads)
{
    pal_team *team = start_team(threads);
    work w = {.threads = threads, .tiles = 9};
    (void)context;
    for (int run = 0; run < 20000; run++) {
        pal_team_run(team, count_tiles, &w, w.tiles);
        if (run % 1000 == 0) sleep_milliseconds(1); /* the threads sleep, and are woken */
    }
    check_work(&w, 20000);
    pal_team_end(team);
}

static void threads_sleep_and_are_woken(void **state)
{
    (void)state;
    for_each_number(run_many, NULL);
}

static void idle_threads_use_no_processor(void **state)
{
    (void)state;
    pal_team *team = start_team(3);
    work w = {.threads = 3, .tiles = 9};
    pal_team_run(team, count_tiles, &w, w.tiles);
    const clock_t before = clock();
    sleep_milliseconds(300);
    const double used = (double)(clock() - before) / CLOCKS_PER_SEC;
    pal_team_end(team);
    if (used > 0.1) fail_msg("two idle threads used %.3f s of 0.3 s", used); /* spinning would use 0.3 to 0.6 s */
}

static void teams_end_at_any_time(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        work w = {.threads = 4, .tiles = i % 40};
        pal_team *team = start_team(4);
        if (w.tiles) pal_team_run(team, count_tiles, &w, w.tiles);
        check_work(&w, 1);
        pal_team_end(team);
    }
}

typedef struct {
    pal_team *team;
    work w;
} user;

enum { USES = 3000 };

static void *use_team(void *context)
{
    user *u = context;
    for (int run = 0; run < USES; run++) pal_team_run(u->team, count_tiles, &u->w, u->w.tiles);
    return NULL;
}

/* Threads of a program that share a model share its team: what they compute is as with one of them. */
static void several_users_have_their_own_results(void **state)
{
    (void)state;
    enum { USERS = 3 };
    static user users[USERS];
    pthread_t id[USERS];
    pal_team *team = start_team(3);
    for (int i = 0; i < USERS; i++) {
        users[i] = (user){team, {.threads = 3, .tiles = 10 + i}};
        assert_int_equal(pthread_create(&id[i], NULL, use_team, &users[i]), 0);
    }
    for (int i = 0; i < USERS; i++) pthread_join(id[i], NULL);
    for (int i = 0; i < USERS; i++) check_work(&users[i].w, USES);
    pal_team_end(team);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_team_of_one_is_null),
        cmocka_unit_test(every_tile_is_computed_once),
        cmocka_unit_test(only_large_work_is_divided),
#if PAL_HAVE_THREADS
        cmocka_unit_test(threads_sleep_and_are_woken),
        cmocka_unit_test(idle_threads_use_no_processor),
        cmocka_unit_test(teams_end_at_any_time),
        cmocka_unit_test(several_users_have_their_own_results),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
