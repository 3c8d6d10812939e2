/* json_read.c - reads JSON: strings, whole numbers and punctuation. */
#include "json_read.h"

#include <stdlib.h>
#include <string.h>

static bool fail(json_reader *r, const char *wrong)
{
    if (!r->wrong) r->wrong = wrong;
    return false;
}

bool json_next_is(json_reader *r, char c)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n')) r->at++;
    return !r->wrong && r->at < r->end && *r->at == c;
}

bool json_take(json_reader *r, char c)
{
    if (!json_next_is(r, c)) return false;
    r->at++;
    return true;
}

bool json_need(json_reader *r, char c, const char *wrong)
{
    return json_take(r, c) || fail(r, wrong);
}

/* ---- strings ---------------------------------------------------------------------------------------- */

/* Four hexadecimal digits; -1: they are not there. */
static int32_t read_hex(json_reader *r)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        const char c = r->at < r->end ? *r->at : '\0';
        const int32_t digit = c >= '0' && c <= '9'                 ? c - '0'
                              : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                                   : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The character of a \u escape, which can be two of them; -1: not a character. */
static int32_t read_escaped(json_reader *r)
{
    const int32_t high = read_hex(r);
    if (high < 0xd800 || high > 0xdfff) return high;
    if (high > 0xdbff || r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u') return -1;
    r->at += 2;
    const int32_t low = read_hex(r);
    return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static char *put_utf8(char *out, int32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
        return out;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    *out++ = (char)((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | c >> 6 * more);
    for (int i = more - 1; i >= 0; i--) *out++ = (char)(0x80 | (c >> 6 * i & 0x3f));
    return out;
}

/* Reads the escape behind a backslash; NULL: it is not valid. */
static char *put_escape(json_reader *r, char *out)
{
    static const char named[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    const char c = r->at < r->end ? *r->at++ : '\0';
    if (c == 'u') {
        const int32_t character = read_escaped(r);
        return character < 0 ? NULL : put_utf8(out, character);
    }
    for (size_t i = 0; named[i]; i += 2)
        if (named[i] == c) {
            *out++ = named[i + 1];
            return out;
        }
    return NULL;
}

bool json_read_text(json_reader *r, bytes *out)
{
    *out = (bytes){0};
    if (!json_take(r, '"')) return fail(r, "a string in double quotes is expected");
    char *text = malloc((size_t)(r->end - r->at) + 1), *to = text; /* an escape is longer than its character */
    if (!text) return fail(r, "not enough memory");
    while (to && r->at < r->end && *r->at != '"') {
        if (*r->at == '\\') {
            r->at++;
            to = put_escape(r, to);
        } else if ((unsigned char)*r->at < 0x20)
            to = NULL;
        else
            *to++ = *r->at++;
    }
    if (!to || r->at == r->end) {
        free(text);
        return fail(r, to ? "the string does not end" : "not a valid escape or character in a string");
    }
    r->at++;
    *out = (bytes){text, (size_t)(to - text)};
    return true;
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

bool json_read_int(json_reader *r, int32_t *out)
{
    int64_t value = 0;
    const bool minus = json_take(r, '-');
    const char *from = r->at;
    for (; !r->wrong && r->at < r->end && *r->at >= '0' && *r->at <= '9' && value <= INT32_MAX; r->at++)
        value = value * 10 + (*r->at - '0');
    const bool ends = r->at == r->end || !strchr("0123456789.eE", *r->at);
    if (r->at == from || value > INT32_MAX || !ends) return fail(r, "a whole number below 2^31 is expected");
    *out = (int32_t)(minus ? -value : value);
    return true;
}
