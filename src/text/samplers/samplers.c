/* samplers.c - the table of samplers for pages. */
#include "samplers.h"

pal_ask_fn pal_first_hitting_ask, pal_ancestral_ask, pal_remask_ask, pal_ascending_ask, pal_ascending_random_ask,
    pal_speculative_ask;
pal_step_fn pal_first_hitting_step, pal_adaptive_step, pal_ancestral_step, pal_parallel_step, pal_remask_step,
    pal_ascending_step, pal_ascending_random_step, pal_speculative_step;

static const pal_sampler_row rows[PAL_EULER] = {
    [PAL_FIRST_HITTING] = {.name = "first-hitting",
                           .is = {.exact = true},
                           .random_order = true,
                           .ask = pal_first_hitting_ask,
                           .step = pal_first_hitting_step},
    [PAL_MARGIN] = {.name = "margin",
                    .is = {.exact = true},
                    .lengths = PAL_LENGTHS_AT_ONCE,
                    .step = pal_adaptive_step,
                    .measure = pal_measure_margin},
    [PAL_ENTROPY] = {.name = "entropy",
                     .is = {.exact = true},
                     .lengths = PAL_LENGTHS_AT_ONCE,
                     .step = pal_adaptive_step,
                     .measure = pal_measure_entropy},
    [PAL_CONFIDENCE] = {.name = "confidence",
                        .is = {.exact = true},
                        .lengths = PAL_LENGTHS_AT_ONCE,
                        .step = pal_adaptive_step,
                        .measure = pal_measure_confidence},
    [PAL_ANCESTRAL] = {.name = "ancestral",
                       .is = {.steps = true},
                       .ask = pal_ancestral_ask,
                       .step = pal_ancestral_step},
    [PAL_PARALLEL] = {.name = "parallel",
                      .is = {.threshold = true, .entropy_bound = true, .distance = true},
                      .lengths = PAL_LENGTHS_AT_ONCE,
                      .step = pal_parallel_step},
    [PAL_REMASK] = {.name = "remask",
                    .is = {.reopens = true, .steps = true, .remask = true},
                    .ask = pal_remask_ask,
                    .step = pal_remask_step},
    [PAL_ASCENDING] = {.name = "ascending",
                       .is = {.exact = true},
                       .from_left = true,
                       .ask = pal_ascending_ask,
                       .step = pal_ascending_step,
                       .measure = pal_measure_confidence},
    [PAL_ASCENDING_RANDOM] = {.name = "ascending-random",
                              .is = {.exact = true},
                              .from_left = true,
                              .random_order = true,
                              .ask = pal_ascending_random_ask,
                              .step = pal_ascending_random_step},
    [PAL_SPECULATIVE] = {.name = "speculative",
                         .is = {.exact = true},
                         .from_left = true,
                         .ask = pal_speculative_ask,
                         .step = pal_speculative_step},
};

const pal_sampler_row *pal_sampler_row_of(pal_sampler sampler)
{
    if ((unsigned)sampler < PAL_EULER) return &rows[sampler];
    return (unsigned)sampler < PAL_SAMPLERS && pal_of_scores ? &pal_of_scores->rows[sampler - PAL_EULER] : NULL;
}
