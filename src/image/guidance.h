/* guidance.h - classifier-free guidance, as a predictor made of two (internal).
 *
 * Ho and Salimans (2022): eps = without + scale (with - without), `with` knowing the label and `without` not; scale 1
 * is the law given the label, 0 the law without, above 1 sharpens on purpose and is the law of nothing.  An evaluation
 * costs two, one at scales 0 and 1.  The heads tell of the labelled network alone: its squared residual is passed on,
 * and its second moment is moved to the guided mean, h + guided^2 - with^2, so that h - eps^2 stays the variance it
 * predicted. */
#ifndef PAL_GUIDANCE_H
#define PAL_GUIDANCE_H

#include "predictor.h"

#include "../core/core.h"

typedef struct {
    pal_noise_predictor with, without;
    double scale;
    float *eps; /* [count, size] */
} pal_guidance;

/* g->with, g->without and g->scale are set; without.evaluate NULL means that the network was trained with no label left
 * out. */
pal_status pal_guidance_check(const pal_guidance *g, pal_error *err);
void pal_guidance_layout(pal_guidance *g, int32_t count, pal_arena *arena); /* for batches of up to count states */
pal_noise_predictor pal_guidance_predictor(pal_guidance *g);                /* g must stay where it is */

#endif
