/* chat.c - writes conversations in the formats of the four families, and tokenizes them. */
#include "chat.h"

#include <string.h>

/* ---- writing ---------------------------------------------------------------------------------------- */

static void put(pal_chat_script *out, pal_str text)
{
    if (out->text && text.size) memcpy(out->text + out->bytes, text.data, text.size);
    out->bytes = pal_plus(out->bytes, text.size);
}

static void put_text(pal_chat_script *out, const char *text)
{
    put(out, (pal_str){text, strlen(text)});
}

/* Writes a part of a literal of the template, with its escapes resolved. */
static void put_literal(pal_chat_script *out, pal_str text)
{
    static const char escapes[] = "n\nt\tr\r";
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '\\' && i + 1 < text.size) {
            c = text.data[++i];
            for (size_t k = 0; escapes[k]; k += 2)
                if (c == escapes[k]) {
                    c = escapes[k + 1];
                    break;
                }
        }
        put(out, (pal_str){&c, 1});
    }
}

static void mark(pal_chat_script *out, int32_t id)
{
    if (out->text) out->marks[out->count] = (pal_chat_mark){out->bytes, id};
    out->count++;
}

static void note_in_text(pal_chat_script *out, int32_t id)
{
    for (size_t i = 0; i < out->in_text_count; i++)
        if (out->in_text[i] == id) return;
    PAL_ASSERT(out->in_text_count < PAL_CHAT_NAMES);
    out->in_text[out->in_text_count++] = id;
}

/* A control token by its name.  A vocabulary that has no such token has the name as text. */
static void put_control(pal_chat_script *out, const char *name)
{
    const int32_t id = pal_vocab_find(out->vocab, (pal_str){name, strlen(name)});
    const pal_piece_type type = id < 0 ? PAL_PIECE_NORMAL : pal_vocab_type(out->vocab, id);
    if (type == PAL_PIECE_USER) note_in_text(out, id);
    if (type == PAL_PIECE_CONTROL || type == PAL_PIECE_USER)
        mark(out, id);
    else
        put_text(out, name);
}

/* ---- contents --------------------------------------------------------------------------------------- */

static pal_str content_of(const pal_message *m)
{
    return (pal_str){m->content, m->bytes};
}

/* Bytes of the white space at text[at], 0: none.  The characters are those that Python's str.strip removes, without
 * the control characters below tab. */
static size_t space_at(pal_str text, size_t at)
{
    static const char *const wide[] = {"\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\xA8", "\xE2\x80\xA9",
                                       "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};
    const unsigned char *c = (const unsigned char *)text.data + at;
    const size_t left = text.size - at;
    if (left && (*c == ' ' || (*c >= '\t' && *c <= '\r'))) return 1;
    if (left >= 3 && c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0x80 && c[2] <= 0x8a) return 3; /* U+2000 to U+200A */
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (left >= strlen(wide[i]) && memcmp(c, wide[i], strlen(wide[i])) == 0) return strlen(wide[i]);
    return 0;
}

static pal_str trim_start(pal_str text)
{
    for (size_t n; text.size && (n = space_at(text, 0)) > 0;) text = (pal_str){text.data + n, text.size - n};
    return text;
}

static pal_str trim_end(pal_str text)
{
    for (size_t n = 1; n <= 3 && n <= text.size; n++) {
        if (space_at(text, text.size - n) != n) continue;
        text.size -= n;
        n = 0;
    }
    return text;
}

static pal_str trim(pal_str text)
{
    return trim_end(trim_start(text));
}

/* What follows the last </think> and its line breaks; the whole text if there is none. */
static pal_str without_thinking(pal_str text)
{
    static const char end[] = "</think>";
    const size_t size = sizeof end - 1;
    for (size_t at = text.size; at >= size; at--) {
        if (memcmp(text.data + at - size, end, size) != 0) continue;
        while (at < text.size && text.data[at] == '\n') at++;
        return (pal_str){text.data + at, text.size - at};
    }
    return text;
}

static bool is_role(const pal_message *m, const char *role)
{
    return strcmp(m->role, role) == 0;
}

/* ---- families --------------------------------------------------------------------------------------- */

static void put_chatml_turn(pal_chat_script *out, const char *role, pal_str content)
{
    put_control(out, "<|im_start|>");
    put_text(out, role);
    put_text(out, "\n");
    put(out, content);
    put_control(out, "<|im_end|>");
    put_text(out, "\n");
}

static void write_chatml(pal_chat_script *out, const pal_chat_format *f, const pal_message *messages, size_t count)
{
    if (f->standard_system.size && (!count || !is_role(messages, "system"))) {
        put_control(out, "<|im_start|>");
        put_text(out, "system\n");
        put_literal(out, f->standard_system);
        put_control(out, "<|im_end|>");
        put_text(out, "\n");
    }
    for (size_t i = 0; i < count; i++) {
        const pal_str content = content_of(&messages[i]);
        const bool drops = f->drops_thinking && is_role(&messages[i], "assistant");
        put_chatml_turn(out, messages[i].role, drops ? without_thinking(content) : content);
    }
    put_control(out, "<|im_start|>");
    put_text(out, "assistant\n");
}

static void put_llama3_header(pal_chat_script *out, const char *role)
{
    put_control(out, "<|start_header_id|>");
    put_text(out, role);
    put_control(out, "<|end_header_id|>");
    put_text(out, "\n\n");
}

static void write_llama3(pal_chat_script *out, const pal_chat_format *f, const pal_message *messages, size_t count)
{
    size_t i = 0;
    if (f->date.size) {
        put_llama3_header(out, "system");
        put_text(out, "Cutting Knowledge Date: December 2023\nToday Date: ");
        put_literal(out, f->date);
        put_text(out, "\n\n");
        if (count && is_role(messages, "system")) put(out, trim(content_of(&messages[i++])));
        put_control(out, "<|eot_id|>");
    }
    for (; i < count; i++) {
        put_llama3_header(out, messages[i].role);
        put(out, trim(content_of(&messages[i])));
        put_control(out, "<|eot_id|>");
    }
    put_llama3_header(out, "assistant");
}

/* Gemma has no turn for the system message.  Templates that put it before the first turn do not trim it; those that
 * refuse it receive one message made of both. */
static void put_gemma_content(pal_chat_script *out, const pal_chat_format *f, const pal_message *system,
                              const pal_message *m)
{
    const pal_str content = content_of(m);
    const pal_str before = system ? content_of(system) : (pal_str){NULL, 0};
    const pal_str trimmed = f->trims ? trim_start(before) : before;
    if (!system || (f->trims && !trimmed.size)) {
        put(out, trim(content));
        return;
    }
    const pal_str rest = f->trims ? trim_end(content) : trim(content);
    put(out, f->trims && !rest.size ? trim(trimmed) : trimmed);
    if (!f->trims || rest.size) put_text(out, "\n\n");
    put(out, rest);
}

static void write_gemma(pal_chat_script *out, const pal_chat_format *f, const pal_message *messages, size_t count)
{
    const bool system = is_role(messages, "system");
    for (size_t i = system; i < count; i++) {
        put_control(out, "<start_of_turn>");
        put_text(out, is_role(&messages[i], "assistant") ? "model\n" : "user\n");
        put_gemma_content(out, f, system && i == 1 ? messages : NULL, &messages[i]);
        put_control(out, "<end_of_turn>");
        put_text(out, "\n");
    }
    put_control(out, "<start_of_turn>");
    put_text(out, "model\n");
}

static void put_special(pal_chat_script *out, int32_t id)
{
    if (id >= 0) mark(out, id);
}

static void write_mistral(pal_chat_script *out, const pal_chat_format *f, const pal_message *messages, size_t count)
{
    const bool system = is_role(messages, "system");
    const size_t with_system = !system ? SIZE_MAX : f->system == PAL_SYSTEM_LAST ? count - 1 : 1;
    for (size_t i = system; i < count; i++) {
        const pal_str content = content_of(&messages[i]);
        if (is_role(&messages[i], "assistant")) {
            put_literal(out, f->answer);
            put(out, f->trims_answers ? trim(content) : content);
            put_special(out, pal_vocab_special(out->vocab)->eos);
            put_literal(out, f->answer_end);
            continue;
        }
        put_literal(out, f->user[0]);
        put_control(out, "[INST]");
        put_literal(out, f->user[1]);
        if (i == with_system) {
            put(out, content_of(messages));
            put_text(out, "\n\n");
        }
        put(out, content);
        put_literal(out, f->user[2]);
        put_control(out, "[/INST]");
        put_literal(out, f->user[3]);
    }
}

/* ---- roles, BOS ------------------------------------------------------------------------------------- */

static pal_status check_roles(const pal_chat_format *f, const pal_message *messages, size_t count, pal_error *err)
{
    const bool alternate = f->family == PAL_GEMMA || f->family == PAL_MISTRAL;
    const bool system = count && is_role(messages, "system");
    if (!count) return pal_fail(err, PAL_E_OPTION, "a conversation has at least one message", SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        const bool answer = is_role(&messages[i], "assistant"), user = is_role(&messages[i], "user");
        if (!answer && !user && !is_role(&messages[i], "system"))
            return pal_fail(err, PAL_E_OPTION, "the role of a message is not system, user or assistant", i);
        if (alternate && i >= system && (i - system) % 2 ? !answer : alternate && i >= system && !user)
            return pal_fail(err, PAL_E_OPTION,
                            "the model's chat template needs the roles user and assistant in turns, after at most one "
                            "system message",
                            i);
    }
    if (alternate && system && count == 1)
        return pal_fail(err, PAL_E_OPTION, "with the model's chat template the system message needs a user's after it",
                        0);
    if (f->drops_thinking && !is_role(&messages[count - 1], "user"))
        return pal_fail(err, PAL_E_OPTION, "with the model's chat template the last message must be the user's",
                        count - 1);
    return PAL_OK;
}

pal_status pal_chat_write(pal_chat_script *out, const pal_chat_format *f, const pal_message *messages, size_t count,
                          pal_error *err)
{
    const pal_special *special = pal_vocab_special(out->vocab);
    static void (*const write[])(pal_chat_script *, const pal_chat_format *, const pal_message *,
                                 size_t) = {[PAL_CHATML] = write_chatml,
                                            [PAL_LLAMA3] = write_llama3,
                                            [PAL_GEMMA] = write_gemma,
                                            [PAL_MISTRAL] = write_mistral};
    pal_status s = check_roles(f, messages, count, err);
    if (s) return s;
    /* SmolLM2 names <|im_start|> as BOS: that is not written twice. */
    const bool begins = f->family == PAL_CHATML && special->bos >= 0 &&
                        pal_str_is(pal_vocab_piece(out->vocab, special->bos), "<|im_start|>");
    out->begins_with_bos = !f->bos && special->add_bos && special->bos >= 0 && !begins;
    if ((f->bos || special->add_bos) && !begins) put_special(out, special->bos);
    write[f->family](out, f, messages, count);
    return PAL_OK;
}

/* ---- tokens ----------------------------------------------------------------------------------------- */

typedef struct {
    int32_t *ids;
    size_t count, capacity;
} tokens;

static void encode_part(const pal_chat_script *script, size_t from, size_t to, tokens *out, void *scratch)
{
    const size_t first =
        script->begins_with_bos; /* like that of other texts, a BOS before the text keeps its dummy space */
    const bool starts = from == 0 && (script->count <= first || script->marks[first].at > 0);
    const unsigned flags = starts ? PAL_ENCODE_PREFIX : 0;
    const size_t left = out->count < out->capacity ? out->capacity - out->count : 0;
    int32_t *ids = left ? out->ids + out->count : NULL;
    out->count += pal_vocab_encode(script->vocab, script->text + from, to - from, flags, ids, left, scratch);
}

/* The start of the first name of a mark that matches in text[from .. to), or `to`. */
static size_t next_name(const pal_chat_script *script, size_t from, size_t to)
{
    for (size_t at = from; script->in_text_count && at < to; at++)
        for (size_t i = 0; i < script->in_text_count; i++) {
            const pal_str name = pal_vocab_piece(script->vocab, script->in_text[i]);
            if (name.size <= to - at && memcmp(script->text + at, name.data, name.size) == 0) return at;
        }
    return to;
}

/* Text between control tokens.  A name of a mark that would match is divided after its first byte. */
static void encode_text(const pal_chat_script *script, size_t from, size_t to, tokens *out, void *scratch)
{
    while (from < to) {
        size_t end = next_name(script, from, to);
        if (end < to) end++;
        encode_part(script, from, end, out, scratch);
        from = end;
    }
}

size_t pal_chat_encode(const pal_chat_script *script, int32_t *ids, size_t capacity, void *scratch)
{
    tokens out = {ids, 0, capacity};
    size_t at = 0;
    for (size_t i = 0; i < script->count; i++) {
        encode_text(script, at, script->marks[i].at, &out, scratch);
        at = script->marks[i].at;
        if (out.count < capacity) ids[out.count] = script->marks[i].id;
        out.count++;
    }
    encode_text(script, at, script->bytes, &out, scratch);
    return out.count;
}
