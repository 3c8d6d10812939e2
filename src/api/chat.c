/* chat.c - makes the tokens of a prompt from the messages of a conversation. */
#include "../network/model.h"
#include "../text/chat.h"

#include <stdlib.h>

const char *pal_chat_template(const pal_model *m, size_t *bytes)
{
    pal_str text;
    if (!pal_gguf_get_str(m->gguf, "tokenizer.chat_template", &text) || !text.size) return NULL;
    *bytes = text.size;
    return text.data;
}

static pal_status format_of(const pal_model *m, pal_chat_format *format, pal_error *err)
{
    pal_str text;
    text.data = pal_chat_template(m, &text.size);
    if (text.data) return pal_chat_recognise(format, text, err);
    return pal_fail(err, PAL_E_UNSUPPORTED,
                    "the file has no chat template (tokenizer.chat_template): the model is probably not made for "
                    "conversations",
                    SIZE_MAX);
}

const char *pal_chat_format_name(const pal_model *m, pal_error *err)
{
    static const char *const names[] = {
        [PAL_CHATML] = "ChatML", [PAL_LLAMA3] = "Llama 3", [PAL_GEMMA] = "Gemma", [PAL_MISTRAL] = "Mistral"};
    pal_chat_format format;
    return format_of(m, &format, err) ? NULL : names[format.family];
}

/* Writes the conversation into memory made for it, and encodes that. */
static pal_status encode(pal_chat_script *script, const pal_chat_format *format, const pal_message *messages,
                         size_t message_count, int32_t *ids, size_t capacity, size_t *count, pal_error *err)
{
    const size_t scratch_bytes = pal_vocab_scratch_bytes(script->vocab, script->bytes);
    if (scratch_bytes == SIZE_MAX)
        return pal_fail(err, PAL_E_MEMORY, "the conversation is too long to tokenize", SIZE_MAX);
    void *scratch = malloc(scratch_bytes + 1);
    script->text = malloc(script->bytes + 1);
    script->marks = malloc(pal_times(script->count + 1, sizeof *script->marks));
    pal_status s = PAL_OK;
    if (scratch && script->text && script->marks) {
        script->bytes = script->count = 0;
        s = pal_chat_write(script, format, messages, message_count, err);
        if (!s) *count = pal_chat_encode(script, ids, capacity, scratch);
    } else
        s = pal_fail(err, PAL_E_MEMORY, "not enough memory for the conversation", SIZE_MAX);
    free(scratch);
    free(script->text);
    free(script->marks);
    return s;
}

pal_status pal_chat_tokens(const pal_model *m, const pal_message *messages, size_t message_count, int32_t *ids,
                           size_t capacity, size_t *count, pal_error *err)
{
    pal_chat_format format;
    pal_chat_script script = {.vocab = m->vocab};
    if (!m->vocab) return pal_fail(err, m->vocab_error.status, m->vocab_error.text, m->vocab_error.offset);
    pal_status s = format_of(m, &format, err);
    if (!s) s = pal_chat_write(&script, &format, messages, message_count, err);
    return s ? s : encode(&script, &format, messages, message_count, ids, capacity, count, err);
}
