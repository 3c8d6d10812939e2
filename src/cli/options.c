/* options.c - parses options and prints help. */
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

/* ---- help ------------------------------------------------------------------------------------------- */

static bool is_switch(const option *o) /* takes on or off as its value, unlike a flag */
{
    return o->row.kind == PAL_OPTION_FLAG && o->row.standard > 0.0;
}

/* The name of the value in help; NULL: the option takes no value. */
static const char *value_of(const option *o)
{
    if (o->value) return o->value;
    switch (o->row.kind) {
    case PAL_OPTION_FLAG: return is_switch(o) ? "on|off" : NULL;
    case PAL_OPTION_NUMBER: return "X";
    case PAL_OPTION_CHOICE: return "NAME";
    default: return "N";
    }
}

static void print_default(const option *o, const char *before)
{
    const char *text = is_switch(o) ? "on" : o->standard;
    printf("%sdefault%s %s)", before, strchr(text, ' ') ? ":" : "", text);
}

static void print_row(const option *o)
{
    char left[64];
    const char *value = value_of(o), *open = strchr(o->note, '(');
    snprintf(left, sizeof left, "%s%s%s%s", o->name[1] ? "--" : "-", o->name, value ? " " : "", value ? value : "");
    printf("  %-26s %s", left, o->help);
    for (int32_t i = 0; o->naming && o->naming(i); i++) printf("%s%s", i ? ", " : ": ", o->naming(i));
    if (open) printf(" %.*s", (int)strlen(open) - 1, open); /* without the closing parenthesis */
    if (o->standard && (o->row.kind != PAL_OPTION_FLAG || is_switch(o)))
        print_default(o, open ? "; " : " (");
    else if (open)
        putchar(')');
    putchar('\n');
}

static void print_help(const option_set *set)
{
    printf("usage: palimpsest %s %s\n\n%s\n\noptions:\n", set->command, set->synopsis, set->summary);
    for (size_t g = 0; g < set->count; g++)
        for (size_t i = 0; i < set->groups[g].count; i++) print_row(&set->groups[g].options[i]);
    printf("  %-26s %s\n", "--help", "this text");
}

/* ---- values ----------------------------------------------------------------------------------------- */

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

/* Index of text among the words separated by |; -1: it is not one of them. */
static int32_t word_of(const char *words, const char *text)
{
    const size_t length = strlen(text);
    for (int32_t i = 0; words; i++) {
        const char *end = strchr(words, '|');
        const size_t size = end ? (size_t)(end - words) : strlen(words);
        if (size == length && strncmp(words, text, size) == 0) return i;
        words = end ? end + 1 : NULL;
    }
    return -1;
}

static bool parse_choice(const option *o, const char *text, int32_t *out)
{
    if (!o->naming) return (*out = word_of(o->value, text)) >= 0;
    for (int32_t i = 0; o->naming(i); i++)
        if (strcmp(o->naming(i), text) == 0) return *out = i, true;
    return false;
}

static bool parse_switch(const char *text, bool *out)
{
    *out = strcmp(text, "on") == 0;
    return *out || strcmp(text, "off") == 0;
}

static bool parse_count(const char *text, uint32_t *out)
{
    uint64_t value;
    if (!parse_uint64(text, &value) || value > UINT32_MAX) return false;
    *out = (uint32_t)value;
    return true;
}

static bool store(const option *o, void *target, const char *value)
{
    void *field = (char *)target + o->row.offset;
    switch (o->row.kind) {
    case PAL_OPTION_FLAG: return parse_switch(value, field);
    case PAL_OPTION_INT: return parse_int(value, field);
    case PAL_OPTION_COUNT: return parse_count(value, field);
    case PAL_OPTION_SEED: return parse_uint64(value, field);
    case PAL_OPTION_NUMBER: return parse_number(value, field);
    case PAL_OPTION_CHOICE: return parse_choice(o, value, field);
    case OPTION_TEXT: *(const char **)field = value; return true;
    default: return o->call(target, value);
    }
}

/* ---- names ------------------------------------------------------------------------------------------ */

/* An option and its group. */
typedef struct {
    const option *option; /* NULL: there is none */
    option_group *group;
} found;

static found find(const option_set *set, const char *name, size_t length)
{
    for (size_t g = 0; g < set->count; g++)
        for (size_t i = 0; i < set->groups[g].count; i++) {
            const option *o = &set->groups[g].options[i];
            if (strlen(o->name) == length && strncmp(o->name, name, length) == 0) return (found){o, &set->groups[g]};
        }
    return (found){0};
}

int edit_distance(const char *a, const char *b, size_t n, int max)
{
    if (max < 0) return 0;
    while (*a && n && *a == *b) a++, b++, n--;
    if (!*a && !n) return 0;
    int best = max + 1, d;
    if (*a && (d = 1 + edit_distance(a + 1, b, n, max - 1)) < best) best = d;
    if (n && (d = 1 + edit_distance(a, b + 1, n - 1, max - 1)) < best) best = d;
    if (*a && n && (d = 1 + edit_distance(a + 1, b + 1, n - 1, max - 1)) < best) best = d;
    return best;
}

/* State of a search for the option that the user meant. */
typedef struct {
    const char *name;
    size_t length;
    const option *near, *begun; /* the option with the smallest distance; the last option that begins with name */
    int distance, beginnings;
} search;

static void consider(search *s, const option *o)
{
    if (!o->name[1]) return;
    if (strncmp(o->name, s->name, s->length) == 0) s->begun = o, s->beginnings++;
    const int d = edit_distance(o->name, s->name, s->length, s->distance - 1);
    if (d < s->distance) s->distance = d, s->near = o;
}

/* Returns the only option that begins with name; otherwise the one with the smallest distance, at most two letters. */
static const option *nearest(const option_set *set, const char *name, size_t length)
{
    enum { MAX = 2 };
    search s = {.name = name, .length = length, .distance = MAX + 1};
    for (size_t g = 0; length > 2 && g < set->count; g++)
        for (size_t i = 0; i < set->groups[g].count; i++) consider(&s, &set->groups[g].options[i]);
    return s.beginnings == 1 ? s.begun : s.near;
}

static int unknown_option(const option_set *set, const char *argument, const char *name, size_t length)
{
    const option *o = find(set, name, length).option, *near = o ? o : nearest(set, name, length);
    fprintf(stderr, "palimpsest %s: unknown option: %s", set->command, argument);
    if (near) fprintf(stderr, "; did you mean %s%s?", near->name[1] ? "--" : "-", near->name);
    fprintf(stderr, "\nTry 'palimpsest %s --help'.\n", set->command);
    return EXIT_USAGE;
}

/* ---- parsing ---------------------------------------------------------------------------------------- */

/* The names that an option takes, and the one that the user probably meant. */
static void print_names(const option *o, const char *value)
{
    const char *near = NULL;
    int best = 3; /* at most two letters differ */
    for (int32_t i = 0; o->naming(i); i++) {
        fprintf(stderr, "%s%s", i ? ", " : "", o->naming(i));
        const int d = edit_distance(o->naming(i), value, strlen(value), best - 1);
        if (d < best) best = d, near = o->naming(i);
    }
    if (near) fprintf(stderr, "; did you mean %s?", near);
    fputs(")\n", stderr);
}

static int bad_value(const option_set *set, const option *o, const char *argument, const char *value)
{
    fprintf(stderr, "palimpsest %s: invalid value '%s' for %s (expected ", set->command, value, argument);
    if (o->naming)
        print_names(o, value);
    else
        fprintf(stderr, "%s)\n", o->row.kind == PAL_OPTION_COUNT ? "0 to 4294967295" : value_of(o));
    return EXIT_USAGE;
}

/* Parses one argument that begins with a dash.  Its value may be the next argument. */
static int parse_option(const option_set *set, int argc, char **argv, int *at)
{
    const char *argument = argv[*at], *name = argument + (argument[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const found f = find(set, name, length);
    const bool dashes_fit = f.option && (argument[1] == '-') == (f.option->name[1] != '\0');
    if (!dashes_fit) return unknown_option(set, argument, name, length);
    f.group->given |= (uint64_t)1 << (f.option - f.group->options);
    if (!value_of(f.option)) {
        if (equals) return usage_error(set->command, "this option takes no value", argument);
        store(f.option, f.group->target, "on");
        return -1;
    }
    const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
    if (!equals && is_switch(f.option) && (!next || next[0] == '-'))
        value = "on"; /* a switch without a value */
    else if (!equals && next)
        value = argv[++*at];
    if (!value) return usage_error(set->command, "missing value after", argument);
    return store(f.option, f.group->target, value) ? -1 : bad_value(set, f.option, argument, value);
}

/* Checks the ranges of the given values, before they are used. */
static int check_ranges(const option_set *set)
{
    for (size_t g = 0; g < set->count; g++)
        for (size_t i = 0; i < set->groups[g].count; i++) {
            const pal_option *row = &set->groups[g].options[i].row;
            if (!row->range || pal_option_is_good(row, pal_option_get(row, set->groups[g].target))) continue;
            const pal_error err = {PAL_E_OPTION, row->must, SIZE_MAX};
            return report(set->command, &err);
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
    return check_ranges(set);
}

bool option_given(const option_group *group, const char *name)
{
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(group->options[i].name, name) == 0) return group->given >> i & 1;
    return false;
}

void options_copy_given(const option_group *group, void *to)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->given >> i & 1) pal_option_copy(&group->options[i].row, group->target, to);
}

void options_default(const option_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->options[i].row.kind <= PAL_OPTION_CHOICE)
            pal_option_set(&group->options[i].row, group->target, group->options[i].row.standard);
}
