/* witness.c - directions in which tokens are usually the most probable ones. */
#include "witness.h"
#include "hull.h"

#include <math.h>
#include <string.h>

enum { SAMPLES = 2048, ROWS = 64 }; /* rows sampled, at least, and twice the width; rows per step */
#define SHRINKAGE 0.1

void pal_witness_layout(pal_witness *w, const pal_output_layer *layer, pal_arena *arena)
{
    const size_t width = (size_t)layer->width;
    *w = (pal_witness){.layer = layer};
    w->mean = pal_take(arena, width, sizeof *w->mean);
    w->factor = pal_take2(arena, width, width, sizeof *w->factor);
    w->row = pal_take(arena, width, sizeof *w->row);
    w->scratch = pal_take(arena, width, sizeof *w->scratch);
}

static int32_t sample_at(const pal_witness *w, int32_t i)
{
    return (int32_t)((int64_t)i * w->layer->count / w->samples);
}

void pal_witness_start(pal_witness *w)
{
    const int width = w->layer->width;
    w->samples = 2 * width > SAMPLES ? 2 * width : SAMPLES;
    if (w->samples > w->layer->count) w->samples = w->layer->count;
    w->taken = 0;
    memset(w->mean, 0, (size_t)width * sizeof *w->mean);
    memset(w->factor, 0, (size_t)width * (size_t)width * sizeof *w->factor);
    for (int32_t i = 0; i < w->samples; i++) {
        pal_output_row(w->layer, sample_at(w, i), w->row, w->scratch);
        for (int c = 0; c < width; c++) w->mean[c] += w->row[c] / w->samples;
    }
}

static void add_row(pal_witness *w, int32_t id)
{
    const int width = w->layer->width;
    pal_output_row(w->layer, id, w->row, w->scratch);
    for (int c = 0; c < width; c++) w->row[c] -= w->mean[c];
    for (int r = 0; r < width; r++) {
        double *to = w->factor + (size_t)r * (size_t)width;
        for (int c = 0; c <= r; c++) to[c] += w->row[r] * w->row[c];
    }
}

/* Adds t I and factorises.  Sums of squares plus a positive diagonal have positive pivots; a layer of zeros has ones. */
static void factorise(pal_witness *w)
{
    const int width = w->layer->width;
    double trace = 0.0;
    for (int r = 0; r < width; r++) trace += w->factor[(size_t)r * (size_t)width + (size_t)r];
    const double ridge = trace > 0.0 ? SHRINKAGE * trace / width : 1.0;
    for (int r = 0; r < width; r++) {
        double *row = w->factor + (size_t)r * (size_t)width;
        row[r] += ridge;
        for (int c = 0; c < r; c++) {
            const double *other = w->factor + (size_t)c * (size_t)width;
            row[c] = (row[c] - pal_hull_dot(row, other, c)) / other[c];
        }
        row[r] = sqrt(row[r] - pal_hull_dot(row, row, r));
    }
}

bool pal_witness_step(pal_witness *w)
{
    if (w->taken == w->samples) {
        factorise(w);
        return false;
    }
    for (int i = 0; i < ROWS && w->taken < w->samples; i++) add_row(w, sample_at(w, w->taken++));
    return true;
}

void pal_witness_of(const pal_witness *w, int32_t k, double *z, float *row)
{
    const int width = w->layer->width;
    pal_output_row(w->layer, k, z, row);
    for (int c = 0; c < width; c++) z[c] -= w->mean[c];
    for (int r = 0; r < width; r++) {
        const double *of = w->factor + (size_t)r * (size_t)width;
        z[r] = (z[r] - pal_hull_dot(of, z, r)) / of[r];
    }
    for (int r = width - 1; r >= 0; r--) {
        const double *of = w->factor + (size_t)r * (size_t)width;
        z[r] /= of[r];
        for (int c = 0; c < r; c++) z[c] -= of[c] * z[r];
    }
    const double length = sqrt(pal_hull_dot(z, z, width));
    for (int c = 0; c < width; c++) z[c] = length > 0.0 ? z[c] / length : 0.0;
}
