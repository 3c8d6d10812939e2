/* test_session.c - the text of sessions: given bytes, borders, lengths, and partial text that is read as a page again.
 *
 * The model is small and random (tools/make_test_models.py), so every rule applies often.  Other tests check the
 * distributions of samplers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "session_testing.h"
#include "text/page.h"

/* ---- random pages ---------------------------------------------------------------------------------- */

/* Given text as written in a page, its expected output, and what its end requires of a blank after it. */
typedef struct {
    const char *source;
    size_t source_bytes;
    const char *text;
    size_t bytes;
    enum { WORD, INSIDE, FREE } wants;
} fragment;

#define FRAGMENT(source, text, wants)                                                                                  \
    {                                                                                                                  \
        source, sizeof source - 1, text, sizeof text - 1, wants                                                        \
    }
#define SAME(text, wants) FRAGMENT(text, text, wants)

static const fragment fragments[] = {
    SAME("the dog", INSIDE),
    SAME("Once upon a ", WORD),
    SAME(" ", WORD),
    SAME("end.\n", FREE),
    SAME("\r\nline\r\n", FREE),
    SAME("\"", FREE),
    SAME("caf\xc3\xa9", INSIDE),
    SAME("\xd0\xb4\xd0\xbe\xd0\xbc", INSIDE),
    SAME("\xe6\x97\xa5\xe6\x9c\xac", INSIDE),
    SAME("\xf0\x9f\x98\x80", FREE),
    SAME("\xe2\x80\x9c", FREE),
    SAME("so\xc2\xa0", WORD),
    SAME("dash \xe2\x80\x94", FREE),
    SAME("\xff\xfe\x80", FREE),
    SAME("cut \xe2\x80", FREE),
    SAME("a\0b\0", FREE),
    SAME("tab\t", FREE),
    SAME("two  ", WORD),
    SAME("number 7", FREE),
    SAME("[x] ]]", FREE),
    SAME("<mask><empty></s>", FREE),
    SAME("\xe2\x96\x81", FREE),
    FRAGMENT("\\[[5]] ", "[[5]] ", WORD),
    FRAGMENT("a\\\\", "a\\", FREE),
    FRAGMENT("\\\\\\[[", "\\[[", FREE),
    FRAGMENT("[\\[[", "[[[", FREE),
    SAME("x = a[", FREE),
    FRAGMENT("\\\\[", "\\[", FREE),
    FRAGMENT("\\[[[", "[[[", FREE),
};

enum { FRAGMENTS = sizeof fragments / sizeof *fragments, MAX_PARTS = 8 };

typedef struct {
    char source[512];
    size_t size;
    int parts;
    struct {
        const fragment *given; /* NULL: a blank */
        int min, max;
    } part[MAX_PARTS + 1];
} random_page;

static void add_part(random_page *p, uint32_t run, uint32_t draw, bool given)
{
    p->part[p->parts].given = NULL;
    if (given) {
        const fragment *f = &fragments[pick(run, draw, FRAGMENTS)];
        p->part[p->parts].given = f;
        memcpy(p->source + p->size, f->source, f->source_bytes);
        p->size += f->source_bytes;
    } else {
        int min = 1 + (int)pick(run, draw, 4), max = min + (int)pick(run, draw + 1, 2) * (int)pick(run, draw + 2, 5);
        p->part[p->parts].min = min;
        p->part[p->parts].max = max;
        p->size += (size_t)sprintf(p->source + p->size, min == max ? "[[%d]]" : "[[%d-%d]]", min, max);
    }
    p->parts++;
}

/* Given text only between blanks, at most one piece each, because adjacent pieces would join.  A piece that ends in a
 * backslash or a bracket is followed by a blank, otherwise it would be another text. */
static random_page make_page(uint32_t run)
{
    random_page p = {.size = 0};
    int wanted = 1 + (int)pick(run, 0, MAX_PARTS);
    for (uint32_t draw = 1; p.parts < wanted; draw += 8) {
        bool after_given = p.parts && p.part[p.parts - 1].given;
        add_part(&p, run, draw + 1, !after_given && pick(run, draw, 2));
    }
    if (strchr("\\[", p.source[p.size - 1])) add_part(&p, run, 800, false);
    return p;
}

/* ---- what is promised of every text ---------------------------------------------------------------- */

static bool begins_word(int32_t id)
{
    return (model->classes.of[id] & PAL_CLASS_WORD) != 0;
}

/* The bytes of a token at its place. */
static size_t token_bytes(const pal_place *place, bool drop, char out[64])
{
    size_t bytes;
    assert_int_equal(pal_detokenize(model, &place->id, 1, PAL_TOKENIZE_INSIDE, out, 64, &bytes, NULL), PAL_OK);
    assert_true(bytes <= 64);
    if (!drop || place->index || !begins_word(place->id)) return bytes;
    memmove(out, out + 1, bytes - 1);
    return bytes - 1;
}

static void check_token(const pal_place *place, int min, int wants, bool was_empty)
{
    pal_piece_type type = pal_vocab_type(model->vocab, place->id);
    bool empty = place->id == model->classes.empty;
    assert_int_equal(place->empty, empty);
    assert_true(empty || type == PAL_PIECE_NORMAL || type == PAL_PIECE_USER);
    assert_false(empty && place->index < min);
    assert_false(was_empty && !empty);
    if (place->index) return;
    assert_false(wants == WORD && !begins_word(place->id));
    assert_false(wants == INSIDE && begins_word(place->id));
}

/* Walks page, places and text together: the text has all given bytes, each token at its stated position, and nothing
 * else. */
static void check_full(const random_page *p, const pal_place *places, const char *text, size_t bytes)
{
    size_t at = 0;
    int wants = WORD; /* at the start of a page */
    for (int i = 0; i < p->parts; i++) {
        const fragment *given = p->part[i].given;
        if (given) {
            assert_true(bytes - at >= given->bytes);
            assert_memory_equal(text + at, given->text, given->bytes);
            at += given->bytes;
            wants = given->wants;
            continue;
        }
        bool was_empty = false;
        for (int k = 0; k < p->part[i].max; k++, places++) {
            char token[64];
            size_t size = token_bytes(places, wants == WORD, token);
            check_token(places, p->part[i].min, wants, was_empty);
            was_empty = places->empty;
            assert_int_equal(places->index, k);
            assert_int_equal(places->offset, at);
            assert_int_equal(places->bytes, size);
            assert_memory_equal(text + at, token, size);
            at += size;
        }
        wants = FREE;
    }
    assert_int_equal(at, bytes);
}

static void infill_random_pages_keep_given_bytes_and_rules(void **state)
{
    (void)state;
    static char text[MAX_TEXT];
    pal_place places[MAX_PLACES];
    for (uint32_t run = 0; run < 400; run++) {
        random_page p = make_page(run);
        pal_infill_options o = options_of((pal_sampler)(run % PAL_MASKED_SAMPLERS), run);
        o.temperature = pick(run, 900, 3);
        o.document = pick(run, 901, 2);
        lent l = start_bytes(p.source, p.size, &o);
        finish(&l);
        size_t bytes = text_of(&l, text), count = pal_session_tokens(l.session, places, MAX_PLACES);
        assert_true(count <= MAX_PLACES);
        check_full(&p, places, text, bytes);
        end(&l);
    }
}

/* What a partial text must give when it is read as a page. */
static size_t expected_given(const random_page *p, const pal_place *places, char *out)
{
    size_t length = 0;
    int wants = WORD;
    for (int i = 0; i < p->parts; i++) {
        const fragment *given = p->part[i].given;
        if (given) memcpy(out + length, given->text, given->bytes);
        if (given) length += given->bytes;
        for (int k = 0; !given && k < p->part[i].max; k++, places++)
            if (places->bytes) length += token_bytes(places, wants == WORD, out + length);
        wants = given ? (int)given->wants : FREE;
    }
    return length;
}

/* Reading it as a page and writing it gives the same bytes. */
static void check_is_written_so(const char *text, size_t bytes)
{
    static char again[MAX_TEXT];
    pal_infill_options o = options_of(PAL_MARGIN, 0);
    lent l = start_bytes(text, bytes, &o);
    assert_int_equal(text_of(&l, again), bytes);
    assert_memory_equal(again, text, bytes);
    end(&l);
}

static void check_partial(const random_page *p, const lent *l)
{
    static char text[MAX_TEXT], given[MAX_TEXT], expected[MAX_TEXT];
    pal_segment segments[2 * MAX_PLACES];
    pal_place places[MAX_PLACES];
    const pal_page_rules rules = {.longest = 96, .free_min = 1, .free_max = 16};
    pal_page page = {0};
    pal_error err = {0};
    size_t bytes = text_of(l, text), count = pal_session_tokens(l->session, places, MAX_PLACES);
    if (pal_page_read(&page, text, bytes, &rules, &err))
        fail_msg("'%s': %s (byte %u)", text, err.text, (unsigned)err.offset);
    assert_true(page.count <= 2 * MAX_PLACES && page.bytes <= MAX_TEXT);
    page.segments = segments;
    page.text = given;
    assert_int_equal(pal_page_read(&page, text, bytes, &rules, NULL), PAL_OK);
    assert_int_equal(page.places, pal_session_progress(l->session).open);
    size_t length = expected_given(p, places, expected);
    assert_int_equal(page.bytes, length);
    assert_memory_equal(given, expected, length);
    for (size_t i = 0; i < count; i++) assert_true(places[i].offset + places[i].bytes <= bytes);
    check_is_written_so(text, bytes);
}

/* Brackets and backslashes pinned at random, next to given ones and to open places. */
static void partial_text_is_a_page_again(void **state)
{
    (void)state;
    const char *const tricky[] = {"[", "[[", "\\", "]", "]]", "a", "\xe2\x96\x81[", "<empty>"};
    pal_place places[MAX_PLACES];
    for (uint32_t run = 0; run < 3000; run++) {
        random_page p = make_page(run + 5000);
        pal_infill_options o = options_of(PAL_FIRST_HITTING, run);
        lent l = start_bytes(p.source, p.size, &o);
        size_t count = pal_session_tokens(l.session, places, MAX_PLACES);
        for (size_t i = 0; i < count; i++) {
            int32_t id = piece_id(model, tricky[pick(run, 1000 + (uint32_t)i, 8)]);
            if (pick(run, 2000 + (uint32_t)i, 4))
                pal_session_pin(l.session, places[i].blank, places[i].index, id, NULL);
        }
        if (pal_session_progress(l.session).open) check_partial(&p, &l);
        end(&l);
    }
}

static void partial_text_after_each_step_is_a_page_again(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 60; run++) {
        random_page p = make_page(run + 9000);
        pal_infill_options o = options_of((pal_sampler)(run % PAL_MASKED_SAMPLERS), run);
        lent l = start_bytes(p.source, p.size, &o);
        do {
            if (pal_session_progress(l.session).open) check_partial(&p, &l);
        } while (pal_step(l.session, NULL) == PAL_MORE);
        end(&l);
    }
}

/* The page for a reader: given bytes unchanged, revealed tokens at their positions, nothing else. */
static void check_reading(const random_page *p, const lent *l)
{
    static char text[MAX_TEXT], expected[MAX_TEXT];
    pal_place places[MAX_PLACES], *place = places;
    size_t length = 0, count = pal_session_tokens(l->session, places, MAX_PLACES);
    size_t bytes = pal_session_reading(l->session, text, sizeof text, places, MAX_PLACES);
    int wants = WORD;
    for (int i = 0; i < p->parts; i++) {
        const fragment *given = p->part[i].given;
        if (given) memcpy(expected + length, given->text, given->bytes);
        if (given) length += given->bytes;
        for (int k = 0; !given && k < p->part[i].max; k++, place++) {
            size_t token = place->id < 0 || place->empty ? 0 : token_bytes(place, wants == WORD, expected + length);
            assert_int_equal(place->offset, length);
            assert_int_equal(place->bytes, token);
            assert_true(place->space_given == (k == 0 && wants == WORD));
            length += token;
        }
        wants = given ? (int)given->wants : FREE;
    }
    assert_int_equal(place - places, (int)count);
    assert_int_equal(bytes, length);
    assert_memory_equal(text, expected, length);
    assert_int_equal(pal_session_reading(l->session, NULL, 0, NULL, 0), length);
}

static void reading_after_each_step_holds_given_bytes_and_revealed_tokens(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 60; run++) {
        random_page p = make_page(run + 12000);
        pal_infill_options o = options_of((pal_sampler)(run % PAL_MASKED_SAMPLERS), run);
        lent l = start_bytes(p.source, p.size, &o);
        do check_reading(&p, &l);
        while (pal_step(l.session, NULL) == PAL_MORE);
        check_reading(&p, &l);
        end(&l);
    }
}

static void partial_text_counts_open_places(void **state)
{
    (void)state;
    char text[MAX_TEXT];
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    lent l = start("a\\\\[[3]] \\[[x [[?]]", &o);
    text_of(&l, text);
    assert_string_equal(text, "a\\\\[[3]] \\[[x [[16]]");
    assert_int_equal(pal_session_pin(l.session, 0, 0, piece_id(model, "x"), NULL), PAL_OK);
    text_of(&l, text);
    assert_string_equal(text, "a\\x[[2]] \\[[x [[16]]");
    assert_int_equal(pal_session_pin(l.session, 0, 1, piece_id(model, "["), NULL), PAL_OK);
    text_of(&l, text);
    assert_string_equal(text, "a\\x[[[1]] \\[[x [[16]]"); /* Regression: the bracket was written as open */
    assert_int_equal(pal_session_pin(l.session, 0, 2, piece_id(model, "["), NULL), PAL_OK);
    text_of(&l, text);
    assert_string_equal(text, "a\\x\\[[ \\[[x [[16]]");
    finish(&l);
    text_of(&l, text);
    assert_memory_equal(text, "a\\x[[ [[x ", 10);
    end(&l);
}

static void text_length_does_not_depend_on_capacity(void **state)
{
    (void)state;
    char whole[MAX_TEXT], part[MAX_TEXT];
    pal_infill_options o = options_of(PAL_MARGIN, 3);
    lent l = start("\\[[ the [[4]] of [[3]]", &o);
    for (int i = 0; i < 3; i++) pal_step(l.session, NULL);
    size_t length = text_of(&l, whole);
    for (size_t capacity = 0; capacity <= length; capacity++) {
        memset(part, '#', sizeof part);
        assert_int_equal(pal_session_text(l.session, part, capacity), length);
        assert_memory_equal(part, whole, capacity);
        assert_int_equal(part[capacity], '#');
    }
    assert_int_equal(pal_session_text(l.session, NULL, 0), length);
    end(&l);
}

static void page_without_a_blank_comes_back(void **state)
{
    (void)state;
    static char text[MAX_TEXT], longer[4000];
    pal_infill_options o = options_of(PAL_REMASK, 1);
    const char *const pages[] = {"", "no blank \\ here ]]", "\r\n\xff\xfe"};
    for (size_t i = 0; i < 3; i++) {
        fill(pages[i], &o, text);
        assert_string_equal(text, pages[i]);
    }
    fill("\\[[5]]", &o, text);
    assert_string_equal(text, "[[5]]");
    memset(longer, 'x', sizeof longer - 1); /* longer than the context: the model is not evaluated */
    fill(longer, &o, text);
    assert_string_equal(text, longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(infill_random_pages_keep_given_bytes_and_rules),
        cmocka_unit_test(partial_text_is_a_page_again),
        cmocka_unit_test(partial_text_after_each_step_is_a_page_again),
        cmocka_unit_test(reading_after_each_step_holds_given_bytes_and_revealed_tokens),
        cmocka_unit_test(partial_text_counts_open_places),
        cmocka_unit_test(text_length_does_not_depend_on_capacity),
        cmocka_unit_test(page_without_a_blank_comes_back),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
