/* sequence.h - what a pal_sequence holds (internal: for sequence.c and generate.c). */
#ifndef PAL_SEQUENCE_H
#define PAL_SEQUENCE_H

#include "../network/text_runner.h"
#include "saved.h"

struct pal_sequence {
    const pal_model *model;
    pal_compute compute;
    int32_t max_tokens, length;
    int32_t *tokens; /* [max] */
    bool has_logits; /* the last hidden state in the activations is that of the last token */
    pal_activations activations;
    pal_cache cache;
};

/* What a saved sequence holds, in place. */
typedef struct {
    int32_t length;
    const unsigned char *cache;
    pal_loading tokens;
} pal_saved_sequence;

/* pal_sequence_restore in two parts: everything that can be refused, and then what cannot fail. */
pal_status pal_sequence_read_saved(pal_saved_sequence *saved, const pal_sequence *s, const void *data, size_t bytes,
                                   pal_error *err);
void pal_sequence_take_saved(pal_sequence *s, const pal_saved_sequence *saved);

#endif
