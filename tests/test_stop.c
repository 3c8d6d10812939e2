/* test_stop.c - stop strings in a stream, and whole UTF-8 characters: any split into tokens gives the same output, and
 * no byte is held back longer than necessary. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "text/decode/stop.h"
#include "token/token.h"

enum { CAPACITY = 512, STOPS = 4 };

typedef struct {
    pal_stop stop;
    void *block;
    pal_str text[STOPS];
} stream;

static void open_stream(stream *s, const char *const *stops, size_t count)
{
    pal_arena arena = {0};
    assert_true(count <= STOPS);
    for (size_t i = 0; i < count; i++) s->text[i] = (pal_str){stops[i], strlen(stops[i])};
    assert_int_equal(pal_stop_check(s->text, count, NULL), PAL_OK);
    pal_stop_layout(&s->stop, s->text, count, &arena);
    s->block = malloc(arena.used + PAL_ARENA_SLACK);
    assert_non_null(s->block);
    size_t used = arena.used;
    arena = pal_arena_in(s->block);
    pal_stop_layout(&s->stop, s->text, count, &arena);
    assert_int_equal(arena.used, used);
}

static void close_stream(stream *s)
{
    free(s->block);
}

/* Pushes text; the output must be exactly `shown`. */
static void expect(stream *s, const char *text, const char *shown)
{
    char out[CAPACITY];
    size_t n = pal_stop_push(&s->stop, text, strlen(text), out);
    assert_int_equal(n, strlen(shown));
    assert_memory_equal(out, shown, n);
}

static void expect_rest(stream *s, const char *shown)
{
    char out[CAPACITY];
    size_t n = pal_stop_finish(&s->stop, out);
    assert_int_equal(n, strlen(shown));
    assert_memory_equal(out, shown, n);
}

/* ---- by hand ---------------------------------------------------------------------------------------- */

static void text_without_stop_strings_comes_out_at_once(void **state)
{
    (void)state;
    stream s;
    open_stream(&s, NULL, 0);
    expect(&s, "Once", "Once");
    expect(&s, "", "");
    expect(&s, " upon", " upon");
    expect_rest(&s, "");
    assert_int_equal(s.stop.found, -1);
    close_stream(&s);
}

static void stop_string_across_tokens_is_found_and_never_shown(void **state)
{
    (void)state;
    const char *stops[] = {"END", "\n\n"};
    stream s;
    open_stream(&s, stops, 2);
    expect(&s, "a E", "a ");
    expect(&s, "N", "");
    expect(&s, "E", "EN");
    expect(&s, "ND and more", "");
    assert_int_equal(s.stop.found, 0);
    expect(&s, "more", "");
    expect_rest(&s, "");
    pal_stop_reset(&s.stop);
    expect(&s, "x\n", "x");
    expect(&s, "y\n", "\ny");
    expect(&s, "\nz", "");
    assert_int_equal(s.stop.found, 1);
    close_stream(&s);
}

static void stop_string_that_overlaps_itself_is_found_at_once(void **state)
{
    (void)state;
    const char *stops[] = {"aab", "aaaa"};
    stream s;
    open_stream(&s, stops, 1);
    expect(&s, "aaaa", "aa");
    expect(&s, "b", "");
    assert_int_equal(s.stop.found, 0);
    close_stream(&s);
}

static void the_first_stop_string_to_be_complete_wins_and_the_longest_of_those(void **state)
{
    (void)state;
    const char *stops[] = {"abcd", "c", "bc"};
    stream s;
    open_stream(&s, stops, 3);
    expect(&s, "xabcd", "xa");
    assert_int_equal(s.stop.found, 2);
    close_stream(&s);
}

static void text_that_only_began_a_stop_string_comes_out_at_the_end(void **state)
{
    (void)state;
    const char *stops[] = {"</s>"};
    stream s;
    open_stream(&s, stops, 1);
    expect(&s, "x</s", "x");
    expect_rest(&s, "</s");
    assert_int_equal(s.stop.found, -1);
    close_stream(&s);
}

static void characters_are_never_split(void **state)
{
    (void)state;
    stream s;
    open_stream(&s, NULL, 0);
    expect(&s, "a\xF0\x9F", "a");
    expect(&s, "\x98", "");
    expect(&s, "\x80!", "\xF0\x9F\x98\x80!");
    expect(&s, "\xE2\x82", "");
    expect(&s, "\xAC", "\xE2\x82\xAC");
    close_stream(&s);
}

static void invalid_bytes_come_out_as_soon_as_no_character_can_become_of_them(void **state)
{
    (void)state;
    stream s;
    open_stream(&s, NULL, 0);
    expect(&s, "\xE2\x82", "");
    expect(&s, "a",
           "\xE2\x82"
           "a");
    expect(&s, "\x80\xFF\xC0", "\x80\xFF\xC0");
    expect(&s, "\xE0\x80", "\xE0\x80"); /* overlong */
    expect(&s, "\xED\xA0", "\xED\xA0"); /* a surrogate */
    expect(&s, "\xF4\x90", "\xF4\x90"); /* above U+10FFFF */
    expect(&s, "\xF4\x8F", "");
    close_stream(&s);
}

/* Regression: the bytes of an incomplete character were output at the end. */
static void text_never_ends_inside_of_a_character(void **state)
{
    (void)state;
    const char *stops[] = {"END", "\xA9"};
    stream s;
    open_stream(&s, stops, 2);
    expect(&s, "a\xF0\x9F\x98", "a");
    expect_rest(&s, "");
    assert_int_equal(s.stop.holds, 3); /* they wait for the rest */
    expect(&s, "\x80", "\xF0\x9F\x98\x80");
    expect(&s, "\xE2\x82\x45N", ""); /* they cannot become a character, but the text may end here */
    expect(&s, "D", "");
    assert_int_equal(s.stop.found, 0);
    pal_stop_reset(&s.stop);
    expect(&s, "\xE2\x82\x45N", "");
    expect(&s, "!", "\xE2\x82\x45N!");
    expect(&s, "b\xC3\xA9", "b"); /* a stop string that is not text */
    assert_int_equal(s.stop.found, 1);
    expect_rest(&s, "");
    close_stream(&s);
}

static void a_character_before_a_stop_string_is_whole(void **state)
{
    (void)state;
    const char *stops[] = {"\xC3\xA9!"};
    stream s;
    open_stream(&s, stops, 1);
    expect(&s, "\xC3", "");
    expect(&s, "\xA9", "");
    expect(&s, "\xC3", "\xC3\xA9");
    expect(&s, "\xA9!", "");
    assert_int_equal(s.stop.found, 0);
    close_stream(&s);
}

static void empty_long_and_too_many_stop_strings_are_refused(void **state)
{
    (void)state;
    static char text[PAL_STOP_BYTES + 1];
    pal_str stops[PAL_STOP_STRINGS + 1];
    pal_error err;
    for (size_t i = 0; i <= PAL_STOP_STRINGS; i++) stops[i] = (pal_str){text, PAL_STOP_BYTES};
    assert_int_equal(pal_stop_check(stops, PAL_STOP_STRINGS, &err), PAL_OK);
    assert_int_equal(pal_stop_check(stops, PAL_STOP_STRINGS + 1, &err), PAL_E_OPTION);
    stops[3].size = 0;
    assert_int_equal(pal_stop_check(stops, 5, &err), PAL_E_OPTION);
    assert_int_equal(err.offset, 3);
    stops[2].size = PAL_STOP_BYTES + 1;
    assert_int_equal(pal_stop_check(stops, 5, &err), PAL_E_OPTION);
    assert_int_equal(err.offset, 2);
}

/* ---- against a plain search ------------------------------------------------------------------------- */

static uint32_t below(uint32_t test, uint32_t *draw, uint32_t n)
{
    return (uint32_t)(pal_uniform(77, PAL_DRAW_TOKEN, 0, test, (*draw)++) * n);
}

/* Where the text ends, by checking every position for every stop string; *which is the string, -1 if there is none. */
static size_t plain_end(const char *text, size_t bytes, const pal_str *stops, size_t count, int32_t *which)
{
    *which = -1;
    for (size_t end = 1; end <= bytes; end++) {
        size_t longest = 0;
        for (size_t i = 0; i < count; i++) {
            size_t n = stops[i].size;
            if (n <= longest || n > end || memcmp(text + end - n, stops[i].data, n) != 0) continue;
            longest = n;
            *which = (int32_t)i;
        }
        if (longest) return end - longest;
    }
    return bytes;
}

/* The length of the prefix of text[bytes] that ends with a whole character, or with bytes that cannot become one. */
static size_t whole_end(const char *text, size_t bytes)
{
    char longer[8];
    for (size_t at = 0; at < bytes;) {
        size_t n = pal_utf8_char(text + at, bytes - at), rest = bytes - at;
        for (int fill = 0x80; fill <= 0xBF && n == 0 && rest < 4; fill += 0x3F) {
            memcpy(longer, text + at, rest);
            memset(longer + rest, fill, 4);
            if (pal_utf8_char(longer, 4) > rest) return at;
        }
        at += n ? n : 1;
    }
    return bytes;
}

/* Held-back bytes must be a possible beginning of a stop string or of a character; otherwise they are late. */
static bool must_wait(const char *text, size_t bytes, size_t shown, const pal_str *stops, size_t count)
{
    static const char *const ends[] = {"\x80", "\xBF", "\x80\x80", "\xBF\xBF", "\x80\x80\x80", "\xBF\xBF\xBF"};
    size_t waits = bytes - shown, n = pal_utf8_char(text + shown, waits);
    for (size_t at = shown; at < bytes && (at < shown + (n ? n : 1) || whole_end(text + shown, at - shown) == 0); at++)
        /* its first character may be part of a stop string, or may end after its start */
        for (size_t i = 0; i < count; i++)
            if (bytes - at < stops[i].size && memcmp(text + at, stops[i].data, bytes - at) == 0) return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && waits < 4; i++) {
        char longer[8];
        memcpy(longer, text + shown, waits);
        memcpy(longer + waits, ends[i], strlen(ends[i]));
        if (pal_utf8_char(longer, waits + strlen(ends[i])) > waits) return true;
    }
    return false;
}

static void check_random_stream(uint32_t test)
{
    static const char *const parts[] = {"a",    "b",    "ab",   "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                        "\xE2", "\x82", "\xFF", "aab"};
    char stop_text[STOPS][16], text[128], out[CAPACITY];
    const char *stops[STOPS];
    size_t count, bytes = 0, at = 0, shown = 0, end;
    uint32_t draw = 0;
    int32_t which;
    stream s;
    count = below(test, &draw, STOPS);
    for (size_t i = 0; i < count; i++) {
        stop_text[i][0] = 0;
        for (uint32_t n = 1 + below(test, &draw, 3); n > 0; n--)
            strcat(stop_text[i], parts[below(test, &draw, 5 + 5 * (test & 1))]);
        stops[i] = stop_text[i];
    }
    for (uint32_t n = below(test, &draw, 24); n > 0; n--) {
        const char *part = parts[below(test, &draw, sizeof parts / sizeof *parts)];
        memcpy(text + bytes, part, strlen(part));
        bytes += strlen(part);
    }
    open_stream(&s, stops, count);
    end = plain_end(text, bytes, s.text, count, &which);
    while (at < bytes) {
        size_t n = 1 + below(test, &draw, 5);
        if (n > bytes - at) n = bytes - at;
        shown += pal_stop_push(&s.stop, text + at, n, out + shown);
        at += n;
        assert_true(shown <= end);
        assert_memory_equal(out, text, shown);
        if (s.stop.found < 0 && shown < at && !must_wait(text, at, shown, s.text, count))
            fail_msg("test %u: %zu of %zu bytes wait for nothing", test, at - shown, at);
    }
    shown += pal_stop_finish(&s.stop, out + shown);
    assert_int_equal(s.stop.found, which);
    assert_int_equal(shown, whole_end(text, end));
    assert_memory_equal(out, text, shown);
    close_stream(&s);
}

static void random_streams_in_random_tokens_end_where_a_plain_search_says(void **state)
{
    (void)state;
    for (uint32_t test = 0; test < 20000; test++) check_random_stream(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_without_stop_strings_comes_out_at_once),
        cmocka_unit_test(stop_string_across_tokens_is_found_and_never_shown),
        cmocka_unit_test(stop_string_that_overlaps_itself_is_found_at_once),
        cmocka_unit_test(the_first_stop_string_to_be_complete_wins_and_the_longest_of_those),
        cmocka_unit_test(text_that_only_began_a_stop_string_comes_out_at_the_end),
        cmocka_unit_test(characters_are_never_split),
        cmocka_unit_test(invalid_bytes_come_out_as_soon_as_no_character_can_become_of_them),
        cmocka_unit_test(text_never_ends_inside_of_a_character),
        cmocka_unit_test(a_character_before_a_stop_string_is_whole),
        cmocka_unit_test(empty_long_and_too_many_stop_strings_are_refused),
        cmocka_unit_test(random_streams_in_random_tokens_end_where_a_plain_search_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
