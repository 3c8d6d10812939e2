/* kernel_inputs.h - hostile inputs for kernels, and comparison of variants with their reference.
 *
 * Inputs come from a fixed seed, which PAL_SEED in the environment replaces.  They are in heap blocks of the exact
 * size, at odd addresses, so a sanitizer sees any access outside of them.  Outputs are first filled with one bits,
 * which read as NaN, so an element that was not written is found.
 *
 * Include after cmocka.h, in one translation unit per program. */
#ifndef PAL_KERNEL_INPUTS_H
#define PAL_KERNEL_INPUTS_H

#include "core/math.h"
#include "core/random.h"
#include "gguf/gguf.h"
#include "kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define HALF_ULP     0x1p-24 /* relative error of one rounding to float */

/* ---- inputs ------------------------------------------------------------- */

static uint64_t seed = 1;
static uint32_t drawn;

static inline double uniform(void)
{
    return pal_uniform(seed, PAL_DRAW_TOKEN, 0, 0, drawn++);
}

static inline int below(int n)
{
    return (int)(uniform() * n);
}

/* A heap block that ends exactly at the end of its contents and starts at a multiple of `unit` bytes off alignment. */
typedef struct {
    unsigned char *block;
    void *data;
    size_t bytes;
} test_array;

static inline test_array take(size_t count, size_t size, size_t unit)
{
    size_t skew = unit * (size_t)below(8);
    test_array r = {malloc(count * size + skew), NULL, count * size};
    assert_non_null(r.block);
    r.data = r.block + skew;
    memset(r.data, 0xff, r.bytes);
    return r;
}

static inline void drop(test_array *r)
{
    free(r->block);
}

/* RANGE covers all magnitudes that a sum can hold; the others are extremes of the formats. */
typedef enum { RANDOM, MAX, MIN, ZERO, DENORMAL, HUGE_VALUES, ALTERNATING, RANGE, FILLS } fill;

static const char *const fill_name[FILLS] = {"random",   "max",  "min",         "zero",
                                             "denormal", "huge", "alternating", "range"};

/* largest: the magnitude used by `max`, `min` and `alternating`. */
static inline float fill_float(fill kind, int i, float largest)
{
    float u = (float)(2 * uniform() - 1);
    switch (kind) {
    case MAX: return largest;
    case MIN: return -largest;
    case ZERO: return i % 3 ? 0.0f : -0.0f;
    case DENORMAL: return u * 0x1p-130f;
    case HUGE_VALUES: return u * 0x1p60f;
    case ALTERNATING: return i % 2 ? -largest : largest;
    case RANGE: return u * (float)ldexp(1, below(80) - 40);
    default: return u;
    }
}

static inline test_array floats(fill kind, size_t count, float largest)
{
    test_array r = take(count, sizeof(float), sizeof(float));
    float *x = r.data;
    for (size_t i = 0; i < count; i++) x[i] = fill_float(kind, (int)i, largest);
    return r;
}

/* ---- comparison --------------------------------------------------------- */

static pal_kernels reference;

static const unsigned variants[] = {PAL_ISA_SIMD128, PAL_ISA_SIMD128 | PAL_ISA_RELAXED, PAL_ISA_AVX2,
                                    PAL_ISA_AVX2 | PAL_ISA_VNNI};

/* Fills *k with the next variant that this machine supports; *at starts at 0. */
static inline bool next_variant(pal_kernels *k, size_t *at)
{
    while (*at < COUNT(variants)) {
        unsigned isa = variants[(*at)++];
        if ((pal_cpu_isa() & isa) != isa) continue;
        pal_kernels_init(k, isa);
        return true;
    }
    return false;
}

static inline void skip_without_variants(void)
{
    if (pal_cpu_isa() != PAL_ISA_REF) return;
    print_message("no vector variant on this machine: nothing to compare with the reference\n");
    skip();
}

/* Fails, with the position, unless the bits are equal. */
static inline void expect_same(const test_array *expected, const test_array *got, unsigned isa, const char *what)
{
    const unsigned char *a = expected->data, *b = got->data;
    if (memcmp(a, b, expected->bytes) == 0) return;
    size_t i = 0;
    while (a[i] == b[i]) i++;
    fail_msg("%s, %s: first difference in byte %zu of %zu, seed %llu", what, pal_isa_name(isa), i, expected->bytes,
             (unsigned long long)seed);
}

/* |got - expected| <= bound; false for a NaN. */
static inline void expect_near(double got, double expected, double bound, const char *what)
{
    if (fabs(got - expected) <= bound) return;
    fail_msg("%s: %.9g instead of %.9g, allowed %.3g, seed %llu", what, got, expected, bound, (unsigned long long)seed);
}

/* Reads the seed, prints the variants that run, and makes the reference; call before the tests. */
static inline void kernel_inputs_init(void)
{
    const char *text = getenv("PAL_SEED");
    if (text != NULL) seed = strtoull(text, NULL, 0);
    print_message("seed %llu, isa mask 0x%x (%s)\n", (unsigned long long)seed, pal_cpu_isa(),
                  pal_isa_name(pal_cpu_isa()));
    pal_kernels_init(&reference, PAL_ISA_REF);
}

static inline void put_half(unsigned char *bytes, uint16_t half)
{
    bytes[0] = (unsigned char)(half & 255);
    bytes[1] = (unsigned char)(half >> 8);
}

#endif
