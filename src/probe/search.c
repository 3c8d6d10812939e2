/* search.c - decides about one token by the nearest point of a hull that grows. */
#include "search.h"

#include <math.h>
#include <string.h>

enum { CONE = -2, STEPS = 256 }; /* tag of cone points; steps per product with all rows */
#define NEAR 1e-6                /* of the square of the distance: from here on proofs are checked */

/* The unit of the bias coordinate: the limit of the hidden row, or a usual length. */
static double unit_of(const pal_output_layer *l)
{
    return l->radius > 0.0 ? l->radius : sqrt((double)l->width);
}

void pal_search_layout(pal_search *s, const pal_output_layer *layer, pal_arena *arena)
{
    *s = (pal_search){.layer = layer};
    s->z = pal_take(arena, (size_t)layer->width, sizeof *s->z);
    pal_hull_layout(&s->hull, layer->width + 1, arena); /* one more than needed, if there is no bias */
    pal_leads_layout(&s->scratch, layer->width, arena);
}

void pal_search_start(pal_search *s, int32_t k)
{
    s->token = k;
    s->hull.dim = s->layer->width + (s->layer->bias != NULL); /* known when the layer is filled */
    s->s = pal_search_within(s->layer, 0.0, 1.0);
    s->scale = 0.0;
    s->residual = s->margin = (double)NAN;
    pal_hull_clear(&s->hull);
}

double pal_search_within(const pal_output_layer *l, double s, double length)
{
    const double least = length / unit_of(l) * (1.0 + 0x1p-40);
    if (!l->bias) return 0.0;
    if (l->radius > 0.0) return s > least ? s : least;
    return s > 0.0 ? s : least;
}

/* ---- points ----------------------------------------------------------------------------------------- */

/* p := the point of token i, times `scale`. */
static void set_point(pal_search *s, int32_t i, double scale, double *p)
{
    const pal_output_layer *l = s->layer;
    pal_output_row(l, i, s->scratch.other, s->scratch.row);
    for (int c = 0; c < l->width; c++) p[c] = (s->scratch.own[c] - s->scratch.other[c]) * scale;
    if (l->bias) p[l->width] = pal_output_bias(l, s->token, i) / unit_of(l) * scale;
}

static bool holds(const pal_hull *h, int32_t id)
{
    for (int i = 0; i < h->capacity; i++)
        if (h->tag[i] == id) return true;
    return false;
}

/* Adds the candidates that the hull does not hold.  The first sets the scale: the longest of the first candidates. */
static void add_candidates(pal_search *s, int n)
{
    pal_hull *h = &s->hull;
    pal_output_row(s->layer, s->token, s->scratch.own, s->scratch.row);
    if (s->scale <= 0.0) {
        double longest = 0.0;
        for (int i = 0; i < n; i++) {
            double *p = pal_hull_add(h, s->id[i]);
            if (!p) break;
            set_point(s, s->id[i], 1.0, p);
            const double length = sqrt(pal_hull_dot(p, p, h->dim));
            if (length > longest) longest = length;
        }
        pal_hull_clear(h);
        s->scale = longest > 0.0 ? 1.0 / longest : 1.0;
    }
    for (int i = 0; i < n; i++) {
        double *p = holds(h, s->id[i]) ? NULL : pal_hull_add(h, s->id[i]);
        if (p) set_point(s, s->id[i], s->scale, p);
    }
}

/* Adds the cone point with the smallest product with x, if the hull does not hold one as good. */
static void add_cone(pal_search *s)
{
    pal_hull *h = &s->hull;
    const int width = s->layer->width;
    if (!s->layer->bias) return;
    const bool bounded = s->layer->radius > 0.0, begun = h->xx < (double)INFINITY;
    const double length = begun && bounded ? sqrt(pal_hull_dot(h->x, h->x, width)) : 0.0;
    if (begun && !(h->x[width] - length < h->xx)) return;
    double *p = pal_hull_add(h, CONE);
    for (int i = 0; !p && i < h->capacity; i++) {
        if (h->tag[i] != CONE || h->weight[i] > 0.0) continue;
        h->tag[i] = PAL_HULL_FREE;
        p = pal_hull_add(h, CONE);
    }
    if (!p) return;
    for (int c = 0; c < width; c++) p[c] = length > 0.0 ? -h->x[c] / length : 0.0;
    p[width] = 1.0;
}

/* ---- proofs ----------------------------------------------------------------------------------------- */

/* The relative residual of the weights: of |sum a (w_k - w_i)| to sum a |w_k - w_i|, with biases as in search.h. */
static double residual_of(pal_search *s)
{
    pal_hull *h = &s->hull;
    const int width = s->layer->width;
    double *sum = s->scratch.other, bias = 0.0, size = 0.0, biases = 0.0, weights = 0.0;
    memset(sum, 0, (size_t)width * sizeof *sum);
    for (int i = 0; i < h->capacity; i++) {
        const double a = pal_search_weight(s, i), *p = h->point + (size_t)i * (size_t)h->dim;
        if (a <= 0.0) continue;
        for (int c = 0; c < width; c++) sum[c] += a * p[c];
        size += a * sqrt(pal_hull_dot(p, p, width));
        if (s->layer->bias) bias += a * p[width], biases += a * fabs(p[width]);
        weights += a;
    }
    if (weights <= 0.0) return (double)INFINITY;
    const double length = sqrt(pal_hull_dot(sum, sum, width)), above = bias > 0.0 ? bias : 0.0;
    if (s->layer->bias && s->layer->radius > 0.0) return length + bias > 0.0 ? (length + bias) / (size + biases) : 0.0;
    const double rows = length > 0.0 ? length / size : 0.0, of_bias = above > 0.0 ? above / biases : 0.0;
    return rows > of_bias ? rows : of_bias;
}

int pal_search_weights(const pal_search *s, int32_t *ids, double *weights, int capacity)
{
    double sum = 0.0;
    int n = 0;
    for (int i = 0; i < s->hull.capacity; i++) sum += pal_search_weight(s, i);
    for (int i = 0; i < s->hull.capacity; i++) {
        const double a = pal_search_weight(s, i);
        if (a <= 0.0) continue;
        if (n < capacity) ids[n] = s->hull.tag[i], weights[n] = a / sum;
        n++;
    }
    return n;
}

/* ---- rounds ----------------------------------------------------------------------------------------- */

/* Finds the nearest point of the hull of what is held; false: not a single step was possible. */
static bool approach(pal_search *s)
{
    pal_hull *h = &s->hull;
    const bool always = s->layer->bias && s->layer->radius > 0.0; /* the proof can be complete before x is 0 */
    bool moved = false;
    add_cone(s);
    for (int i = 0; i < STEPS && pal_hull_step(h); i++) {
        moved = true;
        s->residual = always || h->xx < NEAR ? residual_of(s) : 1.0;
        if (s->residual <= PAL_RESIDUAL) break;
        add_cone(s);
    }
    return moved;
}

/* z and s := the nearest point, as a direction of length 1. */
static void aim(pal_search *s)
{
    const pal_hull *h = &s->hull;
    const int width = s->layer->width;
    const double length = sqrt(pal_hull_dot(h->x, h->x, width));
    for (int c = 0; c < width; c++) s->z[c] = length > 0.0 ? h->x[c] / length : 0.0;
    s->s = s->layer->bias ? h->x[width] / unit_of(s->layer) : 0.0;
    if (length > 0.0) s->s /= length;
}

pal_search_state pal_search_step(pal_search *s, const float *logits)
{
    const double within = pal_search_within(s->layer, s->s, 1.0);
    if (pal_leads_win(s->layer, &s->scratch, s->token, s->z, within, logits, &s->margin)) {
        s->s = within;
        return PAL_SEARCH_PREDICTABLE;
    }
    const int n = pal_leads_smallest(s->layer, s->token, s->s, logits, s->id, s->lead, PAL_HULL_SPARE - 1);
    pal_hull_drop_idle(&s->hull);
    add_candidates(s, n);
    if (!approach(s)) {
        if (s->hull.plain) return PAL_SEARCH_FAILED;
        s->hull.plain = true;
    }
    if (s->residual <= PAL_RESIDUAL) return PAL_SEARCH_UNPREDICTABLE;
    aim(s);
    return PAL_SEARCH_MORE;
}
