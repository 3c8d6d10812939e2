/* samplers.h - the table of samplers of pages (internal).
 *
 * A new sampler is a file here, a row in samplers.c and an enumerator in palimpsest.h.  What others want to know of a
 * sampler is a property of its row: nothing else looks at which one it is. */
#ifndef PAL_SAMPLERS_H
#define PAL_SAMPLERS_H

#include "../fill.h"

/* How the length of a free blank is drawn. */
typedef enum {
    PAL_LENGTHS_PLACE_BY_PLACE, /* <empty> is drawn as any other token */
    PAL_LENGTHS_AT_ONCE         /* before the words, by pal_length_draw */
} pal_lengths;

/* The first half of a step, before the network is asked: chooses what is chosen without it (f->chosen keeps that), and
 * says by pal_fill_ask which logits the step wants; none: it needs no evaluation.  May set f->time.  Returns whether the
 * step changes anything.  It is also called to find out what the next step will ask, and must change nothing else. */
typedef bool pal_ask_fn(pal_fill *f);

/* The second half: reveals places, or masks them again.  Only for steps that change something. */
typedef void pal_step_fn(pal_fill *f);

struct pal_sampler_row {
    const char *name;
    pal_sampler_properties is; /* what callers are told */
    pal_lengths lengths;
    pal_ask_fn *ask; /* NULL: every step asks for all open places */
    pal_step_fn *step;
    pal_measure_fn *measure; /* of the samplers that reveal where the network is surest: by which measure; else NULL */
};

/* NULL: there is no such sampler. */
const pal_sampler_row *pal_sampler_row_of(pal_sampler sampler);

#endif
