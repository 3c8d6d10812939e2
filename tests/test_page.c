/* test_page.c - the notation of pages with blanks, its escapes, and the normalised view. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "text/normal.h"
#include "text/page.h"

enum { LONGEST = 96 };

static const pal_page_rules rules = {.longest = LONGEST, .free_min = 1, .free_max = 16};

/* Reads twice, as pal_page_read requires; free with free_page.  If error is NULL, the text must be a page. */
static pal_status read_page(pal_page *page, const char *source, size_t bytes, pal_error *err)
{
    *page = (pal_page){0};
    pal_status s = pal_page_read(page, source, bytes, &rules, err);
    if (s) return s;
    pal_page counted = *page;
    page->segments = malloc((page->count + 1) * sizeof *page->segments);
    page->text = malloc(page->bytes + 1);
    assert_non_null(page->segments);
    assert_non_null(page->text);
    assert_int_equal(pal_page_read(page, source, bytes, &rules, NULL), PAL_OK);
    assert_int_equal(page->count, counted.count);
    assert_int_equal(page->blanks, counted.blanks);
    assert_int_equal(page->bytes, counted.bytes);
    assert_int_equal(page->places, counted.places);
    return PAL_OK;
}

static void free_page(pal_page *page)
{
    free(page->segments);
    free(page->text);
}

/* One line for a page: given text in quotes, blanks as (min-max). */
static const char *shape_of(const char *source)
{
    static char out[512];
    pal_page page;
    pal_error err = {0};
    if (read_page(&page, source, strlen(source), &err)) return err.text;
    size_t length = 0;
    for (size_t i = 0; i < page.count; i++) {
        const pal_segment *s = &page.segments[i];
        if (s->blank) {
            length += (size_t)snprintf(out + length, sizeof out - length, "(%d-%d)", s->min, s->max);
        } else {
            length += (size_t)snprintf(out + length, sizeof out - length, "'%.*s'", (int)s->bytes, page.text + s->from);
        }
    }
    out[length] = '\0';
    free_page(&page);
    return out;
}

static void expect_error(const char *source, pal_status status, size_t offset, const char *part)
{
    pal_error err = {0};
    pal_page page = {0};
    if (pal_page_read(&page, source, strlen(source), &rules, &err) != status) fail_msg("%s: another status", source);
    if (err.offset != offset) fail_msg("%s: byte %u instead of %u", source, (unsigned)err.offset, (unsigned)offset);
    if (!strstr(err.text, part)) fail_msg("%s: '%s' does not say '%s'", source, err.text, part);
    assert_int_equal(err.status, status);
}

/* ---- notation -------------------------------------------------------------------------------------- */

static void page_lengths_are_read(void **state)
{
    (void)state;
    assert_string_equal(shape_of("[[5]]"), "(5-5)");
    assert_string_equal(shape_of("[[3-8]]"), "(3-8)");
    assert_string_equal(shape_of("[[?]]"), "(1-16)");
    assert_string_equal(shape_of("[[1]]"), "(1-1)");
    assert_string_equal(shape_of("[[96]]"), "(96-96)");
    assert_string_equal(shape_of("[[007]]"), "(7-7)");
    assert_string_equal(shape_of("[[4-4]]"), "(4-4)");
}

static void page_blanks_stand_anywhere(void **state)
{
    (void)state;
    assert_string_equal(shape_of("[[1]] a [[2]]"), "(1-1)' a '(2-2)");
    assert_string_equal(shape_of("[[1]][[2-3]][[?]]"), "(1-1)(2-3)(1-16)");
    assert_string_equal(shape_of("a[[1]]b[[2]]c"), "'a'(1-1)'b'(2-2)'c'");
    assert_string_equal(shape_of("one\n[[1]]\r\ntwo"), "'one\n'(1-1)'\r\ntwo'");
}

static void page_without_blanks_is_one_segment(void **state)
{
    (void)state;
    pal_page page;
    assert_string_equal(shape_of("no blank"), "'no blank'");
    assert_int_equal(read_page(&page, "", 0, NULL), PAL_OK);
    assert_int_equal(page.count, 0);
    free_page(&page);
}

static void page_single_brackets_and_closing_ones_are_plain(void **state)
{
    (void)state;
    assert_string_equal(shape_of("[5] ]] [ ["), "'[5] ]] [ ['");
    assert_string_equal(shape_of("[[5]]]]"), "(5-5)']]'");
    assert_string_equal(shape_of("[[5]] [6]"), "(5-5)' [6]'");
    assert_string_equal(shape_of("a["), "'a['");
    assert_string_equal(shape_of("[[5]]["), "(5-5)'['");
}

static void page_even_backslashes_are_halved_before_a_blank(void **state)
{
    (void)state;
    assert_string_equal(shape_of("\\\\[[5]]"), "'\\'(5-5)");
    assert_string_equal(shape_of("a\\\\\\\\[[5]]b"), "'a\\\\'(5-5)'b'");
}

static void page_odd_backslashes_make_plain_brackets(void **state)
{
    (void)state;
    assert_string_equal(shape_of("\\[[5]]"), "'[[5]]'");
    assert_string_equal(shape_of("\\\\\\[[5]]"), "'\\[[5]]'");
    assert_string_equal(shape_of("\\\\\\\\\\[["), "'\\\\[['");
    assert_string_equal(shape_of("\\[[[[5]]"), "'[['(5-5)");
    assert_string_equal(shape_of("\\[[\\[["), "'[[[['");
    assert_string_equal(shape_of("\\[[["), "'[[['");
}

static void page_backslashes_elsewhere_are_plain(void **state)
{
    (void)state;
    assert_string_equal(shape_of("a\\b \\\\ \\[ \\]]"), "'a\\b \\\\ \\[ \\]]'");
    assert_string_equal(shape_of("ends\\"), "'ends\\'");
    assert_string_equal(shape_of("ends\\\\"), "'ends\\\\'");
    assert_string_equal(shape_of("[[1]]\\"), "(1-1)'\\'");
    assert_string_equal(shape_of("[[1]]\\\\x"), "(1-1)'\\\\x'");
    assert_string_equal(shape_of("[[1]]\\\\[[2]]"), "(1-1)'\\'(2-2)");
}

/* Regression: a bracket directly before a blank was an error, and there was no way to write it. */
static void page_brackets_in_front_of_a_blank_are_plain(void **state)
{
    (void)state;
    assert_string_equal(shape_of("x = a[[[2]]]"), "'x = a['(2-2)']'");
    assert_string_equal(shape_of("[[[5]]"), "'['(5-5)");
    assert_string_equal(shape_of("[[[[?]]"), "'[['(1-16)");
    assert_string_equal(shape_of("[[[[[3-8]]]]"), "'[[['(3-8)']]'");
    assert_string_equal(shape_of("\\\\[[[5]]"), "'\\['(5-5)");
    assert_string_equal(shape_of("\\\\\\\\[[[5]]"), "'\\\\['(5-5)");
    assert_string_equal(shape_of("\\[[[[[5]]"), "'[[['(5-5)");
    assert_string_equal(shape_of("[[1]][[[2]]"), "(1-1)'['(2-2)");
    assert_string_equal(shape_of("\\[[[5]]"), "'[[[5]]'"); /* as it always was */
}

static void page_segments_know_where_they_stand(void **state)
{
    (void)state;
    const char *source = "ab\\[[c[[2]]d";
    pal_page page;
    assert_int_equal(read_page(&page, source, strlen(source), NULL), PAL_OK);
    assert_int_equal(page.count, 3);
    assert_int_equal(page.segments[0].offset, 0);
    assert_int_equal(page.segments[0].bytes, 5);
    assert_int_equal(page.segments[1].offset, 6);
    assert_int_equal(page.segments[2].offset, 11);
    assert_int_equal(page.segments[2].from, 5);
    free_page(&page);
}

static void page_mistakes_name_their_byte(void **state)
{
    (void)state;
    expect_error("ab [[", PAL_E_TEXT, 3, "number");
    expect_error("ab [[5", PAL_E_TEXT, 3, "closed");
    expect_error("[[?", PAL_E_TEXT, 0, "closed");
    expect_error("[[5]", PAL_E_TEXT, 0, "]]");
    expect_error("[[5] ]", PAL_E_TEXT, 0, "]]");
    expect_error("x[[]]", PAL_E_TEXT, 1, "number");
    expect_error("x[[ 5]]", PAL_E_TEXT, 1, "number");
    expect_error("x[[5 ]]", PAL_E_TEXT, 1, "]]");
    expect_error("x[[3 - 8]]", PAL_E_TEXT, 1, "]]");
    expect_error("x[[-3]]", PAL_E_TEXT, 1, "number");
    expect_error("x[[+3]]", PAL_E_TEXT, 1, "number");
    expect_error("x[[3-]]", PAL_E_TEXT, 1, "after the dash");
    expect_error("x[[3--8]]", PAL_E_TEXT, 1, "after the dash");
    expect_error("x[[3-8-9]]", PAL_E_TEXT, 1, "]]");
    expect_error("x[[3-?]]", PAL_E_TEXT, 1, "after the dash");
    expect_error("x[[??]]", PAL_E_TEXT, 1, "]]");
    expect_error("x[[word]]", PAL_E_TEXT, 1, "number");
    expect_error("[[[x]]", PAL_E_TEXT, 1, "write \\[[ for two plain brackets");
    expect_error("a[[[[[", PAL_E_TEXT, 4, "number");
    expect_error("\\[[[[[x]]", PAL_E_TEXT, 4, "number");
    expect_error("\\\\[[[5]", PAL_E_TEXT, 3, "]]");
    expect_error("\\\\[[x]]", PAL_E_TEXT, 2, "number");
    expect_error("[[5]] [[6]] [[", PAL_E_TEXT, 12, "number");
}

static void page_lengths_out_of_range_are_refused(void **state)
{
    (void)state;
    expect_error("a[[0]]", PAL_E_TEXT, 1, "at least 1");
    expect_error("arr[[0]] = x[[12-3]]", PAL_E_TEXT, 3, "write \\[[ for two plain brackets");
    expect_error("a[[0-3]]", PAL_E_TEXT, 1, "at least 1");
    expect_error("a[[3-0]]", PAL_E_TEXT, 1, "at least 1");
    expect_error("a[[8-3]]", PAL_E_TEXT, 1, "smaller length");
    expect_error("a[[97]]", PAL_E_TEXT, 1, "longer than the model's context");
    expect_error("a[[1-97]]", PAL_E_TEXT, 1, "longer than the model's context");
    expect_error("a[[99999999999999999999999999]]", PAL_E_TEXT, 1, "longer than the model's context");
    expect_error("a[[4294967301]]", PAL_E_TEXT, 1, "longer than the model's context");
    expect_error("a[[18446744073709551617-18446744073709551618]]", PAL_E_TEXT, 1, "longer than the model's context");
}

static void page_blanks_longer_than_the_context_together_are_refused(void **state)
{
    (void)state;
    expect_error("[[60]] and [[36]] x [[1]]", PAL_E_CONTEXT, 20, "alone");
    assert_string_equal(shape_of("[[60]][[36]]"), "(60-60)(36-36)");
}

static void page_any_bytes_are_given_text(void **state)
{
    (void)state;
    static const char source[] = "\0\xff\xc3[[2]]\0\x80";
    pal_page page;
    assert_int_equal(read_page(&page, source, sizeof source - 1, NULL), PAL_OK);
    assert_int_equal(page.count, 3);
    assert_int_equal(page.bytes, 5);
    assert_memory_equal(page.text, "\0\xff\xc3\0\x80", 5);
    free_page(&page);
    assert_int_equal(read_page(&page, "[[2\0]]", 6, NULL), PAL_E_TEXT);
}

/* ---- escapes --------------------------------------------------------------------------------------- */

static const char *escaped(const char *text, bool before_blank)
{
    static char out[256];
    size_t length = pal_page_escape(text, strlen(text), before_blank, out, sizeof out - 1);
    out[length] = '\0';
    return out;
}

static void escape_known_texts_are_as_documented(void **state)
{
    (void)state;
    assert_string_equal(escaped("plain [text] \\ here", false), "plain [text] \\ here");
    assert_string_equal(escaped("[[5]]", false), "\\[[5]]");
    assert_string_equal(escaped("\\[[", false), "\\\\\\[[");
    assert_string_equal(escaped("[[[[", false), "\\[[\\[[");
    assert_string_equal(escaped("[[[", false), "[\\[[");
    assert_string_equal(escaped("\\[[[", true), "\\[\\[[");
    assert_string_equal(escaped("[", true), "[");
    assert_string_equal(escaped("x\\\\[", true), "x\\\\\\\\[");
    assert_string_equal(escaped("x\\\\[", false), "x\\\\[");
    assert_string_equal(escaped("end\\", false), "end\\");
    assert_string_equal(escaped("end\\", true), "end\\\\");
    assert_string_equal(escaped("", true), "");
}

static void escape_length_does_not_depend_on_capacity(void **state)
{
    (void)state;
    const char *text = "a\\\\[[b\\";
    char whole[32], part[32];
    size_t length = pal_page_escape(text, strlen(text), true, whole, sizeof whole);
    for (size_t capacity = 0; capacity <= length; capacity++) {
        memset(part, '#', sizeof part);
        assert_int_equal(pal_page_escape(text, strlen(text), true, part, capacity), length);
        assert_memory_equal(part, whole, capacity);
        assert_int_equal(part[capacity], '#');
    }
    assert_int_equal(pal_page_escape(text, strlen(text), true, NULL, 0), length);
}

static uint32_t pick(uint32_t run, uint32_t draw, uint32_t below)
{
    return (uint32_t)(pal_uniform(5, PAL_DRAW_TOKEN, 0, run, draw) * below);
}

/* A text full of brackets and backslashes. */
static size_t random_text(uint32_t run, char *text)
{
    static const char letters[] = "[[[[\\\\\\]]5?-a\0\xe2";
    size_t bytes = pick(run, 0, 24);
    for (uint32_t i = 0; i < bytes; i++) text[i] = letters[pick(run, i + 1, sizeof letters - 1)];
    return bytes;
}

/* When escaped, the text reads back unchanged, alone or directly before a blank. */
static void check_comes_back(uint32_t run, const char *text, size_t bytes, bool before_blank)
{
    char source[128];
    pal_page page;
    pal_error err = {0};
    size_t length = pal_page_escape(text, bytes, before_blank, source, sizeof source);
    assert_true(length <= 2 * bytes);
    if (before_blank) {
        memcpy(source + length, "[[7]]", 5);
        length += 5;
    }
    if (read_page(&page, source, length, &err)) fail_msg("run %u: %s at %u", run, err.text, (unsigned)err.offset);
    assert_int_equal(page.blanks, before_blank);
    assert_int_equal(page.count, (bytes > 0) + before_blank);
    assert_int_equal(page.bytes, bytes);
    assert_memory_equal(page.text, text, bytes);
    if (before_blank) assert_int_equal(page.segments[page.count - 1].offset, length - 5);
    free_page(&page);
}

static void escape_random_texts_come_back(void **state)
{
    (void)state;
    char text[32];
    for (uint32_t run = 0; run < 20000; run++) {
        size_t bytes = random_text(run, text);
        check_comes_back(run, text, bytes, false);
        check_comes_back(run, text, bytes, true);
    }
}

/* Every text of up to seven of these bytes. */
static void escape_every_short_text_comes_back(void **state)
{
    (void)state;
    static const char letters[] = "[\\]5";
    char text[8];
    for (size_t bytes = 0; bytes <= 7; bytes++)
        for (uint32_t number = 0; number < 1u << 2 * bytes; number++) {
            for (size_t i = 0; i < bytes; i++) text[i] = letters[number >> 2 * i & 3];
            check_comes_back(number, text, bytes, false);
            check_comes_back(number, text, bytes, true);
        }
}

/* ---- the normalised view --------------------------------------------------------------------------- */

static const char *view_of(const char *text)
{
    static char out[256];
    size_t bytes = pal_normalise(text, strlen(text), out);
    assert_true(bytes <= strlen(text));
    out[bytes] = '\0';
    return out;
}

static void normalise_typography_becomes_ascii(void **state)
{
    (void)state;
    assert_string_equal(view_of("\u201cIt\u2019s\u201d \u2018a\u2019 \u201elow\u201f \u00abx\u00bb"),
                        "\"It's\" 'a' \"low\" \"x\"");
    assert_string_equal(view_of("a\u2013b\u2014c\u2010d\u2011e\u2212f"), "a-b-c-d-e-f");
    assert_string_equal(view_of("wait\u2026"), "wait...");
    assert_string_equal(view_of("a\u00a0b\u202fc"), "a b c");
}

static void normalise_line_ends_become_lf(void **state)
{
    (void)state;
    assert_string_equal(view_of("a\r\nb\r\n\r\nc"), "a\nb\n\nc");
    assert_string_equal(view_of("a\rb\r\r\n"), "a\rb\r\n");
}

static void normalise_other_bytes_stay(void **state)
{
    (void)state;
    const char *text = "caf\u00e9 \u65e5\u672c \U0001f600 \xe2\x80 \xc2 \xff\xe2";
    assert_string_equal(view_of(text), text);
    char out[4];
    assert_int_equal(pal_normalise("a\0b", 3, out), 3);
    assert_memory_equal(out, "a\0b", 3);
    assert_int_equal(pal_normalise("", 0, out), 0);
}

static void normal_origin_is_where_a_byte_comes_from(void **state)
{
    (void)state;
    const char *text = "a\u2026b\r\nc"; /* a at 0, the ellipsis at 1, b at 4, CRLF at 5, c at 7 */
    static const size_t origin[] = {0, 1, 1, 1, 4, 5, 7, 8, 8};
    for (size_t i = 0; i < sizeof origin / sizeof *origin; i++)
        assert_int_equal(pal_normal_origin(text, strlen(text), i), origin[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_lengths_are_read),
        cmocka_unit_test(page_blanks_stand_anywhere),
        cmocka_unit_test(page_without_blanks_is_one_segment),
        cmocka_unit_test(page_single_brackets_and_closing_ones_are_plain),
        cmocka_unit_test(page_even_backslashes_are_halved_before_a_blank),
        cmocka_unit_test(page_odd_backslashes_make_plain_brackets),
        cmocka_unit_test(page_backslashes_elsewhere_are_plain),
        cmocka_unit_test(page_brackets_in_front_of_a_blank_are_plain),
        cmocka_unit_test(page_segments_know_where_they_stand),
        cmocka_unit_test(page_mistakes_name_their_byte),
        cmocka_unit_test(page_lengths_out_of_range_are_refused),
        cmocka_unit_test(page_blanks_longer_than_the_context_together_are_refused),
        cmocka_unit_test(page_any_bytes_are_given_text),
        cmocka_unit_test(escape_known_texts_are_as_documented),
        cmocka_unit_test(escape_length_does_not_depend_on_capacity),
        cmocka_unit_test(escape_random_texts_come_back),
        cmocka_unit_test(escape_every_short_text_comes_back),
        cmocka_unit_test(normalise_typography_becomes_ascii),
        cmocka_unit_test(normalise_line_ends_become_lf),
        cmocka_unit_test(normalise_other_bytes_stay),
        cmocka_unit_test(normal_origin_is_where_a_byte_comes_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
