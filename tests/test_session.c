/* test_session.c - pages filled by a model: what is promised whatever the model says.
 *
 * The models are small and random (tools/make_test_models.py), so that every rule is met often.  Samplers' laws
 * are proven elsewhere. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model_testing.h"
#include "text/page.h"

enum { GUARD = 64, MOST_TEXT = 8192, MOST_PLACES = 96 };

static pal_model *model;        /* tiny-infill */

static int open_model(void **state)
{
    (void)state;
    model = open_test_model("tiny-infill");
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    pal_model_close(model);
    return 0;
}

/* A session in a block of exactly the size asked for, between guards. */
typedef struct {
    pal_session *session;
    unsigned char *memory;
    size_t bytes;
} lent;

static pal_status try_start(lent *l, const pal_model *m, const char *page, size_t size, const pal_infill_options *o,
                            pal_error *err)
{
    *l = (lent){0};
    pal_status s = pal_session_bytes(m, page, size, o, &l->bytes, err);
    if (s) return s;
    l->memory = malloc(l->bytes + 2 * GUARD);
    assert_non_null(l->memory);
    memset(l->memory, 0xa5, l->bytes + 2 * GUARD);
    s = pal_session_init(&l->session, m, page, size, o, l->memory + GUARD, l->bytes, err);
    if (s) free(l->memory);
    return s;
}

static lent start_bytes(const char *page, size_t size, const pal_infill_options *o)
{
    lent l;
    pal_error err = {0};
    if (try_start(&l, model, page, size, o, &err)) fail_msg("%s: %s (byte %u)", page, err.text, (unsigned)err.offset);
    return l;
}

static lent start(const char *page, const pal_infill_options *o)
{
    return start_bytes(page, strlen(page), o);
}

static void end(lent *l)
{
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(l->memory[i], 0xa5);
        assert_int_equal(l->memory[GUARD + l->bytes + i], 0xa5);
    }
    free(l->memory);
}

static void finish(lent *l)
{
    for (int steps = 0; pal_step(l->session) == PAL_MORE; steps++)
        if (steps > 5000) fail_msg("the session does not end");
    assert_int_equal(pal_session_progress(l->session).open, 0);
    assert_int_equal(pal_step(l->session), PAL_OK);
}

/* The text as a string (texts with NUL are compared by text_of's length). */
static size_t text_of(const lent *l, char out[MOST_TEXT])
{
    size_t bytes = pal_session_text(l->session, out, MOST_TEXT - 1);
    assert_true(bytes < MOST_TEXT);
    out[bytes] = '\0';
    return bytes;
}

static void fill(const char *page, const pal_infill_options *o, char out[MOST_TEXT])
{
    lent l = start(page, o);
    finish(&l);
    text_of(&l, out);
    end(&l);
}

static pal_infill_options options_of(pal_sampler sampler, uint64_t seed)
{
    pal_infill_options o = pal_infill_defaults();
    o.sampler = sampler;
    o.seed = seed;
    o.temperature = 1.0;
    return o;
}

/* ---- random pages ---------------------------------------------------------------------------------- */

/* Given text as it stands in a page, as it must come out, and what its end asks of a blank after it. */
typedef struct {
    const char *source;
    size_t source_bytes;
    const char *text;
    size_t bytes;
    enum { WORD, INSIDE, FREE } wants;
} fragment;

#define FRAGMENT(source, text, wants) {source, sizeof source - 1, text, sizeof text - 1, wants}
#define SAME(text, wants)             FRAGMENT(text, text, wants)

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
};

enum { FRAGMENTS = sizeof fragments / sizeof *fragments, MOST_PARTS = 8 };

typedef struct {
    char source[512];
    size_t size;
    int parts;
    struct {
        const fragment *given;  /* NULL: a blank */
        int least, most;
    } part[MOST_PARTS + 1];
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
        int least = 1 + (int)pick(run, draw, 4), most = least + (int)pick(run, draw + 1, 2) * (int)pick(run, draw + 2, 5);
        p->part[p->parts].least = least;
        p->part[p->parts].most = most;
        p->size += (size_t)sprintf(p->source + p->size, least == most ? "[[%d]]" : "[[%d-%d]]", least, most);
    }
    p->parts++;
}

/* Given text only between blanks, at most one piece at a time: pieces would run together.  A piece that ends in
 * a backslash has a blank behind it, or it would be another text. */
static random_page make_page(uint32_t run)
{
    random_page p = {.size = 0};
    int wanted = 1 + (int)pick(run, 0, MOST_PARTS);
    for (uint32_t draw = 1; p.parts < wanted; draw += 8) {
        bool after_given = p.parts && p.part[p.parts - 1].given;
        add_part(&p, run, draw + 1, !after_given && pick(run, draw, 2));
    }
    if (p.source[p.size - 1] == '\\') add_part(&p, run, 800, false);
    return p;
}

/* ---- what is promised of every text ---------------------------------------------------------------- */

static bool begins_word(int32_t id)
{
    return (model->classes.of[id] & PAL_CLASS_WORD) != 0;
}

/* The bytes of a token in its place. */
static size_t token_bytes(const pal_place *place, bool drop, char out[64])
{
    size_t bytes;
    assert_int_equal(pal_detokenize(model, &place->id, 1, PAL_TOKENIZE_INSIDE, out, 64, &bytes, NULL), PAL_OK);
    assert_true(bytes <= 64);
    if (!drop || place->index || !begins_word(place->id)) return bytes;
    memmove(out, out + 1, bytes - 1);
    return bytes - 1;
}

static void check_token(const pal_place *place, int least, int wants, bool was_empty)
{
    pal_piece_type type = pal_vocab_type(model->vocab, place->id);
    bool empty = place->id == model->classes.empty;
    assert_int_equal(place->empty, empty);
    assert_true(empty || type == PAL_PIECE_NORMAL || type == PAL_PIECE_USER);
    assert_false(empty && place->index < least);
    assert_false(was_empty && !empty);
    if (place->index) return;
    assert_false(wants == WORD && !begins_word(place->id));
    assert_false(wants == INSIDE && begins_word(place->id));
}

/* Walks page, places and text together: all given bytes, each token where it is said to be, nothing else. */
static void check_full(const random_page *p, const pal_place *places, const char *text, size_t bytes)
{
    size_t at = 0;
    int wants = WORD;           /* at the start of a page */
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
        for (int k = 0; k < p->part[i].most; k++, places++) {
            char token[64];
            size_t size = token_bytes(places, wants == WORD, token);
            check_token(places, p->part[i].least, wants, was_empty);
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
    static char text[MOST_TEXT];
    pal_place places[MOST_PLACES];
    for (uint32_t run = 0; run < 400; run++) {
        random_page p = make_page(run);
        pal_infill_options o = options_of((pal_sampler)(run % PAL_SAMPLERS), run);
        o.temperature = pick(run, 900, 3);
        o.document = pick(run, 901, 2);
        lent l = start_bytes(p.source, p.size, &o);
        finish(&l);
        size_t bytes = text_of(&l, text), count = pal_session_tokens(l.session, places, MOST_PLACES);
        assert_true(count <= MOST_PLACES);
        check_full(&p, places, text, bytes);
        end(&l);
    }
}

/* What a partial text must say when it is read as a page. */
static size_t expected_given(const random_page *p, const pal_place *places, char *out)
{
    size_t length = 0;
    int wants = WORD;
    for (int i = 0; i < p->parts; i++) {
        const fragment *given = p->part[i].given;
        if (given) memcpy(out + length, given->text, given->bytes);
        if (given) length += given->bytes;
        for (int k = 0; !given && k < p->part[i].most; k++, places++)
            if (places->bytes) length += token_bytes(places, wants == WORD, out + length);
        wants = given ? (int)given->wants : FREE;
    }
    return length;
}

static void check_partial(const random_page *p, const lent *l)
{
    static char text[MOST_TEXT], given[MOST_TEXT], expected[MOST_TEXT];
    pal_segment segments[2 * MOST_PLACES];
    pal_place places[MOST_PLACES];
    const pal_page_rules rules = {.longest = 96, .free_least = 1, .free_most = 16};
    pal_page page = {0};
    pal_error err = {0};
    size_t bytes = text_of(l, text), count = pal_session_tokens(l->session, places, MOST_PLACES);
    if (pal_page_read(&page, text, bytes, &rules, &err)) fail_msg("'%s': %s (byte %u)", text, err.text, (unsigned)err.offset);
    assert_true(page.count <= 2 * MOST_PLACES && page.bytes <= MOST_TEXT);
    page.segments = segments;
    page.text = given;
    assert_int_equal(pal_page_read(&page, text, bytes, &rules, NULL), PAL_OK);
    assert_true(page.places >= pal_session_progress(l->session).open);
    size_t length = expected_given(p, places, expected);
    assert_int_equal(page.bytes, length);
    assert_memory_equal(given, expected, length);
    for (size_t i = 0; i < count; i++) assert_true(places[i].offset + places[i].bytes <= bytes);
}

/* Brackets and backslashes pinned at random, next to given ones and to open places. */
static void partial_text_is_a_page_again(void **state)
{
    (void)state;
    const char *const tricky[] = {"[", "[[", "\\", "]", "]]", "a", "\xe2\x96\x81[", "<empty>"};
    pal_place places[MOST_PLACES];
    for (uint32_t run = 0; run < 3000; run++) {
        random_page p = make_page(run + 5000);
        pal_infill_options o = options_of(PAL_FIRST_HITTING, run);
        lent l = start_bytes(p.source, p.size, &o);
        size_t count = pal_session_tokens(l.session, places, MOST_PLACES);
        for (size_t i = 0; i < count; i++) {
            int32_t id = piece_id(model, tricky[pick(run, 1000 + (uint32_t)i, 8)]);
            if (pick(run, 2000 + (uint32_t)i, 4)) pal_session_pin(l.session, places[i].blank, places[i].index, id, NULL);
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
        pal_infill_options o = options_of((pal_sampler)(run % PAL_SAMPLERS), run);
        lent l = start_bytes(p.source, p.size, &o);
        do {
            if (pal_session_progress(l.session).open) check_partial(&p, &l);
        } while (pal_step(l.session) == PAL_MORE);
        end(&l);
    }
}

static void partial_text_counts_open_places(void **state)
{
    (void)state;
    char text[MOST_TEXT];
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    lent l = start("a\\\\[[3]] \\[[x [[?]]", &o);
    text_of(&l, text);
    assert_string_equal(text, "a\\\\[[3]] \\[[x [[16]]");
    assert_int_equal(pal_session_pin(l.session, 0, 0, piece_id(model, "x"), NULL), PAL_OK);
    text_of(&l, text);
    assert_string_equal(text, "a\\x[[2]] \\[[x [[16]]");
    assert_int_equal(pal_session_pin(l.session, 0, 1, piece_id(model, "["), NULL), PAL_OK);
    text_of(&l, text);
    assert_string_equal(text, "a\\x[[2]] \\[[x [[16]]");     /* a bracket cannot stand before a blank */
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
    char whole[MOST_TEXT], part[MOST_TEXT];
    pal_infill_options o = options_of(PAL_MARGIN, 3);
    lent l = start("\\[[ the [[4]] of [[3]]", &o);
    for (int i = 0; i < 3; i++) pal_step(l.session);
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
    static char text[MOST_TEXT], longer[4000];
    pal_infill_options o = options_of(PAL_REMASK, 1);
    const char *const pages[] = {"", "no blank \\ here ]]", "\r\n\xff\xfe"};
    for (size_t i = 0; i < 3; i++) {
        fill(pages[i], &o, text);
        assert_string_equal(text, pages[i]);
    }
    fill("\\[[5]]", &o, text);
    assert_string_equal(text, "[[5]]");
    memset(longer, 'x', sizeof longer - 1);     /* longer than the context: nothing is shown to the model */
    fill(longer, &o, text);
    assert_string_equal(text, longer);
}

/* ---- seeds and drafts ------------------------------------------------------------------------------ */

#define STORY "Once upon a time the [[4]] was [[?]] and [[3-6]]."

static void infill_same_seed_repeats_other_seeds_differ(void **state)
{
    (void)state;
    char first[MOST_TEXT], again[MOST_TEXT], other[MOST_TEXT], draft[MOST_TEXT];
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 7);
        fill(STORY, &o, first);
        fill(STORY, &o, again);
        assert_string_equal(first, again);
        o.draft = 1;
        fill(STORY, &o, draft);
        assert_true(strcmp(first, draft) != 0);
        o.draft = 0;
        o.seed = 8;
        fill(STORY, &o, other);
        assert_true(strcmp(first, other) != 0);
        o.seed = 7 + ((uint64_t)1 << 32);       /* all 64 bits of the seed count */
        fill(STORY, &o, other);
        assert_true(strcmp(first, other) != 0);
    }
}

static void infill_draft_does_not_depend_on_earlier_drafts(void **state)
{
    (void)state;
    char alone[MOST_TEXT], fourth[MOST_TEXT];
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 3);
        lent l = start(STORY, &o);
        for (uint32_t draft = 0; draft < 4; draft++) {
            pal_session_reseed(l.session, 3, draft);
            assert_int_equal(pal_session_rewind(l.session, 0, NULL), PAL_OK);
            finish(&l);
        }
        text_of(&l, fourth);
        end(&l);
        o.draft = 3;
        fill(STORY, &o, alone);
        assert_string_equal(alone, fourth);
    }
}

static void infill_greedy_ignores_the_seed(void **state)
{
    (void)state;
    char first[MOST_TEXT], second[MOST_TEXT];
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    o.temperature = 0.0;
    fill(STORY, &o, first);
    o.seed = 2;
    fill(STORY, &o, second);
    assert_string_equal(first, second);
}

static void infill_every_instruction_set_gives_the_same(void **state)
{
    (void)state;
    char best[MOST_TEXT], scalar[MOST_TEXT];
    const char *isa = pal_model_info(model)->isa;
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 11);
        fill(STORY, &o, best);
        assert_int_equal(pal_model_use_isa(model, "scalar", NULL), PAL_OK);
        fill(STORY, &o, scalar);
        assert_int_equal(pal_model_use_isa(model, isa, NULL), PAL_OK);
        assert_string_equal(best, scalar);
    }
}

/* ---- lengths and byte pieces ----------------------------------------------------------------------- */

static int length_of(const char *page, const pal_infill_options *o)
{
    pal_place places[MOST_PLACES];
    int length = 0;
    lent l = start(page, o);
    finish(&l);
    size_t count = pal_session_tokens(l.session, places, MOST_PLACES);
    for (size_t i = 0; i < count; i++) length += !places[i].empty;
    end(&l);
    return length;
}

static void free_lengths_vary_within_their_bounds(void **state)
{
    (void)state;
    bool seen[MOST_PLACES + 1] = {false};
    int different = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        pal_infill_options o = options_of(PAL_FIRST_HITTING, seed);
        int length = length_of("the [[2-9]] dog", &o);
        assert_true(length >= 2 && length <= 9);
        different += !seen[length];
        seen[length] = true;
        o.free_min = 3;
        o.free_max = 5;
        length = length_of("the [[?]] dog", &o);
        assert_true(length >= 3 && length <= 5);
        assert_int_equal(length_of("the [[4]] dog", &o), 4);
    }
    assert_true(different >= 4);
}

static bool is_utf8(const char *text, size_t bytes)
{
    for (size_t at = 0, size; at < bytes; at += size)
        if (!(size = pal_utf8_char(text + at, bytes - at))) return false;
    return true;
}

static void byte_pieces_make_whole_characters(void **state)
{
    (void)state;
    static char text[MOST_TEXT];
    pal_place places[MOST_PLACES];
    int byte_pieces = 0;
    for (uint32_t run = 0; run < 140; run++) {
        pal_infill_options o = options_of((pal_sampler)(run % PAL_SAMPLERS), run);
        o.byte_pieces = true;
        o.temperature = 20.0;
        lent l = start("a [[1-4]] b[[6]]c \xc3\xa9[[2-9]][[3]]", &o);
        finish(&l);
        size_t bytes = text_of(&l, text), count = pal_session_tokens(l.session, places, MOST_PLACES);
        assert_true(is_utf8(text, bytes));
        for (size_t i = 0; i < count; i++)
            byte_pieces += pal_vocab_type(model->vocab, places[i].id) == PAL_PIECE_BYTE;
        end(&l);
    }
    assert_true(byte_pieces > 100);
}

/* ---- pins and rewinds ------------------------------------------------------------------------------ */

static int32_t id_at(const lent *l, size_t place)
{
    pal_place places[MOST_PLACES];
    assert_true(pal_session_tokens(l->session, places, MOST_PLACES) > place);
    return places[place].id;
}

static void pin_is_kept_through_rewinds_and_given_back(void **state)
{
    (void)state;
    int32_t dog = piece_id(model, "\xe2\x96\x81" "dog");
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 5);
        const pal_pin pin = {.blank = 1, .index = 2, .id = dog};
        o.pins = &pin;
        o.pin_count = 1;
        lent l = start("the [[2]] and [[5]].", &o);
        assert_int_equal(pal_session_progress(l.session).open, 6);
        for (uint32_t draft = 0; draft < 3; draft++) {
            finish(&l);
            assert_int_equal(id_at(&l, 4), dog);
            pal_session_reseed(l.session, 5, draft + 1);
            assert_int_equal(pal_session_rewind(l.session, 0, NULL), PAL_OK);
        }
        finish(&l);
        assert_int_equal(pal_session_pin(l.session, 1, 2, -1, NULL), PAL_OK);
        assert_int_equal(pal_session_progress(l.session).open, 1);
        assert_int_equal(id_at(&l, 4), -1);
        finish(&l);             /* remasking, too, must come to its end again */
        assert_true(id_at(&l, 4) >= 0);
        end(&l);
    }
}

static void pin_that_breaks_a_rule_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    char before[MOST_TEXT], after[MOST_TEXT];
    pal_error err = {0};
    int32_t the = piece_id(model, "\xe2\x96\x81the"), s = piece_id(model, "s"), empty = model->classes.empty;
    const pal_pin wrong[] = {
        {0, 0, s},      {1, 0, the},    {0, 0, 0},      {0, 0, 1},     {0, 0, model->classes.mask},
        {0, 4, the},    {-1, 0, the},   {3, 0, the},    {0, -1, the},  {0, 0, 1 << 20},
        {0, 1, empty},  {2, 0, empty},  {2, 1, empty},  {0, 1, piece_id(model, "<0x41>")},
        {0, 1, piece_id(model, "<unused>")},
    };
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    lent l = start("[[4]] dog[[3]] x [[2-5]]", &o);
    assert_int_equal(pal_session_pin(l.session, 2, 3, the, NULL), PAL_OK);
    text_of(&l, before);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (pal_session_pin(l.session, wrong[i].blank, wrong[i].index, wrong[i].id, &err) != PAL_E_OPTION)
            fail_msg("pin %u is not refused", (unsigned)i);
        text_of(&l, after);
        assert_string_equal(before, after);
    }
    assert_int_equal(pal_session_pin(l.session, 2, 2, empty, &err), PAL_E_OPTION);  /* before a pinned word */
    end(&l);
    o.pins = wrong;
    o.pin_count = 1;
    assert_int_equal(try_start(&l, model, "[[4]]", 5, &o, &err), PAL_E_OPTION);
}

static void pin_empty_ends_its_blank(void **state)
{
    (void)state;
    pal_place places[MOST_PLACES];
    pal_infill_options o = options_of(PAL_FIRST_HITTING, 2);
    lent l = start("the [[2-6]] dog", &o);
    assert_int_equal(pal_session_pin(l.session, 0, 3, model->classes.empty, NULL), PAL_OK);
    finish(&l);
    assert_int_equal(pal_session_tokens(l.session, places, MOST_PLACES), 6);
    for (int i = 3; i < 6; i++) assert_true(places[i].empty && places[i].step == 0);
    assert_int_equal(pal_session_pin(l.session, 0, 5, places[0].id, NULL), PAL_E_OPTION);
    assert_int_equal(pal_session_pin(l.session, 0, 3, -1, NULL), PAL_OK);
    assert_int_equal(pal_session_progress(l.session).open, 3);
    /* A word pinned behind drawn <empty>s opens those before it. */
    finish(&l);
    assert_int_equal(pal_session_pin(l.session, 0, 5, piece_id(model, "s"), NULL), PAL_OK);
    finish(&l);
    pal_session_tokens(l.session, places, MOST_PLACES);
    for (int i = 0; i < 6; i++) assert_false(places[i].empty);
    end(&l);
}

static void pin_of_bytes_must_leave_whole_characters(void **state)
{
    (void)state;
    char text[MOST_TEXT];
    int32_t lead = piece_id(model, "<0xC3>"), tail = piece_id(model, "<0xA9>"), a = piece_id(model, "a");
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    o.byte_pieces = true;
    lent l = start("x[[2]].", &o);
    assert_int_equal(pal_session_pin(l.session, 0, 0, tail, NULL), PAL_E_OPTION);
    assert_int_equal(pal_session_pin(l.session, 0, 1, lead, NULL), PAL_E_OPTION);
    assert_int_equal(pal_session_pin(l.session, 0, 0, lead, NULL), PAL_OK);
    assert_int_equal(pal_session_pin(l.session, 0, 1, a, NULL), PAL_E_OPTION);
    assert_int_equal(pal_session_pin(l.session, 0, 1, tail, NULL), PAL_OK);
    text_of(&l, text);
    assert_string_equal(text, "x\xc3\xa9.");
    end(&l);
}

static void rewind_and_step_gives_the_same_text(void **state)
{
    (void)state;
    char full[MOST_TEXT], again[MOST_TEXT], halfway[MOST_TEXT], back[MOST_TEXT];
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
        pal_infill_options o = options_of((pal_sampler)sampler, 21);
        lent l = start(STORY, &o);
        int32_t step = 0;
        for (int i = 0; i < 3 && sampler != PAL_REMASK; i++) pal_step(l.session);
        step = pal_session_progress(l.session).step;
        text_of(&l, halfway);
        finish(&l);
        text_of(&l, full);
        assert_int_equal(pal_session_rewind(l.session, step, NULL), PAL_OK);
        text_of(&l, back);
        assert_string_equal(back, halfway);
        finish(&l);
        text_of(&l, again);
        assert_string_equal(full, again);
        if (sampler == PAL_REMASK) assert_int_equal(pal_session_rewind(l.session, 3, NULL), PAL_E_OPTION);
        assert_int_equal(pal_session_rewind(l.session, -1, NULL), PAL_E_OPTION);
        end(&l);
    }
}

/* ---- places and progress --------------------------------------------------------------------------- */

static void check_alternatives(const pal_place *p, bool greedy)
{
    for (int32_t i = 0; i < p->alternatives; i++) {
        assert_true(p->alternative_probability[i] > 0.0f && p->alternative_probability[i] <= 1.0f);
        if (i) assert_true(p->alternative_probability[i - 1] >= p->alternative_probability[i]);
        if (p->alternative_id[i] == p->id) assert_true(p->alternative_probability[i] == p->probability);
        for (int32_t k = 0; k < i; k++) assert_true(p->alternative_id[k] != p->alternative_id[i]);
    }
    if (greedy && p->alternatives) assert_int_equal(p->alternative_id[0], p->id);
    if (!greedy && p->alternatives == PAL_ALTERNATIVES)
        assert_true(p->probability <= p->alternative_probability[0]);
}

static void places_carry_probability_step_and_alternatives(void **state)
{
    (void)state;
    pal_place places[MOST_PLACES];
    for (int run = 0; run < 2 * PAL_SAMPLERS; run++) {
        bool greedy = run >= PAL_SAMPLERS;
        pal_infill_options o = options_of((pal_sampler)(run % PAL_SAMPLERS), 4);
        if (greedy) o.temperature = 0.0;
        lent l = start(STORY, &o);
        finish(&l);
        pal_progress progress = pal_session_progress(l.session);
        size_t count = pal_session_tokens(l.session, places, MOST_PLACES);
        assert_int_equal(count, 26);
        assert_int_equal(pal_session_tokens(l.session, NULL, 0), 26);
        assert_int_equal(pal_session_blanks(l.session), 3);
        assert_int_equal(progress.places, 26);
        assert_true(progress.evaluations >= 1 && progress.evaluations <= 70);
        assert_true(progress.shown == progress.tokens && !progress.windowed);
        assert_true((progress.steps > 0) == (o.sampler == PAL_ANCESTRAL || o.sampler == PAL_REMASK));
        for (size_t i = 0; i < count; i++) {
            assert_true(places[i].step >= 1 && places[i].step <= progress.step);
            assert_true(places[i].probability > 0.0f && places[i].probability <= 1.0f);
            check_alternatives(&places[i], greedy);
        }
        end(&l);
    }
}

/* ---- memory, windows, errors ----------------------------------------------------------------------- */

static void session_block_one_byte_short_is_refused(void **state)
{
    (void)state;
    size_t bytes;
    pal_session *session = NULL;
    pal_error err = {0};
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    assert_int_equal(pal_session_bytes(model, STORY, strlen(STORY), &o, &bytes, &err), PAL_OK);
    unsigned char *block = malloc(bytes + 8);
    assert_non_null(block);
    memset(block, 0x5a, bytes);
    assert_int_equal(pal_session_init(&session, model, STORY, strlen(STORY), &o, block, bytes - 1, &err), PAL_E_MEMORY);
    assert_null(session);
    for (size_t i = 0; i < bytes; i++) assert_int_equal(block[i], 0x5a);
    for (size_t shift = 0; shift < 8; shift++)          /* any alignment will do */
        assert_int_equal(pal_session_init(&session, model, STORY, strlen(STORY), &o, block + shift, bytes, &err), PAL_OK);
    free(block);
}

/* Both calls must refuse, or the second alone, and with this byte. */
static void expect_refusal(const pal_model *m, const char *page, const pal_infill_options *o, pal_status status,
                           size_t offset)
{
    lent l;
    pal_error err = {0};
    if (try_start(&l, m, page, strlen(page), o, &err) != status) fail_msg("%s: another status", page);
    assert_non_null(err.text);
    if (err.offset != offset) fail_msg("%s: %s at %u", page, err.text, (unsigned)err.offset);
}

static void page_longer_than_the_context_needs_a_window(void **state)
{
    (void)state;
    char page[600], text[MOST_TEXT];
    memset(page, 'z', 200);                             /* letters: one token each, and one for the space */
    strcpy(page + 200, "[[5]]");
    memset(page + 205, 'z', 200);
    page[405] = '\0';
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    expect_refusal(model, page, &o, PAL_E_CONTEXT, 95);     /* the dummy space is the first token */
    o.window = true;
    lent l = start(page, &o);
    pal_progress p = pal_session_progress(l.session);
    assert_int_equal(p.shown, 96);
    assert_int_equal(p.tokens, 406);
    assert_true(p.windowed);
    finish(&l);
    size_t bytes = text_of(&l, text);
    assert_memory_equal(text, page, 200);
    assert_memory_equal(text + bytes - 200, page + 205, 200);
    end(&l);
    strcpy(page + 405, "[[5]]");                        /* no window holds both blanks */
    expect_refusal(model, page, &o, PAL_E_CONTEXT, 405);
    expect_refusal(model, "[[50]] [[40]] a [[7]]", &o, PAL_E_CONTEXT, 16);
}

static void window_at_the_end_of_a_page_shows_its_end(void **state)
{
    (void)state;
    char page[400];
    memset(page, 'z', 300);
    strcpy(page + 300, "[[5]]z");
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    o.window = true;
    lent l = start(page, &o);
    finish(&l);
    end(&l);
    memmove(page + 5, page, 300);
    memcpy(page, "[[5]]", 5);
    page[305] = '\0';
    l = start(page, &o);
    finish(&l);
    end(&l);
}

static void page_mistakes_are_told_by_both_calls(void **state)
{
    (void)state;
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    expect_refusal(model, "ab [[", &o, PAL_E_TEXT, 3);
    expect_refusal(model, "ab [[97]]", &o, PAL_E_TEXT, 3);
    expect_refusal(model, "ab [[]]", &o, PAL_E_TEXT, 3);
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    for (int which = 0; which < 18; which++) {
        pal_infill_options o = options_of(PAL_MARGIN, 1);
        const double not_a_number = strtod("nan", NULL);
        switch (which) {
        case 0: o.sampler = PAL_SAMPLERS; break;
        case 1: o.temperature = -0.1; break;
        case 2: o.temperature = not_a_number; break;
        case 3: o.temperature = 1e9; break;
        case 4: o.top_k = -1; break;
        case 5: o.top_p = 0.0; break;
        case 6: o.top_p = 1.5; break;
        case 7: o.min_p = -0.1; break;
        case 8: o.min_p = not_a_number; break;
        case 9: o.repetition_penalty = 0.0; break;
        case 10: o.steps = 5; break;                    /* margin has no time steps */
        case 11: o.threshold = 0.5; break;
        case 12: o.entropy_bound = 0.5; break;
        case 13: o.remask = 0.1; break;
        case 14: o.free_min = 0; break;
        case 15: o.free_min = 9, o.free_max = 8; break;
        case 16: o.sampler = PAL_ANCESTRAL, o.steps = -1; break;
        default: o.sampler = PAL_REMASK, o.remask = 1.5; break;
        }
        expect_refusal(model, "[[3]]", &o, PAL_E_OPTION, SIZE_MAX);
    }
}

static void models_of_the_wrong_kind_are_refused(void **state)
{
    (void)state;
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    const struct {
        const char *name;
        pal_status status;
    } kinds[] = {{"tiny-ar", PAL_E_UNSUPPORTED}, {"tales-vocab", PAL_E_UNSUPPORTED}, {"grouped", PAL_E_UNSUPPORTED},
                 {"tiny-nomask", PAL_E_OPTION}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        pal_model *other = open_test_model(kinds[i].name);
        assert_false(pal_model_info(other)->can_infill);
        expect_refusal(other, "a [[3]]", &o, kinds[i].status, SIZE_MAX);
        pal_model_close(other);
    }
}

static void model_without_empty_takes_exact_lengths_only(void **state)
{
    (void)state;
    pal_model *odd = open_test_model("tiny-odd"), *kept = model;
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    char text[MOST_TEXT];
    assert_true(pal_model_info(odd)->can_infill);
    assert_false(pal_model_info(odd)->free_length);
    expect_refusal(odd, "a [[3]] b [[2-5]]", &o, PAL_E_UNSUPPORTED, 10);
    expect_refusal(odd, "a [[?]]", &o, PAL_E_UNSUPPORTED, 2);
    model = odd;
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
        o = options_of((pal_sampler)sampler, 5);
        fill("caf\xc3\xa9 [[3]] \xff [[4-4]].", &o, text);
        assert_memory_equal(text, "caf\xc3\xa9 ", 6);
    }
    model = kept;
    pal_model_close(odd);
}

static void sampler_names_are_found_again(void **state)
{
    (void)state;
    pal_sampler found;
    for (int i = 0; i < PAL_SAMPLERS; i++) {
        assert_true(pal_sampler_find(pal_sampler_name((pal_sampler)i), &found));
        assert_int_equal(found, i);
    }
    assert_null(pal_sampler_name(PAL_SAMPLERS));
    assert_false(pal_sampler_find("Margin", &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(infill_random_pages_keep_given_bytes_and_rules),
        cmocka_unit_test(partial_text_is_a_page_again),
        cmocka_unit_test(partial_text_after_each_step_is_a_page_again),
        cmocka_unit_test(partial_text_counts_open_places),
        cmocka_unit_test(text_length_does_not_depend_on_capacity),
        cmocka_unit_test(page_without_a_blank_comes_back),
        cmocka_unit_test(infill_same_seed_repeats_other_seeds_differ),
        cmocka_unit_test(infill_draft_does_not_depend_on_earlier_drafts),
        cmocka_unit_test(infill_greedy_ignores_the_seed),
        cmocka_unit_test(infill_every_instruction_set_gives_the_same),
        cmocka_unit_test(free_lengths_vary_within_their_bounds),
        cmocka_unit_test(byte_pieces_make_whole_characters),
        cmocka_unit_test(pin_is_kept_through_rewinds_and_given_back),
        cmocka_unit_test(pin_that_breaks_a_rule_is_refused_and_changes_nothing),
        cmocka_unit_test(pin_empty_ends_its_blank),
        cmocka_unit_test(pin_of_bytes_must_leave_whole_characters),
        cmocka_unit_test(rewind_and_step_gives_the_same_text),
        cmocka_unit_test(places_carry_probability_step_and_alternatives),
        cmocka_unit_test(session_block_one_byte_short_is_refused),
        cmocka_unit_test(page_longer_than_the_context_needs_a_window),
        cmocka_unit_test(window_at_the_end_of_a_page_shows_its_end),
        cmocka_unit_test(page_mistakes_are_told_by_both_calls),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(models_of_the_wrong_kind_are_refused),
        cmocka_unit_test(model_without_empty_takes_exact_lengths_only),
        cmocka_unit_test(sampler_names_are_found_again),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
