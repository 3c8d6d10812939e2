/* test_blanks.c - what every sampler keeps to, whatever the network says: given tokens, pins, lengths, borders,
 * whole UTF-8 characters, evaluations, notes on each token. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table_model.h"
#include "text/support.h"

#define EXACT        1e-12
#define FLOAT_LOGITS 1e-6
#define SEED         20240607
#define COUNT(a)     (sizeof(a) / sizeof *(a))

static table_fill t;

static bool is_timed(pal_sampler sampler)
{
    return sampler == PAL_ANCESTRAL || sampler == PAL_REMASK;
}

/* Options under which a sampler does as much as it can: few steps, much remasking, several places at once. */
static void be_wild(pal_infill_options *o)
{
    if (is_timed(o->sampler)) o->steps = 3;
    if (o->sampler == PAL_REMASK) o->remask = 1.0;
    if (o->sampler == PAL_PARALLEL) o->threshold = 0.5;
}

static void learnt(uint64_t seed, int32_t symbols, bool with_empty)
{
    table_init(&t.model, 4, symbols, with_empty);
    table_random_joint(&t.model, seed, 0.5, 0.0, NULL);
    table_learnt(&t.model, seed);
}

static int32_t page_of(int32_t a, int32_t b, int32_t c, int32_t d)
{
    const int32_t tokens[] = {a, b, c, d};
    return table_page(&t.model, tokens);
}

/* ---- given tokens and pins ---------------------------------------------------------------------------- */

static bool page_is_kept(const table_fill *fill)
{
    return table_agrees(&fill->model, table_page(&fill->model, fill->tokens), fill->start);
}

/* All outcomes of all samplers, after every step: place 3 is given, place 1 is pinned inside the blank. */
static void given_and_pinned_tokens_never_move(void **state)
{
    (void)state;
    const int32_t from[] = {0}, length[] = {3};
    learnt(SEED, 3, false);
    const int32_t mask = t.model.symbols;
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_SAMPLERS; sampler++) {
        double law[TABLE_PAGES], sum = 0.0;
        table_fill_blanks(&t, sampler, page_of(mask, 1, mask, 2), 1, from, length, length);
        be_wild(&t.fill.options);
        t.good = page_is_kept;
        assert_true(table_law(&t, law) < EXACT);
        assert_int_equal(t.broken, 0);
        for (int32_t page = 0; page < t.model.pages; page++)
            if (table_is_full(&t.model, page)) sum += law[page];
        assert_true(fabs(sum - 1.0) < EXACT); /* and the page is always finished */
        assert_int_equal(t.slot[1].step, 0);
    }
}

/* ---- <empty> ------------------------------------------------------------------------------------------ */

static int32_t empty_symbol(const table_model *m)
{
    return m->symbols - 1;
}

/* In every blank: no <empty> among the first `least`, and no word after one. */
static bool lengths_are_right(const table_fill *fill)
{
    for (int32_t i = 0; i < fill->fill.slots; i++) {
        const pal_slot *slot = &fill->slot[i];
        if (fill->tokens[slot->at] != empty_symbol(&fill->model)) continue;
        if (slot->index < fill->blank[slot->blank].least) return false;
        for (int32_t j = i + 1; j < fill->fill.slots && fill->slot[j].blank == slot->blank; j++) {
            int32_t later = fill->tokens[fill->slot[j].at];
            if (later != empty_symbol(&fill->model) && later != fill->model.symbols) return false;
        }
    }
    return page_is_kept(fill);
}

/* Every outcome of every sampler on a network that knows nothing of the rule. */
static void assert_lengths_are_right(int32_t page, int32_t blanks, const int32_t *from, const int32_t *least,
                                     const int32_t *most)
{
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_SAMPLERS; sampler++) {
        double law[TABLE_PAGES], shorter = 0.0;
        table_fill_blanks(&t, sampler, page, blanks, from, least, most);
        be_wild(&t.fill.options);
        t.good = lengths_are_right;
        assert_true(table_law(&t, law) < EXACT);
        assert_int_equal(t.broken, 0);
        for (int32_t full = 0; full < t.model.pages; full++) {
            if (law[full] > 0.0) assert_true(table_is_full(&t.model, full));
            for (int32_t i = 0; i < 4; i++)
                if (table_token(&t.model, full, i) == empty_symbol(&t.model)) shorter += law[full] / 4.0;
        }
        assert_true(shorter > 0.01 && shorter < 0.75);
    }
}

static void empty_is_always_a_suffix_of_its_blank(void **state)
{
    (void)state;
    const int32_t from[] = {0, 2}, one[] = {1, 1}, two[] = {2}, four[] = {4}, pair[] = {2, 2};
    learnt(SEED, 4, true);
    const int32_t mask = t.model.symbols, empty = empty_symbol(&t.model);
    assert_lengths_are_right(table_masked(&t.model), 1, from, one, four);
    assert_lengths_are_right(table_masked(&t.model), 1, from, two, four);
    assert_lengths_are_right(table_masked(&t.model), 2, from, one, pair);
    assert_lengths_are_right(page_of(mask, mask, 0, mask), 1, from, one, four); /* a word pinned: two before it */
    assert_lengths_are_right(page_of(mask, mask, mask, empty), 1, from, one, four);
}

/* Once a place is <empty> the rest follows in the same step, without an evaluation of its own. */
static void empty_ends_its_blank_in_the_same_step(void **state)
{
    (void)state;
    const int32_t from[] = {0}, least[] = {1}, most[] = {4};
    learnt(SEED, 4, true);
    for (int32_t page = 0; page < t.model.pages; page++) t.model.logit[page][1][3] = 40.0f; /* and surely */
    for (pal_sampler sampler = PAL_MARGIN; sampler <= PAL_CONFIDENCE; sampler++) {
        table_fill_blanks(&t, sampler, table_masked(&t.model), 1, from, least, most);
        assert_int_equal(pal_fill_step(&t.fill), PAL_MORE);
        for (int32_t i = 1; i < 4; i++) {
            assert_int_equal(t.tokens[i], 3);
            assert_int_equal(t.slot[i].step, 1);
        }
        assert_true(t.slot[3].probability == 1.0f && t.slot[3].alternatives == 0);
        assert_int_equal(pal_fill_step(&t.fill), PAL_OK);
        assert_int_equal(t.fill.evaluations, 2);
    }
}

/* Places drawn together are drawn in order of position, by whatever rule they were chosen: it matters to <empty>. */
static void places_drawn_together_are_drawn_in_order_of_position(void **state)
{
    (void)state;
    const int32_t from[] = {0}, least[] = {1}, most[] = {4};
    double threshold[TABLE_PAGES], entropy[TABLE_PAGES];
    for (uint64_t i = 0; i < 4; i++) {
        learnt(SEED + i, 4, true);
        table_fill_blanks(&t, PAL_PARALLEL, table_masked(&t.model), 1, from, least, most);
        t.fill.options.threshold = 1e-9;
        table_law(&t, threshold);
        table_fill_blanks(&t, PAL_PARALLEL, table_masked(&t.model), 1, from, least, most);
        t.fill.options.entropy_bound = 1e6;
        table_law(&t, entropy);
        assert_true(table_distance(&t.model, threshold, entropy) < EXACT);
    }
}

/* A blank of fixed length never shrinks, however much the network wants it to. */
static void empty_in_a_blank_of_fixed_length_is_never_drawn(void **state)
{
    (void)state;
    learnt(SEED, 4, true);
    for (int32_t page = 0; page < t.model.pages; page++)
        for (int32_t place = 0; place < 4; place++) t.model.logit[page][place][3] = 40.0f;
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_SAMPLERS; sampler++) {
        table_fill_start(&t, sampler, table_masked(&t.model));
        be_wild(&t.fill.options);
        for (uint32_t draft = 0; draft < 50; draft++) {
            table_draw(&t, SEED, draft);
            for (int32_t i = 0; i < 4; i++) assert_true(t.tokens[i] != 3);
        }
    }
}

static bool is_padded(const table_model *m, int32_t full)
{
    for (int32_t i = 0; i < m->places; i++) {
        bool empty = table_token(m, full, i) == empty_symbol(m);
        if (empty && (i < 1 || (i + 1 < m->places && table_token(m, full, i + 1) != empty_symbol(m)))) return false;
    }
    return true;
}

/* ALGORITHMS 2.8: where the conditionals know the rule, imposing it changes nothing, and words and length together
 * follow the law of padded holes. */
static void padded_hole_with_true_conditionals_keeps_the_law_of_words_and_length(void **state)
{
    (void)state;
    const int32_t from[] = {0}, least[] = {1}, most[] = {4};
    table_init(&t.model, 4, 4, true);
    table_random_joint(&t.model, SEED, 0.5, 0.0, is_padded);
    table_exact(&t.model);
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler <= PAL_CONFIDENCE; sampler++) {
        double law[TABLE_PAGES];
        table_fill_blanks(&t, sampler, table_masked(&t.model), 1, from, least, most);
        assert_true(table_law(&t, law) < EXACT);
        assert_true(table_distance(&t.model, law, t.model.joint) < FLOAT_LOGITS);
    }
}

/* ---- evaluations, notes ------------------------------------------------------------------------------- */

/* One in every step that reveals a token, none in the others (time steps without an event, remasking). */
static void evaluation_is_skipped_when_nothing_changed(void **state)
{
    (void)state;
    learnt(SEED, 3, false);
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_SAMPLERS; sampler++) {
        table_fill_start(&t, sampler, table_masked(&t.model));
        if (is_timed(sampler)) t.fill.options.steps = 200;
        if (sampler == PAL_REMASK) t.fill.options.remask = 0.01;
        for (uint32_t draft = 0; draft < 50; draft++) {
            int32_t evaluations = 0;
            pal_status status = PAL_MORE;
            t.model.evaluations = 0;
            t.fill.options.draft = draft;
            pal_fill_start(&t.fill);
            while (status == PAL_MORE) {
                int32_t before = table_page(&t.model, t.tokens);
                bool revealed = false;
                status = pal_fill_step(&t.fill);
                if (status == PAL_MORE) assert_true(table_page(&t.model, t.tokens) != before);
                for (int32_t i = 0; i < 4; i++) revealed = revealed || t.slot[i].step == t.fill.step;
                evaluations += revealed;
                assert_int_equal(t.fill.evaluations, evaluations);
            }
            assert_int_equal(t.fill.evaluations, t.model.evaluations);
            if (sampler != PAL_REMASK) assert_true(t.fill.evaluations <= 4);
            if (sampler == PAL_REMASK) assert_int_equal(t.fill.step, 200); /* a full page may still be opened */
            if (sampler <= PAL_CONFIDENCE) assert_int_equal(t.fill.evaluations, 4);
        }
    }
    pal_fill_evaluate(&t.fill);
    int32_t before = t.model.evaluations;
    pal_fill_evaluate(&t.fill);
    assert_int_equal(t.model.evaluations, before);
}

/* MDLM's figure for K steps, on average over drafts: 4 tokens, 10 steps. */
static void ancestral_drawn_evaluates_as_often_as_the_formula_says(void **state)
{
    (void)state;
    enum { DRAFTS = 4000 };
    double sum = 0.0, squares = 0.0, wanted = 10.0 * (1.0 - pow(0.9, 4));
    learnt(SEED, 3, false);
    table_fill_start(&t, PAL_ANCESTRAL, table_masked(&t.model));
    t.fill.options.steps = 10;
    for (uint32_t draft = 0; draft < DRAFTS; draft++) {
        table_draw(&t, SEED, draft);
        sum += t.fill.evaluations;
        squares += t.fill.evaluations * t.fill.evaluations;
    }
    double mean = sum / DRAFTS, error = sqrt((squares / DRAFTS - mean * mean) / DRAFTS);
    assert_true(fabs(mean - wanted) < 4.0 * error);
}

/* Unpinned after the last time step: filled at once, not waited for. */
static void place_opened_after_the_last_step_is_filled(void **state)
{
    (void)state;
    learnt(SEED, 3, false);
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_SAMPLERS; sampler++) {
        table_fill_start(&t, sampler, table_masked(&t.model));
        be_wild(&t.fill.options);
        table_draw(&t, SEED, 0);
        pal_fill_mask(&t.fill, 1);
        pal_fill_mask(&t.fill, 2);
        for (int32_t step = 0; step < 2 && t.fill.open; step++) pal_fill_step(&t.fill);
        if (sampler == PAL_REMASK) assert_int_equal(t.slot[1].step, 4); /* of 3 */
        assert_int_equal(t.fill.open, 0);
        assert_int_equal(pal_fill_step(&t.fill), PAL_OK);
    }
}

/* Each token's probability is that of its draw at temperature 1, whatever was drawn from. */
static void slot_notes_probability_step_and_alternatives(void **state)
{
    (void)state;
    learnt(SEED, 3, false);
    table_fill_start(&t, PAL_MARGIN, table_masked(&t.model));
    t.fill.options.temperature = 0.5;
    t.fill.options.top_k = 2;
    for (int32_t step = 1; step <= 4; step++) {
        int32_t before = table_page(&t.model, t.tokens), place = 0;
        pal_fill_step(&t.fill);
        while (t.slot[place].step != step) place++;
        const pal_slot *slot = &t.slot[place];
        assert_true(fabs((double)slot->probability - table_conditional(&t.model, before, place, t.tokens[place])) <
                    1e-7);
        assert_int_equal(slot->alternatives, 3);
        for (int32_t i = 0; i < 3; i++) {
            double p = table_conditional(&t.model, before, place, slot->alternative_id[i]);
            assert_true(fabs((double)slot->alternative_probability[i] - p) < 1e-7);
            assert_true(i == 0 || slot->alternative_probability[i - 1] >= slot->alternative_probability[i]);
        }
    }
}

/* ---- borders and whole characters --------------------------------------------------------------------- */

/* A vocabulary of byte pieces, chosen at the edges of the UTF-8 table, of a word and of a part of one. */
static const uint8_t edge_bytes[] = {0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                     0xc2, 0xe0, 0xe1, 0xed, 0xf0, 0xf1, 0xf4, 0xff};

enum { BYTES = COUNT(edge_bytes), WORD = BYTES, INSIDE, EMPTY, MASK, VOCAB, LONGEST = 6 };

typedef struct {
    pal_fill fill;
    pal_classes classes;
    uint8_t of[VOCAB], byte[VOCAB];
    int32_t tokens[LONGEST];
    pal_blank blank[2];
    pal_slot slot[LONGEST];
    uint64_t seed;
    _Alignas(64) unsigned char block[16384];
} byte_fill;

/* Random logits for every page, place and token. */
static void byte_logits(void *context, const int *at, int count, float *logits)
{
    const byte_fill *b = context;
    uint64_t page = b->seed;
    for (int32_t i = 0; i < b->fill.n; i++) page = page * 0x9e3779b97f4a7c15u + (uint64_t)b->tokens[i];
    for (int i = 0; i < count; i++)
        for (int32_t id = 0; id < VOCAB; id++)
            logits[i * VOCAB + id] =
                (float)(6.0 * pal_uniform(page, PAL_DRAW_SUBSET, 0, (uint32_t)at[i], (uint32_t)id));
}

static void byte_evaluate(void *context, const int32_t *tokens, int32_t n)
{
    (void)context, (void)tokens, (void)n;
}

static void byte_start(byte_fill *b, int32_t blanks, int32_t least, int32_t most, pal_first first)
{
    pal_arena arena = {.base = b->block};
    b->classes = (pal_classes){.vocab = VOCAB, .mask = MASK, .empty = EMPTY, .of = b->of, .byte = b->byte};
    for (int32_t id = 0; id < BYTES; id++) b->of[id] = PAL_CLASS_BYTE, b->byte[id] = edge_bytes[id];
    b->of[WORD] = PAL_CLASS_WORD;
    b->of[INSIDE] = 0;
    b->of[EMPTY] = PAL_CLASS_NO_FILL;
    b->of[MASK] = PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT;
    b->fill = (pal_fill){.predictor = {b, VOCAB, byte_evaluate, byte_logits}, .classes = &b->classes};
    b->fill.options = (pal_infill_options){.temperature = 1.0, .top_p = 1.0, .repetition_penalty = 1.0, .remask = -1.0};
    b->fill.options.byte_pieces = true;
    b->fill.n = b->fill.slots = blanks * most;
    b->fill.tokens = b->tokens;
    b->fill.blanks = blanks;
    b->fill.blank = b->blank;
    b->fill.slot = b->slot;
    for (int32_t i = 0; i < b->fill.slots; i++) b->slot[i] = (pal_slot){.at = i, .blank = i / most, .index = i % most};
    for (int32_t i = 0; i < blanks; i++)
        b->blank[i] = (pal_blank){.least = least, .most = most, .slot = i * most, .first = first};
    pal_fill_layout(&b->fill, VOCAB, b->fill.slots, &arena);
    assert_true(arena.used <= sizeof b->block);
    pal_fill_start(&b->fill);
}

/* The length of the character at text[bytes], by its code point: 0 if there is none. */
static int32_t character_length(const uint8_t *text, int32_t bytes)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int32_t length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
    if (length == 0 || length > bytes) return 0;
    uint32_t point = length == 1 ? text[0] : text[0] & (0x7fu >> length);
    for (int32_t i = 1; i < length; i++) {
        if (text[i] >> 6 != 2) return 0;
        point = point << 6 | (text[i] & 0x3f);
    }
    bool surrogate = point >= 0xd800 && point < 0xe000;
    return point >= least[length] && point <= 0x10ffff && !surrogate ? length : 0;
}

/* Runs of byte pieces are whole characters; <empty> ends the blank and respects its least length; the border holds. */
static bool is_good_fill(const int32_t *tokens, int32_t least, int32_t most, pal_first first)
{
    uint8_t run[LONGEST];
    if (first == PAL_FIRST_WORD && tokens[0] != WORD) return false;
    if (first == PAL_FIRST_INSIDE && tokens[0] == WORD) return false;
    for (int32_t i = 0; i < most;) {
        int32_t bytes = 0, length = 1;
        while (i + bytes < most && tokens[i + bytes] < BYTES) run[bytes] = edge_bytes[tokens[i + bytes]], bytes++;
        if (bytes && !(length = character_length(run, bytes))) return false;
        if (tokens[i] == MASK) return false;
        if (tokens[i] == EMPTY && (least == most || i < least || (i + 1 < most && tokens[i + 1] != EMPTY)))
            return false;
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
static int32_t visit_pages(byte_fill *b, uint8_t *seen, int32_t least, int32_t most, pal_first first)
{
    int32_t code = code_of(b->tokens, most), full = 0;
    if (seen[code]) return 0;
    seen[code] = 1;
    bool open = false;
    for (int32_t slot = 0; slot < most; slot++) {
        pal_support support;
        bool any = false;
        if (b->slot[slot].step >= 0) continue;
        open = true;
        pal_support_of(&support, &b->fill, slot);
        for (int32_t id = 0; id < VOCAB; id++) {
            if (!pal_support_has(&support, &b->classes, id)) continue;
            any = true;
            b->tokens[slot] = id;
            b->slot[slot].step = 1;
            full += visit_pages(b, seen, least, most, first);
            b->slot[slot].step = -1;
            b->tokens[slot] = MASK;
        }
        assert_true(any);
    }
    if (open) return full;
    assert_true(is_good_fill(b->tokens, least, most, first));
    return 1;
}

static int32_t count_good_fills(int32_t least, int32_t most, pal_first first)
{
    int32_t tokens[LONGEST], count = 0, all = 1;
    for (int32_t i = 0; i < most; i++) all *= VOCAB;
    for (int32_t code = 0; code < all; code++) {
        int32_t rest = code;
        for (int32_t i = 0; i < most; i++, rest /= VOCAB) tokens[i] = rest % VOCAB;
        count += is_good_fill(tokens, least, most, first);
    }
    return count;
}

/* All pages of up to 4 places in all orders: no invalid UTF-8, no dead end, and nothing valid is out of reach. */
static void rules_in_any_order_allow_all_good_fills_and_no_others(void **state)
{
    (void)state;
    static byte_fill b;
    const int32_t lengths[][2] = {{1, 1}, {2, 2}, {3, 3}, {1, 3}, {4, 4}};
    for (size_t i = 0; i < COUNT(lengths); i++)
        for (pal_first first = PAL_FIRST_FREE; first <= PAL_FIRST_INSIDE; first++) {
            int32_t least = lengths[i][0], most = lengths[i][1], codes = 1;
            if (most == 4 && first == PAL_FIRST_INSIDE) continue; /* to save time */
            for (int32_t k = 0; k < most; k++) codes *= VOCAB;
            uint8_t *seen = calloc((size_t)codes, 1);
            assert_non_null(seen);
            byte_start(&b, 1, least, most, first);
            assert_int_equal(visit_pages(&b, seen, least, most, first), count_good_fills(least, most, first));
            free(seen);
        }
}

static void fills_of_random_networks_keep_all_rules(void **state)
{
    (void)state;
    static byte_fill b;
    for (pal_sampler sampler = PAL_FIRST_HITTING; sampler < PAL_SAMPLERS; sampler++)
        for (uint32_t draft = 0; draft < 200; draft++) {
            pal_first first = (pal_first)(draft % 3);
            int32_t least = draft & 4 ? 1 : 3;
            byte_start(&b, 2, least, 3, first);
            b.seed = SEED + draft;
            b.fill.options.sampler = sampler;
            b.fill.options.draft = draft;
            b.fill.options.top_k = draft & 8 ? 2 : 0;
            be_wild(&b.fill.options);
            while (pal_fill_step(&b.fill) == PAL_MORE) {
            }
            assert_true(is_good_fill(b.tokens, least, 3, first));
            assert_true(is_good_fill(b.tokens + 3, least, 3, first));
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
        while (pal_fill_step(&b.fill) == PAL_MORE) {
        }
        for (int32_t i = 0; i < 6; i++) assert_true(b.tokens[i] >= WORD && b.tokens[i] < MASK);
    }
}

/* A pinned byte that belongs to no character cannot be completed: the rest is filled all the same. */
static void pin_that_breaks_a_character_leaves_the_rest_fillable(void **state)
{
    (void)state;
    static byte_fill b;
    byte_start(&b, 1, 3, 3, PAL_FIRST_FREE);
    b.tokens[0] = 1; /* 0x80 */
    b.slot[0].pinned = true;
    b.slot[0].step = 0;
    b.fill.open--;
    while (pal_fill_step(&b.fill) == PAL_MORE) {
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
        while (pal_fill_step(&b.fill) == PAL_MORE) {
        }
        for (int32_t i = 0; i < 2; i++) assert_true(b.tokens[i] == INSIDE || b.tokens[i] == 0 /* 'A' */);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_and_pinned_tokens_never_move),
        cmocka_unit_test(empty_is_always_a_suffix_of_its_blank),
        cmocka_unit_test(empty_ends_its_blank_in_the_same_step),
        cmocka_unit_test(places_drawn_together_are_drawn_in_order_of_position),
        cmocka_unit_test(empty_in_a_blank_of_fixed_length_is_never_drawn),
        cmocka_unit_test(padded_hole_with_true_conditionals_keeps_the_law_of_words_and_length),
        cmocka_unit_test(evaluation_is_skipped_when_nothing_changed),
        cmocka_unit_test(ancestral_drawn_evaluates_as_often_as_the_formula_says),
        cmocka_unit_test(place_opened_after_the_last_step_is_filled),
        cmocka_unit_test(slot_notes_probability_step_and_alternatives),
        cmocka_unit_test(rules_in_any_order_allow_all_good_fills_and_no_others),
        cmocka_unit_test(fills_of_random_networks_keep_all_rules),
        cmocka_unit_test(byte_pieces_without_the_option_are_never_drawn),
        cmocka_unit_test(pin_that_breaks_a_character_leaves_the_rest_fillable),
        cmocka_unit_test(rules_that_the_vocabulary_cannot_keep_are_not_imposed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
