/* patterns.h - matchers of regular expressions over code points (shared by src/token only).
 *
 * A matcher gets a segment's end and a place in it, and returns the end of the match that starts there, or the place
 * itself for none.  Where none starts before a later place either, that place with PAL_NONE_BEFORE set, so that a long
 * run is not looked at again from each of its characters.  `\s` is White_Space. */
#ifndef PAL_PATTERNS_H
#define PAL_PATTERNS_H

#include "unicode.h"

#define PAL_NONE_BEFORE (SIZE_MAX / 2 + 1) /* no text is as long */

typedef size_t pal_matcher(const char *text, size_t at, size_t end);

static inline bool pal_is(pal_char c, unsigned classes)
{
    return (c.class & classes) != 0;
}

static inline bool pal_is_line_break(pal_char c)
{
    return c.code == '\r' || c.code == '\n';
}

/* The end of the run of characters of these classes that starts at `at`. */
static inline size_t pal_run_of(const char *text, size_t at, size_t end, unsigned classes)
{
    for (pal_char c; pal_is(c = pal_char_at(text, at, end), classes);) at += c.bytes;
    return at;
}

/* \p{N}{1,most} */
static inline size_t pal_some_numbers(const char *text, size_t at, size_t end, int max)
{
    for (pal_char c; max > 0 && pal_is(c = pal_char_at(text, at, end), PAL_NUMBER); max--) at += c.bytes;
    return at;
}

/* patterns.c: the long ones, which cut texts into words; each stands there beside its expression. */
pal_matcher pal_words_gpt2, pal_words_llama3, pal_words_qwen2, pal_words_qwen35, pal_words_seed_coder,
    pal_words_ufakzeka, pal_words_tekken, pal_words_gpt4o, pal_words_youtu, pal_words_deepseek3, pal_words_bloom;

#endif
