/* attention_rows.h - attention's loops over heads, rows and the places that each row sees (internal to kernels/).
 *
 * Up to four rows of heads that share keys are computed together.  If each of them sees all places below some place, as
 * in causal and bidirectional attention, attend_below handles them.  Otherwise attend_sets skips panels that none of
 * the rows sees.  The scores of the remaining panels are contiguous, and place j stays in lane j % 8.  If a row sees
 * only part of a panel, the scores of the other places are computed too, then replaced by -infinity, whose exponential
 * is exactly 0; the values of those places are never read. */
#ifndef PAL_ATTENTION_ROWS_H
#define PAL_ATTENTION_ROWS_H

#include "kernels.h"

#include <math.h>
#include <string.h>

/* Up to four rows of one head (or of heads that share keys), and their keys and values. */
typedef struct {
    int count;
    const float *q[PAL_ATTENTION_ROWS]; /* [head_dim] each */
    float *y[PAL_ATTENTION_ROWS];       /* [head_dim] each */
    float *score[PAL_ATTENTION_ROWS];   /* [capacity] each */
    const pal_seen *seen[PAL_ATTENTION_ROWS];
    const float *own_k[PAL_ATTENTION_ROWS],
        *own_v[PAL_ATTENTION_ROWS];        /* [head_dim] each; only for rows that have an own place */
    const float *bias[PAL_ATTENTION_ROWS]; /* [places] each; NULL: none */
    const float *k;                        /* [capacity / 8, head_dim, 8] */
    const float *v;                        /* [places], rows v_stride floats apart */
    size_t v_stride;
    int head_dim;
    float scale;
} attention_rows;

/* The steps of attention, as one variant implements them. */
typedef struct {
    /* Computes scores for `panels` contiguous panels of keys at k, for all rows, and stores them from index `at` on. */
    void (*scores)(const attention_rows *a, const float *k, int at, int panels);
    void (*softmax)(float *score, int keys);
    /* Adds the values of `keys` consecutive places at v, weighted by the scores from index `at` on, to y of rows row ..
     * row + count. */
    void (*mix)(const attention_rows *a, int row, int count, const float *v, int at, int keys);
} attention_steps;

/* ---- rows that see all places below one ---------------------------------- */

static void attend_below(const attention_rows *a, const attention_steps *steps)
{
    int fewest = a->seen[0]->below, max = fewest;
    for (int r = 1; r < a->count; r++) {
        if (a->seen[r]->below < fewest) fewest = a->seen[r]->below;
        if (a->seen[r]->below > max) max = a->seen[r]->below;
    }
    steps->scores(a, a->k, 0, (max + PAL_PANEL - 1) / PAL_PANEL);
    for (int r = 0; r < a->count; r++) {
        const int below = a->seen[r]->below;
        for (int j = 0; a->bias[r] && j < below; j++) a->score[r][j] += a->bias[r][j];
        steps->softmax(a->score[r], below);
    }
    steps->mix(a, 0, a->count, a->v, 0, fewest);
    for (int r = 0; r < a->count; r++)
        if (a->seen[r]->below > fewest)
            steps->mix(a, r, 1, a->v + (size_t)fewest * a->v_stride, fewest, a->seen[r]->below - fewest);
}

/* ---- rows that see sets of places ---------------------------------------- */

/* The first place after all places that a row sees. */
static int seen_end(const pal_seen *s)
{
    return s->own < s->below ? s->below : s->own + 1;
}

/* Which places of a panel a row sees, one bit per place. */
static unsigned bits_of(const pal_seen *s, int panel)
{
    const int below = s->below - panel * PAL_PANEL, own = s->own - panel * PAL_PANEL;
    unsigned bits = below <= 0 ? 0 : s->set ? s->set[panel] : 0xffu;
    if (below > 0 && below < PAL_PANEL) bits &= (1u << below) - 1;
    return own >= 0 && own < PAL_PANEL ? bits | 1u << own : bits;
}

static bool owns_in(const pal_seen *s, int panel)
{
    return s->own >= 0 && s->own / PAL_PANEL == panel;
}

static bool any_sees(const attention_rows *a, int panel)
{
    unsigned bits = 0;
    for (int r = 0; r < a->count; r++) bits |= bits_of(a->seen[r], panel);
    return bits != 0;
}

/* Whether all rows see the same places of a panel, and none of them has its own key there. */
static bool all_see(const attention_rows *a, int panel, unsigned bits)
{
    bool same = true;
    for (int r = 0; r < a->count; r++) same = same && bits_of(a->seen[r], panel) == bits && !owns_in(a->seen[r], panel);
    return same;
}

/* Completes a panel's scores with what k does not contain: the own key, the bias, and -infinity for unseen places. */
static void finish_scores(const attention_rows *a, int r, int panel, int at)
{
    const pal_seen *s = a->seen[r];
    const unsigned bits = bits_of(s, panel);
    float *score = a->score[r] + at;
    if (owns_in(s, panel)) {
        float sum = 0.0f;
        for (int d = 0; d < a->head_dim; d++) sum += a->q[r][d] * a->own_k[r][d];
        score[s->own % PAL_PANEL] = sum * a->scale;
    }
    if (bits == 0xff && !a->bias[r]) return;
    for (int j = 0; j < PAL_PANEL; j++)
        if (!(bits >> j & 1))
            score[j] = -INFINITY;
        else if (a->bias[r])
            score[j] += a->bias[r][panel * PAL_PANEL + j];
}

/* Computes scores for the panels that any row sees, without gaps; returns the number of scores per row. */
static int score_sets(const attention_rows *a, int panels, const attention_steps *steps)
{
    int at = 0;
    for (int panel = 0, run; panel < panels; panel += run + 1) { /* no row sees the panel after a run */
        for (run = 0; panel + run < panels && any_sees(a, panel + run);) run++;
        if (!run) continue;
        steps->scores(a, a->k + (size_t)panel * PAL_PANEL * (size_t)a->head_dim, at, run);
        for (int i = 0; i < run; i++, at += PAL_PANEL)
            for (int r = 0; r < a->count; r++) finish_scores(a, r, panel + i, at);
    }
    return at;
}

/* Adds the values of a panel's places in `bits`, run by run; at its own place a row uses its own value. */
static void mix_panel(const attention_rows *a, int row, int count, int panel, int at, unsigned bits,
                      const attention_steps *steps)
{
    const pal_seen *s = a->seen[row];
    const int own = owns_in(s, panel) ? s->own % PAL_PANEL : -1;
    for (int from = 0, to; from < PAL_PANEL; from = to) {
        to = from + 1;
        if (!(bits >> from & 1)) continue;
        while (from != own && to < PAL_PANEL && to != own && bits >> to & 1) to++;
        const float *v = a->v + (size_t)(panel * PAL_PANEL + from) * a->v_stride;
        steps->mix(a, row, count, from == own ? a->own_v[row] : v, at + from, to - from);
    }
}

static void mix_sets(const attention_rows *a, int panels, const attention_steps *steps)
{
    for (int panel = 0, at = 0, run; panel < panels; panel += run) {
        const unsigned bits = bits_of(a->seen[0], panel);
        for (run = 0; panel + run < panels && all_see(a, panel + run, 0xffu);) run++;
        if (run > 0) {
            const float *v = a->v + (size_t)panel * PAL_PANEL * a->v_stride;
            steps->mix(a, 0, a->count, v, at, run * PAL_PANEL);
            at += run * PAL_PANEL;
            continue;
        }
        run = 1;
        if (!any_sees(a, panel)) continue;
        if (all_see(a, panel, bits))
            mix_panel(a, 0, a->count, panel, at, bits, steps);
        else
            for (int r = 0; r < a->count; r++) mix_panel(a, r, 1, panel, at, bits_of(a->seen[r], panel), steps);
        at += PAL_PANEL;
    }
}

static void attend_sets(const attention_rows *a, const attention_steps *steps)
{
    int end = 0;
    for (int r = 0; r < a->count; r++) end = seen_end(a->seen[r]) > end ? seen_end(a->seen[r]) : end;
    const int panels = (end + PAL_PANEL - 1) / PAL_PANEL, keys = score_sets(a, panels, steps);
    for (int r = 0; r < a->count; r++) steps->softmax(a->score[r], keys);
    mix_sets(a, panels, steps);
}

/* ---- heads and rows ------------------------------------------------------ */

/* Makes head `head` of row `row` of the call row a->count. */
static void take_row(attention_rows *a, const pal_attention *call, int row, int head)
{
    const size_t i = (size_t)row, head_dim = (size_t)call->head_dim;
    const size_t own = i * call->own_stride + (size_t)(head / (call->heads / call->kv_heads)) * head_dim;
    const int r = a->count++;
    a->q[r] = call->q + i * call->q_stride + (size_t)head * head_dim;
    a->y[r] = call->y + i * call->y_stride + (size_t)head * head_dim;
    a->score[r] = call->scores + (size_t)r * (size_t)call->capacity;
    a->seen[r] = call->seen + i;
    a->own_k[r] = call->own_k ? call->own_k + own : NULL;
    a->own_v[r] = call->own_v ? call->own_v + own : NULL;
    a->bias[r] = call->bias ? call->bias + (size_t)head * call->bias_head + i * call->bias_row : NULL;
}

static void attend_rows(const attention_rows *a, const attention_steps *steps)
{
    bool sets = false;
    for (int r = 0; r < a->count; r++) {
        memset(a->y[r], 0, (size_t)a->head_dim * sizeof(float));
        sets = sets || a->seen[r]->set || a->seen[r]->own >= 0;
    }
    if (sets)
        attend_sets(a, steps);
    else
        attend_below(a, steps);
}

/* Rows of all heads that share keys are taken together, so that one row of a grouped model can fill a tile. */
static void attend(const pal_attention *call, const attention_steps *steps)
{
    const int group = call->heads / call->kv_heads;
    for (int kv_head = 0; kv_head < call->kv_heads; kv_head++) {
        attention_rows a = {.k = call->k + (size_t)kv_head * call->k_stride,
                            .v = call->v + (size_t)kv_head * call->v_head,
                            .v_stride = call->v_stride,
                            .head_dim = call->head_dim,
                            .scale = call->scale};
        for (int at = 0; at < call->n * group; at++) {
            take_row(&a, call, at / group, kv_head * group + at % group);
            if (a.count < PAL_ATTENTION_ROWS && at + 1 < call->n * group) continue;
            attend_rows(&a, steps);
            a.count = 0;
        }
    }
}

#endif
