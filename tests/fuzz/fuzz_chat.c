/* fuzz_chat.c - fuzzes conversations: messages in JSON, chat templates, and the tokens of prompts.
 *
 * Bits 0 to 3 of the first byte choose a vocabulary of tests/golden/chat; with bit 4 its control tokens are user-defined
 * pieces, which match in any text.  The template follows, up to the first 0 byte, then the messages.  Messages that were
 * read must be the same when they are written and read again.  In a prompt, control tokens must be only where the format
 * has them, whatever the messages contain, and its tokens must decode to its text. */
#include "cli/messages.h"
#include "network/model.h"
#include "text/chat.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "fuzz_chat: %s\n", what);
    abort();
}

static void *block_of(size_t size)
{
    void *block = malloc(size ? size : 1);
    check(block != NULL, "no memory");
    return block;
}

/* ---- vocabularies ----------------------------------------------------------------------------------- */

static const char *const names[] = {"chatml", "chatml-system", "chatml-think", "llama3",     "llama3-date",
                                    "gemma",  "gemma-system",  "mistral-v1",   "mistral-v3", "mistral-tekken"};
enum { NAMES = sizeof names / sizeof *names, MAX_FILE = 1 << 14 };

static size_t read_golden(const char *name, char *file)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/chat/%s.gguf", PAL_SOURCE_DIR, name);
    FILE *stream = fopen(path, "rb");
    check(stream != NULL, path);
    const size_t size = fread(file, 1, MAX_FILE, stream);
    fclose(stream);
    return size;
}

/* In the file, an array of i32 follows its key as: type of value, type of elements, 64-bit number, elements. */
static void make_user_defined(char *file, size_t size)
{
    static const char key[] = "tokenizer.ggml.token_type";
    size_t at = 0;
    while (at < size - 64 && memcmp(file + at, key, sizeof key - 1) != 0) at++;
    at += sizeof key - 1 + 8;
    uint64_t count;
    memcpy(&count, file + at, sizeof count);
    check(count < size / 4, "the golden file has no types");
    for (uint64_t i = 0; i < count; i++) {
        char *type = file + at + 8 + 4 * i;
        if (*type == PAL_PIECE_CONTROL) *type = PAL_PIECE_USER;
    }
}

/* Opened once for the whole run. */
static const pal_model *model_of_input(unsigned byte)
{
    static _Alignas(64) char files[2 * NAMES][MAX_FILE];
    static pal_model *models[2 * NAMES];
    const size_t which = (byte & 15) % NAMES + (byte & 16 ? NAMES : 0);
    if (models[which]) return models[which];
    const size_t size = read_golden(names[which % NAMES], files[which]);
    if (which >= NAMES) make_user_defined(files[which], size);
    pal_error err = {0};
    check(!pal_model_open(&models[which], files[which], size, 0, &err) && models[which]->vocab,
          "golden file not opened");
    return models[which];
}

/* ---- messages --------------------------------------------------------------------------------------- */

static bytes written(const messages *m)
{
    bytes text;
    FILE *out = open_memstream(&text.data, &text.size);
    check(out != NULL, "no memory");
    messages_write(m, out);
    fclose(out);
    return text;
}

/* Writes the messages, and replaces them by those read from that: bytes that are not UTF-8 are U+FFFD then. */
static bytes write_and_read(messages *m)
{
    size_t at;
    const size_t count = m->count;
    const bytes text = written(m);
    messages_free(m);
    check(!messages_parse(m, &text, &at) && m->count == count, "its own JSON is refused");
    return text;
}

static void read_again(messages *m)
{
    bytes first = write_and_read(m), second = write_and_read(m), third = written(m);
    check(third.size == second.size && memcmp(third.data, second.data, third.size) == 0,
          "other messages after writing and reading");
    free(first.data);
    free(second.data);
    free(third.data);
}

/* Without messages that can be read, there is one. */
static void read_messages(messages *m, const uint8_t *data, size_t size)
{
    bytes text = {block_of(size), size};
    size_t at = SIZE_MAX;
    if (size) memcpy(text.data, data, size);
    const char *wrong = messages_parse(m, &text, &at);
    free(text.data);
    if (wrong) {
        check(at <= size && *wrong && !m->count && !m->list, "an error without a place, or with messages");
        check(messages_add(m, "user", "a", 1), "no memory");
    }
    read_again(m);
}

/* ---- prompts ---------------------------------------------------------------------------------------- */

static bool is_mark(const pal_chat_script *script, int32_t id)
{
    for (size_t i = 0; i < script->count; i++)
        if (script->marks[i].id == id) return true;
    return false;
}

/* The text with the names of the control tokens in it. */
static bytes full_text(const pal_chat_script *script)
{
    bytes out = {NULL, script->bytes};
    size_t at = 0, to = 0;
    for (size_t i = 0; i < script->count; i++) out.size += pal_vocab_piece(script->vocab, script->marks[i].id).size;
    out.data = block_of(out.size);
    for (size_t i = 0; i < script->count; i++) {
        const pal_chat_mark mark = script->marks[i];
        const pal_str name = pal_vocab_piece(script->vocab, mark.id);
        check(mark.at >= at && mark.at <= script->bytes, "marks out of order");
        memcpy(out.data + to, script->text + at, mark.at - at);
        to += mark.at - at;
        memcpy(out.data + to, name.data, name.size);
        to += name.size;
        at = mark.at;
    }
    memcpy(out.data + to, script->text + at, script->bytes - at);
    return out;
}

static void check_tokens(const pal_chat_script *script)
{
    const pal_vocab *v = script->vocab;
    const size_t capacity = script->bytes + 2 * script->count;
    void *scratch = block_of(pal_vocab_scratch_bytes(v, script->bytes));
    int32_t *ids = block_of(capacity * sizeof *ids), *fewer = block_of(capacity / 2 * sizeof *fewer);
    const size_t n = pal_chat_encode(script, ids, capacity, scratch);
    size_t marks = 0;
    check(n <= capacity, "more tokens than bytes + 2 * count");
    for (size_t i = 0; i < n; i++) {
        check(ids[i] >= 0 && ids[i] < pal_vocab_size(v), "a token outside of the vocabulary");
        marks += is_mark(script, ids[i]);
    }
    check(marks == script->count, "a message contains a control token");
    check(pal_chat_encode(script, fewer, capacity / 2, scratch) == n, "another number of tokens in a short array");
    check(memcmp(fewer, ids, (n < capacity / 2 ? n : capacity / 2) * sizeof *ids) == 0,
          "other tokens in a short array");
    bytes text = full_text(script);
    char *back = block_of(text.size);
    check(pal_vocab_decode(v, ids, n, true, true, back, text.size) == text.size, "the prompt has another length");
    check(!text.size || memcmp(back, text.data, text.size) == 0, "the prompt has other text");
    free(back);
    free(text.data);
    free(fewer);
    free(ids);
    free(scratch);
}

static void write_prompt(const pal_model *model, const pal_chat_format *format, const messages *m)
{
    pal_chat_script script = {.vocab = model->vocab};
    pal_error err = {0};
    pal_status s = pal_chat_write(&script, format, m->list, m->count, &err);
    if (s) {
        check(s == PAL_E_OPTION && err.text && (err.offset < m->count || err.offset == SIZE_MAX),
              "a refusal without a reason");
        return;
    }
    const size_t size = script.bytes, count = script.count;
    script.text = block_of(size);
    script.marks = block_of(count * sizeof *script.marks);
    script.bytes = script.count = 0;
    s = pal_chat_write(&script, format, m->list, m->count, &err);
    check(!s && script.bytes == size && script.count == count, "another size when it is written");
    check_tokens(&script);
    free(script.text);
    free(script.marks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    const pal_model *model = model_of_input(*data++);
    const uint8_t *end = memchr(data, 0, --size);
    const size_t length = end ? (size_t)(end - data) : size, rest = size - length - (end != NULL);
    char *template = block_of(length);
    messages m;
    pal_chat_format format;
    pal_error err = {0};
    if (length) memcpy(template, data, length);
    read_messages(&m, data + size - rest, rest);
    const pal_status s = pal_chat_recognise(&format, (pal_str){template, length}, &err);
    if (s)
        check(s == PAL_E_UNSUPPORTED && err.status == s && err.text && *err.text, "a refusal without a reason");
    else
        write_prompt(model, &format, &m);
    messages_free(&m);
    free(template);
    return 0;
}
