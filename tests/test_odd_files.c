/* test_odd_files.c - tensors that cannot be used, odd alignments, parts of split models, tokenizers that cannot be
 * read: `info`, tokens and text work as far as possible; and the error for files of other kinds says what they are. */
#include "odd_testing.h"

/* ---- tensors --------------------------------------------------------------------------------------- */

/* Regression: files with types of unknown size, misaligned or overlapping tensors, or duplicate names were refused. */
static void tensors_that_cannot_be_used_are_named(void **state)
{
    (void)state;
    static const char q[] = "blk.1.attn_q.weight", norm[] = "blk.0.attn_norm.weight";
    const struct {
        odd o;
        const char *words[3];
    } cases[] = {
        {{.without = q}, {q, "missing"}},
        {{.without = "token_embd.weight"}, {"token_embd.weight", "missing"}},
        {{.renamed = "blk.1.ffn_norm.weight", .to = "blk.1.more"}, {"blk.1.ffn_norm.weight", "missing"}},
        {{.retyped = q, .type = 999}, {q, "type 999", "unknown"}},
        {{.retyped = q, .type = 31}, {q, "type 31", "unknown"}},
        {{.retyped = q, .type = UINT32_MAX}, {q, "type 4294967295", "unknown"}},
        {{.retyped = q, .type = 20}, {q, "IQ4_NL"}},
        {{.retyped = q, .type = 19}, {q, "blocks"}},
        {{.retyped = q, .type = 26}, {q, "I32"}},
        {{.retyped = norm, .type = PAL_Q8_0}, {norm, "Q8_0"}},
        {{.extra = "blk.0.ffn_down.weight"}, {"blk.0.ffn_down.weight", "twice"}},
        {{.moved = norm, .by = 1}, {norm, "multiple of 8"}},
        {{.moved = norm, .by = -32}, {norm, "overlaps"}},
        {{.moved = norm, .by = 4}, {norm, "multiple of 8"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) expect_tokens_only(&cases[i].o, cases[i].words);
}

/* An additional tensor of any shape would change the function of a network. */
static void extra_tensors_are_named(void **state)
{
    (void)state;
    for (uint32_t dims = 0; dims < 9; dims++) {
        const char *const words[3] = {"my extra?", "is not supported"};
        expect_tokens_only(&(odd){.extra = "my extra\n", .extra_dims = dims, .extra_extent = dims % 2}, words);
        expect_tokens_only(&(odd){.extra = "my extra\n", .extra_dims = dims, .extra_extent = 2, .type = 77}, words);
    }
    expect_tokens_only(&(odd){.extra = ""}, (const char *const[3]){"is not supported"});
}

static uint32_t alignment_type;
static uint64_t alignment;

static void put_alignment(image *m)
{
    image_key(m, "general.alignment", alignment_type);
    if (alignment_type == PAL_GGUF_STRING) image_u64(m, 8);
    image_put(m, &alignment, alignment_type == PAL_GGUF_U64 || alignment_type == PAL_GGUF_STRING ? 8 : 4);
}

/* Regression: files with an invalid alignment, or an alignment of another integer type, were refused. */
static void odd_alignment_is_used_or_named(void **state)
{
    (void)state;
    const struct {
        uint32_t type;
        uint64_t number;
        bool works;
    } cases[] = {{PAL_GGUF_U32, 8, true},      {PAL_GGUF_U32, 64, true},  {PAL_GGUF_U32, 65536, true},
                 {PAL_GGUF_U64, 32, true},     {PAL_GGUF_I32, 32, true},  {PAL_GGUF_U32, 0, false},
                 {PAL_GGUF_U32, 3, false},     {PAL_GGUF_U32, 96, false}, {PAL_GGUF_U32, 131072, false},
                 {PAL_GGUF_STRING, 32, false}, {PAL_GGUF_F32, 32, false}, {PAL_GGUF_I32, UINT32_MAX - 7, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        alignment_type = cases[i].type;
        alignment = cases[i].number;
        const odd o = {.put = put_alignment, .alignment = cases[i].works ? (size_t)alignment : 32};
        if (cases[i].works)
            expect_works(&o);
        else
            expect_tokens_only(&o, (const char *const[3]){"general.alignment", "position is unknown"});
    }
}

/* Regression: files with bytes after the last tensor were refused; missing padding must be accepted too. */
static void bytes_behind_the_last_tensor_are_ignored(void **state)
{
    (void)state;
    const size_t behind[] = {1, 31, 32, 33, 5000};
    for (size_t i = 0; i < COUNT(behind); i++) expect_works(&(odd){.behind = behind[i]});
    for (size_t i = 0; i < COUNT(behind); i++)
        expect_tokens_only(&(odd){.behind = behind[i], .no_tensors = true},
                           (const char *const[3]){"only a vocabulary"});
}

/* ---- whole files ----------------------------------------------------------------------------------- */

static void put_gemma(image *m)
{
    image_key_str(m, "general.architecture", "gemma3");
}

static void put_architectures(image *m)
{
    image_array(m, "general.architecture", PAL_GGUF_STRING, 1);
    image_str(m, (pal_str){"llama", 5});
}

static void architecture_that_is_unknown_is_named(void **state)
{
    (void)state;
    const odd gemma = {.without = "general.architecture", .put = put_gemma};
    expect_tokens_only(&gemma, (const char *const[3]){"architecture", "gemma3", "qwen2"});
    expect_tokens_only(&(odd){.without = "general.architecture", .put = put_architectures},
                       (const char *const[3]){"architecture", "[\"llama\"]"});
    expect_tokens_only(&(odd){.without = "general.architecture"}, (const char *const[3]){"architecture", "absent"});
}

static void put_split(image *m)
{
    image_key(m, "split.no", PAL_GGUF_U16);
    image_put(m, "\1\0", 2);
    image_key(m, "split.count", PAL_GGUF_U16);
    image_put(m, "\3\0", 2);
}

static void put_adapter(image *m)
{
    image_key_str(m, "general.type", "adapter");
}

static void put_unsplit(image *m)
{
    image_key(m, "split.count", PAL_GGUF_U16);
    image_put(m, "\0\0", 2); /* llama-gguf-split --merge leaves it so */
}

/* Regression: a part of a split model was refused for a missing tensor, without a word about the split. */
static void part_of_a_split_model_says_so(void **state)
{
    (void)state;
    const char *const words[3] = {"number 2 of the 3 parts", "split.count", "-of-00003.gguf"};
    expect_tokens_only(&(odd){.without = "blk.1.ffn_up.weight", .put = put_split}, words);
    expect_tokens_only(&(odd){.no_tensors = true, .put = put_split}, words);
    expect_works(&(odd){.put = put_unsplit});
    expect_tokens_only(&(odd){.without = "token_embd.weight", .put = put_adapter},
                       (const char *const[3]){"general.type", "adapter"});
    expect_works(&(odd){.put = put_adapter}); /* a network that is whole is used */
    /* The later parts have neither an architecture nor a tokenizer. */
    image m;
    opened f = {0};
    image_begin(&m);
    put_split(&m);
    image_end(&m);
    assert_int_equal(pal_model_open(&f.model, m.data, m.size, PAL_OPEN_AS_STORED, &f.err), PAL_OK);
    expect_words(pal_model_info(f.model)->why_not, words);
    assert_int_equal(pal_tokenize(f.model, "a", 1, 0, NULL, 0, &m.size, &f.err), PAL_E_UNSUPPORTED);
    expect_words(f.err.text, words);
    pal_model_close(f.model);
    free(m.data);
}

static void put_no_pieces(image *m)
{
    image_key_str(m, "tokenizer.ggml.model", "llama");
    image_array(m, "tokenizer.ggml.tokens", PAL_GGUF_STRING, 0);
}

static void put_other_tokenizer(image *m)
{
    image_key_str(m, "tokenizer.ggml.model", "t5");
}

/* Regression: files with an unreadable tokenizer were refused, and a vocabulary of another size was not explained. */
static void tokenizer_that_cannot_be_read_says_so(void **state)
{
    (void)state;
    pal_error err;
    size_t count;
    opened f = open_odd(&(odd){.without = "tokenizer"});
    assert_int_equal(f.status, PAL_OK);
    expect_words(pal_model_info(f.model)->why_not, (const char *const[3]){"no tokenizer"});
    assert_int_equal(evaluate(&f, &err), PAL_OK);
    assert_int_equal(pal_tokenize(f.model, "a", 1, 0, NULL, 0, &count, &err), PAL_E_UNSUPPORTED);
    close_odd(&f);
    void (*const puts[])(image *) = {put_other_tokenizer, put_no_pieces};
    const char *const words[][3] = {{"tokenizer.ggml.model", "is \"t5\""}, {"tokenizer.ggml.tokens", "is []"}};
    for (size_t i = 0; i < COUNT(puts); i++) {
        f = open_odd(&(odd){.without = "tokenizer", .put = puts[i]});
        assert_int_equal(f.status, PAL_OK);
        assert_false(pal_model_info(f.model)->can_tokenize);
        expect_words(pal_model_info(f.model)->why_not, words[i]);
        assert_true(pal_tokenize(f.model, "a", 1, 0, NULL, 0, &count, &err) < 0);
        expect_words(err.text, words[i]);
        assert_int_equal(evaluate(&f, &err), PAL_OK);
        close_odd(&f);
    }
}

static void put_no_base(image *m)
{
    image_key_u32(m, "llama.rope.freq_base", 0);
}

/* One reason does not hide the other. */
static void info_gives_both_reasons(void **state)
{
    (void)state;
    const odd o = {.without = "tokenizer", .put = put_no_base};
    opened f = open_odd(&o);
    assert_int_equal(f.status, PAL_OK);
    expect_words(pal_model_info(f.model)->why_not, (const char *const[3]){"no tokenizer", "freq_base"});
    close_odd(&f);
}

/* ---- what info shows of a network ------------------------------------------------------------------- */

/* Regression: 0 key heads where the key is absent. */
static void info_shows_what_the_network_uses(void **state)
{
    (void)state;
    opened f = open_odd(&(odd){.without = "llama.attention.head_count_kv"});
    assert_int_equal(f.status, PAL_OK);
    const pal_info *info = pal_model_info(f.model);
    assert_int_equal(info->kv_heads, ODD_HEADS);
    assert_true(info->layers == ODD_LAYERS && info->width == ODD_DIM && info->hidden == ODD_HIDDEN);
    close_odd(&f);
    f = open_odd(&(odd){.without = "blk.0.ffn_up.weight"}); /* only keys show it */
    info = pal_model_info(f.model);
    assert_true(info->layers == ODD_LAYERS && info->heads == ODD_HEADS && info->context == ODD_CONTEXT);
    close_odd(&f);
}

/* Regression: whether a text can be continued was decided by whether it can be scored, which needs a BOS. */
static void model_without_a_first_token_generates(void **state)
{
    (void)state;
    opened f = open_odd(&(odd){.without = "tokenizer.ggml.bos_token_id"});
    assert_int_equal(f.status, PAL_OK);
    const pal_info *info = pal_model_info(f.model);
    assert_true(info->can_generate && !info->can_score && !info->can_infill);
    close_odd(&f);
    f = open_odd(&(odd){.without = "tokenizer"});
    assert_false(pal_model_info(f.model)->can_generate);
    close_odd(&f);
}

/* ---- files of other kinds --------------------------------------------------------------------------- */

/* Regression: all of these were "not a GGUF file". */
static void files_of_other_kinds_are_told_what_they_are(void **state)
{
    (void)state;
#define FILE_OF(bytes, ...)                                                                                            \
    {                                                                                                                  \
        bytes, sizeof(bytes) - 1,                                                                                      \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
    const struct {
        const char *bytes;
        size_t size;
        const char *words[3];
    } files[] = {
        FILE_OF("", "empty", "download"),
        FILE_OF("<!DOCTYPE html><html><body>404", "HTML", "/resolve/"),
        FILE_OF("\n  <HTML lang=en>", "HTML"),
        FILE_OF("\xef\xbb\xbf<!doctype HTML>", "HTML"),
        FILE_OF("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "XML"),
        FILE_OF("<?xml version=\"1.0\"?><!DOCTYPE html><html>", "HTML"),
        FILE_OF("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n", "Git LFS", "git lfs pull"),
        FILE_OF("/annex/objects/SHA256E-s12--0.gguf\n", "git-annex"),
        FILE_OF("{\"error\":\"Repository not found\"}", "JSON"),
        FILE_OF(" [1, 2]", "JSON"),
        FILE_OF("Invalid username or password.", "text file"),
        FILE_OF("\x40\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\"}}", "safetensors", "convert"),
        FILE_OF("PK\3\4\0\0\0\0\0\0archive/data.pkl", "PyTorch", "convert"),
        FILE_OF("PK\3\4\0\0\0\0\0\0model.gguf", "archive", "unpack"),
        FILE_OF("\x80\2}q\0(X", "pickle", "convert"),
        FILE_OF("lmgg\0\0\0\0", "GGML"),
        FILE_OF("tjgg\3\0\0\0", "GGML", "convert"),
        FILE_OF("fmgg\1\0\0\0", "GGML"),
        FILE_OF("ggjt\3\0\0\0", "GGML"),
        FILE_OF("\x1f\x8b\x08\0", "compressed", "unpack"),
        FILE_OF("\x28\xb5\x2f\xfd\0", "compressed"),
        FILE_OF("FUGG\0\0\0\3", "big-endian"),
        FILE_OF("GGUF\0\0\0\3\0\0\0\0", "big-endian"),
        FILE_OF("GGUF\1\0\0\0", "version 1"),
        FILE_OF("GGUF\3\0\0\0\1", "incomplete", "again"),
        FILE_OF("GG", "text file"),
        FILE_OF("\0\0\0\0\0\0\0\0\0", "zeros", "again"),
        FILE_OF("\n\x0e\n\x05<unk>\x15", "SentencePiece"),
        FILE_OF("\x89PNG\r\n\x1a\n", "picture"),
        FILE_OF("palsaved\1\0\0\0", "saved session"),
        FILE_OF("\x7f"
                "ELF\2\1\1\0",
                "not a GGUF file"),
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        pal_model *m = NULL;
        pal_error err = {0};
        unsigned char *exact = malloc(files[i].size + 1);
        assert_non_null(exact);
        for (size_t size = files[i].size; size > 0; size--) { /* any prefix of it is read within its bounds */
            unsigned char *part = malloc(size);
            assert_non_null(part);
            memcpy(part, files[i].bytes, size);
            assert_true(pal_model_open(&m, part, size, 0, &err) < 0);
            free(part);
        }
        memcpy(exact, files[i].bytes, files[i].size);
        assert_true(pal_model_open(&m, exact, files[i].size, 0, &err) < 0);
        assert_null(m);
        expect_words(err.text, files[i].words);
        free(exact);
    }
}

/* A truncated file is refused wherever it ends, with the advice to download it again. */
static void truncated_files_are_told_so(void **state)
{
    (void)state;
    size_t size;
    unsigned char *file = odd_file(&(odd){0}, &size);
    for (size_t part = 4; part < size; part += part < 4000 ? 1 : 97) {
        pal_model *m;
        pal_error err = {0};
        assert_int_equal(pal_model_open(&m, file, part, 0, &err), PAL_E_FORMAT);
        expect_words(err.text, (const char *const[3]){"incomplete"});
    }
    free(file);
}

/* ---- converting ------------------------------------------------------------------------------------- */

static void put_newer(image *m)
{
    image_key(m, "my.new\x1bkey", 14);
    image_u32(m, 1);
}

static bool count_bytes(void *context, const void *data, size_t size)
{
    (void)data;
    *(size_t *)context += size;
    return true;
}

static void quantize_names_what_cannot_be_converted(void **state)
{
    (void)state;
    static const char q[] = "blk.1.attn_q.weight";
    const struct {
        odd o;
        const char *words[3];
    } cases[] = {{{.retyped = q, .type = 999}, {q, "unknown"}},
                 {{.retyped = q, .type = 20}, {q, "IQ4_NL"}},
                 {{.moved = q, .by = -32}, {q, "overlaps"}},
                 {{.put = put_newer}, {"my.new?key"}}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t size, written = 0;
        pal_error err = {0};
        opened f = {.image = odd_file(&cases[i].o, &size)};
        assert_int_equal(pal_model_open(&f.model, f.image, size, PAL_OPEN_AS_STORED, &err), PAL_OK);
        assert_int_equal(pal_model_quantize(f.model, "F16", count_bytes, &written, &err), PAL_E_UNSUPPORTED);
        expect_words(err.text, cases[i].words);
        assert_int_equal(written, 0);
        close_odd(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_that_cannot_be_used_are_named),
        cmocka_unit_test(extra_tensors_are_named),
        cmocka_unit_test(odd_alignment_is_used_or_named),
        cmocka_unit_test(bytes_behind_the_last_tensor_are_ignored),
        cmocka_unit_test(architecture_that_is_unknown_is_named),
        cmocka_unit_test(part_of_a_split_model_says_so),
        cmocka_unit_test(tokenizer_that_cannot_be_read_says_so),
        cmocka_unit_test(info_gives_both_reasons),
        cmocka_unit_test(info_shows_what_the_network_uses),
        cmocka_unit_test(model_without_a_first_token_generates),
        cmocka_unit_test(files_of_other_kinds_are_told_what_they_are),
        cmocka_unit_test(truncated_files_are_told_so),
        cmocka_unit_test(quantize_names_what_cannot_be_converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
