/* tokens.c - palimpsest tokenize and detokenize: convert text to token ids and back. */
#include "messages.h"
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
        for (size_t c = 0; c < size; c++) { /* escapes line breaks: one line per token */
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

/* For both commands.  only_ids is the flag --ids of tokenize, ids the text after --ids of detokenize. */
typedef struct {
    const char *model, *text, *file, *dash, *ids, *messages;
    bool only_ids, special, inside, json;
} request;

static unsigned flags_of(const request *r)
{
    return (r->special ? PAL_TOKENIZE_SPECIAL : 0) | (r->inside ? PAL_TOKENIZE_INSIDE : 0);
}

static const option tokenize_options[] = {
    MODEL_OPTION(request, model, "GGUF; a vocabulary is enough"),
    TEXT_OPTION(request, "text", text, "T", "the text"),
    TEXT_OPTION(request, "file", file, "F", "read the text from a file"),
    TEXT_OPTION(request, "messages", messages, "F", "the prompt of a conversation, as in generate"),
    FLAG_OPTION(request, "ids", only_ids, "print only the ids, on one line"),
    FLAG_OPTION(request, "special", special, "match control tokens such as <mask> in the text"),
    FLAG_OPTION(request, "inside", inside, "the text continues other text: add no space before it"),
    FLAG_OPTION(request, "json", json, "one JSON object"),
};

static int parse_tokenize(request *r, int argc, char **argv)
{
    option_group group = OPTION_GROUP(tokenize_options, r);
    const option_set set = {"tokenize",
                            "-m MODEL (--text T | --file F | - | --messages F) [options]",
                            "Splits text into tokens.  BOS and EOS are not added.",
                            &group,
                            1,
                            &r->dash};
    return options_parse(&set, argc, argv);
}

static void put_ids(const int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) printf("%s%d", i ? " " : "", ids[i]);
    fputc('\n', stdout);
}

static void put_tokens(const request *r, const pal_model *model, const int32_t *ids, size_t count, double start)
{
    if (r->json)
        put_json(model, r->model, ids, count, start);
    else
        (r->only_ids ? put_ids(ids, count) : put_pieces(model, ids, count));
}

static int tokenize(const request *r, const pal_model *model, const bytes *input, double start)
{
    size_t count;
    pal_error err;
    int32_t *ids = malloc(pal_times(input->size + 1, sizeof *ids));
    if (!ids) return no_memory("tokenize", "the tokens");
    int code = EXIT_GOOD;
    if (pal_tokenize(model, input->data, input->size, flags_of(r), ids, input->size + 1, &count, &err))
        code = report("tokenize", &err);
    else
        put_tokens(r, model, ids, count, start);
    free(ids);
    return code;
}

static int tokenize_messages(const request *r, const pal_model *model, double start)
{
    messages talk;
    size_t count;
    int32_t *ids;
    pal_error err;
    int code = EXIT_GOOD;
    if (r->text || r->file || r->dash || r->special || r->inside)
        return usage_error("tokenize", "--messages cannot be used with --text, --file, -, --special and --inside",
                           NULL);
    if (!messages_read(&talk, r->messages)) return EXIT_BAD;
    if (messages_tokens(&talk, model, &ids, &count, &err))
        code = messages_report("tokenize", model, &err);
    else
        put_tokens(r, model, ids, count, start);
    free(ids);
    messages_free(&talk);
    return code;
}

int command_tokenize(int argc, char **argv)
{
    request r = {0};
    const double start = seconds_now();
    bytes input = {0};
    int code = parse_tokenize(&r, argc, argv);
    if (code >= 0) return code;
    pal_model *model = model_of("tokenize", r.model, PAL_OPEN_AS_STORED, NULL, 1, &code);
    if (!model) return code;
    code = r.messages ? tokenize_messages(&r, model, start) : input_read("tokenize", r.text, r.file, r.dash, &input);
    if (code < 0) code = tokenize(&r, model, &input, start);
    pal_model_close(model);
    free(input.data);
    return code;
}

/* Reads numbers separated by spaces, commas or line breaks. */
static bool read_ids(const char *text, size_t size, int32_t **out, size_t *count)
{
    size_t capacity = size / 2 + 1;
    *count = 0;
    *out = malloc(pal_times(capacity, sizeof **out));
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

static const option detokenize_options[] = {
    MODEL_OPTION(request, model, "GGUF; a vocabulary is enough"),
    TEXT_OPTION(request, "ids", ids, "\"1 2 3\"", "the ids"),
    TEXT_OPTION(request, "file", file, "F", "read the ids from a file"),
    FLAG_OPTION(request, "special", special, "write control tokens too"),
    FLAG_OPTION(request, "inside", inside, "the tokens continue other text: keep a leading space"),
};

static int parse_detokenize(request *r, int argc, char **argv)
{
    option_group group = OPTION_GROUP(detokenize_options, r);
    const option_set set = {
        "detokenize", "-m MODEL (--ids \"1 2 3\" | --file F | -) [options]", "Turns tokens back into text.", &group, 1,
        &r->dash};
    return options_parse(&set, argc, argv);
}

static int detokenize(const request *r, const pal_model *model, const int32_t *ids, size_t count)
{
    size_t size = 0;
    pal_error err;
    if (pal_detokenize(model, ids, count, flags_of(r), NULL, 0, &size, &err)) {
        report("detokenize", &err);
        return EXIT_BAD;
    }
    char *text = malloc(size + 1);
    if (!text) return no_memory("detokenize", "the text");
    pal_detokenize(model, ids, count, flags_of(r), text, size, &size, &err);
    fwrite(text, 1, size, stdout);
    fputc('\n', stdout);
    free(text);
    return EXIT_GOOD;
}

int command_detokenize(int argc, char **argv)
{
    request r = {0};
    bytes input = {0};
    int32_t *ids = NULL;
    size_t count = 0;
    int code = parse_detokenize(&r, argc, argv);
    if (code >= 0) return code;
    pal_model *model = model_of("detokenize", r.model, PAL_OPEN_AS_STORED, NULL, 1, &code);
    if (!model) return code;
    code = input_read("detokenize", r.ids, r.file, r.dash, &input);
    if (code < 0) code = read_ids(input.data, input.size, &ids, &count) ? detokenize(&r, model, ids, count) : EXIT_BAD;
    free(ids);
    free(input.data);
    pal_model_close(model);
    return code;
}
