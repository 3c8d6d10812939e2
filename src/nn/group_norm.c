/* group_norm.c - GroupNorm: statistics per group, then one factor and one addend per channel. */
#include "group_norm.h"
#include "../core/math.h"
#include "../kernels/lanes.h"

void pal_group_norm_layout(pal_group_norm_scratch *scratch, size_t widest, pal_arena *arena)
{
    scratch->sum = pal_take(arena, widest, sizeof *scratch->sum);
    scratch->factor = pal_take(arena, widest, sizeof *scratch->factor);
    scratch->addend = pal_take(arena, widest, sizeof *scratch->addend);
}

/* The average over a group: its channels' sums, added in eight lanes, divided by places * channels. */
static float group_mean(const float *sum, int width, float count)
{
    float lane[PAL_LANES] = {0};
    for (int c = 0; c < width; c++) lane[c % PAL_LANES] += sum[c];
    return pal_sum_lanes(lane) / count;
}

/* Stores the groups' means in scratch->addend and 1 / sqrt(variance + eps) in scratch->factor, repeated for all
 * channels of a group. */
static void find_statistics(const pal_compute *compute, const pal_group_norm *norm, const float *x, int pixels,
                            const pal_group_norm_scratch *scratch)
{
    const int width = norm->channels / norm->groups;
    const float count = (float)pixels * (float)width;
    compute->kernels->column_sums(scratch->sum, x, pixels, norm->channels);
    for (int at = 0; at < norm->channels; at += width) {
        const float mean = group_mean(scratch->sum + at, width, count);
        for (int c = at; c < at + width; c++) scratch->addend[c] = mean;
    }
    compute->kernels->column_squares(scratch->sum, x, scratch->addend, pixels, norm->channels);
    for (int at = 0; at < norm->channels; at += width) {
        const float scale = pal_rsqrtf(group_mean(scratch->sum + at, width, count) + norm->eps);
        for (int c = at; c < at + width; c++) scratch->factor[c] = scale;
    }
}

/* Rewrites ((x - mean) * s * gain + bias) * (1 + scale) + shift as x * factor + addend. */
static void fold(const pal_group_norm *norm, const float *modulation, const pal_group_norm_scratch *scratch)
{
    for (int c = 0; c < norm->channels; c++) {
        float factor = scratch->factor[c] * norm->gain[c], addend = norm->bias[c] - scratch->addend[c] * factor;
        if (modulation) {
            const float more = 1.0f + modulation[c];
            factor *= more;
            addend = addend * more + modulation[norm->channels + c];
        }
        scratch->factor[c] = factor;
        scratch->addend[c] = addend;
    }
}

typedef struct {
    const pal_compute *compute;
    int channels;
    float *y;
    const float *x;
    const pal_group_norm_scratch *scratch;
    pal_norm_end end;
} job;

/* Normalises pixels from .. to - 1. */
static void apply(void *context, int from, int to, int thread)
{
    const job *j = context;
    const pal_kernels *k = j->compute->kernels;
    const size_t at = (size_t)from * (size_t)j->channels;
    (void)thread;
    if (j->end == PAL_NORM_SILU)
        k->scale_shift_silu(j->y + at, j->x + at, j->scratch->factor, j->scratch->addend, to - from, j->channels);
    else
        k->scale_shift(j->y + at, j->x + at, j->scratch->factor, j->scratch->addend, to - from, j->channels);
}

void pal_group_norm_run(const pal_compute *compute, const pal_group_norm *norm, float *y, const float *x, int pixels,
                        const float *modulation, pal_norm_end end, const pal_group_norm_scratch *scratch)
{
    find_statistics(compute, norm, x, pixels, scratch);
    fold(norm, modulation, scratch);
    const size_t work = (size_t)pixels * (size_t)norm->channels * (end == PAL_NORM_SILU ? 32 : 2);
    pal_team_run(pal_compute_team(compute, work), apply, &(job){compute, norm->channels, y, x, scratch, end}, pixels);
}
