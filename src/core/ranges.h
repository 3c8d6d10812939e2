/* ranges.h - how options are checked (internal): one range and one text for what means the same, wherever it is asked. */
#ifndef PAL_RANGES_H
#define PAL_RANGES_H

#include "core.h"

typedef struct {
    bool good;
    const char *text; /* what must hold, for a person */
} pal_rule;

/* PAL_E_OPTION with the text of the first rule that is broken. */
pal_status pal_check_rules(const pal_rule *rules, size_t count, pal_error *err);

static inline bool pal_between(double x, double low, double high)
{
    return x >= low && x <= high; /* false for NaN */
}

/* What filling and going on with a text share; ends of a range belong to it unless said otherwise. */
typedef struct {
    double temperature;        /* 0 to 100; 0: the likeliest token */
    int32_t top_k;             /* from 0; 0 and more than there are tokens: off */
    double top_p;              /* 0 to 1; 0: the likeliest token alone, 1: off */
    double min_p;              /* 0 to 1; 0: off, 1: the likeliest alone, and what is as likely */
    double repetition_penalty; /* above 0, to 100; 1: off */
} pal_sampling;

pal_status pal_check_sampling(const pal_sampling *s, pal_error *err);

#endif
