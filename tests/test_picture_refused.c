/* test_picture_refused.c - pictures through the public header: likelihoods, refusals, damaged weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "picture_testing.h"

#include <math.h>

/* ---- likelihoods ----------------------------------------------------------------------------------------- */

static lent start_likelihood(const pal_likelihood_options *o, const uint8_t *pixels)
{
    lent l = {0};
    pal_error err = {0};
    if (pal_likelihood_bytes(model, o, &l.bytes, &err)) fail_msg("%s", err.text);
    if (pal_likelihood_init(&l.job, model, o, pixels, lend(&l), l.bytes, &err)) fail_msg("%s", err.text);
    return l;
}

static pal_likelihood_options small_likelihood(pal_image_method method)
{
    pal_likelihood_options o = pal_likelihood_defaults(model, method);
    o.picture.seed = 3;
    o.picture.steps = 5;
    o.tolerance = 0.05;
    o.difference = 0.02;
    return o;
}

static void measure(const pal_likelihood_options *o, const uint8_t *pixels, double *bits)
{
    lent l = start_likelihood(o, pixels);
    pal_status s = PAL_MORE;
    for (int32_t n = 1; s == PAL_MORE; n++) {
        assert_true(isnan(pal_likelihood_bits(l.job, 0)));
        s = pal_likelihood_step(l.job, NULL);
        assert_int_equal(pal_likelihood_progress(l.job).evaluations, n);
    }
    assert_int_equal(s, PAL_OK);
    const pal_image_progress p = pal_likelihood_progress(l.job);
    assert_true(p.done && p.passes >= p.evaluations);
    if (o->method == PAL_LIKELIHOOD_BOUND) assert_int_equal(p.evaluations, p.total);
    for (int32_t i = 0; i < o->picture.count; i++) bits[i] = pal_likelihood_bits(l.job, i);
    assert_int_equal(pal_likelihood_step(l.job, NULL), PAL_OK);
    end(&l);
}

static bool same(double a, double b)
{
    return !(a < b) && !(a > b);
}

static void differences_are_larger_for_quantised_weights(void **state)
{
    (void)state;
    const pal_likelihood_options rounded = pal_likelihood_defaults(model, PAL_LIKELIHOOD_FLOW);
    const pal_likelihood_options exact = pal_likelihood_defaults(plain, PAL_LIKELIHOOD_FLOW);
    assert_true(same(rounded.difference, 1.0) && same(exact.difference, 0.02));
    assert_true(same(rounded.tolerance, 1e-3) && rounded.probes == 1);
    assert_int_equal(rounded.picture.sampler, PAL_IMAGE_SN_DDPM);
    assert_int_equal(exact.picture.sampler, PAL_IMAGE_DDPM);
}

static void test_pictures(uint8_t *pixels, int32_t count)
{
    for (int32_t i = 0; i < count * SIZE; i++) pixels[i] = (uint8_t)(i * i * 7 + i / SIZE);
}

static void likelihoods_are_the_stored_ones_in_any_batch(void **state)
{
    (void)state;
    static const double stored[2][3] = {{0x1.8ade85e34c4f7p+3, 0x1.7e49365c68e24p+3, 0x1.65d1e5caca513p+3},
                                        {0x1.b2d031f6c7c1cp+6, 0x1.0919e4000e787p+7, 0x1.e87052d2c4507p+6}};
    const int32_t labels[3] = {1, -1, 0};
    uint8_t pixels[3 * SIZE];
    bool good = true;
    test_pictures(pixels, 3);
    for (int method = 0; method < 2; method++) {
        pal_likelihood_options o = small_likelihood((pal_image_method)method);
        double whole[3], part[3];
        o.picture.first = 5;
        o.picture.count = 3;
        o.picture.labels = labels;
        measure(&o, pixels, whole);
        o.picture.count = 1;
        measure(&o, pixels, part);
        o.picture.first = 6;
        o.picture.count = 2;
        o.picture.labels = labels + 1;
        measure(&o, pixels + SIZE, part + 1);
        for (int i = 0; i < 3; i++) {
            assert_true(same(whole[i], part[i]));
            if (same(whole[i], stored[method][i])) continue;
            printf("method %d, picture %d: %a\n", method, i, whole[i]);
            good = false;
        }
    }
    assert_true(good);
}

static void another_draw_is_another_estimate(void **state)
{
    (void)state;
    uint8_t pixels[SIZE];
    test_pictures(pixels, 1);
    for (int method = 0; method < 2; method++) {
        pal_likelihood_options o = small_likelihood((pal_image_method)method);
        double first, other;
        measure(&o, pixels, &first);
        o.draw = 1;
        measure(&o, pixels, &other);
        assert_true(first < other || first > other);
        assert_true(fabs(first - other) < 0.25 * fabs(first));
    }
}

/* A picture that the network draws has a higher likelihood than random pixels. */
static void own_pictures_are_likelier_than_random_ones(void **state)
{
    (void)state;
    uint8_t own[SIZE], random[SIZE];
    double own_bits, random_bits;
    const pal_image_options drawing = small(PAL_IMAGE_DDIM);
    pal_likelihood_options o = small_likelihood(PAL_LIKELIHOOD_BOUND);
    draw(&drawing, own);
    test_pictures(random, 1);
    measure(&o, own, &own_bits);
    measure(&o, random, &random_bits);
    assert_true(own_bits < random_bits);
}

/* ---- what is refused ------------------------------------------------------------------------------------- */

/* Neither the size nor the drawing changes, and the error text contains the word. */
static void refused(const pal_model *m, const pal_image_options *o, pal_status status, const char *word)
{
    pal_error err = {0};
    size_t bytes = 12345;
    pal_drawing *drawing = NULL;
    uint64_t block[8];
    assert_int_equal(pal_image_bytes(m, o, &bytes, &err), status);
    assert_int_equal(err.status, status);
    if (!strstr(err.text, word)) fail_msg("%s: %s", word, err.text);
    assert_int_equal(bytes, 12345);
    assert_int_equal(pal_image_check(m, o, NULL), status);
    assert_int_equal(pal_image_init(&drawing, m, o, block, sizeof block, NULL), status);
    assert_null(drawing);
}

#define REFUSED(on, sampler_, word, ...)                                                                               \
    {                                                                                                                  \
        pal_image_options o = small(sampler_);                                                                         \
        __VA_ARGS__;                                                                                                   \
        refused(on, &o, PAL_E_OPTION, word);                                                                           \
    }

static void bad_options_are_refused_by_name(void **state)
{
    (void)state;
    static const uint8_t bytes[SIZE];
    static const int32_t labels[2] = {0, 3};
    REFUSED(model, PAL_IMAGE_DDPM, "steps must", o.steps = 0)
    REFUSED(model, PAL_IMAGE_DDPM, "more steps than the noise schedule", o.steps = 21)
    REFUSED(model, PAL_IMAGE_DDPM, "count must", o.count = 0)
    REFUSED(model, PAL_IMAGE_DDPM, "count must", o.count = 65537)
    REFUSED(model, PAL_IMAGE_DDPM, "last picture", (o.first = UINT32_MAX, o.count = 2))
    REFUSED(model, PAL_IMAGE_DDPM, "no label with that number", o.label = 3)
    REFUSED(model, PAL_IMAGE_DDPM, "no label with that number", o.label = -2)
    REFUSED(model, PAL_IMAGE_DDPM, "no label with that number", (o.labels = labels, o.count = 2))
    REFUSED(plain, PAL_IMAGE_DDPM, "has no labels", o.label = 0)
    REFUSED(model, PAL_IMAGE_DDPM, "guidance must", (o.label = 0, o.guidance = -1.0))
    REFUSED(model, PAL_IMAGE_DDPM, "guidance must", (o.label = 0, o.guidance = 101.0))
    REFUSED(model, PAL_IMAGE_DDPM, "guidance must", (o.label = 0, o.guidance = (double)NAN))
    REFUSED(model, PAL_IMAGE_DDPM, "needs a label", o.guidance = 2.0)
    REFUSED(plain, PAL_IMAGE_DDPM, "model with labels", o.guidance = 2.0)
    REFUSED(plain, PAL_IMAGE_SN_DDPM, "or dpm-solver++", (void)0)
    REFUSED(plain, PAL_IMAGE_NPR_DDIM, "or dpm-solver++", (void)0)
    REFUSED(plain, PAL_IMAGE_ANALYTIC_DDPM, "or dpm-solver++", (void)0)
    REFUSED(model, (pal_image_sampler)99, "sampler must be", (void)0)
    REFUSED(model, PAL_IMAGE_DDPM, "both", o.known = bytes)
    REFUSED(model, PAL_IMAGE_DDPM, "both", o.mask = bytes)
    REFUSED(model, PAL_IMAGE_DPM_SOLVER, "use a ddpm", (o.known = bytes, o.mask = bytes))
    REFUSED(model, PAL_IMAGE_PROBABILITY_FLOW, "chooses its own", o.steps = 5)
    REFUSED(model, PAL_IMAGE_DDPM, "eta is", o.eta = 0.5)
}

static void models_that_draw_nothing_are_refused(void **state)
{
    (void)state;
    pal_model *text = open_test_model("tiny-infill"), *stored = open_test_model_as("unet-labels", PAL_OPEN_AS_STORED);
    pal_model *vocabulary = open_test_model_as("tales-vocab", 0);
    const pal_image_options o = small(PAL_IMAGE_DDPM);
    const char *why = NULL;
    refused(text, &o, PAL_E_UNSUPPORTED, "text model");
    refused(vocabulary, &o, PAL_E_UNSUPPORTED, "only a vocabulary");
    refused(stored, &o, PAL_E_OPTION, "PAL_OPEN_AS_STORED");
    assert_null(pal_model_image(text));
    assert_false(pal_model_info(text)->can_image);
    assert_false(pal_image_supports(text, PAL_IMAGE_DDPM, &why));
    assert_non_null(strstr(why, "text model"));
    assert_true(pal_image_supports(stored, PAL_IMAGE_SN_DDPM, NULL)); /* info asks that */
    pal_model_close(text);
    pal_model_close(stored);
    pal_model_close(vocabulary);
}

static void text_calls_on_picture_models_are_refused(void **state)
{
    (void)state;
    const pal_infill_options fill = pal_infill_defaults();
    const pal_sequence_options sequence = pal_sequence_defaults();
    pal_error err = {0};
    size_t bytes = 0, count = 0;
    int32_t id = 0;
    float logit = 0.0f;
    assert_int_equal(pal_session_bytes(model, "[[1]]", 5, &fill, &bytes, &err), PAL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "draws pictures"));
    assert_int_equal(pal_sequence_bytes(model, &sequence, &bytes, &err), PAL_E_UNSUPPORTED);
    assert_int_equal(pal_tokenize(model, "x", 1, 0, &id, 1, &count, &err), PAL_E_UNSUPPORTED);
    assert_int_equal(pal_logits(model, &id, 1, &id, 1, &logit, &err), PAL_E_UNSUPPORTED);
    assert_null(pal_token_piece(model, 0, &bytes));
}

static void what_a_model_can_is_said(void **state)
{
    (void)state;
    const pal_image_info *i = pal_model_image(model), *p = pal_model_image(plain);
    const char *why = NULL;
    assert_true(i->width == SIDE && i->height == SIDE && i->channels == 1 && i->labels == 3 && i->schedule_steps == 20);
    assert_true(i->guidance && i->second_moment && i->residual && i->gamma);
    assert_true(p->width == 7 && p->height == 9 && p->channels == 3 && p->labels == 0);
    assert_true(!p->guidance && !p->second_moment && !p->residual && !p->gamma);
    assert_string_equal(i->neighbours, "");
    assert_true(pal_model_info(model)->can_image && !pal_model_info(model)->why_not);
    for (int s = 0; s < PAL_IMAGE_SAMPLERS; s++) {
        const char *name = pal_image_sampler_name((pal_image_sampler)s);
        bool needs = strncmp(name, "sn-", 3) == 0 || strncmp(name, "npr-", 4) == 0 || strncmp(name, "ana", 3) == 0;
        assert_true(pal_image_supports(model, (pal_image_sampler)s, &why));
        assert_int_equal(pal_image_supports(plain, (pal_image_sampler)s, &why), !needs);
    }
    assert_non_null(strstr(why, "or dpm-solver++"));
    assert_false(pal_image_supports(model, PAL_IMAGE_SAMPLERS, NULL));
    assert_int_equal(pal_image_default_sampler(model), PAL_IMAGE_SN_DDPM);
    assert_int_equal(pal_image_default_sampler(plain), PAL_IMAGE_DDPM);
}

static void blocks_that_are_too_small_are_refused_and_left_alone(void **state)
{
    (void)state;
    const pal_image_options o = small(PAL_IMAGE_SN_DDPM);
    const pal_likelihood_options l = small_likelihood(PAL_LIKELIHOOD_BOUND);
    uint8_t pixels[SIZE] = {0};
    pal_drawing *drawing = NULL;
    pal_likelihood *job = NULL;
    unsigned char byte = 0xa5;
    size_t bytes;
    assert_int_equal(pal_image_bytes(model, &o, &bytes, NULL), PAL_OK);
    assert_int_equal(pal_image_init(&drawing, model, &o, &byte, bytes - 1, NULL), PAL_E_MEMORY);
    assert_int_equal(pal_image_init(&drawing, model, &o, NULL, bytes, NULL), PAL_E_MEMORY);
    assert_int_equal(pal_likelihood_bytes(model, &l, &bytes, NULL), PAL_OK);
    assert_int_equal(pal_likelihood_init(&job, model, &l, pixels, &byte, bytes - 1, NULL), PAL_E_MEMORY);
    assert_true(!drawing && !job && byte == 0xa5);
}

#define NOT_MEASURED(word, ...)                                                                                        \
    {                                                                                                                  \
        pal_likelihood_options o = small_likelihood(PAL_LIKELIHOOD_FLOW);                                              \
        pal_error err = {0};                                                                                           \
        size_t bytes = 12345;                                                                                          \
        __VA_ARGS__;                                                                                                   \
        assert_int_equal(pal_likelihood_bytes(model, &o, &bytes, &err), PAL_E_OPTION);                                 \
        if (!strstr(err.text, word)) fail_msg("%s: %s", word, err.text);                                               \
        assert_int_equal(bytes, 12345);                                                                                \
    }

static void bad_options_of_likelihoods_are_refused_by_name(void **state)
{
    (void)state;
    static const uint8_t known[SIZE];
    NOT_MEASURED("method must be flow or bound", o.method = (pal_image_method)2)
    NOT_MEASURED("tolerance", o.tolerance = 0.0)
    NOT_MEASURED("probes", o.probes = -1)
    NOT_MEASURED("difference", o.difference = 2.0)
    NOT_MEASURED("not the score of a density", (o.picture.label = 0, o.picture.guidance = 2.0))
    NOT_MEASURED("known parts", (o.picture.known = known, o.picture.mask = known))
    NOT_MEASURED("count must", o.picture.count = 0)
    NOT_MEASURED("no label", o.picture.label = 3)
    NOT_MEASURED("variational bound", (o.method = PAL_LIKELIHOOD_BOUND, o.picture = small(PAL_IMAGE_DPM_SOLVER)))
    NOT_MEASURED("eta 0", (o.method = PAL_LIKELIHOOD_BOUND, o.picture = small(PAL_IMAGE_DDIM)))
    NOT_MEASURED("more steps", (o.method = PAL_LIKELIHOOD_BOUND, o.picture.steps = 21))
}

/* ---- damaged weights ------------------------------------------------------------------------------------- */

static void weights_that_are_no_numbers_end_a_drawing_with_an_error(void **state)
{
    (void)state;
    void *block;
    size_t size;
    unsigned char *image = load_test_model("unet-plain", &size, &block);
    pal_gguf *g;
    pal_model *damaged;
    pal_error err = {0};
    const float nan = NAN;
    assert_int_equal(pal_gguf_open(&g, image, size, NULL), PAL_OK);
    const pal_gguf_tensor *bias = pal_gguf_find_tensor(g, "conv_out.bias");
    assert_non_null(bias);
    memcpy(image + ((const unsigned char *)bias->data - image), &nan, sizeof nan);
    pal_gguf_close(g);
    assert_int_equal(pal_model_open(&damaged, image, size, 0, &err), PAL_OK);
    static const pal_image_sampler samplers[] = {PAL_IMAGE_DDPM, PAL_IMAGE_PROBABILITY_FLOW};
    for (size_t k = 0; k < 2; k++) {
        const pal_image_options o = small(samplers[k]);
        uint8_t pixels[7 * 9 * 3];
        lent l = start(damaged, &o);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(pal_image_step(l.drawing, &err), PAL_E_FORMAT);
            assert_non_null(strstr(err.text, "NaN or infinity"));
        }
        assert_int_equal(pal_drawing_progress(l.drawing).evaluations, 1);
        pal_image_pixels(l.drawing, PAL_IMAGE_PREDICTED, 0, pixels); /* some pixels, and no harm */
        end(&l);
    }
    pal_model_close(damaged);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_larger_for_quantised_weights),
        cmocka_unit_test(likelihoods_are_the_stored_ones_in_any_batch),
        cmocka_unit_test(another_draw_is_another_estimate),
        cmocka_unit_test(own_pictures_are_likelier_than_random_ones),
        cmocka_unit_test(bad_options_are_refused_by_name),
        cmocka_unit_test(models_that_draw_nothing_are_refused),
        cmocka_unit_test(text_calls_on_picture_models_are_refused),
        cmocka_unit_test(what_a_model_can_is_said),
        cmocka_unit_test(blocks_that_are_too_small_are_refused_and_left_alone),
        cmocka_unit_test(bad_options_of_likelihoods_are_refused_by_name),
        cmocka_unit_test(weights_that_are_no_numbers_end_a_drawing_with_an_error),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
