/* test_session_board.c - boards as pages: how they are written, filled, pinned and rewound, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board_file.h"
#include "network/board_runner.h"
#include "session_testing.h"
#include "text/samplers/samplers.h"

#include <math.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static unsigned char *network;

static int open_boards(void **state)
{
    static const board_spec usual = {0};
    size_t size;
    (void)state;
    network = board_file(&usual, &size);
    return pal_model_open(&model, network, size, 0, NULL);
}

static int close_boards(void **state)
{
    close_model(state);
    free(network);
    return 0;
}

static void expect_text(const lent *l, const char *expected)
{
    char text[MAX_TEXT];
    const size_t size = pal_session_text(l->session, text, sizeof text);
    if (size != strlen(expected) || memcmp(text, expected, size))
        fail_msg("%.*s instead of %s", (int)size, text, expected);
}

static void expect_error(const char *page, const pal_infill_options *o, pal_status status, size_t offset,
                         const char *text)
{
    lent l;
    pal_error err = {0};
    assert_int_equal(try_start(&l, model, page, strlen(page), o, &err), status);
    if (!strstr(err.text, text)) fail_msg("\"%s\" is not in \"%s\"", text, err.text);
    if (err.offset != offset) fail_msg("%s: byte %u", page, (unsigned)err.offset);
}

/* ---- notation --------------------------------------------------------------------------------------- */

static void boards_of_all_shapes_are_read_and_written_as_cells_alone(void **state)
{
    (void)state;
    static const char *const shapes[] = {"1..42....3..4..1", "1__4 2000\n0300 4__1\n",
                                         "1.|.4\n2.|..\n--+--\n.3|..\n4.|.1\r\n", "+----+\n|10 04|\t2..._3__4..1"};
    const pal_infill_options o = pal_infill_defaults();
    for (size_t i = 0; i < COUNT(shapes); i++) {
        lent l = start(shapes[i], &o);
        expect_text(&l, "1..42....3..4..1");
        assert_int_equal(pal_session_blanks(l.session), 10);
        end(&l);
    }
}

static void boards_that_are_wrong_are_refused_at_the_byte(void **state)
{
    (void)state;
    const pal_infill_options o = pal_infill_defaults();
    expect_error("1..42....3..4..", &o, PAL_E_TEXT, 15, "fewer than 16 cells");
    expect_error("", &o, PAL_E_TEXT, 0, "fewer than 16 cells");
    expect_error("1..42....3..4..1 .", &o, PAL_E_TEXT, 17, "more than 16 cells");
    expect_error("1..42.a..3..4..1", &o, PAL_E_TEXT, 6, "only the digits 1 to 4");
    expect_error("1..42.5..3..4..1", &o, PAL_E_TEXT, 6, "only the digits 1 to 4");
    expect_error("1..42.[[1]]3..4..1", &o, PAL_E_TEXT, 6, "only the digits 1 to 4");
}

/* ---- filling ---------------------------------------------------------------------------------------- */

static void fill_all(lent *l)
{
    pal_status s;
    while ((s = pal_step(l->session, NULL)) == PAL_MORE) continue;
    assert_int_equal(s, PAL_OK);
}

static void every_sampler_of_masks_fills_all_cells_and_keeps_the_given_ones(void **state)
{
    (void)state;
    static const char page[] = "1..42....3..4..1";
    int samplers = 0;
    for (int sampler = 0; sampler < PAL_SAMPLERS; sampler++) {
        pal_infill_options o = pal_infill_defaults();
        o.sampler = (pal_sampler)sampler;
        if (pal_sampler_about(o.sampler)->scores) {
            expect_error(page, &o, PAL_E_OPTION, SIZE_MAX, "this sampler is for networks that compute scores");
            continue;
        }
        if (pal_sampler_about(o.sampler)->steps) o.steps = 5;
        char text[17] = "";
        lent l = start(page, &o);
        fill_all(&l);
        assert_int_equal(pal_session_text(l.session, text, sizeof text), 16);
        for (int i = 0; i < 16; i++)
            assert_true(page[i] == '.' ? text[i] >= '1' && text[i] <= '4' : text[i] == page[i]);
        end(&l);
        samplers++;
    }
    assert_int_equal(samplers, 10);
}

static void open_cells_are_points_places_are_cells_and_rewinds_repeat(void **state)
{
    (void)state;
    const pal_infill_options o = pal_infill_defaults();
    lent l = start("1..42....3..4..1", &o);
    pal_place places[10];
    char text[17] = "", whole[17] = "";
    for (int i = 0; i < 4; i++) pal_step(l.session, NULL);
    pal_session_text(l.session, text, sizeof text);
    assert_int_equal(pal_session_tokens(l.session, places, 10), 10);
    int open = 0;
    for (int i = 0; i < 10; i++) {
        const char c = text[places[i].offset];
        assert_int_equal(places[i].bytes, 1);
        assert_int_equal(places[i].blank, i);
        assert_true(places[i].step < 0 ? c == '.' && places[i].id == -1 : c == '0' + places[i].id);
        open += places[i].step < 0;
    }
    assert_int_equal(open, 6);
    fill_all(&l);
    pal_session_text(l.session, whole, sizeof whole);
    assert_int_equal(pal_session_rewind(l.session, 4, NULL), PAL_OK);
    expect_text(&l, text);
    fill_all(&l);
    expect_text(&l, whole);
    end(&l);
}

static void pins_are_given_cells(void **state)
{
    (void)state;
    const pal_pin pin = {.blank = 3, .index = 0, .id = 2}; /* the fourth open cell */
    pal_infill_options o = pal_infill_defaults();
    lent given = start("1..42.2..3..4..1", &o);
    o.pins = &pin;
    o.pin_count = 1;
    lent pinned = start("1..42....3..4..1", &o);
    pal_error err;
    expect_text(&pinned, "1..42.2..3..4..1");
    assert_int_equal(pal_session_pin(pinned.session, 0, 0, 5, &err), PAL_E_OPTION);
    fill_all(&given);
    fill_all(&pinned);
    char text[17] = "";
    pal_session_text(given.session, text, sizeof text);
    expect_text(&pinned, text);
    end(&given);
    end(&pinned);
}

static void more_loops_are_another_answer_and_a_full_board_is_done(void **state)
{
    (void)state;
    pal_infill_options o = pal_infill_defaults();
    o.temperature = 0.0;
    float probability[2];
    for (int i = 0; i < 2; i++) {
        pal_place place[16];
        o.loops = i ? 7 : 1;
        lent l = start("................", &o);
        pal_step(l.session, NULL);
        pal_session_tokens(l.session, place, 16);
        for (int k = 0; k < 16; k++)
            if (place[k].step > 0) probability[i] = place[k].probability;
        end(&l);
    }
    assert_true(probability[0] < probability[1] || probability[0] > probability[1]);
    lent full = start("1234341221434321", &o);
    assert_int_equal(pal_step(full.session, NULL), PAL_OK);
    expect_text(&full, "1234341221434321");
    assert_int_equal(pal_session_progress(full.session).evaluations, 0);
    end(&full);
}

/* ---- distributions ---------------------------------------------------------------------------------- */

enum { CELL_A = 5, CELL_B = 10 }; /* the open cells of the board below */
static const int32_t two_open[16] = {1, 2, 3, 4, 3, 0, 1, 2, 2, 1, 0, 3, 4, 3, 2, 1};

/* p[d - 1] := probabilities of the digits at `cell` of a board. */
static void probabilities(const pal_predictor *p, const int32_t *tokens, int cell, double probs[4])
{
    float logits[5];
    double sum = 0.0;
    p->evaluate(p->context, &(pal_query){.n = 16, .tokens = tokens, .count = 1, .at = &cell});
    assert_true(p->logits(p->context, &cell, 1, logits));
    for (int d = 0; d < 4; d++) sum += probs[d] = exp((double)logits[d + 1]);
    for (int d = 0; d < 4; d++) probs[d] /= sum;
}

/* joint[4 a + b] += share * P(first cell) P(second cell | first). */
static void add_order(const pal_predictor *p, int first, int second, double share, double joint[16])
{
    double one[4], two[4];
    probabilities(p, two_open, first, one);
    for (int d = 0; d < 4; d++) {
        int32_t tokens[16];
        memcpy(tokens, two_open, sizeof tokens);
        tokens[first] = d + 1;
        probabilities(p, tokens, second, two);
        for (int e = 0; e < 4; e++) joint[first == CELL_A ? 4 * d + e : 4 * e + d] += share * one[d] * two[e];
    }
}

/* How often each pair of digits is drawn, in `draws` drafts. */
static void draw_pairs(pal_sampler sampler, int draws, int count[16])
{
    pal_infill_options o = pal_infill_defaults();
    o.sampler = sampler;
    o.temperature = 1.0;
    lent l = start("12343.1221.34321", &o);
    char text[17] = "";
    memset(count, 0, 16 * sizeof *count);
    for (int i = 0; i < draws; i++) {
        pal_session_reseed(l.session, 5, (uint32_t)i);
        pal_session_rewind(l.session, 0, NULL);
        fill_all(&l);
        pal_session_text(l.session, text, sizeof text);
        count[4 * (text[CELL_A] - '1') + text[CELL_B] - '1']++;
    }
    end(&l);
}

/* The exact distributions of two open cells: random order, and the more certain cell first (fixed, as only one is more
 * certain).  Chi-squared with 15 degrees of freedom exceeds 45 once in 10,000 times; the seed is fixed. */
static void two_cells_have_the_documented_distributions(void **state)
{
    (void)state;
    enum { DRAWS = 4000 };
    pal_board_runner runner;
    pal_arena arena = {0};
    size_t bytes;
    pal_board_runner_layout(&runner, model, &arena);
    assert_true(pal_arena_bytes(&arena, &bytes));
    void *block = malloc(bytes);
    arena = pal_arena_in(block);
    pal_board_runner_layout(&runner, model, &arena);
    const pal_predictor p = pal_board_runner_start(&runner, 0);
    double a[4], b[4], most_a = 0.0, most_b = 0.0;
    probabilities(&p, two_open, CELL_A, a);
    probabilities(&p, two_open, CELL_B, b);
    for (int d = 0; d < 4; d++) most_a = fmax(most_a, a[d]), most_b = fmax(most_b, b[d]);
    for (int which = 0; which < 2; which++) {
        double joint[16] = {0}, chi = 0.0;
        int count[16];
        const double share = which ? (most_a > most_b ? 1.0 : 0.0) : 0.5;
        add_order(&p, CELL_A, CELL_B, share, joint);
        add_order(&p, CELL_B, CELL_A, 1.0 - share, joint);
        draw_pairs(which ? PAL_CONFIDENCE : PAL_FIRST_HITTING, DRAWS, count);
        for (int i = 0; i < 16; i++) chi += pow(count[i] - (double)DRAWS * joint[i], 2.0) / ((double)DRAWS * joint[i]);
        if (!(chi < 45.0)) fail_msg("sampler %d: chi-squared %g", which, chi);
    }
    pal_arena_return(&arena);
    free(block);
}

/* ---- what is refused -------------------------------------------------------------------------------- */

static void options_of_texts_are_refused(void **state)
{
    (void)state;
    static const char page[] = "1..42....3..4..1";
    const pal_infill_options usual = pal_infill_defaults();
    pal_infill_options o[9];
    for (size_t i = 0; i < COUNT(o); i++) o[i] = usual;
    o[0].document = true;
    o[1].borders = false;
    o[2].window = false;
    o[3].window_length = 300;
    o[4].byte_pieces = true;
    o[5].empty_token = 1;
    o[6].free_max = 4;
    o[7].repetition_penalty = 1.5;
    o[8].loops = 65;
    for (size_t i = 0; i < COUNT(o); i++)
        expect_error(page, &o[i], PAL_E_OPTION, SIZE_MAX, i < 8 ? "of texts: this model fills boards" : "loops");
}

static void calls_of_texts_are_refused_in_the_same_words(void **state)
{
    (void)state;
    static const char said[] = "the model fills boards of Sudoku (infill): it has no texts and no tokenizer";
    const pal_infill_options o = pal_infill_defaults();
    const pal_sequence_options sequence = pal_sequence_defaults();
    const pal_score_options score = {.seed = 1};
    const int32_t token = 1, at = 0;
    float logits[5];
    pal_score_result result;
    size_t size;
    pal_error err[5] = {0};
    assert_int_equal(pal_tokenize(model, "1", 1, 0, NULL, 0, &size, &err[0]), PAL_E_UNSUPPORTED);
    assert_int_equal(pal_logits(model, &token, 1, &at, 1, logits, &err[1]), PAL_E_UNSUPPORTED);
    assert_int_equal(pal_score(model, "12", 2, &score, &result, &err[2]), PAL_E_UNSUPPORTED);
    assert_int_equal(pal_together_bytes(model, 16, &size, &err[3]), PAL_E_UNSUPPORTED);
    assert_int_equal(pal_sequence_bytes(model, &sequence, &size, &err[4]), PAL_E_UNSUPPORTED);
    for (int i = 0; i < 5; i++) assert_string_equal(err[i].text, said);
    size = 0;
    assert_memory_equal(pal_token_piece(model, 4, &size), "4", 1);
    assert_int_equal(size, 1);
    assert_null(pal_token_piece(model, 0, &size));
    assert_null(pal_token_piece(model, 5, &size));
    pal_model *texts = open_test_model("tiny-infill");
    pal_infill_options loops = o;
    loops.loops = 4;
    assert_int_equal(pal_session_bytes(texts, "[[1]]", 5, &loops, &size, &err[0]), PAL_E_OPTION);
    assert_string_equal(err[0].text, "loops is an option of models of boards: this model fills texts");
    pal_model_close(texts);
}

static void weights_that_are_not_finite_give_an_error_and_undo_the_step(void **state)
{
    (void)state;
    static const board_spec usual = {0};
    size_t size;
    pal_model *m, *good = model;
    unsigned char *whole = board_file(&usual, &size);
    const float nan = NAN;
    memcpy(whole + size - sizeof nan, &nan, sizeof nan); /* in output.weight, the last tensor */
    assert_int_equal(pal_model_open(&m, whole, size, 0, NULL), PAL_OK);
    const pal_infill_options o = pal_infill_defaults();
    model = m;
    lent l = start("1..42....3..4..1", &o);
    pal_error err;
    assert_int_equal(pal_step(l.session, &err), PAL_E_FORMAT);
    expect_text(&l, "1..42....3..4..1");
    end(&l);
    model = good;
    pal_model_close(m);
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boards_of_all_shapes_are_read_and_written_as_cells_alone),
        cmocka_unit_test(boards_that_are_wrong_are_refused_at_the_byte),
        cmocka_unit_test(every_sampler_of_masks_fills_all_cells_and_keeps_the_given_ones),
        cmocka_unit_test(open_cells_are_points_places_are_cells_and_rewinds_repeat),
        cmocka_unit_test(pins_are_given_cells),
        cmocka_unit_test(more_loops_are_another_answer_and_a_full_board_is_done),
        cmocka_unit_test(two_cells_have_the_documented_distributions),
        cmocka_unit_test(options_of_texts_are_refused),
        cmocka_unit_test(calls_of_texts_are_refused_in_the_same_words),
        cmocka_unit_test(weights_that_are_not_finite_give_an_error_and_undo_the_step),
    };
    return cmocka_run_group_tests(tests, open_boards, close_boards);
}
