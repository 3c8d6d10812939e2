/* surprise.c - palimpsest surprise: prints how likely each token of a text is, and which tokens were more likely. */
#include "cli.h"
#include "../core/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LN2 0.69314718055994530942

enum { PIECE = 1024, COLUMN = 18 }; /* maximum bytes of a token's text; width of the texts in the table */

typedef struct {
    const char *path; /* of the model */
    const char *file, *text, *dash, *isa;
    bool json;
    int32_t alternatives, threads;
    double start;
    const pal_model *model;
    bytes input;
    int32_t *ids;
    pal_surprise_token *tokens;
    size_t count, done;
    uint64_t evaluations;
} request;

/* ---- positions of tokens in the text ----------------------------------------------------------------- */

/* The text of token `id` at index `place`, without the space that the tokenizer adds at the start of a text. */
static bytes text_of(const request *r, int32_t id, size_t place, char out[PIECE])
{
    size_t size = 0;
    pal_error err;
    if (pal_detokenize(r->model, &id, 1, place ? PAL_TOKENIZE_INSIDE : 0, out, PIECE, &size, &err)) size = 0;
    return (bytes){out, size < PIECE ? size : PIECE};
}

/* Moves *at to the next occurrence of `piece` in the text, which need not be at *at: some bytes belong to no token.
 * false: not found. */
static bool find(const request *r, const bytes *piece, size_t *at)
{
    for (size_t from = *at; from + piece->size <= r->input.size; from++)
        if (memcmp(r->input.data + from, piece->data, piece->size) == 0) {
            *at = from;
            return true;
        }
    return false;
}

typedef void token_fn(void *context, const request *r, size_t place, const bytes *text, size_t offset);

/* Calls visit for the tokens that are done; returns the number of bytes of the text up to the end of the last one. */
static size_t each_token(const request *r, token_fn *visit, void *context)
{
    char piece[PIECE];
    bool found = true; /* after a token that was not found, no other is searched */
    size_t at = 0;
    for (size_t i = 0; i < r->done; i++) {
        const bytes text = text_of(r, r->ids[i], i, piece);
        found = found && find(r, &text, &at);
        visit(context, r, i, &text, at);
        if (found) at += text.size;
    }
    return r->done == r->count ? r->input.size : at;
}

/* ---- output ------------------------------------------------------------------------------------------ */

typedef struct {
    double nats;
    size_t scored; /* tokens with something before them */
    size_t bytes;
} totals;

static totals totals_of(const request *r, size_t size)
{
    totals t = {.bytes = size};
    for (size_t i = 0; i < r->done; i++) {
        if (isnan(r->tokens[i].logprob)) continue;
        t.nats -= r->tokens[i].logprob;
        t.scored++;
    }
    return t;
}

static void put_row(void *context, const request *r, size_t place, const bytes *text, size_t offset)
{
    const pal_surprise_token *token = &r->tokens[place];
    char piece[PIECE];
    (void)context;
    (void)offset;
    if (isnan(token->logprob))
        fputs("       -  ", stdout);
    else
        printf("%8.2f  ", token->logprob < 0.0 ? -token->logprob / LN2 : 0.0);
    const int column = put_quoted(stdout, text);
    if (token->alternatives) printf("%*s", column < COLUMN ? COLUMN - column : 1, "");
    for (int32_t i = 0; i < token->alternatives; i++) {
        const bytes other = text_of(r, token->alternative_id[i], place, piece);
        fputs(i ? ", " : " ", stdout);
        put_quoted(stdout, &other);
        printf(" %.1f %%", 100.0 * exp(token->alternative_logprob[i]));
    }
    fputc('\n', stdout);
}

static void put_plain(const request *r)
{
    printf("%8s  %-*s%s\n", "bits", COLUMN, "token", r->alternatives ? " likeliest in its place" : "");
    const totals t = totals_of(r, each_token(r, put_row, NULL));
    printf("%.2f bits in %zu tokens and %zu bytes", t.nats / LN2, t.scored, t.bytes);
    if (t.bytes) printf(": %.4f bits per byte", t.nats / LN2 / (double)t.bytes);
    puts(r->done == r->count ? "" : ", stopped early");
}

static void put_object(void *context, const request *r, size_t place, const bytes *text, size_t offset)
{
    const pal_surprise_token *token = &r->tokens[place];
    char piece[PIECE];
    json *j = context;
    json_open(j, NULL, '{');
    json_int(j, "id", token->id);
    json_text(j, "text", text->data, text->size);
    json_number(j, "logprob", token->logprob);
    json_int(j, "offset", (int64_t)offset);
    json_int(j, "bytes", (int64_t)text->size);
    json_open(j, "alternatives", '[');
    for (int32_t i = 0; i < token->alternatives; i++) {
        const bytes other = text_of(r, token->alternative_id[i], place, piece);
        json_open(j, NULL, '{');
        json_int(j, "id", token->alternative_id[i]);
        json_text(j, "text", other.data, other.size);
        json_number(j, "logprob", token->alternative_logprob[i]);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
}

static void put_json(const request *r)
{
    json j = {.out = stdout};
    json_open(&j, NULL, '{');
    json_open(&j, "tokens", '[');
    const totals t = totals_of(r, each_token(r, put_object, &j));
    json_close(&j, ']');
    json_number(&j, "nats", t.nats);
    json_number(&j, "bits_per_byte", t.bytes ? t.nats / LN2 / (double)t.bytes : (double)NAN);
    json_number(&j, "nats_per_token", t.scored ? t.nats / (double)t.scored : (double)NAN);
    json_int(&j, "scored_tokens", (int64_t)t.scored);
    json_int(&j, "bytes", (int64_t)t.bytes);
    json_int(&j, "evaluations", (int64_t)r->evaluations);
    json_bool(&j, "complete", r->done == r->count);
    json_run(&j, r->model, r->path, r->start);
    json_close(&j, '}');
    json_end_line(&j);
}

/* ---- work -------------------------------------------------------------------------------------------- */

static void show_progress(const pal_surprising *job, double *shown)
{
    const pal_surprise_progress p = pal_surprising_progress(job);
    const double now = seconds_now();
    if (!isatty(2) || now - *shown < 0.2) return;
    fprintf(stderr, "\r%llu of %llu tokens\033[K", (unsigned long long)p.tokens, (unsigned long long)p.all_tokens);
    *shown = now;
}

/* Runs until all tokens are done, or until Ctrl-C (PAL_MORE). */
static pal_status run(request *r, pal_error *err)
{
    pal_surprising *job;
    const double began = seconds_now();
    double shown = began;
    pal_status s = pal_surprising_start(&job, r->model, r->ids, r->count, r->alternatives, err);
    if (s) return s;
    for (s = PAL_MORE; s == PAL_MORE && !stop_requested();) {
        size_t count;
        s = pal_surprising_step(job, err);
        const pal_surprise_token *tokens = pal_surprising_tokens(job, &count);
        memcpy(r->tokens + r->done, tokens, count * sizeof *tokens);
        r->done += count;
        show_progress(job, &shown);
    }
    if (shown > began) fputs("\r\033[K", stderr);
    r->evaluations = pal_surprising_progress(job).evaluations;
    pal_surprising_end(job);
    return s;
}

static int surprise(request *r)
{
    pal_error err;
    pal_status s = pal_tokenize(r->model, r->input.data, r->input.size, 0, r->ids, r->input.size + 1, &r->count, &err);
    if (s) return report("surprise", &err);
    r->tokens = calloc(r->count + 1, sizeof *r->tokens);
    if (!r->tokens) return no_memory("surprise", "the tokens");
    s = run(r, &err);
    if (s < 0) return report("surprise", &err);
    (r->json ? put_json : put_plain)(r);
    return s == PAL_OK ? EXIT_GOOD : EXIT_STOPPED;
}

static const option text_options[] = {
    MODEL_OPTION(request, path, "GGUF, one that goes on with texts"),
    TEXT_OPTION(request, "file", file, "F", "the text"),
    TEXT_OPTION(request, "text", text, "T", "the text itself"),
    OPTION(request, "alternatives", alternatives, INT, BETWEEN(0, 20), IS(1), "",
           "list so many of the likeliest tokens in each place"),
    FLAG_OPTION(request, "json", json, "one JSON object; logprob is a natural logarithm"),
    ISA_OPTION(request, isa),
    THREADS_OPTION(request, threads),
};

static int parse(request *r, int argc, char **argv)
{
    option_group groups[] = {OPTION_GROUP(text_options, r)};
    const option_set set = {"surprise",
                            "-m MODEL (--file F | --text T | -) [options]",
                            "Says for each token of a text how surprising it is after what stands before it, in bits\n"
                            "(-log2 of its probability), and which tokens are likeliest in its place.",
                            groups,
                            sizeof groups / sizeof *groups,
                            &r->dash};
    options_default(&groups[0]);
    return options_parse(&set, argc, argv);
}

int command_surprise(int argc, char **argv)
{
    request r = {.start = seconds_now()};
    int code = parse(&r, argc, argv);
    if (code >= 0) return code;
    pal_model *model = model_of("surprise", r.path, 0, r.isa, r.threads, &code);
    if (!model) return code;
    r.model = model;
    code = input_read("surprise", r.text, r.file, r.dash, &r.input);
    if (code < 0) {
        stop_on_interrupt();
        r.ids = malloc(pal_times(r.input.size + 1, sizeof *r.ids));
        code = r.ids ? surprise(&r) : no_memory("surprise", "the tokens");
    }
    pal_model_close(model);
    free(r.tokens);
    free(r.ids);
    free(r.input.data);
    return code;
}
