/* predictor.h - what a sampler or a likelihood needs of a network (internal).
 *
 * The seam between mathematics and networks: the samplers are proven on tables small enough to
 * enumerate and run on transformers through the same three fields. */
#ifndef PAL_PREDICTOR_H
#define PAL_PREDICTOR_H

#include <stdint.h>

typedef struct {
    void *context;
    int32_t vocab;
    /* One evaluation: reads tokens[n] (mask tokens among them). */
    void (*evaluate)(void *context, const int32_t *tokens, int32_t n);
    /* logits [count, vocab] at positions at[count] of the last evaluation; cheap next to it. */
    void (*logits)(void *context, const int *at, int count, float *logits);
} pal_predictor;

#endif
