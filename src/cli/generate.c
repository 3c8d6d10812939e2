/* generate.c - palimpsest generate: continues a text with a causal model. */
#include "generate.h"
#include "../core/core.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_UNASKED = 4096 };

/* ---- options that need more than a number ---- */

static bool add_stop(void *target, const char *value)
{
    request *r = target;
    if (r->options.stop_count == MAX_STOPS) return false;
    r->stops[r->options.stop_count++] = (pal_stop_string){value, strlen(value)};
    return true;
}

/* Parses ID=X, where X may be -inf. */
static bool add_bias(void *target, const char *value)
{
    request *r = target;
    char *end;
    errno = 0;
    long id = strtol(value, &end, 10);
    if (r->options.logit_bias_count == MAX_BIASES || end == value || *end != '=' || errno || id < 0 || id > INT32_MAX)
        return false;
    const char *number = end + 1;
    double bias = strtod(number, &end);
    if (end == number || *end || isnan(bias) || bias > 1e30) return false;
    r->biases[r->options.logit_bias_count++] = (pal_logit_bias){(int32_t)id, bias};
    return true;
}

static const option text_options[] = {
    MODEL_OPTION(request, model, "GGUF, a causal model"),
    TEXT_OPTION(request, "prompt", prompt, "P", "the text to continue; may be empty"),
    TEXT_OPTION(request, "file", file, "F", "read the text from a file, or - for standard input"),
    CALL_OPTION("stop", "S", add_stop,
                "stop before this text, or at the control token with this name; may be repeated"),
    OPTION(request, "drafts", drafts, INT, BETWEEN(1, 100000), IS(1), "", "number of continuations"),
    CALL_OPTION("logit-bias", "ID=X", add_bias, "add X to the logit of token ID, -inf forbids it; may be repeated"),
    TEXT_OPTION(request, "grammar", grammar, "FILE", "generate only text that matches this grammar (GBNF)"),
    FLAG_OPTION(request, "special", special, "read control tokens written in the prompt as control tokens"),
    TEXT_OPTION(request, "session", session, "FILE",
                "continue the session saved in this file, if it exists, and save it afterwards"),
    FLAG_OPTION(request, "interactive", interactive,
                "read a line, continue it, repeat (default on a terminal when no prompt is given)"),
    TEXT_OPTION(request, "messages", messages, "FILE",
                "answer a conversation: a JSON array of {\"role\", \"content\"}; - for standard input"),
    FLAG_OPTION(request, "chat", chat,
                "read a message per line, answer it, repeat; with --messages the conversation is kept in that file"),
    TEXT_OPTION(request, "system", system, "TEXT", "the system message of a conversation that has none"),
    FLAG_OPTION(request, "json", json, "print one JSON object per continuation"),
    ISA_OPTION(request, isa),
};

static int parse(request *r, int argc, char **argv)
{
    option_group groups[] = {OPTION_GROUP(text_options, r), generate_group(&r->options), sequence_group(&r->sequence)};
    const option_set set = {"generate",
                            "-m MODEL (--prompt P | --file F | - | --messages FILE | --chat) [options]",
                            "Continues a text, and prints the prompt and its continuation; or answers in a "
                            "conversation.",
                            groups,
                            sizeof groups / sizeof *groups,
                            &r->dash};
    options_default(&groups[0]);
    r->options = pal_generate_defaults();
    r->sequence = pal_sequence_defaults();
    const int code = options_parse(&set, argc, argv);
    if (code >= 0) return code;
    if (r->drafts > 1 && r->session) return usage_error("generate", "--session works with one draft only", NULL);
    const int usage = chat_usage(r);
    if (usage >= 0) return usage;
    r->seeded = option_given(&groups[1], "seed");
    r->options.stop = r->stops;
    r->options.logit_bias = r->biases;
    return -1;
}

/* ---- what is generated ---- */

static bool keep_text(job *j, const char *text, size_t size)
{
    if (j->text_capacity - j->text.size < size) {
        size_t capacity = 2 * (j->text.size + size) + 256;
        char *grown = realloc(j->text.data, capacity);
        if (!grown) return false;
        j->text.data = grown;
        j->text_capacity = capacity;
    }
    if (size) memcpy(j->text.data + j->text.size, text, size);
    j->text.size += size;
    return true;
}

static bool keep_token(job *j, const pal_generated *token)
{
    if (j->token_count == j->token_capacity) {
        size_t capacity = 2 * j->token_capacity + 64;
        pal_generated *grown = realloc(j->tokens, pal_times(capacity, sizeof *grown));
        if (!grown) return false;
        j->tokens = grown;
        j->token_capacity = capacity;
    }
    j->tokens[j->token_count++] = *token;
    return true;
}

/* Prints text, and before the first text the prompt: so nothing is printed if there is an error before that. */
static void show(job *j, const char *text, size_t size)
{
    if (j->r->json) return;
    if (!j->prompt_shown && !j->r->interactive && j->prompt.size) fwrite(j->prompt.data, 1, j->prompt.size, stdout);
    j->prompt_shown = true;
    fwrite(text, 1, size, stdout);
    fflush(stdout);
}

static void show_reading(const job *j, bool done)
{
    pal_generate_progress p = pal_generator_progress(j->generator);
    if (!isatty(2) || p.prompt - p.kept <= j->r->sequence.batch) return;
    if (done)
        fputs("\r\033[K", stderr);
    else
        fprintf(stderr, "\rreading the prompt, %d tokens to go ", p.unread);
}

pal_status run_text(job *j, pal_error *err)
{
    pal_status s = PAL_MORE;
    j->start = seconds_now();
    j->first_token = 0.0;
    j->text.size = j->token_count = 0;
    j->prompt_shown = false;
    while (s == PAL_MORE && !stop_requested()) {
        size_t size;
        s = pal_generator_step(j->generator, err);
        const pal_generated *token = pal_generator_token(j->generator);
        const char *text = pal_generator_text(j->generator, &size);
        if (s < 0) break;
        if (!j->token_count) show_reading(j, token || s == PAL_OK);
        if (token && j->first_token == 0.0) j->first_token = seconds_now();
        if ((token && !keep_token(j, token)) || !keep_text(j, text, size)) {
            *err = (pal_error){PAL_E_MEMORY, "not enough memory for the text", SIZE_MAX};
            return PAL_E_MEMORY;
        }
        if (token || s == PAL_OK) show(j, text, size);
    }
    j->end = seconds_now();
    if (s >= 0) show(j, "", 0);
    return s;
}

/* ---- JSON ---- */

static void put_id(json *out, const job *j, int32_t id)
{
    size_t size;
    const char *piece = pal_token_piece(j->model, id, &size);
    json_int(out, "id", id);
    if (piece) json_text(out, "piece", piece, size);
}

static void put_token(json *out, const job *j, const pal_generated *token)
{
    json_open(out, NULL, '{');
    put_id(out, j, token->id);
    json_number(out, "logprob", token->logprob);
    json_number(out, "probability", token->probability);
    json_int(out, "offset", (int64_t)token->offset);
    json_int(out, "bytes", (int64_t)token->bytes);
    if (token->alternatives) json_open(out, "alternatives", '[');
    for (int32_t i = 0; i < token->alternatives; i++) {
        json_open(out, NULL, '{');
        put_id(out, j, token->alternative_id[i]);
        json_number(out, "logprob", token->alternative_logprob[i]);
        json_close(out, '}');
    }
    if (token->alternatives) json_close(out, ']');
    json_close(out, '}');
}

static void put_texts(json *out, const job *j)
{
    size_t size = j->prompt.size + j->text.size;
    char *whole = malloc(size + 1);
    if (whole) {
        if (j->prompt.size) memcpy(whole, j->prompt.data, j->prompt.size);
        if (j->text.size) memcpy(whole + j->prompt.size, j->text.data, j->text.size);
        json_text(out, "text", whole, size);
    }
    free(whole);
    json_text(out, "continuation", j->text.size ? j->text.data : "", j->text.size);
}

/* Tokens per second are computed from the tokens after the first and the time that they took. */
static void put_json(const job *j)
{
    const pal_generate_progress p = pal_generator_progress(j->generator);
    json out = {.out = stdout};
    json_open(&out, NULL, '{');
    json_uint(&out, "seed", p.seed);
    json_int(&out, "draft", p.draft);
    json_string(&out, "finish_reason", p.finish ? pal_finish_name(p.finish) : "interrupted");
    json_int(&out, "prompt_tokens", p.prompt);
    json_int(&out, "kept_tokens", p.kept);
    json_int(&out, "generated_tokens", (int64_t)j->token_count);
    json_int(&out, "evaluations", p.evaluations);
    json_int(&out, "evaluated_tokens", p.evaluated);
    json_int(&out, "dropped_tokens", p.dropped);
    json_int(&out, "room", p.capacity);
    json_string(&out, "kv", pal_kv_type_name(j->r->sequence.kv));
    json_number(&out, "time_to_first_token", j->token_count ? j->first_token - j->start : NAN);
    json_number(&out, "tokens_per_second",
                j->token_count > 1 ? (double)(j->token_count - 1) / (j->end - j->first_token) : NAN);
    json_run(&out, j->model, j->r->model, j->start);
    put_texts(&out, j);
    json_open(&out, "tokens", '[');
    for (size_t i = 0; i < j->token_count; i++) put_token(&out, j, &j->tokens[i]);
    json_close(&out, ']');
    json_close(&out, '}');
    json_end_line(&out);
}

/* ---- one text, drafts, lines ---- */

int finish_text(job *j, pal_status s, const pal_error *err)
{
    if (s >= 0 && j->r->json) put_json(j);
    if ((s >= 0 || j->prompt_shown) && !j->r->json) {
        fputc('\n', stdout);
        fflush(stdout);
    }
    if (s < 0) {
        report("generate", err);
        return EXIT_BAD;
    }
    return s == PAL_MORE ? EXIT_STOPPED : EXIT_GOOD;
}

/* Starts the text with the prompt, or the answer to the conversation. */
static pal_status begin_prompt(job *j, pal_error *err)
{
    if (j->r->messages) return chat_prompt(j, err);
    return pal_generator_prompt(j->generator, j->prompt.data, j->prompt.size, j->r->special ? PAL_TOKENIZE_SPECIAL : 0,
                                err);
}

static int run_drafts(job *j, pal_error *err)
{
    int code = EXIT_GOOD;
    for (int32_t number = 0; number < j->r->drafts && code == EXIT_GOOD; number++) {
        pal_status s = PAL_OK;
        if (number) {
            pal_generator_reseed(j->generator, j->seed, (uint32_t)number);
            s = begin_prompt(j, err);
            if (!j->r->json) fputs("---\n", stdout);
        }
        if (!s) s = run_text(j, err);
        code = finish_text(j, s, err);
    }
    return code;
}

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

/* Starts a prompt that consists of the text so far and `text` after it. */
static pal_status go_on_with(job *j, const char *text, size_t size, pal_error *err)
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

bool read_line(bytes *line, size_t *capacity)
{
    int c;
    line->size = 0;
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
static int run_lines(job *j, bool begun, pal_error *err)
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
    free(line.data);
    return stop_requested() ? EXIT_STOPPED : code == EXIT_STOPPED ? EXIT_GOOD : code;
}

/* ---- sessions ---- */

/* Loads the session in `path`; PAL_MORE: there is no such file yet. */
static pal_status load_session(job *j, const char *path, pal_error *err)
{
    bytes file;
    if (access(path, F_OK) != 0) return PAL_MORE;
    if (!file_read(path, &file)) {
        *err = (pal_error){PAL_E_IO, "the session cannot be read", SIZE_MAX};
        return PAL_E_IO;
    }
    pal_status s = pal_generator_restore(j->generator, file.data, file.size, err);
    free(file.data);
    return s;
}

/* Writes the session; the old file is kept until the new one is complete. */
static bool store_session(const job *j, const char *path)
{
    const size_t size = pal_generator_save(j->generator, NULL, 0);
    char *data = malloc(size);
    output o;
    if (!data) fprintf(stderr, "palimpsest: %s: not enough memory to write the session\n", path);
    bool good = data && output_open(&o, path);
    if (good) {
        pal_generator_save(j->generator, data, size);
        good = output_close(&o, fwrite(data, 1, size, o.file) == size || ferror(o.file));
    }
    free(data);
    return good;
}

/* ---- the command ---- */

/* Loads the session, if there is one, and adds the prompt.  *begun: a session was loaded. */
static pal_status set_out(job *j, bool has_prompt, bool *begun, pal_error *err)
{
    const request *r = j->r;
    pal_status s = r->session ? load_session(j, r->session, err) : PAL_MORE;
    *begun = s == PAL_OK;
    if (s < 0) return s;
    if (!*begun || r->seeded) {
        j->seed = seed_or_drawn(r->options.seed, r->seeded);
        pal_generator_reseed(j->generator, j->seed, 0);
    }
    if (*begun && j->prompt.size) return go_on_with(j, j->prompt.data, j->prompt.size, err);
    if (has_prompt && !*begun) return begin_prompt(j, err);
    const int32_t generated = pal_generator_progress(j->generator).generated, max = r->options.max_tokens;
    if (*begun) pal_generator_limit(j->generator, max < 0 || max > INT32_MAX - generated ? -1 : generated + max);
    return PAL_OK;
}

static int run_job(job *j, bool has_prompt, pal_error *err)
{
    const request *r = j->r;
    bool begun;
    if (set_out(j, has_prompt, &begun, err) < 0) {
        report(begun || !r->session ? "generate" : r->session, err);
        return EXIT_BAD;
    }
    if (r->chat) return chat_run(j, err);
    stop_on_interrupt();
    int code = has_prompt || (begun && !r->interactive) ? run_drafts(j, err) : EXIT_GOOD;
    if (code == EXIT_GOOD && r->interactive) code = run_lines(j, begun || has_prompt, err);
    if (code != EXIT_BAD && r->session && !store_session(j, r->session)) code = EXIT_BAD;
    return code;
}

/* Makes a sequence and a generator; returns -1 on success, otherwise the exit code. */
static int make_generator(job *j, void **sequence, void **generator, pal_error *err)
{
    const request *r = j->r;
    pal_sequence_options kept = r->sequence;
    size_t size;
    if (!kept.max_tokens && pal_model_info(j->model)->context > LONGEST_UNASKED) kept.max_tokens = LONGEST_UNASKED;
    pal_status s = pal_sequence_bytes(j->model, &kept, &size, err);
    if (!s && !(*sequence = malloc(size))) {
        *err = (pal_error){
            PAL_E_MEMORY, "not enough memory for the key-value cache: use a smaller --context, or --kv Q8_0", SIZE_MAX};
        s = PAL_E_MEMORY;
    }
    if (!s) s = pal_sequence_init(&j->sequence, j->model, &kept, *sequence, size, err);
    if (!s) s = pal_generator_bytes(j->sequence, &r->options, &size, err);
    if (!s && !(*generator = malloc(size))) {
        *err = (pal_error){PAL_E_MEMORY, "not enough memory for the generator", SIZE_MAX};
        s = PAL_E_MEMORY;
    }
    if (!s) s = pal_generator_init(&j->generator, j->sequence, &r->options, *generator, size, err);
    return s ? report("generate", err) : -1;
}

/* Opens the grammar's file; returns -1 on success, otherwise the exit code. */
static int open_grammar(request *r, pal_grammar **grammar)
{
    bytes text;
    pal_error err;
    int code = -1;
    *grammar = NULL;
    if (!r->grammar) return -1;
    if (!file_read(r->grammar, &text)) return EXIT_BAD;
    if (pal_grammar_open(grammar, text.data, text.size, &err)) code = report(r->grammar, &err);
    free(text.data);
    r->options.grammar = *grammar;
    return code;
}

/* Reads the prompt.  Without one: continues the session if there is one, or reads lines if input is a terminal. */
static int read_prompt(request *r, bytes *prompt, bool *has_prompt)
{
    *has_prompt = r->prompt || r->file || r->dash;
    if (!*has_prompt && (isatty(0) || r->interactive)) {
        r->interactive = true;
        return -1;
    }
    if (!*has_prompt && r->session && access(r->session, F_OK) == 0) return -1;
    if ((r->prompt != NULL) + (r->file != NULL) + (r->dash != NULL) != 1)
        return usage_error("generate", "give exactly one of --prompt, --file and - (standard input)", NULL);
    return input_read("generate", r->prompt, r->file, r->dash, prompt);
}

int command_generate(int argc, char **argv)
{
    request *r = calloc(1, sizeof *r);
    job j = {.r = r};
    pal_grammar *grammar = NULL;
    void *sequence = NULL, *generator = NULL;
    pal_error err;
    bool has_prompt;
    if (!r) return EXIT_BAD;
    int code = parse(r, argc, argv);
    if (code < 0 && !output_possible(r->session)) code = EXIT_BAD;
    pal_model *model = code < 0 ? model_of("generate", r->model, 0, r->isa, &code) : NULL;
    if (model) {
        j.model = model;
        has_prompt = r->messages && !r->chat;
        code = r->messages || r->chat ? chat_start(&j) : read_prompt(r, &j.prompt, &has_prompt);
        if (code < 0) code = open_grammar(r, &grammar);
        if (code < 0) code = make_generator(&j, &sequence, &generator, &err);
        if (code < 0) code = run_job(&j, has_prompt, &err);
    }
    pal_model_close(model);
    pal_grammar_close(grammar);
    free(generator);
    free(sequence);
    messages_free(&j.talk);
    free(j.prompt.data);
    free(j.text.data);
    free(j.tokens);
    free(r);
    return code;
}
