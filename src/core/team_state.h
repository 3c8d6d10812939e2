/* team_state.h - the state of a team, for team.c and for the file that starts its threads: team_posix.c natively
 * (internal to core/).
 *
 * Another way to start threads needs this much: it makes a pal_team in memory that all threads share, calls
 * pal_team_work on each new thread, and implements pal_team_wait and pal_team_wake.  Nothing here allocates memory or
 * uses thread-local storage. */
#ifndef PAL_TEAM_STATE_H
#define PAL_TEAM_STATE_H

#include "team.h"

#if PAL_HAVE_THREADS

#include <stdatomic.h>

/* The parts of pal_team.state. */
enum {
    PAL_TEAM_INSIDE = 0x7f,  /* number of the other threads that are computing tiles */
    PAL_TEAM_OPEN = 0x80,    /* threads may join */
    PAL_TEAM_WAITED = 0x100, /* the caller sleeps until no thread is inside */
    PAL_TEAM_END = 0x200,    /* the threads must return */
    PAL_TEAM_NUMBER = 0x400  /* the rest counts the calls of pal_team_share, and wraps around */
};

/* Fields that different threads write are in different cache lines. */
struct pal_team {
    _Alignas(64) atomic_uint state;
    int threads; /* with the caller */
    size_t min_work;
    /* What is computed now.  Only the caller writes these, when no thread is inside. */
    pal_tiles_fn *fn;
    void *context;
    int tiles, chunk;               /* tiles that a thread takes at a time */
    atomic_flag busy;               /* a thread of the program is using the team */
    _Alignas(64) atomic_int next;   /* the first tile that no thread has taken */
    _Alignas(64) atomic_int asleep; /* threads that sleep or are about to: pal_team_wake is needed */
};

/* Makes the state of a team that has no other threads yet. */
void pal_team_init(pal_team *team);

/* What thread number `thread`, from 1, does until the team ends. */
void pal_team_work(pal_team *team, int thread);

/* Returns the state when the bits in `mask` differ from `value`.  First tests it for some tens of microseconds, then
 * counts this thread in team->asleep and sleeps. */
unsigned pal_team_wait(pal_team *team, unsigned mask, unsigned value);

/* Wakes all threads that sleep in pal_team_wait. */
void pal_team_wake(pal_team *team);

#endif
#endif
