/* unicode.c - decodes UTF-8 and looks up Unicode classes. */
#include "unicode.h"

#include "unicode_table.h"

#ifdef PAL_UNICODE_LATER
/* In engines for web pages: JavaScript writes the table before the first text is tokenized (3 KB, compressed, that only
 * byte-level vocabularies need). web/build.mjs has the same layout. */
static struct {
    uint32_t run_code[PAL_RUN_CODES];
    uint16_t run_at[PAL_RUN_CODES];
    uint8_t runs[PAL_RUN_BYTES];
} later;
#define run_code later.run_code
#define run_at   later.run_at
#define runs     later.runs

void *pal_unicode_later(void)
{
    return &later;
}
#endif

/* Table 3-7 of the Unicode standard: the first byte determines the length and the range of the second byte. */
size_t pal_utf8_char(const char *text, size_t bytes)
{
    const unsigned char *s = (const unsigned char *)text;
    if (bytes == 0) return 0;
    if (s[0] < 0x80) return 1;
    size_t n = s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    if (n == 0 || n > bytes) return 0;
    unsigned low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    return n;
}

/* In a run of alternating upper and lower case, the class depends on the index. */
static unsigned class_in_run(unsigned class, uint32_t index)
{
    const unsigned both = PAL_UPPER | PAL_LOWER;
    return (class & both) == both ? class & ~(index & 1 ? (unsigned)PAL_UPPER : (unsigned)PAL_LOWER) : class;
}

/* The length that follows at *run, which is then behind it. */
static uint32_t long_run(const uint8_t **run)
{
    uint32_t length = 0;
    for (unsigned shift = 0;; shift += 7) {
        const uint8_t byte = *(*run)++;
        length |= (byte & 127u) << shift;
        if (!(byte & 128)) return length;
    }
}

/* Finds the last listed run that starts at or before the code point, and searches from there. */
unsigned pal_unicode_class(uint32_t code)
{
    size_t low = 0, high = PAL_RUN_CODES;
    if (code < 128) return ascii_class[code];
#ifdef PAL_UNICODE_LATER
    if (!runs[0]) return 0; /* while a vocabulary is opened */
#endif
    if (code > 0x10FFFF) return 0;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (run_code[middle] <= code)
            low = middle;
        else
            high = middle;
    }
    const uint8_t *run = &runs[run_at[low]];
    for (uint32_t index = code - run_code[low];;) {
        const unsigned kind = *run / PAL_SHORT_RUN;
        uint32_t length = *run++ % PAL_SHORT_RUN;
        if (length == 0) length = long_run(&run);
        if (index < length) return class_in_run(run_class[kind], index);
        index -= length;
    }
}

pal_char pal_char_at(const char *text, size_t at, size_t end)
{
    if (at >= end) return (pal_char){PAL_NO_CODE, 0, 0};
    const unsigned char *s = (const unsigned char *)text + at;
    if (s[0] < 0x80) return (pal_char){s[0], 1, ascii_class[s[0]]};
    size_t n = pal_utf8_char(text + at, end - at);
    if (n == 0) return (pal_char){PAL_NO_CODE, 1, 0};
    uint32_t code = s[0] & (0x7Fu >> n); /* the first byte of n has n ones and a zero before its bits */
    for (size_t i = 1; i < n; i++) code = code << 6 | (s[i] & 0x3F);
    return (pal_char){code, (uint8_t)n, (uint8_t)pal_unicode_class(code)};
}
