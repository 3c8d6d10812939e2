/* test_image_drawing.c - drawing pictures with every sampler: steps, batches, bits, known pixels. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drawing_testing.h"

#include <math.h>
#include <string.h>

/* ---- the interface ---------------------------------------------------------------------------------- */

/* All samplers, with options that reach all of their code, on pictures of 8 elements. */
enum { KINDS = PAL_IMAGE_SAMPLERS + 4, SIZE = 8 };

static pal_image_options kind(int i)
{
    pal_image_options o = pal_image_defaults(i < PAL_IMAGE_SAMPLERS        ? (pal_image_sampler)i
                                             : i == PAL_IMAGE_SAMPLERS     ? PAL_IMAGE_PROBABILITY_FLOW
                                             : i == PAL_IMAGE_SAMPLERS + 1 ? PAL_IMAGE_REVERSE_SDE
                                             : i == PAL_IMAGE_SAMPLERS + 2 ? PAL_IMAGE_PREDICTOR_CORRECTOR
                                                                           : PAL_IMAGE_DDPM);
    o.seed = 20240607;
    if (o.sampler == PAL_IMAGE_ANNEALED_LANGEVIN)
        o.iterations = 2;
    else if (o.sampler != PAL_IMAGE_PROBABILITY_FLOW)
        o.steps = 7;
    if (i == PAL_IMAGE_SAMPLERS) {
        o.solver = PAL_FLOW_HEUN;
        o.steps = 7;
    }
    if (i == PAL_IMAGE_SAMPLERS + 1 || i == PAL_IMAGE_SAMPLERS + 2) o.process = PAL_PROCESS_VE;
    if (i == PAL_IMAGE_SAMPLERS + 3) o.variance = PAL_VARIANCE_LARGE;
    if (o.sampler == PAL_IMAGE_SN_DDIM) o.eta = 0.5;
    return o;
}

static bool keeps_known(const pal_image_options *o)
{
    return o->sampler != PAL_IMAGE_PROBABILITY_FLOW && o->sampler != PAL_IMAGE_DPM_SOLVER;
}

/* Modes at -+0.7 in all elements; Gamma is that of the reference data: any table will do. */
static mixture two_modes(void)
{
    mixture m = mixture_two(&discrete, SIZE, 0.4, 0.7, 0.1);
    memcpy(m.gamma, data.gamma, sizeof m.gamma);
    return m;
}

static void a_step_is_one_evaluation_and_can_be_looked_at(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        const pal_image_options o = kind(i);
        mixture_drawing w;
        pal_status status = PAL_MORE;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, 3, NULL, NULL);
        for (int32_t n = 1; status == PAL_MORE; n++) {
            status = pal_denoise_step(&w.d);
            assert_int_equal(m.evaluations, n);
            assert_int_equal(w.d.evaluations, n);
            for (int32_t j = 0; j < 3 * SIZE; j++)
                assert_true(isfinite(w.d.x[j]) && w.d.x0[j] >= -1.0f && w.d.x0[j] <= 1.0f);
        }
        assert_int_equal(status, PAL_OK);
        if (pal_image_evaluations(&o)) assert_int_equal(m.evaluations, pal_image_evaluations(&o));
        assert_memory_equal(w.d.x, w.d.x0, 3 * SIZE * sizeof *w.d.x);
        assert_int_equal(pal_denoise_step(&w.d), PAL_OK); /* done stays done */
        assert_int_equal(m.evaluations, w.d.evaluations);
        mixture_free(&w);
    }
}

static void draw(float *x, const pal_image_options *o, mixture *m, uint32_t first, int32_t count)
{
    mixture_drawing w;
    mixture_start(&w, m, o, first, count, NULL, NULL);
    mixture_finish(&w);
    memcpy(x, w.d.x, (size_t)count * SIZE * sizeof *x);
    mixture_free(&w);
}

static void pictures_do_not_depend_on_their_batch(void **state)
{
    (void)state;
    const uint8_t known[SIZE] = {191, 96}, mask[SIZE] = {0, 0, 1, 1, 1, 1, 1, 1};
    for (int i = 0; i < 2 * KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i % KINDS);
        float whole[5 * SIZE], parts[5 * SIZE];
        if (i >= KINDS && !keeps_known(&o)) continue;
        if (i >= KINDS) {
            o.known = known;
            o.mask = mask;
        }
        draw(whole, &o, &m, 10, 5);
        draw(parts, &o, &m, 10, 2);
        draw(parts + 2 * SIZE, &o, &m, 12, 3);
        assert_memory_equal(whole, parts, sizeof whole);
        for (int j = 0; j < 4; j++) assert_true(memcmp(whole + j * SIZE, whole + (j + 1) * SIZE, SIZE * 4) != 0);
    }
}

/* FNV-1a of the bits of three pictures.  The stored values are valid on every target: if a single bit changes, seeds no
 * longer give the same pictures. */
static void pictures_have_the_same_bits_on_every_target(void **state)
{
    (void)state;
    static const uint32_t stored[KINDS] = {
        0x45abb0fa, 0x46918b09, 0xff55b74d, 0xd1c779f5, 0x7ec6434b, 0xaf3c0b93, 0x93d1be7a, 0xfd3515c9, 0x75fbf14b,
        0x4628b676, 0x93ec3b93, 0x6b209265, 0x48114a15, 0x070a76cf, 0x67f0bf85, 0x5c415f7c, 0xbf7ae16d,
    };
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        const pal_image_options o = kind(i);
        float x[3 * SIZE];
        unsigned char bytes[sizeof x];
        uint32_t hash = 2166136261u;
        draw(x, &o, &m, 0, 3);
        memcpy(bytes, x, sizeof x);
        for (size_t j = 0; j < sizeof x; j++) hash = (hash ^ bytes[j]) * 16777619u;
        if (hash != stored[i]) fail_msg("%d %s: 0x%08x", i, pal_image_sampler_name(o.sampler), (unsigned)hash);
    }
}

static void samplers_start_from_the_same_noise(void **state)
{
    (void)state;
    float noise[SIZE];
    pal_normals(20240607, PAL_NOISE_START, 4, 0, SIZE, noise);
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        const pal_image_options o = kind(i);
        mixture_drawing w;
        mixture_start(&w, &m, &o, 4, 1, NULL, NULL);
        double scale = w.d.exploding ? 50.0 : 1.0;
        for (int j = 0; j < SIZE; j++) assert_true(fabs((double)w.d.x[j] - scale * (double)noise[j]) < 1e-5);
        mixture_free(&w);
    }
}

/* ---- known parts ------------------------------------------------------------------------------------ */

/* Half of the elements are known, with values near the rarer mode. */
static const uint8_t rare[SIZE] = {38, 45, 26, 38};
static const uint8_t half[SIZE] = {0, 0, 0, 0, 1, 1, 1, 1};

static float value_of(uint8_t byte)
{
    return (float)byte / 127.5f - 1.0f;
}

static bool holds(const float *x, const uint8_t *bytes, int count)
{
    for (int i = 0; i < count; i++)
        if (x[i] < value_of(bytes[i]) || x[i] > value_of(bytes[i])) return false;
    return true;
}

static void known_parts_are_kept_and_the_rest_agrees_with_them(void **state)
{
    (void)state;
    enum { ROWS = 200 };
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i);
        int32_t agree = 0;
        mixture_drawing w;
        if (!keeps_known(&o)) continue;
        if (o.sampler != PAL_IMAGE_ANNEALED_LANGEVIN) o.steps = 50;
        o.known = rare;
        o.mask = half;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, ROWS, NULL, NULL);
        mixture_finish(&w);
        for (int32_t row = 0; row < ROWS; row++) {
            float sum = 0.0f;
            assert_true(holds(w.d.x + row * SIZE, rare, 4));
            assert_true(holds(w.d.x0 + row * SIZE, rare, 4));
            for (int j = 4; j < SIZE; j++) sum += w.d.x[row * SIZE + j];
            agree += fabsf(sum / 4.0f + 0.7f) < 0.3f;
        }
        /* Without the known half 0.4 would; the replacement is an approximation, so that not all need do. */
        if (agree < ROWS * 3 / 4) fail_msg("%s: %d of %d", pal_image_sampler_name(o.sampler), (int)agree, ROWS);
        mixture_free(&w);
    }
}

/* With noise 1 everywhere a known element shows the noise level at which it was last written. */
static void known_parts_have_the_noise_of_their_level(void **state)
{
    (void)state;
    const float ones[SIZE] = {1, 1, 1, 1, 1, 1, 1, 1};
    for (int i = 0; i < 2 * KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i % KINDS);
        mixture_drawing w;
        bool again = i >= KINDS && (pal_image_evaluations(&o) == o.steps);
        if (!keeps_known(&o) || (i >= KINDS && !again) || o.sampler == PAL_IMAGE_ANNEALED_LANGEVIN) continue;
        o.known = rare;
        o.mask = half;
        o.resample = again ? 2 : 1;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, 1, steady_noise, (void *)ones);
        for (int step = 0; step < 3; step++) {
            const pal_level t = w.d.level[w.d.at], s = w.d.level[w.d.at + 1];
            double scale = w.d.exploding ? 1.0 : sqrt(t.alpha),
                   noise = w.d.exploding ? pal_level_sigma(&t) : sqrt(t.beta);
            if (again && step == 1) { /* from the level below: the noise in x, and the added noise */
                double part = w.d.exploding ? 1.0 : sqrt(t.alpha / s.alpha);
                double from = w.d.exploding ? pal_level_sigma(&s) : sqrt(s.beta);
                noise = part * from + sqrt(noise * noise - part * part * from * from);
            }
            for (int j = 0; j < 4; j++) {
                double wanted = scale * (double)value_of(rare[j]) + noise;
                assert_true(fabs((double)w.d.x[j] - wanted) < 1e-5 * (1.0 + wanted));
            }
            pal_denoise_step(&w.d);
        }
        mixture_free(&w);
    }
}

static void resampling_brings_the_rest_closer_to_the_known(void **state)
{
    (void)state;
    enum { ROWS = 400 };
    int32_t agree[2] = {0, 0};
    for (int often = 0; often < 2; often++) {
        mixture m = two_modes();
        pal_image_options o = unclipped(PAL_IMAGE_DDPM);
        mixture_drawing w;
        o.steps = 10;
        o.known = rare;
        o.mask = half;
        o.resample = often ? 8 : 1;
        check(&o, &m);
        mixture_start(&w, &m, &o, 0, ROWS, NULL, NULL);
        mixture_finish(&w);
        assert_int_equal(m.evaluations, pal_image_evaluations(&o));
        assert_int_equal(m.evaluations, often ? 9 * 8 + 1 : 10);
        for (int32_t row = 0; row < ROWS; row++) agree[often] += w.d.x[row * SIZE + 4] < 0.0f;
        mixture_free(&w);
    }
    assert_true(agree[1] > agree[0] + 20); /* the standard deviation of a count of 400 is at most 10 */
}

static void an_empty_mask_changes_nothing_and_a_full_one_everything(void **state)
{
    (void)state;
    const uint8_t none[SIZE] = {1, 1, 1, 1, 1, 1, 1, 1}, all[SIZE] = {0};
    const uint8_t picture[SIZE] = {140, 102, 166, 77, 191, 51, 255, 0};
    for (int i = 0; i < KINDS; i++) {
        mixture m = two_modes();
        pal_image_options o = kind(i);
        float plain[SIZE], masked[SIZE];
        if (!keeps_known(&o)) continue;
        draw(plain, &o, &m, 0, 1);
        o.known = picture;
        o.mask = none;
        draw(masked, &o, &m, 0, 1);
        assert_memory_equal(plain, masked, sizeof plain);
        o.mask = all;
        draw(masked, &o, &m, 0, 1);
        assert_true(holds(masked, picture, SIZE));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_one_evaluation_and_can_be_looked_at),
        cmocka_unit_test(pictures_do_not_depend_on_their_batch),
        cmocka_unit_test(pictures_have_the_same_bits_on_every_target),
        cmocka_unit_test(samplers_start_from_the_same_noise),
        cmocka_unit_test(known_parts_are_kept_and_the_rest_agrees_with_them),
        cmocka_unit_test(known_parts_have_the_noise_of_their_level),
        cmocka_unit_test(resampling_brings_the_rest_closer_to_the_known),
        cmocka_unit_test(an_empty_mask_changes_nothing_and_a_full_one_everything),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
