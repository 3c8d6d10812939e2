/* leads.c - by how much a token leads all others: f32 for all, f64 where that is not enough. */
#include "leads.h"
#include "hull.h"

#include <math.h>

void pal_leads_layout(pal_leads_scratch *scratch, int width, pal_arena *arena)
{
    scratch->own = pal_take(arena, (size_t)width, sizeof *scratch->own);
    scratch->other = pal_take(arena, (size_t)width, sizeof *scratch->other);
    scratch->row = pal_take(arena, (size_t)width, sizeof *scratch->row);
}

static double lead_of(const pal_output_layer *l, int32_t k, int32_t i, double s, const float *logits)
{
    return ((double)logits[k] - (double)logits[i]) + pal_output_bias(l, k, i) * s;
}

/* The lead in f64, minus a bound of its own rounding errors: those of the differences and of the sum. */
static double safe_lead(const pal_output_layer *l, pal_leads_scratch *scratch, int32_t i, const double *z, double bias)
{
    double sum = bias, size = fabs(bias);
    pal_output_row(l, i, scratch->other, scratch->row);
    for (int c = 0; c < l->width; c++) {
        const double term = (scratch->own[c] - scratch->other[c]) * z[c];
        sum += term;
        size += fabs(term) + (fabs(scratch->own[c]) + fabs(scratch->other[c])) * fabs(z[c]) * 0x1p-50;
    }
    return sum - size * (l->width + 8) * 0x1p-52;
}

bool pal_leads_win(const pal_output_layer *l, pal_leads_scratch *scratch, int32_t k, const double *z, double s,
                   const float *logits, double *lead)
{
    double length = 0.0; /* of the lifted z */
    *lead = (double)INFINITY;
    for (int c = 0; c < l->width; c++) {
        const double y = l->gain ? l->gain[c] * z[c] : z[c];
        length += y * y;
    }
    const double unit = (l->width + 4) * 0x1p-24 * sqrt(length);
    for (int32_t i = 0; i < l->count; i++)
        if (l->same[i] != l->same[k] && lead_of(l, k, i, s, logits) < -unit * (l->size[k] + l->size[i])) return false;
    pal_output_row(l, k, scratch->own, scratch->row);
    for (int32_t i = 0; i < l->count; i++) {
        if (l->same[i] == l->same[k]) continue;
        double here = lead_of(l, k, i, s, logits);
        if (!(here > unit * (l->size[k] + l->size[i])))
            here = safe_lead(l, scratch, i, z, pal_output_bias(l, k, i) * s);
        if (!(here > 0.0)) return false;
        if (here < *lead) *lead = here;
    }
    return true;
}

int pal_leads_smallest(const pal_output_layer *l, int32_t k, double s, const float *logits, int32_t *ids, double *leads,
                       int capacity)
{
    int n = 0;
    for (int32_t i = 0; i < l->count; i++) {
        if (l->same[i] == l->same[k]) continue;
        const double here = lead_of(l, k, i, s, logits);
        int at = n;
        if (n == capacity && !(here < leads[n - 1])) continue;
        if (n < capacity) n++;
        if (at == capacity) at--;
        for (; at > 0 && here < leads[at - 1]; at--) leads[at] = leads[at - 1], ids[at] = ids[at - 1];
        leads[at] = here;
        ids[at] = i;
    }
    return n;
}
