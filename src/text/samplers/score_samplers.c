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

static pal_status check(const pal_infill_options *o, const pal_sampler_row *row, const pal_classes *c, pal_error *err)
{
    const pal_noise *n = c->noise;
    const bool scores = n != NULL, uniform = scores && n->graph == PAL_GRAPH_UNIFORM;
    const bool hits = row == pal_sampler_row_of(PAL_FIRST_HITTING);
    const bool takes_released = o->released && row->is.released; /* other samplers: check_samplers in fill.c */
    const double temperature = o->temperature;
    const pal_rule rules[] = {
        {scores || !row->is.scores, PAL_FOR_SCORES},
        {!uniform || row->is.scores,
         "this sampler is for models that predict masked tokens: the noise of this model is "
         "uniform, and its samplers are tweedie, euler and euler-corrector"},
        {!scores || row->is.scores || hits,
         "this sampler is for models that predict masked tokens: this model computes scores, and its samplers are "
         "first-hitting, tweedie, euler and euler-corrector"},
        {!takes_released || !uniform, "the option released is for models whose noise is the mask"},
        {!takes_released || !(temperature < 1.0 || temperature > 1.0), "the option released needs temperature 1"},
    };
    return pal_check_rules(rules, sizeof rules / sizeof *rules, err);
}

static const pal_score_sampling of_scores = {rows, check, pal_score_entropy, pal_score_entropy_tokens};
const pal_score_sampling *const pal_of_scores = &of_scores;
