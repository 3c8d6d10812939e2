/* fuzz_page.c - fuzzes the notation of pages with blanks.
 *
 * The first byte gives the maximum length of a blank and the meaning of [[?]]; the rest is the page.  A page is read in
 * two passes that must agree, and writing it again with escapes must give the same page.  Any bytes, when escaped, must
 * be a page of plain text, also directly before a blank. */
#include "text/normal.h"
#include "text/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "fuzz_page: %s\n", what);
    abort();
}

static void *must_alloc(size_t bytes)
{
    void *block = malloc(bytes ? bytes : 1);
    check(block != NULL, "no memory");
    return block;
}

/* Reads into blocks of exactly the counted size; free both.  Returns false if it is not a page. */
static bool read_page(pal_page *page, const char *source, size_t size, const pal_page_rules *rules)
{
    pal_error err = {0};
    *page = (pal_page){0};
    if (pal_page_read(page, source, size, rules, &err)) {
        check(err.text && err.offset < size, "an error without a place");
        check(err.status == PAL_E_TEXT || err.status == PAL_E_CONTEXT, "an error of another kind");
        return false;
    }
    const pal_page counted = *page;
    page->segments = must_alloc(page->count * sizeof *page->segments);
    page->text = must_alloc(page->bytes);
    check(pal_page_read(page, source, size, rules, NULL) == PAL_OK, "the second pass fails");
    check(page->count == counted.count && page->blanks == counted.blanks, "the second pass counts other segments");
    check(page->bytes == counted.bytes && page->places == counted.places, "the second pass counts other bytes");
    check(page->bytes <= size && page->places <= rules->longest, "more text than bytes, or more places than allowed");
    return true;
}

static void free_page(pal_page *page)
{
    free(page->segments);
    free(page->text);
}

/* The page in the notation again.  Each given byte takes at most three, a blank at most 24. */
static size_t write_page(const pal_page *page, char *out, size_t capacity)
{
    size_t length = 0;
    for (size_t i = 0; i < page->count; i++) {
        const pal_segment *s = &page->segments[i];
        if (s->blank)
            length += (size_t)snprintf(out + length, capacity - length, "[[%d-%d]]", (int)s->min, (int)s->max);
        else
            length +=
                pal_page_escape(page->text + s->from, s->bytes, i + 1 < page->count, out + length, capacity - length);
        check(length < capacity, "the page grew too much");
    }
    return length;
}

static void compare(const pal_page *a, const pal_page *b)
{
    check(a->count == b->count && a->bytes == b->bytes && a->places == b->places, "another page came back");
    check(memcmp(a->text, b->text, a->bytes) == 0, "other given text came back");
    for (size_t i = 0; i < a->count; i++) {
        const pal_segment *s = &a->segments[i], *t = &b->segments[i];
        check(s->blank == t->blank && s->from == t->from && s->bytes == t->bytes, "another segment came back");
        check(s->min == t->min && s->max == t->max, "another length came back");
        check(!s->blank || (s->min >= 1 && s->min <= s->max), "lengths are out of order");
    }
}

/* Any bytes, when escaped, read back unchanged, alone or directly before a blank. */
static void check_escaped(const char *source, size_t size, const pal_page_rules *rules, bool before_blank)
{
    static const char blank[] = "[[1]]";
    char *written = must_alloc(2 * size + sizeof blank);
    pal_page page;
    size_t length = pal_page_escape(source, size, before_blank, written, 2 * size);
    check(length <= 2 * size, "escaped text is longer than promised");
    if (before_blank) {
        memcpy(written + length, blank, sizeof blank - 1);
        length += sizeof blank - 1;
    }
    check(read_page(&page, written, length, rules), "escaped text is not a page");
    check(page.blanks == before_blank && page.count == (size_t)(size > 0) + before_blank, "escaped text is not plain");
    check(page.bytes == size && memcmp(page.text, source, size) == 0, "escaped text is another text");
    free_page(&page);
    free(written);
}

static void check_view(const char *text, size_t size)
{
    char *view = must_alloc(size);
    size_t bytes = pal_normalise(text, size, view), at = 0;
    check(bytes <= size, "the view is longer than the text");
    for (size_t i = 0; i <= bytes; i += bytes / 16 + 1) {
        size_t origin = pal_normal_origin(text, size, i);
        check(origin >= at && origin <= size, "a byte of the view comes from nowhere");
        check(i < bytes ? origin < size : origin == size, "the view ends where the text does not");
        at = origin;
    }
    free(view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    const pal_page_rules rules = {.longest = 1 + data[0], .free_min = 1, .free_max = 1 + data[0] / 4};
    const char *source = (const char *)data + 1;
    size--;
    size_t capacity = 24 * (size + 1);
    char *written = must_alloc(capacity);
    pal_page page, again;
    if (read_page(&page, source, size, &rules)) {
        size_t length = write_page(&page, written, capacity);
        check(read_page(&again, written, length, &rules), "the page is not one when written again");
        compare(&page, &again);
        free_page(&again);
        free_page(&page);
    }
    check_escaped(source, size, &rules, false);
    check_escaped(source, size, &rules, true);
    check_view(source, size);
    free(written);
    return 0;
}
