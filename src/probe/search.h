/* search.h - decides whether one token of an output layer can be the most probable one (internal).
 *
 * Points p_i = (w_k - w_i, (b_k - b_i) / r), for all i that differ from k, and cone points: without limit of the hidden
 * row (0, 1); with the limit R = r all (v, 1) with |v| = 1, from which those needed are made.  Token k is unpredictable if
 * and only if 0 is in the hull of all of them: then the weights of the p_i, scaled to the sum 1, give R |sum a (w_k -
 * w_i)| + sum a (b_k - b_i) <= 0 (without the limit: the first sum is 0).  Otherwise the point of the hull that is nearest
 * to 0 is a direction in which k leads.  The hull of a few points is enlarged by those that lead k in its nearest point,
 * until one of both is found. */
#ifndef PAL_SEARCH_H
#define PAL_SEARCH_H

#include "hull.h"
#include "leads.h"

#define PAL_RESIDUAL 1e-9 /* the largest relative residual of a proof that a token is unpredictable */

typedef enum { PAL_SEARCH_MORE, PAL_SEARCH_PREDICTABLE, PAL_SEARCH_UNPREDICTABLE, PAL_SEARCH_FAILED } pal_search_state;

typedef struct {
    const pal_output_layer *layer;
    int32_t token;
    pal_hull hull;
    double scale; /* of the points, so that their length is about 1 */
    double *z, s; /* [width] the direction to be tried next */
    pal_leads_scratch scratch;
    int32_t id[PAL_HULL_SPARE - 1]; /* candidates for the hull */
    double lead[PAL_HULL_SPARE - 1];
    double residual; /* of the proof, or of the last weights */
    double margin;   /* predictable: the smallest lead in the direction (z, s) */
} pal_search;

void pal_search_layout(pal_search *search, const pal_output_layer *layer, pal_arena *arena);

/* Begins with token k; search->z, of length 1, is the first direction. */
void pal_search_start(pal_search *search, int32_t k);

/* Continues, given logits [count], the products of all rows with the lifted search->z. */
pal_search_state pal_search_step(pal_search *search, const float *logits);

/* The weight of a token in a slot of the hull; 0 for cone points, and for weights that are only rounding errors. */
static inline double pal_search_weight(const pal_search *search, int slot)
{
    const double a = search->hull.weight[slot];
    return search->hull.tag[slot] >= 0 && a > 1e-13 ? a : 0.0;
}

/* Which tokens dominate an unpredictable one: writes up to `capacity` ids and weights, whose sum is 1, in any order, and
 * returns how many there are. */
int pal_search_weights(const pal_search *search, int32_t *ids, double *weights, int capacity);

/* The s of a direction of length `length` that stays within the limit of the hidden row. */
double pal_search_within(const pal_output_layer *layer, double s, double length);

#endif
