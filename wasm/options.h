/* options.h - options as JavaScript gives them: arrays of doubles, in which NaN stands for the default. */
#ifndef PAL_WASM_OPTIONS_H
#define PAL_WASM_OPTIONS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* The nearest int32_t, so that absurd numbers stay absurd and are refused as such; so does NaN where there is no
 * default. */
static inline int32_t whole(double x)
{
    return x >= (double)INT32_MAX ? INT32_MAX : x > (double)INT32_MIN ? (int32_t)x : INT32_MIN;
}

static inline void take_int(int32_t *field, double x)
{
    if (!isnan(x)) *field = whole(x);
}

static inline void take_bool(bool *field, double x)
{
    if (!isnan(x)) *field = x != 0.0;
}

static inline void take_double(double *field, double x)
{
    if (!isnan(x)) *field = x;
}

#endif
