/* options.c - the tables of options, and reading, writing and checking their values. */
#include "options.h"

#include <string.h>

/* ---- the tables ------------------------------------------------------------------------------------- */

#define INFILL(where, name, field, kind, range, standard, note, help)                                                  \
    PAL_OPTION(pal_infill_options, name, field, kind, range, standard, note),
#define GENERATE(where, name, field, kind, range, standard, note, help)                                                \
    PAL_OPTION(pal_generate_options, name, field, kind, range, standard, note),
#define SEQUENCE(where, name, field, kind, range, standard, note, help)                                                \
    PAL_OPTION(pal_sequence_options, name, field, kind, range, standard, note),
#define SCORE(where, name, field, kind, range, standard, note, help)                                                   \
    PAL_OPTION(pal_score_options, name, field, kind, range, standard, note),
#define IMAGE(where, name, field, kind, range, standard, note, help)                                                   \
    PAL_OPTION(pal_image_options, name, field, kind, range, standard, note),
#define LIKELIHOOD(where, name, field, kind, range, standard, note, help)                                              \
    PAL_OPTION(pal_likelihood_options, name, field, kind, range, standard, note),

static const pal_option infill[] = {PAL_INFILL_ROWS(INFILL)}, generate[] = {PAL_GENERATE_ROWS(GENERATE)},
                        sequence[] = {PAL_SEQUENCE_ROWS(SEQUENCE)}, score[] = {PAL_SCORE_ROWS(SCORE)},
                        image[] = {PAL_IMAGE_ROWS(IMAGE)}, likelihood[] = {PAL_LIKELIHOOD_ROWS(LIKELIHOOD)};

#define TABLE(rows, type)                                                                                              \
    {                                                                                                                  \
        rows, sizeof(rows) / sizeof *(rows), sizeof(type)                                                              \
    }
const pal_options pal_infill_table = TABLE(infill, pal_infill_options);
const pal_options pal_generate_table = TABLE(generate, pal_generate_options);
const pal_options pal_sequence_table = TABLE(sequence, pal_sequence_options);
const pal_options pal_score_table = TABLE(score, pal_score_options);
const pal_options pal_image_table = TABLE(image, pal_image_options);
const pal_options pal_likelihood_table = TABLE(likelihood, pal_likelihood_options);

/* ---- values ----------------------------------------------------------------------------------------- */

_Static_assert(sizeof(pal_sampler) == sizeof(int32_t), "a choice is read and written as an int32_t");

static size_t size_of(const pal_option *row)
{
    switch (row->kind) {
    case PAL_OPTION_FLAG: return sizeof(bool);
    case PAL_OPTION_SEED: return sizeof(uint64_t);
    case PAL_OPTION_NUMBER: return sizeof(double);
    default: return sizeof(int32_t);
    }
}

void pal_option_copy(const pal_option *row, const void *from, void *to)
{
    memcpy((char *)to + row->offset, (const char *)from + row->offset, size_of(row));
}

double pal_option_get(const pal_option *row, const void *options)
{
    const void *field = (const char *)options + row->offset;
    switch (row->kind) {
    case PAL_OPTION_FLAG: return *(const bool *)field;
    case PAL_OPTION_COUNT: return *(const uint32_t *)field;
    case PAL_OPTION_SEED: return (double)*(const uint64_t *)field;
    case PAL_OPTION_NUMBER: return *(const double *)field;
    default: return *(const int32_t *)field;
    }
}

static int32_t nearest_int(double x)
{
    return x >= (double)INT32_MAX ? INT32_MAX : x > (double)INT32_MIN ? (int32_t)x : INT32_MIN;
}

static uint32_t nearest_count(double x)
{
    return x >= (double)UINT32_MAX ? UINT32_MAX : x > 0.0 ? (uint32_t)x : 0;
}

/* UINT64_MAX is not a double: the first double that does not fit is 2^64. */
static uint64_t nearest_seed(double x)
{
    return x >= 0x1p64 ? UINT64_MAX : x > 0.0 ? (uint64_t)x : 0;
}

void pal_option_set(const pal_option *row, void *options, double value)
{
    void *field = (char *)options + row->offset;
    switch (row->kind) {
    case PAL_OPTION_FLAG: *(bool *)field = value < 0.0 || value > 0.0; break;
    case PAL_OPTION_COUNT: *(uint32_t *)field = nearest_count(value); break;
    case PAL_OPTION_SEED: *(uint64_t *)field = nearest_seed(value); break;
    case PAL_OPTION_NUMBER: *(double *)field = value; break;
    default: *(int32_t *)field = nearest_int(value);
    }
}

/* ---- tables of values ------------------------------------------------------------------------------- */

void pal_options_default(const pal_options *table, void *options)
{
    for (size_t i = 0; i < table->count; i++) pal_option_set(&table->rows[i], options, table->rows[i].standard);
}

void pal_options_read(const pal_options *table, const double *values, void *options)
{
    for (size_t i = 0; i < table->count; i++) {
        const pal_option *row = &table->rows[i];
        if (row->kind == PAL_OPTION_SEED)
            memcpy((char *)options + row->offset, &values[i], sizeof(uint64_t));
        else if (!isnan(values[i]))
            pal_option_set(row, options, values[i]);
    }
}

static bool is_in_range(const pal_option *row, double x)
{
    const bool min = !(x < row->min) && !(x > row->min), max = !(x < row->max) && !(x > row->max);
    switch (row->range) {
    case PAL_RANGE_BETWEEN: return x >= row->min && x <= row->max;
    case PAL_RANGE_ABOVE: return x > row->min && x <= row->max;
    case PAL_RANGE_EITHER: return min || max;
    default: return true;
    }
}

bool pal_option_is_good(const pal_option *row, double x)
{
    const bool standard = !isnan(x) && !(x < row->standard) && !(x > row->standard);
    return standard || is_in_range(row, x);
}

pal_status pal_options_check(const pal_options *table, const void *options, pal_error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const pal_option *row = &table->rows[i];
        if (!pal_option_is_good(row, pal_option_get(row, options)))
            return pal_fail(err, PAL_E_OPTION, row->must, SIZE_MAX);
    }
    return PAL_OK;
}

pal_status pal_check_rules(const pal_rule *rules, size_t count, pal_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!rules[i].good) return pal_fail(err, PAL_E_OPTION, rules[i].text, SIZE_MAX);
    return PAL_OK;
}

/* ---- palimpsest.h ----------------------------------------------------------------------------------- */

pal_infill_options pal_infill_defaults(void)
{
    pal_infill_options o = {0};
    pal_options_default(&pal_infill_table, &o);
    return o;
}

pal_generate_options pal_generate_defaults(void)
{
    pal_generate_options o = {0};
    pal_options_default(&pal_generate_table, &o);
    return o;
}

pal_sequence_options pal_sequence_defaults(void)
{
    pal_sequence_options o = {0};
    pal_options_default(&pal_sequence_table, &o);
    return o;
}
