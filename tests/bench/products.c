/* products.c - times products with weights of every type, on the shapes of our models.
 *
 * With one row of activations memory limits a product, so it takes its weights in turn from 256 MB of copies, like the
 * layers of a model.  With more rows, one matrix is multiplied repeatedly. */
#include "bench.h"
#include "core/math.h"
#include "core/tensor_type.h"
#include "gguf/gguf.h"
#include "kernels/panels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WEIGHTS_BYTES = 256 << 20, MAX_ROWS_X = 256, MAX_COLS = 2048, MAX_ROWS_W = 2048 };

typedef struct {
    pal_matmul_fn *matmul;
    pal_product product;
    unsigned char *weights; /* [copies, bytes] */
    size_t bytes, copies, turn;
} product_state;

static void multiply(void *state)
{
    product_state *s = state;
    s->product.w = s->weights + s->turn * s->bytes;
    s->turn = (s->turn + 1) % s->copies;
    s->matmul(&s->product);
}

static const struct {
    uint32_t type;
    const char *name;
    int scale; /* of a block that no quantiser here makes: where its scale is, and behind it its minimum, if it has one */
} types[] = {
    {PAL_Q8_0, "matmul_q8_0", 0}, {PAL_Q4_0, "matmul_q4_0", 0},   {PAL_F16, "matmul_f16", 0},
    {PAL_F32, "matmul_f32", 0},   {PAL_Q4_1, "matmul_q4_1", 0},   {PAL_Q4_K, "matmul_q4_k", 0},
    {PAL_Q5_K, "matmul_q5_k", 0}, {PAL_Q6_K, "matmul_q6_k", 208},
};

/* Any bytes, but for small scales and minima. */
static bool make_blocks(unsigned char *weights, size_t t, size_t count)
{
    const uint16_t halves[2] = {0x2000, 0x2000}; /* 2^-7 */
    const size_t bytes = pal_tensor_block_bytes(types[t].type), size = count / pal_tensor_block(types[t].type) * bytes;
    for (size_t i = 0; i < size; i++) weights[i] = (unsigned char)(i * 2654435761u >> 13);
    for (size_t at = 0; at < size; at += bytes)
        memcpy(weights + at + types[t].scale, halves, types[t].type == PAL_Q6_K ? 2 : sizeof halves);
    return true;
}

/* One matrix of small numbers as in a file, packed, then copied until the block is full. */
static bool make_weights(product_state *s, size_t t, int rows, int cols)
{
    const uint32_t type = types[t].type;
    const size_t count = (size_t)rows * (size_t)cols;
    float *values = malloc(count * sizeof *values);
    void *scratch = malloc((size_t)PAL_PANEL * (size_t)cols * sizeof(float));
    bool good = values && scratch;
    s->bytes = pal_row_bytes(type, cols) * (size_t)rows;
    s->copies = WEIGHTS_BYTES / s->bytes;
    s->turn = 0;
    for (size_t i = 0; good && i < count; i++) values[i] = (float)(i * 2654435761u % 2001) * 1e-5f - 0.01f;
    good = good && (pal_quantize_weights(s->weights, values, type, count) || make_blocks(s->weights, t, count));
    if (good) pal_panels_pack(s->weights, type, rows, cols, scratch);
    for (size_t i = 1; good && i < s->copies; i++) memcpy(s->weights + i * s->bytes, s->weights, s->bytes);
    free(values);
    free(scratch);
    return good;
}

static void run_shape(product_state *s, const char *name, unsigned isa, int n)
{
    char shape[48];
    const pal_product *p = &s->product;
    const double macs = (double)n * p->rows * p->cols;
    const size_t copies = s->copies;
    snprintf(shape, sizeof shape, "[%d, %d] x [%d, %d]", n, p->cols, p->rows, p->cols);
    s->product.n = n;
    s->turn = 0;
    if (n > 1) s->copies = 1;
    double seconds = bench_seconds(multiply, s);
    s->copies = copies;
    if (n == 1)
        bench_line(name, shape, isa, STREAM, (double)s->bytes, seconds);
    else
        bench_line(name, shape, isa, p->xq ? INTEGER : FLOAT, macs, seconds);
}

static void run_type(const pal_kernels *k, size_t t, product_state *s, const pal_quantized *xq)
{
    static const int shapes[][2] = {{768, 768}, {2048, 768}, {768, 2048}, {256, 256}}, ns[] = {1, 16, 64, 256};
    s->matmul = pal_matmul_of(k, types[t].type);
    s->product.type = types[t].type;
    s->product.xq = pal_weights_float(types[t].type) ? NULL : xq;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        s->product.rows = shapes[i][0];
        s->product.cols = shapes[i][1];
        s->product.y_stride = (size_t)shapes[i][0];
        if (!make_weights(s, t, shapes[i][0], shapes[i][1])) return;
        /* The reference is slow, at the same speed for all sizes. */
        for (size_t n = 0; n < sizeof ns / sizeof *ns; n++)
            if (k->isa != PAL_ISA_REF || (i == 0 && ns[n] == 16)) run_shape(s, types[t].name, k->isa, ns[n]);
    }
}

void bench_products(const pal_kernels *k, bench_wanted *wanted)
{
    const size_t max = (size_t)MAX_ROWS_X * MAX_COLS;
    float *x = malloc(max * sizeof *x), *y = malloc((size_t)MAX_ROWS_X * MAX_ROWS_W * sizeof *y);
    pal_quantized xq = {malloc(max), malloc(max / PAL_BLOCK * sizeof *xq.scale),
                        malloc(max / PAL_BLOCK * sizeof *xq.bias), malloc(max * sizeof *xq.wide)};
    product_state s = {.weights = malloc(WEIGHTS_BYTES), .product = {.x = x, .y = y}};
    if (x && y && xq.q && xq.scale && xq.bias && xq.wide && s.weights) {
        for (size_t i = 0; i < max; i++) x[i] = (float)(i * 40503u % 2001) * 1e-3f - 1.0f;
        k->quantize(&xq, x, max);
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            if (wanted(types[t].name)) run_type(k, t, &s, &xq);
    } else {
        printf("not enough memory for the products\n");
    }
    free(s.weights);
    free(xq.q);
    free(xq.scale);
    free(xq.bias);
    free(xq.wide);
    free(x);
    free(y);
}
