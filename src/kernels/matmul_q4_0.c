/* matmul_q4_0.c - 8-bit activations by 4-bit weights, blocks of 32 with a scale each.
 *
 * A weight is nibble - 8, so -8..7; activations are -127..127. */
#include "blocks.h"
#include "matmul_tile.h"

/* ---- reference ---------------------------------------------------------- */

/* |dot| <= 32 * 8 * 127 = 32512.  Low nibbles are elements 0..15 of the block, high ones 16..31. */
static int32_t dot_q4_0(const unsigned char *block, const int8_t *x)
{
    int32_t dot = 0;
    for (int i = 0; i < PAL_BLOCK / 2; i++) {
        int byte = block[PAL_SCALE_BYTES + i];
        dot += ((byte & 15) - 8) * x[i] + ((byte >> 4) - 8) * x[i + PAL_BLOCK / 2];
    }
    return dot;
}

static void matmul_q4_0_ref(float *y, const int8_t *xq, const float *xs, const void *w, int n, int rows, int cols)
{
    size_t blocks = (size_t)cols / PAL_BLOCK;
    for (int i = 0; i < n; i++, xq += cols, xs += blocks) {
        const unsigned char *block = w;
        for (int r = 0; r < rows; r++) {
            float sum = 0.0f;
            for (size_t b = 0; b < blocks; b++, block += PAL_Q4_0_BYTES)
                sum += (float)dot_q4_0(block, xq + b * PAL_BLOCK) * (pal_block_scale(block) * xs[b]);
            *y++ = sum;
        }
    }
}

/* ---- simd128 and avx2: eight rows at a time, see matmul_tile.h ----------- */
#if defined(PAL_HAVE_SIMD128) || defined(PAL_HAVE_AVX2)

static const tile_format format = {pal_unpack_q4_0, PAL_Q4_0_BYTES, true};

#endif
#if defined(PAL_HAVE_SIMD128)

static void matmul_q4_0_simd128(float *y, const int8_t *xq, const float *xs, const void *w, int n, int rows, int cols)
{
    const tile_product product = {y, xq, xs, w, n, rows, cols / PAL_BLOCK};
    tile_run(&product, &format, tile_multiply_simd128);
}

#endif
#if defined(PAL_HAVE_AVX2)

static void matmul_q4_0_avx2(float *y, const int8_t *xq, const float *xs, const void *w, int n, int rows, int cols)
{
    const tile_product product = {y, xq, xs, w, n, rows, cols / PAL_BLOCK};
    tile_run(&product, &format, tile_multiply_avx2);
}

#endif
/* ---- choice ------------------------------------------------------------- */

void pal_pick_matmul_q4_0(pal_kernels *k)
{
    k->matmul_q4_0 = matmul_q4_0_ref;
#if defined(PAL_HAVE_SIMD128)
    if (k->isa & PAL_ISA_SIMD128) k->matmul_q4_0 = matmul_q4_0_simd128;
#endif
#if defined(PAL_HAVE_AVX2)
    if (k->isa & PAL_ISA_AVX2) k->matmul_q4_0 = matmul_q4_0_avx2;
#endif
}
