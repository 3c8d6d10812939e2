/* unet_bind.h - declarations that the files of the U-Net share (internal to arch/). */
#ifndef PAL_UNET_BIND_H
#define PAL_UNET_BIND_H

#include "bind.h"
#include "unet.h"

/* Settings that all norms and attention blocks of a network share. */
typedef struct {
    int heads, groups;
    float eps;
} pal_unet_common;

/* Reads and checks all hyperparameters; allocates nothing. */
pal_status pal_unet_read(pal_binder *b, pal_unet *net, pal_unet_common *common);

/* The largest input or output of any layer. */
pal_block_sizes pal_unet_sizes(const pal_unet *net);

/* Number of values in all skips; valid only if the sizes above are within their limits. */
size_t pal_unet_skips(const pal_unet *net);

/* Fills net->frequency. */
void pal_unet_frequencies(pal_unet *net);

#endif
