/* residual_block.c - the residual block of a picture network. */
#include "residual_block.h"
#include "rows.h"

void pal_block_layout(pal_block_scratch *scratch, int threads, const pal_block_sizes *sizes, pal_arena *arena)
{
    scratch->h = pal_take(arena, sizes->values, sizeof *scratch->h);
    scratch->t = pal_take(arena, sizes->values, sizeof *scratch->t);
    scratch->modulation = pal_take(arena, sizes->widest, 2 * sizeof *scratch->modulation);
    pal_group_norm_layout(&scratch->norm, sizes->widest, arena);
    pal_conv2d_layout(&scratch->conv, threads, sizes->patch, sizes->values, arena);
}

void pal_residual_block_run(const pal_compute *compute, const pal_residual_block *b, float *y, const float *x,
                            int height, int width, const float *e, const pal_block_scratch *scratch)
{
    const int pixels = height * width, out = b->conv1.w.rows;
    const pal_conv2d_scratch *conv = &scratch->conv;
    pal_input told = pal_input_of(&conv->whole, e, 1, b->emb.cols);
    pal_group_norm_run(compute, &b->norm1, scratch->h, x, pixels, NULL, PAL_NORM_SILU,
                       &scratch->norm);                                              /* h [pixels, in] */
    pal_conv2d_run(compute, &b->conv1, scratch->t, scratch->h, height, width, conv); /* t [pixels, out] */
    pal_linear(compute, scratch->modulation, &told, &b->emb);                        /* [2 * out] */
    pal_group_norm_run(compute, &b->norm2, scratch->h, scratch->t, pixels, scratch->modulation, PAL_NORM_SILU,
                       &scratch->norm);
    pal_conv2d_run(compute, &b->conv2, y, scratch->h, height, width, conv); /* y [pixels, out] */
    if (b->skip.w.data) {
        pal_conv2d_run(compute, &b->skip, scratch->t, x, height, width, conv);
        x = scratch->t;
    }
    pal_rows_add(compute, y, x, (size_t)pixels * (size_t)out);
}
