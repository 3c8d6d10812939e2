/* split.c - splits text into words: the table of rules, each a sequence of patterns, and the code that applies them.
 *
 * The regular expressions are those that the models' tokenizers publish and that llama.cpp names. Each is implemented
 * as a matcher over code points; the long ones are in patterns.c. */
#include "split.h"

#include "patterns.h"

#include <string.h>

enum { STAGES_MAX = 6 };

struct pal_split_rule {
    const char *names; /* values of tokenizer.ggml.pre, separated by spaces */
    bool ignore_merges, add_bos;
    pal_matcher *stages[STAGES_MAX + 1]; /* NULL-terminated */
};

/* ---- patterns of one kind of character -------------------------------------------------------------- */

/* [^\n]+|[\n]+ */
static size_t line(const char *text, size_t at, size_t end)
{
    const bool breaks = text[at] == '\n';
    while (at < end && (text[at] == '\n') == breaks) at++;
    return at;
}

/* \p{N} */
static size_t one_number(const char *text, size_t at, size_t end)
{
    return pal_some_numbers(text, at, end, 1);
}

/* \p{N}{1,3} */
static size_t three_numbers(const char *text, size_t at, size_t end)
{
    return pal_some_numbers(text, at, end, 3);
}

/* \p{N}+ */
static size_t numbers(const char *text, size_t at, size_t end)
{
    return pal_run_of(text, at, end, PAL_NUMBER);
}

/* [0-9][0-9][0-9] */
static size_t three_digits(const char *text, size_t at, size_t end)
{
    for (size_t i = 0; i < 3; i++)
        if (end - at <= i || text[at + i] < '0' || text[at + i] > '9') return at;
    return at + 3;
}

/* [\r\n] */
static size_t line_break(const char *text, size_t at, size_t end)
{
    return at + pal_is_line_break(pal_char_at(text, at, end));
}

/* \s?X+ for a class X */
static size_t run_after_space(const char *text, size_t at, size_t end, unsigned class)
{
    pal_char c = pal_char_at(text, at, end);
    size_t body = pal_is(c, PAL_SPACE) ? at + c.bytes : at, stop = pal_run_of(text, body, end, class);
    return stop > body ? stop : at;
}

/* \s?\p{L}+ */
static size_t letters_after_space(const char *text, size_t at, size_t end)
{
    return run_after_space(text, at, end, PAL_LETTER);
}

/* \s?\p{P}+ */
static size_t punctuation_after_space(const char *text, size_t at, size_t end)
{
    return run_after_space(text, at, end, PAL_PUNCTUATION);
}

typedef struct {
    uint32_t first, last;
} code_range;

/* [...]+ for a list of ranges of code points, terminated by {0}. */
static size_t run_in(const char *text, size_t at, size_t end, const code_range *ranges)
{
    for (pal_char c; c = pal_char_at(text, at, end), c.bytes; at += c.bytes) {
        const code_range *r = ranges;
        while (r->last && (c.code < r->first || c.code > r->last)) r++;
        if (!r->last) break;
    }
    return at;
}

/* Chinese, Japanese, Korean and the scripts before them in Unicode */
static size_t east_asian(const char *text, size_t at, size_t end)
{
    static const code_range ranges[] = {{0x800, 0x9FA5}, {0xAC00, 0xD7FF}, {0, 0}};
    return run_in(text, at, end, ranges);
}

/* Chinese and Japanese */
static size_t chinese_or_kana(const char *text, size_t at, size_t end)
{
    static const code_range ranges[] = {{0x4E00, 0x9FA5}, {0x3040, 0x30FF}, {0, 0}};
    return run_in(text, at, end, ranges);
}

/* Runs of Korean, of signs, of Bopomofo, of Chinese and Japanese */
static size_t east_asian_scripts(const char *text, size_t at, size_t end)
{
    static const code_range korean[] = {{0xAC00, 0xD7A3}, {0x3131, 0x318E}, {0, 0}};
    static const code_range signs[] = {
        {0xFF01, 0xFF01}, {0x2026, 0x2026}, {0x201C, 0x201D}, {0x2018, 0x2019}, {0x2014, 0x2014},
        {0xFF1A, 0xFF1B}, {0xFF0C, 0xFF0C}, {0x3001, 0x303F}, {0xFE30, 0xFE4F}, {0, 0}};
    static const code_range bopomofo[] = {{0x3105, 0x312F}, {0, 0}};
    size_t stop = run_in(text, at, end, korean);
    if (stop == at) stop = run_in(text, at, end, signs);
    if (stop == at) stop = run_in(text, at, end, bopomofo);
    return stop > at ? stop : chinese_or_kana(text, at, end);
}

/* Letters with case that the DeepSeek LLM rule lists. It omits those of later versions of Unicode, of mathematics, and
 * some of Georgian, Armenian and Latin. */
static bool is_listed_letter(pal_char c)
{
    static const code_range left_out[] = {{0x560, 0x588},     {0x10C7, 0x10FF},   {0x1C80, 0x1C88},
                                          {0x2D00, 0x2D2D},   {0xA790, 0xA7FA},   {0xAB30, 0xAB68},
                                          {0x10570, 0x105BC}, {0x16E40, 0x16E7F}, {0x1D400, 0x1DF2A}};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (c.code >= left_out[i].first && c.code <= left_out[i].last) return false;
    return pal_is(c, PAL_UPPER | PAL_LOWER);
}

/* \s?[A-Za-z...]+ */
static size_t listed_letters_after_space(const char *text, size_t at, size_t end)
{
    pal_char c = pal_char_at(text, at, end);
    size_t body = pal_is(c, PAL_SPACE) ? at + c.bytes : at, stop = body;
    while (is_listed_letter(c = pal_char_at(text, stop, end))) stop += c.bytes;
    return stop > body ? stop : at;
}

/* \s?[!-/:-~！-／：-～‘-‟　-。]+; U+3000 is in the class and can also be the space */
static size_t signs_after_space(const char *text, size_t at, size_t end)
{
    static const code_range ranges[] = {
        {'!', '/'}, {':', '~'}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}, {0x2018, 0x201F}, {0x3000, 0x3002}, {0, 0}};
    pal_char c = pal_char_at(text, at, end);
    size_t body = pal_is(c, PAL_SPACE) ? at + c.bytes : at, stop = run_in(text, body, end, ranges);
    return stop > body ? stop : run_in(text, at, end, ranges);
}

/* \s+$ */
static size_t last_spaces(const char *text, size_t at, size_t end)
{
    size_t stop = pal_run_of(text, at, end, PAL_SPACE);
    return stop == end ? stop : stop == at ? at : stop | PAL_NONE_BEFORE;
}

/* [\p{P}$+<=>^~|]+, with `backtick` also the backtick; $+<=>^~|` are the ASCII symbols. */
static size_t punctuation_run(const char *text, size_t at, size_t end, bool backtick)
{
    for (pal_char c;; at += c.bytes) {
        c = pal_char_at(text, at, end);
        bool ascii_symbol = c.code < 128 && pal_is(c, PAL_SYMBOL) && (backtick || c.code != '`');
        if (!pal_is(c, PAL_PUNCTUATION) && !ascii_symbol) return at;
    }
}

/* [\p{P}$+<=>^~|]+ */
static size_t punctuation_but_backtick(const char *text, size_t at, size_t end)
{
    return punctuation_run(text, at, end, false);
}

/* [\p{P}$+<=>^~|`]+ */
static size_t punctuation(const char *text, size_t at, size_t end)
{
    return punctuation_run(text, at, end, true);
}

/* ---- rules ------------------------------------------------------------------------------------- */

/* The names are all those that llama.cpp maps to these rules (llama-vocab.cpp). */
static const pal_split_rule rules[] = {
    {"default", false, false, {punctuation_but_backtick, pal_words_gpt2, numbers, three_digits}},
    {"gpt-2 mpt phi-2 olmo jais trillion granite-docling exaone4 gigachat a.x-4.0 mellum modern-bert jina-es jina-de "
     "jina-v1-en jina-v2-es jina-v2-de jina-v2-code roberta-bpe",
     false,
     false,
     {pal_words_gpt2}},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", true, true, {pal_words_llama3}},
    {"glm4 glm5", true, false, {pal_words_llama3}},
    {"smaug-bpe dbrx chatglm-bpe", false, false, {pal_words_llama3}},
    {"minicpm5", true, false, {three_numbers, pal_words_llama3}},
    {"qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2 bailingmoe bailingmoe2 llada-moe",
     false,
     false,
     {pal_words_qwen2}},
    {"qwen35", false, false, {pal_words_qwen35}},
    {"laguna", false, false, {line, pal_words_qwen2}},
    {"seed-coder", false, false, {pal_words_seed_coder}},
    {"ufakzeka", false, false, {pal_words_ufakzeka}},
    {"smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
     false,
     false,
     {one_number, pal_words_gpt2}},
    {"deepseek-coder",
     false,
     false,
     {line_break, letters_after_space, punctuation_after_space, east_asian, one_number}},
    {"deepseek-llm",
     false,
     false,
     {line_break, listed_letters_after_space, signs_after_space, last_spaces, east_asian, numbers}},
    {"deepseek-v3 hunyuan-dense joyai-llm hy_v4", false, false, {three_numbers, chinese_or_kana, pal_words_deepseek3}},
    {"falcon", false, false, {punctuation, pal_words_gpt2, three_digits}},
    {"tekken", true, true, {pal_words_tekken}},
    {"gpt-4o llama4 kanana2 talkie minimax-m2", false, false, {pal_words_gpt4o}},
    {"granite-embed-multi-97m", true, false, {pal_words_gpt4o}},
    {"youtu", true, false, {east_asian_scripts, pal_words_youtu}},
    {"bloom poro-chat gpt3-finnish", false, false, {pal_words_bloom}},
    {"viking", false, false, {pal_words_bloom, one_number}},
};

/* Whether the name is in the list, whose names are separated by spaces. */
static bool is_listed(const char *list, pal_str name)
{
    while (*list) {
        const char *space = strchr(list, ' ');
        const size_t bytes = space ? (size_t)(space - list) : strlen(list);
        if (bytes == name.size && memcmp(list, name.data, bytes) == 0) return true;
        list += bytes + (list[bytes] == ' ');
    }
    return false;
}

const pal_split_rule *pal_split_rule_of(pal_str name)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (is_listed(rules[i].names, name)) return &rules[i];
    return NULL;
}

bool pal_split_ignores_merges(const pal_split_rule *rule)
{
    return rule->ignore_merges;
}

bool pal_split_adds_bos(const pal_split_rule *rule)
{
    return rule->add_bos;
}

typedef struct {
    const char *text;
    pal_word_fn *word;
    void *context;
} sink;

/* Recursive; the depth is the number of stages. */
static void split_stage(const sink *s, pal_matcher *const *stage, size_t from, size_t to)
{
    if (!*stage) {
        s->word(s->context, from, to);
        return;
    }
    size_t gap = from;
    for (size_t at = from; at < to;) {
        size_t stop = (*stage)(s->text, at, to);
        if (stop & PAL_NONE_BEFORE) {
            at = stop & ~PAL_NONE_BEFORE;
            continue;
        }
        if (stop == at) {
            at += pal_char_at(s->text, at, to).bytes;
            continue;
        }
        if (gap < at) split_stage(s, stage + 1, gap, at);
        split_stage(s, stage + 1, at, stop);
        gap = at = stop;
    }
    if (gap < to) split_stage(s, stage + 1, gap, to);
}

void pal_split(const pal_split_rule *rule, const char *text, size_t from, size_t to, pal_word_fn *word, void *context)
{
    sink s = {text, word, context};
    split_stage(&s, rule->stages, from, to);
}
