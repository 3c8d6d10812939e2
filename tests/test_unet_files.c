/* test_unet_files.c - U-Net files: their information, and files that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unet_testing.h"

#include <math.h>

/* ---- what a file says --------------------------------------------------- */

static void metadata_are_read(void **state)
{
    (void)state;
    buffer file = read_whole(LABELS);
    loaded l = load(&file, PAL_ISA_REF);
    size_t cursor = 0;
    assert_int_equal(l.net.labels, 3);
    assert_true(pal_str_is(pal_gguf_next_str(l.net.label_names, &cursor), "alpha"));
    assert_true(l.net.label_dropout == 0.1f);
    assert_false(l.net.schedule.cosine);
    assert_int_equal(l.net.schedule.steps, 20);
    assert_true(l.net.schedule.beta_first == (double)1e-3f && l.net.schedule.beta_last == (double)0.4f);
    assert_int_equal(l.net.gammas, 20);
    assert_true(fabs(l.net.gamma[0] - 0.1) < 1e-6 && fabs(l.net.gamma[19] - 0.99) < 1e-6);
    assert_true(l.net.head[PAL_HEAD_SECOND_MOMENT].deep && !l.net.head[PAL_HEAD_RESIDUAL].deep);
    unload(&l);
    free(file.data);
    file = read_whole(PLAIN);
    l = load(&file, PAL_ISA_REF);
    assert_int_equal(l.net.labels, 0);
    assert_int_equal(l.net.gammas, 0);
    assert_false(l.net.head[PAL_HEAD_SECOND_MOMENT].present || l.net.head[PAL_HEAD_RESIDUAL].present);
    unload(&l);
    free(file.data);
}

/* The offset of a key's value, after its name and type; for an array, of its first element. */
static unsigned char *value_of(const buffer *file, const char *key)
{
    const size_t length = strlen(key);
    for (size_t i = 8; i + length + 16 < file->size; i++) {
        uint64_t size;
        uint32_t type;
        memcpy(&size, file->data + i - 8, sizeof size);
        if (size != length || memcmp(file->data + i, key, length) != 0) continue;
        memcpy(&type, file->data + i + length, sizeof type);
        return file->data + i + length + (type == PAL_GGUF_ARRAY ? 16 : 4);
    }
    fail_msg("no key %s", key);
    return NULL;
}

/* A value that is overwritten in a copy of the file, and the result of opening it. */
static void expect_refused(const buffer *file, const char *key, size_t element, uint32_t bits, pal_status status,
                           const char *part)
{
    buffer copy = {malloc(file->size), file->size, file->size};
    void *block;
    pal_gguf *gguf;
    pal_unet net;
    pal_error err = {PAL_OK, "", 0};
    assert_non_null(copy.data);
    memcpy(copy.data, file->data, file->size);
    memcpy(value_of(&copy, key) + 4 * element, &bits, sizeof bits);
    const void *image = aligned_copy(&block, copy.data, copy.size);
    assert_int_equal(pal_gguf_open(&gguf, image, copy.size, &err), PAL_OK);
    const pal_status got = pal_unet_bind(&net, gguf, &err);
    if (got != status || !strstr(err.text, part))
        fail_msg("%s = %u: status %d, \"%s\"", key, bits, (int)got, got ? err.text : "");
    pal_gguf_close(gguf);
    free(block);
    free(copy.data);
}

static uint32_t float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void hostile_metadata_are_refused(void **state)
{
    (void)state;
    const pal_status format = PAL_E_FORMAT, other = PAL_E_UNSUPPORTED;
    const struct {
        const char *key;
        size_t element;
        uint32_t bits;
        pal_status status;
        const char *part;
    } cases[] = {
        {"unet.image.width", 0, 0, format, "image.width"},
        {"unet.image.width", 0, 257, format, "image.width"},
        {"unet.image.height", 0, UINT32_MAX, format, "image.height"},
        {"unet.image.height", 0, 13, format, "patch_size"},
        {"unet.image.channels", 0, 2, format, "image.channels"},
        {"unet.image.channels", 0, 3, format, "wrong shape"},
        {"unet.patch_size", 0, 3, format, "patch_size"},
        {"unet.patch_size", 0, 4, format, "patch_size"},
        {"unet.patch_size", 0, 0, format, "patch_size"},
        {"unet.blocks_per_level", 0, 17, format, "blocks_per_level"},
        {"unet.blocks_per_level", 0, 2, format, "up_blocks"},
        {"unet.up_blocks", 0, 0, format, "up_blocks"},
        {"unet.up_blocks", 0, 2, format, "missing"},
        {"unet.level_widths", 0, 0, format, "width"},
        {"unet.level_widths", 1, UINT32_MAX, format, "width"},
        {"unet.level_widths", 1, 4097, format, "width"},
        {"unet.level_widths", 1, 4096, format, "wrong shape"},
        {"unet.attention_levels", 0, 2, format, "attention_levels"},
        {"unet.attention_levels", 0, 0, format, "missing"},
        {"unet.attention.head_count", 0, 0, format, "head_count"},
        {"unet.attention.head_count", 0, 3, other, "head_count"},
        {"unet.attention.head_count", 0, 16, other, "head_count"},
        {"unet.attention.group_norm_groups", 0, 5, format, "groups"},
        {"unet.attention.group_norm_groups", 0, 0, format, "groups"},
        {"unet.attention.group_norm_epsilon", 0, float_bits(-1.0f), format, "epsilon"},
        {"unet.attention.group_norm_epsilon", 0, float_bits(NAN), format, "epsilon"},
        {"unet.time_embedding_length", 0, 31, format, "time_embedding_length"},
        {"unet.time_embedding_length", 0, 1 << 20, format, "time_embedding_length"},
        {"unet.embedding_length", 0, 64, format, "wrong shape"},
        {"unet.label_count", 0, 4, format, "labels"},
        {"unet.label_count", 0, 0, format, "labels"},
        {"unet.label_dropout", 0, float_bits(1.5f), format, "label_dropout"},
        {"palimpsest.diffusion.steps", 0, 0, format, "steps"},
        {"palimpsest.diffusion.steps", 0, 21, format, "wrong shape"},
        {"palimpsest.diffusion.beta_first", 0, float_bits(0.0f), format, "beta_first"},
        {"palimpsest.diffusion.beta_first", 0, float_bits(0.5f), format, "beta_last"},
        {"palimpsest.diffusion.beta_last", 0, float_bits(NAN), format, "beta_last"},
    };
    buffer file = read_whole(LABELS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(&file, cases[i].key, cases[i].element, cases[i].bits, cases[i].status, cases[i].part);
    free(file.data);
}

/* A picture of 256 x 256 with levels of 4096 channels would need gigabytes: it is refused before anything is
 * allocated. */
static void layers_that_are_too_large_are_refused(void **state)
{
    (void)state;
    buffer file = read_whole(PLAIN);
    const uint32_t side = 256, wide = 4096;
    memcpy(value_of(&file, "unet.image.width"), &side, sizeof side);
    memcpy(value_of(&file, "unet.image.height"), &side, sizeof side);
    expect_refused(&file, "unet.attention_levels", 0, 1, PAL_E_UNSUPPORTED, "4096 pixels");
    const uint32_t last = 2;
    memcpy(value_of(&file, "unet.attention_levels"), &last, sizeof last);
    expect_refused(&file, "unet.level_widths", 0, wide, PAL_E_UNSUPPORTED, "more values");
    free(file.data);
}

/* A tensor of another name: one is missing, and one is too many. */
static void missing_and_unknown_tensors_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"conv_in.weight", "down.0.0.conv2.weight", "mid.attn.out.weight",
                                        "up.1.sample.weight", "sn.norm.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        buffer file = read_whole(LABELS);
        unsigned char *name = value_of(&file, names[i]) - 4 - strlen(names[i]);
        void *block;
        pal_gguf *gguf;
        pal_unet net;
        pal_error err;
        *name = 'x';
        const void *image = aligned_copy(&block, file.data, file.size);
        assert_int_equal(pal_gguf_open(&gguf, image, file.size, &err), PAL_OK);
        assert_int_equal(pal_unet_bind(&net, gguf, &err), PAL_E_FORMAT);
        assert_non_null(strstr(err.text, "missing"));
        pal_gguf_close(gguf);
        free(block);
        free(file.data);
    }
    buffer file = read_whole(LABELS);
    memcpy(value_of(&file, "npr.conv.weight") - 4 - strlen("npr.conv.weight"), "apr.conv.weight", 15);
    void *block;
    pal_gguf *gguf;
    pal_unet net;
    pal_error err;
    const void *image = aligned_copy(&block, file.data, file.size);
    assert_int_equal(pal_gguf_open(&gguf, image, file.size, &err), PAL_OK);
    assert_int_equal(pal_unet_bind(&net, gguf, &err), PAL_E_UNSUPPORTED); /* npr.norm is unused */
    pal_gguf_close(gguf);
    free(block);
    free(file.data);
}

static void text_calls_on_a_picture_model_say_why_not(void **state)
{
    (void)state;
    char path[512];
    pal_model *model;
    pal_error err;
    int32_t id = 0;
    size_t count;
    float logit;
    snprintf(path, sizeof path, "%s/%s", PAL_SOURCE_DIR, LABELS);
    assert_int_equal(pal_model_open_file(&model, path, 0, &err), PAL_OK);
    const pal_info *info = pal_model_info(model);
    assert_string_equal(info->architecture, "unet");
    assert_false(info->can_tokenize || info->can_score || info->can_infill);
    assert_int_equal(pal_tokenize(model, "a", 1, 0, &id, 1, &count, &err), PAL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "draws pictures"));
    assert_int_equal(pal_logits(model, &id, 1, &id, 1, &logit, &err), PAL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "draws pictures"));
    pal_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_are_read),
        cmocka_unit_test(hostile_metadata_are_refused),
        cmocka_unit_test(layers_that_are_too_large_are_refused),
        cmocka_unit_test(missing_and_unknown_tensors_are_refused),
        cmocka_unit_test(text_calls_on_a_picture_model_say_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
