/* self_check_pictures.c - the kernels that only pictures use against their references, as self_check.c does it for the
 * others; by itself, so that an engine for texts does not carry them. */
#include "kernels.h"
#include "self_check.h"

#include <string.h>

enum { ROWS = 3, MOST_DIM = 75, FLOATS = ROWS * MOST_DIM, RESULTS = 2 * MOST_DIM + 3 * FLOATS };

/* All kernels once, their results one after the other in y [RESULTS]. */
static void run(const pal_kernels *k, float *y, const float *x, const float *factor, const float *addend, int dim)
{
    const size_t count = (size_t)ROWS * (size_t)dim;
    float *squares = y + MOST_DIM, *moved = squares + MOST_DIM, *silu = moved + FLOATS, *alone = silu + FLOATS;
    memset(y, 0, RESULTS * sizeof *y);
    k->column_sums(y, x, ROWS, dim);
    k->column_squares(squares, x, addend, ROWS, dim);
    k->scale_shift(moved, x, factor, addend, ROWS, dim);
    k->scale_shift_silu(silu, x, factor, addend, ROWS, dim);
    memcpy(alone, x, count * sizeof *x);
    k->silu(alone, count);
}

static bool same(const float *a, const float *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

bool pal_self_check_pictures(unsigned isa)
{
    pal_kernels best, reference;
    float got[RESULTS], expected[RESULTS], x[FLOATS], factor[MOST_DIM], addend[MOST_DIM];
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
        run(&best, got, x, factor, addend, dim);
        run(&reference, expected, x, factor, addend, dim);
        if (!same(got, expected, RESULTS)) return false;
    }
    return true;
}
