/* compute.h - what a network is computed with: all that nn/ and arch/ are handed beside weights and work space
 * (internal).
 *
 * Whoever runs a network holds one (a runner of texts or of pictures, a sequence), made from the model when it is laid
 * out.  A model is shared and const, a compute context is not: it belongs to one evaluation at a time. */
#ifndef PAL_COMPUTE_H
#define PAL_COMPUTE_H

#include "kernels.h"

typedef struct {
    const pal_kernels *kernels; /* the model's */
    /* Here will hang the team of threads of whoever runs the network: functions of nn/ and arch/ will share out rows,
     * panels and heads to it.  Until then everything runs on the caller's thread. */
} pal_compute;

#endif
