/* sequence.h - the fields of a pal_sequence (internal: for sequence.c and the generators). */
#ifndef PAL_SEQUENCE_H
#define PAL_SEQUENCE_H

#include "../network/text_runner.h"
#include "saved.h"

struct pal_sequence {
    const pal_model *model;
    pal_compute compute;
    int32_t max_tokens, length;
    int32_t *tokens; /* [max] */
    bool has_logits; /* the activations contain the last hidden state of the last token */
    pal_activations activations;
    pal_cache cache;
};

/* The content of a saved sequence, in place in the file's bytes. */
typedef struct {
    int32_t length;
    const unsigned char *cache;
    pal_loading tokens;
} pal_saved_sequence;

/* pal_sequence_restore in two parts: all checks, then the part that cannot fail. */
pal_status pal_sequence_read_saved(pal_saved_sequence *saved, const pal_sequence *s, const void *data, size_t bytes,
                                   pal_error *err);
void pal_sequence_take_saved(pal_sequence *s, const pal_saved_sequence *saved);

#endif
