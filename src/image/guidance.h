/* guidance.h - classifier-free guidance: a predictor that combines two predictors (internal).
 *
 * Ho and Salimans (2022): eps = without + scale (with - without), where `with` gets the label and `without` does not.
 * Scale 1 samples the distribution given the label, scale 0 the one without a label.  Above 1 the distribution is
 * deliberately sharpened and is no longer that of a model.  An evaluation costs two network evaluations (one at scales
 * 0 and 1).  The heads are those of the labelled network: its squared residual is passed on unchanged, and its second
 * moment is moved to the guided mean, h + guided^2 - with^2, so that h - eps^2 is still the variance that it
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

/* g->with, g->without and g->scale must be set. without.evaluate is NULL if the network was always trained with a
 * label. */
pal_status pal_guidance_check(const pal_guidance *g, pal_error *err);
void pal_guidance_layout(pal_guidance *g, int32_t count, pal_arena *arena); /* for batches of up to count states */
pal_noise_predictor pal_guidance_predictor(pal_guidance *g);                /* keeps a pointer to g: do not move g */

#endif
