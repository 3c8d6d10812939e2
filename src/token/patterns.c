/* patterns.c - the regular expressions that split texts into words, as the models' tokenizers publish them.
 *
 * For tekken and gpt-4o, llama.cpp uses a different expression that its own matcher can run (letters outside ASCII have
 * no case there, and marks are not part of words); here the published one is used. */
#include "patterns.h"

#include <string.h>

/* ---- parts of patterns --------------------------------------------------------------------- */

/* [^\s\p{L}\p{N}] */
static bool is_other(pal_char c)
{
    return c.bytes > 0 && !pal_is(c, PAL_LETTER | PAL_NUMBER | PAL_SPACE);
}

static size_t run_of_other(const char *text, size_t at, size_t end)
{
    for (pal_char c; is_other(c = pal_char_at(text, at, end));) at += c.bytes;
    return at;
}

/* \s+(?!\S): if text follows the spaces, the match excludes the last space, which may belong to the next word. A single
 * space before text does not match. */
static size_t spaces_not_before_text(const char *text, size_t at, size_t end)
{
    size_t last = at, stop = at;
    for (pal_char c; pal_is(c = pal_char_at(text, stop, end), PAL_SPACE);) {
        last = stop;
        stop += c.bytes;
    }
    return stop == end ? stop : last;
}

static uint32_t ascii_lower(uint32_t code)
{
    return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
}

/* 's|'t|'re|'ve|'m|'ll|'d; with `fold` in either case, and then U+017F, the long s, is an s too. */
static size_t contraction(const char *text, size_t at, size_t end, bool fold)
{
    if (text[at] != '\'') return at;
    pal_char first = pal_char_at(text, at + 1, end), second = pal_char_at(text, at + 1 + first.bytes, end);
    uint32_t a = fold ? ascii_lower(first.code) : first.code, b = fold ? ascii_lower(second.code) : second.code;
    if (fold && a == 0x17F) a = 's';
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 1 + first.bytes;
    bool two = (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l');
    return two ? at + 1 + first.bytes + second.bytes : at;
}

/* ---- patterns ---------------------------------------------------------------------------------- */

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * The last alternative matches single spaces before text; they would be gaps of their own without it. */
size_t pal_words_gpt2(const char *text, size_t at, size_t end)
{
    size_t stop = contraction(text, at, end, false), body = at + (text[at] == ' ');
    if (stop > at) return stop;
    pal_char c = pal_char_at(text, body, end);
    if (pal_is(c, PAL_LETTER)) return pal_run_of(text, body, end, PAL_LETTER);
    if (pal_is(c, PAL_NUMBER)) return pal_run_of(text, body, end, PAL_NUMBER);
    if (is_other(c)) return run_of_other(text, body, end);
    return spaces_not_before_text(text, at, end);
}

/* \s*[\r\n]+: returns the end of the last line break in the run of spaces; `at` if it has none. */
static size_t through_last_line_break(const char *text, size_t at, size_t end)
{
    size_t stop = at;
    for (pal_char c; pal_is(c = pal_char_at(text, at, end), PAL_SPACE); at += c.bytes)
        if (pal_is_line_break(c)) stop = at + 1;
    return stop;
}

/*  ?[^\s\p{L}\p{N}]+[\r\n]*, with `tail` for \r\n; the run does not include characters of the classes `joined`. */
static size_t other_after_space(const char *text, size_t at, size_t end, unsigned joined, const char *tail)
{
    size_t body = at + (text[at] == ' '), stop = body;
    for (pal_char c; is_other(c = pal_char_at(text, stop, end)) && !pal_is(c, joined);) stop += c.bytes;
    if (stop == body) return at;
    while (stop < end && text[stop] && strchr(tail, text[stop])) stop++;
    return stop;
}

/* \s*[\r\n]+|\s+(?!\S)|\s+; the last alternative matches a single space before text. */
static size_t white_space(const char *text, size_t at, size_t end)
{
    pal_char c = pal_char_at(text, at, end);
    size_t stop = through_last_line_break(text, at, end);
    if (stop == at) stop = spaces_not_before_text(text, at, end);
    return stop == at && pal_is(c, PAL_SPACE) ? at + c.bytes : stop;
}

/* [^\r\n\p{L}\p{N}]?C+ for classes C that include all letters: without the optional character if the next one is not in
 * C but this one is. */
static size_t letters_after_other(const char *text, size_t at, size_t end, unsigned classes)
{
    pal_char c = pal_char_at(text, at, end);
    size_t body = pal_is(c, PAL_LETTER | PAL_NUMBER) || pal_is_line_break(c) ? at : at + c.bytes;
    size_t stop = pal_run_of(text, body, end, classes);
    return stop > body ? stop : pal_run_of(text, at, end, classes);
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * without the contractions, with {1,digits} for {1,3}, [\p{L}\p{marks}] for \p{L} (twice) and `tail` for \r\n. */
static size_t words(const char *text, size_t at, size_t end, int digits, unsigned marks, const char *tail)
{
    size_t stop = letters_after_other(text, at, end, PAL_LETTER | marks);
    if (stop == at) stop = pal_some_numbers(text, at, end, digits);
    if (stop == at) stop = other_after_space(text, at, end, marks, tail);
    return stop > at ? stop : white_space(text, at, end);
}

size_t pal_words_llama3(const char *text, size_t at, size_t end)
{
    size_t stop = contraction(text, at, end, true);
    return stop > at ? stop : words(text, at, end, 3, 0, "\r\n");
}

size_t pal_words_qwen2(const char *text, size_t at, size_t end)
{
    size_t stop = contraction(text, at, end, true);
    return stop > at ? stop : words(text, at, end, 1, 0, "\r\n");
}

size_t pal_words_qwen35(const char *text, size_t at, size_t end)
{
    size_t stop = contraction(text, at, end, true);
    return stop > at ? stop : words(text, at, end, 1, PAL_MARK, "\r\n");
}

size_t pal_words_seed_coder(const char *text, size_t at, size_t end)
{
    size_t stop = contraction(text, at, end, true);
    return stop > at ? stop : words(text, at, end, 1, 0, "");
}

/* qwen2 without the contractions */
size_t pal_words_ufakzeka(const char *text, size_t at, size_t end)
{
    return words(text, at, end, 1, 0, "\r\n");
}

/* [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and [\p{Ll}\p{Lm}\p{Lo}\p{M}] */
static bool may_be_upper(pal_char c)
{
    return pal_is(c, PAL_LETTER | PAL_MARK) && !pal_is(c, PAL_LOWER);
}

static bool may_be_lower(pal_char c)
{
    return pal_is(c, PAL_LETTER | PAL_MARK) && !pal_is(c, PAL_UPPER);
}

/* U*L+ for the two classes above: if no L follows the run of U, the match ends after the last L in that run. With
 * `capitals`: U+L*, tried after U*L+ has failed, so there is no L in or after the run. */
static size_t cased_word(const char *text, size_t at, size_t end, bool capitals)
{
    size_t stop = at, lower = at;
    pal_char c;
    while (may_be_upper(c = pal_char_at(text, stop, end))) {
        stop += c.bytes;
        if (may_be_lower(c)) lower = stop;
    }
    if (capitals) return stop;
    if (!may_be_lower(c)) return lower;
    while (may_be_lower(c = pal_char_at(text, stop, end))) stop += c.bytes;
    return stop;
}

/* [^\r\n\p{L}\p{N}]?U*L+|[^\r\n\p{L}\p{N}]?U+L*; each is tried with its optional character first, then without. */
static size_t cased_after_other(const char *text, size_t at, size_t end)
{
    pal_char c = pal_char_at(text, at, end);
    size_t body = pal_is(c, PAL_LETTER | PAL_NUMBER) || pal_is_line_break(c) ? at : at + c.bytes;
    for (int capitals = 0; capitals < 2; capitals++) {
        size_t stop = cased_word(text, body, end, capitals);
        if (stop > body) return stop;
        stop = cased_word(text, at, end, capitals);
        if (stop > at) return stop;
    }
    return at;
}

/* The other alternatives: \p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static size_t cased_rest(const char *text, size_t at, size_t end, int digits)
{
    size_t stop = pal_some_numbers(text, at, end, digits);
    if (stop == at) stop = other_after_space(text, at, end, 0, "\r\n/");
    return stop > at ? stop : white_space(text, at, end);
}

size_t pal_words_tekken(const char *text, size_t at, size_t end)
{
    size_t stop = cased_after_other(text, at, end);
    return stop > at ? stop : cased_rest(text, at, end, 1);
}

/* As tekken, with \p{N}{1,3}, and (?i:'s|'t|'re|'ve|'m|'ll|'d)? after both kinds of words. */
size_t pal_words_gpt4o(const char *text, size_t at, size_t end)
{
    size_t stop = cased_after_other(text, at, end);
    if (stop == at) return cased_rest(text, at, end, 3);
    return stop < end ? contraction(text, stop, end, true) : stop;
}

/* As gpt-4o, with \p{N} for \p{N}{1,3}. */
size_t pal_words_youtu(const char *text, size_t at, size_t end)
{
    size_t stop = cased_after_other(text, at, end);
    if (stop == at) return cased_rest(text, at, end, 1);
    return stop < end ? contraction(text, stop, end, true) : stop;
}

static bool is_ascii_letter(uint32_t code)
{
    return ascii_lower(code) >= 'a' && ascii_lower(code) <= 'z';
}

/* [!-/:-@[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
size_t pal_words_deepseek3(const char *text, size_t at, size_t end)
{
    const unsigned signs = PAL_PUNCTUATION | PAL_SYMBOL;
    pal_char c = pal_char_at(text, at, end);
    size_t stop = at + c.bytes;
    if (c.code < 128 && pal_is(c, signs) && is_ascii_letter(pal_char_at(text, stop, end).code)) {
        while (is_ascii_letter(pal_char_at(text, stop, end).code)) stop++;
        return stop;
    }
    size_t body = pal_is(c, PAL_LETTER | signs) || pal_is_line_break(c) ? at : stop;
    stop = pal_run_of(text, body, end, PAL_LETTER | PAL_MARK);
    if (stop > body) return stop;
    stop = pal_run_of(text, at, end, PAL_LETTER | PAL_MARK);
    if (stop > at) return stop;
    body = at + (c.code == ' ');
    stop = pal_run_of(text, body, end, signs);
    if (stop == body) return white_space(text, at, end);
    while (stop < end && (text[stop] == '\r' || text[stop] == '\n')) stop++;
    return stop;
}

/*  ?[^(\s|.,!?…。，、।۔،)]+ */
size_t pal_words_bloom(const char *text, size_t at, size_t end)
{
    static const uint32_t marks[] = {'(',    '|',    '.',    ',',    '!',   '?',   ')',
                                     0x2026, 0x3002, 0xFF0C, 0x3001, 0x964, 0x6D4, 0x60C};
    size_t body = at + (text[at] == ' '), stop = body;
    for (pal_char c; c = pal_char_at(text, stop, end), c.bytes && !pal_is(c, PAL_SPACE); stop += c.bytes) {
        size_t i = 0;
        while (i < sizeof marks / sizeof *marks && marks[i] != c.code) i++;
        if (i < sizeof marks / sizeof *marks) break;
    }
    return stop > body ? stop : at;
}
