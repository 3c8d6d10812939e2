/* probabilities.c - probability distributions over a vocabulary: softmax, truncations, draw. */
#include "probabilities.h"
#include "../core/math.h"

enum {
    TILE = 1024, /* elements: some 10 us of exponentials */
    FEW = 16     /* tiles that one thread divides faster than it wakes another */
};

typedef struct {
    double *x, max, sum;
    int32_t n;
} softmax;

/* The first element of a tile, or the end. */
static int32_t start_of(const softmax *j, int tile)
{
    return tile <= j->n / TILE ? tile * TILE : j->n;
}

static void take_exponentials(void *context, int from, int to, int thread)
{
    const softmax *j = context;
    (void)thread;
    for (int32_t i = start_of(j, from), end = start_of(j, to); i < end; i++)
        j->x[i] = j->x[i] <= PAL_NEVER ? 0.0 : pal_exp(j->x[i] - j->max);
}

static void divide(void *context, int from, int to, int thread)
{
    const softmax *j = context;
    (void)thread;
    for (int32_t i = start_of(j, from), end = start_of(j, to); i < end; i++) j->x[i] /= j->sum;
}

static int tiles_of(int32_t n)
{
    return (n + TILE - 1) / TILE;
}

/* Inlined: engines without threads have it once, in pal_softmax. */
__attribute__((always_inline)) static inline double exponentials(pal_team *team, double *x, int32_t n, double *max)
{
    softmax j = {.x = x, .max = PAL_NEVER, .n = n};
    for (int32_t i = 0; i < n; i++)
        if (x[i] > j.max) j.max = x[i];
    pal_team_run(team, take_exponentials, &j, tiles_of(n));
    *max = j.max;
    return pal_probs_sum(x, n);
}

double pal_exponentials(pal_team *team, double *x, int32_t n, double *max)
{
    return exponentials(team, x, n, max);
}

void pal_softmax(pal_team *team, double *x, int32_t n)
{
    softmax j = {.x = x, .n = n};
    j.sum = exponentials(team, x, n, &j.max);
    pal_team_run(tiles_of(n) < FEW ? NULL : team, divide, &j, tiles_of(n));
}

double pal_probs_sum(const double *probs, int32_t n)
{
    double sum = 0.0;
    for (int32_t id = 0; id < n; id++) sum += probs[id];
    return sum;
}

int32_t pal_probs_likeliest(const double *probs, int32_t n)
{
    int32_t best = 0;
    for (int32_t id = 1; id < n; id++)
        if (probs[id] > probs[best]) best = id;
    return best;
}

int32_t pal_probs_draw(const double *probs, int32_t n, double u)
{
    double sum = pal_probs_sum(probs, n), reached = 0.0;
    int32_t last = 0;
    for (int32_t id = 0; id < n; id++) {
        if (probs[id] <= 0.0) continue;
        reached += probs[id];
        last = id;
        if (u * sum < reached) return id;
    }
    return last;
}

/* ---- a heap of token ids: largest key first, lowest id among equals ---- */

static bool before(const double *key, int32_t a, int32_t b)
{
    return key[a] > key[b] || (key[a] == key[b] && a < b);
}

static void sift(const double *key, int32_t *heap, int32_t size, int32_t at)
{
    for (int32_t child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && before(key, heap[child + 1], heap[child])) child++;
        if (!before(key, heap[child], heap[at])) return;
        int32_t swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
    }
}

static void make_heap(const double *key, int32_t *heap, int32_t size)
{
    for (int32_t at = size / 2 - 1; at >= 0; at--) sift(key, heap, size, at);
}

/* Removes and returns the top; the id is stored directly after the heap, which shrinks by one. */
static int32_t pop(const double *key, int32_t *heap, int32_t *size)
{
    int32_t id = heap[0];
    heap[0] = heap[--*size];
    heap[*size] = id;
    sift(key, heap, *size, 0);
    return id;
}

static int32_t collect_above(const double *x, int32_t n, double min, int32_t *heap)
{
    int32_t size = 0;
    for (int32_t id = 0; id < n; id++)
        if (x[id] > min) heap[size++] = id;
    return size;
}

/* The heap yields tokens by decreasing probability until enough are kept, so a peaked distribution costs little more
 * than one pass. */
void pal_probs_truncate(const pal_truncation *how, double *probs, int32_t n, double total, int32_t *heap)
{
    int32_t size = collect_above(probs, n, 0.0, heap), kept = 0;
    double mass = 0.0, top = 0.0;
    make_heap(probs, heap, size);
    if (size) top = probs[heap[0]];

    int32_t max = how->top_k && how->top_k < size ? how->top_k : size;
    if (max < size && how->top_p < 1.0) { /* top_p applies to what top_k keeps */
        int32_t left = size;
        total = 0.0;
        while (size - left < max) total += probs[pop(probs, heap, &left)];
        make_heap(probs, heap, size);
    }
    while (kept < max) {
        bool crossed = how->top_p < 1.0 && mass >= how->top_p * total;
        if (kept && (crossed || probs[heap[0]] < how->min_p * top)) break;
        mass += probs[pop(probs, heap, &size)];
        kept++;
    }
    for (int32_t i = 0; i < size; i++) probs[heap[i]] = 0.0;
}

void pal_probs_typical(double *probs, int32_t n, double typical_p, double *key, int32_t *heap)
{
    int32_t size = collect_above(probs, n, 0.0, heap), all = size;
    double total = pal_probs_sum(probs, n), entropy = 0.0, mass = 0.0;
    for (int32_t i = 0; i < size; i++) {
        double p = probs[heap[i]] / total;
        key[heap[i]] = -pal_log(p);
        entropy += p * key[heap[i]];
    }
    for (int32_t i = 0; i < size; i++) {
        double off = key[heap[i]] - entropy;
        key[heap[i]] = off > 0.0 ? -off : off;
    }
    make_heap(key, heap, size);
    while (size && (size == all || mass < typical_p * total)) mass += probs[pop(key, heap, &size)];
    for (int32_t i = 0; i < size; i++) probs[heap[i]] = 0.0;
}

void pal_top_insert(pal_top *top, int32_t id, float value)
{
    int32_t at = top->count < top->max ? top->count++ : top->max - 1;
    for (; at > 0 && top->value[at - 1] < value; at--) {
        top->value[at] = top->value[at - 1];
        top->id[at] = top->id[at - 1];
    }
    top->value[at] = value;
    top->id[at] = id;
}
