#include "residual_block.h"

void pal_block_layout(pal_block_room *room, const pal_block_sizes *sizes, pal_arena *arena)
{
    room->h = pal_take(arena, sizes->values, sizeof *room->h);
    room->t = pal_take(arena, sizes->values, sizeof *room->t);
    room->modulation = pal_take(arena, sizes->widest, 2 * sizeof *room->modulation);
    pal_group_norm_layout(&room->norm, sizes->widest, arena);
    pal_conv2d_layout(&room->conv, sizes->patch, sizes->values, arena);
}

void pal_residual_block_run(const pal_compute *compute, const pal_residual_block *b, float *y, const float *x,
                            int height, int width, const float *e, const pal_block_room *room)
{
    const int places = height * width, out = b->conv1.w.rows;
    const pal_conv2d_room *conv = &room->conv;
    pal_input told = pal_input_of(&conv->whole, e, 1, b->emb.cols);
    pal_group_norm_run(compute, &b->norm1, room->h, x, places, NULL, PAL_NORM_SILU, &room->norm); /* h [places, in] */
    pal_conv2d_run(compute, &b->conv1, room->t, room->h, height, width, conv);                    /* t [places, out] */
    pal_linear(compute, room->modulation, &told, &b->emb);                                        /* [2 * out] */
    pal_group_norm_run(compute, &b->norm2, room->h, room->t, places, room->modulation, PAL_NORM_SILU, &room->norm);
    pal_conv2d_run(compute, &b->conv2, y, room->h, height, width, conv); /* y [places, out] */
    if (b->skip.w.data) {
        pal_conv2d_run(compute, &b->skip, room->t, x, height, width, conv);
        x = room->t;
    }
    compute->kernels->add(y, x, (size_t)places * (size_t)out);
}
