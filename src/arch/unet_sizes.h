/* unet_sizes.h - what a U-Net's work space is measured by, once its levels are known (internal to arch/). */
#ifndef PAL_UNET_SIZES_H
#define PAL_UNET_SIZES_H

#include "unet.h"

/* The largest input or output of any layer. */
pal_block_sizes pal_unet_sizes(const pal_unet *net);

/* Values kept on the way down; only where the sizes above are within their limits. */
size_t pal_unet_skips(const pal_unet *net);

/* Fills net->frequency. */
void pal_unet_frequencies(pal_unet *net);

#endif
