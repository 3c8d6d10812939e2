/* lab.h - the calculations behind the charts of the view Lab (internal).
 *
 * A calculation takes numbers (options), works in steps of a few hundredths of a second, and leaves numbers (figures): so the page can
 * show how far it is, stop it, and draw what there is.  Each is one file here and a row in kinds.c; its comment says what
 * its figures are.  Samplers, noise and likelihoods are those of the engine (src/text, src/image): what is written here is
 * the small world in which they run, and what is measured.
 *
 *   if (pal_lab_bytes(kind, options, count, &bytes, &err)) report(err.text);
 *   pal_lab *job = pal_lab_init(kind, options, malloc(bytes));
 *   while (pal_lab_step(job)) show(job->done);
 *   plot(job->figures[0].values, job->figures[0].count);
 *
 * The same options give the same bits on every target. */
#ifndef PAL_LAB_H
#define PAL_LAB_H

#include "../core/core.h"

/* PAL_LAB_STRUCT: no struct of a calculation is larger; its arrays are in the arena. */
enum { PAL_LAB_OPTIONS = 12, PAL_LAB_FIGURES = 32, PAL_LAB_STRUCT = 16384 };

typedef struct {
    const char *name;
    double least, most, initial;
    bool whole;
} pal_lab_option;

typedef struct {
    double *values; /* [count] */
    int32_t count;
} pal_lab_figures;

typedef struct pal_lab pal_lab;

typedef struct {
    const char *name;
    const pal_lab_option *options;
    int32_t option_count;
    size_t bytes; /* of its struct, which begins with a pal_lab; at most PAL_LAB_STRUCT */
    /* Measures or places arrays and figures; the options are checked, the rest of the struct is zero. */
    void (*layout)(pal_lab *job, pal_arena *arena);
    void (*start)(pal_lab *job);
    void (*step)(pal_lab *job); /* works a little; sets job->done */
} pal_lab_kind;

struct pal_lab {
    const pal_lab_kind *kind;
    double option[PAL_LAB_OPTIONS];
    double done; /* share of the work that is done; 1: the figures are complete */
    pal_lab_figures figures[PAL_LAB_FIGURES];
};

/* NULL: there is none of this name. */
const pal_lab_kind *pal_lab_find(const char *name);

/* The bytes that a job needs.  A NaN among the options stands for its default.  PAL_E_OPTION, with the number of the option
 * as offset: it is out of range, or not whole. */
pal_status pal_lab_bytes(const pal_lab_kind *kind, const double *options, int32_t count, size_t *bytes, pal_error *err);

/* Starts a job in a block of that size, for which pal_lab_bytes must have succeeded with the same options.  The block is
 * the caller's, who frees it. */
pal_lab *pal_lab_init(const pal_lab_kind *kind, const double *options, int32_t count, void *block);

/* Works for some hundredths of a second; false: nothing is left to do. */
bool pal_lab_step(pal_lab *job);

/* ---- for calculations ---- */

/* Takes an array for figures. */
void pal_lab_take(pal_lab *job, pal_arena *arena, int which, int32_t count);

static inline uint64_t pal_lab_whole(const pal_lab *job, int option)
{
    return (uint64_t)job->option[option];
}

extern const pal_lab_kind pal_lab_exactness, pal_lab_chain, pal_lab_density, pal_lab_steps, pal_lab_histogram,
    pal_lab_alarm, pal_lab_race, pal_lab_field;

#endif
