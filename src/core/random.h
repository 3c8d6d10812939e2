/* random.h - counter-based random numbers (internal).
 *
 * Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).  A draw has
 * an address and does not come from a stream: the same (seed, purpose, draft, step, position) always gives the same
 * number, regardless of earlier draws. */
#ifndef PAL_RANDOM_H
#define PAL_RANDOM_H

#include <stdint.h>

/* What a draw decides.  Add new purposes at the end. */
typedef enum {
    PAL_DRAW_TOKEN,    /* which token a position gets */
    PAL_DRAW_POSITION, /* which position is revealed next */
    PAL_DRAW_REVEAL,   /* whether a position is revealed in this time step */
    PAL_DRAW_REMASK,   /* whether a revealed position is masked again */
    PAL_DRAW_SUBSET,   /* which positions a likelihood estimate masks */
    PAL_DRAW_ACCEPT,   /* whether a drafted token is accepted */
    PAL_DRAW_REPLACE,  /* which token takes the place of one that was not */
    PAL_DRAW_BOARD,    /* a board of Sudoku: its digits, what is removed, symmetries */
    PAL_DRAW_NOISE,    /* which piece a place holds at first, if the noise is uniform */
    PAL_DRAW_RACE,     /* the key of a race (text/race.h) */
    PAL_DRAW_LAB       /* what the calculations of the Lab draw themselves (src/lab) */
} pal_purpose;

/* One block of the generator: four words. */
void pal_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

/* A double in [0, 1) with 53 random bits. key = seed (low word first), counter = (position, step, draft, purpose); the
 * first output word gives the upper 32 bits, the second the lower 21 bits. */
double pal_uniform(uint64_t seed, pal_purpose purpose, uint32_t draft, uint32_t step, uint32_t position);

#endif
