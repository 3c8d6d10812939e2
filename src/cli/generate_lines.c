/* generate_lines.c - palimpsest generate --interactive: appends lines of input to a text and continues it. */
#include "generate.h"
#include "../core/core.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether more bytes would make text[size] a character. */
static bool is_unfinished(const unsigned char *text, size_t size)
{
    const size_t whole = text[0] < 0xc2 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : text[0] < 0xf5 ? 4 : 1;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xc0) != 0x80) return false;
    return size < whole;
}

/* The number of tokens without those at the end that were never printed because their character is incomplete. */
static int32_t shown_tokens(const job *j, const int32_t *tokens, int32_t n)
{
    const int32_t generated = pal_generator_progress(j->generator).generated;
    unsigned char text[4];
    size_t size = 0;
    for (int32_t back = 1; back <= generated && back <= n && size < sizeof text; back++) {
        pal_status s = pal_detokenize(j->model, tokens + n - back, (size_t)back, PAL_TOKENIZE_INSIDE, (char *)text,
                                      sizeof text, &size, NULL);
        if (s || size >= sizeof text) break;
        if (size && is_unfinished(text, size)) return n - back;
    }
    return n;
}

pal_status go_on_with(job *j, const char *text, size_t size, pal_error *err)
{
    int32_t n;
    const int32_t *tokens = pal_generator_tokens(j->generator, &n);
    n = shown_tokens(j, tokens, n);
    const unsigned flags = PAL_TOKENIZE_INSIDE | (j->r->special ? PAL_TOKENIZE_SPECIAL : 0);
    size_t count = 0, capacity = (size_t)n + size + 1;
    int32_t *all = malloc(pal_times(capacity, sizeof *all));
    if (!all) {
        *err = (pal_error){PAL_E_MEMORY, "not enough memory for the prompt's tokens", SIZE_MAX};
        return PAL_E_MEMORY;
    }
    memcpy(all, tokens, (size_t)n * sizeof *all);
    pal_status s = pal_tokenize(j->model, text, size, flags, all + n, size + 1, &count, err);
    if (!s && count > (size_t)(INT32_MAX - n)) count = (size_t)(INT32_MAX - n);
    if (!s) s = pal_generator_prompt_tokens(j->generator, all, n + (int32_t)count, err);
    free(all);
    return s;
}

/* A terminal gives one line at a time, so that no line is in stdio's buffer when the next one is waited for. */
bool read_line(bytes *line, size_t *capacity)
{
    int c;
    line->size = 0;
    if (isatty(0) && !input_or_stop()) return false;
    while ((c = getchar()) != EOF && c != '\n') {
        if (line->size + 1 >= *capacity) {
            char *grown = realloc(line->data, *capacity = 2 * *capacity + 256);
            if (!grown) return false;
            line->data = grown;
        }
        line->data[line->size++] = (char)c;
    }
    return c != EOF || line->size;
}

/* Appends each line of input to the text, after a line break except at the start, and continues the text.  Ctrl-C ends
 * a continuation.  At the prompt, Ctrl-C or the end of the input ends the command. */
int run_lines(job *j, bool begun, pal_error *err)
{
    bytes line = {0};
    size_t capacity = 0;
    int code = EXIT_GOOD;
    for (;;) {
        if (isatty(0)) fputs("> ", stderr);
        if (!read_line(&line, &capacity) || stop_requested()) break;
        pal_status s = begun ? go_on_with(j, "\n", 1, err) : PAL_OK;
        if (!s && begun) s = go_on_with(j, line.data, line.size, err);
        if (!s && !begun) s = pal_generator_prompt(j->generator, line.data, line.size, 0, err);
        if (!s) begun = true;
        if (!s) s = run_text(j, err);
        code = finish_text(j, s, err);
        if (code == EXIT_STOPPED) stop_forget();
    }
    if (isatty(0)) fputc('\n', stderr); /* the shell's prompt is not written behind this one */
    free(line.data);
    return stop_requested() ? EXIT_STOPPED : code == EXIT_STOPPED ? EXIT_GOOD : code;
}
