/* generate.c - palimpsest generate: continues a text with a causal model. */
#include "generate.h"

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
    THREADS_OPTION(request, threads),
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

/* ---- one text, drafts ---- */

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
    pal_model *model = code < 0 ? model_of("generate", r->model, 0, r->isa, r->threads, &code) : NULL;
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
