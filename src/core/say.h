/* say.h - texts with names and numbers in them (internal).
 *
 * The part of printf's family that the library needs.  snprintf itself would bring its floating point along, which is a
 * twentieth of what a page downloads. */
#ifndef PAL_SAY_H
#define PAL_SAY_H

#include <stdarg.h>
#include <stddef.h>

/* %s, %d, %u and %llu, nothing else and without widths.  What does not fit in out[capacity], at least 1, is cut; the text
 * is always terminated. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void pal_say(char *out, size_t capacity, const char *format, ...);

#if defined(__GNUC__)
__attribute__((format(printf, 3, 0)))
#endif
void pal_say_list(char *out, size_t capacity, const char *format, va_list values);

#endif
