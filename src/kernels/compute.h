/* compute.h - the context of a computation: what functions of nn/ and arch/ need besides weights and scratch memory
 * (internal).
 *
 * Each runner of texts or pictures and each sequence has its own, made from the model.  A model is shared and const; a
 * compute context is not: only one evaluation at a time may use it. */
#ifndef PAL_COMPUTE_H
#define PAL_COMPUTE_H

#include "kernels.h"

typedef struct {
    const pal_kernels *kernels; /* the model's */
    /* A thread pool will be added here: functions of nn/ and arch/ will distribute rows, panels and heads to its
     * threads.  Until then everything runs on the caller's thread. */
} pal_compute;

#endif
