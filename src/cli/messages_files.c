/* messages_files.c - conversations in files, their tokens, and errors about them. */
#include "messages.h"
#include "../core/core.h"

#include <stdlib.h>
#include <string.h>

/* ---- files ------------------------------------------------------------------------------------------ */

bool messages_read(messages *out, const char *path)
{
    bytes text = {0};
    size_t at;
    *out = (messages){0};
    if (input_read("generate", NULL, path, NULL, &text) >= 0) {
        free(text.data);
        return false;
    }
    const char *wrong = messages_parse(out, &text, &at);
    free(text.data);
    if (wrong)
        fprintf(stderr, "palimpsest: %s: not a conversation in JSON: %s (byte %zu)\n",
                strcmp(path, "-") == 0 ? "standard input" : path, wrong, at);
    return !wrong;
}

bool messages_store(const messages *m, const char *path)
{
    output o;
    if (!output_open(&o, path)) return false;
    messages_write(m, o.file);
    return output_close(&o, true);
}

/* ---- tokens ----------------------------------------------------------------------------------------- */

pal_status messages_tokens(const messages *m, const pal_model *model, int32_t **ids, size_t *count, pal_error *err)
{
    *ids = NULL;
    pal_status s = pal_chat_tokens(model, m->list, m->count, NULL, 0, count, err);
    if (s) return s;
    *ids = malloc(pal_times(*count + 1, sizeof **ids));
    if (*ids) return pal_chat_tokens(model, m->list, m->count, *ids, *count, count, err);
    *err = (pal_error){PAL_E_MEMORY, "not enough memory for the prompt's tokens", SIZE_MAX};
    return PAL_E_MEMORY;
}

int messages_report(const char *command, const pal_model *model, const pal_error *err)
{
    enum { SHOWN = 60 };
    bytes text = {0};
    const int code = report(command, err);
    text.data = (char *)(uintptr_t)pal_chat_template(model, &text.size);
    if (err->status != PAL_E_UNSUPPORTED || !text.data) return code;
    const bool cut = text.size > SHOWN;
    if (cut) text.size = SHOWN;
    fputs("palimpsest: the template begins with ", stderr);
    put_quoted(stderr, &text);
    fputs(cut ? "...\n" : "\n", stderr);
    return code;
}
