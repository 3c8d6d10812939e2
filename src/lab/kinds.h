/* kinds.h - the options of every calculation of the Lab: name, range, default, whether only whole numbers (internal).
 *
 * The engine checks them, and web/lab.mjs reads the same rows when the page is built: a chart's fields have these ranges.
 * A row is one line.  The order of a list is the order of pal_lab.option. */
#ifndef PAL_LAB_KINDS_H
#define PAL_LAB_KINDS_H

/* clang-format off */

/* exactness.c */
#define PAL_LAB_EXACTNESS_OPTIONS \
    {"draws", 100, 1000000, 20000, true}, \
    {"steps", 1, 64, 3, true}, \
    {"evenness", 0.05, 10, 0.35, false}, \
    {"language", 0, 4294967295, 1, true}, \
    {"seed", 0, 4294967295, 1, true}

/* chain.c: three weights, 0 uniform and 1 absorbing, the most noise, the noise and state that are looked at */
#define PAL_LAB_CHAIN_OPTIONS \
    {"a", 0.01, 100, 5, false}, \
    {"b", 0.01, 100, 2, false}, \
    {"c", 0.01, 100, 3, false}, \
    {"graph", 0, 1, 0, true}, \
    {"most", 0.1, 20, 4, false}, \
    {"look", 0.0001, 20, 0.8, false}, \
    {"state", 0, 2, 0, true}, \
    {"runs", 10, 200000, 2000, true}, \
    {"seed", 0, 4294967295, 1, true}

/* density.c */
#define PAL_LAB_DENSITY_OPTIONS \
    {"weight", 0.01, 0.99, 0.8, false}, \
    {"far", 0.1, 5, 3, false}, \
    {"spread", 0.05, 2, 0.2, false}, \
    {"look", 0.01, 1, 0.15, false}, \
    {"steps", 10, 500, 100, true}, \
    {"runs", 100, 20000, 2000, true}, \
    {"training", 10, 20000, 2000, true}, \
    {"seed", 0, 4294967295, 1, true}

/* steps.c: the data of check C16 */
#define PAL_LAB_STEPS_OPTIONS \
    {"weight", 0.01, 0.99, 0.3, false}, \
    {"left", -3, 3, -2, false}, \
    {"right", -3, 3, 1, false}, \
    {"left_spread", 0.1, 1, 0.2, false}, \
    {"right_spread", 0.1, 1, 0.4, false}

/* histogram.c: samples to learn from and to judge by, values that a sample can have */
#define PAL_LAB_HISTOGRAM_OPTIONS \
    {"samples", 10, 100000, 300, true}, \
    {"held_out", 100, 100000, 5000, true}, \
    {"bins", 8, 256, 64, true}, \
    {"training", 10, 5000, 1000, true}, \
    {"seed", 0, 4294967295, 1, true}

/* alarm.c: P(B), P(E), P(A | B E), P(J | A), P(M | A) */
#define PAL_LAB_ALARM_OPTIONS \
    {"burglary", 0.000001, 0.999999, 0.001, false}, \
    {"earthquake", 0.000001, 0.999999, 0.002, false}, \
    {"both", 0, 1, 0.95, false}, \
    {"only_burglary", 0, 1, 0.94, false}, \
    {"only_earthquake", 0, 1, 0.29, false}, \
    {"neither", 0, 1, 0.001, false}, \
    {"john_alarm", 0, 1, 0.9, false}, \
    {"john_quiet", 0, 1, 0.05, false}, \
    {"mary_alarm", 0, 1, 0.7, false}, \
    {"mary_quiet", 0, 1, 0.01, false}, \
    {"runs", 100, 5000000, 500000, true}, \
    {"seed", 0, 4294967295, 1, true}

/* race.c */
#define PAL_LAB_RACE_OPTIONS \
    {"vocabulary", 10, 200000, 50257, true}, \
    {"zipf", 0, 2, 1, false}, \
    {"steps", 64, 16384, 1024, true}, \
    {"bits", 8, 53, 24, true}

/* field.c */
#define PAL_LAB_FIELD_OPTIONS \
    {"weight", 0.01, 0.99, 0.7, false}, \
    {"far", 0.1, 4, 2, false}, \
    {"spread", 0.1, 2, 0.4, false}, \
    {"look", 0.01, 1, 0.2, false}, \
    {"steps", 100, 500, 100, true}, \
    {"seed", 0, 4294967295, 1, true}

/* clang-format on */

#endif
