/* attention_block.c - self-attention over the pixels of a picture. */
#include "attention_block.h"
#include "../kernels/panels.h"
#include "attend.h"
#include "rows.h"

#include <math.h>
#include <string.h>

static size_t round_up(size_t pixels)
{
    return pal_times(pal_plus(pixels, PAL_PANEL - 1) / PAL_PANEL, PAL_PANEL);
}

void pal_attention_layout(pal_attention_scratch *scratch, int threads, size_t pixels, size_t widest, pal_arena *arena)
{
    scratch->q = pal_take2(arena, pixels, widest, sizeof *scratch->q);
    scratch->v = pal_take2(arena, pixels, widest, sizeof *scratch->v);
    scratch->keys = pal_take2(arena, round_up(pixels), widest, sizeof *scratch->keys);
    scratch->scores = pal_take2(arena, (size_t)threads, round_up(pixels), PAL_ATTENTION_ROWS * sizeof *scratch->scores);
    scratch->seen = pal_take(arena, pixels, sizeof *scratch->seen);
}

/* keys[heads, pixels / 8, head_dim, 8] from x [pixels, heads * head_dim].  The unused end of the last panel is set to
 * zero, because panels are read whole. */
static void fill_keys(float *keys, const float *x, int pixels, int heads, int head_dim)
{
    const size_t dim = (size_t)head_dim, row = (size_t)heads * dim, panel = PAL_PANEL * dim;
    const size_t of_head = round_up((size_t)pixels) * dim;
    for (int head = 0; head < heads; head++, keys += of_head, x += dim) {
        if (pixels % PAL_PANEL) memset(keys + of_head - panel, 0, panel * sizeof *keys);
        for (size_t i = 0; i < (size_t)pixels; i++) {
            float *to = keys + i / PAL_PANEL * panel + i % PAL_PANEL;
            for (size_t d = 0; d < dim; d++) to[d * PAL_PANEL] = x[i * row + d];
        }
    }
}

void pal_attention_block_run(const pal_compute *compute, const pal_attention_block *b, float *x, int pixels,
                             const pal_block_scratch *block_scratch, const pal_attention_scratch *scratch)
{
    const int channels = b->norm.channels, head_dim = channels / b->heads;
    const pal_quantized *quantized = &block_scratch->conv.whole;
    float *h = block_scratch->h, *t = block_scratch->t;
    const size_t row = (size_t)channels, keys = round_up((size_t)pixels);
    for (int i = 0; i < pixels; i++) scratch->seen[i] = (pal_seen){.below = pixels, .own = -1};
    pal_group_norm_run(compute, &b->norm, h, x, pixels, NULL, PAL_NORM_ONLY,
                       &block_scratch->norm); /* h [pixels, channels] */
    pal_input normed = pal_input_of(quantized, h, pixels, channels);
    const pal_output products[] = {{scratch->q, &b->q}, {t, &b->k}, {scratch->v, &b->v}}; /* in the shape of h */
    pal_linear_all(compute, &normed, products, 3);
    fill_keys(scratch->keys, t, pixels, b->heads, head_dim);
    pal_attend(compute, &(pal_attention){.y = h, /* [pixels, channels] */
                                         .q = scratch->q,
                                         .k = scratch->keys,
                                         .v = scratch->v,
                                         .scores = scratch->scores,
                                         .seen = scratch->seen,
                                         .y_stride = row,
                                         .q_stride = row,
                                         .k_stride = keys * (size_t)head_dim,
                                         .v_stride = row,
                                         .v_head = (size_t)head_dim,
                                         .n = pixels,
                                         .heads = b->heads,
                                         .kv_heads = b->heads,
                                         .head_dim = head_dim,
                                         .capacity = (int)keys,
                                         .scale = 1.0f / sqrtf((float)head_dim)});
    pal_input attended = pal_input_of(quantized, h, pixels, channels);
    pal_linear(compute, t, &attended, &b->out);
    pal_rows_add(compute, x, t, (size_t)pixels * (size_t)channels);
}
