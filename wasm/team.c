/* team.c - the team of an engine whose memory is shared: its other threads are workers (core/team_state.h).
 *
 * Every worker has an instance of the same module on the same memory, and a stack of its own, which JavaScript sets
 * (stackRestore).  A memory has one team.  The worker that JavaScript calls the engine in is the team's first thread;
 * it is a worker too, because a page's own thread may not sleep.  web/src/threads.ts is the other side.
 *
 * Memory grows only while no other thread is in the engine: WebKit of iOS 26 faults otherwise.  So allocator.c first
 * makes them leave, and JavaScript, when it hears of the growth, lets them in again. */
#include "team.h"
#include "core/team_state.h"

#include <wasm_simd128.h>

enum {
    /* Waits that time out before a thread is taken for dead.  So many, because V8 (Node 20) reports a time-out at once now
     * and then: twenty of a second each were over within 25 ms.  A thread that was ended from outside is missed therefore
     * until the caller gives up. */
    SLICES = 1 << 16,
    TRY_TILES = 64,
    TRY_STEPS = 2000 /* some microseconds */
};
static const int64_t SLICE = 1000000000; /* nanoseconds; short, because a device that sleeps may count that time */
static const int64_t FOREVER = -1;
enum { TIMED_OUT = 2 };

static struct {
    pal_team team;
    int members;                        /* threads that JavaScript has started */
    int spins;                          /* tests of the state before a thread sleeps */
    atomic_int inside[PAL_MAX_THREADS]; /* 1: this thread is in the engine, or is about to enter */
    atomic_int failed;                  /* a thread has trapped */
    float sums[TRY_TILES];
} shared;

static int wait_for(atomic_int *at, int value, int64_t nanoseconds)
{
    return __builtin_wasm_memory_atomic_wait32((int *)at, value, nanoseconds);
}

static void notify(void *at)
{
    __builtin_wasm_memory_atomic_notify(at, ~0u);
}

/* ---- what team.c needs ------------------------------------------------------------------------------- */

/* The first thread waits for threads that are computing.  If one of them has trapped, the
 * result will never be complete: this thread traps too, and the page starts the engine again. */
unsigned pal_team_wait(pal_team *team, unsigned mask, unsigned value)
{
    const bool first = mask == PAL_TEAM_WAITED;
    unsigned state;
    for (int i = 0; i < shared.spins; i++)
        if (((state = atomic_load(&team->state)) & mask) != value) return state;
    atomic_fetch_add(&team->asleep, 1);
    for (int slices = SLICES; ((state = atomic_load(&team->state)) & mask) == value;) {
        const int woken = wait_for((atomic_int *)&team->state, (int)state, first ? SLICE : FOREVER);
        if (first && (atomic_load(&shared.failed) || (woken == TIMED_OUT && --slices == 0))) __builtin_trap();
    }
    atomic_fetch_sub(&team->asleep, 1);
    return state;
}

void pal_team_wake(pal_team *team)
{
    notify(&team->state);
}

/* The threads are those that JavaScript has started before. */
pal_status pal_team_start(pal_team **out, int threads, pal_error *err)
{
    (void)err;
    shared.team.threads = threads < shared.members + 1 ? threads : shared.members + 1;
    *out = shared.team.threads > 1 ? &shared.team : NULL;
    return PAL_OK;
}

void pal_team_end(pal_team *team)
{
    (void)team;
}

/* ---- what JavaScript calls --------------------------------------------------------------------------- */

/* A team of the caller and `members` threads, which have not entered yet.  spins: tests of the state that take some
 * tens of microseconds; 0 if there are fewer processors than threads. */
void pw_team_begin(int members, int spins)
{
    pal_team_init(&shared.team);
    shared.members = members;
    shared.spins = spins;
}

/* Whether a thread is to be told to enter, 1 .. members: false if it is inside. */
int pw_team_invite(int thread)
{
    atomic_fetch_and(&shared.team.state, ~(unsigned)PAL_TEAM_END);
    return !atomic_exchange(&shared.inside[thread], 1);
}

/* What a thread does from its invitation to pw_team_rest. */
void pw_team_work(int thread)
{
    pal_team_work(&shared.team, thread);
    atomic_store(&shared.inside[thread], 0);
    notify(&shared.inside[thread]);
}

/* A thread whose worker was ended from outside is given up after a second. */
void pw_team_rest(void)
{
    atomic_fetch_or(&shared.team.state, PAL_TEAM_END);
    notify(&shared.team.state);
    for (int i = 1; i <= shared.members; i++) {
        while (atomic_load(&shared.inside[i]) && wait_for(&shared.inside[i], 1, SLICE) != TIMED_OUT) continue;
        atomic_store(&shared.inside[i], 0);
    }
}

/* Called by a thread after a trap. */
void pw_team_fail(void)
{
    atomic_store(&shared.failed, 1);
    notify(&shared.team.state);
}

/* While another engine of the page is computing, this one uses the caller's thread only. */
void pw_team_alone(int alone)
{
    if (alone)
        atomic_flag_test_and_set(&shared.team.busy);
    else
        atomic_flag_clear(&shared.team.busy);
}

/* The address of the state, so that a page that is left can end the team without its worker. */
void *pw_team_state(void)
{
    return &shared.team.state;
}

/* ---- measuring --------------------------------------------------------------------------------------- */

static void try_tiles(void *context, int from, int to, int thread)
{
    (void)context, (void)thread;
    for (int t = from; t < to; t++) {
        v128_t a = wasm_f32x4_splat((float)t), b = a, c = a, d = a;
        for (int i = 0; i < TRY_STEPS; i++) {
            a = wasm_f32x4_add(wasm_f32x4_mul(a, a), b);
            b = wasm_f32x4_add(wasm_f32x4_mul(b, b), c);
            c = wasm_f32x4_add(wasm_f32x4_mul(c, c), d);
            d = wasm_f32x4_add(wasm_f32x4_mul(d, d), a);
        }
        shared.sums[t] = wasm_f32x4_extract_lane(a, 0);
    }
}

/* Work for all threads that are inside, some hundreds of microseconds of one: JavaScript measures how long it takes. */
void pw_team_try(void)
{
    pal_team_share(&shared.team, try_tiles, NULL, TRY_TILES);
}

/* Tests the state `count` times, as in pal_team_wait. */
void pw_team_spin(int count)
{
    for (int i = 0; i < count; i++)
        if (atomic_load(&shared.team.state) & PAL_TEAM_WAITED) return;
}
