/* utf8.h - whole UTF-8 characters as a finite automaton over bytes (internal). */
#ifndef PAL_UTF8_H
#define PAL_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* A state is what must follow: BOUNDARY nothing, the others are named by the missing bytes, or by the first byte if that
 * limits the second. DEAD: no character begins like this. */
enum {
    PAL_UTF8_BOUNDARY,
    PAL_UTF8_ONE,
    PAL_UTF8_TWO,
    PAL_UTF8_THREE,
    PAL_UTF8_AFTER_E0,
    PAL_UTF8_AFTER_ED,
    PAL_UTF8_AFTER_F0,
    PAL_UTF8_AFTER_F4,
    PAL_UTF8_STATES,
    PAL_UTF8_DEAD
};

/* The state after a byte; `state` must not be DEAD. */
int pal_utf8_next(int state, uint8_t byte);

/* The state after text[bytes]; DEAD stays DEAD. */
int pal_utf8_run(int state, const char *text, size_t bytes);

#endif
