/* split.c - text to words.
 *
 * The regular expressions are those that the models' tokenizers publish and that llama.cpp names; each is
 * written out here as a matcher over code points.  A matcher gets a segment's end and a place in it, and
 * returns the end of the match that starts there, or the place itself for none.  `\s` is White_Space. */
#include "split.h"

#include "unicode.h"

typedef size_t matcher(const char *text, size_t at, size_t end);

enum { STAGES_MAX = 5 };

struct pal_split_rule {
    const char *names[3]; /* of tokenizer.ggml.pre; unused ones are NULL */
    bool is_llama3;
    matcher *stages[STAGES_MAX + 1]; /* the one behind the last is NULL */
};

/* ---- parts of patterns --------------------------------------------------------------------- */

static bool is(pal_char c, unsigned classes)
{
    return (c.class & classes) != 0;
}

/* [^\s\p{L}\p{N}] */
static bool is_other(pal_char c)
{
    return c.bytes > 0 && !is(c, PAL_LETTER | PAL_NUMBER | PAL_SPACE);
}

static bool is_line_break(pal_char c)
{
    return c.code == '\r' || c.code == '\n';
}

/* The end of the run of characters of these classes that starts at `at`. */
static size_t run_of(const char *text, size_t at, size_t end, unsigned classes)
{
    for (pal_char c; is(c = pal_char_at(text, at, end), classes);) at += c.bytes;
    return at;
}

static size_t run_of_other(const char *text, size_t at, size_t end)
{
    for (pal_char c; is_other(c = pal_char_at(text, at, end));) at += c.bytes;
    return at;
}

/* (?!\S) after \s+ gives the last space back where something stands behind it: it may be needed there.  A single
 * space with something behind it does not match. */
static size_t spaces_not_before_text(const char *text, size_t at, size_t end)
{
    size_t last = at, stop = at;
    for (pal_char c; is(c = pal_char_at(text, stop, end), PAL_SPACE);) {
        last = stop;
        stop += c.bytes;
    }
    return stop == end ? stop : last;
}

static uint32_t ascii_lower(uint32_t code)
{
    return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
}

/* 's|'t|'re|'ve|'m|'ll|'d, in either case if `fold`: then U+017F, the long s, is an s as well. */
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
static size_t gpt2(const char *text, size_t at, size_t end)
{
    size_t stop = contraction(text, at, end, false), body = at + (text[at] == ' ');
    if (stop > at) return stop;
    pal_char c = pal_char_at(text, body, end);
    if (is(c, PAL_LETTER)) return run_of(text, body, end, PAL_LETTER);
    if (is(c, PAL_NUMBER)) return run_of(text, body, end, PAL_NUMBER);
    if (is_other(c)) return run_of_other(text, body, end);
    return spaces_not_before_text(text, at, end);
}

/* \s*[\r\n]+: up to the last line break of the run of spaces; `at` if it has none. */
static size_t through_last_line_break(const char *text, size_t at, size_t end)
{
    size_t stop = at;
    for (pal_char c; is(c = pal_char_at(text, at, end), PAL_SPACE); at += c.bytes)
        if (is_line_break(c)) stop = at + 1;
    return stop;
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * with {1,digits} for {1,3}; the last alternative as above. */
static size_t llama3_or_qwen2(const char *text, size_t at, size_t end, int digits)
{
    size_t stop = contraction(text, at, end, true);
    if (stop > at) return stop;
    pal_char c = pal_char_at(text, at, end);
    if (is(c, PAL_NUMBER)) {
        for (stop = at; digits > 0 && is(c = pal_char_at(text, stop, end), PAL_NUMBER); digits--) stop += c.bytes;
        return stop;
    }
    size_t body = is(c, PAL_LETTER) || is_line_break(c) ? at : at + c.bytes;
    stop = run_of(text, body, end, PAL_LETTER);
    if (stop > body) return stop;
    body = at + (c.code == ' ');
    stop = run_of_other(text, body, end);
    if (stop > body) {
        while (stop < end && (text[stop] == '\r' || text[stop] == '\n')) stop++;
        return stop;
    }
    stop = through_last_line_break(text, at, end);
    return stop > at ? stop : spaces_not_before_text(text, at, end);
}

static size_t llama3(const char *text, size_t at, size_t end)
{
    return llama3_or_qwen2(text, at, end, 3);
}

static size_t qwen2(const char *text, size_t at, size_t end)
{
    return llama3_or_qwen2(text, at, end, 1);
}

/* \p{N} */
static size_t one_number(const char *text, size_t at, size_t end)
{
    pal_char c = pal_char_at(text, at, end);
    return is(c, PAL_NUMBER) ? at + c.bytes : at;
}

/* \p{N}+ */
static size_t numbers(const char *text, size_t at, size_t end)
{
    return run_of(text, at, end, PAL_NUMBER);
}

/* [0-9][0-9][0-9] */
static size_t three_digits(const char *text, size_t at, size_t end)
{
    for (size_t i = 0; i < 3; i++)
        if (end - at <= i || text[at + i] < '0' || text[at + i] > '9') return at;
    return at + 3;
}

/* [\r\n] */
static size_t line_break(const char *text, size_t at, size_t end)
{
    return at + is_line_break(pal_char_at(text, at, end));
}

/* \s?X+ for a class X */
static size_t run_after_space(const char *text, size_t at, size_t end, unsigned class)
{
    pal_char c = pal_char_at(text, at, end);
    size_t body = is(c, PAL_SPACE) ? at + c.bytes : at, stop = run_of(text, body, end, class);
    return stop > body ? stop : at;
}

/* \s?\p{L}+ */
static size_t letters_after_space(const char *text, size_t at, size_t end)
{
    return run_after_space(text, at, end, PAL_LETTER);
}

/* \s?\p{P}+ */
static size_t punctuation_after_space(const char *text, size_t at, size_t end)
{
    return run_after_space(text, at, end, PAL_PUNCTUATION);
}

/* [U+4E00-U+9FA5 U+0800-U+4E00 U+AC00-U+D7FF]+: Chinese, Japanese, Korean and what lies before them */
static size_t east_asian(const char *text, size_t at, size_t end)
{
    pal_char c;
    while (c = pal_char_at(text, at, end),
           (c.code >= 0x800 && c.code <= 0x9FA5) || (c.code >= 0xAC00 && c.code <= 0xD7FF))
        at += c.bytes;
    return at;
}

/* [\p{P}$+<=>^~|]+, with the backtick too where `backtick` is set; $+<=>^~|` are the symbols of ASCII. */
static size_t punctuation_run(const char *text, size_t at, size_t end, bool backtick)
{
    for (pal_char c;; at += c.bytes) {
        c = pal_char_at(text, at, end);
        bool ascii_symbol = c.code < 128 && is(c, PAL_SYMBOL) && (backtick || c.code != '`');
        if (!is(c, PAL_PUNCTUATION) && !ascii_symbol) return at;
    }
}

/* [\p{P}$+<=>^~|]+ */
static size_t punctuation_but_backtick(const char *text, size_t at, size_t end)
{
    return punctuation_run(text, at, end, false);
}

/* [\p{P}$+<=>^~|`]+ */
static size_t punctuation(const char *text, size_t at, size_t end)
{
    return punctuation_run(text, at, end, true);
}

/* ---- rules ------------------------------------------------------------------------------------- */

static const pal_split_rule rules[] = {
    {{"default"}, false, {punctuation_but_backtick, gpt2, numbers, three_digits}},
    {{"gpt-2", "mpt"}, false, {gpt2}},
    {{"llama-bpe", "llama3", "llama-v3"}, true, {llama3}},
    {{"qwen2"}, false, {qwen2}},
    {{"smollm", "starcoder", "refact"}, false, {one_number, gpt2}},
    {{"deepseek-coder"}, false, {line_break, letters_after_space, punctuation_after_space, east_asian, one_number}},
    {{"falcon"}, false, {punctuation, gpt2, three_digits}},
};

const pal_split_rule *pal_split_rule_of(pal_str name)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        for (size_t k = 0; k < sizeof rules->names / sizeof *rules->names; k++)
            if (rules[i].names[k] && pal_str_is(name, rules[i].names[k])) return &rules[i];
    return NULL;
}

bool pal_split_ignores_merges(const pal_split_rule *rule)
{
    return rule->is_llama3;
}

bool pal_split_adds_bos(const pal_split_rule *rule)
{
    return rule->is_llama3;
}

typedef struct {
    const char *text;
    pal_word_fn *word;
    void *context;
} sink;

/* As deep as there are stages. */
static void split_stage(const sink *s, matcher *const *stage, size_t from, size_t to)
{
    if (!*stage) {
        s->word(s->context, from, to);
        return;
    }
    size_t gap = from;
    for (size_t at = from; at < to;) {
        size_t stop = (*stage)(s->text, at, to);
        if (stop == at) {
            at += pal_char_at(s->text, at, to).bytes;
            continue;
        }
        if (gap < at) split_stage(s, stage + 1, gap, at);
        split_stage(s, stage + 1, at, stop);
        gap = at = stop;
    }
    if (gap < to) split_stage(s, stage + 1, gap, to);
}

void pal_split(const pal_split_rule *rule, const char *text, size_t from, size_t to, pal_word_fn *word, void *context)
{
    sink s = {text, word, context};
    split_stage(&s, rule->stages, from, to);
}
