/* main.c - times every kernel of this build in every instruction set of this machine, next to the peak speed of the
 * machine.
 *
 *   bench_kernels [WORD...]     only kernels whose name, or instruction sets whose name, contains one of the words
 *
 * Natively build/release/tests/bench_kernels; in Node and browsers `node tests/engines/run.mjs TARGET --bench`. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCHES = 7 };
#define BATCH_SECONDS 0.02
#define WARM_SECONDS  0.1

static struct {
    char **words;
    int count;
    const ceiling *ceilings;
    size_t ceiling_count;
} bench;

/* ---- time --------------------------------------------------------------- */

/* Processor time of this thread, which other load on the machine affects less.  Browsers only have wall-clock time. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double batch(bench_call *call, void *state, long calls)
{
    double start = now();
    for (long i = 0; i < calls; i++) call(state);
    return now() - start;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_seconds(bench_call *call, void *state)
{
    double seconds[BATCHES], warm = 0.0;
    long calls = 1;
    for (;;) {
        double took = batch(call, state, calls);
        warm += took;
        if (took < BATCH_SECONDS)
            calls *= 2;
        else if (warm >= WARM_SECONDS)
            break;
    }
    for (int i = 0; i < BATCHES; i++) seconds[i] = batch(call, state, calls) / (double)calls;
    qsort(seconds, BATCHES, sizeof *seconds, compare);
    return seconds[BATCHES / 2];
}

/* ---- the table ---------------------------------------------------------- */

const ceiling *bench_ceiling(ceiling_kind kind, unsigned isa)
{
    const ceiling *best = NULL;
    for (size_t i = 0; i < bench.ceiling_count; i++) {
        const ceiling *c = &bench.ceilings[i];
        if (c->kind == kind && (c->isa & isa) == c->isa && (!best || c->rate > best->rate)) best = c;
    }
    return best;
}

static const char *unit(ceiling_kind kind)
{
    return kind == INTEGER || kind == FLOAT ? "GMAC/s" : "GB/s";
}

void bench_line(const char *name, const char *shape, unsigned isa, ceiling_kind kind, double units, double seconds)
{
    const ceiling *top = bench_ceiling(kind, isa);
    double rate = units / seconds * 1e-9;
    printf("%-16s %-26s %-10s %9.2f %-6s", name, shape, pal_isa_name(isa), rate, unit(kind));
    if (top) printf(" %5.0f %% of %s", 100.0 * rate / top->rate, top->name);
    printf("\n");
    fflush(stdout);
}

static bool wanted(const char *name)
{
    if (!bench.count) return true;
    for (int i = 0; i < bench.count; i++)
        if (strstr(name, bench.words[i])) return true;
    return false;
}

static bool all(const char *name)
{
    return name != NULL;
}

int main(int argc, char **argv)
{
    static const unsigned sets[] = {PAL_ISA_REF, PAL_ISA_SIMD128, PAL_ISA_SIMD128 | PAL_ISA_RELAXED, PAL_ISA_AVX2,
                                    PAL_ISA_AVX2 | PAL_ISA_VNNI};
    bench.words = argv + 1;
    bench.count = argc - 1;
    bench.ceilings = bench_ceilings(&bench.ceiling_count);
    if (!bench.ceilings) return 1;
    printf("what this machine can do:\n");
    for (size_t i = 0; i < bench.ceiling_count; i++) {
        const ceiling *c = &bench.ceilings[i];
        printf("%-40s %-10s %9.2f %s\n", c->name, pal_isa_name(c->isa), c->rate, unit(c->kind));
    }
    printf("\nkernels:\n");
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        pal_kernels k;
        if ((sets[i] & pal_cpu_isa()) != sets[i]) continue;
        pal_kernels_init(&k, sets[i]);
        pal_kernels_add_pictures(&k);
        bench_wanted *choice = bench.count && wanted(pal_isa_name(k.isa)) ? all : wanted;
        bench_products(&k, choice);
        bench_rows(&k, choice);
        bench_pictures(&k, choice);
    }
    return 0;
}
