/* picture_runner.c - evaluates a U-Net for a batch of pictures; implements the predictor of image/. */
#include "model.h"
#include "picture.h"

pal_noise_predictor pal_picture_shape(const pal_model *m)
{
    const pal_image_info *info = &m->picture->info;
    return (pal_noise_predictor){.size = info->height * info->width * info->channels,
                                 .has_second_moment = info->second_moment,
                                 .has_residual = info->residual,
                                 .gammas = pal_model_unet(m)->gammas,
                                 .gamma = pal_model_unet(m)->gamma};
}

void pal_picture_layout(pal_picture_runner *r, const pal_model *m, int32_t count, pal_arena *arena)
{
    const int threads = pal_model_threads(m);
    *r = (pal_picture_runner){.model = m, .compute = pal_model_compute(m), .each = threads <= count ? threads : 1};
    r->scratch = pal_take(arena, (size_t)r->each, sizeof *r->scratch);
    for (int i = 0; i < r->each; i++) {
        pal_unet_scratch measured;
        pal_unet_layout(r->scratch ? &r->scratch[i] : &measured, pal_model_unet(m), i ? 1 : threads, arena);
    }
    r->label = pal_take(arena, (size_t)count, sizeof *r->label);
}

void pal_picture_start(pal_picture_runner *r, const pal_image_options *o)
{
    for (int32_t i = 0; i < o->count; i++) r->label[i] = o->labels ? o->labels[i] : o->label;
}

typedef struct {
    pal_picture_runner *runner;
    pal_compute compute; /* of one thread, or of all */
    const pal_noise_query *query;
    bool labelled;
} job;

static void evaluate_pictures(void *context, int from, int to, int thread)
{
    const job *j = context;
    const pal_picture_runner *r = j->runner;
    const pal_noise_query *q = j->query;
    const size_t size = (size_t)pal_picture_shape(r->model).size;
    for (size_t i = (size_t)from; i < (size_t)to; i++)
        pal_unet_forward(pal_model_unet(r->model), &j->compute, &r->scratch[thread], q->x + i * size, q->time[i],
                         j->labelled ? r->label[q->picture[i]] : -1, q->head, q->eps + i * size,
                         q->second ? q->second + i * size : NULL);
}

/* Threads evaluate whole pictures as long as there is one for each of them; the pictures that are left are divided. */
static void evaluate(pal_picture_runner *r, const pal_noise_query *q, bool labelled)
{
    const size_t values = (size_t)pal_picture_shape(r->model).size * (size_t)q->count;
    const int threads = pal_team_threads(r->compute.team);
    const int whole = r->each == threads ? (int)q->count - (int)q->count % threads : 0;
    job j = {r, {.kernels = r->compute.kernels}, q, labelled};
    if (whole) pal_team_run(r->compute.team, evaluate_pictures, &j, whole);
    j.compute = r->compute;
    evaluate_pictures(&j, whole, (int)q->count, 0);
    if (!pal_all_finite(q->eps, values) || (q->second && !pal_all_finite(q->second, values))) r->broken = true;
    r->passes += q->count;
}

static void evaluate_labelled(void *context, const pal_noise_query *q)
{
    evaluate(context, q, true);
}

static void evaluate_unlabelled(void *context, const pal_noise_query *q)
{
    evaluate(context, q, false);
}

pal_noise_predictor pal_picture_labelled(pal_picture_runner *r)
{
    pal_noise_predictor p = pal_picture_shape(r->model);
    p.context = r;
    p.evaluate = evaluate_labelled;
    return p;
}

pal_noise_predictor pal_picture_unlabelled(pal_picture_runner *r)
{
    pal_noise_predictor p = pal_picture_labelled(r);
    p.evaluate = evaluate_unlabelled;
    return p;
}
