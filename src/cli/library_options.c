/* library_options.c - the library's options for the command line: the rows of core/option_rows.h with their help. */
#include "options.h"

/* clang-format off */

/* Naming functions take enums of different types.  These wrappers of them all have the same type. */
#define WRAP(where, name, field, kind, range, standard, note, help) WRAP_##range
#define WRAP_ANY
#define WRAP_BETWEEN(a, b)
#define WRAP_ABOVE(a, b)
#define WRAP_FROM(a)
#define WRAP_EITHER(a, b)
#define WRAP_WORDS(max, a, b)
#define WRAP_NAMED(count, name) static const char *name##_at(int32_t value) { return name(value); }

PAL_INFILL_ROWS(WRAP)
PAL_SEQUENCE_ROWS(WRAP)
PAL_SCORE_ROWS(WRAP)

#define BOTH(...) OPTION(__VA_ARGS__),
#define LIBRARY(...)

#define INFILL(where, ...) where(pal_infill_options, __VA_ARGS__)
#define GENERATE(where, ...) where(pal_generate_options, __VA_ARGS__)
#define SEQUENCE(where, ...) where(pal_sequence_options, __VA_ARGS__)
#define SCORE(where, ...) where(pal_score_options, __VA_ARGS__)
#define IMAGE(where, ...) where(pal_image_options, __VA_ARGS__)
#define LIKELIHOOD(where, ...) where(pal_likelihood_options, __VA_ARGS__)

static const option infill[] = {PAL_INFILL_ROWS(INFILL)};
static const option generate[] = {PAL_GENERATE_ROWS(GENERATE)};
static const option sequence[] = {PAL_SEQUENCE_ROWS(SEQUENCE)};
static const option score[] = {PAL_SCORE_ROWS(SCORE)};
static const option image[] = {PAL_IMAGE_ROWS(IMAGE)};
static const option likelihood[] = {PAL_LIKELIHOOD_ROWS(LIKELIHOOD)};

/* clang-format on */

option_group infill_group(pal_infill_options *target)
{
    return (option_group)OPTION_GROUP(infill, target);
}

option_group generate_group(pal_generate_options *target)
{
    return (option_group)OPTION_GROUP(generate, target);
}

option_group sequence_group(pal_sequence_options *target)
{
    return (option_group)OPTION_GROUP(sequence, target);
}

option_group score_group(pal_score_options *target)
{
    return (option_group)OPTION_GROUP(score, target);
}

option_group image_group(pal_image_options *target)
{
    return (option_group)OPTION_GROUP(image, target);
}

option_group likelihood_group(pal_likelihood_options *target)
{
    return (option_group)OPTION_GROUP(likelihood, target);
}
