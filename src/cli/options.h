/* options.h - the options of a command: rows of the library's tables, and rows of its own (internal to the command line).
 *
 * Rows come in groups, each with the struct that its values go to.  Parser and help know nothing but rows. */
#ifndef PAL_CLI_OPTIONS_H
#define PAL_CLI_OPTIONS_H

#include "../core/options.h"

/* Kinds beside those of the library. */
enum {
    OPTION_TEXT = PAL_OPTION_CHOICE + 1, /* const char * */
    OPTION_CALL                          /* what `call` makes of it */
};

typedef bool option_call(void *target, const char *value); /* false: the value is not one */
typedef const char *option_naming(int32_t value);          /* of a choice; NULL behind the last */

typedef struct {
    const char *name;      /* without dashes; one letter for a short option */
    const char *value;     /* how help names the value, where the kind does not say it; words are parted by | */
    const char *standard;  /* what holds where it is not given, for a person; NULL: help says nothing of it */
    const char *note;      /* as in option_rows.h */
    const char *help;      /* one line */
    pal_option row;        /* where its value goes, of what kind, and its range; kinds also those above */
    option_naming *naming; /* of choices that are not words in `value` */
    option_call *call;
} option;

/* Options of one struct. */
typedef struct {
    const option *options;
    size_t count;   /* at most 64 */
    void *target;   /* the struct; what calls are given */
    uint64_t given; /* bit i: option i was */
} option_group;

/* target of `rows`, an array */
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

/* Parses argv[2 ..] into structs that hold the defaults already, and checks ranges.  Returns -1 to go on, otherwise the
 * exit code (help was printed, or a mistake named). */
int options_parse(const option_set *set, int argc, char **argv);
int usage_error(const char *command, const char *text, const char *what);

void options_default(const option_group *group); /* of a command's own struct: numbers, switches and choices */
bool option_given(const option_group *group, const char *name);
void options_copy_given(const option_group *group, void *to); /* another struct of the same type */

/* Exactly `count` numbers of digits alone with `separator` between them, such as 3-8. */
bool parse_ints(const char *text, char separator, int32_t *out, size_t count);

/* The library's rows, for a struct that its *_defaults() or pal_options_default made. */
option_group infill_group(pal_infill_options *target);
option_group generate_group(pal_generate_options *target);
option_group sequence_group(pal_sequence_options *target);
option_group score_group(pal_score_options *target);
option_group image_group(pal_image_options *target);
option_group likelihood_group(pal_likelihood_options *target);

/* ---- rows of a command's own struct ------------------------------------------------------------------ */

/* clang-format off */

/* As a row of option_rows.h. */
#define OPTION(type, name, field, kind, range, standard, note, help) \
    {name, OPTION_VALUE_##range, OPTION_STANDARD_##standard, note, help, \
     PAL_OPTION(type, name, field, kind, range, standard, note), OPTION_NAMING_##range, NULL}

#define FLAG_OPTION(type, name, field, help) OPTION(type, name, field, FLAG, ANY, IS(0), "", help)

#define TEXT_OPTION(type, name, field, value, help) \
    {name, value, NULL, "", help, {offsetof(type, field), OPTION_TEXT, 0, NULL, 0.0, 0.0, 0.0}, NULL, NULL}

#define CALL_OPTION(name, value, call, help) {name, value, NULL, "", help, {0, OPTION_CALL, 0, NULL, 0.0, 0.0, 0.0}, NULL, call}

/* Those that most commands have. */
#define MODEL_OPTION(type, field, what) TEXT_OPTION(type, "m", field, "MODEL", "the model file (" what ")")
#define ISA_OPTION(type, field) TEXT_OPTION(type, "isa", field, "NAME", "instruction set of the kernels (default: the best)")

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
