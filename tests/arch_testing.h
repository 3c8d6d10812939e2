/* arch_testing.h - the networks of tests/golden/arch and their logits, for test_arch.c and test_arch_files.c. */
#ifndef PAL_ARCH_TESTING_H
#define PAL_ARCH_TESTING_H

#include "model_testing.h"

static const char *const networks[] = {"llama-tied", "llama-bias", "llama-factors", "llama-linear",
                                       "qwen2",      "qwen3",      "gpt2"};
enum { NETWORKS = sizeof networks / sizeof *networks };

static const char *const isas[] = {"scalar", "simd128", "relaxed", "avx2", "avx512vnni"};
enum { ISAS = sizeof isas / sizeof *isas };

/* A file in memory, 64-byte aligned. */
typedef struct {
    unsigned char *data;
    size_t size;
    void *block;
} file;

static inline file aligned_file(buffer b)
{
    file f = {.size = b.size};
    f.data = aligned_copy(&f.block, b.data, b.size);
    free(b.data);
    return f;
}

static inline file read_golden(const char *name, const char *extension)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/arch/%s.%s", name, extension);
    return aligned_file(read_whole(path));
}

/* Number of logits in a .bin file. */
typedef struct {
    int32_t n, columns;
    const int32_t *tokens, *column;
    const double *logits; /* [n, columns] */
    file file;
} golden;

static inline golden golden_of(const char *name)
{
    golden g = {.file = read_golden(name, "bin")};
    const int32_t *head = (const int32_t *)(const void *)(g.file.data + 8);
    assert_memory_equal(g.file.data, "PALARCH1", 8);
    g.n = head[0];
    g.columns = head[1];
    g.tokens = head + 2;
    g.column = g.tokens + g.n;
    const size_t start = 8 + 4 * (size_t)(2 + g.n + g.columns);
    assert_int_equal(g.file.size, start + 8 * (size_t)g.n * (size_t)g.columns);
    double *logits = malloc(g.file.size - start); /* they need not be aligned in the file */
    assert_non_null(logits);
    memcpy(logits, g.file.data + start, g.file.size - start);
    g.logits = logits;
    return g;
}

static inline void golden_drop(golden *g)
{
    free((void *)(uintptr_t)g->logits);
    free(g->file.block);
}

/* Returns the logits [n, vocabulary] of all positions. */
static inline float *logits_of(const pal_model *m, const int32_t *tokens, int32_t n, size_t vocabulary)
{
    float *logits = malloc((size_t)n * vocabulary * sizeof *logits);
    int32_t *at = malloc((size_t)n * sizeof *at);
    pal_error err = {0};
    assert_true(logits && at);
    for (int32_t i = 0; i < n; i++) at[i] = i;
    if (pal_logits(m, tokens, n, at, n, logits, &err)) fail_msg("%s", err.text);
    free(at);
    return logits;
}

/* Checks that every instruction set of this machine gives the logits of the scalar code.  Returns these; free them. */
static inline float *same_on_every_isa(pal_model *m, const int32_t *tokens, int32_t n, size_t vocabulary,
                                       const char *what)
{
    assert_int_equal(pal_model_use_isa(m, "scalar", NULL), PAL_OK);
    float *scalar = logits_of(m, tokens, n, vocabulary);
    for (int i = 1; i < ISAS; i++) {
        if (pal_model_use_isa(m, isas[i], NULL)) continue;
        float *other = logits_of(m, tokens, n, vocabulary);
        if (memcmp(scalar, other, (size_t)n * vocabulary * sizeof *other)) fail_msg("%s: %s differs", what, isas[i]);
        free(other);
    }
    return scalar;
}

#endif
