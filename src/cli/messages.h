/* messages.h - conversations as JSON: an array of {"role", "content"} (internal to the command line). */
#ifndef PAL_CLI_MESSAGES_H
#define PAL_CLI_MESSAGES_H

#include "cli.h"

/* Roles and contents are owned. */
typedef struct {
    pal_message *list;
    size_t count, capacity;
} messages;

/* Reads a conversation from JSON text; other members of its objects are ignored.  Returns NULL, or what is wrong at byte
 * *at; then out is empty. */
const char *messages_parse(messages *out, const bytes *text, size_t *at);
void messages_write(const messages *m, FILE *out);

/* These print errors. */
bool messages_read(messages *out, const char *path); /* the file "-" is standard input */
bool messages_store(const messages *m, const char *path);

bool messages_add(messages *m, const char *role, const char *content, size_t size); /* false: not enough memory */
bool messages_begin_with(messages *m, const char *system); /* unless there is a system message; NULL: does nothing */
void messages_drop(messages *m);                           /* the last one */
void messages_free(messages *m);

/* The prompt's tokens, in memory that the caller frees. */
pal_status messages_tokens(const messages *m, const pal_model *model, int32_t **ids, size_t *count, pal_error *err);

/* Reports an error of messages_tokens; if the template is not known, also prints how it begins. */
int messages_report(const char *command, const pal_model *model, const pal_error *err);

#endif
