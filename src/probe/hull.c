/* hull.c - Wolfe's algorithm for the point of a convex hull that is nearest to the origin. */
#include "hull.h"

#include <math.h>
#include <string.h>

#define SMALL_PIVOT 1e-13 /* relative: below this the points count as affinely dependent */
#define SMALL_GAIN  1e-12 /* relative to xx: a point must promise more than this, */
#define ROUNDING    4e-15 /* and more than the rounding error of products of points of length 1 */

void pal_hull_layout(pal_hull *h, int dim, pal_arena *arena)
{
    const size_t width = (size_t)dim, corral = width + 2, slots = corral + PAL_HULL_SPARE;
    h->dim = dim;
    h->capacity = (int)slots;
    h->tag = pal_take(arena, slots, sizeof *h->tag);
    h->point = pal_take2(arena, slots, width, sizeof *h->point);
    h->weight = pal_take(arena, slots, sizeof *h->weight);
    h->x = pal_take(arena, width, sizeof *h->x);
    h->corral = pal_take(arena, corral, sizeof *h->corral);
    h->factor = pal_take2(arena, corral, corral, sizeof *h->factor);
    h->u = pal_take(arena, corral, sizeof *h->u);
    h->v = pal_take(arena, corral, sizeof *h->v);
}

void pal_hull_clear(pal_hull *h)
{
    for (int i = 0; i < h->capacity; i++) h->tag[i] = PAL_HULL_FREE, h->weight[i] = 0.0;
    h->xx = (double)INFINITY;
    h->n = 0;
    h->plain = false;
}

void pal_hull_drop_idle(pal_hull *h)
{
    for (int i = 0; i < h->capacity; i++)
        if (h->weight[i] <= 0.0) h->tag[i] = PAL_HULL_FREE;
}

static double *point_at(const pal_hull *h, int slot)
{
    return h->point + (size_t)slot * (size_t)h->dim;
}

double *pal_hull_add(pal_hull *h, int32_t tag)
{
    for (int i = 0; i < h->capacity; i++)
        if (h->tag[i] == PAL_HULL_FREE) {
            h->tag[i] = tag;
            h->weight[i] = 0.0;
            return point_at(h, i);
        }
    return NULL;
}

double pal_hull_dot(const double *a, const double *b, int n)
{
    double lane[4] = {0.0, 0.0, 0.0, 0.0};
    int i = 0;
    for (; i + 4 <= n; i += 4)
        for (int l = 0; l < 4; l++) lane[l] += a[i + l] * b[i + l];
    for (; i < n; i++) lane[i & 3] += a[i] * b[i];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

static void add_scaled(double *y, double factor, const double *x, int n)
{
    for (int i = 0; i < n; i++) y[i] += factor * x[i];
}

/* ---- the factor L ----------------------------------------------------------------------------------- */

static double *row_of(const pal_hull *h, int i)
{
    return h->factor + (size_t)i * ((size_t)h->dim + 2);
}

/* y := L^-1 y, then (if `both`) L^-T y. */
static void solve(const pal_hull *h, double *y, bool both)
{
    for (int i = 0; i < h->n; i++) y[i] = (y[i] - pal_hull_dot(row_of(h, i), y, i)) / row_of(h, i)[i];
    for (int i = h->n - 1; both && i >= 0; i--) {
        y[i] /= row_of(h, i)[i];
        add_scaled(y, -y[i], row_of(h, i), i);
    }
}

/* Adds a slot to the corral; false, and nothing is changed, if its point depends on the others. */
static bool append(pal_hull *h, int slot)
{
    const double *p = point_at(h, slot);
    double *row = row_of(h, h->n);
    if (h->n >= h->dim + 1) return false; /* more points cannot be independent */
    for (int i = 0; i < h->n; i++) row[i] = pal_hull_dot(point_at(h, h->corral[i]), p, h->dim) + 1.0;
    solve(h, row, false);
    const double own = pal_hull_dot(p, p, h->dim) + 1.0, rest = own - pal_hull_dot(row, row, h->n);
    if (!(rest > SMALL_PIVOT * own)) return false;
    row[h->n] = sqrt(rest);
    h->corral[h->n++] = slot;
    return true;
}

/* Removes entry `at` of the corral: without its row, L has one diagonal more, which rotations of neighbouring columns
 * make zero.  u and v hold the rotations. */
static void leave(pal_hull *h, int at)
{
    const int n = --h->n;
    for (int i = at; i < n; i++) {
        double *row = row_of(h, i);
        h->corral[i] = h->corral[i + 1];
        memcpy(row, row_of(h, i + 1), ((size_t)i + 2) * sizeof *row);
        for (int c = at; c < i; c++) {
            const double a = row[c], b = row[c + 1];
            row[c] = h->u[c] * a + h->v[c] * b;
            row[c + 1] = h->u[c] * b - h->v[c] * a;
        }
        const double a = row[i], b = row[i + 1], length = sqrt(a * a + b * b);
        h->u[i] = a / length;
        h->v[i] = b / length;
        row[i] = length;
    }
}

/* ---- Wolfe's steps ---------------------------------------------------------------------------------- */

static void set_x(pal_hull *h)
{
    double sum = 0.0;
    for (int i = 0; i < h->capacity; i++) sum += h->weight[i];
    memset(h->x, 0, (size_t)h->dim * sizeof *h->x);
    for (int i = 0; i < h->capacity; i++) {
        if (h->weight[i] <= 0.0) continue;
        h->weight[i] /= sum;
        add_scaled(h->x, h->weight[i], point_at(h, i), h->dim);
    }
    h->xx = pal_hull_dot(h->x, h->x, h->dim);
}

/* u [n] := what to add to the weights so that x becomes the nearest point of the affine hull of the corral.  It is
 * computed from x itself, so that repeating it removes rounding errors.  With G the Gram matrix, g = points x and M = G +
 * 1: the sum of u must be 0 and G u + g constant, so u = t M^-1 1 - M^-1 g. */
static void correction(pal_hull *h)
{
    double of_one = 0.0, of_g = 0.0;
    for (int i = 0; i < h->n; i++) {
        h->u[i] = pal_hull_dot(point_at(h, h->corral[i]), h->x, h->dim);
        h->v[i] = 1.0;
    }
    solve(h, h->u, true);
    solve(h, h->v, true);
    for (int i = 0; i < h->n; i++) of_g += h->u[i], of_one += h->v[i];
    const double t = of_g / of_one;
    for (int i = 0; i < h->n; i++) h->u[i] = t * h->v[i] - h->u[i];
}

/* Moves the weights by u, or as far as none becomes negative.  Returns the entry whose weight became 0, or -1. */
static int move(pal_hull *h)
{
    double step = 1.0;
    int out = -1;
    for (int i = 0; i < h->n; i++) {
        const double w = h->weight[h->corral[i]];
        if (h->u[i] < 0.0 && w < -step * h->u[i]) step = -w / h->u[i], out = i;
    }
    for (int i = 0; i < h->n; i++) {
        double *w = &h->weight[h->corral[i]];
        *w += step * h->u[i];
        if (*w < 0.0 || i == out) *w = 0.0;
    }
    return out;
}

static void settle(pal_hull *h)
{
    for (int exact = 0; exact < 2;) {
        correction(h);
        const int out = move(h);
        set_x(h);
        exact = out < 0 ? exact + 1 : 0;
        if (out >= 0) leave(h, out);
    }
}

/* ---- Frank-Wolfe ------------------------------------------------------------------------------------ */

/* Moves x towards the point `to`, or away from the point `from` of positive weight, whichever promises more. */
static void plain_step(pal_hull *h, int to, int from)
{
    const double gain = h->xx - pal_hull_dot(point_at(h, to), h->x, h->dim);
    const double away = pal_hull_dot(point_at(h, from), h->x, h->dim) - h->xx;
    const bool nearer = gain >= away || h->weight[from] >= 1.0;
    const int slot = nearer ? to : from;
    const double *p = point_at(h, slot);
    const double sign = nearer ? 1.0 : -1.0, w = h->weight[slot];
    double along = 0.0, length = 0.0;
    for (int i = 0; i < h->dim; i++) {
        const double d = sign * (p[i] - h->x[i]);
        along -= d * h->x[i];
        length += d * d;
    }
    const double most = nearer ? 1.0 : w / (1.0 - w), wanted = along / length, step = wanted < most ? wanted : most;
    for (int i = 0; i < h->capacity; i++) h->weight[i] *= 1.0 - sign * step;
    h->weight[slot] = !nearer && step == most ? 0.0 : h->weight[slot] + sign * step;
    set_x(h);
}

/* ---- steps ------------------------------------------------------------------------------------------ */

/* The first point is the shortest. */
static bool begin(pal_hull *h)
{
    int best = -1;
    double least = (double)INFINITY;
    for (int i = 0; i < h->capacity; i++) {
        if (h->tag[i] == PAL_HULL_FREE) continue;
        const double size = pal_hull_dot(point_at(h, i), point_at(h, i), h->dim);
        if (size < least) least = size, best = i;
    }
    if (best < 0 || !append(h, best)) return false;
    h->weight[best] = 1.0;
    set_x(h);
    return true;
}

/* Wolfe's step with one more point; false: rounding errors prevented it. */
static bool wolfe_step(pal_hull *h, int slot)
{
    const double before = h->xx;
    if (!append(h, slot)) return false;
    settle(h);
    return h->xx < before;
}

bool pal_hull_step(pal_hull *h)
{
    double least = (double)INFINITY, largest = -least;
    int to = -1, from = -1;
    if (!(h->xx < (double)INFINITY)) return begin(h);
    for (int i = 0; i < h->capacity; i++) {
        if (h->tag[i] == PAL_HULL_FREE) continue;
        const double product = pal_hull_dot(point_at(h, i), h->x, h->dim);
        if (product < least && (h->plain || h->weight[i] <= 0.0)) least = product, to = i; /* the corral has xx */
        if (h->weight[i] > 0.0 && product > largest) largest = product, from = i;
    }
    if (!(h->xx - least > SMALL_GAIN * h->xx + ROUNDING)) return false;
    if (!h->plain && !wolfe_step(h, to)) h->plain = true;
    if (h->plain) plain_step(h, to, from);
    return true;
}
