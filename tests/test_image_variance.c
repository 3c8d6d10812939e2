/* test_image_variance.c - steps of the reverse process: their variances, and the resulting distributions.
 *
 * Ports reference checks C15, C16 and C29. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "drawing_testing.h"
#include "image/transition.h"

static pal_level level_with(double alpha)
{
    return (pal_level){.time = 0.5, .log_alpha = log(alpha), .alpha = alpha, .beta = 1.0 - alpha};
}

/* ---- C15: variances against quadrature -------------------------------------------------------------- */

static const struct {
    double alpha_t, alpha_s, eta;
} pairs[] = {{0.1, 0.3, 1.0}, {0.5, 0.8, 1.0},    {0.1, 0.3, 0.0},
             {0.3, 0.9, 0.5}, {0.002, 0.05, 1.0}, {0.97, 0.999, 0.7}};
static const double points[] = {-3.0, -1.0, -0.2, 0.0, 0.4, 1.5};
enum { PAIRS = sizeof pairs / sizeof *pairs, POINTS = sizeof points / sizeof *points };

static double normal(double x, double mean, double variance)
{
    return exp(-(x - mean) * (x - mean) / (2 * variance)) / sqrt(2 * 3.14159265358979323846 * variance);
}

typedef struct {
    double mean, mean_squares, weight; /* of x_s given x_t, without lambda^2 */
} moments;

/* The distribution of sqrt(alpha_s) x0 + sqrt(beta_s - lambda^2) eps given x_t, by summing over x0 on a fine grid;
 * squares are taken around `centre`. */
static moments by_quadrature(int pair, double x, double centre)
{
    const double at = pairs[pair].alpha_t, as = pairs[pair].alpha_s;
    const double tilde = (1 - as) / (1 - at) * (1 - at / as), lambda2 = pairs[pair].eta * pairs[pair].eta * tilde;
    const pal_level clean = {.alpha = 1.0};
    moments m = {0.0, 0.0, 0.0};
    for (int i = -3000; i <= 3000; i++) { /* the trapezoidal rule is exact to rounding for such distributions */
        double x0 = i * 0.002, eps = (x - sqrt(at) * x0) / sqrt(1 - at);
        double w = exp(mixture_density(&data, &clean, &x0)) * normal(x, sqrt(at) * x0, 1 - at);
        double xs = sqrt(as) * x0 + sqrt(1 - as - lambda2) * eps;
        m.weight += w;
        m.mean += w * xs;
        m.mean_squares += w * (xs - centre) * (xs - centre);
    }
    m.mean /= m.weight;
    m.mean_squares /= m.weight;
    return m;
}

static pal_transition transition(int pair)
{
    const pal_level t = level_with(pairs[pair].alpha_t), s = level_with(pairs[pair].alpha_s);
    return pal_transition_of(&t, &s, pairs[pair].eta);
}

static void sn_variance_is_that_of_the_true_reverse_distribution(void **state)
{
    (void)state;
    for (int pair = 0; pair < PAIRS; pair++)
        for (int i = 0; i < POINTS; i++) {
            const pal_transition tr = transition(pair);
            const pal_level t = level_with(pairs[pair].alpha_t);
            double eps, second, x = points[i];
            mixture_moments(&data, &t, &x, &eps, &second);
            double mean = by_quadrature(pair, x, 0.0).mean;
            double variance = tr.lambda2 + by_quadrature(pair, x, mean).mean_squares;
            double x0 = (x - sqrt(t.beta) * eps) / sqrt(t.alpha);
            assert_true(fabs(pal_transition_variance(&tr, second - eps * eps, false) - variance) < 1e-9);
            assert_true(fabs(tr.x0_of_ddim * x0 + tr.eps_of_ddim * eps - mean) < 1e-9);
            if (pairs[pair].eta == 1.0) assert_true(fabs(tr.x0_of_ddpm * x0 + tr.x_of_ddpm * x - mean) < 1e-9);
        }
}

static void npr_variance_is_the_mean_square_around_an_imperfect_mean(void **state)
{
    (void)state;
    for (int pair = 0; pair < PAIRS; pair++)
        for (int i = 0; i < POINTS; i++) {
            const pal_transition tr = transition(pair);
            const pal_level t = level_with(pairs[pair].alpha_t);
            double eps, second, x = points[i];
            mixture_moments(&data, &t, &x, &eps, &second);
            double wrong = eps + 0.37 * sin(3 * x), g = second - 2 * eps * wrong + wrong * wrong;
            double x0 = (x - sqrt(t.beta) * wrong) / sqrt(t.alpha), mean = tr.x0_of_ddim * x0 + tr.eps_of_ddim * wrong;
            double variance = tr.lambda2 + by_quadrature(pair, x, mean).mean_squares;
            assert_true(fabs(pal_transition_variance(&tr, g, false) - variance) < 1e-9);
        }
}

static void analytic_variance_is_the_average_of_the_variances(void **state)
{
    (void)state;
    for (int pair = 0; pair < PAIRS; pair++) {
        const pal_transition tr = transition(pair);
        const pal_level t = level_with(pairs[pair].alpha_t);
        double gamma = 0.0, average = 0.0;
        for (int i = -1800; i <= 1800; i++) {
            double x = i * 0.005, eps, second;
            mixture_moments(&data, &t, &x, &eps, &second);
            double p = exp(mixture_density(&data, &t, &x)) * 0.005;
            gamma += p * eps * eps;
            average += p * pal_transition_variance(&tr, second - eps * eps, false);
        }
        assert_true(fabs(pal_transition_variance(&tr, 1.0 - gamma, false) - average) < 1e-9);
    }
}

/* C29: the same variance from the slope of the score (Tweedie's formula of second order). */
static void second_moment_agrees_with_the_slope_of_the_score(void **state)
{
    (void)state;
    const double alphas[] = {0.1, 0.5, 0.9}, h = 1e-4;
    for (int a = 0; a < 3; a++)
        for (double x = -3.0; x <= 2.0; x += 0.25) {
            const pal_level t = level_with(alphas[a]);
            double eps, second, up, down, unused, above = x + h, below = x - h;
            mixture_moments(&data, &t, &x, &eps, &second);
            mixture_moments(&data, &t, &above, &up, &unused);
            mixture_moments(&data, &t, &below, &down, &unused);
            double slope = -(up - down) / (2 * h) / sqrt(t.beta);
            /* the error of the difference quotient is h^2 / 6 times a third derivative of a few hundred */
            assert_true(fabs(second - eps * eps - (1.0 + t.beta * slope)) < 1e-5);
        }
}

static void eta_1_with_all_steps_is_ddpm(void **state)
{
    (void)state;
    for (int32_t n = 2; n <= 1000; n++) {
        const pal_level t = pal_level_at(&discrete, n / 1000.0), s = pal_level_at(&discrete, (n - 1) / 1000.0);
        const pal_transition tr = pal_transition_of(&t, &s, 1.0);
        double beta = 1e-4 + (0.02 - 1e-4) * (n - 1) / 999;
        assert_true(fabs(tr.beta - beta) < 1e-13);
        assert_true(fabs(tr.beta_tilde - (1 - s.alpha) / (1 - t.alpha) * beta) < 1e-12);
        assert_true(fabs(tr.lambda2 - tr.beta_tilde) < 1e-15);
        /* Ho et al. eq. 11: (x - beta / sqrt(beta-bar) eps) / sqrt(1 - beta) */
        double x = 0.7, eps = -0.4, x0 = (x - sqrt(t.beta) * eps) / sqrt(t.alpha);
        double mean = (x - beta / sqrt(t.beta) * eps) / sqrt(1 - beta);
        assert_true(fabs(tr.x0_of_ddpm * x0 + tr.x_of_ddpm * x - mean) < 1e-12);
        assert_true(fabs(tr.x0_of_ddim * x0 + tr.eps_of_ddim * eps - mean) < 1e-12);
    }
}

static void variance_is_clipped_to_what_is_possible(void **state)
{
    (void)state;
    const pal_transition tr = transition(0); /* sigma2 is 9 */
    assert_true(pal_transition_variance(&tr, -0.1, true) == tr.lambda2);
    assert_true(pal_transition_variance(&tr, -0.1, false) == tr.lambda2);
    assert_true(pal_transition_variance(&tr, (double)NAN, false) == tr.lambda2);
    assert_true(pal_transition_variance(&tr, 0.5, true) == tr.lambda2 + tr.k2);
    assert_true(pal_transition_variance(&tr, 0.5, false) == tr.lambda2 + tr.k2 * (tr.sigma2 * 0.5));
}

static void gamma_is_read_at_its_step_and_between_two(void **state)
{
    (void)state;
    const double table[] = {0.1, 0.3, 0.7, 0.9};
    const pal_noise_predictor p = {.gammas = 4, .gamma = table};
    for (int n = 1; n <= 4; n++) assert_true(pal_gamma_at(&p, n / 4.0) == table[n - 1]);
    assert_true(fabs(pal_gamma_at(&p, 0.625) - 0.5) < 1e-15);
    assert_true(pal_gamma_at(&p, 0.01) == 0.1);
    const double thousand[1000] = {[28] = 5.0}; /* 0.029 * 1000 is not 29 to the last bit */
    const pal_noise_predictor q = {.gammas = 1000, .gamma = thousand};
    assert_true(pal_gamma_at(&q, 0.029) == 5.0);
}

/* ---- C16: what K steps make of the data ------------------------------------------------------------- */

/* Every step is a normal distribution.  Its mean and deviation come from the sampler itself, with noise 0 and noise 1,
 * at every point of a grid, and a density on the grid is transformed by them.  So the numbers are deterministic. */
enum { CELLS = 1201 };
#define CELL 0.01

static void constant_noise(void *context, const pal_denoise *d, pal_noise_purpose purpose, int32_t row, float *z)
{
    (void)purpose, (void)row;
    for (int32_t i = 0; i < d->predictor.size; i++) z[i] = *(const float *)context;
}

/* to += weight times a normal distribution on the grid, normalised on the grid. */
static void spread(double *to, double weight, double mean, double variance)
{
    static double w[CELLS];
    int32_t centre = (int32_t)lround((mean + 6.0) / CELL), reach = (int32_t)(9.0 * sqrt(variance) / CELL) + 1;
    if (centre < 0) centre = 0;
    if (centre >= CELLS) centre = CELLS - 1;
    int32_t low = centre - reach < 0 ? 0 : centre - reach, high = centre + reach >= CELLS ? CELLS - 1 : centre + reach;
    double off = centre * CELL - 6.0 - mean, q = exp(-CELL * CELL / variance), sum = 0.0;
    double r = exp(-(2 * off * CELL + CELL * CELL) / (2 * variance));
    w[centre] = exp(-off * off / (2 * variance));
    for (int32_t j = centre + 1; j <= high; j++, r *= q) w[j] = w[j - 1] * r;
    r = exp(-(-2 * off * CELL + CELL * CELL) / (2 * variance));
    for (int32_t j = centre - 1; j >= low; j--, r *= q) w[j] = w[j + 1] * r;
    for (int32_t j = low; j <= high; j++) sum += w[j];
    for (int32_t j = low; j <= high; j++) to[j] += weight * w[j] / (sum + 1e-300);
}

static void put_grid(mixture_drawing *w)
{
    for (int32_t i = 0; i < CELLS; i++) w->d.x[i] = (float)(i * CELL - 6.0);
}

static double distance_after(const pal_image_options *o)
{
    static double density[CELLS], next[CELLS];
    float zero = 0.0f, one = 1.0f;
    mixture_drawing mean, edge;
    const pal_level clean = {.alpha = 1.0};
    double sum = 0.0, gap = 0.0, mine = 0.0, right = 0.0, total = 0.0;
    for (int32_t i = 0; i < CELLS; i++) sum += density[i] = normal(i * CELL - 6.0, 0.0, 1.0);
    for (int32_t i = 0; i < CELLS; i++) density[i] /= sum;
    mixture_start(&mean, &data, o, 0, CELLS, constant_noise, &zero);
    mixture_start(&edge, &data, o, 0, CELLS, constant_noise, &one);
    while (!mean.d.done) {
        put_grid(&mean);
        put_grid(&edge);
        pal_denoise_step(&mean.d);
        pal_denoise_step(&edge.d);
        memset(next, 0, sizeof next);
        for (int32_t i = 0; i < CELLS; i++) {
            double deviation = (double)edge.d.x[i] - (double)mean.d.x[i], min = 0.25 * CELL * CELL;
            double variance = deviation * deviation > min ? deviation * deviation : min;
            if (density[i] > 1e-12) spread(next, density[i], (double)mean.d.x[i], variance);
        }
        memcpy(density, next, sizeof next);
    }
    mixture_free(&mean);
    mixture_free(&edge);
    for (int32_t i = 0; i < CELLS; i++) {
        double x = i * CELL - 6.0;
        total += exp(mixture_density(&data, &clean, &x));
        mine += density[i];
    }
    for (int32_t i = 0, first = 1; i < CELLS; i++, first = 0) {
        double x = i * CELL - 6.0;
        sum = first ? density[i] / mine : sum + density[i] / mine;
        right += exp(mixture_density(&data, &clean, &x)) / total;
        gap += fabs(sum - right) * CELL;
    }
    return gap;
}

typedef struct {
    pal_image_sampler sampler;
    pal_image_variance variance;
    double distance[4]; /* after 5, 10, 25 and 50 steps, as the reference check prints them */
} table_line;

static const table_line table[] = {
    {PAL_IMAGE_DDPM, PAL_VARIANCE_SMALL, {0.3872, 0.2018, 0.0939, 0.0534}},
    {PAL_IMAGE_DDPM, PAL_VARIANCE_LARGE, {0.3804, 0.1551, 0.0552, 0.0265}},
    {PAL_IMAGE_ANALYTIC_DDPM, PAL_VARIANCE_SMALL, {0.3595, 0.0956, 0.0296, 0.0142}},
    {PAL_IMAGE_SN_DDPM, PAL_VARIANCE_SMALL, {0.2194, 0.0388, 0.0077, 0.0025}},
    {PAL_IMAGE_NPR_DDPM, PAL_VARIANCE_SMALL, {0.2194, 0.0388, 0.0077, 0.0025}}, /* the same for a perfect mean */
    {PAL_IMAGE_DDIM, PAL_VARIANCE_SMALL, {0.3176, 0.1298, 0.0484, 0.0234}},
    {PAL_IMAGE_ANALYTIC_DDIM, PAL_VARIANCE_SMALL, {0.3539, 0.0821, 0.0314, 0.0158}},
    {PAL_IMAGE_SN_DDIM, PAL_VARIANCE_SMALL, {0.2080, 0.0310, 0.0075, 0.0025}},
};
static const int32_t table_steps[] = {5, 10, 25, 50};

static pal_image_options plain(const table_line *line, int32_t steps)
{
    pal_image_options o = pal_image_defaults(line->sampler);
    o.steps = steps;
    o.variance = line->variance;
    o.clip_x0 = false;
    o.clip_pixel = 0.0;
    return o;
}

static void few_steps_miss_the_data_by_the_distances_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int k = 0; k < 4; k++) {
            const pal_image_options o = plain(&table[i], table_steps[k]);
            double distance = distance_after(&o);
            /* four printed digits; states are floats where the check has doubles */
            if (!(fabs(distance - table[i].distance[k]) < 1e-4))
                fail_msg("%s, %d steps: %.5f", pal_image_sampler_name(o.sampler), (int)o.steps, distance);
        }
}

/* The same test with real noise, as the samplers draw it.  A weight of 0.3 drawn 20000 times has an error of 0.0032,
 * which moves mass over a distance of 3: 0.03 is three times that. */
static void samples_miss_the_data_by_the_distances_of_the_table(void **state)
{
    (void)state;
    enum { SAMPLES = 20000 };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const pal_image_options o = plain(&table[i], 10);
        mixture_drawing w;
        mixture_start(&w, &data, &o, 0, SAMPLES, NULL, NULL);
        mixture_finish(&w);
        double distance = mixture_distance(&data, w.d.x, SAMPLES);
        if (!(fabs(distance - table[i].distance[1]) < 0.03))
            fail_msg("%s: %.4f", pal_image_sampler_name(o.sampler), distance);
        mixture_free(&w);
    }
}

/* ---- the originals' clipping ------------------------------------------------------------------------ */

static void last_noise_is_bounded_in_grey_levels(void **state)
{
    (void)state;
    float one = 1.0f, zero = 0.0f;
    pal_image_options o = plain(&table[3], 4);
    mixture_drawing mean, edge, free;
    const double bound = 2.0 * 2.0 / 255.0 * sqrt(3.14159265358979323846 / 2.0);
    o.clip_pixel = 2.0;
    mixture_start(&mean, &data, &o, 0, 1, constant_noise, &zero);
    mixture_start(&edge, &data, &o, 0, 1, constant_noise, &one);
    o.clip_pixel = 0.0;
    mixture_start(&free, &data, &o, 0, 1, constant_noise, &one);
    for (int step = 0; step < 4; step++) {
        const float x = 0.3f;
        mean.d.x[0] = edge.d.x[0] = free.d.x[0] = x;
        pal_denoise_step(&mean.d);
        pal_denoise_step(&edge.d);
        pal_denoise_step(&free.d);
        double noise = (double)edge.d.x[0] - (double)mean.d.x[0], unbound = (double)free.d.x[0] - (double)mean.d.x[0];
        if (step == 2) {
            assert_true(unbound > 2.0 * bound && fabs(noise - bound) < 1e-6); /* the last step that has noise */
        } else {
            assert_true(noise == unbound);
        }
        if (step == 3) assert_true(noise == 0.0);
    }
    mixture_free(&mean);
    mixture_free(&edge);
    mixture_free(&free);
}

static void clipped_prediction_enters_the_mean_with_the_noise_that_belongs_to_it(void **state)
{
    (void)state;
    const pal_image_sampler kinds[] = {PAL_IMAGE_DDPM, PAL_IMAGE_DDIM};
    for (int i = 0; i < 2; i++) {
        pal_image_options o = pal_image_defaults(kinds[i]);
        mixture_drawing w;
        float zero = 0.0f;
        o.steps = 10;
        mixture_start(&w, &data, &o, 0, 1, constant_noise, &zero);
        for (int step = 0; step < 7; step++) pal_denoise_step(&w.d);
        const double x = -2.0;
        w.d.x[0] = (float)x; /* predicted beyond -1 */
        const pal_level t = w.d.level[7], s = w.d.level[8];
        const pal_transition tr = pal_transition_of(&t, &s, i ? 0.0 : 1.0);
        const double eps = (x + sqrt(t.alpha)) / sqrt(t.beta); /* x_t = sqrt(alpha) x0 + sqrt(beta) eps with x0 = -1 */
        pal_denoise_step(&w.d);
        assert_true(w.d.x0[0] == -1.0f);
        double mean = i ? -tr.x0_of_ddim + tr.eps_of_ddim * eps : -tr.x0_of_ddpm + tr.x_of_ddpm * x;
        assert_true(fabs((double)w.d.x[0] - mean) < 1e-6);
        mixture_free(&w);
    }
}

/* NPR with a deliberately wrong mean: its variance corrects part of the error, SN's variance does not contain it. */
static void npr_beats_sn_when_the_mean_is_wrong(void **state)
{
    (void)state;
    const table_line sn = {PAL_IMAGE_SN_DDPM, PAL_VARIANCE_SMALL, {0}},
                     npr = {PAL_IMAGE_NPR_DDPM, PAL_VARIANCE_SMALL, {0}};
    const pal_image_options with_sn = plain(&sn, 10), with_npr = plain(&npr, 10);
    data.wrong = 0.2;
    double by_sn = distance_after(&with_sn), by_npr = distance_after(&with_npr);
    data.wrong = 0.0;
    assert_true(by_npr < 0.9 * by_sn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sn_variance_is_that_of_the_true_reverse_distribution),
        cmocka_unit_test(npr_variance_is_the_mean_square_around_an_imperfect_mean),
        cmocka_unit_test(analytic_variance_is_the_average_of_the_variances),
        cmocka_unit_test(second_moment_agrees_with_the_slope_of_the_score),
        cmocka_unit_test(eta_1_with_all_steps_is_ddpm),
        cmocka_unit_test(variance_is_clipped_to_what_is_possible),
        cmocka_unit_test(gamma_is_read_at_its_step_and_between_two),
        cmocka_unit_test(few_steps_miss_the_data_by_the_distances_of_the_table),
        cmocka_unit_test(samples_miss_the_data_by_the_distances_of_the_table),
        cmocka_unit_test(last_noise_is_bounded_in_grey_levels),
        cmocka_unit_test(clipped_prediction_enters_the_mean_with_the_noise_that_belongs_to_it),
        cmocka_unit_test(npr_beats_sn_when_the_mean_is_wrong),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
