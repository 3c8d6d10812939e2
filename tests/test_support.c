/* test_support.c - which tokens are allowed at a place: borders, byte pieces that form whole UTF-8 characters, and
 * <empty>, in every order of revealing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "text/fill.h"
#include "text/support.h"

#define SEED     20240607
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A vocabulary of byte pieces at the edges of the UTF-8 table, a word and a part of a word. */
static const uint8_t edge_bytes[] = {0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                     0xc2, 0xe0, 0xe1, 0xed, 0xf0, 0xf1, 0xf4, 0xff};

enum { BYTES = COUNT(edge_bytes), WORD = BYTES, INSIDE, EMPTY, MASK, VOCAB, LONGEST = 6 };

typedef struct {
    pal_fill fill;
    pal_classes classes;
    uint8_t of[VOCAB], byte[VOCAB];
    int32_t tokens[LONGEST];
    pal_blank blank[2];
    pal_fill_place place[LONGEST];
    uint64_t seed;
    _Alignas(64) unsigned char block[16384];
} byte_fill;

/* Random logits for every page, place and token. */
static bool byte_logits(void *context, const int *at, int count, float *logits)
{
    const byte_fill *b = context;
    uint64_t page = b->seed;
    for (int32_t i = 0; i < b->fill.n; i++) page = page * 0x9e3779b97f4a7c15u + (uint64_t)b->tokens[i];
    for (int i = 0; i < count; i++)
        for (int32_t id = 0; id < VOCAB; id++)
            logits[i * VOCAB + id] =
                (float)(6.0 * pal_uniform(page, PAL_DRAW_SUBSET, 0, (uint32_t)at[i], (uint32_t)id));
    return true;
}

static void byte_evaluate(void *context, const pal_query *q)
{
    (void)context, (void)q;
}

static void byte_start(byte_fill *b, int32_t blanks, int32_t min, int32_t max, pal_first first)
{
    pal_arena arena = {.base = b->block, .red_zones = true};
    b->classes = (pal_classes){.vocab = VOCAB, .mask = MASK, .empty = EMPTY, .of = b->of, .byte = b->byte};
    for (int32_t id = 0; id < BYTES; id++) b->of[id] = PAL_CLASS_BYTE, b->byte[id] = edge_bytes[id];
    b->of[WORD] = PAL_CLASS_WORD;
    b->of[INSIDE] = 0;
    b->of[EMPTY] = PAL_CLASS_NO_FILL;
    b->of[MASK] = PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT;
    b->fill = (pal_fill){.predictor = {.context = b, .vocab = VOCAB, .evaluate = byte_evaluate, .logits = byte_logits},
                         .classes = &b->classes};
    b->fill.options = (pal_infill_options){.temperature = 1.0, .top_p = 1.0, .repetition_penalty = 1.0, .remask = -1.0};
    b->fill.options.byte_pieces = true;
    b->fill.n = b->fill.places = blanks * max;
    b->fill.tokens = b->tokens;
    b->fill.blanks = blanks;
    b->fill.blank = b->blank;
    b->fill.place = b->place;
    for (int32_t i = 0; i < b->fill.places; i++)
        b->place[i] = (pal_fill_place){.at = i, .blank = i / max, .index = i % max};
    for (int32_t i = 0; i < blanks; i++)
        b->blank[i] = (pal_blank){.min = min, .max = max, .place = i * max, .first = first};
    pal_fill_layout(&b->fill, VOCAB, b->fill.n, b->fill.places, &arena);
    assert_true(arena.used <= sizeof b->block);
    pal_fill_start(&b->fill);
}

/* The length of the character at text[bytes], by its code point; 0 if it is invalid. */
static int32_t character_length(const uint8_t *text, int32_t bytes)
{
    static const uint32_t min[] = {0, 0, 0x80, 0x800, 0x10000};
    int32_t length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
    if (length == 0 || length > bytes) return 0;
    uint32_t point = length == 1 ? text[0] : text[0] & (0x7fu >> length);
    for (int32_t i = 1; i < length; i++) {
        if (text[i] >> 6 != 2) return 0;
        point = point << 6 | (text[i] & 0x3f);
    }
    bool surrogate = point >= 0xd800 && point < 0xe000;
    return point >= min[length] && point <= 0x10ffff && !surrogate ? length : 0;
}

/* Runs of byte pieces are whole characters; <empty> ends the blank and respects its minimum length; the border rule
 * holds. */
static bool is_good_fill(const int32_t *tokens, int32_t min, int32_t max, pal_first first)
{
    uint8_t run[LONGEST];
    if (first == PAL_FIRST_WORD && tokens[0] != WORD) return false;
    if (first == PAL_FIRST_INSIDE && tokens[0] == WORD) return false;
    for (int32_t i = 0; i < max;) {
        int32_t bytes = 0, length = 1;
        while (i + bytes < max && tokens[i + bytes] < BYTES) run[bytes] = edge_bytes[tokens[i + bytes]], bytes++;
        if (bytes && !(length = character_length(run, bytes))) return false;
        if (tokens[i] == MASK) return false;
        if (tokens[i] == EMPTY && (min == max || i < min || (i + 1 < max && tokens[i + 1] != EMPTY))) return false;
        i += length;
    }
    return true;
}

static int32_t code_of(const int32_t *tokens, int32_t n)
{
    int32_t code = 0;
    for (int32_t i = 0; i < n; i++) code = code * VOCAB + tokens[i];
    return code;
}

/* Reveals in every order every token that the rules allow.  Every page that comes up has an allowed token at each
 * open place; full pages are counted, and each is good. */
static int32_t visit_pages(byte_fill *b, uint8_t *seen, int32_t min, int32_t max, pal_first first)
{
    int32_t code = code_of(b->tokens, max), full = 0;
    if (seen[code]) return 0;
    seen[code] = 1;
    bool open = false;
    for (int32_t place = 0; place < max; place++) {
        pal_support support;
        bool any = false;
        if (b->place[place].step >= 0) continue;
        open = true;
        pal_support_of(&support, &b->fill, place);
        for (int32_t id = 0; id < VOCAB; id++) {
            if (!pal_support_has(&support, &b->classes, id)) continue;
            any = true;
            b->tokens[place] = id;
            b->place[place].step = 1;
            full += visit_pages(b, seen, min, max, first);
            b->place[place].step = -1;
            b->tokens[place] = MASK;
        }
        assert_true(any);
    }
    if (open) return full;
    assert_true(is_good_fill(b->tokens, min, max, first));
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

/* All pages of up to 4 places in all orders: no invalid UTF-8, no dead end, and every valid page is reachable. */
static void rules_in_any_order_allow_all_good_fills_and_no_others(void **state)
{
    (void)state;
    static byte_fill b;
    const int32_t lengths[][2] = {{1, 1}, {2, 2}, {3, 3}, {1, 3}, {4, 4}};
    for (size_t i = 0; i < COUNT(lengths); i++)
        for (pal_first first = PAL_FIRST_FREE; first <= PAL_FIRST_INSIDE; first++) {
            int32_t min = lengths[i][0], max = lengths[i][1], codes = 1;
            if (max == 4 && first == PAL_FIRST_INSIDE) continue; /* to save time */
            for (int32_t k = 0; k < max; k++) codes *= VOCAB;
            uint8_t *seen = calloc((size_t)codes, 1);
            assert_non_null(seen);
            byte_start(&b, 1, min, max, first);
            assert_int_equal(visit_pages(&b, seen, min, max, first), count_good_fills(min, max, first));
            free(seen);
        }
}

static void fills_of_random_networks_keep_all_rules(void **state)
{
    (void)state;
    static byte_fill b;
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_MASKED_SAMPLERS; sampler++)
        for (uint32_t draft = 0; draft < 200; draft++) {
            pal_first first = (pal_first)(draft % 3);
            int32_t min = draft & 4 ? 1 : 3;
            byte_start(&b, 2, min, 3, first);
            b.seed = SEED + draft;
            b.fill.options.sampler = sampler;
            b.fill.options.draft = draft;
            b.fill.options.top_k = draft & 8 ? 2 : 0;
            if (sampler == PAL_ANCESTRAL || sampler == PAL_REMASK) b.fill.options.steps = 3;
            if (sampler == PAL_REMASK) b.fill.options.remask = 1.0;
            if (sampler == PAL_PARALLEL) b.fill.options.threshold = 0.5;
            while (pal_fill_step(&b.fill, NULL) == PAL_MORE) {
            }
            assert_true(is_good_fill(b.tokens, min, 3, first));
            assert_true(is_good_fill(b.tokens + 3, min, 3, first));
        }
}

static void byte_pieces_without_the_option_are_never_drawn(void **state)
{
    (void)state;
    static byte_fill b;
    for (uint32_t draft = 0; draft < 200; draft++) {
        byte_start(&b, 2, 1, 3, PAL_FIRST_FREE);
        b.seed = SEED + draft;
        b.fill.options.byte_pieces = false;
        while (pal_fill_step(&b.fill, NULL) == PAL_MORE) {
        }
        for (int32_t i = 0; i < 6; i++) assert_true(b.tokens[i] >= WORD && b.tokens[i] < MASK);
    }
}

/* A pinned byte that cannot be part of a character stays incomplete; the other places are still filled. */
static void pin_that_breaks_a_character_leaves_the_rest_fillable(void **state)
{
    (void)state;
    static byte_fill b;
    byte_start(&b, 1, 3, 3, PAL_FIRST_FREE);
    b.tokens[0] = 1; /* 0x80 */
    b.place[0].pinned = true;
    b.place[0].step = 0;
    b.fill.open--;
    while (pal_fill_step(&b.fill, NULL) == PAL_MORE) {
    }
    assert_int_equal(b.tokens[0], 1);
    for (int32_t i = 1; i < 3; i++) assert_true(b.tokens[i] == WORD || b.tokens[i] == INSIDE);
}

/* A vocabulary without pieces that begin a word cannot keep that rule, one without byte 0x80.. no character of two. */
static void rules_that_the_vocabulary_cannot_keep_are_not_imposed(void **state)
{
    (void)state;
    static byte_fill b;
    byte_start(&b, 1, 2, 2, PAL_FIRST_WORD);
    b.of[WORD] = PAL_CLASS_NO_FILL;
    for (int32_t id = 0; id < BYTES; id++)
        if (edge_bytes[id] >= 0x80 && edge_bytes[id] < 0xc0) b.of[id] = PAL_CLASS_NO_FILL;
    for (uint32_t draft = 0; draft < 200; draft++) {
        pal_fill_start(&b.fill);
        b.fill.options.draft = draft;
        while (pal_fill_step(&b.fill, NULL) == PAL_MORE) {
        }
        for (int32_t i = 0; i < 2; i++) assert_true(b.tokens[i] == INSIDE || b.tokens[i] == 0 /* 'A' */);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_in_any_order_allow_all_good_fills_and_no_others),
        cmocka_unit_test(fills_of_random_networks_keep_all_rules),
        cmocka_unit_test(byte_pieces_without_the_option_are_never_drawn),
        cmocka_unit_test(pin_that_breaks_a_character_leaves_the_rest_fillable),
        cmocka_unit_test(rules_that_the_vocabulary_cannot_keep_are_not_imposed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
