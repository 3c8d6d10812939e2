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

/* clang-format on */

#endif
