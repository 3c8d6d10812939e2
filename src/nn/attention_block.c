#include "attention_block.h"
#include "../kernels/panels.h"

#include <math.h>
#include <string.h>

static size_t round_up(size_t places)
{
    return pal_times(pal_plus(places, PAL_PANEL - 1) / PAL_PANEL, PAL_PANEL);
}

void pal_attention_layout(pal_attention_room *room, size_t places, size_t widest, pal_arena *arena)
{
    room->q = pal_take2(arena, places, widest, sizeof *room->q);
    room->v = pal_take2(arena, places, widest, sizeof *room->v);
    room->keys = pal_take2(arena, round_up(places), widest, sizeof *room->keys);
    room->scores = pal_take(arena, round_up(places), PAL_ATTENTION_ROWS * sizeof *room->scores);
    room->seen = pal_take(arena, places, sizeof *room->seen);
}

/* keys[heads, places / 8, head_dim, 8] from x [places, heads * head_dim]; what no place fills is zero, since panels are
 * read to their end. */
static void fill_keys(float *keys, const float *x, int places, int heads, int head_dim)
{
    const size_t dim = (size_t)head_dim, row = (size_t)heads * dim, panel = PAL_PANEL * dim;
    const size_t of_head = round_up((size_t)places) * dim;
    for (int head = 0; head < heads; head++, keys += of_head, x += dim) {
        if (places % PAL_PANEL) memset(keys + of_head - panel, 0, panel * sizeof *keys);
        for (size_t i = 0; i < (size_t)places; i++) {
            float *to = keys + i / PAL_PANEL * panel + i % PAL_PANEL;
            for (size_t d = 0; d < dim; d++) to[d * PAL_PANEL] = x[i * row + d];
        }
    }
}

void pal_attention_block_run(const pal_compute *compute, const pal_attention_block *b, float *x, int places,
                             const pal_block_room *block_room, const pal_attention_room *room)
{
    const int channels = b->norm.channels, head_dim = channels / b->heads;
    const pal_quantized *quantized = &block_room->conv.whole;
    float *h = block_room->h, *t = block_room->t;
    const size_t row = (size_t)channels, keys = round_up((size_t)places);
    for (int i = 0; i < places; i++) room->seen[i] = (pal_seen){.below = places, .own = -1};
    pal_group_norm_run(compute, &b->norm, h, x, places, NULL, PAL_NORM_ONLY,
                       &block_room->norm); /* h [places, channels] */
    pal_input normed = pal_input_of(quantized, h, places, channels);
    pal_linear(compute, room->q, &normed, &b->q); /* q, t, v as h */
    pal_linear(compute, t, &normed, &b->k);
    pal_linear(compute, room->v, &normed, &b->v);
    fill_keys(room->keys, t, places, b->heads, head_dim);
    compute->kernels->attention(&(pal_attention){.y = h, /* [places, channels] */
                                                 .q = room->q,
                                                 .k = room->keys,
                                                 .v = room->v,
                                                 .scores = room->scores,
                                                 .seen = room->seen,
                                                 .y_stride = row,
                                                 .q_stride = row,
                                                 .k_stride = keys * (size_t)head_dim,
                                                 .v_stride = row,
                                                 .v_head = (size_t)head_dim,
                                                 .n = places,
                                                 .heads = b->heads,
                                                 .kv_heads = b->heads,
                                                 .head_dim = head_dim,
                                                 .capacity = (int)keys,
                                                 .scale = 1.0f / sqrtf((float)head_dim)});
    pal_input attended = pal_input_of(quantized, h, places, channels);
    pal_linear(compute, t, &attended, &b->out);
    compute->kernels->add(x, t, (size_t)places * (size_t)channels);
}
