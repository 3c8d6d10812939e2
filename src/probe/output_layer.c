/* output_layer.c - folds the last norm of a network into its output layer, and finds identical rows. */
#include "output_layer.h"
#include "../kernels/panels.h"
#include "hull.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool pal_output_is_constant(const pal_transformer *net)
{
    return !pal_transformer_reads_noise(net);
}

pal_output_source pal_output_of(const pal_transformer *net, bool bounded)
{
    const pal_matrix *w = net->output.data ? &net->output : &net->token_embd;
    pal_output_source s = {.count = net->vocab, .width = net->dim, .matrix = w, .bias = w->bias};
    if (!bounded) return s;
    s.gain = net->output_norm.gain;
    s.shift = net->output_norm.bias;
    s.centred = net->output_norm.bias != NULL;
    s.radius = sqrt((double)net->dim);
    if (net->conditioning) { /* constants: pal_output_is_constant */
        s.then_shift = net->conditioning->last.bias;
        s.then_scale = s.then_shift + net->dim;
    }
    return s;
}

void pal_output_layout(pal_output_layer *l, const pal_output_source *s, pal_arena *arena)
{
    const size_t count = (size_t)s->count, width = (size_t)s->width;
    const bool shifted = s->shift || s->then_shift;
    *l = (pal_output_layer){.count = s->count, .width = s->width, .radius = s->radius, .centred = s->centred};
    l->rows = (pal_matrix){.type = PAL_F32, .rows = s->count, .cols = s->width};
    l->rows.data = pal_take2(arena, count, width, sizeof(float));
    l->gain = s->gain || s->then_scale ? pal_take(arena, width, sizeof *l->gain) : NULL;
    l->shift = shifted ? pal_take(arena, width, sizeof *l->shift) : NULL;
    l->bias = shifted || s->bias ? pal_take(arena, count, sizeof *l->bias) : NULL;
    l->size = pal_take(arena, count, sizeof *l->size);
    l->same = pal_take(arena, count, sizeof *l->same);
    l->key = pal_take(arena, count, sizeof *l->key);
    l->row = pal_take2(arena, 1 + PAL_PANEL, width, sizeof *l->row);
    l->folded = pal_take(arena, width, sizeof *l->folded);
}

/* ---- one row ---------------------------------------------------------------------------------------- */

static void fold(const pal_output_layer *l, const float *row, double *out)
{
    double sum = 0.0;
    for (int i = 0; i < l->width; i++) {
        out[i] = l->gain ? (double)row[i] * l->gain[i] : (double)row[i];
        sum += out[i];
    }
    for (int i = 0; l->centred && i < l->width; i++) out[i] -= sum / l->width;
}

void pal_output_row(const pal_output_layer *l, int32_t id, double *out, float *row)
{
    pal_panels_row(row, l->rows.data, PAL_F32, l->count, l->width, id);
    fold(l, row, out);
}

void pal_output_lift(const pal_output_layer *l, const double *z, float *y)
{
    double sum = 0.0;
    for (int i = 0; l->centred && i < l->width; i++) sum += z[i];
    for (int i = 0; i < l->width; i++) {
        const double v = z[i] - sum / l->width;
        y[i] = (float)(l->gain ? l->gain[i] * v : v);
    }
}

void pal_output_hidden(const pal_output_layer *l, const double *z, double *h)
{
    for (int i = 0; i < l->width; i++) {
        h[i] = l->gain ? l->gain[i] * z[i] : z[i];
        if (l->shift) h[i] += l->shift[i];
    }
}

/* ---- filling ---------------------------------------------------------------------------------------- */

/* gain := gain * (1 + scale), shift := shift * (1 + scale) + the second shift; 1 + scale is rounded as the network does
 * it. */
static void fill_norm(const pal_output_layer *l, const pal_output_source *s)
{
    for (int i = 0; i < l->width; i++) {
        const double scale = s->then_scale ? (double)(s->then_scale[i] + 1.0f) : 1.0;
        if (l->gain) l->gain[i] = (s->gain ? (double)s->gain[i] : 1.0) * scale;
        if (!l->shift) continue;
        l->shift[i] = (s->shift ? (double)s->shift[i] : 0.0) * scale;
        if (s->then_shift) l->shift[i] += (double)s->then_shift[i];
    }
}

/* FNV-1a over 64 bits at a time, which need not withstand an attack: equal hashes are compared.  -0 becomes 0. */
static uint64_t hash_of(const pal_output_layer *l, int32_t id)
{
    uint64_t hash = 0xcbf29ce484222325u, bits;
    for (int i = 0; i <= l->width; i++) {
        const double v = (i < l->width ? l->folded[i] : l->bias ? l->bias[id] : 0.0) + 0.0;
        memcpy(&bits, &v, sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
        hash ^= hash >> 32;
    }
    return hash;
}

static bool fill_row(pal_output_layer *l, const pal_output_source *s, int32_t id)
{
    float *row = (float *)(uintptr_t)l->rows.data + (size_t)id * (size_t)l->width;
    double size = 0.0, bias = s->bias ? (double)s->bias[id] : 0.0;
    if (s->matrix)
        pal_matrix_row(row, s->matrix, id, l->row);
    else
        memcpy(row, s->rows + (size_t)id * (size_t)l->width, (size_t)l->width * sizeof *row);
    fold(l, row, l->folded);
    for (int i = 0; i < l->width; i++) {
        size += (double)row[i] * (double)row[i];
        if (l->shift) bias += (double)row[i] * l->shift[i];
    }
    l->size[id] = sqrt(size);
    if (l->bias) l->bias[id] = bias;
    l->key[id] = (pal_output_key){hash_of(l, id), id};
    return isfinite(size) && isfinite(bias) && isfinite(pal_hull_dot(l->folded, l->folded, l->width));
}

static int by_hash(const void *a, const void *b)
{
    const pal_output_key *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Whether two rows are equal; the matrix is not in panels yet. */
static bool equal(const pal_output_layer *l, int32_t a, int32_t b)
{
    const float *rows = l->rows.data, *x = rows + (size_t)a * (size_t)l->width,
                *y = rows + (size_t)b * (size_t)l->width;
    for (int i = 0; i < l->width; i++)
        if (x[i] != y[i] && !(l->gain && l->gain[i] == 0.0)) return false;
    return !l->bias || l->bias[a] == l->bias[b];
}

static void find_same(pal_output_layer *l)
{
    qsort(l->key, (size_t)l->count, sizeof *l->key, by_hash);
    for (int32_t i = 0; i < l->count; i++) {
        const int32_t id = l->key[i].id, before = i ? l->same[l->key[i - 1].id] : id;
        l->same[id] = i && l->key[i].hash == l->key[i - 1].hash && equal(l, id, before) ? before : id;
    }
}

pal_status pal_output_fill(pal_output_layer *l, const pal_output_source *s, pal_error *err)
{
    bool same_bias = true;
    if (l->gain || l->shift) fill_norm(l, s);
    for (int32_t id = 0; id < l->count; id++) {
        if (!fill_row(l, s, id))
            return pal_fail(err, PAL_E_FORMAT,
                            "a row of the output layer, or its bias, contains NaN or infinity; the model file is "
                            "probably damaged",
                            SIZE_MAX);
        same_bias = same_bias && (!l->bias || l->bias[id] == l->bias[0]);
    }
    if (same_bias) l->bias = NULL;
    find_same(l);
    pal_matrix_pack(&l->rows, l->row);
    return PAL_OK;
}

void pal_output_digest(const pal_output_layer *l, unsigned char digest[PAL_SHA256_BYTES])
{
    const size_t width = (size_t)l->width;
    pal_sha256 h;
    pal_sha256_start(&h);
    pal_sha256_add(&h, &l->count, sizeof l->count);
    pal_sha256_add(&h, &l->width, sizeof l->width);
    pal_sha256_add(&h, &l->radius, sizeof l->radius);
    pal_sha256_add(&h, &(unsigned char){l->centred}, 1);
    pal_sha256_add(&h, l->rows.data, (size_t)l->count * width * sizeof(float));
    if (l->gain) pal_sha256_add(&h, l->gain, width * sizeof *l->gain);
    if (l->bias) pal_sha256_add(&h, l->bias, (size_t)l->count * sizeof *l->bias);
    pal_sha256_end(&h, digest);
}
