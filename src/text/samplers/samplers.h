/* samplers.h - the table of samplers for pages (internal).
 *
 * A new sampler needs a file here, a row in samplers.c (or score_samplers.c) and an enumerator in palimpsest.h. Other code reads only the
 * properties in its row and never tests which sampler it is. */
#ifndef PAL_SAMPLERS_H
#define PAL_SAMPLERS_H

#include "../fill.h"
#include "../score.h"

/* How the length of a free blank is drawn. */
typedef enum {
    PAL_LENGTHS_PLACE_BY_PLACE, /* <empty> is drawn like any other token */
    PAL_LENGTHS_AT_ONCE         /* before the words, by pal_length_draw */
} pal_lengths;

/* The first half of a step, before the evaluation. Chooses whatever does not need the network (stored in f->chosen) and
 * requests the logits that the step needs, with pal_fill_ask; without a request there is no evaluation. May set
 * f->time. Returns whether the step changes anything. Also called to predict the next query, so it must change nothing
 * else. */
typedef bool pal_ask_fn(pal_fill *f);

/* The second half: reveals places or masks them again. Called only for steps that change something. */
typedef void pal_step_fn(pal_fill *f);

struct pal_sampler_row {
    const char *name;
    pal_ask_fn *ask; /* NULL: every step requests all open places */
    pal_step_fn *step;
    int32_t (*last)(const pal_fill *f); /* number of steps; NULL: pal_fill_steps */
    pal_measure_fn *measure;            /* the score, for samplers that reveal where it is highest; otherwise NULL */
    pal_lengths lengths;
    bool from_left; /* fills each blank from its left, so it can draw where a blank ends (pal_classes.ends) */
    bool
        random_order; /* chooses the next place at random.  Otherwise, if `measure` is NULL and the sampler is exact, the
                          blanks are filled first to last */
    pal_sampler_properties is; /* public properties */
};

/* The samplers of networks that compute scores of noised texts.  As with the kinds of networks (network/kinds.h), the linker
 * makes the choice: score_samplers.c has them, and a program that defines pal_of_scores as NULL itself contains none. */
typedef struct {
    const pal_sampler_row *rows; /* [PAL_SAMPLERS - PAL_EULER] */
    /* Rules for models with scores, and for samplers and options that only they have. */
    pal_status (*check)(const pal_infill_options *o, const pal_sampler_row *row, const pal_classes *c, pal_error *err);
    /* pal_score_entropy and pal_score_entropy_tokens (score_entropy.h). */
    double (*bound)(pal_scorer *s, const int32_t *tokens, int32_t n, int32_t given, double level, uint64_t seed,
                    uint32_t draw, uint32_t window);
    int32_t (*scored)(const pal_classes *c, const int32_t *tokens, int32_t n, int32_t given);
} pal_score_sampling;

extern const pal_score_sampling *const pal_of_scores;

/* The error if such a sampler is asked to fill a page of another network. */
#define PAL_FOR_SCORES                                                                                                 \
    "this sampler is for networks that compute scores, such as sedd: this model predicts masked tokens, and fills "    \
    "blanks with first-hitting, margin and others"

/* Returns NULL for a sampler that is unknown, or not in this program. */
const pal_sampler_row *pal_sampler_row_of(pal_sampler sampler);

/* What PAL_SAMPLER_OF_MODEL stands for. */
static inline pal_sampler pal_sampler_of(const pal_classes *c)
{
    if (c->noise) return c->noise->graph == PAL_GRAPH_UNIFORM ? PAL_TWEEDIE : PAL_FIRST_HITTING;
    return c->ends ? PAL_ASCENDING : PAL_MARGIN;
}

/* The row of the sampler that the options name; they must have passed pal_fill_check. */
static inline const pal_sampler_row *pal_sampler_row_for(const pal_infill_options *o, const pal_classes *c)
{
    return pal_sampler_row_of(o->sampler == PAL_SAMPLER_OF_MODEL ? pal_sampler_of(c) : o->sampler);
}

#endif
