/* say.c - formats %s, %d, %u and %llu into a buffer. */
#include "say.h"
#include "core.h"

#include <string.h>

typedef struct {
    char *at, *end; /* the terminator is written at `end` at the latest */
} sink;

static void put(sink *r, const char *text, size_t size)
{
    const size_t fits = (size_t)(r->end - r->at);
    if (size > fits) size = fits;
    memcpy(r->at, text, size);
    r->at += size;
}

static void put_number(sink *r, unsigned long long n)
{
    char digits[20], *first = digits + sizeof digits; /* enough for 2^64 - 1 */
    do {
        *--first = (char)('0' + n % 10);
    } while (n /= 10);
    put(r, first, (size_t)(digits + sizeof digits - first));
}

void pal_say_list(char *out, size_t capacity, const char *format, va_list values)
{
    sink r = {out, out + capacity - 1};
    for (const char *f = format; *f; f++) {
        if (*f != '%') {
            put(&r, f, 1);
            continue;
        }
        f++;
        if (*f == 's') {
            const char *text = va_arg(values, const char *);
            put(&r, text, strlen(text));
        } else if (*f == 'd') {
            const int n = va_arg(values, int);
            if (n < 0) put(&r, "-", 1);
            put_number(&r, n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n);
        } else if (*f == 'u') {
            put_number(&r, va_arg(values, unsigned));
        } else {
            PAL_ASSERT(f[0] == 'l' && f[1] == 'l' && f[2] == 'u');
            f += 2;
            put_number(&r, va_arg(values, unsigned long long));
        }
    }
    *r.at = '\0';
}

void pal_say(char *out, size_t capacity, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    pal_say_list(out, capacity, format, values);
    va_end(values);
}
