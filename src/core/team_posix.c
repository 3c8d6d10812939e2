/* team_posix.c - starts, wakes and ends the threads of a team with POSIX threads.
 *
 * Not C11 threads: macOS, older glibc and musl do not have them, and the thread sanitizer does not know them. */
#if !defined(__wasm__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "cores.h"
#include "team_state.h"

#if PAL_HAVE_THREADS && !defined(__wasm__)

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum {
    SPIN_NANOSECONDS = 30000, /* between the products of a pass there is less */
    SPINS = 16,               /* between two looks at the clock */
    STACK_BYTES = 1 << 20     /* kernels need a few KB; musl's default is 128 KB */
};

typedef struct {
    pal_team *team;
    int number;
    pthread_t id;
} member;

typedef struct {
    pal_team team; /* first: a pointer to it is a pointer to this */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool spins; /* there is a processor for every thread */
    member members[PAL_MAX_THREADS];
} posix_team;

static posix_team *posix_of(pal_team *team)
{
    return (posix_team *)(void *)team;
}

/* ---- waiting ---------------------------------------------------------------------------------------- */

static inline void pause_a_little(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static int64_t nanoseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Tests the state for a short time; returns whether it has changed. */
static bool spin(pal_team *team, unsigned mask, unsigned value, unsigned *state)
{
    const int64_t end = nanoseconds_now() + SPIN_NANOSECONDS;
    do {
        for (int i = 0; i < SPINS; i++) {
            *state = atomic_load_explicit(&team->state, memory_order_acquire);
            if ((*state & mask) != value) return true;
            pause_a_little();
        }
    } while (nanoseconds_now() < end);
    return false;
}

unsigned pal_team_wait(pal_team *team, unsigned mask, unsigned value)
{
    posix_team *p = posix_of(team);
    unsigned state = atomic_load_explicit(&team->state, memory_order_acquire);
    if ((state & mask) != value || (p->spins && spin(team, mask, value, &state))) return state;
    pthread_mutex_lock(&p->mutex);
    atomic_fetch_add(&team->asleep, 1);
    while (((state = atomic_load(&team->state)) & mask) == value) pthread_cond_wait(&p->changed, &p->mutex);
    atomic_fetch_sub(&team->asleep, 1);
    pthread_mutex_unlock(&p->mutex);
    return state;
}

/* With the mutex locked: a thread that has counted itself as asleep is then in pthread_cond_wait. */
void pal_team_wake(pal_team *team)
{
    posix_team *p = posix_of(team);
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

/* ---- start and end ---------------------------------------------------------------------------------- */

static void *run_member(void *context)
{
    const member *m = context;
    pal_team_work(m->team, m->number);
    return NULL;
}

/* Starts the next thread.  It blocks all signals, so that those of the process go to the program's own threads. */
static bool start_member(posix_team *p, const pthread_attr_t *attributes)
{
    member *m = &p->members[p->team.threads];
    sigset_t all, before;
    *m = (member){.team = &p->team, .number = p->team.threads};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&m->id, attributes, run_member, m) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->team.threads += started;
    return started;
}

static void start_members(posix_team *p, int threads)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (p->team.threads < threads && start_member(p, &attributes)) continue;
    pthread_attr_destroy(&attributes);
}

pal_status pal_team_start(pal_team **out, int threads, pal_error *err)
{
    const size_t align = _Alignof(posix_team), bytes = (sizeof(posix_team) + align - 1) / align * align;
    PAL_ASSERT(threads >= 1 && threads <= PAL_MAX_THREADS);
    *out = NULL;
    if (threads == 1) return PAL_OK;
    posix_team *p = aligned_alloc(align, bytes);
    if (!p) return pal_fail(err, PAL_E_MEMORY, "not enough memory to start threads", SIZE_MAX);
    pal_team_init(&p->team);
    p->spins = threads <= pal_processors();
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->changed, NULL);
    start_members(p, threads);
    *out = &p->team;
    if (p->team.threads > 1) return PAL_OK;
    pal_team_end(&p->team);
    *out = NULL;
    return PAL_OK;
}

void pal_team_end(pal_team *team)
{
    if (!team) return;
    posix_team *p = posix_of(team);
    atomic_fetch_or(&team->state, PAL_TEAM_END);
    pal_team_wake(team);
    for (int i = 1; i < team->threads; i++) pthread_join(p->members[i].id, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

#endif
