/* patterns.h - matchers for regular expressions over code points (shared by src/token only).
 *
 * A matcher gets a position in a segment and the end of the segment. It returns the end of the match that starts at the
 * position, or the position itself if there is no match. If no match starts before a later position either, it returns
 * that position with PAL_NONE_BEFORE set, so that a long run is not scanned again from each of its characters. `\s` is
 * White_Space. */
#ifndef PAL_PATTERNS_H
#define PAL_PATTERNS_H

#include "unicode.h"

#define PAL_NONE_BEFORE (SIZE_MAX / 2 + 1) /* longer than any text */

typedef size_t pal_matcher(const char *text, size_t at, size_t end);

static inline bool pal_is(pal_char c, unsigned classes)
{
    return (c.class & classes) != 0;
}

static inline bool pal_is_line_break(pal_char c)
{
    return c.code == '\r' || c.code == '\n';
}

/* Returns the end of the run of characters of these classes that starts at `at`. */
static inline size_t pal_run_of(const char *text, size_t at, size_t end, unsigned classes)
{
    for (pal_char c; pal_is(c = pal_char_at(text, at, end), classes);) at += c.bytes;
    return at;
}

/* \p{N}{1,max} */
static inline size_t pal_some_numbers(const char *text, size_t at, size_t end, int max)
{
    for (pal_char c; max > 0 && pal_is(c = pal_char_at(text, at, end), PAL_NUMBER); max--) at += c.bytes;
    return at;
}

/* The long patterns, which split texts into words; patterns.c gives the expression of each. */
pal_matcher pal_words_gpt2, pal_words_llama3, pal_words_qwen2, pal_words_qwen35, pal_words_seed_coder,
    pal_words_ufakzeka, pal_words_tekken, pal_words_gpt4o, pal_words_youtu, pal_words_deepseek3, pal_words_bloom;

#endif
