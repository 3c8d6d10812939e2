/* options.h - the options of a command: rows of the library's tables and rows of its own (internal to the command
 * line).
 *
 * Rows are grouped by the struct in which their values are stored.  Parser and help depend only on rows. */
#ifndef PAL_CLI_OPTIONS_H
#define PAL_CLI_OPTIONS_H

#include "../core/options.h"

/* Kinds in addition to those of the library. */
enum {
    OPTION_TEXT = PAL_OPTION_CHOICE + 1, /* const char * */
    OPTION_CALL                          /* `call` parses and stores the value */
};

typedef bool option_call(void *target, const char *value); /* false: the value is invalid */
typedef const char *option_naming(int32_t value);          /* the name of a choice; NULL after the last */

typedef struct {
    const char *name;      /* without dashes; one letter for a short option */
    const char *value;     /* name of the value in help, or the choices separated by |; NULL: named by the kind */
    const char *standard;  /* the default, as text for people; NULL: help does not mention it */
    const char *note;      /* as in option_rows.h */
    const char *help;      /* one line */
    pal_option row;        /* offset, kind and range of the value; the kind may also be one of the above */
    option_naming *naming; /* for choices that are not listed in `value` */
    option_call *call;
} option;

/* The options that are stored in one struct. */
typedef struct {
    const option *options;
    size_t count;   /* at most 64 */
    void *target;   /* the struct, also passed to `call` */
    uint64_t given; /* bit i is set if option i was given */
} option_group;

/* rows must be an array */
#define OPTION_GROUP(rows, target)                                                                                     \
    {                                                                                                                  \
        rows, sizeof(rows) / sizeof *(rows), target, 0                                                                 \
    }

typedef struct {
    const char *command, *synopsis, *summary;
    option_group *groups;
    size_t count;
    const char **positional; /* receives the one argument that is not an option ("-"); NULL: none allowed */
} option_set;

/* Parses argv[2 ..] into structs that already contain the defaults, and checks ranges.  Returns -1 on success;
 * otherwise prints help or an error and returns the exit code. */
int options_parse(const option_set *set, int argc, char **argv);
int usage_error(const char *command, const char *text, const char *what);

void options_default(const option_group *group); /* sets numbers, switches and choices of a command's own struct */
bool option_given(const option_group *group, const char *name);
void options_copy_given(const option_group *group, void *to); /* to: another struct of the same type */

/* How many letters must be inserted, deleted or changed to turn a into b[n]; max + 1 if that is above max. */
int edit_distance(const char *a, const char *b, size_t n, int max);

/* Parses exactly `count` unsigned numbers with `separator` between them, such as 3-8. */
bool parse_ints(const char *text, char separator, int32_t *out, size_t count);

/* Groups of the library's rows.  *target must contain the defaults, from its *_defaults() or pal_options_default. */
option_group infill_group(pal_infill_options *target);
option_group generate_group(pal_generate_options *target);
option_group sequence_group(pal_sequence_options *target);
option_group score_group(pal_score_options *target);
option_group image_group(pal_image_options *target);
option_group likelihood_group(pal_likelihood_options *target);

/* ---- rows of a command's own struct ------------------------------------------------------------------ */

/* clang-format off */

/* The arguments are those of a row of option_rows.h. */
#define OPTION(type, name, field, kind, range, standard, note, help) \
    {name, OPTION_VALUE_##range, OPTION_STANDARD_##standard, note, help, \
     PAL_OPTION(type, name, field, kind, range, standard, note), OPTION_NAMING_##range, NULL}

#define FLAG_OPTION(type, name, field, help) OPTION(type, name, field, FLAG, ANY, IS(0), "", help)

#define TEXT_OPTION(type, name, field, value, help) \
    {name, value, NULL, "", help, {offsetof(type, field), OPTION_TEXT, 0, NULL, 0.0, 0.0, 0.0}, NULL, NULL}

#define CALL_OPTION(name, value, call, help) {name, value, NULL, "", help, {0, OPTION_CALL, 0, NULL, 0.0, 0.0, 0.0}, NULL, call}

/* Options that most commands have. */
#define MODEL_OPTION(type, field, what) TEXT_OPTION(type, "m", field, "MODEL", "the model file (" what ")")
#define THREADS_OPTION(type, field) OPTION(type, "threads", field, INT, BETWEEN(0, 64), SAID(0, "as many as this machine has physical cores"), "", "threads that compute, 1 to 64")
#define ISA_OPTION(type, field) TEXT_OPTION(type, "isa", field, "NAME", "instruction set of the kernels (default: the fastest this machine supports)")

#define OPTION_VALUE_ANY                NULL
#define OPTION_VALUE_BETWEEN(a, b)      NULL
#define OPTION_VALUE_ABOVE(a, b)        NULL
#define OPTION_VALUE_FROM(a)            NULL
#define OPTION_VALUE_EITHER(a, b)       NULL
#define OPTION_VALUE_NAMED(count, name) NULL
#define OPTION_VALUE_WORDS(max, a, b)  a "|" b

#define OPTION_NAMING_ANY                NULL
#define OPTION_NAMING_BETWEEN(a, b)      NULL
#define OPTION_NAMING_ABOVE(a, b)        NULL
#define OPTION_NAMING_FROM(a)            NULL
#define OPTION_NAMING_EITHER(a, b)       NULL
#define OPTION_NAMING_NAMED(count, name) name##_at
#define OPTION_NAMING_WORDS(max, a, b)  NULL

#define OPTION_STANDARD_IS(value)         #value
#define OPTION_STANDARD_SAID(value, text) text

/* clang-format on */

#endif
