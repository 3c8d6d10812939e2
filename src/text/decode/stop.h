/* stop.h - finds stop strings in a stream of bytes and outputs complete UTF-8 characters (internal).
 *
 * The bytes of tokens go in. Bytes come out unless they may still become a stop string or belong to a character that
 * may still be completed. The output does not depend on how the text is split into tokens: it is the text before the
 * first stop string to be complete (the longest, if several end at the same byte), without an incomplete character at
 * its end. The stop string and everything after it is never output. Bytes that are not UTF-8 come out unchanged, as
 * soon as they cannot become a character. */
#ifndef PAL_STOP_H
#define PAL_STOP_H

#include "../../core/core.h"

enum {
    PAL_STOP_STRINGS = 64,             /* maximum number of strings, */
    PAL_STOP_BYTES = 4096,             /* bytes of each, */
    PAL_STOP_HELD = PAL_STOP_BYTES + 4 /* and bytes held back */
};

typedef struct {
    size_t count;
    const pal_str *text; /* [count] caller-owned, must outlive this struct */
    uint32_t **fall;     /* [count][bytes] failure function of Knuth, Morris and Pratt: entry i is the length of the
                            longest proper prefix of the string that is a suffix of its first i + 1 bytes */
    uint32_t *matched;   /* [count] length of the longest prefix of each string that the stream ends with */
    char *held;          /* [held_capacity] bytes not yet output */
    size_t held_capacity, holds;
    int32_t found; /* index of the stop string found, -1: none so far */
} pal_stop;

/* PAL_E_OPTION: a stop string is empty or too long (offset is its index), or there are too many. */
pal_status pal_stop_check(const pal_str *text, size_t count, pal_error *err);

/* Measures, or places and initialises, for stop strings that have passed the check. */
void pal_stop_layout(pal_stop *s, const pal_str *text, size_t count, pal_arena *arena);

void pal_stop_reset(pal_stop *s); /* starts a new stream */

/* Reads bytes[n], writes the output to out, which must hold n + s->held_capacity bytes, and returns its length. Once
 * s->found is not -1, there is no more output. */
size_t pal_stop_push(pal_stop *s, const char *bytes, size_t n, char *out);

/* Call it when the stream ends or pauses: outputs the bytes held back, at most s->held_capacity, except an incomplete
 * character at the end. Its bytes, the last s->holds of the stream, stay held. */
size_t pal_stop_finish(pal_stop *s, char *out);

#endif
