/* chat_template.c - recognises chat templates by their text. */
#include "chat.h"

#include <string.h>

enum { MAX_TRIED = 16 }; /* places of a word that are looked at: a hostile template can have many */

/* ---- searching -------------------------------------------------------------------------------------- */

/* Position of the first `word` at or after `from`; SIZE_MAX: none. */
static size_t find(pal_str text, size_t from, const char *word)
{
    const size_t size = strlen(word);
    for (size_t at = from; at <= text.size && size <= text.size - at; at++) {
        const char *next = memchr(text.data + at, word[0], text.size - at - size + 1);
        if (!next) break;
        at = (size_t)(next - text.data);
        if (memcmp(next, word, size) == 0) return at;
    }
    return SIZE_MAX;
}

static bool has(pal_str text, const char *word)
{
    return find(text, 0, word) != SIZE_MAX;
}

static pal_str part(pal_str text, size_t from, size_t to)
{
    return (pal_str){text.data + from, to - from};
}

/* Finds the string literal that contains text[from .. to): what it has before and after that. */
static bool literal_around(pal_str text, size_t from, size_t to, pal_str *before, pal_str *after)
{
    size_t start = from, end = to;
    while (start && text.data[start - 1] != '\'' && text.data[start - 1] != '"') start--;
    if (!start) return false;
    const char quote = text.data[start - 1];
    while (end < text.size && text.data[end] != quote) end += text.data[end] == '\\' && end + 1 < text.size ? 2 : 1;
    if (end >= text.size || end < to) return false;
    *before = part(text, start, from);
    *after = part(text, to, end);
    return true;
}

/* The literal that begins at or after `from`, behind spaces; false: something else is there. */
static bool literal_at(pal_str text, size_t from, pal_str *out)
{
    pal_str none;
    while (from < text.size && text.data[from] == ' ') from++;
    return from < text.size && (text.data[from] == '\'' || text.data[from] == '"') &&
           literal_around(text, from + 1, from + 1, &none, out);
}

/* ---- families --------------------------------------------------------------------------------------- */

/* The system message that the template writes if there is none: a literal with a whole turn of the role system. */
static void find_standard_system(pal_chat_format *f, pal_str t)
{
    static const char begin[] = "<|im_start|>system", end[] = "<|im_end|>";
    size_t at = 0;
    for (int tried = 0; tried < MAX_TRIED && (at = find(t, at, begin)) != SIZE_MAX; tried++, at += sizeof begin - 1) {
        size_t from = at + sizeof begin - 1;
        pal_str before, rest;
        if (!literal_around(t, from, from, &before, &rest)) return;
        const size_t line_break = rest.size && rest.data[0] == '\n' ? 1 : 2, to = find(rest, 0, end);
        if (to == SIZE_MAX || to <= line_break || (line_break == 2 && memcmp(rest.data, "\\n", 2) != 0)) continue;
        f->standard_system = part(rest, line_break, to);
        return;
    }
}

/* Templates with one of these words follow rules beyond those of their family: they are refused, by name. */
static bool has_other_rules(pal_str t, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (has(t, words[i])) return true;
    return false;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is_chatml(pal_chat_format *f, pal_str t)
{
    static const char *const others[] = {"strftime_now",     "trim",
                                         "default_system",   "set system_message",
                                         "raise_exc",        "<|im_start|>assistant\\n<think>",
                                         "enable_thinking)", "keep_past_thinking",
                                         "system_prompt"};
    if (!has(t, "<|im_end|>") || has_other_rules(t, others, COUNT(others))) return false;
    f->drops_thinking = has(t, ".split('</think>')[-1].lstrip('\\n')");
    if (has(t, "think") && !(f->drops_thinking && has(t, "last_query_index"))) return false;
    find_standard_system(f, t);
    return true;
}

static bool is_llama3(pal_chat_format *f, pal_str t)
{
    static const char date[] = "date_string = ";
    static const char *const others[] = {"<think>", "datetime", "functools", "<|python_tag|>", "recipient"};
    size_t at = 0;
    f->trims = has(t, "| trim") || has(t, "|trim");
    if (!has(t, "<|end_header_id|>") || !has(t, "<|eot_id|>") || !f->trims) return false;
    if (!has(t, "Today Date: ")) return !has_other_rules(t, others, COUNT(others));
    if (!has(t, "Cutting Knowledge Date: December 2023\\n")) return false;
    for (int tried = 0; tried < MAX_TRIED && (at = find(t, at, date)) != SIZE_MAX; tried++)
        if (literal_at(t, at += sizeof date - 1, &f->date)) return true;
    return false;
}

static bool is_gemma(pal_chat_format *f, pal_str t)
{
    f->system = PAL_SYSTEM_FIRST;
    f->trims = has(t, "System role not supported");
    return has(t, "<end_of_turn>") && has(t, "trim") && (f->trims || has(t, "first_user_prefix"));
}

/* What is written for an answer: the statement with a content and EOS. */
static bool find_answer(pal_chat_format *f, pal_str t)
{
    size_t at = 0;
    for (int tried = 0; tried < MAX_TRIED && (at = find(t, at, "eos_token")) != SIZE_MAX; tried++, at++) {
        size_t from = at, to = at + 9;
        while (from && t.data[from - 1] != '{') from--;
        while (from < at && (t.data[from] == '-' || t.data[from] == ' ')) from++;
        if (!has(part(t, from, at), "content")) continue;
        literal_at(t, from, &f->answer);
        f->trims_answers = has(part(t, from, at), "trim");
        while (to < t.size && (t.data[to] == ' ' || t.data[to] == '+')) to++;
        literal_at(t, to, &f->answer_end);
        return true;
    }
    return false;
}

static bool is_mistral(pal_chat_format *f, pal_str t)
{
    const size_t open = find(t, 0, "[INST]"), shut = find(t, 0, "[/INST]");
    f->system = has(t, "loop.last and system_message") ? PAL_SYSTEM_LAST : PAL_SYSTEM_FIRST;
    if (has(t, "system_message") && f->system == PAL_SYSTEM_FIRST && !has(t, "loop.first and system_message"))
        return false;
    return shut != SIZE_MAX && literal_around(t, open, open + 6, &f->user[0], &f->user[1]) &&
           literal_around(t, shut, shut + 7, &f->user[2], &f->user[3]) && find_answer(f, t);
}

/* ---- the choice ------------------------------------------------------------------------------------- */

#define ONLY          "; of chat templates only ChatML, Llama 3, Gemma and Mistral are supported"
#define OTHER(name)   "the file's chat template is that of " name ONLY
#define VARIANT(name) "the file's chat template resembles " name ", but has rules of its own" ONLY

/* Other templates by a text in them, before the families. */
static const struct {
    const char *word, *why;
} others[] = {
    {"<|im_sep|>", OTHER("Phi-4")},
    {"<|im_middle|>", OTHER("Kimi")},
    {"<end_of_utterance>", OTHER("SmolVLM")},
    {"<|turn>", OTHER("Gemma 4")},
    {"<|header_start|>", OTHER("Llama 4")},
    {"[SYSTEM_PROMPT]", OTHER("Mistral v7")},
    {"<<SYS>>", OTHER("Llama 2")},
    {"<|start_of_role|>", OTHER("Granite")},
    {"<|channel|>", OTHER("gpt-oss")},
    {"<|START_OF_TURN_TOKEN|>", OTHER("Command R")},
    {"<\xEF\xBD\x9CUser\xEF\xBD\x9C>", OTHER("DeepSeek")},
    {"[gMASK]", OTHER("GLM")},
};

static const struct {
    const char *word;
    pal_chat_family family;
    bool (*is)(pal_chat_format *f, pal_str t);
    const char *why;
} families[] = {
    {"<|im_start|>", PAL_CHATML, is_chatml, VARIANT("ChatML")},
    {"<|start_header_id|>", PAL_LLAMA3, is_llama3, VARIANT("Llama 3")},
    {"<start_of_turn>", PAL_GEMMA, is_gemma, VARIANT("Gemma")},
    {"[INST]", PAL_MISTRAL, is_mistral, VARIANT("Mistral")},
};

pal_status pal_chat_recognise(pal_chat_format *out, pal_str t, pal_error *err)
{
    for (size_t i = 0; i < COUNT(others); i++)
        if (has(t, others[i].word)) return pal_fail(err, PAL_E_UNSUPPORTED, others[i].why, SIZE_MAX);
    for (size_t i = 0; i < COUNT(families); i++) {
        if (!has(t, families[i].word)) continue;
        *out = (pal_chat_format){.family = families[i].family, .bos = has(t, "bos_token")};
        return families[i].is(out, t) ? PAL_OK : pal_fail(err, PAL_E_UNSUPPORTED, families[i].why, SIZE_MAX);
    }
    if (has(t, "<|assistant|>"))
        return pal_fail(err, PAL_E_UNSUPPORTED, has(t, "<|end|>") ? OTHER("Phi-3") : OTHER("Zephyr"), SIZE_MAX);
    return pal_fail(err, PAL_E_UNSUPPORTED, "the file's chat template is not known" ONLY, SIZE_MAX);
}
