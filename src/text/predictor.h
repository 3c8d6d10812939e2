/* predictor.h - what a sampler or a likelihood needs of a network (internal).
 *
 * The seam between mathematics and networks: the samplers are proven on tables small enough to
 * enumerate and run on transformers through the same three fields. */
#ifndef PAL_PREDICTOR_H
#define PAL_PREDICTOR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    void *context;
    int32_t vocab;
    /* One evaluation: reads tokens[n] (mask tokens among them).  Logits may be asked for at positions at[count],
     * at least one, in any order: what only others need is not computed. */
    void (*evaluate)(void *context, const int32_t *tokens, int32_t n, const int *at, int count);
    /* logits [count, vocab] at positions of the last evaluation; cheap next to it.  false: some are NaN or infinite,
     * and what is made of them must not be shown. */
    bool (*logits)(void *context, const int *at, int count, float *logits);
} pal_predictor;

#endif
