/* length.h - the length of a blank of free length, drawn before its words (internal). */
#ifndef PAL_LENGTH_H
#define PAL_LENGTH_H

#include "fill.h"

/* Whether a blank can be filled in any order: its length is fixed, or its last word is known. */
bool pal_length_is_known(const pal_fill *f, const pal_blank *blank);

/* Whether the places of a blank that hold <empty> can be hidden from the network, as if the blank had fewer places.
 * False while the sampler still draws the length place by place. */
bool pal_length_needs_no_empty(const pal_fill *f, const pal_blank *blank);

/* Takes one step towards a known length, for the first blank that needs one, or for all of them if `together`: draws
 * the length and reveals the places after the end; if that is done already, draws the last word. Returns whether a
 * blank needed it. The current step must have requested all open places. */
bool pal_length_draw(pal_fill *f, bool together);

/* The probability with which a blank is ended at a place at the temperature of the options; `end` is the probability of
 * <empty> there.  Notes in the place whether the blank would have ended by there. */
double pal_length_end_here(pal_fill *f, int32_t place, double end);

#endif
