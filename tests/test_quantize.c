/* test_quantize.c - models converted to other types, and weights that are NaN or infinite. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model_testing.h"

#include <math.h>

/* ---- other types ----------------------------------------------------------------------------------- */

typedef struct {
    unsigned char *block, *image;
    size_t size, capacity, fail_after;
} memory_file;

static bool write_memory(void *context, const void *data, size_t bytes)
{
    memory_file *f = context;
    if (f->size + bytes > f->capacity || f->size + bytes > f->fail_after) return false;
    memcpy(f->image + f->size, data, bytes);
    f->size += bytes;
    return true;
}

static memory_file new_file(void)
{
    memory_file f = {.capacity = 1 << 20, .fail_after = SIZE_MAX};
    f.block = malloc(f.capacity + 63);
    assert_non_null(f.block);
    f.image = (unsigned char *)(((uintptr_t)f.block + 63) & ~(uintptr_t)63);
    return f;
}

static void quantize_every_type_opens_and_scores(void **state)
{
    (void)state;
    const char *const names[] = {"tiny-infill", "tiny-ar", "tiny-odd"};
    const char *const types[] = {"F32", "F16", "Q8_0", "Q4_0"};
    for (int n = 0; n < 3; n++) {
        pal_model *m = open_test_model(names[n]), *stored = open_test_model_as(names[n], PAL_OPEN_AS_STORED);
        pal_score_result before = score_of(m, TALE, 20, PAL_SCORE_DEFAULT);
        for (int t = 0; t < 4; t++) {
            memory_file f = new_file();
            pal_model *other;
            pal_error err = {0};
            if (pal_model_quantize(stored, types[t], write_memory, &f, &err)) fail_msg("%s", err.text);
            if (pal_model_open(&other, f.image, f.size, 0, &err)) fail_msg("%s", err.text);
            /* Rows of tiny-odd fit no block: they become F16. */
            const char *expected = n == 2 && t > 1 ? "F16" : types[t];
            assert_string_equal(pal_model_info(other)->weights, expected);
            assert_string_equal(pal_model_info(other)->name, names[n]);
            pal_score_result after = score_of(other, TALE, 20, PAL_SCORE_DEFAULT);
            assert_true(isfinite(after.bits_per_byte));
            /* Rounding moves the score a little; four bits per weight move it more. */
            assert_true(fabs(after.bits_per_byte - before.bits_per_byte) < (t == 3 && n < 2 ? 8.0 : 1.0));
            pal_model_close(other);
            free(f.block);
        }
        pal_model_close(stored);
        pal_model_close(m);
    }
}

static void quantize_to_its_own_type_keeps_every_weight(void **state)
{
    (void)state;
    pal_model *m = open_test_model_as("tiny-infill", PAL_OPEN_AS_STORED), *other;
    memory_file f = new_file();
    assert_int_equal(pal_model_quantize(m, "Q8_0", write_memory, &f, NULL), PAL_OK);
    assert_int_equal(pal_model_open(&other, f.image, f.size, PAL_OPEN_AS_STORED, NULL), PAL_OK);
    for (size_t i = 0; i < pal_gguf_tensors(m->gguf); i++) {
        const pal_gguf_tensor *a = pal_gguf_tensor_at(m->gguf, i), *b = pal_gguf_tensor_at(other->gguf, i);
        assert_int_equal(a->size, b->size);
        assert_memory_equal(a->data, b->data, a->size);
    }
    pal_model_close(other);
    pal_model_close(m);
    free(f.block);
}

static void quantize_failures_are_told(void **state)
{
    (void)state;
    pal_model *m = open_test_model_as("tiny-infill", PAL_OPEN_AS_STORED), *at_work = open_test_model("tiny-infill");
    memory_file f = new_file();
    pal_error err = {0};
    assert_int_equal(pal_model_quantize(at_work, "F16", write_memory, &f, &err), PAL_E_OPTION);
    pal_model_close(at_work);
    assert_int_equal(pal_model_quantize(m, "Q5_K", write_memory, &f, &err), PAL_E_OPTION);
    assert_int_equal(f.size, 0);
    for (f.fail_after = 0; f.fail_after < 20000; f.fail_after += 1999) {
        f.size = 0;
        assert_int_equal(pal_model_quantize(m, "F16", write_memory, &f, &err), PAL_E_IO);
    }
    pal_model_close(m);
    free(f.block);
}

/* A model opened as stored gives information and tokenizes like any other, evaluates nothing and does not change the
 * image. */
static void model_as_stored_evaluates_nothing(void **state)
{
    (void)state;
    size_t size;
    void *block;
    unsigned char *image = load_test_model("tiny-infill", &size, &block), *copy = malloc(size);
    pal_model *m;
    pal_error err = {0};
    pal_score_result result;
    float logits[1];
    size_t bytes;
    assert_non_null(copy);
    memcpy(copy, image, size);
    assert_int_equal(pal_model_open(&m, image, size, PAL_OPEN_AS_STORED, &err), PAL_OK);
    assert_memory_equal(image, copy, size);
    assert_true(pal_model_info(m)->can_infill && pal_model_info(m)->can_tokenize);
    const pal_infill_options options = pal_infill_defaults();
    const int32_t token = 0, at = 0;
    assert_int_equal(pal_session_bytes(m, "a [[1]]", 7, &options, &bytes, &err), PAL_E_OPTION);
    assert_int_equal(pal_score(m, "a", 1, &(pal_score_options){0}, &result, &err), PAL_E_OPTION);
    assert_int_equal(pal_logits(m, &token, 1, &at, 1, logits, &err), PAL_E_OPTION);
    pal_model_close(m);
    free(copy);
    free(block);
}

/* ---- hostile weights ------------------------------------------------------------------------------- */

static void spoil_tensor(const pal_gguf_tensor *t, unsigned char *image, uint32_t run)
{
    static const uint16_t halves[] = {0x7e00, 0x7c00, 0xfc00, 0x7bff, 0xfbff}; /* NaN, inf, -inf, largest */
    static const uint32_t floats[] = {0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0xff7fffff, 0x00000001};
    unsigned char *data = image + t->offset;
    size_t step = t->type == PAL_Q8_0 ? 34 : t->type == PAL_F16 ? 2 : 4;
    for (size_t at = 0, i = 0; at + step <= t->size; at += step, i++) {
        if (pick(run, (uint32_t)i, 3)) continue;
        if (step == 4)
            memcpy(data + at, &floats[pick(run, (uint32_t)i + 100000, 6)], 4);
        else
            memcpy(data + at, &halves[pick(run, (uint32_t)i + 100000, 5)], 2);
    }
}

static void use_hostile(pal_model *m)
{
    static const char page[] = "the [[3]] and [[2]]dog [[4]]";
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        pal_infill_options o = pal_infill_defaults();
        pal_session *s;
        size_t bytes;
        pal_place places[9];
        o.sampler = (pal_sampler)sampler;
        o.top_p = sampler % 2 ? 0.9 : 1.0;
        o.repetition_penalty = sampler % 3 ? 1.0 : 1.3;
        assert_int_equal(pal_session_bytes(m, page, sizeof page - 1, &o, &bytes, NULL), PAL_OK);
        void *block = malloc(bytes);
        assert_non_null(block);
        assert_int_equal(pal_session_init(&s, m, page, sizeof page - 1, &o, block, bytes, NULL), PAL_OK);
        int steps = 0;
        pal_status status;
        while ((status = pal_step(s, NULL)) == PAL_MORE)
            if (++steps > 200) fail_msg("%s does not end", pal_sampler_name((pal_sampler)sampler));
        assert_int_equal(pal_session_tokens(s, places, 9), 9);
        assert_true(status == PAL_OK || (status == PAL_E_FORMAT && pal_session_progress(s).open));
        for (int i = 0; i < 9; i++)
            if (places[i].id >= 0) assert_false(m->classes.of[places[i].id] & PAL_CLASS_NO_FILL);
        free(block);
    }
}

static void weights_that_are_no_numbers_neither_crash_nor_break_rules(void **state)
{
    (void)state;
    const char *const names[] = {"tiny-infill", "tiny-odd"};
    for (uint32_t run = 0; run < 60; run++) {
        size_t size;
        void *block;
        unsigned char *image = load_test_model(names[run % 2], &size, &block);
        pal_model *m;
        assert_int_equal(pal_model_open(&m, image, size, 0, NULL), PAL_OK);
        size_t count = pal_gguf_tensors(m->gguf);
        for (size_t i = 0; i < count; i++) /* one kind of tensor, or all */
            if (run < 10 || pick(run, 200000 + (uint32_t)i, 4) == 0)
                spoil_tensor(pal_gguf_tensor_at(m->gguf, i), image, run);
        if (run % 4 == 2) pal_model_use_isa(m, "scalar", NULL);
        use_hostile(m);
        const pal_score_options margin = {.method = PAL_SCORE_MARGIN};
        pal_score_result r;
        const pal_status scored = pal_score(m, TALE, 30, &margin, &r, NULL);
        assert_true(scored == PAL_E_FORMAT || (scored == PAL_OK && r.evaluations > 0));
        pal_model_close(m);
        free(block);
    }
}

static void quantize_weights_that_are_no_numbers_is_refused_or_opens(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 8; run++) {
        size_t size;
        void *block;
        unsigned char *image = load_test_model("tiny-odd", &size, &block);
        memory_file f = new_file();
        pal_model *m, *other;
        pal_error err = {0};
        assert_int_equal(pal_model_open(&m, image, size, PAL_OPEN_AS_STORED, NULL), PAL_OK);
        spoil_tensor(pal_gguf_tensor_at(m->gguf, run), image, run);
        pal_status s = pal_model_quantize(m, "F16", write_memory, &f, &err);
        if (s)
            assert_true(s == PAL_E_FORMAT && err.offset < size);
        else
            assert_int_equal(pal_model_open(&other, f.image, f.size, 0, &err), PAL_OK);
        if (!s) pal_model_close(other);
        pal_model_close(m);
        free(f.block);
        free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantize_every_type_opens_and_scores),
        cmocka_unit_test(quantize_to_its_own_type_keeps_every_weight),
        cmocka_unit_test(quantize_failures_are_told),
        cmocka_unit_test(model_as_stored_evaluates_nothing),
        cmocka_unit_test(weights_that_are_no_numbers_neither_crash_nor_break_rules),
        cmocka_unit_test(quantize_weights_that_are_no_numbers_is_refused_or_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
