/* test_picture.c - pictures through the public header: the same ones everywhere and in any batch, labels, guidance, kept
 * parts, likelihoods, and everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sha256.h"
#include "model_testing.h"

#include <math.h>

enum { GUARD = 64, SIDE = 14, SIZE = SIDE * SIDE };

static pal_model *model; /* unet-labels: 14 x 14 grey, 3 labels, both heads, Gamma, guidance, a schedule of 20 steps */
static pal_model *plain; /* unet-plain: 7 x 9 colour, nothing of these */

static int open_models(void **state)
{
    (void)state;
    model = open_test_model("unet-labels");
    plain = open_test_model("unet-plain");
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    pal_model_close(model);
    pal_model_close(plain);
    return 0;
}

/* ---- a drawing in a block of exactly the size asked for, between guards ------------------------------- */

typedef struct {
    pal_drawing *drawing;
    pal_likelihood *job;
    unsigned char *memory;
    size_t bytes;
} lent;

static unsigned char *lend(lent *l)
{
    l->memory = malloc(l->bytes + 2 * GUARD);
    assert_non_null(l->memory);
    memset(l->memory, 0xa5, l->bytes + 2 * GUARD);
    return l->memory + GUARD;
}

static void end(lent *l)
{
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(l->memory[i], 0xa5);
        assert_int_equal(l->memory[GUARD + l->bytes + i], 0xa5);
    }
    free(l->memory);
}

static lent start(const pal_model *m, const pal_image_options *o)
{
    lent l = {0};
    pal_error err = {0};
    if (pal_image_bytes(m, o, &l.bytes, &err)) fail_msg("%s", err.text);
    if (pal_image_init(&l.drawing, m, o, lend(&l), l.bytes, &err)) fail_msg("%s", err.text);
    return l;
}

static void finish(lent *l)
{
    pal_error err = {0};
    pal_status s = PAL_MORE;
    while (s == PAL_MORE) s = pal_image_step(l->drawing, &err);
    if (s) fail_msg("%s", err.text);
}

/* pixels[count, SIZE] of the model with labels. */
static void draw(const pal_image_options *o, uint8_t *pixels)
{
    lent l = start(model, o);
    finish(&l);
    for (int32_t i = 0; i < o->count; i++)
        pal_image_pixels(l.drawing, PAL_IMAGE_PREDICTED, i, pixels + (size_t)i * SIZE);
    end(&l);
}

static pal_image_options small(pal_image_sampler sampler)
{
    pal_image_options o = pal_image_defaults(sampler);
    o.seed = 7;
    if (sampler == PAL_IMAGE_PROBABILITY_FLOW)
        o.tolerance = 0.05;
    else if (sampler != PAL_IMAGE_ANNEALED_LANGEVIN)
        o.steps = 4;
    return o;
}

/* ---- the same pictures everywhere --------------------------------------------------------------------- */

/* Every sampler, and options that reach what it alone does not. */
enum { KINDS = PAL_IMAGE_SAMPLERS + 5 };

static pal_image_options kind(int i)
{
    static const uint8_t known[SIZE] = {10, 200, 30}, mask[SIZE] = {0, 0, 0, 1, 1, 1};
    pal_image_options o = small(i < PAL_IMAGE_SAMPLERS        ? (pal_image_sampler)i
                                : i == PAL_IMAGE_SAMPLERS     ? PAL_IMAGE_PROBABILITY_FLOW
                                : i == PAL_IMAGE_SAMPLERS + 1 ? PAL_IMAGE_PREDICTOR_CORRECTOR
                                                              : PAL_IMAGE_SN_DDPM);
    o.label = i % 3;
    if (i == PAL_IMAGE_SAMPLERS) {
        o.tolerance = 1e-4;
        o.solver = PAL_FLOW_HEUN;
        o.steps = 4;
    }
    if (i == PAL_IMAGE_SAMPLERS + 1) o.process = PAL_PROCESS_VE;
    if (i == PAL_IMAGE_SAMPLERS + 2) o.guidance = 2.5;
    if (i == PAL_IMAGE_SAMPLERS + 3) o.label = -1;
    if (i == PAL_IMAGE_SAMPLERS + 4) {
        o.known = known;
        o.mask = mask;
        o.resample = 2;
    }
    return o;
}

static void hash(const pal_image_options *o, char out[17])
{
    uint8_t pixels[SIZE];
    unsigned char digest[PAL_SHA256_BYTES];
    pal_sha256 h;
    draw(o, pixels);
    pal_sha256_start(&h);
    pal_sha256_add(&h, pixels, sizeof pixels);
    pal_sha256_end(&h, digest);
    for (size_t i = 0; i < 8; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* The first 8 bytes of the SHA-256 of the pixels.  The stored values hold on every target: a change of one bit is a
 * change of what a seed means. */
static void every_sampler_draws_the_stored_pixels(void **state)
{
    (void)state;
    static const char *const stored[KINDS] = {
        "29bd2c3f3e751830", "1593f13d60874855", "36297981e1bb983b", "abe4f2ba5c5afb12", "b472ba29319a74cb",
        "5316cdd98e746079", "45a83ed390fc7204", "223811e37cc7f9da", "e05cd799af68c96f", "0242b3f950e0ffe0",
        "236596302fad629a", "12cd9dbf74286f3f", "6bb2d40f2451c388", "ca655528e88d91e8", "e0e24e40e6c017e8",
        "3f5f57e966461549", "e60665aed8e5f26b", "149fc0fac4ff9a88",
    };
    char found[17];
    bool good = true;
    for (int i = 0; i < KINDS; i++) {
        const pal_image_options o = kind(i);
        hash(&o, found);
        if (strcmp(found, stored[i]) == 0) continue;
        printf("%s (%d): \"%s\"\n", pal_image_sampler_name(o.sampler), i, found);
        good = false;
    }
    assert_true(good);
}

static void every_instruction_set_draws_the_same_picture(void **state)
{
    (void)state;
    static const char *const isas[] = {"scalar", "simd128", "relaxed", "avx2", "avx512vnni"};
    static const pal_image_sampler samplers[] = {PAL_IMAGE_SN_DDPM, PAL_IMAGE_NPR_DDIM, PAL_IMAGE_DPM_SOLVER};
    pal_model *m = model;
    for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++) {
        pal_image_options o = small(samplers[k]);
        char first[17], other[17];
        o.label = 2;
        hash(&o, first);
        for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
            model = open_test_model("unet-labels");
            if (pal_model_use_isa(model, isas[i], NULL) == PAL_OK) {
                hash(&o, other);
                assert_string_equal(other, first);
            }
            pal_model_close(model);
            model = m;
        }
    }
}

static void pictures_do_not_depend_on_their_batch(void **state)
{
    (void)state;
    static const pal_image_sampler samplers[] = {PAL_IMAGE_SN_DDPM, PAL_IMAGE_PROBABILITY_FLOW,
                                                 PAL_IMAGE_PREDICTOR_CORRECTOR};
    const int32_t labels[5] = {2, 0, 1, 1, 0};
    for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++) {
        uint8_t whole[5 * SIZE], parts[5 * SIZE];
        pal_image_options o = small(samplers[k]);
        o.first = 30;
        o.count = 5;
        o.labels = labels;
        o.guidance = k == 0 ? 2.0 : 1.0;
        draw(&o, whole);
        for (int32_t from = 0; from < 5; from += o.count) {
            o.count = from == 0 ? 2 : from == 2 ? 1 : 2;
            o.first = 30 + (uint32_t)from;
            o.labels = labels + from;
            draw(&o, parts + (size_t)from * SIZE);
        }
        assert_memory_equal(whole, parts, sizeof whole);
        for (int i = 0; i < 4; i++) assert_true(memcmp(whole + i * SIZE, whole + (i + 1) * SIZE, SIZE) != 0);
    }
}

static void a_seed_is_a_picture(void **state)
{
    (void)state;
    uint8_t a[SIZE], b[SIZE];
    pal_image_options o = small(PAL_IMAGE_DDIM);
    draw(&o, a);
    draw(&o, b);
    assert_memory_equal(a, b, SIZE);
    o.seed = 8;
    draw(&o, b);
    assert_true(memcmp(a, b, SIZE) != 0);
}

/* ---- steps and views ----------------------------------------------------------------------------------- */

static void a_step_is_an_evaluation_of_each_picture(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        pal_image_options o = kind(i);
        const int twice = o.guidance > 1.0 ? 2 : 1;
        o.count = 2;
        lent l = start(model, &o);
        const int32_t total = pal_drawing_progress(l.drawing).total;
        pal_status s = PAL_MORE;
        assert_int_equal(total, pal_image_evaluations(&o));
        for (int32_t n = 1; s == PAL_MORE; n++) {
            s = pal_image_step(l.drawing, NULL);
            const pal_image_progress p = pal_drawing_progress(l.drawing);
            assert_int_equal(p.evaluations, n);
            assert_true(total ? p.passes == (int64_t)n * 2 * twice : p.passes <= (int64_t)n * 2 && p.passes > n);
            assert_int_equal(p.done, s == PAL_OK);
        }
        assert_int_equal(s, PAL_OK);
        const pal_image_progress before = pal_drawing_progress(l.drawing);
        if (total) assert_int_equal(before.evaluations, total);
        assert_int_equal(pal_image_step(l.drawing, NULL), PAL_OK); /* done stays done */
        assert_int_equal(pal_drawing_progress(l.drawing).passes, before.passes);
        end(&l);
    }
}

static void views_are_grey_and_noise_at_first_and_the_picture_at_last(void **state)
{
    (void)state;
    static const int kinds[] = {PAL_IMAGE_SN_DDPM, PAL_IMAGE_ANNEALED_LANGEVIN, PAL_IMAGE_PROBABILITY_FLOW};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const pal_image_options o = kind(kinds[k]);
        uint8_t predicted[SIZE], noise[SIZE];
        int32_t extremes = 0;
        lent l = start(model, &o);
        pal_image_pixels(l.drawing, PAL_IMAGE_PREDICTED, 0, predicted);
        pal_image_pixels(l.drawing, PAL_IMAGE_STATE, 0, noise);
        for (int i = 0; i < SIZE; i++) {
            assert_int_equal(predicted[i], 128);
            extremes += noise[i] == 0 || noise[i] == 255;
        }
        /* Normal noise of variance near 1 leaves [-1, 1] in a third of all pixels, however the sampler scales it. */
        assert_true(extremes > SIZE / 5 && extremes < SIZE / 2);
        finish(&l);
        pal_image_pixels(l.drawing, PAL_IMAGE_PREDICTED, 0, predicted);
        pal_image_pixels(l.drawing, PAL_IMAGE_STATE, 0, noise);
        assert_memory_equal(predicted, noise, SIZE);
        end(&l);
    }
}

/* ---- labels and guidance -------------------------------------------------------------------------------- */

static void labels_make_the_picture(void **state)
{
    (void)state;
    const int32_t labels[4] = {0, 1, 2, -1};
    uint8_t one_by_one[4 * SIZE], together[SIZE];
    for (int i = 0; i < 4; i++) {
        pal_image_options o = small(PAL_IMAGE_DPM_SOLVER);
        o.label = labels[i];
        draw(&o, one_by_one + i * SIZE);
        for (int j = 0; j < i; j++) assert_true(memcmp(one_by_one + i * SIZE, one_by_one + j * SIZE, SIZE) != 0);
        o.label = 1;
        o.labels = &labels[i]; /* goes before `label` */
        draw(&o, together);
        assert_memory_equal(together, one_by_one + i * SIZE, SIZE);
    }
}

static void label_names_are_found(void **state)
{
    (void)state;
    int32_t label = 77;
    assert_string_equal(pal_image_label(model, 0), "alpha");
    assert_string_equal(pal_image_label(model, 2), "gamma");
    assert_null(pal_image_label(model, 3));
    assert_null(pal_image_label(model, -1));
    assert_null(pal_image_label(plain, 0));
    assert_true(pal_image_label_find(model, "beta", &label));
    assert_int_equal(label, 1);
    assert_false(pal_image_label_find(model, "Beta", &label));
    assert_false(pal_image_label_find(plain, "beta", &label));
    assert_int_equal(label, 1);
}

static void guidance_1_is_none_and_0_forgets_the_label(void **state)
{
    (void)state;
    static const pal_image_sampler samplers[] = {PAL_IMAGE_SN_DDPM, PAL_IMAGE_DDIM};
    for (size_t k = 0; k < 2; k++) {
        uint8_t without[SIZE], one[SIZE], zero[SIZE], two[SIZE], unlabelled[SIZE];
        pal_image_options o = small(samplers[k]);
        draw(&o, unlabelled);
        o.label = 1;
        draw(&o, without);
        o.guidance = 1.0;
        draw(&o, one);
        o.guidance = 0.0;
        draw(&o, zero);
        o.guidance = 2.0;
        draw(&o, two);
        assert_memory_equal(one, without, SIZE);
        assert_true(memcmp(two, one, SIZE) != 0);
        /* Heads tell of the labelled network alone (image/guidance.h). */
        if (samplers[k] == PAL_IMAGE_DDIM) assert_memory_equal(zero, unlabelled, SIZE);
    }
}

/* ---- kept parts ------------------------------------------------------------------------------------------ */

static bool keeps_known(pal_image_sampler sampler)
{
    return sampler != PAL_IMAGE_PROBABILITY_FLOW && sampler != PAL_IMAGE_DPM_SOLVER;
}

static void kept_part(uint8_t known[SIZE], uint8_t mask[SIZE])
{
    for (int i = 0; i < SIZE; i++) {
        known[i] = (uint8_t)(i * 37);
        mask[i] = i % 5 == 0 ? 200 : 0; /* any number but 0 is one */
    }
}

/* How many of the pixels to be drawn differ from the known picture; those that are kept do not. */
static int32_t drawn_anew(const pal_drawing *d, int32_t index)
{
    uint8_t known[SIZE], mask[SIZE], pixels[SIZE];
    int32_t drawn = 0;
    kept_part(known, mask);
    pal_image_pixels(d, PAL_IMAGE_PREDICTED, index, pixels);
    for (int i = 0; i < SIZE; i++) {
        if (!mask[i]) assert_int_equal(pixels[i], known[i]);
        drawn += pixels[i] != known[i];
    }
    return drawn;
}

static void kept_pixels_are_kept_exactly_at_every_step_of_every_sampler(void **state)
{
    (void)state;
    uint8_t known[SIZE], mask[SIZE];
    for (int k = 0; k < PAL_IMAGE_SAMPLERS; k++) {
        pal_image_options o = small((pal_image_sampler)k);
        pal_status s = PAL_MORE;
        int32_t drawn = 0;
        if (!keeps_known(o.sampler)) continue;
        kept_part(known, mask);
        o.known = known;
        o.mask = mask;
        o.count = 2;
        lent l = start(model, &o);
        memset(known, 0, sizeof known); /* it was copied */
        memset(mask, 0, sizeof mask);
        while (s == PAL_MORE) {
            drawn = drawn_anew(l.drawing, 0) + drawn_anew(l.drawing, 1);
            s = pal_image_step(l.drawing, NULL);
        }
        assert_true(drawn > SIZE / 5); /* half of them: a drawn pixel may come out as it was */
        drawn_anew(l.drawing, 1);
        end(&l);
    }
}

static void a_mask_of_all_draws_all_and_one_of_none_nothing(void **state)
{
    (void)state;
    uint8_t known[SIZE], mask[SIZE], free_of[SIZE], pixels[SIZE];
    pal_image_options o = small(PAL_IMAGE_SN_DDPM);
    for (int i = 0; i < SIZE; i++) known[i] = (uint8_t)(255 - i);
    draw(&o, free_of);
    o.known = known;
    o.mask = mask;
    memset(mask, 1, sizeof mask);
    draw(&o, pixels);
    assert_memory_equal(pixels, free_of, SIZE);
    memset(mask, 0, sizeof mask);
    draw(&o, pixels);
    assert_memory_equal(pixels, known, SIZE);
}

/* A mask has an entry a pixel, not a channel. */
static void a_mask_is_about_pixels_of_all_colours(void **state)
{
    (void)state;
    enum { PLACES = 7 * 9 };
    uint8_t known[3 * PLACES], mask[PLACES], pixels[3 * PLACES];
    pal_image_options o = small(PAL_IMAGE_DDPM);
    for (int i = 0; i < 3 * PLACES; i++) known[i] = (uint8_t)(i * 11);
    for (int i = 0; i < PLACES; i++) mask[i] = i >= 21 && i < 42;
    o.known = known;
    o.mask = mask;
    lent l = start(plain, &o);
    finish(&l);
    pal_image_pixels(l.drawing, PAL_IMAGE_PREDICTED, 0, pixels);
    assert_memory_equal(pixels, known, 63);
    assert_memory_equal(pixels + 126, known + 126, 63);
    assert_true(memcmp(pixels + 63, known + 63, 63) != 0);
    end(&l);
}

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

/* What the network draws is likelier under it than pixels without order. */
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

/* Neither the size nor the drawing is touched, and the text has the word. */
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
    REFUSED(model, PAL_IMAGE_DDPM, "no label of that number", o.label = 3)
    REFUSED(model, PAL_IMAGE_DDPM, "no label of that number", o.label = -2)
    REFUSED(model, PAL_IMAGE_DDPM, "no label of that number", (o.labels = labels, o.count = 2))
    REFUSED(plain, PAL_IMAGE_DDPM, "knows no labels", o.label = 0)
    REFUSED(model, PAL_IMAGE_DDPM, "guidance must", (o.label = 0, o.guidance = -1.0))
    REFUSED(model, PAL_IMAGE_DDPM, "guidance must", (o.label = 0, o.guidance = 101.0))
    REFUSED(model, PAL_IMAGE_DDPM, "guidance must", (o.label = 0, o.guidance = (double)NAN))
    REFUSED(model, PAL_IMAGE_DDPM, "needs a label", o.guidance = 2.0)
    REFUSED(plain, PAL_IMAGE_DDPM, "model with labels", o.guidance = 2.0)
    REFUSED(plain, PAL_IMAGE_SN_DDPM, "dpm-solver++ work without", (void)0)
    REFUSED(plain, PAL_IMAGE_NPR_DDIM, "dpm-solver++ work without", (void)0)
    REFUSED(plain, PAL_IMAGE_ANALYTIC_DDPM, "dpm-solver++ work without", (void)0)
    REFUSED(model, (pal_image_sampler)99, "no such sampler", (void)0)
    REFUSED(model, PAL_IMAGE_DDPM, "both", o.known = bytes)
    REFUSED(model, PAL_IMAGE_DDPM, "both", o.mask = bytes)
    REFUSED(model, PAL_IMAGE_DPM_SOLVER, "take ddpm", (o.known = bytes, o.mask = bytes))
    REFUSED(model, PAL_IMAGE_PROBABILITY_FLOW, "finds its own", o.steps = 5)
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
    refused(vocabulary, &o, PAL_E_UNSUPPORTED, "vocabulary only");
    refused(stored, &o, PAL_E_OPTION, "as stored");
    assert_null(pal_model_image(text));
    assert_false(pal_model_info(text)->can_image);
    assert_false(pal_image_can(text, PAL_IMAGE_DDPM, &why));
    assert_non_null(strstr(why, "text model"));
    assert_true(pal_image_can(stored, PAL_IMAGE_SN_DDPM, NULL)); /* info asks that */
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
        assert_true(pal_image_can(model, (pal_image_sampler)s, &why));
        assert_int_equal(pal_image_can(plain, (pal_image_sampler)s, &why), !needs);
    }
    assert_non_null(strstr(why, "work without"));
    assert_false(pal_image_can(model, PAL_IMAGE_SAMPLERS, NULL));
    assert_int_equal(pal_image_best(model), PAL_IMAGE_SN_DDPM);
    assert_int_equal(pal_image_best(plain), PAL_IMAGE_DDPM);
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
    NOT_MEASURED("no such method", o.method = (pal_image_method)2)
    NOT_MEASURED("tolerance", o.tolerance = 0.0)
    NOT_MEASURED("probes", o.probes = -1)
    NOT_MEASURED("difference", o.difference = 2.0)
    NOT_MEASURED("score of no density", (o.picture.label = 0, o.picture.guidance = 2.0))
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
            assert_non_null(strstr(err.text, "not a number"));
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
        cmocka_unit_test(every_sampler_draws_the_stored_pixels),
        cmocka_unit_test(every_instruction_set_draws_the_same_picture),
        cmocka_unit_test(pictures_do_not_depend_on_their_batch),
        cmocka_unit_test(a_seed_is_a_picture),
        cmocka_unit_test(a_step_is_an_evaluation_of_each_picture),
        cmocka_unit_test(views_are_grey_and_noise_at_first_and_the_picture_at_last),
        cmocka_unit_test(labels_make_the_picture),
        cmocka_unit_test(label_names_are_found),
        cmocka_unit_test(guidance_1_is_none_and_0_forgets_the_label),
        cmocka_unit_test(kept_pixels_are_kept_exactly_at_every_step_of_every_sampler),
        cmocka_unit_test(a_mask_of_all_draws_all_and_one_of_none_nothing),
        cmocka_unit_test(a_mask_is_about_pixels_of_all_colours),
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
