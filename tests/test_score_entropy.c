/* test_score_entropy.c - the likelihood bound of networks that compute scores, on a distribution that is small enough to
 * enumerate.  C08 is a ported reference check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "score_model.h"
#include "text/score_entropy.h"

static score_model m; /* the tests run one after the other */
static pal_scorer scorer;
static _Alignas(64) unsigned char block[1 << 14];

static void start(pal_graph graph)
{
    pal_arena arena = {.base = block};
    make(&m, graph, 5);
    scorer = (pal_scorer){.predictor = predictor_of(&m), .classes = &m.classes};
    pal_scorer_layout(&scorer, VOCAB, PLACES, &arena);
    assert_true(arena.used < sizeof block);
}

static void text_of(int32_t page, int32_t tokens[PLACES])
{
    for (int32_t i = 0; i < PLACES; i++) tokens[i] = token_of(&m, page, i);
}

static bool is_text(int32_t page)
{
    return m.joint[page] > 0.0;
}

/* ---- the absorbing graph ---------------------------------------------------------------------------- */

/* Gauss-Legendre's rule with 5 points on 0 .. 1: exact for the polynomials below. */
static const double points[] = {0.046910077030668, 0.230765344947158, 0.5, 0.769234655052842, 0.953089922969332};
static const double weights[] = {0.118463442528095, 0.239314335249683, 0.284444444444444, 0.239314335249683,
                                 0.118463442528095};

/* The integral of dm / m over all sets of masked places: in each term one m of the power cancels. */
static double absorbed_bound(const int32_t tokens[PLACES])
{
    double sum = 0.0;
    for (int set = 1; set < 1 << PLACES; set++)
        for (int p = 0; p < 5; p++) {
            int32_t k = 0;
            for (int32_t i = 0; i < PLACES; i++)
                if (set >> i & 1) scorer.order[k++] = i;
            const double share = points[p], chance = pow(share, k - 1) * pow(1.0 - share, PLACES - k);
            sum += weights[p] * chance * pal_score_absorbed(&scorer, tokens, PLACES, k, PLACES, share) * k / PLACES;
        }
    return sum;
}

static void the_absorbing_bound_of_the_exact_score_is_the_exact_value(void **state)
{
    (void)state;
    for (int scaled = 0; scaled < 2; scaled++) {
        start(PAL_GRAPH_ABSORB);
        m.noise.scaled = scaled;
        for (int32_t page = 0; page < m.pages; page++) {
            int32_t tokens[PLACES];
            if (!is_text(page)) continue;
            text_of(page, tokens);
            const double bound = absorbed_bound(tokens), exact = -log(m.joint[page]);
            /* float logits; unscaled ones are also wrong outside of the trained range, below a share of 0.001 */
            if (fabs(bound - exact) > 1e-5) fail_msg("%g instead of %g", bound, exact);
        }
    }
}

/* Scores that are all c times too large cost c - 1 - log c for each token. */
static void the_absorbing_bound_counts_scores_that_do_not_sum_to_one(void **state)
{
    (void)state;
    int32_t tokens[PLACES];
    start(PAL_GRAPH_ABSORB);
    text_of(1, tokens);
    assert_true(is_text(1));
    const double before = absorbed_bound(tokens);
    m.shift = log(1.7);
    const double after = absorbed_bound(tokens);
    assert_true(fabs(after - before - PLACES * (1.7 - 1.0 - log(1.7))) < 1e-5);
}

/* The bound is a mean over orders of -log p, which is at least -log of the mean, also for a wrong score. */
static void the_absorbing_bound_of_a_wrong_score_is_never_below_the_exact_value(void **state)
{
    (void)state;
    double all = 0.0;
    start(PAL_GRAPH_ABSORB);
    m.wrong = 0.8;
    for (int32_t page = 0; page < m.pages; page++) {
        int32_t tokens[PLACES];
        if (!is_text(page)) continue;
        text_of(page, tokens);
        all += exp(-absorbed_bound(tokens));
    }
    print_message("    the bounds give the texts %.4f of all probability\n", all);
    assert_true(all < 0.999 && all > 0.5);
}

/* ---- the uniform graph ------------------------------------------------------------------------------ */

enum { NODES = 600 };

/* The integral over sigma, by the midpoint rule in u with sigma = last * u^3, over all noised texts. */
static double uniform_bound(const int32_t tokens[PLACES])
{
    const double last = pal_noise_sigma(&m.noise, 1.0);
    double sum = PLACES * pal_score_divergence(&m.noise);
    for (int32_t i = 0; i < PLACES; i++) scorer.order[i] = i;
    for (int node = 0; node < NODES; node++) {
        const double u = (node + 0.5) / NODES, sigma = last * u * u * u, width = 3.0 * last * u * u / NODES;
        for (int32_t page = 0; page < m.pages; page++) {
            double chance = 1.0;
            for (int32_t i = 0; i < PLACES; i++)
                chance *= pal_noise_transition(&m.noise, sigma, tokens[i], token_of(&m, page, i));
            text_of(page, scorer.shown);
            sum += width * chance * pal_score_replaced(&scorer, tokens, PLACES, PLACES, sigma);
        }
    }
    return sum;
}

static void the_uniform_bound_of_the_exact_score_is_the_exact_value(void **state)
{
    (void)state;
    start(PAL_GRAPH_UNIFORM);
    for (int32_t page = 0; page < m.pages; page += 5) {
        int32_t tokens[PLACES];
        text_of(page, tokens);
        const double bound = uniform_bound(tokens), exact = -log(m.joint[page]);
        if (fabs(bound - exact) > 2e-3) fail_msg("%g instead of %g", bound, exact);
    }
}

/* The probability of texts under the reverse process of a score, in steps of sigma. */
static void reverse_process(double probs[MOST_PAGES])
{
    enum { STEPS = 3000 };
    const double last = pal_noise_sigma(&m.noise, 1.0);
    for (int32_t page = 0; page < m.pages; page++) probs[page] = 1.0 / m.pages;
    for (int step = 0; step < STEPS; step++) {
        const double from = 1.0 - (double)step / STEPS, to = 1.0 - (step + 1.0) / STEPS, half = (from + to) / 2.0;
        const double length = last * (from * from * from - to * to * to), sigma = last * half * half * half;
        double moved[MOST_PAGES] = {0.0};
        for (int32_t page = 0; page < m.pages; page++) {
            int32_t tokens[PLACES];
            float row[VOCAB];
            const int32_t rank[PLACES] = {0};
            const int at[PLACES] = {0, 1, 2};
            text_of(page, tokens);
            evaluate(&m, &(pal_query){PLACES, tokens, rank, pal_noise_share(sigma), PLACES, at, NULL});
            for (int32_t i = 0; i < PLACES; i++) {
                const int32_t own = tokens[i];
                logits(&m, &at[i], 1, row);
                for (int32_t id = 0; id < SYMBOLS; id++) {
                    if (id == own) continue;
                    const double flow = probs[page] * length * exp((double)row[id]) / SYMBOLS;
                    tokens[i] = id;
                    moved[page_of(&m, tokens)] += flow;
                    moved[page] -= flow;
                    tokens[i] = own;
                }
            }
        }
        for (int32_t page = 0; page < m.pages; page++) probs[page] += moved[page];
    }
}

/* C08 */
static void the_uniform_bound_of_a_wrong_score_is_never_below_the_exact_value(void **state)
{
    (void)state;
    double probs[MOST_PAGES], least = 1e9, mean = 0.0;
    int texts = 0;
    start(PAL_GRAPH_UNIFORM);
    m.wrong = 0.25;
    reverse_process(probs);
    for (int32_t page = 0; page < m.pages; page += 5, texts++) {
        int32_t tokens[PLACES];
        text_of(page, tokens);
        const double above = uniform_bound(tokens) + log(probs[page]);
        least = fmin(least, above);
        mean += above;
    }
    print_message("    above the exact value: least %.4f, mean %.4f\n", least, mean / texts);
    assert_true(least > -5e-3 && mean / texts > 0.01);
}

/* ---- Monte Carlo ------------------------------------------------------------------------------------ */

static void draws_of_the_bound_have_it_as_their_mean(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    for (int graph = 0; graph < 2; graph++) {
        int32_t tokens[PLACES];
        double sum = 0.0, squares = 0.0;
        start((pal_graph)graph);
        m.wrong = 0.5;
        m.noise.epsilon = 0.05; /* less noise at the end: draws that vary less */
        text_of(graph ? 14 : 22, tokens);
        const double bound = graph ? uniform_bound(tokens) : absorbed_bound(tokens);
        for (uint32_t draw = 0; draw < DRAWS; draw++) {
            const double level = (draw + 0.5) / DRAWS;
            const double x = pal_score_entropy(&scorer, tokens, PLACES, 0, level, 3, draw, 9);
            sum += x;
            squares += x * x;
        }
        const double mean = sum / DRAWS, error = sqrt((squares / DRAWS - mean * mean) / DRAWS);
        print_message("    graph %d: %.4f, standard error %.4f, bound %.4f\n", graph, mean, error, bound);
        assert_true(fabs(mean - bound) < 4.0 * error && error < 0.1);
    }
    assert_false(scorer.broken);
}

/* Tokens that are no states are shown as they are, and cost nothing. */
static void tokens_that_noise_never_puts_are_left_out(void **state)
{
    (void)state;
    const int32_t tokens[PLACES] = {MASK, MASK, MASK};
    start(PAL_GRAPH_UNIFORM);
    assert_int_equal(pal_score_entropy_tokens(&m.classes, tokens, PLACES, 0), 0);
    assert_true(fabs(pal_score_entropy(&scorer, tokens, PLACES, 0, 0.5, 1, 1, 1)) < 1e-300);
    assert_int_equal(pal_score_entropy_tokens(&m.classes, (const int32_t[]){0, MASK, 2}, PLACES, 0), 2);
    assert_int_equal(pal_score_entropy_tokens(&m.classes, (const int32_t[]){0, MASK, 2}, PLACES, 1), 1);
    start(PAL_GRAPH_ABSORB);
    assert_int_equal(pal_score_entropy_tokens(&m.classes, (const int32_t[]){0, 1, 2}, PLACES, 1), 2);
}

/* ---- the three forms of score entropy --------------------------------------------------------------- */

/* The network's score, p(page with id at place) / p(page), as it says. */
static double score_of(int32_t page, int32_t place, int32_t id, double sigma)
{
    int32_t tokens[PLACES];
    float row[VOCAB];
    const int32_t rank[PLACES] = {0};
    text_of(page, tokens);
    evaluate(&m, &(pal_query){PLACES, tokens, rank, pal_noise_share(sigma), 1, &place, NULL});
    assert_true(logits(&m, &place, 1, row));
    return exp((double)row[id] - pal_noise_log_divisor(&m.noise, sigma, VOCAB));
}

static int32_t page_with(int32_t page, int32_t place, int32_t id)
{
    int32_t tokens[PLACES];
    text_of(page, tokens);
    tokens[place] = id;
    return page_of(&m, tokens);
}

/* Both per unit of sigma, over all neighbours y of all pages x, without what does not depend on the score s: Q(x, y) (s(x)_y
 * - r log s(x)_y) with the true ratio r, and Q(x, y) s(x)_y - Q(y, x) log s(y)_x. */
static void explicit_and_implicit(double sigma, double *explicitly, double *implicitly)
{
    *explicitly = *implicitly = 0.0;
    for (int32_t x = 0; x < m.pages; x++)
        for (int32_t i = 0; i < PLACES; i++)
            for (int32_t id = 0; id < m.states; id++) {
                const int32_t own = token_of(&m, x, i), y = page_with(x, i, id);
                const double here = pal_noise_forward(&m.noise, id, own), there = pal_noise_forward(&m.noise, own, id);
                if (id == own) continue;
                set_level(&m, sigma);
                const double px = m.probability[x], py = m.probability[y];
                if (here > 0.0) {
                    const double s = score_of(x, i, id, sigma);
                    *explicitly += here * (px * s - py * log(s));
                    *implicitly += here * px * s;
                }
                if (there > 0.0) *implicitly -= there * px * log(score_of(y, i, own, sigma));
            }
}

/* The mean of the denoising form over texts and their noised forms, computed as the bound computes it. */
static double denoising(double sigma)
{
    const bool absorbs = m.noise.graph == PAL_GRAPH_ABSORB;
    double sum = 0.0;
    for (int32_t text = 0; text < m.pages; text++)
        for (int32_t x = 0; is_text(text) && x < m.pages; x++) {
            int32_t tokens[PLACES], k = 0;
            double chance = m.joint[text];
            text_of(text, tokens);
            text_of(x, scorer.shown);
            for (int32_t i = 0; i < PLACES; i++) {
                chance *= pal_noise_transition(&m.noise, sigma, tokens[i], scorer.shown[i]);
                if (!absorbs || scorer.shown[i] == MASK) scorer.order[k++] = i;
            }
            if (!(chance > 0.0) || !k) continue;
            sum += chance * (absorbs ? pal_score_absorbed(&scorer, tokens, PLACES, k, PLACES, pal_noise_share(sigma)) *
                                           k / PLACES / expm1(sigma)
                                     : pal_score_replaced(&scorer, tokens, PLACES, PLACES, sigma));
        }
    return sum;
}

/* The forms differ by a constant: from one score to another all change by the same. */
static void the_forms_of_score_entropy_differ_by_nothing_that_the_score_changes(void **state)
{
    (void)state;
    const double sigmas[] = {0.05, 0.6, 2.5}, wrongs[] = {0.0, 0.3, 1.1};
    for (int graph = 0; graph < 2; graph++)
        for (int level = 0; level < 3; level++) {
            double form[3][3];
            start((pal_graph)graph);
            for (int w = 0; w < 3; w++) {
                m.wrong = wrongs[w];
                m.shift = -0.2 * w;
                form[0][w] = denoising(sigmas[level]);
                explicit_and_implicit(sigmas[level], &form[1][w], &form[2][w]);
            }
            for (int w = 1; w < 3; w++) {
                const double change = form[0][w] - form[0][0];
                assert_true(change > 1e-3); /* the exact score has the least */
                for (int f = 1; f < 3; f++)
                    if (!(fabs(form[f][w] - form[f][0] - change) < 1e-5 * (1.0 + change)))
                        fail_msg("graph %d, sigma %g: %g instead of %g", graph, sigmas[level], form[f][w] - form[f][0],
                                 change);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_absorbing_bound_of_the_exact_score_is_the_exact_value),
        cmocka_unit_test(the_absorbing_bound_counts_scores_that_do_not_sum_to_one),
        cmocka_unit_test(the_absorbing_bound_of_a_wrong_score_is_never_below_the_exact_value),
        cmocka_unit_test(the_uniform_bound_of_the_exact_score_is_the_exact_value),
        cmocka_unit_test(the_uniform_bound_of_a_wrong_score_is_never_below_the_exact_value),
        cmocka_unit_test(draws_of_the_bound_have_it_as_their_mean),
        cmocka_unit_test(tokens_that_noise_never_puts_are_left_out),
        cmocka_unit_test(the_forms_of_score_entropy_differ_by_nothing_that_the_score_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
