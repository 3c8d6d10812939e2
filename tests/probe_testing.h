/* probe_testing.h - output layers with planted tokens, and checks of proofs, for test_probe*.c. */
#ifndef PAL_PROBE_TESTING_H
#define PAL_PROBE_TESTING_H

#include "core/math.h"
#include "model_testing.h"

#include <math.h>

enum { MAX_ROWS = 400, MAX_COLS = 64 };

static float rows[MAX_ROWS * MAX_COLS], biases[MAX_ROWS];

/* A draw from the standard normal distribution (Box and Muller 1958). */
static inline double normal(uint32_t run, uint32_t draw)
{
    const double u = 1.0 - pal_uniform(11, PAL_DRAW_NOISE, 0, run, 2 * draw);
    double sine, cosine;
    pal_sincos(6.283185307179586 * pal_uniform(11, PAL_DRAW_NOISE, 0, run, 2 * draw + 1), &sine, &cosine);
    return sqrt(-2.0 * pal_log(u)) * cosine;
}

static inline void fill_rows(uint32_t run, int count, int width)
{
    for (int i = 0; i < count * width; i++) rows[i] = (float)normal(run, (uint32_t)i);
    for (int i = 0; i < count; i++) biases[i] = (float)normal(run + 1000, (uint32_t)i);
}

/* Row k := the mean of rows first .. first + several - 1, times `share`; its bias that of the mean, plus `more`. */
static inline void plant(int width, int k, int first, int several, double share, double more)
{
    for (int c = 0; c < width; c++) {
        double sum = 0.0;
        for (int i = first; i < first + several; i++) sum += (double)rows[i * width + c];
        rows[k * width + c] = (float)(share * sum / several);
    }
    double bias = 0.0;
    for (int i = first; i < first + several; i++) bias += (double)biases[i] / several;
    biases[k] = (float)(bias + more);
}

/* For pal_probing_start_rows: rows [count, width] with `biases`, or without. */
static inline pal_output_rows layer_of(int count, int width, bool biased)
{
    return (pal_output_rows){.tokens = count, .width = width, .rows = rows, .bias = biased ? biases : NULL};
}

/* The logit of a token for a hidden row. */
static inline double logit_of(const pal_output_rows *l, int32_t id, const double *hidden)
{
    double sum = l->bias ? (double)l->bias[id] : 0.0;
    for (int c = 0; c < l->width; c++) sum += (double)l->rows[(size_t)id * (size_t)l->width + (size_t)c] * hidden[c];
    return sum;
}

/* A token that is predictable is the most probable one for its hidden row, by the lead that is reported. */
static inline void check_hidden(const pal_probing *job, const pal_output_rows *l, int32_t id)
{
    double hidden[MAX_COLS], length = 0.0, sum = 0.0, lead = INFINITY;
    assert_true(pal_probing_hidden(job, id, hidden));
    for (int c = 0; c < l->width; c++) length += hidden[c] * hidden[c], sum += hidden[c];
    if (l->radius > 0.0) assert_true(sqrt(length) <= l->radius * (1.0 + 1e-9));
    if (l->centred) assert_true(fabs(sum) < 1e-9 * sqrt(length));
    const double own = logit_of(l, id, hidden);
    for (int32_t i = 0; i < l->tokens; i++) {
        const int32_t same = pal_probing_token(job, i).same_as;
        if (i == id || same == id) continue;
        lead = fmin(lead, own - logit_of(l, i, hidden));
    }
    assert_true(lead > 0.0);
    /* leads that f32 shows to be positive are reported with its error */
    assert_true(fabs(lead - pal_probing_token(job, id).lead) < 1e-4 * (1.0 + fabs(own)));
}

/* Weights of the tokens that dominate one: a convex combination of rows that is its row, with a bias as large. */
static inline void check_weights(const pal_probing *job, const pal_output_rows *l, int32_t id)
{
    int32_t by[MAX_ROWS];
    double weight[MAX_ROWS], total = 0.0, bias = 0.0, size = 0.0, biased = 0.0, length = 0.0,
                             difference[MAX_COLS] = {0};
    const size_t n = pal_probing_weights(job, id, by, weight, MAX_ROWS);
    assert_int_equal(n, pal_probing_token(job, id).dominating);
    assert_true(n >= 1 && n <= (size_t)l->width + (l->bias ? 2 : 1));
    for (size_t i = 0; i < n; i++) {
        double norm = 0.0;
        assert_true(by[i] != id && weight[i] > 0.0);
        total += weight[i];
        for (int c = 0; c < l->width; c++) {
            const double d = (double)l->rows[id * l->width + c] - (double)l->rows[by[i] * l->width + c];
            difference[c] += weight[i] * d;
            norm += d * d;
        }
        size += weight[i] * sqrt(norm);
        const double b = l->bias ? (double)l->bias[id] - (double)l->bias[by[i]] : 0.0;
        bias += weight[i] * b;
        biased += weight[i] * fabs(b);
    }
    double mean = 0.0;
    for (int c = 0; c < l->width; c++) mean += l->centred ? difference[c] / l->width : 0.0;
    for (int c = 0; c < l->width; c++) length += (difference[c] - mean) * (difference[c] - mean);
    assert_true(fabs(total - 1.0) < 1e-12);
    if (l->radius > 0.0 && l->bias) {
        assert_true(l->radius * sqrt(length) + bias <= 2e-9 * (l->radius * size + biased));
    } else {
        assert_true(sqrt(length) <= 2e-9 * size || size == 0.0);
        assert_true(bias <= 2e-9 * biased);
    }
}

/* Decides about all tokens, and checks each proof when it is found. */
static inline pal_probing *probe_rows(const pal_output_rows *l, const pal_probe_options *options)
{
    pal_probing *job;
    int32_t ids[64];
    pal_error err = {0};
    if (pal_probing_start_rows(&job, l, options, &err)) fail_msg("%s", err.text);
    for (pal_status s = PAL_MORE; s == PAL_MORE;) {
        s = pal_probing_step(job, &err);
        assert_true(s >= 0);
        const size_t n = pal_probing_decided(job, ids, 64);
        for (size_t i = 0; i < n; i++) {
            const pal_token_state state = pal_probing_token(job, ids[i]).state;
            if (state == PAL_TOKEN_PREDICTABLE || state == PAL_TOKEN_TIED) check_hidden(job, l, ids[i]);
            if (state == PAL_TOKEN_UNPREDICTABLE) check_weights(job, l, ids[i]);
        }
    }
    return job;
}

static inline pal_token_state state_of(const pal_probing *job, int32_t id)
{
    return pal_probing_token(job, id).state;
}

#endif
