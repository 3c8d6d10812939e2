/* compute.h - the context of a computation: what functions of nn/ and arch/ need besides weights and scratch memory
 * (internal).
 *
 * Each runner of texts or pictures and each sequence has its own, made from the model.  A model is shared and const; a
 * compute context is not: only one evaluation at a time may use it. */
#ifndef PAL_COMPUTE_H
#define PAL_COMPUTE_H

#include "../core/team.h"
#include "kernels.h"

typedef struct {
    const pal_kernels *kernels; /* the model's */
    pal_team
        *team; /* the model's, which several contexts may use; NULL: everything runs on the caller's thread.  Scratch
                     * memory that is laid out "for `threads` threads" needs pal_team_threads(team) of them */
} pal_compute;

/* The team, if it computes `work` faster than one thread; otherwise NULL. */
static inline pal_team *pal_compute_team(const pal_compute *compute, size_t work)
{
    return pal_team_gains(compute->team, work) ? compute->team : NULL;
}

#endif
