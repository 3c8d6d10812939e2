/* test_attach.c - adapter files: what fits is attached to a second model over the weights of the first; what does not
 * fit is named; damaged files are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_testing.h"
#include "adapter_file.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void expect_words(const char *text, const char *a, const char *b)
{
    assert_non_null(text);
    if (!strstr(text, a) || !strstr(text, b)) fail_msg("\"%s\" without \"%s\" or \"%s\"", text, a, b);
}

/* ---- what fits -------------------------------------------------------------------------------------- */

/* The numbers of one tensor of the file, as converted to its type. */
static float *stored_values(const adapter_tensor *t)
{
    size_t count;
    float *x = adapter_values(t, &count);
    unsigned char *data = malloc(4 * count);
    assert_non_null(data);
    assert_true(pal_quantize_weights(data, x, t->type, count));
    pal_dequantize(x, data, t->type, count);
    free(data);
    return x;
}

static void expect_same_numbers(const pal_matrix *m, const adapter_tensor *t)
{
    float *wanted = stored_values(t), *row = malloc((size_t)m->cols * sizeof *row);
    char scratch[4096];
    assert_non_null(row);
    assert_true(m->rows == (int)t->rows && m->cols == (int)t->cols && m->type == t->type);
    for (int i = 0; i < m->rows; i++) {
        pal_matrix_row(row, m, i, scratch);
        assert_memory_equal(row, wanted + (size_t)i * t->cols, t->cols * sizeof *row);
    }
    free(row);
    free(wanted);
}

static const adapter_tensor *find(const adapter_tensor *all, size_t count, const pal_named_matrix *e, const char *kind)
{
    char name[96];
    snprintf(name, sizeof name, "%.*s%s", (int)e->name.size, e->name.data, kind);
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, name) == 0) return &all[i];
    fail_msg("no %s", name);
    return NULL;
}

/* Every matrix of the layers has its own factors; the base has none. */
static void expect_attached(const pal_model *m, const pal_model *base, const adapter_spec *o)
{
    adapter_tensor all[ADAPTER_TENSORS];
    const size_t count = adapter_tensors(o, base, all);
    size_t found = 0;
    assert_int_equal(m->matrices->count, base->matrices->count);
    for (size_t i = 0; i < m->matrices->count; i++) {
        const pal_named_matrix *e = &m->matrices->at[i], *plain = &base->matrices->at[i];
        assert_null(plain->matrix->adapter);
        assert_true(plain->matrix != e->matrix);
        assert_true(plain->matrix->data == e->matrix->data);
        if (!e->matrix->adapter) continue;
        found++;
        expect_same_numbers(&e->matrix->adapter->a, find(all, count, e, ".lora_a"));
        expect_same_numbers(&e->matrix->adapter->b, find(all, count, e, ".lora_b"));
    }
    assert_int_equal(2 * found + 1, count); /* and the mask vector */
}

static void adapters_are_attached_by_name(void **state)
{
    (void)state;
    static const adapter_spec specs[] = {{0},
                                         {.type = PAL_F16, .rank = 5},
                                         {.type = PAL_Q8_0},
                                         {.rank = 1},
                                         {.empty = true, .rank = 3, .alpha = 1.5f},
                                         {.plain = true}};
    pal_model *base = open_test_model("tiny-ar");
    for (size_t i = 0; i < COUNT(specs); i++) {
        attached a = attach_to(base, &specs[i]);
        if (a.status) fail_msg("%s", a.err.text);
        if (pal_model_info(a.model)->why_not) fail_msg("%s", pal_model_info(a.model)->why_not);
        assert_null(pal_adapter_note(a.model));
        assert_int_equal(a.model->rows.start, 1);
        assert_int_equal(a.model->rows.empty, specs[i].empty ? 0 : -1);
        expect_attached(a.model, base, &specs[i]);
        const float rank = specs[i].rank ? (float)specs[i].rank : 32.0f;
        const float alpha = specs[i].alpha > 0.0f ? specs[i].alpha : 32.0f;
        const float scale = a.model->attached->adapters.of[a.model->matrices->count - 1].scale;
        assert_true(scale >= (specs[i].plain ? 1.0f : alpha / rank) && scale <= (specs[i].plain ? 1.0f : alpha / rank));
        close_attachment(&a);
    }
    pal_model_close(base);
}

/* Two adapters on one base, in any order of closing, change neither each other nor the base. */
static void rows_that_are_kept_have_the_bits_of_the_base(void **state)
{
    (void)state;
    enum { N = 6 };
    const int32_t tokens[N] = {1, 20, 31, 7, 12, 5};
    const int at[N] = {0, 1, 2, 3, 4, 5};
    pal_model *base = open_test_model("tiny-ar");
    const size_t size = (size_t)N * (size_t)base->shape.vocab * sizeof(float);
    float *wanted = malloc(size), *got = malloc(size);
    assert_true(wanted && got);
    assert_int_equal(pal_logits(base, tokens, N, at, N, wanted, NULL), PAL_OK);
    attached a = attach_to(base, &(adapter_spec){.rank = 4}), b = attach_to(base, &(adapter_spec){.type = PAL_Q8_0});
    const pal_model *all[] = {a.model, b.model, base};
    for (size_t i = 0; i < COUNT(all); i++) {
        assert_int_equal(pal_logits(all[i], tokens, N, at, N, got, NULL), PAL_OK);
        assert_memory_equal(got, wanted, size);
    }
    assert_int_equal(pal_model_use_isa(a.model, "scalar", NULL), PAL_OK);
    assert_string_equal(pal_model_info(a.model)->isa, "scalar");
    close_attachment(&a);
    assert_int_equal(pal_logits(b.model, tokens, N, at, N, got, NULL), PAL_OK);
    assert_memory_equal(got, wanted, size);
    close_attachment(&b);
    free(wanted);
    free(got);
    pal_model_close(base);
}

static void parameters_of_both_are_counted(void **state)
{
    (void)state;
    pal_model *base = open_test_model("tiny-ar");
    adapter_tensor all[ADAPTER_TENSORS];
    const adapter_spec o = {.rank = 2};
    const size_t count = adapter_tensors(&o, base, all);
    uint64_t added = 0;
    for (size_t i = 0; i < count; i++) added += (uint64_t)all[i].rows * all[i].cols;
    attached a = attach_to(base, &o);
    const pal_info *info = pal_model_info(a.model);
    assert_true(info->parameters == pal_model_info(base)->parameters + added + (uint64_t)info->width);
    assert_true(info->can_tokenize && info->can_generate && info->can_score);
    assert_int_equal(pal_model_quantize(a.model, "Q8_0", append, NULL, &a.err), PAL_E_OPTION);
    close_attachment(&a);
    pal_model_close(base);
}

/* ---- what does not fit ------------------------------------------------------------------------------ */

static void put_both(image *m)
{
    image_key_str(m, "palimpsest.rows", "both");
}
static void put_far_start(image *m)
{
    image_key_u32(m, "palimpsest.start_token_id", 100000);
}
static void put_far_empty(image *m)
{
    image_key_u32(m, "palimpsest.empty_token_id", 100000);
}
static void put_name(image *m)
{
    image_key_str(m, "palimpsest.base_name", "Another Base 7B");
}

static void put_bad_alpha(image *m)
{
    const uint32_t nan = 0x7fc00000;
    image_key(m, "adapter.lora.alpha", PAL_GGUF_F32);
    image_put(m, &nan, sizeof nan);
}
static void put_alora(image *m)
{
    image_array(m, "adapter.alora.invocation_tokens", PAL_GGUF_U32, 1);
    image_u32(m, 3);
}
static void put_other_type(image *m)
{
    image_key_str(m, "adapter.type", "control_vector");
}
static void put_gpt2(image *m)
{
    image_key_str(m, "general.architecture", "gpt2");
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    static const struct {
        adapter_spec o;
        const char *word, *other;
    } cases[] = {
        {{.without = "palimpsest.rows"}, "all rows", "palimpsest.rows is absent"},
        {{.without = "palimpsest.rows", .put = put_both}, "left", "\"both\""},
        {{.put = put_both}, "twice", "palimpsest.rows"},
        {{.without = "adapter.type"}, "lora", "absent"},
        {{.without = "adapter.type", .put = put_other_type}, "lora", "control_vector"},
        {{.without = "general.architecture", .put = put_gpt2}, "architecture", "gpt2"},
        {{.put = put_alora}, "switch on", "adapter.alora.invocation_tokens"},
        {{.without = "adapter.lora.alpha"}, "adapter.lora.alpha", "absent"},
        {{.without = "adapter.lora.alpha", .put = put_bad_alpha}, "adapter.lora.alpha", "number"},
        {{.without = "palimpsest.start_token_id"}, "start", "absent"},
        {{.without = "palimpsest.start_token_id", .put = put_far_start}, "start", "100000"},
        {{.put = put_far_empty}, "ends a blank", "100000"},
        {{.without = "palimpsest.base_tokens"}, "vocabulary", "absent"},
        {{.other_bytes = "palimpsest.base_tokens"}, "vocabulary", "palimpsest.base_tokens"},
        {{.other_bytes = "palimpsest.base_tokens", .put = put_name},
         "vocabulary, that of Another Base 7B",
         "base_tokens"},
        {{.wider = "palimpsest.mask"}, "does not fit the model", "palimpsest.mask"},
        {{.higher = "blk.0.ffn_up.weight.lora_b"}, "does not fit the model", "blk.0.ffn_up.weight.lora_b"},
        {{.without = "palimpsest.mask"}, "missing", "palimpsest.mask"},
        {{.wider = "palimpsest.mask"}, "shape", "palimpsest.mask"},
        {{.without = "blk.0.attn_q.weight.lora_a"}, "missing", "blk.0.attn_q.weight.lora_a"},
        {{.without = "blk.1.ffn_down.weight.lora_b"}, "missing", "blk.1.ffn_down.weight.lora_b"},
        {{.wider = "blk.0.attn_k.weight.lora_a"}, "shape", "blk.0.attn_k.weight.lora_a"},
        {{.wider = "blk.0.attn_k.weight.lora_b"}, "shape", "blk.0.attn_k.weight.lora_b"},
        {{.higher = "blk.0.ffn_up.weight.lora_b"}, "shape", "blk.0.ffn_up.weight.lora_b"},
        {{.higher = "blk.0.ffn_up.weight.lora_a"}, "shape", "blk.0.ffn_up.weight.lora_b"},
        {{.extra = "blk.0.attn_norm.weight.lora_a"}, "not supported", "blk.0.attn_norm.weight.lora_a"},
        {{.extra = "token_embd.weight.lora_a"}, "not supported", "token_embd.weight.lora_a"},
        {{.extra = "output.weight.lora_b"}, "not supported", "output.weight.lora_b"},
        {{.extra = "blk.0.attn_q.weight.lora_magnitude"}, "not supported", "lora_magnitude"},
        {{.extra = "blk.9.attn_q.weight.lora_a"}, "not supported", "blk.9.attn_q"},
    };
    pal_model *base = open_test_model("tiny-ar");
    for (size_t i = 0; i < COUNT(cases); i++) {
        const int32_t token = 1, at = 0;
        pal_error err;
        attached a = attach_to(base, &cases[i].o);
        unsigned char *before = adapter_file(&cases[i].o, base, &a.size);
        assert_int_equal(a.status, PAL_OK);
        expect_words(pal_model_info(a.model)->why_not, cases[i].word, cases[i].other);
        assert_true(pal_model_info(a.model)->can_tokenize && !pal_model_info(a.model)->can_generate);
        assert_true(pal_logits(a.model, &token, 1, &at, 1, NULL, &err) < 0);
        assert_string_equal(err.text, pal_model_info(a.model)->why_not);
        assert_int_equal(pal_model_quantize(a.model, "Q8_0", append, NULL, &err), PAL_E_UNSUPPORTED);
        expect_words(err.text, "adapter", "base"); /* the weights are those of the base, rearranged */
        assert_memory_equal(before, a.image, a.size);
        free(before);
        close_attachment(&a);
    }
    pal_model_close(base);
}

static void other_weights_are_a_note(void **state)
{
    (void)state;
    pal_model *base = open_test_model("tiny-ar");
    const char *const key = "palimpsest.base_vectors";
    const adapter_spec specs[] = {{.without = key}, {.other_bytes = key}};
    for (size_t i = 0; i < COUNT(specs); i++) {
        attached a = attach_to(base, &specs[i]);
        assert_int_equal(a.status, PAL_OK);
        assert_null(pal_model_info(a.model)->why_not);
        expect_words(pal_adapter_note(a.model), "other weights", key);
        close_attachment(&a);
    }
    assert_null(pal_adapter_note(base));
    pal_model_close(base);
}

/* An adapter fits every quantisation of the network that it was made for; its predictions are then a little worse. */
static void another_quantisation_is_a_note(void **state)
{
    (void)state;
    void *block;
    const char *const key = "palimpsest.base_matrices";
    pal_model *base = open_test_model("tiny-ar"), *other;
    pal_error err;
    buffer file = converted("tests/models/tiny-ar.gguf", "F16"); /* from Q8_0 */
    unsigned char *file_bytes = aligned_copy(&block, file.data, file.size);
    assert_int_equal(pal_model_open(&other, file_bytes, file.size, 0, &err), PAL_OK);
    for (int without = 0; without < 2; without++) { /* a file without the key has nothing to compare */
        const adapter_spec spec = {.without = without ? key : NULL};
        attached a = {.image = adapter_file(&spec, base, &a.size)};
        assert_int_equal(pal_model_attach(&a.model, other, a.image, a.size, &err), PAL_OK);
        assert_null(pal_model_info(a.model)->why_not);
        if (without)
            assert_null(pal_adapter_note(a.model));
        else
            expect_words(pal_adapter_note(a.model), "another quantisation", key);
        close_attachment(&a);
    }
    pal_model_close(other);
    pal_model_close(base);
    free(block);
    free(file.data);
}

/* ---- what is refused -------------------------------------------------------------------------------- */

static void expect_refused(const pal_model *base, unsigned char *file_bytes, size_t size, pal_status status,
                           const char *word)
{
    pal_error err = {0};
    pal_model *none = NULL;
    assert_int_equal(pal_model_attach(&none, base, file_bytes, size, &err), status);
    expect_words(err.text, word, "");
    assert_null(none);
}

static void bases_that_cannot_have_adapters_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned flags;
        const char *word;
    } cases[] = {{"tiny-infill", 0, "causal"},
                 {"tales-vocab", 0, "no network"},
                 {"unet-plain", 0, ""},
                 {"tiny-ar", PAL_OPEN_AS_STORED, "PAL_OPEN_AS_STORED"}};
    pal_model *causal = open_test_model("tiny-ar");
    attached a = attach_to(causal, &(adapter_spec){0});
    size_t size;
    unsigned char *file_bytes = adapter_file(&(adapter_spec){0}, causal, &size);
    expect_refused(a.model, file_bytes, size, PAL_E_UNSUPPORTED, "already");
    close_attachment(&a);
    pal_model_close(causal);
    for (size_t i = 0; i < COUNT(cases); i++) {
        pal_error err;
        pal_model *none = NULL, *base = open_test_model_as(cases[i].name, cases[i].flags);
        assert_true(pal_model_attach(&none, base, file_bytes, size, &err) < 0);
        expect_words(err.text, cases[i].word, "");
        assert_null(none);
        pal_model_close(base);
    }
    free(file_bytes);
}

/* The base alone, a model given as adapter, an adapter given as model, and a part of a file. */
static void other_files_are_refused(void **state)
{
    (void)state;
    void *block;
    size_t size;
    pal_model *base = open_test_model("tiny-ar"), *alone;
    unsigned char *file_bytes = load_test_model("tiny-ar", &size, &block);
    expect_refused(base, file_bytes, size, PAL_E_UNSUPPORTED, "general.type");
    free(block);
    file_bytes = adapter_file(&(adapter_spec){.without = "general.type"}, base, &size);
    expect_refused(base, file_bytes, size, PAL_E_UNSUPPORTED, "general.type");
    free(file_bytes);
    file_bytes = adapter_file(&(adapter_spec){0}, base, &size);
    assert_int_equal(pal_model_open(&alone, file_bytes, size, 0, NULL), PAL_OK);
    expect_words(pal_model_info(alone)->why_not, "general.type", "adapter");
    pal_model_close(alone);
    for (size_t part = 0; part < size; part += 1 + part / 7) expect_refused(base, file_bytes, part, PAL_E_FORMAT, "");
    free(file_bytes);
    pal_error err;
    assert_int_equal(pal_model_attach_file(&alone, base, "no/such/file.gguf", &err), PAL_E_IO);
    pal_model_close(base);
}

/* One changed byte in the header: the file is refused, does not fit, or works; a sanitizer sees what is wrong. */
static void damaged_headers_do_no_harm(void **state)
{
    (void)state;
    pal_model *base = open_test_model("tiny-ar");
    size_t size, tensors = 0;
    unsigned char *whole = adapter_file(&(adapter_spec){.rank = 2}, base, &size);
    unsigned char *file_bytes = aligned_alloc(64, (size + 63) & ~(size_t)63);
    assert_non_null(file_bytes);
    adapter_tensor all[ADAPTER_TENSORS];
    const size_t count = adapter_tensors(&(adapter_spec){.rank = 2}, base, all);
    for (size_t i = 0; i < count; i++)
        tensors += (all[i].cols * (all[i].rows ? all[i].rows : 1) * sizeof(float) + 31) / 32 * 32;
    const size_t header = size - tensors;
    size_t opened = 0, usable = 0;
    for (uint32_t run = 0; run < 4000; run++) {
        pal_model *m = NULL;
        memcpy(file_bytes, whole, size);
        file_bytes[pick(run, 0, (uint32_t)header)] ^= (unsigned char)(1u << pick(run, 1, 8));
        if (pal_model_attach(&m, base, file_bytes, size, NULL)) continue;
        opened++;
        if (!pal_model_info(m)->why_not) usable++;
        pal_model_close(m);
    }
    assert_true(opened > 100 && usable > 10 && usable < opened);
    free(file_bytes);
    free(whole);
    pal_model_close(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_are_attached_by_name),
        cmocka_unit_test(rows_that_are_kept_have_the_bits_of_the_base),
        cmocka_unit_test(parameters_of_both_are_counted),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(other_weights_are_a_note),
        cmocka_unit_test(another_quantisation_is_a_note),
        cmocka_unit_test(bases_that_cannot_have_adapters_are_refused),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(damaged_headers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
