/* forced.h - replays a fill: draws take given tokens, and how probable these were is stored (internal). */
#ifndef PAL_FORCED_H
#define PAL_FORCED_H

#include "fill.h"

struct pal_forced {
    const int32_t *token; /* [places]; <empty> at places behind the end of a blank */
    double *nats;         /* [places] receives -ln of the probability of a drawn place at temperature 1; infinite if the
                             place cannot have the token; unchanged for places that are not drawn */
    const int32_t *order; /* [places] for pal_forced_in_order: the places that are drawn, in this order */
};

/* Replaces the sampler of a fill by one that draws one place per evaluation, in the order f->forced->order. */
void pal_forced_in_order(pal_fill *f);

#endif
