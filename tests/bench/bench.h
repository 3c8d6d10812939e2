/* bench.h - shared by the files of the kernel bench.
 *
 * A rate is only useful next to the machine's peak rate with the same instructions, so every line has this ceiling,
 * measured in the same run.  No timing here is a test. */
#ifndef PAL_BENCH_H
#define PAL_BENCH_H

#include "kernels/kernels.h"

/* One call of the measured function.  Engines optimise functions that are called often, so a call is short (well below
 * a tenth of a second) and is made many times. */
typedef void bench_call(void *state);

/* Median seconds per call: batches of at least 20 ms (browsers' clocks are coarse), after a warm-up that gives engines
 * time to compile in the background. */
double bench_seconds(bench_call *call, void *state);

/* ---- ceilings ----------------------------------------------------------- */

/* What limits a kernel. */
typedef enum {
    INTEGER, /* multiply-adds of 8-bit integers or wider, into 32 bits */
    FLOAT,   /* multiply, then add, of floats */
    STREAM,  /* reading memory that is in no cache */
    CACHE,   /* reading, adding and writing within the first-level cache */
    CEILINGS
} ceiling_kind;

typedef struct {
    ceiling_kind kind;
    unsigned isa; /* all of these are needed, and no better instruction is used */
    const char *name;
    double rate; /* 1e9 multiply-adds or 1e9 bytes per second; 0 until measured */
} ceiling;

/* Measures all that this machine can run; *count is their number.  Returns NULL without memory. */
const ceiling *bench_ceilings(size_t *count);

/* The highest ceiling of a kind that these instruction sets can reach, or NULL. */
const ceiling *bench_ceiling(ceiling_kind kind, unsigned isa);

/* ---- kernels ------------------------------------------------------------ */

/* Whether a kernel of this name was requested. */
typedef bool bench_wanted(const char *name);

/* A line of the table: `units` (multiply-adds or bytes) per call, compared with a ceiling. */
void bench_line(const char *name, const char *shape, unsigned isa, ceiling_kind kind, double units, double seconds);

void bench_products(const pal_kernels *k, bench_wanted *wanted);
void bench_rows(const pal_kernels *k, bench_wanted *wanted);
void bench_pictures(const pal_kernels *k, bench_wanted *wanted);

#endif
