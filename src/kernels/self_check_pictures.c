/* self_check_pictures.c - the digest of the kernels that only pictures use, like self_check.c for the others.  It is
 * separate so that an engine for texts does not contain it. */
#include "self_check.h"

#include <string.h>

enum { ROWS = 3, MAX_DIM = 75, FLOATS = ROWS * MAX_DIM, RESULTS = 2 * MAX_DIM + 3 * FLOATS };

/* Runs all kernels once and stores their results in y [RESULTS]. */
static void run(const pal_kernels *k, float *y, const float *x, const float *factor, const float *addend, int dim)
{
    const size_t count = (size_t)ROWS * (size_t)dim;
    float *squares = y + MAX_DIM, *moved = squares + MAX_DIM, *silu = moved + FLOATS, *alone = silu + FLOATS;
    memset(y, 0, RESULTS * sizeof *y);
    k->column_sums(y, x, ROWS, dim);
    k->column_squares(squares, x, addend, ROWS, dim);
    k->scale_shift(moved, x, factor, addend, ROWS, dim);
    k->scale_shift_silu(silu, x, factor, addend, ROWS, dim);
    memcpy(alone, x, count * sizeof *x);
    k->silu(alone, count);
}

uint32_t pal_kernels_digest_pictures(const pal_kernels *k)
{
    float results[RESULTS], x[FLOATS], factor[MAX_DIM], addend[MAX_DIM];
    uint32_t state = 1, digest = 0; /* the same generator as in self_check.c */
    for (int dim = 1; dim <= MAX_DIM; dim += dim < 9 ? 1 : 11) {
        for (int i = 0; i < FLOATS; i++) {
            state = state * 1664525u + 1013904223u;
            const float u = (float)(state >> 8) * 0x1p-23f - 1.0f;
            x[i] = dim % 3 ? u * 8.0f : u * 120.0f;
            factor[i % MAX_DIM] = u * 1.5f;
            addend[i % MAX_DIM] = 0.5f - u;
        }
        run(k, results, x, factor, addend, dim);
        digest = pal_digest_add(digest, results, RESULTS);
    }
    return digest;
}

bool pal_self_check_pictures(unsigned isa)
{
    pal_kernels best, reference;
    pal_kernels_init(&best, isa);
    pal_kernels_add_pictures(&best);
    pal_kernels_init(&reference, PAL_ISA_REF);
    pal_kernels_add_pictures(&reference);
    return pal_kernels_digest_pictures(&best) == PAL_DIGEST_PICTURES &&
           pal_kernels_digest_pictures(&reference) == PAL_DIGEST_PICTURES;
}
