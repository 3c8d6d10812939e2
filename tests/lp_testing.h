/* lp_testing.h - whether a token can be the most probable one, by a linear program: an independent check. */
#ifndef PAL_LP_TESTING_H
#define PAL_LP_TESTING_H

#include <math.h>
#include <stdlib.h>

/* Maximises the last variable by the simplex method with Bland's rule, which cannot cycle.  table [m + 1, n + 1]: m rows a x
 * <= b with b >= 0 in column n, then the costs; basis [m]. */
static inline double maximise(double *table, int *basis, int *outside, int m, int n)
{
    const int stride = n + 1;
    double *cost = table + (size_t)m * (size_t)stride;
    for (;;) {
        int in = -1, out = -1;
        for (int c = 0; c < n; c++)
            if (cost[c] > 1e-11 && (in < 0 || outside[c] < outside[in])) in = c;
        if (in < 0) return -cost[n];
        for (int r = 0; r < m; r++) {
            const double *row = table + (size_t)r * (size_t)stride;
            if (row[in] <= 1e-11) continue;
            const double *best = out < 0 ? NULL : table + (size_t)out * (size_t)stride;
            const double here = row[n] / row[in], least = best ? best[n] / best[in] : (double)INFINITY;
            if (here < least - 1e-13 || (here <= least + 1e-13 && basis[r] < basis[out])) out = r;
        }
        if (out < 0) return (double)INFINITY;
        double *pivot = table + (size_t)out * (size_t)stride;
        const double by = pivot[in];
        pivot[in] = 1.0;
        for (int c = 0; c <= n; c++) pivot[c] /= by;
        for (int r = 0; r <= m; r++) {
            double *row = table + (size_t)r * (size_t)stride;
            const double factor = row[in];
            if (r == out || factor == 0.0) continue;
            row[in] = 0.0;
            for (int c = 0; c <= n; c++) row[c] -= factor * pivot[c];
        }
        const int swap = basis[out];
        basis[out] = outside[in];
        outside[in] = swap;
    }
}

/* The largest t with (w_k - w_i) z + (b_k - b_i) s >= t for all i, where |z| <= 1 for each element and 0 <= s <= 1: positive
 * if and only if token k can be the most probable one.  rows [count, width]; bias [count] or NULL. */
static inline double lp_lead(const float *rows, const float *bias, int count, int width, int k)
{
    const int n = 2 * width + 2, m = count - 1 + 2 * width + 1, stride = n + 1; /* z = u - v, then s and t */
    double *table = calloc((size_t)(m + 1) * (size_t)stride, sizeof *table);
    int *basis = malloc((size_t)m * sizeof *basis), *outside = malloc((size_t)n * sizeof *outside);
    int r = 0;
    for (int i = 0; i < count; i++) {
        if (i == k) continue;
        double *row = table + (size_t)r++ * (size_t)stride;
        for (int c = 0; c < width; c++) {
            const double d = (double)rows[k * width + c] - (double)rows[i * width + c];
            row[c] = -d;
            row[width + c] = d;
        }
        if (bias) row[2 * width] = (double)bias[i] - (double)bias[k];
        row[2 * width + 1] = 1.0;
    }
    for (int c = 0; c < 2 * width + 1; c++, r++) {
        table[(size_t)r * (size_t)stride + (size_t)c] = 1.0;
        table[(size_t)r * (size_t)stride + (size_t)n] = 1.0;
    }
    table[(size_t)m * (size_t)stride + (size_t)n - 1] = 1.0;
    for (int i = 0; i < m; i++) basis[i] = n + i;
    for (int i = 0; i < n; i++) outside[i] = i;
    const double t = maximise(table, basis, outside, m, n);
    free(table);
    free(basis);
    free(outside);
    return t;
}

#endif
