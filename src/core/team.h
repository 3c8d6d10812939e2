/* team.h - a team of threads that divide the tiles of a computation among themselves (internal).
 *
 * The threads are started once and sleep when there is nothing to do.  A team of one thread is NULL.  In WebAssembly
 * without shared memory there are no threads: the same calls are then plain function calls. */
#ifndef PAL_TEAM_H
#define PAL_TEAM_H

#include "core.h"

#if defined(__wasm__) && !defined(__wasm_atomics__)
#define PAL_HAVE_THREADS 0
#else
#define PAL_HAVE_THREADS 1
#endif

enum { PAL_MAX_THREADS = 64, PAL_MAX_TILES = 1 << 30 };

typedef struct pal_team pal_team;

/* Computes tiles from .. to - 1.  `thread`, from 0 to pal_team_threads - 1, differs from that of every other call that
 * runs at the same time, so it can choose scratch memory.  The result must not depend on how the tiles are divided.  A
 * call must not run tiles of a team itself. */
typedef void pal_tiles_fn(void *context, int from, int to, int thread);

#if PAL_HAVE_THREADS

/* Starts the other threads of a team of `threads` threads, 1 to PAL_MAX_THREADS; the caller of pal_team_run is the
 * first.  If the system does not start all of them, the team has fewer.  *out is NULL if it has one.  PAL_E_MEMORY. */
pal_status pal_team_start(pal_team **out, int threads, pal_error *err);

/* Ends the threads and frees the team; NULL is allowed.  It must not be running tiles. */
void pal_team_end(pal_team *team);

/* Sets the least work for which pal_team_gains is true.  Tests divide the work of small networks. */
void pal_team_set_min_work(pal_team *team, size_t work);

int pal_team_size(const pal_team *team);
size_t pal_team_min_work(const pal_team *team);
void pal_team_share(pal_team *team, pal_tiles_fn *fn, void *context, int tiles);

#else

static inline pal_status pal_team_start(pal_team **out, int threads, pal_error *err)
{
    (void)threads, (void)err;
    *out = NULL;
    return PAL_OK;
}

static inline void pal_team_end(pal_team *team)
{
    (void)team;
}

static inline void pal_team_set_min_work(pal_team *team, size_t work)
{
    (void)team, (void)work;
}

#endif

/* The number of threads of a team; 1 for NULL. */
static inline int pal_team_threads(const pal_team *team)
{
#if PAL_HAVE_THREADS
    return team ? pal_team_size(team) : 1;
#else
    (void)team;
    return 1;
#endif
}

/* Whether dividing `work` among the threads takes less time than one thread needs for it.  Work is counted in
 * multiplications of a product. */
static inline bool pal_team_gains(const pal_team *team, size_t work)
{
#if PAL_HAVE_THREADS
    return team && work >= pal_team_min_work(team);
#else
    (void)team, (void)work;
    return false;
#endif
}

/* Computes tiles 0 .. tiles - 1, at most PAL_MAX_TILES, and returns when all are done.  If another thread of the program
 * is using the team, or the team is NULL, the caller computes all of them by one call of fn. */
__attribute__((always_inline)) static inline void pal_team_run(pal_team *team, pal_tiles_fn *fn, void *context,
                                                               int tiles)
{
#if PAL_HAVE_THREADS
    if (team && tiles > 1) {
        pal_team_share(team, fn, context, tiles);
        return;
    }
#endif
    (void)team;
    fn(context, 0, tiles, 0);
}

#endif
