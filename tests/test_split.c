/* test_split.c - the words of every rule, against the tokenizers package (tests/golden/token/split.bin, made by
 * tools/make_split_golden.py), and the names of the rules. */
#include "token_testing.h"

#include "token/unicode.h"

static size_t take_number(const unsigned char **at)
{
    size_t value = 0, byte;
    unsigned shift = 0;
    do {
        byte = *(*at)++;
        value |= (byte & 127) << shift;
        shift += 7;
    } while (byte & 128);
    return value;
}

enum { MAX_RULES = 32, MAX_WORDS = 4096 };

typedef struct {
    size_t count, at;
    size_t bytes[MAX_WORDS];
} words;

static void add_word(void *context, size_t from, size_t to)
{
    words *w = context;
    assert_true(from == w->at && to > from && w->count < MAX_WORDS);
    w->bytes[w->count++] = to - from;
    w->at = to;
}

static void add_place(void *context, size_t from, size_t to)
{
    words *w = context;
    assert_true(from == w->at && to > from);
    w->at = to;
}

static bool splits_to(const pal_split_rule *rule, const char *text, size_t bytes, const words *expected)
{
    static words got;
    got.count = got.at = 0;
    pal_split(rule, text, 0, bytes, add_word, &got);
    return got.at == bytes && got.count == expected->count &&
           memcmp(got.bytes, expected->bytes, got.count * sizeof *got.bytes) == 0;
}

static void words_equal_those_of_the_tokenizers_package(void **state)
{
    (void)state;
    static words expected;
    const pal_split_rule *rules[MAX_RULES];
    pal_file file;
    assert_int_equal(pal_file_map(&file, PAL_SOURCE_DIR "/tests/golden/token/split.bin", NULL), PAL_OK);
    const unsigned char *at = file.data, *end = at + file.size;
    assert_memory_equal(at, "PALSPL1\n", 8);
    at += 8;
    const size_t count = take_number(&at), all = ((size_t)1 << count) - 1;
    assert_true(count >= 16 && count <= MAX_RULES);
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = take_number(&at);
        rules[i] = pal_split_rule_of((pal_str){(const char *)at, bytes});
        assert_non_null(rules[i]);
        at += bytes;
    }
    const size_t texts = take_number(&at);
    assert_true(texts >= 3000);
    for (size_t i = 0; i < texts; i++) {
        const size_t bytes = take_number(&at);
        const char *text = (const char *)at;
        at += bytes;
        for (size_t seen = 0; seen != all;) {
            const size_t mask = take_number(&at);
            expected.count = take_number(&at);
            assert_true(mask && !(mask & seen) && expected.count <= MAX_WORDS);
            seen |= mask;
            for (size_t k = 0; k < expected.count; k++) expected.bytes[k] = take_number(&at);
            for (size_t rule = 0; rule < count; rule++)
                if ((mask >> rule & 1) && !splits_to(rules[rule], text, bytes, &expected))
                    fail_msg("rule %zu, text %zu: %.*s", rule, i, (int)bytes, text);
        }
        assert_true(at <= end);
    }
    assert_true(at == end);
    pal_file_unmap(&file);
}

/* Regression: names that llama.cpp maps to rules supported here were refused.  One line per rule. */
static const struct {
    const char *names[24];
    bool ignore_merges, add_bos;
} aliases[] = {
    {{"default"}, false, false},
    {{"gpt-2", "mpt", "phi-2", "olmo", "jais", "trillion", "granite-docling", "exaone4", "gigachat", "a.x-4.0",
      "mellum", "modern-bert", "jina-es", "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code",
      "roberta-bpe"},
     false,
     false},
    {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"},
     true,
     true},
    {{"glm4", "glm5"}, true, false},
    {{"smaug-bpe", "dbrx", "chatglm-bpe"}, false, false},
    {{"minicpm5"}, true, false},
    {{"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2",
      "bailingmoe", "bailingmoe2", "llada-moe"},
     false,
     false},
    {{"qwen35"}, false, false},
    {{"laguna"}, false, false},
    {{"seed-coder"}, false, false},
    {{"ufakzeka"}, false, false},
    {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"}, false, false},
    {{"deepseek-coder"}, false, false},
    {{"deepseek-llm"}, false, false},
    {{"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"}, false, false},
    {{"falcon"}, false, false},
    {{"tekken"}, true, true},
    {{"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, false, false},
    {{"granite-embed-multi-97m"}, true, false},
    {{"youtu"}, true, false},
    {{"bloom", "poro-chat", "gpt3-finnish"}, false, false},
    {{"viking"}, false, false},
};

static void rules_have_the_names_and_flags_of_llama_cpp(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(aliases); i++) {
        const pal_split_rule *first = NULL;
        for (size_t k = 0; k < COUNT(aliases[i].names) && aliases[i].names[k]; k++) {
            const char *name = aliases[i].names[k];
            const pal_split_rule *rule = pal_split_rule_of((pal_str){name, strlen(name)});
            if (!rule) fail_msg("no rule %s", name);
            if (!first) first = rule;
            assert_true(rule == first);
            assert_int_equal(pal_split_ignores_merges(rule), aliases[i].ignore_merges);
            assert_int_equal(pal_split_adds_bos(rule), aliases[i].add_bos);
        }
        for (size_t k = 0; k < i; k++)
            assert_true(first != pal_split_rule_of((pal_str){aliases[k].names[0], strlen(aliases[k].names[0])}));
    }
}

static void other_names_have_no_rule(void **state)
{
    (void)state;
    static const char *const names[] = {"",          "gpt2", "gpt-22", "gpt-", "qwen",     "llama",  "Default",
                                        "gpt-2 mpt", " ",    "mpt ",   " mpt", "jina-v2-", "gemma4", "default "};
    for (size_t i = 0; i < COUNT(names); i++) assert_null(pal_split_rule_of((pal_str){names[i], strlen(names[i])}));
    assert_null(pal_split_rule_of((pal_str){"gpt-2\0", 6}));
}

/* Bytes that are not characters belong to no class in any rule; words are not empty and cover every text. */
static void words_cover_texts_of_any_bytes(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "A", "a", " ", "'s", "/", "\n", "1", "!", "\xCC\x81", "\xE4\xB8\xAD", "\xF0\x9F\x98\x81"};
    uint64_t seed = 20261128;
    char text[64];
    for (size_t i = 0; i < COUNT(aliases); i++) {
        const pal_split_rule *rule = pal_split_rule_of((pal_str){aliases[i].names[0], strlen(aliases[i].names[0])});
        for (int round = 0; round < 2000; round++) {
            size_t bytes = 0, max = next_random(&seed) % 40;
            while (bytes < max) {
                const uint32_t r = next_random(&seed);
                const char *part = parts[(r >> 8) % COUNT(parts)];
                if (r % 3 == 0) {
                    text[bytes++] = (char)(r >> 16);
                } else {
                    memcpy(text + bytes, part, strlen(part));
                    bytes += strlen(part);
                }
            }
            static words got;
            char *exact = malloc(bytes + 1); /* so that a sanitizer sees a read past the end */
            assert_non_null(exact);
            memcpy(exact + 1, text, bytes);
            got.count = got.at = 0;
            pal_split(rule, exact + 1, 0, bytes, add_word, &got);
            assert_int_equal(got.at, bytes);
            free(exact);
        }
    }
}

/* No time is asserted, but quadratic work would take minutes here. */
static void splitting_long_runs_is_quick(void **state)
{
    (void)state;
    enum { BYTES = 1 << 18 };
    static const char *const units[] = {" ",    "a",     "A", "\xE4\xB8\xAD\x41", "\xCC\x81", "!", "1", "\n",
                                        "\xFF", "\x01 ", "/"};
    static const char *const ends[] = {"", "1", "a", "A", "!", "\x01"};
    char *text = malloc(BYTES + 8);
    assert_non_null(text);
    for (size_t rule = 0; rule < COUNT(aliases); rule++)
        for (size_t unit = 0; unit < COUNT(units); unit++) {
            const char *name = aliases[rule].names[0], *last = ends[(rule + unit) % COUNT(ends)];
            static words got;
            size_t bytes = strlen(units[unit]), all = BYTES / 3 * 3 / bytes * bytes;
            for (size_t i = 0; i < all; i++) text[i] = units[unit][i % bytes];
            memcpy(text + all, last, strlen(last));
            got = (words){0};
            pal_split(pal_split_rule_of((pal_str){name, strlen(name)}), text, 0, all + strlen(last), add_place, &got);
            assert_int_equal(got.at, all + strlen(last));
        }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_equal_those_of_the_tokenizers_package),
        cmocka_unit_test(rules_have_the_names_and_flags_of_llama_cpp),
        cmocka_unit_test(other_names_have_no_rule),
        cmocka_unit_test(words_cover_texts_of_any_bytes),
        cmocka_unit_test(splitting_long_runs_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
