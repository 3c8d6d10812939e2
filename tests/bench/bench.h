/* bench.h - the kernel bench: what its files share.
 *
 * A rate is only worth something beside what the machine could do with the same instructions, so every line names the
 * ceiling it is compared with, measured in the same run.  No timing here is a test. */
#ifndef PAL_BENCH_H
#define PAL_BENCH_H

#include "kernels/kernels.h"

/* One call of what is measured; engines compile functions better the more often they are called, so a call is short
 * (well below a tenth of a second) and is made many times. */
typedef void bench_call(void *state);

/* Median seconds of a call: batches of at least 20 ms (browsers' clocks are coarse), after as long a time of warming
 * up as engines take to compile in the background. */
double bench_seconds(bench_call *call, void *state);

/* ---- ceilings ----------------------------------------------------------- */

/* What limits a kernel. */
typedef enum {
    INTEGER, /* multiply-adds of 8-bit integers or wider, into 32 bits */
    FLOAT,   /* multiply, then add, of floats */
    STREAM,  /* reading memory that no cache holds */
    CACHE,   /* reading, adding and writing what the first-level cache holds */
    CEILINGS
} ceiling_kind;

typedef struct {
    ceiling_kind kind;
    unsigned isa; /* all of these are needed, and no better instruction is used */
    const char *name;
    double rate; /* 1e9 multiply-adds a second, or 1e9 bytes; 0 until measured */
} ceiling;

/* Measures all that this machine can run; *count is how many.  NULL where memory is short. */
const ceiling *bench_ceilings(size_t *count);

/* The highest of a kind that is open to these instruction sets, or NULL. */
const ceiling *bench_ceiling(ceiling_kind kind, unsigned isa);

/* ---- kernels ------------------------------------------------------------ */

/* Says whether a kernel of this name was asked for. */
typedef bool bench_wanted(const char *name);

/* A line of the table: `units` (multiply-adds or bytes) a call, compared with a ceiling. */
void bench_line(const char *name, const char *shape, unsigned isa, ceiling_kind kind, double units, double seconds);

void bench_products(const pal_kernels *k, bench_wanted *wanted);
void bench_rows(const pal_kernels *k, bench_wanted *wanted);
void bench_pictures(const pal_kernels *k, bench_wanted *wanted);

#endif
