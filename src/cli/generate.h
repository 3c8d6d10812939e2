/* generate.h - what palimpsest generate and its conversations share (internal to the command line). */
#ifndef PAL_CLI_GENERATE_H
#define PAL_CLI_GENERATE_H

#include "messages.h"

enum { MAX_STOPS = 64, MAX_BIASES = 1024 };

typedef struct {
    const char *model, *isa, *prompt, *file, *dash, *grammar, *session, *messages, *system;
    pal_generate_options options;
    pal_sequence_options sequence;
    bool seeded, json, special, interactive, chat; /* seeded: a seed was given */
    int32_t drafts, threads;
    pal_stop_string stops[MAX_STOPS];
    pal_logit_bias biases[MAX_BIASES];
} request;

/* A text being generated, and its results so far. */
typedef struct {
    const request *r;
    uint64_t seed; /* given, otherwise chosen at random */
    const pal_model *model;
    pal_sequence *sequence;
    pal_generator *generator;
    bytes prompt;
    messages talk;        /* with --messages and --chat, instead of the prompt */
    size_t prompt_tokens; /* of the conversation, also if they are too many */
    bool prompt_shown;
    bytes text; /* what was generated so far */
    size_t text_capacity;
    pal_generated *tokens;
    size_t token_count, token_capacity;
    double start, first_token, end; /* seconds_now(); first_token 0: none yet */
} job;

/* ---- generated_text.c ---- */

/* Generates until the text is finished, or until Ctrl-C (PAL_MORE). */
pal_status run_text(job *j, pal_error *err);

/* Prints what was generated, also after an error or Ctrl-C; returns the exit code. */
int finish_text(job *j, pal_status s, const pal_error *err);

/* ---- generate_lines.c ---- */

/* Starts a prompt that consists of the text so far and `text` after it. */
pal_status go_on_with(job *j, const char *text, size_t size, pal_error *err);

bool read_line(bytes *line, size_t *capacity); /* without its line break; false: end of input */

/* Reads lines and continues the text after each; begun: there is a text already.  Returns the exit code. */
int run_lines(job *j, bool begun, pal_error *err);

/* ---- chat.c ---- */

int chat_usage(const request *r);               /* -1, or the exit code if options cannot be used together */
int chat_start(job *j);                         /* reads the conversation; -1, or the exit code */
pal_status chat_prompt(job *j, pal_error *err); /* starts the answer to the conversation */
int chat_run(job *j, pal_error *err);           /* reads messages and answers them; the exit code */

#endif
