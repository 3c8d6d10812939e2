/* score_samplers.c - the table of samplers for networks that compute scores, and which samplers such networks can use.
 * Programs that define pal_of_scores themselves have none of them. */
#include "reverse.h"
#include "../score_entropy.h"
#include "../../core/options.h"

pal_step_fn pal_euler_step, pal_tweedie_step, pal_euler_corrector_step;

static const pal_sampler_row rows[PAL_SAMPLERS - PAL_EULER] = {
    [0] = {.name = "euler",
           .is = {.steps = true, .scores = true, .released = true},
           .ask = pal_reverse_ask,
           .step = pal_euler_step,
           .last = pal_reverse_last},
    [PAL_TWEEDIE - PAL_EULER] = {.name = "tweedie",
                                 .is = {.steps = true, .scores = true, .released = true},
                                 .ask = pal_reverse_ask,
                                 .step = pal_tweedie_step,
                                 .last = pal_reverse_last},
    [PAL_EULER_CORRECTOR - PAL_EULER] = {.name = "euler-corrector",
                                         .is = {.reopens = true, .steps = true, .scores = true, .corrections = true},
                                         .ask = pal_reverse_ask,
                                         .step = pal_euler_corrector_step,
                                         .last = pal_reverse_last},
};

#define REVERSE(where, name, field, kind, range, standard, note, help)                                                 \
    PAL_OPTION(pal_infill_options, name, field, kind, range, standard, note),
static const pal_option options[] = {PAL_REVERSE_ROWS(REVERSE)};
static const pal_options table = {options, sizeof options / sizeof *options, sizeof(pal_infill_options)};

static pal_status check(const pal_infill_options *o, const pal_sampler_row *row, const pal_classes *c, pal_error *err)
{
    const pal_noise *n = c->noise;
    const bool scores = n != NULL, uniform = scores && n->graph == PAL_GRAPH_UNIFORM;
    const bool hits = row == pal_sampler_row_of(PAL_FIRST_HITTING);
    const double temperature = o->temperature;
    const pal_rule rules[] = {
        {scores || !row->is.scores,
         "this sampler is for networks that compute scores, such as sedd: this model predicts "
         "masked tokens, and fills blanks with first-hitting, margin and others"},
        {!uniform || row->is.scores,
         "this sampler is for models that predict masked tokens: the noise of this model is "
         "uniform, and its samplers are tweedie, euler and euler-corrector"},
        {!scores || row->is.scores || hits,
         "this sampler is for models that predict masked tokens: this model computes scores, and its samplers are "
         "first-hitting, tweedie, euler and euler-corrector"},
        {!o->corrections || row->is.corrections, "this sampler does not use the option corrections"},
        {!o->released || row->is.released, "this sampler does not use the option released"},
        {!o->released || !uniform, "the option released is for models whose noise is the mask"},
        {!o->released || !(temperature < 1.0 || temperature > 1.0), "the option released needs temperature 1"},
    };
    pal_status s = pal_options_check(&table, o, err);
    return s ? s : pal_check_rules(rules, sizeof rules / sizeof *rules, err);
}

static const pal_score_sampling of_scores = {rows, check, pal_score_entropy, pal_score_entropy_tokens};
const pal_score_sampling *const pal_of_scores = &of_scores;
