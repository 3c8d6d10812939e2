#include "ranges.h"

pal_status pal_check_rules(const pal_rule *rules, size_t count, pal_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!rules[i].good) return pal_fail(err, PAL_E_OPTION, rules[i].text, SIZE_MAX);
    return PAL_OK;
}

pal_status pal_check_sampling(const pal_sampling *s, pal_error *err)
{
    const pal_rule rules[] = {
        {pal_between(s->temperature, 0.0, 100.0), "temperature must lie between 0 and 100 (0 is greedy)"},
        {s->top_k >= 0, "top-k must not be negative (0 is off)"},
        {pal_between(s->top_p, 0.0, 1.0), "top-p must lie between 0 and 1 (0 is the likeliest token only, 1 is off)"},
        {pal_between(s->min_p, 0.0, 1.0), "min-p must lie between 0 and 1 (0 is off)"},
        {s->repetition_penalty > 0.0 && s->repetition_penalty <= 100.0,
         "repetition-penalty must lie above 0 and at most at 100 (1 is off)"},
    };
    return pal_check_rules(rules, sizeof rules / sizeof *rules, err);
}
