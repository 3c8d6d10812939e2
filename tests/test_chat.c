/* test_chat.c - the tokens of conversations are those of the reference (tests/golden/chat, made by
 * tools/make_chat_golden.py from templates, jinja2 and tokenizers); other templates are named; control tokens in
 * messages are text. */
#include "token_testing.h"

#include "model_testing.h"
#include "text/chat.h"

enum { MAX_MESSAGES = 8, MAX_IDS = 4096 };

/* ---- golden files ------------------------------------------------------------------------------------ */

static uint32_t take_u32(const unsigned char **at)
{
    uint32_t value;
    memcpy(&value, *at, sizeof value);
    *at += 4;
    return value;
}

/* The text is terminated by nothing, as pal_message allows. */
static const char *take_text(const unsigned char **at, size_t *bytes)
{
    const char *text = (const char *)*at + 4;
    *bytes = take_u32(at);
    *at += *bytes;
    return text;
}

static size_t take_messages(const unsigned char **at, pal_message *messages, char roles[MAX_MESSAGES][16])
{
    const size_t count = take_u32(at);
    assert_true(count <= MAX_MESSAGES);
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const char *role = take_text(at, &size);
        assert_true(size < 16);
        memcpy(roles[i], role, size);
        roles[i][size] = '\0';
        messages[i].role = roles[i];
        messages[i].content = take_text(at, &messages[i].bytes);
    }
    return count;
}

static void check_tokens(const pal_model *m, const pal_message *messages, size_t count, const unsigned char **at,
                         uint32_t number)
{
    static int32_t ids[MAX_IDS], fewer[MAX_IDS];
    const int32_t expected = (int32_t)take_u32(at);
    size_t n = 0, again;
    pal_error err = {0};
    const pal_status s = pal_chat_tokens(m, messages, count, ids, MAX_IDS, &n, &err);
    if (expected < 0) {
        if (s != PAL_E_OPTION) fail_msg("conversation %u was not refused", number);
        return;
    }
    if (s) fail_msg("conversation %u: %s", number, err.text);
    if (n != (size_t)expected || memcmp(ids, *at, 4 * n) != 0) fail_msg("conversation %u has other tokens", number);
    fewer[n / 2] = -7; /* a short array is filled, and no more */
    assert_int_equal(pal_chat_tokens(m, messages, count, fewer, n / 2, &again, &err), PAL_OK);
    assert_true(again == n && fewer[n / 2] == -7 && memcmp(fewer, ids, 4 * (n / 2)) == 0);
    *at += 4 * n;
}

static void check_golden(const pal_model *m, const char *name, const char *family)
{
    char path[256], roles[MAX_MESSAGES][16];
    pal_message messages[MAX_MESSAGES];
    pal_error err = {0};
    const char *found = pal_chat_format_name(m, &err);
    if (!found) fail_msg("%s: %s", name, err.text);
    assert_string_equal(found, family);
    snprintf(path, sizeof path, "tests/golden/chat/%s.bin", name);
    const buffer file = read_whole(path);
    const unsigned char *at = file.data + 8;
    assert_memory_equal(file.data, "PALCHAT1", 8);
    const uint32_t count = take_u32(&at);
    assert_true(count > 50);
    for (uint32_t i = 0; i < count; i++) {
        const size_t n = take_messages(&at, messages, roles);
        check_tokens(m, messages, n, &at, i);
    }
    assert_true(at == file.data + file.size);
    free(file.data);
}

static void tokens_of_every_family_are_those_of_the_reference(void **state)
{
    static const char *const templates[][2] = {
        {"chatml", "ChatML"},       {"chatml-system", "ChatML"},  {"chatml-think", "ChatML"}, {"llama3", "Llama 3"},
        {"llama3-date", "Llama 3"}, {"gemma", "Gemma"},           {"gemma-system", "Gemma"},  {"mistral-v1", "Mistral"},
        {"mistral-v3", "Mistral"},  {"mistral-tekken", "Mistral"}};
    (void)state;
    for (size_t i = 0; i < COUNT(templates); i++) {
        char path[64];
        pal_model *m;
        pal_error err = {0};
        void *block;
        snprintf(path, sizeof path, "tests/golden/chat/%s.gguf", templates[i][0]);
        const buffer file = read_whole(path);
        void *data = aligned_copy(&block, file.data, file.size);
        assert_int_equal(pal_model_open(&m, data, file.size, 0, &err), PAL_OK);
        check_golden(m, templates[i][0], templates[i][1]);
        pal_model_close(m);
        free(block);
        free(file.data);
    }
}

static void tokens_of_smollm2_are_those_of_the_reference(void **state)
{
    const char *path = getenv("PAL_SMOLLM2");
    pal_model *m = NULL;
    pal_error err;
    (void)state;
    if (!path || pal_model_open_file(&m, path, PAL_OPEN_AS_STORED, &err)) {
        print_message("skipped: SmolLM2-135M-Instruct; PAL_SMOLLM2 is not its path (tools/models path smollm2)\n");
        skip();
    }
    check_golden(m, "smollm2", "ChatML");
    pal_model_close(m);
}

/* ---- models made here ---------------------------------------------------------------------------------- */

static const test_piece pieces[] = {{"<unk>", 0, PAL_PIECE_UNKNOWN, 0},      {"<s>", 0, PAL_PIECE_CONTROL, 0},
                                    {"</s>", 0, PAL_PIECE_CONTROL, 0},       {"<|im_start|>", 0, PAL_PIECE_USER, 0},
                                    {"<|im_end|>", 0, PAL_PIECE_CONTROL, 0}, {MARK, -9, PAL_PIECE_NORMAL, 0},
                                    {"a", -9, PAL_PIECE_NORMAL, 0}};

typedef struct {
    image file;
    void *block;
    pal_model *model;
} made;

static made make_model(const char *template)
{
    made m;
    pal_error err = {0};
    image_begin_vocab(&m.file, pieces, COUNT(pieces));
    image_key_u32(&m.file, "tokenizer.ggml.bos_token_id", 1);
    image_key_u32(&m.file, "tokenizer.ggml.eos_token_id", 2);
    if (template) image_key_str(&m.file, "tokenizer.chat_template", template);
    image_end(&m.file);
    void *data = aligned_copy(&m.block, m.file.data, m.file.size);
    if (pal_model_open(&m.model, data, m.file.size, 0, &err)) fail_msg("%s", err.text);
    return m;
}

static void close_made(made *m)
{
    pal_model_close(m->model);
    free(m->block);
    free(m->file.data);
}

static void expect_why(const char *template, const char *part)
{
    made m = make_model(template);
    const pal_message message = {"user", "a", 1};
    pal_error err = {0};
    size_t n = 99;
    int32_t ids[4];
    assert_null(pal_chat_format_name(m.model, &err));
    assert_true(err.status == PAL_E_UNSUPPORTED && strstr(err.text, part) != NULL);
    assert_int_equal(pal_chat_tokens(m.model, &message, 1, ids, 4, &n, &err), PAL_E_UNSUPPORTED);
    assert_true(n == 99 && strstr(err.text, part) != NULL);
    close_made(&m);
}

static void other_templates_are_named(void **state)
{
    (void)state;
    expect_why(NULL, "no chat template");
    expect_why("", "no chat template");
    expect_why("{{ messages }}", "is not known");
    expect_why("<|im_start|>{{ role }}<|im_sep|>", "Phi-4");
    expect_why("{{ '<|user|>' }}<|end|>{{ '<|assistant|>' }}", "Phi-3");
    expect_why("{{ '<|user|>' }}{{ '<|assistant|>' }}", "Zephyr");
    expect_why("[INST] <<SYS>> [/INST]", "Llama 2");
    expect_why("{{ '[SYSTEM_PROMPT]' }}{{ '[INST]' }}{{ '[/INST]' }}", "Mistral v7");
    expect_why("{{ '<|im_start|>' + m.content | trim + '<|im_end|>' }}", "resembles ChatML");
    expect_why("'<|im_start|>", "resembles ChatML");
    expect_why("<|start_header_id|>", "resembles Llama 3");
    expect_why("<start_of_turn>", "resembles Gemma");
    expect_why("[INST]", "resembles Mistral");
    expect_why("{{ '[INST]' }}{{ '[/INST]", "resembles Mistral");
    expect_why("{{ '[INST]' }}{{ '[/INST]' }} eos_token", "resembles Mistral");
}

/* Every beginning of a template is recognised or refused, without reading outside of it. */
static void templates_cut_short_are_read_safely(void **state)
{
    static const char *const names[] = {"chatml-system", "llama3-date", "gemma-system", "mistral-v3"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[64];
        pal_gguf *g;
        pal_str all;
        pal_error err;
        pal_chat_format format;
        snprintf(path, sizeof path, "tests/golden/chat/%s.gguf", names[i]);
        const buffer file = read_whole(path);
        assert_int_equal(pal_gguf_open(&g, file.data, file.size, &err), PAL_OK);
        assert_true(pal_gguf_get_str(g, "tokenizer.chat_template", &all));
        for (size_t size = 0; size < all.size; size++) {
            char *cut = malloc(size + 1);
            assert_non_null(cut);
            memcpy(cut, all.data, size);
            char *exact = realloc(cut, size ? size : 1);
            assert_non_null(exact);
            pal_chat_recognise(&format, (pal_str){exact, size}, &err);
            free(exact);
        }
        pal_gguf_close(g);
        free(file.data);
    }
}

#define CHATML                                                                                                         \
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}{% endfor %}"

static size_t ids_of(const pal_model *m, const char *role, const char *content, int32_t ids[64])
{
    const pal_message message = {role, content, strlen(content)};
    size_t n;
    pal_error err = {0};
    if (pal_chat_tokens(m, &message, 1, ids, 64, &n, &err)) fail_msg("%s", err.text);
    assert_true(n <= 64);
    return n;
}

/* User-defined pieces match in any text, so a name of one in a message is divided. */
static void names_in_messages_are_not_control_tokens(void **state)
{
    made m = make_model(CHATML);
    int32_t plain[64], ids[64];
    (void)state;
    const size_t n = ids_of(m.model, "user", "a", plain);
    assert_true(plain[0] == 1 && plain[1] == 3); /* BOS and <|im_start|> */
    const size_t more = ids_of(m.model, "user", "<|im_end|><|im_start|>a<|im_start|>", ids);
    size_t starts = 0, ends = 0;
    for (size_t i = 0; i < more; i++) starts += ids[i] == 3, ends += ids[i] == 4;
    assert_true(more > n && starts == 2 && ends == 1);
    close_made(&m);
}

static void roles_that_a_template_does_not_allow_are_refused(void **state)
{
    made m = make_model(CHATML);
    const pal_message messages[] = {{"user", "a", 1}, {"tool", "a", 1}};
    pal_error err = {0};
    size_t n = 99;
    (void)state;
    assert_int_equal(pal_chat_tokens(m.model, messages, 2, NULL, 0, &n, &err), PAL_E_OPTION);
    assert_true(err.offset == 1 && n == 99);
    assert_int_equal(pal_chat_tokens(m.model, messages, 0, NULL, 0, &n, &err), PAL_E_OPTION);
    assert_int_equal(pal_chat_tokens(m.model, messages, 1, NULL, 0, &n, &err), PAL_OK);
    assert_true(n != 99);
    close_made(&m);
}

/* A vocabulary with a dummy space: the script has the tokens of its text with control tokens written in it. */
static void tokens_are_those_of_the_whole_text(void **state)
{
    static const char text[] = "<s><|im_start|>user\na a<|im_end|>\n<|im_start|>assistant\n";
    made m = make_model(CHATML);
    int32_t ids[64], whole[64];
    size_t count;
    pal_error err = {0};
    (void)state;
    const size_t n = ids_of(m.model, "user", "a a", ids);
    assert_int_equal(pal_tokenize(m.model, text, sizeof text - 1, PAL_TOKENIZE_SPECIAL, whole, 64, &count, &err),
                     PAL_OK);
    assert_true(n == count && memcmp(ids, whole, 4 * n) == 0);
    close_made(&m);
}

/* Regression: a text that begins with a name that is not a token had no dummy space after BOS, unlike other texts. */
static void text_after_bos_begins_like_other_texts(void **state)
{
    static const char text[] = "<|im_start|>user\na<|im_end|>\n";
    static const pal_message message = {"user", "a", 1};
    pal_model *m = open_test_model("tiny-ar");
    pal_chat_script script = {.vocab = m->vocab};
    pal_chat_format format;
    pal_chat_mark marks[8];
    char written[128], scratch[1 << 14];
    int32_t ids[128], plain[128];
    size_t count;
    (void)state;
    assert_int_equal(pal_chat_recognise(&format, (pal_str){CHATML, sizeof CHATML - 1}, NULL), PAL_OK);
    script.text = written;
    script.marks = marks;
    assert_int_equal(pal_chat_write(&script, &format, &message, 1, NULL), PAL_OK);
    assert_true(script.bytes < sizeof written && pal_vocab_scratch_bytes(m->vocab, script.bytes) <= sizeof scratch);
    const size_t n = pal_chat_encode(&script, ids, 128, scratch);
    assert_int_equal(pal_tokenize(m, text, sizeof text - 1, 0, plain, 128, &count, NULL), PAL_OK);
    assert_true(n > count && ids[0] == pal_vocab_special(m->vocab)->bos);
    assert_memory_equal(ids + 1, plain, 4 * count);
    pal_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_every_family_are_those_of_the_reference),
        cmocka_unit_test(tokens_of_smollm2_are_those_of_the_reference),
        cmocka_unit_test(other_templates_are_named),
        cmocka_unit_test(templates_cut_short_are_read_safely),
        cmocka_unit_test(names_in_messages_are_not_control_tokens),
        cmocka_unit_test(roles_that_a_template_does_not_allow_are_refused),
        cmocka_unit_test(tokens_are_those_of_the_whole_text),
        cmocka_unit_test(text_after_bos_begins_like_other_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
