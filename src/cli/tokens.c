/* tokens.c - palimpsest tokenize and detokenize. */
#include "cli.h"
#include "../core/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_pieces(const pal_model *model, const int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const char *piece = pal_token_piece(model, ids[i], &size);
        printf("%d\t", ids[i]);
        for (size_t c = 0; c < size; c++) { /* one line a token, whatever the piece holds */
            if (piece[c] == '\n')
                fputs("\\n", stdout);
            else if ((unsigned char)piece[c] < 0x20)
                printf("\\x%02x", (unsigned char)piece[c]);
            else
                fputc(piece[c], stdout);
        }
        fputc('\n', stdout);
    }
}

static void put_json(const pal_model *model, const char *path, const int32_t *ids, size_t count, double start)
{
    json j = {.out = stdout};
    json_open(&j, NULL, '{');
    json_open(&j, "ids", '[');
    for (size_t i = 0; i < count; i++) json_int(&j, NULL, ids[i]);
    json_close(&j, ']');
    json_open(&j, "pieces", '[');
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const char *piece = pal_token_piece(model, ids[i], &size);
        json_text(&j, NULL, piece, size);
    }
    json_close(&j, ']');
    json_run(&j, model, path, start);
    json_close(&j, '}');
    json_end_line(&j);
}

int command_tokenize(int argc, char **argv)
{
    const char *path = NULL, *file = NULL, *text = NULL, *dash = NULL;
    bool only_ids = false, special = false, inside = false, as_json = false;
    const option options[] = {
        {"m", "MODEL", "the model file (GGUF; a vocabulary is enough)", OPTION_TEXT, &path, NULL},
        {"text", "T", "the text", OPTION_TEXT, &text, NULL},
        {"file", "F", "read the text from a file", OPTION_TEXT, &file, NULL},
        {"ids", NULL, "the ids alone, on one line", OPTION_FLAG, &only_ids, NULL},
        {"special", NULL, "match control pieces such as <mask> too", OPTION_FLAG, &special, NULL},
        {"inside", NULL, "the text goes on from other text: no dummy space before it", OPTION_FLAG, &inside, NULL},
        {"json", NULL, "one JSON object", OPTION_FLAG, &as_json, NULL},
    };
    const option_set set = {"tokenize",
                            "-m MODEL (--text T | --file F | -) [options]",
                            "Cuts text into tokens.  No BOS or EOS is added.",
                            options,
                            sizeof options / sizeof *options,
                            &dash};
    double start = seconds_now();
    bytes input = {0};
    pal_error err;
    size_t count;
    int code = options_parse(&set, argc, argv);
    if (code >= 0) return code;
    pal_model *model = model_of("tokenize", path, PAL_OPEN_AS_STORED, NULL, &code);
    if (!model) return code;
    code = input_read("tokenize", text, file, dash, &input);
    if (code < 0) {
        int32_t *ids = malloc(pal_times(input.size + 1, sizeof *ids));
        unsigned flags = (special ? PAL_TOKENIZE_SPECIAL : 0) | (inside ? PAL_TOKENIZE_INSIDE : 0);
        if (!ids || pal_tokenize(model, input.data, input.size, flags, ids, input.size + 1, &count, &err))
            code = ids ? report("tokenize", &err) : no_memory("tokenize", "the tokens");
        else {
            code = EXIT_GOOD;
            if (as_json)
                put_json(model, path, ids, count, start);
            else if (!only_ids)
                put_pieces(model, ids, count);
            else {
                for (size_t i = 0; i < count; i++) printf("%s%d", i ? " " : "", ids[i]);
                fputc('\n', stdout);
            }
        }
        free(ids);
    }
    pal_model_close(model);
    free(input.data);
    return code;
}

/* Numbers separated by spaces, commas or line breaks. */
static bool read_ids(const char *text, size_t size, int32_t **out, size_t *count)
{
    size_t room = size / 2 + 1;
    *count = 0;
    *out = malloc(pal_times(room, sizeof **out));
    if (!*out) {
        no_memory("detokenize", "the ids");
        return false;
    }
    for (size_t at = 0; at < size;) {
        if (strchr(" ,\t\r\n", text[at]) && text[at]) {
            at++;
            continue;
        }
        long value = 0;
        size_t start = at;
        for (; at < size && text[at] >= '0' && text[at] <= '9'; at++)
            if (value < INT32_MAX / 10)
                value = value * 10 + (text[at] - '0');
            else
                value = INT32_MAX;
        if (at == start) {
            fprintf(stderr, "palimpsest: detokenize: not a number at byte %zu\n", at);
            return false;
        }
        (*out)[(*count)++] = (int32_t)value;
    }
    return true;
}

int command_detokenize(int argc, char **argv)
{
    const char *path = NULL, *file = NULL, *ids_text = NULL, *dash = NULL;
    bool special = false, inside = false;
    const option options[] = {
        {"m", "MODEL", "the model file (GGUF; a vocabulary is enough)", OPTION_TEXT, &path, NULL},
        {"ids", "\"1 2 3\"", "the ids", OPTION_TEXT, &ids_text, NULL},
        {"file", "F", "read the ids from a file", OPTION_TEXT, &file, NULL},
        {"special", NULL, "write control pieces too", OPTION_FLAG, &special, NULL},
        {"inside", NULL, "the tokens go on from other text: keep a leading space", OPTION_FLAG, &inside, NULL},
    };
    const option_set set = {"detokenize",
                            "-m MODEL (--ids \"1 2 3\" | --file F | -) [options]",
                            "Turns tokens back into text.",
                            options,
                            sizeof options / sizeof *options,
                            &dash};
    bytes input = {0};
    pal_error err;
    int32_t *ids = NULL;
    size_t count = 0, size = 0;
    int code = options_parse(&set, argc, argv);
    if (code >= 0) return code;
    pal_model *model = model_of("detokenize", path, PAL_OPEN_AS_STORED, NULL, &code);
    if (!model) return code;
    unsigned flags = (special ? PAL_TOKENIZE_SPECIAL : 0) | (inside ? PAL_TOKENIZE_INSIDE : 0);
    code = input_read("detokenize", ids_text, file, dash, &input);
    if (code < 0) {
        char *text = NULL;
        code = EXIT_BAD;
        if (!read_ids(input.data, input.size, &ids, &count))
            ;
        else if (pal_detokenize(model, ids, count, flags, NULL, 0, &size, &err))
            report("detokenize", &err);
        else if ((text = malloc(size + 1))) {
            pal_detokenize(model, ids, count, flags, text, size, &size, &err);
            fwrite(text, 1, size, stdout);
            fputc('\n', stdout);
            code = EXIT_GOOD;
        } else
            no_memory("detokenize", "the text");
        free(text);
    }
    free(ids);
    free(input.data);
    pal_model_close(model);
    return code;
}
