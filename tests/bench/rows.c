/* rows.c - times the kernels that work on rows, with a few rows that fit the first-level cache, and attention. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 2, DIM = 768, GATES = 2048, HEADS = 12, HEAD_DIM = 64, KEYS = 256 };

typedef struct {
    const pal_kernels *k;
    float *x, *y, *gain, *cosine, *sine; /* [ROWS, DIM]; gain [DIM]; [ROWS, HEAD_DIM / 2] */
    float *gate, *up;                    /* [GATES] */
    pal_quantized q;                     /* of x */
    float *queries, *out, *keys, *values, *scores;
    pal_attention attention;
} row_state;

static void quantize(void *state)
{
    const row_state *s = state;
    s->k->quantize(&s->q, s->x, ROWS * DIM);
}

static void rms_norm(void *state)
{
    const row_state *s = state;
    s->k->rms_norm(s->y, s->x, s->gain, 1e-5f, ROWS, DIM);
}

/* By an angle whose cosine and sine are 0.6 and 0.8: a million turns change no magnitude that matters. */
static void rope(void *state)
{
    const row_state *s = state;
    s->k->rope(s->y, s->cosine, s->sine, ROWS, HEADS, HEAD_DIM);
}

/* Gates of 20 stay 20 when multiplied by 1: smaller ones would end as subnormal numbers, which are slow. */
static void swiglu(void *state)
{
    const row_state *s = state;
    s->k->swiglu(s->gate, s->up, GATES);
}

static void add(void *state)
{
    const row_state *s = state;
    s->k->add(s->x, s->y, ROWS * DIM);
}

static void attention(void *state)
{
    const row_state *s = state;
    s->k->attention(&s->attention);
}

static float *numbers(size_t count, float value, float spread)
{
    float *x = malloc(count * sizeof *x);
    for (size_t i = 0; x && i < count; i++) x[i] = value + spread * ((float)(i * 40503u % 2001) * 1e-3f - 1.0f);
    return x;
}

typedef enum { ALL, CAUSAL, HOLES, SCATTERED } what_is_seen;

/* The places among KEYS that a row sees: all; those up to its own; those with two gaps, and its own; every second
 * one. */
static int see(pal_seen *seen, uint8_t *set, what_is_seen what, int i)
{
    *seen = (pal_seen){.below = what == CAUSAL ? i + 1 : KEYS, .set = what > CAUSAL ? set : NULL, .own = -1};
    for (int panel = 0; panel < KEYS / 8; panel++)
        set[panel] = what == SCATTERED ? 0x55 : panel / 3 % 4 == 1 ? 0 : panel % 12 == 2 ? 0x0f : 0xff;
    if (what == HOLES) seen->own = i;
    int count = 0;
    for (int j = 0; j < seen->below; j++) count += j == seen->own || !seen->set || (set[j / 8] >> j % 8 & 1);
    return count;
}

static void run_attention(row_state *s, int n, what_is_seen what)
{
    static const char *const names[] = {"", ", causal", ", holes", ", scattered"};
    static uint8_t set[KEYS / 8];
    static pal_seen seen[KEYS];
    char shape[48];
    double pairs = 0.0;
    for (int i = 0; i < n; i++) pairs += see(&seen[i], set, what, i);
    s->attention = (pal_attention){.y = s->out,
                                   .q = s->queries,
                                   .k = s->keys,
                                   .v = s->values,
                                   .own_k = s->keys,
                                   .own_v = s->values,
                                   .scores = s->scores,
                                   .seen = seen,
                                   .y_stride = DIM,
                                   .q_stride = DIM,
                                   .k_stride = KEYS * HEAD_DIM,
                                   .v_stride = DIM,
                                   .v_head = HEAD_DIM,
                                   .own_stride = DIM,
                                   .n = n,
                                   .heads = HEADS,
                                   .kv_heads = HEADS,
                                   .head_dim = HEAD_DIM,
                                   .capacity = KEYS,
                                   .scale = 0.125f};
    snprintf(shape, sizeof shape, "%d x %d keys, %d x %d%s", n, KEYS, HEADS, HEAD_DIM, names[what]);
    bench_line("attention", shape, s->k->isa, FLOAT, pairs * (double)(2 * HEADS * HEAD_DIM),
               bench_seconds(attention, s));
}

void bench_rows(const pal_kernels *k, bench_wanted *wanted)
{
    const double bytes = (double)(4 * ROWS * DIM);
    row_state s = {
        .k = k,
        .x = numbers(ROWS * DIM, 0, 1),
        .y = numbers(ROWS * DIM, 0, 1),
        .gain = numbers(DIM, 1, 0),
        .cosine = numbers(ROWS * HEAD_DIM / 2, 0.6f, 0),
        .sine = numbers(ROWS * HEAD_DIM / 2, 0.8f, 0),
        .gate = numbers(GATES, 20, 0),
        .up = numbers(GATES, 1, 0),
        .q = {malloc(ROWS * DIM), malloc(ROWS * DIM / PAL_BLOCK * sizeof(float)),
              malloc(ROWS * DIM / PAL_BLOCK * sizeof(int32_t)), malloc(ROWS * DIM * sizeof(int16_t))},
        .queries = numbers((size_t)KEYS * HEADS * HEAD_DIM, 0, 1),
        .out = numbers((size_t)KEYS * HEADS * HEAD_DIM, 0, 1),
        .keys = numbers((size_t)KEYS * HEADS * HEAD_DIM, 0, 1),
        .values = numbers((size_t)KEYS * HEADS * HEAD_DIM, 0, 1),
        .scores = numbers((size_t)PAL_ATTENTION_ROWS * KEYS, 0, 1),
    };
    const struct {
        const char *name, *shape;
        bench_call *call;
        double units;
    } lines[] = {
        {"quantize", "2 rows of 768", quantize, bytes * 1.25},
        {"rms_norm", "2 rows of 768", rms_norm, bytes * 2},
        {"rope", "2 rows of 12 x 64", rope, bytes * 2},
        {"swiglu", "2048", swiglu, (double)(4 * GATES * 3)},
        {"add", "1536", add, bytes * 3},
    };
    void *const all[] = {s.x,       s.y,      s.gain,   s.cosine,  s.sine, s.gate, s.up,     s.q.q,
                         s.q.scale, s.q.bias, s.q.wide, s.queries, s.out,  s.keys, s.values, s.scores};
    const size_t count = sizeof all / sizeof *all;
    bool good = true;
    for (size_t i = 0; i < count; i++) good = good && all[i];
    for (size_t i = 0; good && i < sizeof lines / sizeof *lines; i++)
        if (wanted(lines[i].name))
            bench_line(lines[i].name, lines[i].shape, k->isa, CACHE, lines[i].units, bench_seconds(lines[i].call, &s));
    if (good && wanted("attention")) {
        for (what_is_seen what = ALL; what <= SCATTERED; what++) run_attention(&s, KEYS, what);
        run_attention(&s, 1, ALL);
        run_attention(&s, 1, HOLES);
    }
    if (!good) printf("not enough memory for the rows\n");
    for (size_t i = 0; i < count; i++) free(all[i]);
}
