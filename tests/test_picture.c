/* test_picture.c - pictures through the public header: the same pictures on every target and in any batch, labels,
 * guidance, known pixels.  Likelihoods and refusals are in test_picture_refused.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sha256.h"
#include "picture_testing.h"

/* ---- the same pictures everywhere --------------------------------------------------------------------- */

/* Every sampler, and options that reach the code that its defaults do not. */
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

/* The first 8 bytes of the SHA-256 of the pixels.  The stored values are valid on every target: if a single bit
 * changes, seeds no longer give the same pictures. */
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
    assert_false(pal_image_label_find(model, "bet", &label));
    assert_false(pal_image_label_find(model, "betas", &label));
    assert_int_equal(label, 1);
    assert_true(pal_image_label_find(model, "GAMMA", &label)); /* Regression: only "gamma" was found */
    assert_int_equal(label, 2);
    assert_true(pal_image_label_find(model, "Beta", &label));
    assert_false(pal_image_label_find(plain, "beta", &label));
    assert_int_equal(label, 1);
}

/* Two names that differ only in case: an exact match is found, other spellings are not. */
static void label_names_alike_are_told_apart(void **state)
{
    (void)state;
    static const char third[] = "\5\0\0\0\0\0\0\0gamma";
    size_t size, at = 0;
    void *block;
    pal_model *alike;
    int32_t label = 77;
    unsigned char *image = load_test_model("unet-labels", &size, &block);
    while (memcmp(image + at, third, sizeof third - 1) != 0) at++;
    memcpy(image + at + 8, "ALPHA", 5);
    assert_int_equal(pal_model_open(&alike, image, size, 0, NULL), PAL_OK);
    assert_false(pal_image_label_find(alike, "Alpha", &label));
    assert_int_equal(label, 77);
    assert_true(pal_image_label_find(alike, "ALPHA", &label));
    assert_int_equal(label, 2);
    assert_true(pal_image_label_find(alike, "alpha", &label));
    assert_int_equal(label, 0);
    assert_true(pal_image_label_find(alike, "bEta", &label));
    assert_int_equal(label, 1);
    pal_model_close(alike);
    free(block);
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
        /* The heads are those of the labelled network (image/guidance.h). */
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

/* How many of the drawn pixels differ from the known picture; the known ones must not. */
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
        assert_true(drawn > SIZE / 5); /* half of them: a drawn pixel may equal the old one */
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

/* A mask has one entry per pixel, not per channel. */
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
        cmocka_unit_test(label_names_alike_are_told_apart),
        cmocka_unit_test(guidance_1_is_none_and_0_forgets_the_label),
        cmocka_unit_test(kept_pixels_are_kept_exactly_at_every_step_of_every_sampler),
        cmocka_unit_test(a_mask_of_all_draws_all_and_one_of_none_nothing),
        cmocka_unit_test(a_mask_is_about_pixels_of_all_colours),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
