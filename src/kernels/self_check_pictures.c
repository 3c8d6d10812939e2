/* self_check_pictures.c - the kernels that only pictures use against their references, as self_check.c does it for the
 * others; by itself, so that an engine for texts does not carry them. */
#include "kernels.h"
#include "self_check.h"

#include <string.h>

enum { ROWS = 3, MOST_DIM = 75, FLOATS = ROWS * MOST_DIM };

typedef struct {
    float sums[MOST_DIM], squares[MOST_DIM], moved[FLOATS], silu[FLOATS], alone[FLOATS];
} results;

/* All kernels once. */
static void run(const pal_kernels *k, results *r, const float *x, const float *factor, const float *addend, int dim)
{
    memset(r, 0, sizeof *r);
    k->column_sums(r->sums, x, ROWS, dim);
    k->column_squares(r->squares, x, addend, ROWS, dim);
    k->scale_shift(r->moved, x, factor, addend, ROWS, dim);
    k->scale_shift_silu(r->silu, x, factor, addend, ROWS, dim);
    memcpy(r->alone, x, (size_t)(ROWS * dim) * sizeof *x);
    k->silu(r->alone, (size_t)(ROWS * dim));
}

bool pal_self_check_pictures(unsigned isa)
{
    pal_kernels best, reference;
    results got, expected;
    float x[FLOATS], factor[MOST_DIM], addend[MOST_DIM];
    uint32_t state = 1; /* the generator of self_check.c */
    pal_kernels_init(&best, isa);
    pal_kernels_add_pictures(&best);
    pal_kernels_init(&reference, PAL_ISA_REF);
    pal_kernels_add_pictures(&reference);
    for (int dim = 1; dim <= MOST_DIM; dim += dim < 9 ? 1 : 11) {
        for (int i = 0; i < FLOATS; i++) {
            state = state * 1664525u + 1013904223u;
            const float u = (float)(state >> 8) * 0x1p-23f - 1.0f;
            x[i] = dim % 3 ? u * 8.0f : u * 120.0f;
            factor[i % MOST_DIM] = u * 1.5f;
            addend[i % MOST_DIM] = 0.5f - u;
        }
        run(&best, &got, x, factor, addend, dim);
        run(&reference, &expected, x, factor, addend, dim);
        if (memcmp(&got, &expected, sizeof got) != 0) return false;
    }
    return true;
}
