#include "linear.h"
#include "../gguf/gguf.h"

void pal_linear(const pal_kernels *k, float *y, const float *x, const pal_matrix *w, int n, pal_quantized *room,
                bool fresh)
{
    bool quantized = w->type == PAL_Q8_0 || w->type == PAL_Q4_0;
    if (quantized && fresh) k->quantize(room->q, room->scale, x, (size_t)n * (size_t)w->cols);
    switch (w->type) {
    case PAL_Q8_0: k->matmul_q8_0(y, room->q, room->scale, w->data, n, w->rows, w->cols); break;
    case PAL_Q4_0: k->matmul_q4_0(y, room->q, room->scale, w->data, n, w->rows, w->cols); break;
    case PAL_F16: k->matmul_f16(y, x, w->data, n, w->rows, w->cols); break;
    default: k->matmul_f32(y, x, w->data, n, w->rows, w->cols); break;
    }
}

void pal_matrix_row(float *x, const pal_matrix *w, int row)
{
    size_t row_bytes = (size_t)w->cols / pal_tensor_block(w->type) * pal_tensor_block_bytes(w->type);
    pal_dequantize(x, (const char *)w->data + (size_t)row * row_bytes, w->type, (size_t)w->cols);
}
