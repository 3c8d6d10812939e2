/* grid.c - the times that a sampler visits: subsets of a schedule, or geometric noise levels. */
#include "schedule.h"
#include "../core/math.h"

#define MAGIC 0x1.8p52 /* adding and subtracting it rounds to an integer, ties to even */

pal_status pal_grid_check(const pal_schedule *s, pal_image_grid grid, const double *given, int32_t steps,
                          pal_error *err)
{
    if ((unsigned)grid > PAL_GRID_GIVEN) return pal_fail(err, PAL_E_OPTION, "unknown time grid", SIZE_MAX);
    if (s->steps && steps > s->steps)
        return pal_fail(err, PAL_E_OPTION, "more steps than the noise schedule has", SIZE_MAX);
    if (grid != PAL_GRID_GIVEN)
        return given ? pal_fail(err, PAL_E_OPTION, "times are given, but another grid is chosen", SIZE_MAX) : PAL_OK;
    if (!given) return pal_fail(err, PAL_E_OPTION, "this grid needs a list of times", SIZE_MAX);
    for (int32_t k = 0; k < steps; k++) {
        if (!(given[k] > 0.0 && given[k] <= 1.0))
            return pal_fail(err, PAL_E_OPTION, "given times must be above 0 and at most 1", (size_t)k);
        if (k && !(given[k] < given[k - 1]))
            return pal_fail(err, PAL_E_OPTION, "given times must decrease, from the noisiest to the cleanest",
                            (size_t)k);
        double n = given[k] * s->steps, off = n - (n + MAGIC - MAGIC);
        if (off > 1e-6 || off < -1e-6)
            return pal_fail(err, PAL_E_OPTION, "given times must be steps of the noise schedule", (size_t)k);
    }
    return PAL_OK;
}

/* The k-th time of a grid before rounding; k = 0 is the smallest. */
static double share(pal_image_grid grid, int32_t k, int32_t steps)
{
    double y = steps > 1 ? (double)k / (steps - 1) : 1.0;
    return grid == PAL_GRID_QUADRATIC ? y * y : y;
}

/* Rounded to a step; at least k + 1, and low enough to leave a step for each later time. */
static double step_at(const pal_schedule *s, pal_image_grid grid, int32_t k, int32_t steps, double below)
{
    double n = 1.0 + (s->steps - 1) * share(grid, k, steps) + MAGIC - MAGIC;
    double max = s->steps - (steps - 1 - k);
    if (n <= below) n = below + 1.0;
    return n < max ? n : max;
}

void pal_grid_levels(const pal_schedule *s, pal_image_grid grid, const double *given, int32_t steps, pal_level *level)
{
    double n = 0.0;
    for (int32_t k = 0; k < steps; k++) { /* from the cleanest to the noisiest */
        double time = s->min_time + (1.0 - s->min_time) * share(grid, k, steps);
        if (s->steps && grid != PAL_GRID_GIVEN) {
            n = step_at(s, grid, k, steps, n);
            time = n / s->steps;
        }
        level[steps - 1 - k] = pal_level_at(s, grid == PAL_GRID_GIVEN ? given[steps - 1 - k] : time);
    }
    level[steps] = (pal_level){.alpha = 1.0};
}

void pal_grid_geometric(const pal_schedule *s, double sigma_max, double sigma_min, int32_t steps, pal_level *level)
{
    double stride = steps > 1 ? pal_log(sigma_min / sigma_max) / (steps - 1) : 0.0;
    for (int32_t k = 0; k < steps; k++) level[k] = pal_level_of_sigma(s, sigma_max * pal_exp(stride * k));
    level[steps] = (pal_level){.alpha = 1.0};
}
