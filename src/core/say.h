/* say.h - messages with names and numbers in them (internal).
 *
 * The part of printf that the library needs. snprintf would add its floating-point code to the WebAssembly module,
 * which is one twentieth of what a page downloads. */
#ifndef PAL_SAY_H
#define PAL_SAY_H

#include <stdarg.h>
#include <stddef.h>

/* Formats %s, %d, %u and %llu, without widths; nothing else.  Text that does not fit in out[capacity], capacity at
 * least 1, is cut; the result is always terminated. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void pal_say(char *out, size_t capacity, const char *format, ...);

#if defined(__GNUC__)
__attribute__((format(printf, 3, 0)))
#endif
void pal_say_list(char *out, size_t capacity, const char *format, va_list values);

#endif
