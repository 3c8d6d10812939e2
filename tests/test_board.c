/* test_board.c - networks of boards against float64, their bits on every instruction set, and files that are refused.
 *
 * tests/golden/arch has random networks for boards of 9 x 9 and 4 x 4, and the logits that an independent forward pass
 * computes (tools/make_board_golden.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch_testing.h"
#include "board_file.h"
#include "network/board_runner.h"

#include <math.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static pal_model *open_golden(const char *name, unsigned flags)
{
    char path[1024];
    pal_model *model;
    pal_error err = {0};
    snprintf(path, sizeof path, "%s/tests/golden/arch/%s.gguf", PAL_SOURCE_DIR, name);
    if (pal_model_open_file(&model, path, flags, &err)) fail_msg("%s: %s", path, err.text);
    return model;
}

/* A runner in a block that holds anything before. */
typedef struct {
    pal_board_runner runner;
    pal_predictor predictor;
    pal_arena arena;
    void *block;
} evaluator;

static void evaluator_start(evaluator *e, const pal_model *m, int loops)
{
    pal_arena arena = {0};
    size_t bytes;
    pal_board_runner_layout(&e->runner, m, &arena);
    assert_true(pal_arena_bytes(&arena, &bytes));
    e->block = malloc(bytes);
    assert_non_null(e->block);
    memset(e->block, 0xff, bytes);
    e->arena = pal_arena_in(e->block);
    pal_board_runner_layout(&e->runner, m, &e->arena);
    e->predictor = pal_board_runner_start(&e->runner, loops);
}

static void evaluator_end(evaluator *e)
{
    pal_arena_return(&e->arena);
    free(e->block);
}

/* Logits [cells, size + 1] of all cells. */
static float *evaluated(evaluator *e, const int32_t *tokens)
{
    const int cells = e->runner.net->cells;
    const pal_predictor *p = &e->predictor;
    float *logits = malloc((size_t)cells * (size_t)p->vocab * sizeof *logits);
    int *at = malloc((size_t)cells * sizeof *at);
    assert_true(logits && at);
    for (int i = 0; i < cells; i++) at[i] = i;
    p->evaluate(p->context, &(pal_query){.n = cells, .tokens = tokens, .count = cells, .at = at});
    assert_true(p->logits(p->context, at, cells, logits));
    free(at);
    return logits;
}

static float *logits_after(const pal_model *m, const int32_t *tokens, int loops)
{
    evaluator e;
    evaluator_start(&e, m, loops);
    float *logits = evaluated(&e, tokens);
    evaluator_end(&e);
    return logits;
}

static size_t logits_bytes(const pal_model *m)
{
    return (size_t)m->board->cells * (size_t)(m->board->size + 1) * sizeof(float);
}

/* The scalar code's logits, which every instruction set must give too. */
static float *same_after(pal_model *m, const int32_t *tokens, int loops)
{
    assert_int_equal(pal_model_use_isa(m, "scalar", NULL), PAL_OK);
    float *scalar = logits_after(m, tokens, loops);
    for (int i = 1; i < ISAS; i++) {
        if (pal_model_use_isa(m, isas[i], NULL)) continue;
        float *other = logits_after(m, tokens, loops);
        if (memcmp(scalar, other, logits_bytes(m))) fail_msg("%s differs", isas[i]);
        free(other);
    }
    return scalar;
}

/* ---- against float64 -------------------------------------------------------------------------------- */

/* Random layers make differences grow with every loop; after 16 loops 1e-4 of the largest logit is far above what rounding
 * gives and far below what a wrong term gives. */
static void expect_near(const float *logits, const golden *g, const char *name)
{
    double worst = 0.0, largest = 0.0;
    for (int32_t i = 0; i < g->n; i++)
        for (int32_t d = 0; d < g->columns; d++) {
            const double right = g->logits[i * g->columns + d];
            const double off = fabs((double)logits[i * (g->columns + 1) + d + 1] - right);
            if (!(off <= worst)) worst = off;
            if (fabs(right) > largest) largest = fabs(right);
        }
    print_message("    %s: largest difference %.1e of the largest logit\n", name, worst / largest);
    if (!(worst <= 1e-4 * largest)) fail_msg("%s: off by %g, largest %g", name, worst, largest);
}

static void logits_after_any_number_of_loops_are_near_float64_on_every_instruction_set(void **state)
{
    (void)state;
    static const char *const names[] = {"sudoku", "sudoku-4"};
    static const int loops[] = {1, 2, 5, 16};
    for (size_t i = 0; i < COUNT(names); i++) {
        pal_model *m = open_golden(names[i], 0);
        for (size_t k = 0; k < COUNT(loops); k++) {
            char path[64];
            snprintf(path, sizeof path, "%s.%d", names[i], loops[k]);
            golden g = golden_of(path);
            assert_int_equal(g.n, m->board->cells);
            assert_int_equal(g.columns, m->board->size);
            float *logits = same_after(m, g.tokens, loops[k]);
            expect_near(logits, &g, path);
            free(logits);
            golden_drop(&g);
        }
        pal_model_close(m);
    }
}

static void an_evaluation_depends_on_the_board_alone_and_the_default_is_the_files_number_of_loops(void **state)
{
    (void)state;
    pal_model *m = open_golden("sudoku", 0);
    golden g = golden_of("sudoku.5");
    int32_t other[81] = {0};
    evaluator e;
    evaluator_start(&e, m, 0);
    float *first = evaluated(&e, g.tokens), *between = evaluated(&e, other), *again = evaluated(&e, g.tokens);
    float *four = logits_after(m, g.tokens, 4), *five = logits_after(m, g.tokens, 5);
    assert_int_equal(pal_model_info(m)->loops, 4);
    assert_memory_equal(first, again, logits_bytes(m));
    assert_memory_equal(first, four, logits_bytes(m));
    assert_memory_not_equal(first, between, logits_bytes(m));
    assert_memory_not_equal(first, five, logits_bytes(m));
    free(first), free(between), free(again), free(four), free(five);
    evaluator_end(&e);
    golden_drop(&g);
    pal_model_close(m);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    pal_model *m = open_golden("sudoku", 0);
    golden g = golden_of("sudoku.2");
    float *one = logits_after(m, g.tokens, 2);
    for (int threads = 2; threads < 4; threads++) {
        assert_int_equal(pal_model_use_threads(m, threads, NULL), PAL_OK);
        float *several = logits_after(m, g.tokens, 2);
        assert_memory_equal(one, several, logits_bytes(m));
        free(several);
    }
    free(one);
    golden_drop(&g);
    pal_model_close(m);
}

static bool append_file(void *context, const void *data, size_t size)
{
    return append(context, data, size);
}

static void quantised_networks_have_the_same_bits_on_every_instruction_set(void **state)
{
    (void)state;
    static const char *const types[] = {"F16", "Q8_0", "Q4_0"};
    golden g = golden_of("sudoku.2");
    pal_model *stored = open_golden("sudoku", PAL_OPEN_AS_STORED);
    for (size_t i = 0; i < COUNT(types); i++) {
        buffer written = {0};
        pal_model *m;
        pal_error err = {0};
        if (pal_model_quantize(stored, types[i], append_file, &written, &err)) fail_msg("%s", err.text);
        file f = aligned_file(written);
        if (pal_model_open(&m, f.data, f.size, 0, &err) || !m->board) fail_msg("%s: %s", types[i], m->net_error.text);
        free(same_after(m, g.tokens, 2));
        pal_model_close(m);
        free(f.block);
    }
    pal_model_close(stored);
    golden_drop(&g);
}

/* ---- files that are refused ------------------------------------------------------------------------- */

static void expect_refused(const board_spec *o, const char *text)
{
    pal_model *m;
    pal_error err = {0};
    size_t size;
    unsigned char *whole = board_file(o, &size);
    assert_int_equal(pal_model_open(&m, whole, size, 0, &err), PAL_OK);
    if (m->board) fail_msg("not refused: %s", text);
    if (!strstr(m->net_error.text, text)) fail_msg("\"%s\" is not in \"%s\"", text, m->net_error.text);
    assert_false(pal_model_info(m)->can_infill);
    assert_string_equal(pal_model_info(m)->why_not, m->net_error.text);
    pal_model_close(m);
    free(whole);
}

static void tensors_that_are_missing_misshapen_or_unknown_are_named(void **state)
{
    (void)state;
    static const board_spec usual = {0};
    ddit_tensor all[BOARD_TENSORS];
    const size_t count = board_tensors(&usual, all);
    for (size_t i = 0; i < count; i++) {
        char text[128];
        snprintf(text, sizeof text, "a tensor of the network is missing: %s", all[i].name);
        expect_refused(&(board_spec){.without = all[i].name}, text);
        snprintf(text, sizeof text, "a tensor of the network has the wrong shape: %s", all[i].name);
        expect_refused(&(board_spec){.misshapen = all[i].name}, text);
    }
    expect_refused(&(board_spec){.extra = "blk.0.attn_q.bias"},
                   "not supported for this architecture: blk.0.attn_q.bias");
    expect_refused(&(board_spec){.extra = "blk.1.attn_norm.weight"}, "blk.1.attn_norm.weight");
}

static void causal(image *m)
{
    image_key(m, "sudoku.attention.causal", PAL_GGUF_BOOL);
    image_put(m, "\1", 1);
}

static void two_boxes(image *m)
{
    image_key_u32(m, "sudoku.box", 3);
}

static void keys_that_are_missing_out_of_range_or_contradict_each_other_are_named(void **state)
{
    (void)state;
    static const struct {
        board_spec o;
        const char *text;
    } cases[] = {{{.key = "box"}, "box is missing or not 2 or 3 (sudoku.box is absent)"},
                 {{.key = "box", .value = 1}, "box is not 2 or 3 (sudoku.box is 1)"},
                 {{.key = "box", .value = 4}, "box is missing or not 2 or 3 (sudoku.box is 4)"},
                 {{.key = "box", .value = 3}, "wrong shape: token_embd.weight"},
                 {{.key = "embedding_length"}, "embedding_length is missing"},
                 {{.key = "embedding_length", .value = 1 << 30}, "embedding_length is missing or not 1 to 4096"},
                 {{.key = "block_count", .value = 200}, "block_count is larger than the tensors of the file allow"},
                 {{.key = "block_count", .value = 2}, "missing: blk.1."},
                 {{.key = "attention.head_count", .value = 3}, "embedding_length is not a multiple of"},
                 {{.key = "feed_forward_length"}, "feed_forward_length is missing"},
                 {{.key = "loop_count"}, "loop_count is missing or not 1 to 64"},
                 {{.key = "loop_count", .value = 65}, "loop_count is missing or not 1 to 64"},
                 {{.key = "max_loop_count", .value = 2}, "max_loop_count is below loop_count"},
                 {{.key = "context_length", .value = 81}, "context_length contradicts sudoku.box"},
                 {{.key = "vocab_size", .value = 10}, "vocab_size contradicts sudoku.box"},
                 {{.key = "attention.head_count_kv", .value = 1}, "grouped heads are not supported"},
                 {{.key = "expert_count", .value = 4}, "a variant of its network that is not supported"},
                 {{.keys = causal}, "attention of this architecture is never causal"},
                 {{.keys = two_boxes}, "sudoku.box"}};
    for (size_t i = 0; i < COUNT(cases); i++) expect_refused(&cases[i].o, cases[i].text);
}

static void a_small_file_that_is_right_opens(void **state)
{
    (void)state;
    static const board_spec usual = {.key = "context_length", .value = 16};
    pal_model *m;
    size_t size;
    unsigned char *whole = board_file(&usual, &size);
    assert_int_equal(pal_model_open(&m, whole, size, 0, NULL), PAL_OK);
    if (!m->board) fail_msg("%s", m->net_error.text);
    const pal_info *i = pal_model_info(m);
    assert_int_equal(i->board, 4);
    assert_int_equal(i->loops, 3);
    assert_true(i->can_infill && !i->can_tokenize && !i->can_score && !i->can_generate && !i->free_length);
    assert_null(i->why_not);
    pal_model_close(m);
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_after_any_number_of_loops_are_near_float64_on_every_instruction_set),
        cmocka_unit_test(an_evaluation_depends_on_the_board_alone_and_the_default_is_the_files_number_of_loops),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(quantised_networks_have_the_same_bits_on_every_instruction_set),
        cmocka_unit_test(tensors_that_are_missing_misshapen_or_unknown_are_named),
        cmocka_unit_test(keys_that_are_missing_out_of_range_or_contradict_each_other_are_named),
        cmocka_unit_test(a_small_file_that_is_right_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
