/* options.c - the option parser and its help. */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int usage_error(const char *command, const char *text, const char *what)
{
    fprintf(stderr, "palimpsest %s: %s%s%s\n", command, text, what ? ": " : "", what ? what : "");
    fprintf(stderr, "Try 'palimpsest %s --help'.\n", command);
    return EXIT_USAGE;
}

static void print_help(const option_set *set)
{
    printf("usage: palimpsest %s %s\n\n%s\n\noptions:\n", set->command, set->synopsis, set->summary);
    for (size_t i = 0; i < set->count; i++) {
        const option *o = &set->options[i];
        char left[64];
        snprintf(left, sizeof left, "%s%s%s%s", o->name[1] ? "--" : "-", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        printf("  %-26s %s\n", left, o->help);
    }
    printf("  %-26s %s\n", "--help", "this text");
}

static bool parse_int(const char *text, int32_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < INT32_MIN || value > INT32_MAX) return false;
    *out = (int32_t)value;
    return true;
}

bool parse_ints(const char *text, char separator, int32_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = 0;
        const char *start = text;
        for (; *text >= '0' && *text <= '9' && value <= INT32_MAX; text++) value = value * 10 + (*text - '0');
        if (text == start || value > INT32_MAX || *text != (i + 1 < count ? separator : '\0')) return false;
        out[i] = (int32_t)value;
        text++;
    }
    return true;
}

static bool parse_uint64(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text < '0' || *text > '9') return false;
    *out = value;
    return true;
}

static bool parse_number(const char *text, double *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value)) return false;
    *out = value;
    return true;
}

static bool store(const option *o, const char *value)
{
    switch (o->kind) {
    case OPTION_FLAG: *(bool *)o->target = true; return true;
    case OPTION_TEXT: *(const char **)o->target = value; return true;
    case OPTION_INT: return parse_int(value, o->target);
    case OPTION_UINT64: return parse_uint64(value, o->target);
    case OPTION_NUMBER: return parse_number(value, o->target);
    case OPTION_SWITCH:
        *(bool *)o->target = strcmp(value, "on") == 0;
        return strcmp(value, "on") == 0 || strcmp(value, "off") == 0;
    case OPTION_CALL: return o->call(o->target, value);
    }
    return false;
}

static const option *find(const option_set *set, const char *name, size_t length)
{
    for (size_t i = 0; i < set->count; i++)
        if (strlen(set->options[i].name) == length && strncmp(set->options[i].name, name, length) == 0)
            return &set->options[i];
    return NULL;
}

/* How many letters have to be put in, left out or changed to make b[0 .. n) of a; more than `most` is most + 1. */
static int distance(const char *a, const char *b, size_t n, int most)
{
    if (most < 0) return 0;
    while (*a && n && *a == *b) a++, b++, n--;
    if (!*a && !n) return 0;
    int best = most + 1, d;
    if (*a && (d = 1 + distance(a + 1, b, n, most - 1)) < best) best = d;
    if (n && (d = 1 + distance(a, b + 1, n - 1, most - 1)) < best) best = d;
    if (*a && n && (d = 1 + distance(a + 1, b + 1, n - 1, most - 1)) < best) best = d;
    return best;
}

/* The only option nearest to what was written, by two letters at most; or the only one that begins so. */
static const option *nearest(const option_set *set, const char *name, size_t length)
{
    enum { MOST = 2 };
    const option *found = NULL, *begun = NULL;
    int best = MOST + 1, beginnings = 0;
    for (size_t i = 0; length > 2 && i < set->count; i++) {
        const option *o = &set->options[i];
        if (!o->name[1]) continue;
        if (strncmp(o->name, name, length) == 0) begun = o, beginnings++;
        const int d = distance(o->name, name, length, MOST);
        if (d < best) best = d, found = o;
    }
    return beginnings == 1 ? begun : found;
}

static int unknown_option(const option_set *set, const char *argument, const char *name, size_t length)
{
    const option *o = find(set, name, length), *near = o ? o : nearest(set, name, length);
    fprintf(stderr, "palimpsest %s: unknown option: %s", set->command, argument);
    if (near) fprintf(stderr, "; did you mean %s%s?", near->name[1] ? "--" : "-", near->name);
    fprintf(stderr, "\nTry 'palimpsest %s --help'.\n", set->command);
    return EXIT_USAGE;
}

/* One argument that begins with a dash, its value perhaps the next one. */
static int parse_option(const option_set *set, int argc, char **argv, int *at)
{
    const char *argument = argv[*at], *name = argument + (argument[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const option *o = find(set, name, length);
    bool dashes_fit = o && (argument[1] == '-') == (o->name[1] != '\0');
    if (!dashes_fit) return unknown_option(set, argument, name, length);
    if (o->kind == OPTION_FLAG) {
        if (equals) return usage_error(set->command, "this option takes no value", argument);
        store(o, NULL);
        return -1;
    }
    const char *value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
    if (!value) return usage_error(set->command, "a value is missing after", argument);
    if (!store(o, value)) {
        fprintf(stderr, "palimpsest %s: '%s' is not a value for %s (%s)\n", set->command, value, argument, o->value);
        return EXIT_USAGE;
    }
    return -1;
}

int options_parse(const option_set *set, int argc, char **argv)
{
    for (int at = 2; at < argc; at++) {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            print_help(set);
            return EXIT_GOOD;
        }
        if (argv[at][0] == '-' && argv[at][1]) {
            int code = parse_option(set, argc, argv, &at);
            if (code >= 0) return code;
            continue;
        }
        if (!set->positional || *set->positional) return usage_error(set->command, "unexpected argument", argv[at]);
        *set->positional = argv[at];
    }
    return -1;
}
