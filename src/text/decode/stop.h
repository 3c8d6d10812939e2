/* stop.h - stop strings in a stream of bytes, and whole UTF-8 characters (internal).
 *
 * Bytes go in as tokens bring them; out comes what may be shown: not what could still become a stop string, and not
 * a part of a character that could still be completed.  Whatever the tokens were, the result is the same: the text
 * before the stop string that is the first to be complete (the longest, if several are at the same byte), without a
 * character that is not complete at its end.  The stop string itself and all behind it never come out.  Bytes that are
 * not UTF-8 come out as they are, as soon as no character can become of them. */
#ifndef PAL_STOP_H
#define PAL_STOP_H

#include "../../core/core.h"

enum {
    PAL_STOP_STRINGS = 64,             /* at most so many strings, */
    PAL_STOP_BYTES = 4096,             /* and bytes each; */
    PAL_STOP_HELD = PAL_STOP_BYTES + 4 /* and bytes that are held back */
};

typedef struct {
    size_t count;
    const pal_str *text; /* [count] the caller's; in memory that stays */
    uint32_t **fall;     /* [count][bytes] Knuth, Morris and Pratt's failure function: how long the longest start of
                               the string is that its first i + 1 bytes end with, themselves left out */
    uint32_t *matched;   /* [count] how many bytes of each the stream ends with */
    char *held;          /* [held_capacity] bytes that came in and have not come out */
    size_t held_capacity, holds;
    int32_t found; /* index of the stop string that was met, -1: none so far */
} pal_stop;

/* PAL_E_OPTION: a stop string is empty or too long, its index as offset; or there are too many. */
pal_status pal_stop_check(const pal_str *text, size_t count, pal_error *err);

/* Measures, or places and makes ready, for stop strings that have passed the check. */
void pal_stop_layout(pal_stop *s, const pal_str *text, size_t count, pal_arena *arena);

void pal_stop_reset(pal_stop *s); /* a new stream */

/* Takes bytes[n], writes what may be shown to out, which has room for n + s->held_capacity bytes; returns how many
 * bytes that is.  Once s->found is not -1, nothing more comes out. */
size_t pal_stop_push(pal_stop *s, const char *bytes, size_t n, char *out);

/* The stream has ended, or pauses: what was held back comes out, at most s->held_capacity bytes, but for a character that is
 * not complete.  Its bytes, the last s->holds of the stream, stay held. */
size_t pal_stop_finish(pal_stop *s, char *out);

#endif
