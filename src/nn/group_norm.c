#include "group_norm.h"
#include "../core/math.h"
#include "../kernels/lanes.h"

void pal_group_norm_layout(pal_group_norm_room *room, size_t widest, pal_arena *arena)
{
    room->sum = pal_take(arena, widest, sizeof *room->sum);
    room->factor = pal_take(arena, widest, sizeof *room->factor);
    room->addend = pal_take(arena, widest, sizeof *room->addend);
}

/* The average over a group: its channels' sums in eight lanes, over places * channels. */
static float group_mean(const float *sum, int width, float count)
{
    float lane[PAL_LANES] = {0};
    for (int c = 0; c < width; c++) lane[c % PAL_LANES] += sum[c];
    return pal_sum_lanes(lane) / count;
}

/* Means of groups into room->addend, their scales 1 / sqrt(variance + eps) into room->factor; each for all channels of
 * its group. */
static void find_statistics(const pal_compute *compute, const pal_group_norm *norm, const float *x, int places,
                            const pal_group_norm_room *room)
{
    const int width = norm->channels / norm->groups;
    const float count = (float)places * (float)width;
    compute->kernels->column_sums(room->sum, x, places, norm->channels);
    for (int at = 0; at < norm->channels; at += width) {
        const float mean = group_mean(room->sum + at, width, count);
        for (int c = at; c < at + width; c++) room->addend[c] = mean;
    }
    compute->kernels->column_squares(room->sum, x, room->addend, places, norm->channels);
    for (int at = 0; at < norm->channels; at += width) {
        const float scale = pal_rsqrtf(group_mean(room->sum + at, width, count) + norm->eps);
        for (int c = at; c < at + width; c++) room->factor[c] = scale;
    }
}

/* ((x - mean) * s * gain + bias) * (1 + scale) + shift as x * factor + addend. */
static void fold(const pal_group_norm *norm, const float *modulation, const pal_group_norm_room *room)
{
    for (int c = 0; c < norm->channels; c++) {
        float factor = room->factor[c] * norm->gain[c], addend = norm->bias[c] - room->addend[c] * factor;
        if (modulation) {
            const float more = 1.0f + modulation[c];
            factor *= more;
            addend = addend * more + modulation[norm->channels + c];
        }
        room->factor[c] = factor;
        room->addend[c] = addend;
    }
}

void pal_group_norm_run(const pal_compute *compute, const pal_group_norm *norm, float *y, const float *x, int places,
                        const float *modulation, pal_norm_end end, const pal_group_norm_room *room)
{
    find_statistics(compute, norm, x, places, room);
    fold(norm, modulation, room);
    if (end == PAL_NORM_SILU)
        compute->kernels->scale_shift_silu(y, x, room->factor, room->addend, places, norm->channels);
    else
        compute->kernels->scale_shift(y, x, room->factor, room->addend, places, norm->channels);
}
