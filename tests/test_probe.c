/* test_probe.c - which tokens can never be the most probable one: planted tokens, proofs, and a linear program. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "lp_testing.h"
#include "probe_testing.h"

/* Su Jianlin's example (kexue.fm 9046): the fifth row is the mean of the others' hull, and never the largest. */
static void the_worked_example_has_one_unpredictable_token(void **state)
{
    static const float example[] = {1, 2, 2, 1, 1, 0, 0, 1, 1, 1};
    const pal_output_rows l = {.tokens = 5, .width = 2, .rows = example};
    (void)state;
    pal_probing *job = probe_rows(&l, NULL);
    for (int32_t id = 0; id < 4; id++) assert_int_equal(state_of(job, id), PAL_TOKEN_PREDICTABLE);
    const pal_probed_token t = pal_probing_token(job, 4);
    assert_int_equal(t.state, PAL_TOKEN_UNPREDICTABLE);
    assert_true(t.residual <= 1e-9);
    assert_true(t.dominating == 2 || t.dominating == 3);
    assert_true(t.weight[0] >= t.weight[1]);
    const pal_probe_progress p = pal_probing_progress(job);
    assert_int_equal(p.tokens, 5);
    assert_int_equal(p.drawn[PAL_TOKEN_UNPREDICTABLE], 1);
    assert_false(p.bounded || p.centred || p.biased);
    pal_probing_end(job);
}

/* Appending the bias to the rows would be wrong: (0, 0) is not in the hull of (0, 1) alone. */
static void a_larger_bias_of_the_same_row_dominates(void **state)
{
    (void)state;
    memset(rows, 0, sizeof rows);
    biases[0] = 0.0f;
    biases[1] = 1.0f;
    const pal_output_rows l = layer_of(2, 1, true);
    pal_probing *job = probe_rows(&l, NULL);
    assert_int_equal(state_of(job, 0), PAL_TOKEN_UNPREDICTABLE);
    assert_int_equal(pal_probing_token(job, 0).id[0], 1);
    assert_int_equal(state_of(job, 1), PAL_TOKEN_PREDICTABLE);
    pal_probing_end(job);
}

/* Many rows of few widths, so that many tokens are in the hull of the others. */
static void every_state_agrees_with_a_linear_program(void **state)
{
    static const struct {
        int count, width;
    } cases[] = {{24, 2}, {60, 3}, {80, 4}, {70, 8}, {300, 8}, {80, 16}};
    (void)state;
    for (uint32_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int biased = 0; biased < 2; biased++) {
            int counts[PAL_TOKEN_STATES] = {0};
            fill_rows(10 + c, cases[c].count, cases[c].width);
            for (int i = 0; i < cases[c].count; i += 3) /* shorter rows are predictable more rarely */
                for (int d = 0; d < cases[c].width; d++) rows[i * cases[c].width + d] *= 0.3f;
            const pal_output_rows l = layer_of(cases[c].count, cases[c].width, biased);
            pal_probing *job = probe_rows(&l, NULL);
            for (int id = 0; id < l.tokens; id++) {
                const bool possible = lp_lead(rows, l.bias, l.tokens, l.width, id) > 1e-9;
                assert_int_equal(state_of(job, id), possible ? PAL_TOKEN_PREDICTABLE : PAL_TOKEN_UNPREDICTABLE);
                counts[state_of(job, id)]++;
            }
            assert_true(counts[PAL_TOKEN_PREDICTABLE] > 3);
            if (c < 5) assert_true(counts[PAL_TOKEN_UNPREDICTABLE] > 3);
            pal_probing_end(job);
        }
}

/* Token 0 is inside the hull of all others, near a vertex or near the middle; token 1 is outside again, by its bias. */
static void planted_tokens_are_found_in_8_to_64_dimensions(void **state)
{
    static const int widths[] = {8, 16, 32, 64};
    (void)state;
    for (uint32_t c = 0; c < 4; c++)
        for (int biased = 0; biased < 2; biased++) {
            const int width = widths[c], count = 4 * width + 10;
            fill_rows(30 + c, count, width);
            plant(width, 0, 2, count - 2, 0.9, -0.1);
            plant(width, 1, 2, count - 2, 0.9, 3.0);
            const pal_output_rows l = layer_of(count, width, biased);
            pal_probing *job = probe_rows(&l, NULL);
            assert_int_equal(state_of(job, 0), PAL_TOKEN_UNPREDICTABLE);
            assert_int_equal(state_of(job, 1), biased ? PAL_TOKEN_PREDICTABLE : PAL_TOKEN_UNPREDICTABLE);
            assert_int_equal(pal_probing_progress(job).drawn[PAL_TOKEN_UNDECIDED], 0);
            pal_probing_end(job);
        }
}

/* Degenerate: on an edge between two others; fewer rows than dimensions are no proof that all are predictable. */
static void the_middle_of_three_rows_on_a_line_is_unpredictable(void **state)
{
    (void)state;
    for (int width = 8; width <= MAX_COLS; width *= 2) {
        fill_rows(50, 6, width);
        for (int c = 0; c < width; c++) { /* multiples of 1/64: the mean is exact */
            rows[width + c] = (float)(c + 1) / 64.0f;
            rows[2 * width + c] = (float)(3 * c - 5) / 64.0f;
        }
        plant(width, 0, 1, 2, 1.0, 0.0);
        const pal_output_rows l = layer_of(6, width, false);
        pal_probing *job = probe_rows(&l, NULL);
        const pal_probed_token t = pal_probing_token(job, 0);
        assert_int_equal(t.state, PAL_TOKEN_UNPREDICTABLE);
        assert_int_equal(t.dominating, 2);
        assert_true(t.id[0] + t.id[1] == 3 && fabs(t.weight[0] - 0.5) < 1e-9);
        for (int id = 1; id < 6; id++) assert_int_equal(state_of(job, id), PAL_TOKEN_PREDICTABLE);
        pal_probing_end(job);
    }
}

/* All rows on a sphere are vertices. */
static void rows_of_equal_length_are_predictable(void **state)
{
    (void)state;
    fill_rows(60, 300, 8);
    for (int i = 0; i < 300; i++) {
        double size = 0.0;
        for (int c = 0; c < 8; c++) size += (double)rows[i * 8 + c] * (double)rows[i * 8 + c];
        for (int c = 0; c < 8; c++) rows[i * 8 + c] = (float)((double)rows[i * 8 + c] / sqrt(size));
    }
    for (int biased = 0; biased < 2; biased++) {
        const pal_output_rows l = layer_of(300, 8, biased);
        pal_probing *job = probe_rows(&l, NULL);
        assert_int_equal(pal_probing_progress(job).drawn[PAL_TOKEN_PREDICTABLE], 300);
        pal_probing_end(job);
    }
}

static void the_same_rows_are_ties(void **state)
{
    (void)state;
    fill_rows(70, 40, 8);
    plant(8, 5, 0, 1, 1.0, 0.0); /* 5 as 0; 7 and 9 as 2, which is in the hull of others */
    plant(8, 2, 20, 20, 0.9, -1.0);
    plant(8, 7, 2, 1, 1.0, 0.0);
    plant(8, 9, 2, 1, 1.0, 0.0);
    plant(8, 11, 0, 1, 1.0, -0.5); /* the same row with a smaller bias */
    const pal_output_rows l = layer_of(40, 8, true);
    pal_probing *job = probe_rows(&l, NULL);
    assert_int_equal(state_of(job, 0), PAL_TOKEN_TIED);
    assert_int_equal(state_of(job, 5), PAL_TOKEN_TIED);
    assert_int_equal(pal_probing_token(job, 0).same_as, -1);
    assert_int_equal(pal_probing_token(job, 5).same_as, 0);
    assert_true(pal_probing_token(job, 0).lead == pal_probing_token(job, 5).lead);
    for (int32_t id = 2; id < 10; id += id == 2 ? 5 : 2) assert_int_equal(state_of(job, id), PAL_TOKEN_UNPREDICTABLE);
    assert_int_equal(pal_probing_token(job, 9).same_as, 2);
    assert_int_equal(state_of(job, 11), PAL_TOKEN_UNPREDICTABLE);
    pal_probing_end(job);
}

/* ---- hidden rows of bounded length ------------------------------------------------------------------- */

/* The largest lead of token k over a grid of the disc: the same by brute force. */
static double grid_lead(const pal_output_rows *l, int k, double *slack)
{
    enum { ANGLES = 720, LENGTHS = 40 };
    double best = -INFINITY;
    for (int a = 0; a < ANGLES; a++)
        for (int r = 0; r <= LENGTHS; r++) {
            double hidden[2], lead = INFINITY;
            pal_sincos(a * 6.283185307179586 / ANGLES, &hidden[1], &hidden[0]);
            for (int c = 0; c < 2; c++) hidden[c] *= l->radius * r / LENGTHS;
            for (int i = 0; i < l->tokens; i++)
                if (i != k) lead = fmin(lead, logit_of(l, k, hidden) - logit_of(l, i, hidden));
            best = fmax(best, lead);
        }
    *slack = 6.0 * l->radius * 0.03; /* the distance to the next point of the grid, times the longest difference */
    return best;
}

static void bounded_hidden_rows_agree_with_a_grid(void **state)
{
    int counts[PAL_TOKEN_STATES] = {0}, free_counts[PAL_TOKEN_STATES] = {0};
    (void)state;
    for (uint32_t run = 0; run < 8; run++) {
        fill_rows(80 + run, 12, 2);
        pal_output_rows l = layer_of(12, 2, true);
        l.radius = 0.7;
        pal_probing *job = probe_rows(&l, NULL), *any = probe_rows(&(pal_output_rows){12, 2, rows, biases, 0, 0}, NULL);
        for (int k = 0; k < 12; k++) {
            double slack;
            const double lead = grid_lead(&l, k, &slack);
            if (lead > 0.0) assert_int_equal(state_of(job, k), PAL_TOKEN_PREDICTABLE);
            if (lead < -slack) assert_int_equal(state_of(job, k), PAL_TOKEN_UNPREDICTABLE);
            counts[state_of(job, k)]++;
            free_counts[state_of(any, k)]++;
        }
        assert_true(pal_probing_progress(job).bounded && pal_probing_progress(job).biased);
        pal_probing_end(job);
        pal_probing_end(any);
    }
    assert_int_equal(counts[PAL_TOKEN_UNDECIDED] + free_counts[PAL_TOKEN_UNDECIDED], 0);
    assert_true(counts[PAL_TOKEN_UNPREDICTABLE] > free_counts[PAL_TOKEN_UNPREDICTABLE]); /* the bound matters */
}

/* In 8 and 32 dimensions: without a limit nothing is lost, with a small one small biases are. */
static void a_small_limit_makes_small_biases_unpredictable(void **state)
{
    (void)state;
    for (int width = 8; width <= 32; width *= 4) {
        fill_rows(90, 60, width);
        for (int i = 0; i < 60; i++) biases[i] = i < 10 ? -40.0f : 0.0f;
        pal_output_rows l = layer_of(60, width, true);
        l.radius = 1.0;
        pal_probing *job = probe_rows(&l, NULL);
        for (int i = 0; i < 10; i++) assert_int_equal(state_of(job, i), PAL_TOKEN_UNPREDICTABLE);
        assert_int_equal(pal_probing_progress(job).drawn[PAL_TOKEN_UNDECIDED], 0);
        pal_probing_end(job);
        const pal_probe_options any = {.rounds = 500, .any_hidden = true};
        assert_int_equal(pal_probing_start_rows(&job, &l, &any, NULL), PAL_OK);
        while (pal_probing_step(job, NULL) == PAL_MORE) continue;
        for (int i = 0; i < 60; i++)
            assert_int_equal(state_of(job, i), lp_lead(rows, biases, 60, width, i) > 1e-9 ? PAL_TOKEN_PREDICTABLE
                                                                                          : PAL_TOKEN_UNPREDICTABLE);
        pal_probing_end(job);
    }
}

/* After a LayerNorm the mean of a row is not seen: two rows that differ only there are as one, and a row whose difference
 * from the others' hull is only there is in it. */
static void centred_hidden_rows_do_not_see_the_mean_of_a_row(void **state)
{
    (void)state;
    fill_rows(95, 60, 8);
    plant(8, 0, 1, 59, 0.9, 0.0);
    for (int c = 0; c < 8; c++) rows[c] += 50.0f;
    for (int centred = 0; centred < 2; centred++) {
        pal_output_rows l = layer_of(60, 8, false);
        l.radius = sqrt(8.0);
        l.centred = centred;
        pal_probing *job = probe_rows(&l, NULL);
        assert_int_equal(state_of(job, 0), centred ? PAL_TOKEN_UNPREDICTABLE : PAL_TOKEN_PREDICTABLE);
        assert_int_equal(pal_probing_progress(job).drawn[PAL_TOKEN_UNDECIDED], 0);
        pal_probing_end(job);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_example_has_one_unpredictable_token),
        cmocka_unit_test(a_larger_bias_of_the_same_row_dominates),
        cmocka_unit_test(every_state_agrees_with_a_linear_program),
        cmocka_unit_test(planted_tokens_are_found_in_8_to_64_dimensions),
        cmocka_unit_test(the_middle_of_three_rows_on_a_line_is_unpredictable),
        cmocka_unit_test(rows_of_equal_length_are_predictable),
        cmocka_unit_test(the_same_rows_are_ties),
        cmocka_unit_test(bounded_hidden_rows_agree_with_a_grid),
        cmocka_unit_test(a_small_limit_makes_small_biases_unpredictable),
        cmocka_unit_test(centred_hidden_rows_do_not_see_the_mean_of_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
