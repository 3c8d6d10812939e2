/* library.c - the functions of C's library that the engines call, shorter than those of Emscripten's libc: these are
 * downloaded by everyone, and none of them takes a noticeable part of the time.
 *
 * The order in which qsort leaves equal elements is unspecified, here as elsewhere; the callers compare to the end. */
#include <stdlib.h>
#include <string.h>

/* One instruction each (bulk memory), which the compiler makes of the built-in function. */
void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    return __builtin_memcpy(to, from, count);
}

void *memmove(void *to, const void *from, size_t count)
{
    return __builtin_memmove(to, from, count);
}

void *memset(void *to, int value, size_t count)
{
    return __builtin_memset(to, value, count);
}

void *memchr(const void *from, int value, size_t count)
{
    for (const unsigned char *p = from; count; p++, count--)
        if (*p == (unsigned char)value) return (void *)p;
    return NULL;
}

int memcmp(const void *a, const void *b, size_t count)
{
    const unsigned char *p = a, *q = b;
    for (; count; p++, q++, count--)
        if (*p != *q) return *p - *q;
    return 0;
}

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end) end++;
    return (size_t)(end - text);
}

char *strchr(const char *text, int value)
{
    return memchr(text, value, strlen(text) + 1);
}

typedef int compare_fn(const void *a, const void *b);

static void swap(unsigned char *a, unsigned char *b, size_t size)
{
    for (; size; size--, a++, b++) {
        const unsigned char byte = *a;
        *a = *b;
        *b = byte;
    }
}

/* Moves the element `at` down in a heap of `count` elements, to where it is not below a child. */
static void sink(unsigned char *heap, size_t at, size_t count, size_t size, compare_fn *compare)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && compare(heap + child * size, heap + (child + 1) * size) < 0) child++;
        if (compare(heap + at * size, heap + child * size) >= 0) return;
        swap(heap + at * size, heap + child * size, size);
    }
}

/* Heapsort (J. W. J. Williams 1964): no worst case, no memory. */
void qsort(void *elements, size_t count, size_t size, compare_fn *compare)
{
    unsigned char *heap = elements;
    for (size_t i = count / 2; i > 0; i--) sink(heap, i - 1, count, size, compare);
    for (size_t last = count; last > 1; last--) {
        swap(heap, heap + (last - 1) * size, size);
        sink(heap, 0, last - 1, size, compare);
    }
}
