/* guidance.c - combines a prediction with the label and one without. */
#include "guidance.h"

pal_status pal_guidance_check(const pal_guidance *g, pal_error *err)
{
    if (!g->with.evaluate) return pal_fail(err, PAL_E_OPTION, "guidance needs a model with labels", SIZE_MAX);
    if (!g->without.evaluate)
        return pal_fail(err, PAL_E_OPTION, "guidance needs a model that was trained with labels left out", SIZE_MAX);
    if (g->with.size != g->without.size)
        return pal_fail(err, PAL_E_OPTION, "guidance needs two predictions of one size", SIZE_MAX);
    return PAL_OK;
}

void pal_guidance_layout(pal_guidance *g, int32_t count, pal_arena *arena)
{
    g->eps = pal_take2(arena, (size_t)count, (size_t)g->with.size, sizeof *g->eps);
}

static void combine(const pal_guidance *g, const pal_noise_query *q)
{
    size_t n = (size_t)q->count * (size_t)g->with.size;
    for (size_t i = 0; i < n; i++) {
        double with = (double)q->eps[i], without = (double)g->eps[i], guided = without + g->scale * (with - without);
        q->eps[i] = (float)guided;
        if (q->head == PAL_HEAD_SECOND_MOMENT)
            q->second[i] = (float)((double)q->second[i] + guided * guided - with * with);
    }
}

static void evaluate(void *context, const pal_noise_query *q)
{
    const pal_guidance *g = context;
    if (!(g->scale > 0.0) && q->head == PAL_HEAD_NONE) {
        g->without.evaluate(g->without.context, q);
        return;
    }
    g->with.evaluate(g->with.context, q);
    if (!(g->scale < 1.0) && !(g->scale > 1.0)) return;
    pal_noise_query other = *q;
    other.head = PAL_HEAD_NONE;
    other.second = NULL;
    other.eps = g->eps;
    g->without.evaluate(g->without.context, &other);
    combine(g, q);
}

pal_noise_predictor pal_guidance_predictor(pal_guidance *g)
{
    pal_noise_predictor p = g->with;
    p.context = g;
    p.guided = g->scale < 1.0 || g->scale > 1.0;
    p.evaluate = evaluate;
    p.product = NULL; /* only likelihoods need it, and they refuse guided predictors */
    return p;
}
