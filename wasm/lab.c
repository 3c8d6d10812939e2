/* lab.c - functions of the Lab's engine for JavaScript: calculations by name (src/lab/lab.h).
 *
 * web/site/lab/engine.ts is the other side.  This engine opens no models and is downloaded by the view Lab only. */
#include "lab/lab.h"
#include "text/samplers/samplers.h"

#include <stdlib.h>

/* The Lab has no network that computes scores (samplers.h). */
const pal_score_sampling *const pal_of_scores = NULL;

/* Starts a calculation of options[count], in the order of src/lab/kinds.h; NaN: the default.  NULL: err says why, offset
 * is the number of the option. */
pal_lab *pw_lab_start(const char *name, const double *options, int32_t count, pal_error *err)
{
    const pal_lab_kind *kind = pal_lab_find(name);
    size_t bytes;
    if (!kind) {
        *err = (pal_error){PAL_E_OPTION, "the Lab has no calculation of this name", SIZE_MAX};
        return NULL;
    }
    if (pal_lab_bytes(kind, options, count, &bytes, err)) return NULL;
    void *block = malloc(bytes); /* pal_arena_in aligns */
    if (block) return pal_lab_init(kind, options, count, block);
    *err = (pal_error){PAL_E_MEMORY, "there is not enough memory for these settings", SIZE_MAX};
    return NULL;
}

/* Works a little; returns the share of the work that is done. */
double pw_lab_step(pal_lab *job)
{
    pal_lab_step(job);
    return job->done;
}

/* The number of figures of a kind, 0 behind the last one; *values points to them. */
int32_t pw_lab_figures(const pal_lab *job, int32_t which, const double **values)
{
    *values = which < PAL_LAB_FIGURES ? job->figures[which].values : NULL;
    return which < PAL_LAB_FIGURES ? job->figures[which].count : 0;
}

/* Frees a block of pw_lab_alloc, or a job. */
void pw_lab_free(void *p)
{
    free(p);
}

void *pw_lab_alloc(size_t bytes)
{
    return malloc(bytes);
}
