/* hull.h - the point of a convex hull that is nearest to the origin (internal).
 *
 * Wolfe, "Finding the nearest point in a polytope" (Mathematical Programming 11, 1976).  The current point x is the
 * nearest one of the affine hull of a few affinely independent points, the corral.  A step adds the held point with the
 * smallest product with x, and removes points whose weights become zero.  If rounding errors stop this, steps of
 * Frank-Wolfe with away steps (Guelat and Marcotte 1986) follow, which need no factorisation. */
#ifndef PAL_HULL_H
#define PAL_HULL_H

#include "../core/core.h"

enum {
    PAL_HULL_SPARE = 33, /* points that can be offered besides the corral */
    PAL_HULL_FREE = -1   /* the tag of an unused slot; other negative tags are the caller's */
};

typedef struct {
    int dim, capacity; /* coordinates of a point, number of slots */
    int32_t *tag;      /* [capacity] the caller's name of the point in a slot, or PAL_HULL_FREE */
    double *point;     /* [capacity, dim] */
    double *weight;    /* [capacity] the weights of x: not negative, sum 1 */
    double *x, xx;     /* [dim] the sum of weight * point, and its square; xx is infinite before the first step */
    int n, *corral;    /* [dim + 2] slots of the corral, n of them */
    double *factor;    /* [dim + 2, dim + 2] L of (points points^T + 1) = L L^T, for the corral */
    double *u, *v;     /* [dim + 2] scratch memory */
    bool plain;        /* Wolfe's steps failed: Frank-Wolfe, and there is no corral */
} pal_hull;

void pal_hull_layout(pal_hull *h, int dim, pal_arena *arena);

/* Removes all points. */
void pal_hull_clear(pal_hull *h);

/* Removes the points that have no weight. */
void pal_hull_drop_idle(pal_hull *h);

/* Adds a point named `tag` without weight; returns its coordinates, to be filled, or NULL if there is no free slot. */
double *pal_hull_add(pal_hull *h, int32_t tag);

/* Moves x nearer to the origin.  false: x is the nearest point of the hull of all held points, up to rounding. */
bool pal_hull_step(pal_hull *h);

/* Sum of a[i] * b[i], in four lanes. */
double pal_hull_dot(const double *a, const double *b, int n);

#endif
