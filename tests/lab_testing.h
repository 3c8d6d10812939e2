/* lab_testing.h - runs a calculation of the Lab to its end. */
#ifndef LAB_TESTING_H
#define LAB_TESTING_H

#include "lab/lab.h"

#include <stdlib.h>

typedef struct {
    pal_lab *job;
    void *block;
} lab_run;

/* options[count]; NaN: the default. */
static inline lab_run lab_start(const pal_lab_kind *kind, const double *options, int32_t count)
{
    size_t bytes;
    lab_run r = {NULL, NULL};
    assert_int_equal(pal_lab_bytes(kind, options, count, &bytes, NULL), PAL_OK);
    r.block = malloc(bytes);
    assert_non_null(r.block);
    r.job = pal_lab_init(kind, options, count, r.block);
    return r;
}

static inline lab_run lab_finished(const pal_lab_kind *kind, const double *options, int32_t count)
{
    lab_run r = lab_start(kind, options, count);
    double before = r.job->done;
    while (pal_lab_step(r.job)) {
        assert_true(r.job->done >= before);
        before = r.job->done;
    }
    assert_true(r.job->done == 1.0);
    return r;
}

static inline const double *lab_values(const lab_run *r, int which)
{
    return r->job->figures[which].values;
}

static inline void lab_free(lab_run *r)
{
    free(r->block);
}

#endif
