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

/* clang-format on */

#endif
