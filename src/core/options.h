/* options.h - the table of options: defaults, range checks, and values from JavaScript or the command line (internal).
 *
 * The rows are in option_rows.h.  A condition on several options, or on the model, cannot be a row: it is a pal_rule
 * next to the code that uses the options. */
#ifndef PAL_OPTIONS_H
#define PAL_OPTIONS_H

#include "core.h"
#include "option_rows.h"

#include <math.h>

typedef enum {
    PAL_OPTION_FLAG,   /* bool */
    PAL_OPTION_INT,    /* int32_t */
    PAL_OPTION_COUNT,  /* uint32_t */
    PAL_OPTION_SEED,   /* uint64_t; any value is valid */
    PAL_OPTION_NUMBER, /* double */
    PAL_OPTION_CHOICE  /* an enum with values from 0 on */
} pal_option_kind;

typedef enum { PAL_RANGE_ANY, PAL_RANGE_BETWEEN, PAL_RANGE_ABOVE, PAL_RANGE_EITHER } pal_option_range;

typedef struct {
    uint16_t offset; /* in the struct of options */
    uint8_t kind, range;
    const char *must; /* the condition, as an error message; NULL with PAL_RANGE_ANY */
    double min, max, standard;
} pal_option;

/* A table of rows, and the size of the struct that they describe. */
typedef struct {
    const pal_option *rows;
    size_t count, bytes; /* of the struct */
} pal_options;

extern const pal_options pal_infill_table, pal_generate_table, pal_sequence_table, pal_score_table, pal_image_table,
    pal_likelihood_table;

/* Sets every field that has a row to its default. */
void pal_options_default(const pal_options *table, void *options);

/* Returns PAL_E_OPTION with the message of the first row whose value is neither in its range nor the default. */
pal_status pal_options_check(const pal_options *table, const void *options, pal_error *err);

bool pal_option_is_good(const pal_option *row, double value);      /* in its range, or its default */
double pal_option_get(const pal_option *row, const void *options); /* a seed is rounded */

/* Stores the nearest value that the field can hold.  A number far out of range stays out of range, so that the check
 * refuses it.  NaN is stored as the smallest value in fields that cannot hold it. */
void pal_option_set(const pal_option *row, void *options, double value);

/* Reads values[count], one per row, as JavaScript passes them.  NaN leaves a field unchanged.  The value of a seed is
 * its 64 bits, not a number. */
void pal_options_read(const pal_options *table, const double *values, void *options);

void pal_option_copy(const pal_option *row, const void *from, void *to);

/* ---- rules ------------------------------------------------------------------------------------------ */

typedef struct {
    bool good;
    const char *text; /* the condition, as an error message */
} pal_rule;

/* Returns PAL_E_OPTION with the message of the first rule that is broken. */
pal_status pal_check_rules(const pal_rule *rules, size_t count, pal_error *err);

static inline bool pal_between(double x, double low, double high)
{
    return x >= low && x <= high; /* false for NaN */
}

/* ---- how a row of option_rows.h becomes a pal_option ------------------------------------------------- */

/* clang-format off */
#define PAL_RANGE_OF_ANY                PAL_RANGE_ANY
#define PAL_RANGE_OF_BETWEEN(a, b)      PAL_RANGE_BETWEEN
#define PAL_RANGE_OF_ABOVE(a, b)        PAL_RANGE_ABOVE
#define PAL_RANGE_OF_FROM(a)            PAL_RANGE_BETWEEN
#define PAL_RANGE_OF_EITHER(a, b)       PAL_RANGE_EITHER
#define PAL_RANGE_OF_NAMED(count, name) PAL_RANGE_BETWEEN
#define PAL_RANGE_OF_WORDS(max, a, b)  PAL_RANGE_BETWEEN

#define PAL_MUST_ANY
#define PAL_MUST_BETWEEN(a, b)      " must be between " #a " and " #b
#define PAL_MUST_ABOVE(a, b)        " must be above " #a " and at most " #b
#define PAL_MUST_FROM(a)            " must be at least " #a
#define PAL_MUST_EITHER(a, b)       " must be " #a " or " #b
#define PAL_MUST_NAMED(count, name) " must be one of the known values"
#define PAL_MUST_WORDS(max, a, b)  " must be " a " or " b

#define PAL_MIN_ANY                0.0
#define PAL_MIN_BETWEEN(a, b)      a
#define PAL_MIN_ABOVE(a, b)        a
#define PAL_MIN_FROM(a)            a
#define PAL_MIN_EITHER(a, b)       a
#define PAL_MIN_NAMED(count, name) 0.0
#define PAL_MIN_WORDS(max, a, b)  0.0

#define PAL_MAX_ANY                0.0
#define PAL_MAX_BETWEEN(a, b)      b
#define PAL_MAX_ABOVE(a, b)        b
#define PAL_MAX_FROM(a)            (double)INFINITY
#define PAL_MAX_EITHER(a, b)       b
#define PAL_MAX_NAMED(count, name) ((count) - 1)
#define PAL_MAX_WORDS(max, a, b)  max

#define PAL_STANDARD_IS(value)         value
#define PAL_STANDARD_SAID(value, text) value

#define PAL_OPTION(type, name, field, kind, range, standard, note) \
    {offsetof(type, field), PAL_OPTION_##kind, PAL_RANGE_OF_##range, \
     PAL_RANGE_OF_##range ? name PAL_MUST_##range note : NULL, PAL_MIN_##range, PAL_MAX_##range, PAL_STANDARD_##standard}
/* clang-format on */

#endif
