/* probe.c - palimpsest probe: properties of a model's weights.  unpredictable: which tokens can never be the most probable
 * one. */
#include "cli.h"
#include "../core/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE = 1024,
    DECIDED = 64,
    SHOWN = 4
};                      /* bytes of a token's text; tokens per step; weights of one in the list */
#define SAVE_EVERY 60.0 /* seconds */

typedef struct {
    const char *path; /* of the model */
    const char *what, *isa, *resume;
    bool json, proofs;
    int32_t threads, rounds, hidden, sample;
    double minutes, start, saved;
    int32_t *tokens; /* [count] of --tokens or --sample */
    size_t count;
    const pal_model *model;
    pal_probing *job;
} request;

/* ---- output ----------------------------------------------------------------------------------------- */

/* The text of a token, or the name of one without text. */
static bytes text_of(const request *r, int32_t id, char out[PIECE])
{
    size_t size = 0;
    pal_error err;
    if (pal_detokenize(r->model, &id, 1, PAL_TOKENIZE_INSIDE, out, PIECE, &size, &err)) size = 0;
    if (size && size <= PIECE) return (bytes){out, size};
    const char *piece = pal_token_piece(r->model, id, &size);
    if (!piece) return (bytes){out, 0};
    if (size > PIECE) size = PIECE;
    memcpy(out, piece, size);
    return (bytes){out, size};
}

static void put_token(const request *r, int32_t id)
{
    char piece[PIECE];
    const bytes text = text_of(r, id, piece);
    printf("%d ", (int)id);
    put_quoted(stdout, &text);
}

static void put_dominated(const request *r, int32_t id, const pal_probed_token *t)
{
    const int32_t listed = t->dominating < SHOWN ? t->dominating : SHOWN;
    fputs("  ", stdout);
    put_token(r, id);
    fputs(t->drawn ? " by" : " (never drawn) by", stdout);
    for (int32_t i = 0; i < listed; i++) {
        printf("%s %.3g of ", i ? "," : "", t->weight[i]);
        put_token(r, t->id[i]);
    }
    if (t->dominating > listed) printf(" and %d more", (int)(t->dominating - listed));
    printf("; residual %.1e\n", t->residual);
}

/* Lists the tokens of a state; the first one prints the heading. */
static void put_list(const request *r, pal_token_state state, const char *heading)
{
    const int32_t count = pal_probing_progress(r->job).vocabulary;
    bool first = true;
    for (int32_t id = 0; id < count; id++) {
        const pal_probed_token t = pal_probing_token(r->job, id);
        if (t.state != state) continue;
        if (first) puts(heading);
        first = false;
        if (state == PAL_TOKEN_UNPREDICTABLE) {
            put_dominated(r, id, &t);
            continue;
        }
        fputs("  ", stdout);
        put_token(r, id);
        if (t.same_as >= 0) printf(" as %d", (int)t.same_as);
        puts(t.drawn ? "" : " (never drawn)");
    }
}

static const char *hidden_of(const pal_probe_progress *p)
{
    if (!p->bounded) return p->biased ? "of any length" : "of any direction";
    if (!p->biased) return p->centred ? "of any direction without mean (LayerNorm)" : "of any direction (RMSNorm)";
    return p->centred ? "up to sqrt(width) long, without mean (LayerNorm)" : "up to sqrt(width) long (RMSNorm)";
}

static int32_t undecided_of(const int32_t counts[PAL_TOKEN_STATES])
{
    return counts[PAL_TOKEN_UNDECIDED] + counts[PAL_TOKEN_OPEN];
}

static void put_counts(const char *which, const int32_t c[PAL_TOKEN_STATES])
{
    const int32_t all = c[PAL_TOKEN_PREDICTABLE] + c[PAL_TOKEN_TIED] + c[PAL_TOKEN_UNPREDICTABLE] + undecided_of(c);
    if (!all) return;
    printf("%d %s: %d predictable, %d unpredictable, %d tied with the same row, %d undecided\n", (int)all, which,
           (int)c[PAL_TOKEN_PREDICTABLE], (int)c[PAL_TOKEN_UNPREDICTABLE], (int)c[PAL_TOKEN_TIED],
           (int)undecided_of(c));
}

static void put_plain(const request *r, bool complete)
{
    const pal_probe_progress p = pal_probing_progress(r->job);
    printf("hidden rows: %d wide, %s; %s\n", (int)p.width, hidden_of(&p), p.biased ? "with a bias" : "no bias");
    put_counts("tokens that can be drawn", p.drawn);
    put_counts("tokens that are never drawn", p.never);
    put_list(r, PAL_TOKEN_UNPREDICTABLE, "unpredictable, because others dominate them:");
    put_list(r, PAL_TOKEN_TIED, "tied:");
    put_list(r, PAL_TOKEN_UNDECIDED, "undecided:");
    if (!complete) puts("stopped early: tokens that were not tried count as undecided");
}

static void json_counts(json *j, const char *key, const int32_t counts[PAL_TOKEN_STATES])
{
    json_open(j, key, '{');
    for (int s = PAL_TOKEN_PREDICTABLE; s < PAL_TOKEN_UNDECIDED; s++)
        json_int(j, pal_token_state_name((pal_token_state)s), counts[s]);
    json_int(j, "undecided", undecided_of(counts));
    json_int(j, "not_tried", counts[PAL_TOKEN_OPEN]);
    json_close(j, '}');
}

static void json_weights(json *j, const int32_t *ids, const double *weights, size_t n)
{
    json_open(j, "by", '[');
    for (size_t i = 0; i < n; i++) {
        json_open(j, NULL, '{');
        json_int(j, "id", ids[i]);
        json_exact(j, "weight", weights[i]);
        json_close(j, '}');
    }
    json_close(j, ']');
}

/* Opens an object and writes what is known about a token, without weights. */
static void json_token(json *j, const request *r, int32_t id, const pal_probed_token *t)
{
    char piece[PIECE];
    const bytes text = text_of(r, id, piece);
    json_open(j, NULL, '{');
    json_int(j, "id", id);
    json_text(j, "text", text.data, text.size);
    json_string(j, "state", pal_token_state_name(t->state));
    json_bool(j, "drawn", t->drawn);
    if (t->same_as >= 0) json_int(j, "same_as", t->same_as);
    if (t->state == PAL_TOKEN_PREDICTABLE || t->state == PAL_TOKEN_TIED) json_number(j, "lead", t->lead);
    if (t->state == PAL_TOKEN_UNPREDICTABLE || t->state == PAL_TOKEN_UNDECIDED) json_number(j, "residual", t->residual);
    if (t->state == PAL_TOKEN_UNPREDICTABLE) json_int(j, "dominating", t->dominating);
}

/* All tokens that are not predictable. */
static void json_tokens(json *j, const request *r)
{
    const int32_t count = pal_probing_progress(r->job).vocabulary;
    json_open(j, "tokens", '[');
    for (int32_t id = 0; id < count; id++) {
        const pal_probed_token t = pal_probing_token(r->job, id);
        if (t.state == PAL_TOKEN_PREDICTABLE || t.state == PAL_TOKEN_OPEN) continue;
        json_token(j, r, id, &t);
        if (t.state == PAL_TOKEN_UNPREDICTABLE)
            json_weights(j, t.id, t.weight, t.dominating < PAL_DOMINATING ? (size_t)t.dominating : PAL_DOMINATING);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void json_end(json *j, const request *r, bool complete)
{
    const pal_probe_progress p = pal_probing_progress(r->job);
    json_counts(j, "drawn", p.drawn);
    json_counts(j, "never_drawn", p.never);
    json_int(j, "width", p.width);
    json_string(j, "hidden", p.bounded ? "network" : "any");
    json_bool(j, "centred", p.centred);
    json_bool(j, "bias", p.biased);
    json_uint(j, "products", p.products);
    json_bool(j, "complete", complete);
    json_run(j, r->model, r->path, r->start);
    json_close(j, '}');
    json_end_line(j);
}

/* ---- proofs ----------------------------------------------------------------------------------------- */

/* Writes a token of the last step with its hidden row or all weights; false: no memory. */
static bool json_proof(json *j, const request *r, int32_t id)
{
    const pal_probed_token t = pal_probing_token(r->job, id);
    const size_t width = (size_t)pal_probing_progress(r->job).width;
    const size_t n = pal_probing_weights(r->job, id, NULL, NULL, 0);
    double *values = malloc((n > width ? n : width) * sizeof *values);
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    const bool good = values && ids;
    if (good) {
        json_token(j, r, id, &t);
        if (pal_probing_hidden(r->job, id, values)) {
            json_open(j, "hidden", '[');
            for (size_t i = 0; i < width; i++) json_exact(j, NULL, values[i]);
            json_close(j, ']');
        }
        if (n) json_weights(j, ids, values, pal_probing_weights(r->job, id, ids, values, n));
        json_close(j, '}');
    }
    free(values);
    free(ids);
    return good;
}

static bool json_decided(json *j, const request *r)
{
    int32_t ids[DECIDED];
    const size_t n = pal_probing_decided(r->job, ids, DECIDED);
    for (size_t i = 0; i < n && i < DECIDED; i++)
        if (!json_proof(j, r, ids[i])) return false;
    return true;
}

/* ---- the file of --resume --------------------------------------------------------------------------- */

static int restore(request *r)
{
    bytes file = {0};
    pal_error err;
    if (access(r->resume, F_OK) != 0 && errno == ENOENT) return -1; /* the first run */
    if (!file_read(r->resume, &file)) return EXIT_BAD;
    const pal_status s = pal_probing_restore(r->job, file.data, file.size, &err);
    free(file.data);
    if (s) return report(r->resume, &err);
    const pal_probe_progress p = pal_probing_progress(r->job);
    fprintf(stderr, "%d of %d tokens are already decided in %s\n", (int)p.tokens, (int)p.all_tokens, r->resume);
    return -1;
}

static bool save(request *r)
{
    output o;
    const size_t size = pal_probing_save(r->job, NULL, 0);
    unsigned char *data = malloc(size);
    bool good = data && output_open(&o, r->resume);
    if (!data) no_memory("probe", "the file of --resume");
    if (good) {
        pal_probing_save(r->job, data, size);
        good = output_close(&o, fwrite(data, 1, size, o.file) == size);
    }
    free(data);
    r->saved = seconds_now();
    return good;
}

/* ---- work ------------------------------------------------------------------------------------------- */

static void show_progress(const request *r, double *shown)
{
    const double now = seconds_now();
    if (!isatty(2) || now - *shown < 0.5) return;
    const pal_probe_progress p = pal_probing_progress(r->job);
    fprintf(stderr, "\r%d of %d tokens decided, %d unpredictable\033[K", (int)p.tokens, (int)p.all_tokens,
            (int)(p.drawn[PAL_TOKEN_UNPREDICTABLE] + p.never[PAL_TOKEN_UNPREDICTABLE]));
    *shown = now;
}

static bool time_is_up(const request *r)
{
    return r->minutes > 0.0 && seconds_now() - r->start > 60.0 * r->minutes;
}

/* Runs until all is decided (PAL_OK), or until Ctrl-C or --minutes (PAL_MORE); negative: an error was printed. */
static int run(request *r, json *proofs)
{
    const double began = seconds_now();
    double shown = began;
    pal_error err = {0};
    pal_status s = PAL_MORE;
    while (s == PAL_MORE && !stop_requested() && !time_is_up(r)) {
        s = pal_probing_step(r->job, &err);
        if (s < 0) report("probe", &err);
        if (s >= 0 && proofs && !json_decided(proofs, r)) return no_memory("probe", "a proof"), -1;
        show_progress(r, &shown);
        if (r->resume && seconds_now() - r->saved > SAVE_EVERY && !save(r)) return -1;
    }
    if (shown > began) fputs("\r\033[K", stderr);
    return s;
}

static int probe(request *r)
{
    json j = {.out = stdout};
    if (r->json) json_open(&j, NULL, '{');
    if (r->proofs) json_open(&j, "proofs", '[');
    const int s = run(r, r->proofs ? &j : NULL);
    if (s < 0 || (r->resume && !save(r))) return EXIT_BAD;
    if (r->proofs) json_close(&j, ']');
    if (r->json) {
        json_tokens(&j, r);
        json_end(&j, r, s == PAL_OK);
    } else
        put_plain(r, s == PAL_OK);
    return stop_requested() ? EXIT_STOPPED : EXIT_GOOD;
}

/* ---- options ---------------------------------------------------------------------------------------- */

/* Numbers with commas between them. */
static bool read_tokens(void *target, const char *value)
{
    request *r = target;
    size_t count = 1;
    for (const char *c = value; *c; c++) count += *c == ',';
    free(r->tokens);
    r->count = count;
    r->tokens = calloc(count, sizeof *r->tokens);
    return r->tokens && parse_ints(value, ',', r->tokens, count);
}

static const option probe_options[] = {
    MODEL_OPTION(request, path, "GGUF, one with an output layer of tokens"),
    CALL_OPTION("tokens", "A,B,...", read_tokens, "decide about these tokens only (default: all)"),
    OPTION(request, "sample", sample, INT, FROM(1), SAID(0, "all"), "",
           "decide about this many tokens only, evenly spaced in the vocabulary"),
    OPTION(request, "hidden", hidden, CHOICE, WORDS(1, "network", "any"), SAID(0, "network"), "",
           "hidden rows that the last norm of the network can compute, or any"),
    OPTION(request, "rounds", rounds, INT, BETWEEN(1, 1000000), IS(500), "",
           "products with all rows after which a token is undecided"),
    OPTION(request, "minutes", minutes, NUMBER, FROM(0), SAID(0, "none"), "",
           "stop after this time; tokens that were not tried count as undecided"),
    TEXT_OPTION(request, "resume", resume, "FILE",
                "continue what this file has, and save there every minute and at the end"),
    FLAG_OPTION(request, "proofs", proofs,
                "with --json: the hidden row, or all weights, that decided about each token"),
    FLAG_OPTION(request, "json", json, "one JSON object"),
    ISA_OPTION(request, isa),
    THREADS_OPTION(request, threads),
};

static int parse(request *r, int argc, char **argv)
{
    option_group groups[] = {OPTION_GROUP(probe_options, r)};
    const option_set set = {
        "probe",
        "-m MODEL unpredictable [options]",
        "unpredictable: which tokens can never be the most probable one, whatever the text.  A token is predictable\n"
        "if some hidden row makes its logit the largest, and unpredictable if its row is a mixture of rows of other\n"
        "tokens with biases at least as large.  Greedy filling never chooses it; drawing at random can.",
        groups,
        1,
        &r->what};
    options_default(&groups[0]);
    const int code = options_parse(&set, argc, argv);
    if (code >= 0) return code;
    if (!r->what) return usage_error("probe", "say what to probe: unpredictable", NULL);
    if (strcmp(r->what, "unpredictable") != 0) return usage_error("probe", "can only probe: unpredictable", r->what);
    if (r->tokens && r->sample) return usage_error("probe", "--tokens cannot be used with --sample", NULL);
    if (r->proofs && !r->json) return usage_error("probe", "--proofs needs --json", NULL);
    if (r->proofs && r->resume)
        return usage_error("probe", "--proofs cannot be used with --resume, whose file has no proofs", NULL);
    return output_possible(r->resume) ? -1 : EXIT_BAD;
}

static int start(request *r)
{
    pal_error err = {0};
    const pal_probe_options o = {r->tokens, r->count, r->sample, r->rounds, r->hidden != 0};
    if (pal_probing_start(&r->job, r->model, &o, &err)) return report(r->path, &err);
    r->saved = seconds_now();
    return r->resume ? restore(r) : -1;
}

int command_probe(int argc, char **argv)
{
    request r = {.start = seconds_now()};
    int code = parse(&r, argc, argv);
    pal_model *model = code < 0 ? model_of("probe", r.path, 0, r.isa, r.threads, &code) : NULL;
    if (model) {
        r.model = model;
        stop_on_interrupt();
        code = start(&r);
        if (code < 0) code = probe(&r);
    }
    pal_probing_end(r.job);
    pal_model_close(model);
    free(r.tokens);
    return code;
}
