/* generated_text.c - generates one text, prints it while it is generated, and prints its results as JSON. */
#include "generate.h"
#include "../core/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* ---- the end ---- */

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
