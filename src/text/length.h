/* length.h - the length of a free blank, drawn at once and before its words (internal). */
#ifndef PAL_LENGTH_H
#define PAL_LENGTH_H

#include "fill.h"

/* Whether a blank may be filled in any order: its length is given, or its last word stands. */
bool pal_length_is_known(const pal_fill *f, const pal_blank *blank);

/* Whether nothing is lost if the network is not shown the places of a blank that hold <empty>, as if it had been given
 * with fewer: not where a sampler means to draw the length place by place. */
bool pal_length_needs_no_empty(const pal_fill *f, const pal_blank *blank);

/* A step towards that for the first blank that needs one, or with `together` for each of them: its length is drawn
 * and the places behind its end revealed, or after that its last word.  Whether there was such a blank.  The step has
 * asked for all open places. */
bool pal_length_draw(pal_fill *f, bool together);

#endif
