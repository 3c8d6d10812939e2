/* attend.h - attention, divided among the threads of the compute context (internal). */
#ifndef PAL_ATTEND_H
#define PAL_ATTEND_H

#include "../kernels/compute.h"

/* Computes a; a->scores must be [threads, PAL_ATTENTION_ROWS, capacity].  Threads share the work by heads that have
 * keys of their own, and by tiles of query rows. */
void pal_attend(const pal_compute *compute, const pal_attention *a);

#endif
