/* conv2d.h - 1x1 and 3x3 convolutions, computed as products with packed weights (internal).
 *
 * Pictures are [height, width, channels].  So a 1x1 convolution is simply a product, and the three pixels in a row of a
 * patch are contiguous: a 3x3 patch is three copies.  Patches of a few pixels at a time are copied to rows and
 * multiplied (im2col).  This keeps the scratch memory small and the arithmetic the same as in every other product: an
 * output is accumulated over ky, kx and channel in that order, padding included.
 *
 * For quantised weights, if the number of channels is a multiple of 32, every block of columns is within one pixel.
 * Then the picture is quantised once and the patches are copies of bytes: the same bits as patches quantised one by
 * one. */
#ifndef PAL_CONV2D_H
#define PAL_CONV2D_H

#include "linear.h"

enum { PAL_CONV_PIXELS = 64 }; /* outputs computed together, at most */

typedef struct {
    pal_matrix w; /* [out, size * size * in], columns by ky, kx, channel; in panels */
    int in, size; /* input channels; 1 or 3: padded with zeros so that stride 1 keeps the picture's size */
    int stride;   /* 1 or 2 */
} pal_conv2d;

/* Scratch memory for convolutions whose patches have up to `widest` = size * size * in values, and whose inputs have up
 * to `values` = height * width * in, for `threads` threads. */
typedef struct {
    size_t widest;
    float *patches;      /* [threads, PAL_CONV_PIXELS, widest] */
    pal_quantized rows;  /* the quantised patches */
    pal_quantized whole; /* [values] */
} pal_conv2d_scratch;

void pal_conv2d_layout(pal_conv2d_scratch *scratch, int threads, size_t widest, size_t values, pal_arena *arena);

/* Output height (or width) for an input height (or width) of `pixels`. */
int pal_conv2d_extent(const pal_conv2d *c, int pixels);

/* x [height, width, in] to y [extent(height), extent(width), out]; y overlaps nothing.  Threads share the work by tiles
 * of outputs. */
void pal_conv2d_run(const pal_compute *compute, const pal_conv2d *c, float *y, const float *x, int height, int width,
                    const pal_conv2d_scratch *scratch);

#endif
