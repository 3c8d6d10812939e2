/* normal.c - the table of replacements, and both directions of the mapping. */
#include "normal.h"

#include <string.h>

/* No ASCII form is longer than the UTF-8 it replaces, so out[bytes] is always large enough. */
static const struct {
    const char *from, *to;
} forms[] = {
    {"\xe2\x80\x98", "'"},  {"\xe2\x80\x99", "'"},   {"\xe2\x80\x9a", "'"},  {"\xe2\x80\x9b", "'"},  /* single quotes */
    {"\xe2\x80\x9c", "\""}, {"\xe2\x80\x9d", "\""},  {"\xe2\x80\x9e", "\""}, {"\xe2\x80\x9f", "\""}, /* double quotes */
    {"\xc2\xab", "\""},     {"\xc2\xbb", "\""},                                                      /* guillemets */
    {"\xe2\x80\x90", "-"},  {"\xe2\x80\x91", "-"},   {"\xe2\x80\x92", "-"}, /* hyphens, figure dash */
    {"\xe2\x80\x93", "-"},  {"\xe2\x80\x94", "-"},   {"\xe2\x80\x95", "-"}, /* en dash, em dash, bar */
    {"\xe2\x88\x92", "-"},  {"\xe2\x80\xa6", "..."},                        /* minus, ellipsis */
    {"\xc2\xa0", " "},      {"\xe2\x80\xaf", " "},   {"\xe2\x80\x87", " "}, /* no-break spaces */
    {"\r\n", "\n"},
};

/* Returns the length of the character at text; *to and *size are its normalised form. */
static size_t normal_form(const char *text, size_t bytes, const char **to, size_t *size)
{
    unsigned char c = (unsigned char)text[0];
    for (size_t i = 0; (c == 0xe2 || c == 0xc2 || c == '\r') && i < sizeof forms / sizeof *forms; i++) {
        size_t from = strlen(forms[i].from);
        if (from <= bytes && memcmp(text, forms[i].from, from) == 0) {
            *to = forms[i].to;
            *size = strlen(forms[i].to);
            return from;
        }
    }
    *to = text;
    *size = 1;
    return 1;
}

size_t pal_normalise(const char *text, size_t bytes, char *out)
{
    const char *to;
    size_t length = 0, size;
    for (size_t at = 0; at < bytes; length += size) {
        at += normal_form(text + at, bytes - at, &to, &size);
        memcpy(out + length, to, size);
    }
    return length;
}

size_t pal_normal_origin(const char *text, size_t bytes, size_t view)
{
    const char *to;
    size_t at = 0, size;
    for (size_t length = 0; at < bytes; length += size) {
        size_t from = normal_form(text + at, bytes - at, &to, &size);
        if (length + size > view) break;
        at += from;
    }
    return at;
}

size_t pal_text_view(bool as_written, const char *text, size_t bytes, char *out)
{
    if (!as_written) return pal_normalise(text, bytes, out);
    if (bytes) memcpy(out, text, bytes);
    return bytes;
}
