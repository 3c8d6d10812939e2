/* sequence.h - what a pal_sequence holds (internal: for sequence.c and generate.c). */
#ifndef PAL_SEQUENCE_H
#define PAL_SEQUENCE_H

#include "model.h"

struct pal_sequence {
    const pal_model *model;
    int32_t most, length;
    int32_t *tokens; /* [most] */
    bool fresh;      /* the last hidden state in the activations is that of the last token */
    pal_activations activations;
    pal_cache cache;
};

/* Whether pal_sequence_restore would take it. */
pal_status pal_sequence_check_saved(const pal_sequence *s, const void *data, size_t bytes, pal_error *err);

#endif
