/* test_byte_level.c - blanks with byte-level vocabularies, whose pieces can begin and end inside a character: whole
 * characters, borders and ends in every order of revealing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "token_testing.h"
#include "text/fill.h"
#include "text/layout.h"
#include "text/support.h"

/* As bytes: a letter, a word, parts of U+00E9, U+20AC and U+1F600 in pieces that also hold other characters, a byte that is
 * in no character, and the token that ends a blank. */
static const char *const texts[] = {"a",    " b",       "\xC3",     "\xA9", "\xA9z", " \xC3", "\xE2\x82",
                                    "\xAC", "\xAC\xF0", "\x9F\x98", "\x80", "\xFF",  "<end>"};
enum { VOCAB = sizeof texts / sizeof *texts, WORD = 1, WORD_PART = 5, EMPTY = VOCAB - 1, OPEN = -1, LONGEST = 4 };

typedef struct {
    opened vocab;
    pal_classes classes;
    uint8_t of[VOCAB], byte[VOCAB], moves[PAL_MOVES][PAL_UTF8_STATES];
    pal_fill fill;
    int32_t tokens[LONGEST];
    pal_blank blank[1];
    pal_fill_place place[LONGEST];
    uint64_t seed;
    _Alignas(64) unsigned char block[16384];
} byte_level;

static byte_level b;

static int open_vocabulary(void **state)
{
    (void)state;
    static char names[VOCAB][16];
    test_piece pieces[VOCAB];
    const char *const merges[] = {"a a"};
    image m;
    pal_error err = {0};
    for (int i = 0; i < VOCAB; i++) {
        const bool end = i == EMPTY;
        names[i][0] = '\0';
        for (const char *c = texts[i]; *c; c++) {
            char name[3] = {*c};
            if (!end) bpe_name_of_byte((unsigned char)*c, name);
            strcat(names[i], name);
        }
        pieces[i] = (test_piece){.text = names[i], .type = end ? PAL_PIECE_CONTROL : PAL_PIECE_NORMAL};
    }
    image_begin_bpe(&m, "gpt-2", pieces, VOCAB, merges, 0);
    if (open_image(&b.vocab, &m, &err)) fail_msg("%s", err.text);
    b.classes = (pal_classes){.of = b.of, .byte = b.byte, .moves = b.moves};
    pal_classes_fill(&b.classes, b.vocab.vocab);
    b.classes.empty = EMPTY;
    return 0;
}

static int close_vocabulary(void **state)
{
    (void)state;
    close_vocab(&b.vocab);
    return 0;
}

/* Random logits for every page, place and token. */
static bool random_logits(void *context, const int *at, int count, float *logits)
{
    uint64_t page = b.seed;
    (void)context;
    for (int32_t i = 0; i < b.fill.n; i++) page = page * 0x9e3779b97f4a7c15u + (uint64_t)b.tokens[i] + 2;
    for (int i = 0; i < count; i++)
        for (int32_t id = 0; id < VOCAB; id++)
            logits[i * VOCAB + id] =
                (float)(6.0 * pal_uniform(page, PAL_DRAW_SUBSET, 0, (uint32_t)at[i], (uint32_t)id));
    return true;
}

static void no_network(void *context, const pal_query *q)
{
    (void)context, (void)q;
}

static void start(int32_t min, int32_t max, pal_first first, bool ends)
{
    pal_arena arena = {.base = b.block, .red_zones = true};
    b.classes.ends = ends;
    b.fill = (pal_fill){.predictor = {.context = &b, .vocab = VOCAB, .evaluate = no_network, .logits = random_logits},
                        .classes = &b.classes};
    b.fill.options = (pal_infill_options){
        .sampler = PAL_FIRST_HITTING, .temperature = 1.0, .top_p = 1.0, .repetition_penalty = 1.0, .remask = -1.0};
    b.fill.n = b.fill.places = max;
    b.fill.tokens = b.tokens;
    b.fill.blanks = 1;
    b.fill.blank = b.blank;
    b.fill.place = b.place;
    for (int32_t i = 0; i < max; i++) b.place[i] = (pal_fill_place){.at = i, .index = i};
    b.blank[0] = (pal_blank){.min = min, .max = max, .first = first};
    pal_fill_layout(&b.fill, VOCAB, max, max, &arena);
    assert_true(arena.used <= sizeof b.block);
    pal_fill_start(&b.fill);
}

/* The text of the words is valid UTF-8, the end comes last, and the first token keeps its border rule. */
static bool is_good_fill(const int32_t *tokens, int32_t min, int32_t max, pal_first first)
{
    char text[64] = "";
    int32_t words = 0;
    const bool word = tokens[0] == WORD || tokens[0] == WORD_PART;
    while (words < max && tokens[words] != EMPTY) strcat(text, texts[tokens[words++]]);
    if (words < min) return false;
    for (int32_t i = words; i < max; i++)
        if (tokens[i] != EMPTY) return false;
    if (first == PAL_FIRST_WORD ? !word : first == PAL_FIRST_INSIDE && word) return false;
    for (size_t at = 0, n = 1; at < strlen(text); at += n)
        if (!(n = pal_utf8_char(text + at, strlen(text) - at))) return false;
    return true;
}

static int32_t code_of(int32_t max)
{
    int32_t code = 0;
    for (int32_t i = 0; i < max; i++) code = code * (VOCAB + 1) + b.tokens[i] + 1;
    return code;
}

/* Reveals in every order every token that the rules allow.  Every page that comes up has an allowed token at each open
 * place; full pages are counted, and each is good. */
static int32_t visit_pages(uint8_t *seen, int32_t min, int32_t max, pal_first first)
{
    int32_t full = 0;
    bool open = false;
    if (seen[code_of(max)]) return 0;
    seen[code_of(max)] = 1;
    for (int32_t place = 0; place < max; place++) {
        pal_support support;
        bool any = false;
        if (b.place[place].step >= 0) continue;
        open = true;
        pal_support_of(&support, &b.fill, place);
        for (int32_t id = 0; id < VOCAB; id++) {
            if (!pal_support_has(&support, &b.classes, id)) continue;
            any = true;
            b.tokens[place] = id;
            b.place[place].step = 1;
            full += visit_pages(seen, min, max, first);
            b.place[place].step = -1;
            b.tokens[place] = OPEN;
        }
        assert_true(any);
    }
    if (open) return full;
    assert_true(is_good_fill(b.tokens, min, max, first));
    return 1;
}

static int32_t count_good_fills(int32_t min, int32_t max, pal_first first)
{
    int32_t tokens[LONGEST], count = 0, all = 1;
    for (int32_t i = 0; i < max; i++) all *= VOCAB;
    for (int32_t code = 0; code < all; code++) {
        int32_t rest = code;
        for (int32_t i = 0; i < max; i++, rest /= VOCAB) tokens[i] = rest % VOCAB;
        count += is_good_fill(tokens, min, max, first);
    }
    return count;
}

/* Regression: pieces of a byte-level vocabulary were drawn as if each was whole characters. */
static void rules_in_any_order_allow_all_good_fills_and_no_others(void **state)
{
    (void)state;
    const int32_t lengths[][2] = {{1, 1}, {2, 2}, {3, 3}, {1, 3}, {4, 4}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (pal_first first = PAL_FIRST_FREE; first <= PAL_FIRST_INSIDE; first++) {
            const int32_t min = lengths[i][0], max = lengths[i][1];
            int32_t codes = 1;
            for (int32_t k = 0; k < max; k++) codes *= VOCAB + 1;
            uint8_t *seen = calloc((size_t)codes, 1);
            start(min, max, first, false);
            const int32_t good = count_good_fills(min, max, first);
            assert_true(good > 0);
            assert_int_equal(visit_pages(seen, min, max, first), good);
            free(seen);
        }
}

static void fills_keep_all_rules(void **state)
{
    (void)state;
    int32_t parts = 0, shorter = 0;
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++)
        for (uint32_t draft = 0; draft < 300; draft++) {
            const pal_first first = (pal_first)(draft % 3);
            const bool ends = sampler == PAL_ASCENDING || sampler == PAL_ASCENDING_RANDOM;
            const int32_t min = draft & 4 ? 1 : 4;
            start(min, 4, first, ends);
            b.seed = draft;
            b.fill.options.sampler = sampler;
            b.fill.options.draft = draft;
            b.fill.options.top_k = draft & 8 ? 2 : 0;
            if (sampler == PAL_REMASK) b.fill.options.remask = 0.5;
            pal_fill_start(&b.fill);
            while (pal_fill_step(&b.fill, NULL) == PAL_MORE) {
            }
            assert_true(is_good_fill(b.tokens, min, 4, first));
            shorter += b.tokens[3] == EMPTY;
            for (int32_t i = 0; i < 4; i++) parts += (b.of[b.tokens[i]] & PAL_CLASS_BYTE) != 0;
        }
    assert_true(parts > 500 && shorter > 100);
}

static void pieces_are_known_by_what_they_do(void **state)
{
    (void)state;
    assert_true(pal_vocab_is_byte_level(b.vocab.vocab));
    assert_int_equal(b.of[0], 0);
    assert_int_equal(b.of[WORD], PAL_CLASS_WORD);
    assert_int_equal(b.of[WORD_PART], PAL_CLASS_WORD | PAL_CLASS_BYTE);
    assert_int_equal(b.byte[2], b.byte[WORD_PART]); /* both begin a character of two bytes */
    assert_int_equal(b.byte[3], b.byte[7]);         /* A9 and AC do the same from every state */
    assert_int_not_equal(b.byte[3], b.byte[10]);    /* 80 cannot follow E0 */
    for (int state_before = 0; state_before < PAL_UTF8_STATES; state_before++)
        assert_int_equal(pal_classes_move(&b.classes, b.byte[11], state_before), PAL_UTF8_DEAD);
}

/* A space before a blank is the mark of its first token, which begins a word; so does the first token of a page. */
static void borders_are_those_of_words_with_marks(void **state)
{
    (void)state;
    static const struct {
        const char *page;
        pal_first first;
        bool drop;
        int32_t given;
    } cases[] = {{"[[1]]", PAL_FIRST_WORD, true, 0},
                 {"a [[1]]", PAL_FIRST_WORD, true, 1},
                 {"a[[1]]", PAL_FIRST_INSIDE, false, 1},
                 {"\xC3\xA9[[1]]", PAL_FIRST_INSIDE, false, 2},
                 {"aa[[1]]", PAL_FIRST_INSIDE, false, 2}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const bool borders = i % 2;
        const size_t bytes = strlen(cases[i / 2].page);
        const pal_page_rules rules = {.longest = 64, .free_min = 1, .free_max = 16};
        pal_segment segments[4];
        char text[64];
        pal_page page = {0};
        pal_layout l;
        pal_layout_scratch scratch;
        pal_infill_options o = {.borders = borders};
        static _Alignas(64) unsigned char block[65536];
        pal_arena arena = {.base = block, .red_zones = true};
        assert_int_equal(pal_page_read(&page, cases[i / 2].page, bytes, &rules, NULL), PAL_OK);
        page.segments = segments;
        page.text = text;
        assert_int_equal(pal_page_read(&page, cases[i / 2].page, bytes, &rules, NULL), PAL_OK);
        pal_layout_arrays(&l, &scratch, &page, b.vocab.vocab, &arena);
        assert_true(arena.used <= sizeof block);
        assert_int_equal(pal_layout_build(&l, &scratch, &page, b.vocab.vocab, true, &o, 64, NULL), PAL_OK);
        assert_int_equal(l.blank[0].first, borders ? cases[i / 2].first : PAL_FIRST_FREE);
        assert_int_equal(l.blank[0].drop_space, borders && cases[i / 2].drop);
        if (borders) assert_int_equal(l.place[0].at, cases[i / 2].given);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_known_by_what_they_do),
        cmocka_unit_test(rules_in_any_order_allow_all_good_fills_and_no_others),
        cmocka_unit_test(fills_keep_all_rules),
        cmocka_unit_test(borders_are_those_of_words_with_marks),
    };
    return cmocka_run_group_tests(tests, open_vocabulary, close_vocabulary);
}
