/* team.h - the team of threads of an engine with shared memory (team.c), for the allocator. */
#ifndef PAL_WASM_TEAM_H
#define PAL_WASM_TEAM_H

#include "core/team.h"

#if PAL_HAVE_THREADS

/* Makes the other threads leave the engine: they return from pw_team_work.  Waits for them. */
void pw_team_rest(void);

#else

static inline void pw_team_rest(void) {}

#endif
#endif
