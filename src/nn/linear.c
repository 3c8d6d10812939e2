#include "linear.h"
#include "../kernels/panels.h"

void pal_quantized_layout(pal_quantized *room, size_t n, size_t widest, pal_arena *arena)
{
    const size_t blocks = widest / PAL_BLOCK + 1;
    *room = (pal_quantized){0};
    room->q = pal_take2(arena, n, blocks, PAL_BLOCK * sizeof *room->q);
    room->scale = pal_take2(arena, n, blocks, sizeof *room->scale);
    room->bias = pal_take2(arena, n, blocks, sizeof *room->bias);
#if defined(__wasm__)
    room->wide = pal_take2(arena, n, blocks, PAL_BLOCK * sizeof *room->wide);
#endif
}

void pal_linear(const pal_compute *compute, float *y, const float *x, const pal_matrix *w, int n,
                const pal_quantized *room, bool fresh)
{
    const pal_product p = {.y = y,
                           .y_stride = (size_t)w->rows,
                           .x = x,
                           .xq = room,
                           .w = w->data,
                           .n = n,
                           .rows = w->rows,
                           .cols = w->cols,
                           .type = w->type,
                           .narrow = w->narrow};
    if (fresh && !pal_weights_float(w->type)) compute->kernels->quantize(room, x, (size_t)n * (size_t)w->cols);
    pal_matmul_of(compute->kernels, w->type)(&p);
    for (int i = 0; w->bias && i < n; i++)
        compute->kernels->add(y + (size_t)i * (size_t)w->rows, w->bias, (size_t)w->rows);
}

void pal_matrix_pack(pal_matrix *w, void *room)
{
    pal_panels_pack((void *)(uintptr_t)w->data, w->type, w->rows, w->cols, room);
    w->narrow = pal_panels_narrow(w->data, w->type, w->rows, w->cols);
}

void pal_matrix_row(float *x, const pal_matrix *w, int row, void *room)
{
    pal_panels_row(room, w->data, w->type, w->rows, w->cols, row);
    pal_dequantize(x, room, w->type, (size_t)w->cols);
}
