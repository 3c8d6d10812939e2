/* race.h - a draw by a race of limited precision, as the code released with SEDD makes it (internal).
 *
 * Every class, the mask among them, gets a random number u of 24 bits, and the largest w / (1e-10 - log(u + 1e-10)) in
 * floats wins.  Of a class with a small share next to a mask with nearly all, most wins are lost: with c = 2^24 w / w_mask
 * it wins with probability 2^-24 / (e^(1/c) - 1) instead of 2^-24 c.  So fewer tokens are revealed than should be, and
 * rare tokens are missing among them. */
#ifndef PAL_RACE_H
#define PAL_RACE_H

#include <stdbool.h>
#include <stdint.h>

/* The address of the race's random numbers. */
typedef struct {
    uint64_t seed;
    uint32_t draft, step, position;
} pal_race;

/* Returns the token that wins, or -1: the mask.  probs[vocab] sum to 1; a token has the share chance * probs, the mask the
 * rest, or nothing in the closing step. */
int32_t pal_race_run(const pal_race *race, const double *probs, int32_t vocab, double chance, bool closes);

#endif
