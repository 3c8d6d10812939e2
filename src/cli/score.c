/* score.c - palimpsest score: computes how likely a text is, in bits per byte, by one method or by all in a table, or how
 * likely fills of pages are, in nats. */
#include "score_fills.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LN2 0.69314718055994530942

typedef struct {
    bool announced, terminal;
    double start, shown;
} watch;

/* Prints the expected cost once, then the progress.  Ctrl-C stops with the results so far. */
static bool on_progress(void *context, const pal_score_progress *p)
{
    watch *w = context;
    double now = seconds_now();
    if (!w->announced)
        fprintf(stderr, "about %llu evaluations of the network\n", (unsigned long long)p->expected_evaluations);
    w->announced = true;
    if (w->terminal && now - w->shown > 0.2 && p->evaluations) {
        double left =
            (now - w->start) / (double)p->evaluations *
            (p->expected_evaluations > p->evaluations ? (double)(p->expected_evaluations - p->evaluations) : 0.0);
        fprintf(stderr, "\r%llu of about %llu evaluations, %.0f s left", (unsigned long long)p->evaluations,
                (unsigned long long)p->expected_evaluations, left);
        if (isfinite(p->bits_per_byte)) fprintf(stderr, ", %.4f bits per byte so far", p->bits_per_byte);
        fputs("\033[K", stderr);
        w->shown = now;
    }
    return !stop_requested();
}

static const char *kind_of(const pal_score_result *r)
{
    return r->bound ? (r->estimated ? "bound (estimated)" : "bound") : "exact";
}

static void put_plain(const pal_score_result *r, bool complete)
{
    printf("%.4f bits per byte", r->bits_per_byte);
    if (r->estimated) printf(", standard error %.4f", r->standard_error);
    printf(", %s%s\n", kind_of(r), complete ? "" : ", stopped early");
    printf("%.4f nats per token, perplexity %.2f, %llu tokens, %llu bytes, %llu evaluations\n", r->nats_per_token,
           r->perplexity, (unsigned long long)r->tokens, (unsigned long long)r->bytes,
           (unsigned long long)r->evaluations);
    if (r->left_out)
        printf("%llu tokens are shown but not scored: the noise of the model never puts them\n",
               (unsigned long long)r->left_out);
}

static void put_json(const pal_score_result *r, const pal_model *model, const char *path, uint64_t seed, double start,
                     bool complete)
{
    json j = {.out = stdout};
    json_open(&j, NULL, '{');
    json_number(&j, "bits_per_byte", r->bits_per_byte);
    json_number(&j, "nats_per_token", r->nats_per_token);
    json_number(&j, "perplexity", r->perplexity);
    json_int(&j, "tokens", (int64_t)r->tokens);
    json_int(&j, "bytes", (int64_t)r->bytes);
    json_string(&j, "kind", r->bound ? "bound" : "exact");
    json_bool(&j, "estimated", r->estimated);
    json_number(&j, "standard_error", r->standard_error);
    json_string(&j, "method", pal_score_method_name(r->method));
    json_int(&j, "documents", (int64_t)r->documents);
    json_int(&j, "windows", (int64_t)r->windows);
    json_int(&j, "evaluations", (int64_t)r->evaluations);
    if (r->left_out) json_int(&j, "left_out", (int64_t)r->left_out);
    json_bool(&j, "complete", complete);
    json_uint(&j, "seed", seed);
    json_run(&j, model, path, start);
    json_close(&j, '}');
    json_end_line(&j);
}

typedef struct {
    const char *path; /* of the model */
    const char *file, *text, *dash, *isa, *fills, *adapter, *against;
    bool json, documents, left_only, table;
    int32_t orders, threads;
    pal_infill_options infill; /* with --fills */
    pal_score_options options; /* options.context points to `watch` */
    watch watch;
} request;

static int score_text(request *r, const pal_model *model, const bytes *text)
{
    pal_score_result result;
    pal_error err;
    pal_status s = pal_score(model, text->data, text->size, &r->options, &result, &err);
    if (r->watch.terminal && r->watch.shown > 0.0) fputs("\r\033[K", stderr);
    if (s < 0) return report("score", &err);
    if (r->json)
        put_json(&result, model, r->path, r->options.seed, r->watch.start, s == PAL_OK);
    else
        put_plain(&result, s == PAL_OK);
    return s == PAL_OK ? EXIT_GOOD : EXIT_STOPPED;
}

static int score_documents(request *r, const pal_model *model, const bytes *text)
{
    bytes document;
    size_t at = 0;
    int code = -1; /* no document scored yet */
    while (code <= EXIT_GOOD && next_document(text, &at, &document)) {
        if (!document.size) continue;
        r->watch.start = seconds_now();
        code = score_text(r, model, &document);
    }
    return code < 0 ? score_text(r, model, text) : code; /* reports that there is no text */
}

/* ---- the table: all methods that the models have ------------------------------------------------------ */

/* What a method measures. */
static void put_measure(const pal_score_result *r)
{
    char text[64];
    if (r->method == PAL_SCORE_EXACT)
        snprintf(text, sizeof text, "exact");
    else if (r->bound)
        snprintf(text, sizeof text, r->estimated ? "upper bound, estimated" : "upper bound");
    else
        snprintf(text, sizeof text, "exact in the order %s", pal_score_method_name(r->method));
    printf("  %-29s", text);
}

/* A figure and its standard error. */
static void put_figure(double value, const pal_score_result *r, double error)
{
    printf(" %8.4f", value);
    if (r->estimated)
        printf(" +- %-7.4f", error);
    else
        printf("%11s", "");
}

static void put_row(const pal_score_result *r, bool complete)
{
    const double nats_per_bit_per_byte = LN2 * (double)r->bytes / (double)r->tokens;
    put_measure(r);
    put_figure(r->nats_per_token, r, r->standard_error * nats_per_bit_per_byte);
    put_figure(r->bits_per_byte, r, r->standard_error);
    printf(" %11llu%s\n", (unsigned long long)r->evaluations, complete ? "" : "  stopped early");
    fflush(stdout);
}

static void put_heads(const pal_model *model, const char *path, const pal_score_result *r)
{
    put_printable(stdout, model_name(model, path));
    printf(": %llu tokens, %llu bytes\n", (unsigned long long)r->tokens, (unsigned long long)r->bytes);
    printf("  %-29s %-19s %-19s %11s\n", "", "nats per token", "bits per byte", "evaluations");
}

/* All methods of one model.  A model refuses those that it does not have with PAL_E_OPTION. */
static int score_methods(request *r, const pal_model *model, const char *path, const bytes *text)
{
    bool any = false;
    for (int method = PAL_SCORE_EXACT; method < PAL_SCORE_METHODS; method++) {
        pal_score_result result;
        pal_error err;
        r->options.method = (pal_score_method)method;
        r->watch = (watch){.terminal = r->watch.terminal, .start = seconds_now()};
        pal_status s = pal_score(model, text->data, text->size, &r->options, &result, &err);
        if (r->watch.terminal && r->watch.shown > 0.0) fputs("\r\033[K", stderr);
        if (s == PAL_E_OPTION) continue;
        if (s < 0) return report("score", &err);
        if (r->json)
            put_json(&result, model, path, r->options.seed, r->watch.start, s == PAL_OK);
        else if (!any)
            put_heads(model, path, &result);
        any = true;
        if (!r->json) put_row(&result, s == PAL_OK);
        if (s != PAL_OK) return EXIT_STOPPED;
    }
    return EXIT_GOOD;
}

static int score_table(request *r, const pal_model *model, const bytes *text)
{
    int code = EXIT_GOOD;
    pal_model *other = r->against ? model_of("score", r->against, 0, r->isa, r->threads, &code) : NULL;
    if (r->against && !other) return code;
    code = score_methods(r, model, r->path, text);
    if (other && code == EXIT_GOOD) code = score_methods(r, other, r->against, text);
    pal_model_close(other);
    if (!r->json && code == EXIT_GOOD)
        puts("exact: the likelihood from left to right, or in the order that the sampler of that name chooses.\n"
             "upper bound: the figure for drawing in random order is at most this; +- is the standard error of an "
             "estimate.\n"
             "Orders differ, so a bound can be below an exact figure.");
    return code;
}

static int score_all_fills(request *r, const pal_model *model, const bytes *input)
{
    fills_request fills = {model, r->path, r->json, r->infill, pal_fills_defaults()};
    fills.infill.seed = r->options.seed;
    fills.options.left_only = r->left_only;
    fills.options.orders = r->orders;
    return score_fills(&fills, input);
}

/* ---- options ---------------------------------------------------------------------------------------- */

static const option text_options[] = {
    MODEL_OPTION(request, path, "GGUF"),
    TEXT_OPTION(request, "file", file, "F", "the text"),
    TEXT_OPTION(request, "text", text, "T", "the text itself"),
    FLAG_OPTION(request, "documents", documents, "print a result for each document"),
    FLAG_OPTION(request, "table", table, "score by every method that the model has, and print a table"),
    TEXT_OPTION(request, "against", against, "GGUF", "with --table: a second model, whose rows follow"),
    TEXT_OPTION(request, "fills", fills, "F",
                "score fills instead of a text: a file of JSON lines, or -; the options below are for it"),
    TEXT_OPTION(request, "adapter", adapter, "F", "GGUF, an adapter that lets a causal model fill blanks"),
    FLAG_OPTION(request, "left-only", left_only,
                "causal models: each token is given only what is before it, and no adapter is used"),
    OPTION(request, "orders", orders, INT, BETWEEN(2, 100000), IS(32), "",
           "number of random orders, for samplers with a random order"),
    FLAG_OPTION(request, "json", json, "one JSON object"),
    ISA_OPTION(request, isa),
    THREADS_OPTION(request, threads),
};

/* The options of infill that change what a session draws at temperature 1. */
static size_t choose_rows(const option_group *all, option *out)
{
    static const char *const names[] = {"sampler",       "borders",     "document",   "window",
                                        "window-length", "byte-pieces", "empty-token"};
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++)
        for (size_t n = 0; n < sizeof names / sizeof *names; n++)
            if (strcmp(all->options[i].name, names[n]) == 0) out[count++] = all->options[i];
    return count;
}

static int parse(request *r, int argc, char **argv)
{
    enum { CHOSEN = 8 };
    option chosen[CHOSEN];
    const option_group infill = infill_group(&r->infill);
    option_group groups[] = {
        OPTION_GROUP(text_options, r), score_group(&r->options), {chosen, choose_rows(&infill, chosen), &r->infill, 0}};
    const option_set set = {
        "score",
        "-m MODEL (--file F | --text T | -) [options]",
        "Measures how likely a text is, in bits per byte.  Lines <|endoftext|> split the text into\n"
        "documents, and each document is split into windows of the model's context.\n"
        "With --fills it measures how likely fills of pages are, in nats.  Each line of the file is an\n"
        "object such as {\"page\": \"A [[2]] b.\", \"fills\": [[17, 9]], \"order\": [[0, 1], [0, 0]]}: a fill is a\n"
        "string or an array of token ids; order, which may be absent, lists places [blank, index].",
        groups,
        sizeof groups / sizeof *groups,
        &r->dash};
    options_default(&groups[0]);
    pal_options_default(&pal_score_table, &r->options);
    r->infill = pal_infill_defaults();
    return options_parse(&set, argc, argv);
}

static int read_input(const request *r, bytes *input)
{
    if (!r->fills && (r->adapter || r->left_only))
        return usage_error("score", "needs --fills", r->adapter ? "--adapter" : "--left-only");
    if (r->fills && (r->text || r->file || r->dash))
        return usage_error("score", "give a text or --fills, not both", NULL);
    if (r->table && (r->fills || r->documents || r->options.method != PAL_SCORE_DEFAULT))
        return usage_error("score", "--table is for a whole text and has all methods: not with",
                           r->fills       ? "--fills"
                           : r->documents ? "--documents"
                                          : "--method");
    if (r->against && !r->table) return usage_error("score", "needs --table", "--against");
    return input_read("score", r->text, r->fills ? r->fills : r->file, r->dash, input);
}

int command_score(int argc, char **argv)
{
    request r = {.options.progress = on_progress, .watch = {.terminal = isatty(2), .start = seconds_now()}};
    bytes input = {0};
    int code = parse(&r, argc, argv);
    if (code >= 0) return code;
    pal_model *base = model_of("score", r.path, 0, r.isa, r.threads, &code),
              *model = with_adapter(base, r.adapter, &code);
    if (model) code = read_input(&r, &input);
    if (model && code < 0) {
        r.options.context = &r.watch;
        stop_on_interrupt();
        code = (r.fills       ? score_all_fills
                : r.table     ? score_table
                : r.documents ? score_documents
                              : score_text)(&r, model, &input);
    }
    if (model != base) pal_model_close(model);
    pal_model_close(base);
    free(input.data);
    return code;
}
