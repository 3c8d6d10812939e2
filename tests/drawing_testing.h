/* drawing_testing.h - a schedule and data to draw from, for test_image_drawing.c and test_image_guidance.c. */
#ifndef PAL_DRAWING_TESTING_H
#define PAL_DRAWING_TESTING_H

#include "image/guidance.h"
#include "mixture.h"

static unsigned char block[1 << 14];
static pal_schedule discrete;
static mixture data; /* the reference data on 1000 linear steps, with its table */

static inline int set_up(void **state)
{
    (void)state;
    pal_arena arena = pal_arena_in(block);
    if (pal_schedule_layout(&discrete, 1000, &arena, NULL) || pal_schedule_linear(&discrete, 1e-4, 0.02, NULL))
        return 1;
    data = mixture_reference(&discrete);
    mixture_measure_gamma(&data);
    return 0;
}

#endif
