/* unicode.h - UTF-8 characters and their classes (shared by src/token only). */
#ifndef PAL_UNICODE_H
#define PAL_UNICODE_H

#include "token.h"

/* Classes of a code point, as bits: general categories L*, N*, P*, S*, M*, the property White_Space; for letters also
 * upper case (Lu and Lt) and lower case (Ll). */
enum {
    PAL_LETTER = 1,
    PAL_NUMBER = 2,
    PAL_PUNCTUATION = 4,
    PAL_SYMBOL = 8,
    PAL_SPACE = 16,
    PAL_MARK = 32,
    PAL_UPPER = 64,
    PAL_LOWER = 128
};

unsigned pal_unicode_class(uint32_t code); /* 0: in no class, or not a code point */
void *pal_unicode_later(void);             /* only in engines for web pages: where the table of classes is written */

/* The character at text[at], in a text that ends at `end`. A byte that does not start a valid UTF-8 character counts as
 * a character of one byte without a class; at the end of the text the character has 0 bytes. */
typedef struct {
    uint32_t code; /* PAL_NO_CODE: invalid byte, or end of text */
    uint8_t bytes; /* 0 to 4 */
    uint8_t class; /* bits as above */
} pal_char;

#define PAL_NO_CODE UINT32_MAX

pal_char pal_char_at(const char *text, size_t at, size_t end);

#endif
