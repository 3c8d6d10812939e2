#include "lab.h"

#include <string.h>

static const pal_lab_kind *const kinds[] = {&pal_lab_exactness, &pal_lab_chain, &pal_lab_density, &pal_lab_steps,
                                            &pal_lab_histogram, &pal_lab_alarm, &pal_lab_race,    &pal_lab_field};

const pal_lab_kind *pal_lab_find(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i]->name, name)) return kinds[i];
    return NULL;
}

static bool fits(const pal_lab_option *o, double value)
{
    return value >= o->least && value <= o->most && (!o->whole || value == (double)(int64_t)value);
}

/* Missing options, and NaN, get their defaults. */
static pal_status read_options(pal_lab *job, const double *options, int32_t count, pal_error *err)
{
    for (int32_t i = 0; i < job->kind->option_count; i++) {
        const pal_lab_option *o = &job->kind->options[i];
        const bool given = i < count && options[i] == options[i];
        job->option[i] = given ? options[i] : o->initial;
        if (!fits(o, job->option[i])) return pal_fail(err, PAL_E_OPTION, "this setting is out of range", (size_t)i);
    }
    return PAL_OK;
}

pal_status pal_lab_bytes(const pal_lab_kind *kind, const double *options, int32_t count, size_t *bytes, pal_error *err)
{
    _Alignas(64) unsigned char measured[PAL_LAB_STRUCT] = {0};
    pal_arena arena = {0};
    pal_lab *job = (pal_lab *)(void *)measured;
    PAL_ASSERT(kind->bytes <= sizeof measured);
    job->kind = kind;
    pal_status status = read_options(job, options, count, err);
    if (status) return status;
    pal_take(&arena, 1, kind->bytes);
    kind->layout(job, &arena);
    if (pal_arena_bytes(&arena, bytes)) return PAL_OK;
    return pal_fail(err, PAL_E_MEMORY, "these settings need more memory than there is", SIZE_MAX);
}

pal_lab *pal_lab_init(const pal_lab_kind *kind, const double *options, int32_t count, void *block)
{
    pal_arena arena = pal_arena_in(block);
    pal_lab *job = pal_take(&arena, 1, kind->bytes);
    memset(job, 0, kind->bytes);
    job->kind = kind;
    read_options(job, options, count, NULL);
    kind->layout(job, &arena);
    kind->start(job);
    return job;
}

bool pal_lab_step(pal_lab *job)
{
    if (job->done < 1.0) job->kind->step(job);
    return job->done < 1.0;
}

void pal_lab_take(pal_lab *job, pal_arena *arena, int which, int32_t count)
{
    job->figures[which] = (pal_lab_figures){pal_take(arena, (size_t)count, sizeof(double)), count};
    for (int32_t i = 0; i < count && job->figures[which].values; i++) job->figures[which].values[i] = 0.0;
}
