/* chat.c - palimpsest generate --messages and --chat: answers in conversations. */
#include "generate.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one answer ------------------------------------------------------------------------------------- */

pal_status chat_prompt(job *j, pal_error *err)
{
    int32_t *ids;
    size_t count;
    pal_status s = messages_tokens(&j->talk, j->model, &ids, &count, err);
    const int32_t capacity = pal_generator_progress(j->generator).capacity;
    j->prompt_tokens = s ? 0 : count;
    if (!s && count >= (size_t)capacity) {
        *err = (pal_error){PAL_E_CONTEXT, "the conversation does not fit into the context: use a larger --context",
                           SIZE_MAX};
        s = PAL_E_CONTEXT;
    }
    if (!s) s = pal_generator_prompt_tokens(j->generator, ids, (int32_t)count, err);
    free(ids);
    return s;
}

/* ---- a conversation --------------------------------------------------------------------------------- */

static bool is_last(const job *j, const char *role)
{
    return j->talk.count && strcmp(j->talk.list[j->talk.count - 1].role, role) == 0;
}

/* Tells that the last message has no place, or that the answer was cut. */
static void tell_full(const job *j, bool refused)
{
    const pal_generate_progress p = pal_generator_progress(j->generator);
    if (refused)
        fprintf(stderr,
                "palimpsest: with this message the conversation has %zu tokens, but the context holds %d: the message "
                "was not added.  Write a shorter one, or start again with a larger --context\n",
                j->prompt_tokens, p.capacity);
    else if (p.finish == PAL_FINISH_CONTEXT)
        fprintf(stderr,
                "palimpsest: the context is full (%d tokens), so the answer ends here.  A larger --context has more "
                "space\n",
                p.capacity);
}

/* Answers the last message.  If that fails, the message is removed again, so that the conversation can go on. */
static int answer(job *j, pal_error *err)
{
    pal_status s = chat_prompt(j, err);
    if (s) {
        messages_drop(&j->talk);
        if (s == PAL_E_CONTEXT)
            tell_full(j, true);
        else
            return messages_report("generate", j->model, err);
        return EXIT_BAD;
    }
    s = run_text(j, err);
    const int code = finish_text(j, s, err);
    if (s >= 0) tell_full(j, false);
    if (s < 0 || (s == PAL_MORE && !j->text.size)) /* failed, or stopped before there was text */
        messages_drop(&j->talk);
    else if (!messages_add(&j->talk, "assistant", j->text.size ? j->text.data : "", j->text.size))
        return no_memory("generate", "the answer");
    return code;
}

static int answer_and_store(job *j, pal_error *err)
{
    const int code = answer(j, err);
    if (code == EXIT_STOPPED) stop_forget();
    if (code != EXIT_BAD && j->r->messages && !messages_store(&j->talk, j->r->messages)) return EXIT_BAD;
    return code == EXIT_STOPPED ? EXIT_GOOD : code;
}

static bool is_blank(const bytes *line)
{
    for (size_t i = 0; i < line->size; i++)
        if (!strchr(" \t\r", line->data[i]) || !line->data[i]) return false;
    return true;
}

/* ---- messages from a terminal ----------------------------------------------------------------------- */

static void greet(const job *j)
{
    if (!isatty(0)) return;
    if (j->talk.count > 1) fprintf(stderr, "The conversation so far has %zu messages.\n", j->talk.count);
    fputs("Type a message and press Enter.  Ctrl-C stops an answer, Ctrl-D ends the conversation.\n", stderr);
}

/* Ctrl-C at the prompt of a terminal discards what was typed: it may have been meant for an answer that has just ended.
 * The second one in a row ends the conversation.  Returns whether the conversation goes on. */
static bool goes_on_after_interrupt(int *interrupts)
{
    if (!isatty(0) || ++*interrupts > 1) return false;
    fputs("\nCtrl-C again, or Ctrl-D, ends the conversation.\n", stderr);
    stop_forget();
    clearerr(stdin);
    return true;
}

/* Reads the next message that is not blank; false: the conversation ends. */
static bool read_message(bytes *line, size_t *capacity)
{
    for (int interrupts = 0;;) {
        if (isatty(0)) fputs("> ", stderr);
        const bool more = read_line(line, capacity);
        if (stop_requested()) {
            if (goes_on_after_interrupt(&interrupts)) continue;
            return false;
        }
        if (!more) return false;
        interrupts = 0;
        if (line->size && line->data[line->size - 1] == '\r') line->size--;
        if (!is_blank(line)) return true;
    }
}

int chat_run(job *j, pal_error *err)
{
    bytes line = {0};
    size_t capacity = 0;
    int code = EXIT_GOOD;
    stop_on_interrupt();
    greet(j);
    if (is_last(j, "user")) code = answer_and_store(j, err);
    while (read_message(&line, &capacity)) {
        if (!messages_add(&j->talk, "user", line.data, line.size)) {
            code = no_memory("generate", "the message");
            break;
        }
        code = answer_and_store(j, err);
    }
    if (isatty(0)) fputc('\n', stderr); /* the shell's prompt is not written behind this one */
    free(line.data);
    return stop_requested() ? EXIT_STOPPED : code;
}

/* ---- starting --------------------------------------------------------------------------------------- */

/* With --chat the file need not exist: the conversation is stored there. */
static bool read_talk(job *j)
{
    const request *r = j->r;
    const bool absent = r->messages && r->chat && access(r->messages, F_OK) != 0;
    if (r->messages && !absent && !messages_read(&j->talk, r->messages)) return false;
    if (messages_begin_with(&j->talk, r->system)) return true;
    no_memory("generate", "the conversation");
    return false;
}

int chat_start(job *j)
{
    pal_error err;
    if (!pal_chat_format_name(j->model, &err)) return messages_report("generate", j->model, &err);
    if (!read_talk(j)) return EXIT_BAD;
    if (j->r->chat || j->talk.count) return -1;
    fputs("palimpsest: generate: the conversation has no messages\n", stderr);
    return EXIT_BAD;
}

int chat_usage(const request *r)
{
    const bool talks = r->messages || r->chat;
    if (!talks) return r->system ? usage_error("generate", "--system needs --messages or --chat", NULL) : -1;
    if (r->prompt || r->file || r->dash || r->special || r->interactive)
        return usage_error("generate",
                           "--messages and --chat cannot be used with --prompt, --file, -, --special and "
                           "--interactive",
                           NULL);
    if (r->session)
        return usage_error("generate", "a conversation has no --session: --chat --messages FILE stores it", NULL);
    if (!r->chat) return -1;
    if (r->drafts > 1) return usage_error("generate", "--chat works with one draft only", NULL);
    if (r->messages && strcmp(r->messages, "-") == 0)
        return usage_error("generate", "--chat reads its messages from standard input: give --messages a file", NULL);
    return -1;
}
