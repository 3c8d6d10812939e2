/* test_limits_models.c - models whose sizes are larger than memory: every call that measures or allocates reports it,
 * and sizes that fit are computed.  WebAssembly addresses have 32 bits, and products of these sizes wrap in them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "hostile_model.h"
#include "model_testing.h"
#include "api/pages.h"
#include "network/picture.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

#if PAL_ASAN
/* A block that is too large is NULL, as it is without the sanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
#endif

/* Whether this target can represent a size in bytes. */
static bool fits(double bytes)
{
    return bytes < (double)SIZE_MAX;
}

/* ---- files ------------------------------------------------------------------------------------------ */

/* layers * tokens * kv_dim of all of these are 2^32 = 0. */
static const struct {
    hostile_shape shape;
    int32_t max_tokens;
} wrapping[] = {
    {{64, 64, 1, 1, 64, 32, 1 << 20}, 1 << 20},
    {{16, 2, 1, 1, 65536, 8, 1 << 20}, 4096},
    {{32, 8, 32, 8, 128, 8, 131072}, 131072}, /* as in Llama-3.1-8B */
};

static void expect_sequence(const pal_model *m, const hostile_shape *s, int32_t max_tokens, pal_kv_type type)
{
    pal_sequence_options o = pal_sequence_defaults();
    pal_error err = {0};
    size_t bytes = 0;
    const double numbers = 2.0 * s->layers * max_tokens * s->kv_heads * s->head_dim;
    const double min = numbers * (type == PAL_KV_F32 ? 4 : type == PAL_KV_F16 ? 2 : 1);
    o.max_tokens = max_tokens;
    o.kv = type;
    const pal_status status = pal_sequence_bytes(m, &o, &bytes, &err);
    if (!fits(min)) {
        assert_int_equal(status, PAL_E_MEMORY);
        assert_non_null(err.text);
        return;
    }
    assert_int_equal(status, PAL_OK);
    assert_true((double)bytes >= min);
}

/* Reads two tokens with space for 16: the network works. */
static void expect_it_computes(const pal_model *m)
{
    const int32_t tokens[] = {1, 3};
    pal_sequence_options o = pal_sequence_defaults();
    pal_error err = {0};
    pal_sequence *s;
    size_t bytes;
    float logits[HOSTILE_VOCAB];
    o.max_tokens = 16;
    assert_int_equal(pal_sequence_bytes(m, &o, &bytes, &err), PAL_OK);
    void *block = malloc(bytes);
    assert_non_null(block);
    assert_int_equal(pal_sequence_init(&s, m, &o, block, bytes, &err), PAL_OK);
    assert_int_equal(pal_sequence_append(s, tokens, 2, &err), PAL_OK);
    assert_int_equal(pal_sequence_logits(s, logits, &err), PAL_OK);
    for (int i = 0; i < HOSTILE_VOCAB; i++) assert_true(logits[i] == 0.0f);
    free(block);
}

/* Regression: with 32-bit addresses a far too small block was allocated, and the first token trapped. */
static void files_whose_cache_wraps_are_refused_or_measured_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrapping); i++) {
        const hostile_shape *s = &wrapping[i].shape;
        pal_model *m;
        pal_error err = {0};
        void *block;
        size_t size;
        unsigned char *file = hostile_model(s, &size, &block);
        if (pal_model_open(&m, file, size, 0, &err)) fail_msg("%u: %s", (unsigned)i, err.text);
        expect_it_computes(m);
        for (int type = 0; type < PAL_KV_TYPES; type++) {
            expect_sequence(m, s, wrapping[i].max_tokens, (pal_kv_type)type);
            expect_sequence(m, s, wrapping[i].max_tokens - 8, (pal_kv_type)type); /* wraps to something else */
            expect_sequence(m, s, wrapping[i].max_tokens / 2, (pal_kv_type)type);
        }
        pal_model_close(m);
        free(block);
    }
}

/* ---- calls ------------------------------------------------------------------------------------------ */

/* A network of the largest sizes that bind.c allows, replacing a small one: only for calls that measure. */
static void enlarge(pal_model *m)
{
    pal_transformer *net = m->network;
    net->layers = 1024;
    net->heads = net->kv_heads = 4096;
    net->dim = net->head_dim = 65536;
    net->hidden = 4 * 65536;
    net->context = m->shape.context = 1 << 20;
}

static void sequences_and_logits_of_the_largest_network_are_too_large(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tiny-ar");
    pal_transformer *net = m->network;
    const pal_transformer small = *net;
    const pal_network_shape shape = m->shape;
    pal_sequence_options o = pal_sequence_defaults();
    pal_score_options score = {0};
    pal_score_result result;
    pal_error err = {0};
    float logits[1];
    size_t bytes = 0;
    int32_t *tokens = calloc(1 << 20, sizeof *tokens), at = 0;
    enlarge(m);
    for (int type = 0; type < PAL_KV_TYPES; type++)
        for (int32_t n = 1 << 20; n; n /= 4) {
            o.max_tokens = n;
            o.kv = (pal_kv_type)type;
            const double min = 1024.0 * 4096.0 * 65536.0 * n * (type == PAL_KV_F32 ? 8 : type == PAL_KV_F16 ? 4 : 2);
            const pal_status status = pal_sequence_bytes(m, &o, &bytes, &err);
            assert_int_equal(status, fits(min) ? PAL_OK : PAL_E_MEMORY);
            assert_true(status || (double)bytes >= min);
        }
    assert_int_equal(pal_logits(m, tokens, 1 << 20, &at, 1, logits, &err), PAL_E_MEMORY);
    assert_int_equal(pal_score(m, "Once upon a time", 16, &score, &result, &err), PAL_E_MEMORY);
    free(tokens);
    *net = small;
    m->shape = shape;
    pal_model_close(m);
}

static void pages_of_the_largest_network_are_too_large(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tiny-infill");
    pal_transformer *net = m->network;
    const pal_transformer small = *net;
    const pal_network_shape shape = m->shape;
    const pal_infill_options o = pal_infill_defaults();
    static const char page[] = "Once [[1048570]] upon";
    pal_error err = {0};
    size_t bytes = 0;
    enlarge(m);
    const double min = 4.0 * 1048576.0 * 4096.0 * 65536.0 * 4;
    pal_status status = pal_session_bytes(m, page, sizeof page - 1, &o, &bytes, &err);
    assert_int_equal(status, fits(min) ? PAL_OK : PAL_E_MEMORY);
    assert_true(status || (double)bytes >= min);
    status = pal_together_bytes(m, INT32_MAX / 2, &bytes, &err);
    assert_int_equal(status, fits(1024.0 * min) ? PAL_OK : PAL_E_MEMORY);
    assert_true(status || (double)bytes >= 1024.0 * min);
    *net = small;
    m->shape = shape;
    pal_model_close(m);
}

/* Regression: the joint evaluation of pages allocated space for a rotary table that it borrows. */
static void pages_together_have_no_rotary_table_of_their_own(void **state)
{
    (void)state;
    pal_model *m = open_test_model("tiny-infill");
    pal_transformer *net = m->network;
    const int dims = net->rotary.dims;
    size_t turning, still;
    assert_true(dims > 0);
    assert_int_equal(pal_together_bytes(m, 1000, &turning, NULL), PAL_OK);
    net->rotary.dims = 0;
    assert_int_equal(pal_together_bytes(m, 1000, &still, NULL), PAL_OK);
    net->rotary.dims = dims;
    assert_true(turning == still);
    pal_model_close(m);
}

static void pictures_of_the_largest_size_are_too_many(void **state)
{
    (void)state;
    pal_model *m = open_test_model("unet-plain");
    const pal_image_info small = m->picture->info;
    pal_image_options o = pal_image_defaults(PAL_IMAGE_DDPM);
    pal_likelihood_options l = pal_likelihood_defaults(m, PAL_LIKELIHOOD_FLOW);
    pal_error err = {0};
    size_t bytes = 0;
    m->picture->info.width = m->picture->info.height = 256;
    m->picture->info.channels = 3;
    o.steps = 4;
    for (int32_t count = 65536; count; count /= 2) {
        const double min = 256.0 * 256.0 * 3.0 * 4.0 * count;
        o.count = l.picture.count = count;
        pal_status status = pal_image_bytes(m, &o, &bytes, &err);
        if (status != (fits(3 * min) ? PAL_OK : PAL_E_MEMORY)) fail_msg("%d: %s", count, err.text);
        assert_true(status || (double)bytes >= 3 * min);
        status = pal_likelihood_bytes(m, &l, &bytes, &err);
        assert_int_equal(status, fits(13 * min) ? PAL_OK : PAL_E_MEMORY);
        assert_true(status || (double)bytes >= 13 * min);
    }
    m->picture->info = small;
    pal_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_whose_cache_wraps_are_refused_or_measured_right),
        cmocka_unit_test(sequences_and_logits_of_the_largest_network_are_too_large),
        cmocka_unit_test(pages_of_the_largest_network_are_too_large),
        cmocka_unit_test(pages_together_have_no_rotary_table_of_their_own),
        cmocka_unit_test(pictures_of_the_largest_size_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
