/* test_odd_keys.c - keys with values of another type, absent, out of range, nested, empty or twice: the usable parts
 * work, the tokenizer always, and the network's error gives the name and the value of the bad key. */
#include "odd_testing.h"

/* ---- keys ------------------------------------------------------------------------------------------ */

/* The key of a case, which put_case appends to the others. */
static const char *case_key;

typedef enum { AS_U32, AS_I32, AS_U64, AS_F32, AS_F64, AS_STRING, AS_BOOL, AS_TWO, AS_SAME, AS_WORDS, ABSENT } form;
static form case_form;
static double case_number;

static void put_number(image *m, uint32_t type, double number)
{
    const uint32_t u = (uint32_t)(number < 0 ? 0 : number);
    const int32_t i = (int32_t)(number < 0 ? number : 0);
    const uint64_t wide = (uint64_t)number;
    const float f = (float)number;
    if (type == PAL_GGUF_U32) image_put(m, &u, 4);
    if (type == PAL_GGUF_I32) image_put(m, &i, 4);
    if (type == PAL_GGUF_U64) image_put(m, &wide, 8);
    if (type == PAL_GGUF_F32) image_put(m, &f, 4);
    if (type == PAL_GGUF_F64) image_put(m, &number, 8);
}

static void put_case(image *m)
{
    static const uint32_t types[] = {PAL_GGUF_U32, PAL_GGUF_I32, PAL_GGUF_U64, PAL_GGUF_F32, PAL_GGUF_F64};
    switch (case_form) {
    case AS_STRING: image_key_str(m, case_key, "2"); break;
    case AS_BOOL: image_key_bool(m, case_key, true); break;
    case AS_TWO:
    case AS_SAME:
        image_array(m, case_key, PAL_GGUF_I32, 2);
        image_u32(m, (uint32_t)case_number);
        image_u32(m, (uint32_t)case_number / (case_form == AS_TWO ? 2 : 1));
        break;
    case AS_WORDS:
        image_array(m, case_key, PAL_GGUF_STRING, 1);
        image_str(m, (pal_str){"x\n", 2});
        break;
    case ABSENT: break;
    default: image_key(m, case_key, types[case_form]); put_number(m, types[case_form], case_number);
    }
}

static odd with_key(const char *key, form how, double number)
{
    case_key = key;
    case_form = how;
    case_number = number;
    return (odd){.without = key, .put = put_case};
}

/* Regression: files with keys of an unusual type, or with a value per layer, were refused. */
static void keys_in_another_form_mean_the_same(void **state)
{
    (void)state;
    const struct {
        const char *key;
        form how;
        double number;
    } cases[] = {
        {"llama.attention.head_count", AS_SAME, ODD_HEADS},
        {"llama.attention.head_count", AS_U64, ODD_HEADS},
        {"llama.attention.head_count_kv", AS_SAME, ODD_HEADS},
        {"llama.attention.head_count_kv", ABSENT, 0},
        {"llama.feed_forward_length", AS_SAME, ODD_HIDDEN},
        {"llama.context_length", AS_U64, ODD_CONTEXT},
        {"llama.rope.freq_base", AS_F64, 10000.1},
        {"llama.rope.freq_base", AS_U32, 500000},
        {"llama.rope.freq_base", AS_U64, 33554433},
        {"llama.rope.freq_base", AS_F32, 1},
        {"llama.attention.layer_norm_rms_epsilon", AS_F64, 1e-5},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const odd o = with_key(cases[i].key, cases[i].how, cases[i].number);
        expect_works(&o);
    }
}

/* Regression: files with a context above 2^20 were refused; the supported part of it is used. */
static void huge_context_is_used_as_far_as_it_goes(void **state)
{
    (void)state;
    const double stated[] = {(1 << 20) + 1, 10485760, 4294967295.0, 1e15};
    for (size_t i = 0; i < COUNT(stated); i++) {
        const odd o = with_key("llama.context_length", i < 3 ? AS_U32 : AS_U64, stated[i]);
        pal_sequence_options options = pal_sequence_defaults();
        size_t bytes;
        options.max_tokens = 64;
        expect_works(&o);
        opened f = open_odd(&o);
        assert_int_equal(pal_model_info(f.model)->context, 1 << 20);
        assert_int_equal(pal_sequence_bytes(f.model, &options, &bytes, NULL), PAL_OK);
        assert_true(bytes < 1 << 20);
        close_odd(&f);
    }
}

static void put_fast_turns(image *m)
{
    image_key(m, "llama.rope.scaling.factor", PAL_GGUF_F32);
    put_number(m, PAL_GGUF_F32, 0.25);
    image_key_u32(m, "llama.context_length", 10000000);
}

/* Regression: such a context was refused because of its factor, although most of it can be used. */
static void context_is_as_long_as_angles_are_exact(void **state)
{
    (void)state;
    const odd o = {.without = "llama.context_length", .put = put_fast_turns};
    expect_works(&o);
    opened f = open_odd(&o);
    assert_int_equal(pal_model_info(f.model)->context, 1 << 18);
    close_odd(&f);
}

/* Regression: each of these made the file refused, or (freq_base) was accepted. */
static void keys_that_cannot_be_used_are_named_with_their_value(void **state)
{
    (void)state;
    const struct {
        const char *key;
        form how;
        double number;
        const char *value;
    } cases[] = {
        {"llama.block_count", ABSENT, 0, "absent"},
        {"llama.block_count", AS_U32, 0, "is 0"},
        {"llama.block_count", AS_I32, -1, "is -1"},
        {"llama.block_count", AS_U64, 1e15, "is 1000000000000000"},
        {"llama.block_count", AS_STRING, 0, "is \"2\""},
        {"llama.block_count", AS_BOOL, 0, "is true"},
        {"llama.block_count", AS_F32, 2.5, "is 2.5"},
        {"llama.block_count", AS_WORDS, 0, "is [\"x?\"]"},
        {"llama.block_count", AS_U32, 1000, "is 1000"},
        {"llama.embedding_length", ABSENT, 0, "absent"},
        {"llama.embedding_length", AS_U32, 1e9, "is 1000000000"},
        {"llama.context_length", AS_U32, 0, "is 0"},
        {"llama.context_length", AS_I32, -5, "is -5"},
        {"llama.context_length", ABSENT, 0, "absent"},
        {"llama.attention.head_count", AS_TWO, 4, "[4, 2]"},
        {"llama.attention.head_count_kv", AS_TWO, 4, "[4, 2]"},
        {"llama.feed_forward_length", AS_TWO, 64, "[64, 32]"},
        {"llama.attention.head_count_kv", AS_U32, 3, "is 3"},
        {"llama.attention.head_count_kv", AS_U32, 0, "is 0"},
        {"llama.rope.freq_base", AS_F32, 0.5, "is 0.5"},
        {"llama.rope.freq_base", AS_F32, 0, "is 0"},
        {"llama.rope.freq_base", AS_F32, -10000, "is -10000"},
        {"llama.rope.freq_base", AS_F64, 1e300, "above 1e15"},
        {"llama.rope.freq_base", AS_STRING, 0, "is \"2\""},
        {"llama.rope.dimension_count", AS_U32, 7, "is 7"},
        {"llama.rope.dimension_count", AS_TWO, 8, "[8, 4]"},
        {"llama.rope.scaling.type", AS_U32, 1, "is 1"},
        {"llama.attention.key_length", AS_U32, 7, "is 7"},
        {"llama.attention.layer_norm_rms_epsilon", AS_F32, -1, "is -1"},
        {"llama.attention.causal", AS_U32, 1, "is 1"},
        {"llama.expert_count", AS_U32, 8, "is 8"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const odd o = with_key(cases[i].key, cases[i].how, cases[i].number);
        const char *const words[3] = {cases[i].key, cases[i].value};
        expect_tokens_only(&o, words);
    }
}

static void put_not_a_number(image *m)
{
    image_key(m, "llama.rope.freq_base", PAL_GGUF_F32);
    image_u32(m, case_number > 0 ? 0x7f800000 : 0x7fc00000);
}

static void rotary_base_that_is_no_number_is_refused(void **state)
{
    (void)state;
    case_number = 0;
    expect_tokens_only(&(odd){.put = put_not_a_number}, (const char *const[3]){"freq_base", "not a number"});
    case_number = 1;
    expect_tokens_only(&(odd){.put = put_not_a_number}, (const char *const[3]){"freq_base", "infinity"});
}

/* ---- keys that are not read ------------------------------------------------------------------------ */

static void put_nested(image *m)
{
    image_array(m, "my.nested", PAL_GGUF_ARRAY, 3);
    for (uint64_t i = 0; i < 3; i++) { /* [[], ["ab"], [[7]]] */
        image_u32(m, i == 2 ? PAL_GGUF_ARRAY : PAL_GGUF_STRING);
        image_u64(m, i ? 1 : 0);
        if (i == 1) image_str(m, (pal_str){"ab", 2});
        if (i == 2) image_u32(m, PAL_GGUF_U8), image_u64(m, 1), image_put(m, "\7", 1);
    }
}

static void put_empty(image *m)
{
    image_key_str(m, "", "a key without a name");
    image_key_str(m, "general.name", "");
    image_array(m, "my.array", 4711, 0); /* of no elements, so its type does not matter */
    image_key(m, "my.truth", PAL_GGUF_BOOL);
    image_put(m, "\xff", 1);
}

static void put_twice(image *m)
{
    image_key_u32(m, "my.number", 1);
    image_key_u32(m, "my.number", 2);
    image_key_u32(m, "llama.block_count", ODD_LAYERS); /* the same again */
}

/* Regression: each of these made the file refused. */
static void keys_that_nobody_reads_may_be_odd(void **state)
{
    (void)state;
    void (*const puts[])(image *) = {put_nested, put_empty, put_twice};
    for (size_t i = 0; i < COUNT(puts); i++) {
        expect_works(&(odd){.put = puts[i]});
        expect_works(&(odd){.first = puts[i]});
    }
}

static void put_other_layers(image *m)
{
    image_key_u32(m, "llama.block_count", 1);
}

static void put_other_architecture(image *m)
{
    image_key_str(m, "general.architecture", "qwen2");
}

static void put_other_bos(image *m)
{
    image_key_u32(m, "tokenizer.ggml.bos_token_id", 2);
}

/* If a key that is read occurs twice, it is unknown which value is meant. */
static void keys_that_are_read_and_stand_twice_are_named(void **state)
{
    (void)state;
    pal_error err;
    expect_tokens_only(&(odd){.put = put_other_layers}, (const char *const[3]){"llama.block_count", "twice"});
    expect_tokens_only(&(odd){.put = put_other_architecture}, (const char *const[3]){"general.architecture", "twice"});
    opened f = open_odd(&(odd){.put = put_other_bos});
    assert_int_equal(f.status, PAL_OK);
    assert_false(pal_model_info(f.model)->can_tokenize);
    expect_words(pal_model_info(f.model)->why_not, (const char *const[3]){"tokenizer.ggml.bos_token_id", "twice"});
    assert_int_equal(evaluate(&f, &err), PAL_OK); /* the network needs no tokenizer */
    close_odd(&f);
}

static uint32_t newer_type;

static void put_newer(image *m)
{
    image_key(m, "my.new\x1bkey", newer_type);
    image_u32(m, 1);
}

/* Regression: a file with a value of an unknown type was refused; the keys before it are read. */
static void value_of_a_newer_type_ends_what_can_be_read(void **state)
{
    (void)state;
    newer_type = 1000;
    expect_tokens_only(&(odd){.put = put_newer}, (const char *const[3]){"my.new?key", "type 1000", "not know"});
    newer_type = 14;
    expect_tokens_only(&(odd){.put = put_newer}, (const char *const[3]){"my.new?key", "type 14", "not know"});
    opened f = open_odd(&(odd){.first = put_newer});
    assert_int_equal(f.status, PAL_OK);
    assert_false(pal_model_info(f.model)->can_tokenize);
    expect_words(pal_model_info(f.model)->why_not, (const char *const[3]){"my.new?key"});
    close_odd(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_in_another_form_mean_the_same),
        cmocka_unit_test(huge_context_is_used_as_far_as_it_goes),
        cmocka_unit_test(context_is_as_long_as_angles_are_exact),
        cmocka_unit_test(keys_that_cannot_be_used_are_named_with_their_value),
        cmocka_unit_test(rotary_base_that_is_no_number_is_refused),
        cmocka_unit_test(keys_that_nobody_reads_may_be_odd),
        cmocka_unit_test(keys_that_are_read_and_stand_twice_are_named),
        cmocka_unit_test(value_of_a_newer_type_ends_what_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
