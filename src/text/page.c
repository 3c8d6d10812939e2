/* page.c - parses and escapes pages with blanks. */
#include "page.h"

#include <string.h>

/* Added to error messages, since the text may not have been meant as a blank: code, for example. */
#define HOW_TO_ESCAPE " (write \\[[ for two plain brackets)"

typedef struct {
    const char *source;
    size_t bytes, at; /* at: next byte to read */
    const pal_page_rules *rules;
    pal_error *err;
} reader;

static bool looking_at(const reader *r, size_t at, char c)
{
    return at < r->bytes && r->source[at] == c;
}

/* Number of consecutive bytes c at `at`. */
static size_t run_of(const reader *r, size_t at, char c)
{
    size_t end = at;
    while (looking_at(r, end, c)) end++;
    return end - at;
}

/* Reads a decimal number at r->at; values above the maximum length become longest + 1, so that nothing overflows. */
static bool read_number(reader *r, int32_t *out)
{
    size_t start = r->at;
    int64_t value = 0;
    for (; r->at < r->bytes && r->source[r->at] >= '0' && r->source[r->at] <= '9'; r->at++) {
        value = value * 10 + (r->source[r->at] - '0');
        if (value > r->rules->longest) value = (int64_t)r->rules->longest + 1;
    }
    *out = (int32_t)value;
    return r->at > start;
}

static pal_status read_lengths(reader *r, pal_segment *blank)
{
    if (looking_at(r, r->at, '?')) {
        r->at++;
        blank->min = r->rules->free_min;
        blank->max = r->rules->free_max;
        return PAL_OK;
    }
    if (!read_number(r, &blank->min))
        return pal_fail(r->err, PAL_E_TEXT, "a blank must hold a number, two numbers with a dash, or ?" HOW_TO_ESCAPE,
                        blank->offset);
    blank->max = blank->min;
    if (looking_at(r, r->at, '-')) {
        r->at++;
        if (!read_number(r, &blank->max))
            return pal_fail(r->err, PAL_E_TEXT, "a number is missing after the dash of a blank" HOW_TO_ESCAPE,
                            blank->offset);
    }
    return PAL_OK;
}

/* Reads a blank; its `[[` is at r->at. */
static pal_status read_blank(reader *r, pal_segment *blank)
{
    *blank = (pal_segment){.blank = true, .offset = r->at};
    r->at += 2;
    pal_status s = read_lengths(r, blank);
    if (s) return s;
    if (!looking_at(r, r->at, ']') || !looking_at(r, r->at + 1, ']'))
        return pal_fail(r->err, PAL_E_TEXT,
                        r->at >= r->bytes ? "a blank is not closed: ]] is missing" HOW_TO_ESCAPE
                                          : "a blank must end with ]] right after its length" HOW_TO_ESCAPE,
                        blank->offset);
    r->at += 2;
    if (blank->min < 1 || blank->max < 1)
        return pal_fail(r->err, PAL_E_TEXT, "a blank must be at least 1 token long" HOW_TO_ESCAPE, blank->offset);
    if (blank->min > r->rules->longest || blank->max > r->rules->longest)
        return pal_fail(r->err, PAL_E_TEXT, "a blank is longer than the model's context" HOW_TO_ESCAPE, blank->offset);
    if (blank->min > blank->max)
        return pal_fail(r->err, PAL_E_TEXT, "the smaller length of a blank must come first" HOW_TO_ESCAPE,
                        blank->offset);
    return PAL_OK;
}

/* Appends given text, possibly in parts; adjacent parts form one segment. */
static void add_text(pal_page *page, const char *text, size_t bytes, size_t offset, bool *open)
{
    if (!bytes) return;
    if (!*open) {
        if (page->segments) page->segments[page->count] = (pal_segment){.offset = offset, .from = page->bytes};
        page->count++;
        *open = true;
    }
    if (page->segments) {
        memcpy(page->text + page->bytes, text, bytes);
        page->segments[page->count - 1].bytes += bytes;
    }
    page->bytes += bytes;
}

pal_status pal_page_read(pal_page *page, const char *source, size_t bytes, const pal_page_rules *rules, pal_error *err)
{
    reader r = {.source = source, .bytes = bytes, .rules = rules, .err = err};
    bool open = false; /* the last segment is given text and may grow */
    page->count = page->blanks = page->bytes = 0;
    page->places = page->longest = 0;
    while (r.at < bytes) {
        size_t backslashes = run_of(&r, r.at, '\\'), run = r.at + backslashes, brackets = run_of(&r, run, '[');
        if (brackets < 2) {
            size_t plain = backslashes ? backslashes : 1;
            add_text(page, source + r.at, plain, r.at, &open);
            r.at += plain;
            continue;
        }
        add_text(page, source + r.at, backslashes / 2, r.at, &open);
        r.at = run;
        if (backslashes % 2) {
            add_text(page, "[[", 2, r.at, &open);
            r.at += 2;
            continue;
        }
        add_text(page, source + run, brackets - 2, run, &open); /* the last two brackets open the blank */
        r.at += brackets - 2;
        pal_segment blank;
        pal_status s = read_blank(&r, &blank);
        if (s) return s;
        if (page->segments) page->segments[page->count] = blank;
        page->count++;
        page->blanks++;
        page->places += blank.max;
        if (blank.max > page->longest) page->longest = blank.max;
        if (page->places > (rules->together ? rules->together : rules->longest))
            return pal_fail(err, PAL_E_CONTEXT,
                            rules->together ? "the blanks have too many tokens together: use a shorter page"
                                            : "the blanks alone have more tokens than the model's context",
                            blank.offset);
        open = false;
    }
    return PAL_OK;
}

static void put(char *out, size_t capacity, size_t *length, char c, size_t count)
{
    for (; count; count--, (*length)++)
        if (*length < capacity) out[*length] = c;
}

size_t pal_page_escape(const char *text, size_t bytes, bool before_blank, char *out, size_t capacity)
{
    size_t length = 0;
    for (size_t at = 0; at < bytes;) {
        size_t run = at, end;
        while (run < bytes && text[run] == '\\') run++;
        for (end = run; end < bytes && text[end] == '[';) end++;
        size_t slashes = run - at, pairs = (end - run) / 2;
        bool odd = (end - run) % 2, last = end == bytes && before_blank;
        /* Pairs are taken from the right; an odd bracket before them stays plain. Without a pair, the brackets of a
         * blank that follows continue this run, so the backslashes before it must be doubled. */
        put(out, capacity, &length, '\\', pairs && !odd ? 2 * slashes + 1 : last && !pairs ? 2 * slashes : slashes);
        put(out, capacity, &length, '[', odd);
        for (size_t i = 0; i < pairs; i++) {
            put(out, capacity, &length, '\\', i || odd);
            put(out, capacity, &length, '[', 2);
        }
        if (end == at) put(out, capacity, &length, text[end++], 1);
        at = end;
    }
    return length;
}
