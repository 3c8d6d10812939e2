/* json.c - writes JSON (RFC 8259). */
#include "cli.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void put_escaped(FILE *out, unsigned char c)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    const char *at = NULL;
    for (size_t i = 0; named[i]; i += 2)
        if ((unsigned char)named[i] == c) at = &named[i + 1];
    if (at)
        fprintf(out, "\\%c", *at);
    else
        fprintf(out, "\\u%04x", c);
}

size_t utf8_length(const unsigned char *text, size_t size)
{
    unsigned char c = text[0];
    size_t length = c < 0x80                 ? 1
                    : c >= 0xc2 && c <= 0xdf ? 2
                    : c >= 0xe0 && c <= 0xef ? 3
                    : c >= 0xf0 && c <= 0xf4 ? 4
                                             : 0;
    if (!length || length > size) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f)) return 0;
    if ((c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f)) return 0;
    return length;
}

static void put_string(FILE *out, const char *text, size_t size)
{
    fputc('"', out);
    for (size_t at = 0; at < size;) {
        const unsigned char *c = (const unsigned char *)text + at;
        size_t length = utf8_length(c, size - at);
        if (!length)
            fputs("\\ufffd", out);
        else if (*c < 0x20 || *c == '"' || *c == '\\' || *c == 0x7f)
            put_escaped(out, *c);
        else
            fwrite(c, 1, length, out);
        at += length ? length : 1;
    }
    fputc('"', out);
}

static void begin(json *j, const char *key)
{
    if (j->comma) fputs(", ", j->out);
    j->comma = true;
    if (!key) return;
    put_string(j->out, key, strlen(key));
    fputs(": ", j->out);
}

void json_open(json *j, const char *key, char bracket)
{
    begin(j, key);
    fputc(bracket, j->out);
    j->comma = false;
}

void json_close(json *j, char bracket)
{
    fputc(bracket, j->out);
    j->comma = true;
}

void json_text(json *j, const char *key, const char *text, size_t size)
{
    begin(j, key);
    put_string(j->out, text, size);
}

void json_string(json *j, const char *key, const char *text)
{
    json_text(j, key, text, strlen(text));
}

void json_int(json *j, const char *key, int64_t value)
{
    begin(j, key);
    fprintf(j->out, "%" PRId64, value);
}

void json_uint(json *j, const char *key, uint64_t value)
{
    begin(j, key);
    fprintf(j->out, "%" PRIu64, value);
}

static void put_number(json *j, const char *key, double value, int digits)
{
    begin(j, key);
    if (isfinite(value))
        fprintf(j->out, "%.*g", digits, value);
    else
        fputs("null", j->out);
}

void json_number(json *j, const char *key, double value)
{
    put_number(j, key, value, 9);
}

void json_exact(json *j, const char *key, double value)
{
    put_number(j, key, value, 17);
}

void json_bool(json *j, const char *key, bool value)
{
    begin(j, key);
    fputs(value ? "true" : "false", j->out);
}

void json_end_line(json *j)
{
    fputc('\n', j->out);
    fflush(j->out);
    j->comma = false;
}
