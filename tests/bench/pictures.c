/* pictures.c - times the kernels that only picture networks use, and a convolution of the most frequent shape in our
 * models. */
#include "bench.h"
#include "gguf/gguf.h"
#include "kernels/panels.h"
#include "nn/conv2d.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 14, PLACES = SIDE * SIDE, CHANNELS = 64, VALUES = PLACES * CHANNELS, PATCH = 9 * CHANNELS };

typedef struct {
    const pal_kernels *k;
    float *x, *y, *sum, *factor, *addend; /* [PLACES, CHANNELS] twice, [CHANNELS] */
    pal_conv2d conv;
    pal_conv2d_scratch scratch;
} picture_state;

static void column_sums(void *state)
{
    const picture_state *s = state;
    s->k->column_sums(s->sum, s->x, PLACES, CHANNELS);
}

static void column_squares(void *state)
{
    const picture_state *s = state;
    s->k->column_squares(s->sum, s->x, s->addend, PLACES, CHANNELS);
}

static void scale_shift_silu(void *state)
{
    const picture_state *s = state;
    s->k->scale_shift_silu(s->y, s->x, s->factor, s->addend, PLACES, CHANNELS);
}

static void convolve(void *state)
{
    const picture_state *s = state;
    pal_conv2d_run(&(pal_compute){.kernels = s->k}, &s->conv, s->y, s->x, SIDE, SIDE, &s->scratch);
}

/* 3x3, CHANNELS to CHANNELS, in `type`; false without memory.  The caller frees *weights. */
static bool make_conv(picture_state *s, uint32_t type, void **weights)
{
    const size_t count = (size_t)CHANNELS * PATCH;
    float *values = malloc(count * sizeof *values);
    void *scratch = malloc((size_t)PAL_PANEL * PATCH * sizeof(float));
    *weights = malloc(count * sizeof(float));
    bool good = values && scratch && *weights;
    for (size_t i = 0; good && i < count; i++) values[i] = (float)(i * 40503u % 2001) * 1e-5f - 0.01f;
    good = good && pal_quantize_weights(*weights, values, type, count);
    if (good) pal_panels_pack(*weights, type, CHANNELS, PATCH, scratch);
    s->conv = (pal_conv2d){{.type = type, .rows = CHANNELS, .cols = PATCH, .data = *weights}, CHANNELS, 3, 1};
    free(values);
    free(scratch);
    return good;
}

static void run_conv(picture_state *s, uint32_t type, const char *name)
{
    void *weights;
    pal_arena arena = {0};
    pal_conv2d_layout(&s->scratch, 1, PATCH, VALUES, &arena);
    void *block = malloc(arena.used + PAL_ARENA_SLACK);
    if (make_conv(s, type, &weights) && block) {
        arena = pal_arena_in(block);
        pal_conv2d_layout(&s->scratch, 1, PATCH, VALUES, &arena);
        bench_line(name, "3x3 on 14 x 14, 64 to 64", s->k->isa, type == PAL_F32 ? FLOAT : INTEGER,
                   (double)VALUES * (double)PATCH, bench_seconds(convolve, s));
    }
    free(weights);
    free(block);
}

void bench_pictures(const pal_kernels *k, bench_wanted *wanted)
{
    const double bytes = 4.0 * (double)VALUES;
    float *numbers = malloc((2 * VALUES + 3 * CHANNELS) * sizeof *numbers);
    if (!numbers) {
        printf("not enough memory for the pictures\n");
        return;
    }
    for (size_t i = 0; i < 2 * VALUES + 3 * CHANNELS; i++) numbers[i] = (float)(i * 40503u % 2001) * 1e-3f - 1.0f;
    picture_state s = {.k = k, .x = numbers, .y = numbers + VALUES, .sum = numbers + 2 * VALUES};
    s.factor = s.sum + CHANNELS;
    s.addend = s.factor + CHANNELS;
    const struct {
        const char *name;
        bench_call *call;
        double units;
    } lines[] = {
        {"column_sums", column_sums, bytes},
        {"column_squares", column_squares, bytes},
        {"scale_shift_silu", scale_shift_silu, 2 * bytes},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (wanted(lines[i].name))
            bench_line(lines[i].name, "196 x 64", k->isa, CACHE, lines[i].units, bench_seconds(lines[i].call, &s));
    if (wanted("conv2d_q8_0")) run_conv(&s, PAL_Q8_0, "conv2d_q8_0");
    if (wanted("conv2d_f32")) run_conv(&s, PAL_F32, "conv2d_f32");
    free(numbers);
}
