/* messages.c - conversations: the list, and how it is written as JSON. */
#include "messages.h"
#include "json_read.h"
#include "../core/core.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list --------------------------------------------------------------------------------------- */

static void free_message(pal_message *m)
{
    free((void *)(uintptr_t)m->role);
    free((void *)(uintptr_t)m->content);
}

bool messages_add(messages *m, const char *role, const char *content, size_t size)
{
    if (m->count == m->capacity) {
        const size_t capacity = 2 * m->capacity + 8;
        pal_message *grown = realloc(m->list, pal_times(capacity, sizeof *grown));
        if (!grown) return false;
        m->list = grown;
        m->capacity = capacity;
    }
    char *own_role = strdup(role), *own = malloc(size + 1);
    m->list[m->count] = (pal_message){own_role, own, size};
    if (!own_role || !own) {
        free_message(&m->list[m->count]);
        return false;
    }
    if (size) memcpy(own, content, size);
    own[size] = '\0';
    m->count++;
    return true;
}

bool messages_begin_with(messages *m, const char *system)
{
    if (!system || (m->count && strcmp(m->list[0].role, "system") == 0)) return true;
    if (!messages_add(m, "system", system, strlen(system))) return false;
    const pal_message added = m->list[m->count - 1];
    memmove(m->list + 1, m->list, (m->count - 1) * sizeof *m->list);
    m->list[0] = added;
    return true;
}

void messages_drop(messages *m)
{
    free_message(&m->list[--m->count]);
}

void messages_free(messages *m)
{
    while (m->count) messages_drop(m);
    free(m->list);
    *m = (messages){0};
}

/* ---- reading JSON ----------------------------------------------------------------------------------- */

enum { MAX_DEPTH = 64 }; /* of values that are skipped */

static bool fail(json_reader *r, const char *wrong)
{
    if (!r->wrong) r->wrong = wrong;
    return false;
}

/* A character of a number, or of true, false and null. */
static bool is_word(char c)
{
    return c == '+' || c == '-' || c == '.' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Skips a string, number, name or punctuation, and counts brackets. */
static bool skip_item(json_reader *r, int *depth)
{
    bytes text;
    if (json_next_is(r, '"')) {
        const bool good = json_read_text(r, &text);
        free(text.data);
        return good;
    }
    if (json_take(r, '{') || json_take(r, '[')) return ++*depth <= MAX_DEPTH || fail(r, "values are nested too deeply");
    if (*depth && (json_take(r, '}') || json_take(r, ']'))) return (*depth)--, true;
    if (*depth && (json_take(r, ',') || json_take(r, ':'))) return true;
    const char *from = r->at;
    while (!r->wrong && r->at < r->end && is_word(*r->at)) r->at++;
    return r->at > from || fail(r, r->at < r->end ? "a value is expected here" : "the file ends too early");
}

static bool skip_value(json_reader *r)
{
    int depth = 0;
    do
        if (!skip_item(r, &depth)) return false;
    while (depth);
    return true;
}

static bool is_key(const bytes *key, const char *name)
{
    return key->size == strlen(name) && memcmp(key->data, name, key->size) == 0;
}

/* Reads the members of an object up to its end.  role and content are allocated, or have data NULL. */
static bool read_members(json_reader *r, bytes *role, bytes *content)
{
    do {
        bytes key;
        if (!json_read_text(r, &key)) return false;
        bytes *into = is_key(&key, "role") ? role : is_key(&key, "content") ? content : NULL;
        free(key.data);
        if (!json_need(r, ':', "':' is expected here")) return false;
        if (into && into->data) return fail(r, "the same member twice");
        if (into ? !json_read_text(r, into) : !skip_value(r)) return false;
    } while (json_take(r, ','));
    return json_need(r, '}', "',' or '}' is expected here");
}

static bool read_message(json_reader *r, messages *out)
{
    bytes role = {0}, content = {0};
    bool good = json_need(r, '{', "a message is expected here: {\"role\": ..., \"content\": ...}") &&
                read_members(r, &role, &content);
    if (good && (!role.data || !content.data)) good = fail(r, "the message before this has no role or no content");
    if (good && memchr(role.data, '\0', role.size)) good = fail(r, "the role of the message before this is not a name");
    if (good) role.data[role.size] = '\0'; /* the closing quote had a byte too */
    if (good && !messages_add(out, role.data, content.data, content.size)) good = fail(r, "not enough memory");
    free(role.data);
    free(content.data);
    return good;
}

static bool read_list(json_reader *r, messages *out)
{
    if (!json_need(r, '[', "an array of messages is expected here: [{\"role\": ..., \"content\": ...}]")) return false;
    if (!json_take(r, ']')) {
        do
            if (!read_message(r, out)) return false;
        while (json_take(r, ','));
        if (!json_need(r, ']', "',' or ']' is expected here")) return false;
    }
    json_next_is(r, '\0'); /* skips white space */
    return r->at == r->end || fail(r, "more text after the end of the array");
}

const char *messages_parse(messages *out, const bytes *text, size_t *at)
{
    json_reader r = {text->data, text->data + text->size, NULL};
    *out = (messages){0};
    if (text->size >= 3 && memcmp(text->data, "\xEF\xBB\xBF", 3) == 0) r.at += 3; /* byte order mark */
    if (read_list(&r, out)) return NULL;
    *at = (size_t)(r.at - text->data);
    messages_free(out);
    return r.wrong;
}

/* ---- writing JSON ----------------------------------------------------------------------------------- */

void messages_write(const messages *m, FILE *out)
{
    json j = {.out = out};
    json_open(&j, NULL, '[');
    for (size_t i = 0; i < m->count; i++) {
        fputc('\n', out);
        json_open(&j, NULL, '{');
        json_string(&j, "role", m->list[i].role);
        json_text(&j, "content", m->list[i].content, m->list[i].bytes);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_end_line(&j);
}
