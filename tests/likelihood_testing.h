/* likelihood_testing.h - data with two modes, for test_image_likelihood.c and test_image_bound.c. */
#ifndef PAL_LIKELIHOOD_TESTING_H
#define PAL_LIKELIHOOD_TESTING_H

#include "image/guidance.h"
#include "image/likelihood.h"
#include "image/transition.h"
#include "mixture.h"

static unsigned char block[1 << 14];
static pal_schedule discrete, continuous;

static inline int set_up(void **state)
{
    (void)state;
    pal_arena arena = pal_arena_in(block);
    if (pal_schedule_layout(&discrete, 1000, &arena, NULL) || pal_schedule_linear(&discrete, 1e-4, 0.02, NULL))
        return 1;
    return pal_schedule_vp(&continuous, 0.1, 20.0, 1e-3, NULL) ? 1 : 0;
}

enum { SIZE = 8, ROWS = 6 };

/* Rows near the two modes of eight elements, and one between them. */
static inline void rows_of_two_modes(float *x)
{
    pal_normals(3, PAL_NOISE_START, 0, 0, ROWS * SIZE, x);
    for (int row = 0; row < ROWS; row++)
        for (int i = 0; i < SIZE; i++) {
            double mean = row == ROWS - 1 ? 0.05 : row % 2 ? 0.4 : -0.4;
            x[row * SIZE + i] = (float)(mean + 0.3 * (double)x[row * SIZE + i]);
        }
}

#endif
