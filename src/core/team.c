/* team.c - divides tiles among the threads of a team.
 *
 * The caller opens a job, and every thread that is awake joins it and takes tiles from a common counter.  The caller
 * takes tiles too; when there are none left it closes the job, and waits only for threads that have joined.  So a thread
 * that wakes up late, or never started, delays nothing. */
#include "team_state.h"

#if PAL_HAVE_THREADS

enum {
    CHUNKS = 8, /* that each thread takes, if all are equally fast: small enough for threads of different speed */
    MIN_WORK = 1 << 17, /* some microseconds of one thread */
    NUMBERS = ~(PAL_TEAM_NUMBER - 1)
};

void pal_team_init(pal_team *team)
{
    atomic_init(&team->state, 0);
    atomic_init(&team->next, 0);
    atomic_init(&team->asleep, 0);
    atomic_flag_clear(&team->busy);
    team->threads = 1;
    team->min_work = MIN_WORK;
}

void pal_team_set_min_work(pal_team *team, size_t work)
{
    if (team) team->min_work = work;
}

size_t pal_team_min_work(const pal_team *team)
{
    return team->min_work;
}

int pal_team_size(const pal_team *team)
{
    return team->threads;
}

static void wake_if_asleep(pal_team *team)
{
    if (atomic_load(&team->asleep)) pal_team_wake(team);
}

/* Takes tiles until there are none. */
static void take_tiles(pal_team *team, int thread)
{
    const int tiles = team->tiles, chunk = team->chunk;
    for (int from; (from = atomic_fetch_add_explicit(&team->next, chunk, memory_order_relaxed)) < tiles;)
        team->fn(team->context, from, chunk < tiles - from ? from + chunk : tiles, thread);
}

/* ---- the other threads ------------------------------------------------------------------------------ */

/* Joins the job that `state` shows; false: it is closed already. */
static bool join(pal_team *team, unsigned state)
{
    const unsigned number = state & (unsigned)NUMBERS;
    while (state & PAL_TEAM_OPEN && (state & (unsigned)NUMBERS) == number)
        if (atomic_compare_exchange_weak_explicit(&team->state, &state, state + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    return false;
}

/* The last thread that leaves wakes the caller, if that sleeps. */
static void leave(pal_team *team)
{
    const unsigned before = atomic_fetch_sub_explicit(&team->state, 1, memory_order_acq_rel);
    if ((before & PAL_TEAM_INSIDE) != 1 || !(before & PAL_TEAM_WAITED)) return;
    atomic_fetch_and(&team->state, ~(unsigned)PAL_TEAM_WAITED);
    wake_if_asleep(team);
}

void pal_team_work(pal_team *team, int thread)
{
    unsigned seen = 0;
    for (;;) {
        const unsigned state = pal_team_wait(team, (unsigned)NUMBERS | PAL_TEAM_END, seen);
        if (state & PAL_TEAM_END) return;
        seen = state & (unsigned)NUMBERS;
        if (!join(team, state)) continue;
        take_tiles(team, thread);
        leave(team);
    }
}

/* ---- the caller ------------------------------------------------------------------------------------- */

/* The state is stored before `asleep` is read, and a thread that goes to sleep does it the other way round, both in
 * sequentially consistent order: a job is never missed. */
static void open_job(pal_team *team)
{
    const unsigned number = atomic_load_explicit(&team->state, memory_order_relaxed) & (unsigned)NUMBERS;
    atomic_store_explicit(&team->next, 0, memory_order_relaxed);
    atomic_store(&team->state, (number + PAL_TEAM_NUMBER) | PAL_TEAM_OPEN);
    wake_if_asleep(team);
}

/* Waits for the threads that have joined.  The spin is in pal_team_wait: in most jobs no thread has to be woken. */
static void close_job(pal_team *team)
{
    unsigned state = atomic_fetch_and_explicit(&team->state, ~(unsigned)PAL_TEAM_OPEN, memory_order_acq_rel);
    if (!(state & PAL_TEAM_INSIDE)) return;
    state = atomic_fetch_or(&team->state, PAL_TEAM_WAITED);
    if (state & PAL_TEAM_INSIDE)
        pal_team_wait(team, PAL_TEAM_WAITED, PAL_TEAM_WAITED);
    else
        atomic_fetch_and(&team->state, ~(unsigned)PAL_TEAM_WAITED);
}

void pal_team_share(pal_team *team, pal_tiles_fn *fn, void *context, int tiles)
{
    PAL_ASSERT(tiles <= PAL_MAX_TILES);
    if (atomic_flag_test_and_set_explicit(&team->busy, memory_order_acquire)) {
        fn(context, 0, tiles, 0);
        return;
    }
    team->fn = fn;
    team->context = context;
    team->tiles = tiles;
    team->chunk = tiles / (CHUNKS * team->threads) + 1;
    open_job(team);
    take_tiles(team, 0);
    close_job(team);
    atomic_flag_clear_explicit(&team->busy, memory_order_release);
}

#endif
