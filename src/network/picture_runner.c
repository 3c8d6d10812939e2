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
    *r = (pal_picture_runner){.model = m, .compute = {.kernels = &m->kernels}};
    pal_unet_layout(&r->scratch, pal_model_unet(m), arena);
    r->label = pal_take(arena, (size_t)count, sizeof *r->label);
}

void pal_picture_start(pal_picture_runner *r, const pal_image_options *o)
{
    for (int32_t i = 0; i < o->count; i++) r->label[i] = o->labels ? o->labels[i] : o->label;
}

static void evaluate(pal_picture_runner *r, const pal_noise_query *q, bool labelled)
{
    const size_t size = (size_t)pal_picture_shape(r->model).size;
    for (int32_t i = 0; i < q->count; i++) {
        const size_t at = (size_t)i * size;
        float *second = q->second ? q->second + at : NULL;
        pal_unet_forward(pal_model_unet(r->model), &r->compute, &r->scratch, q->x + at, q->time[i],
                         labelled ? r->label[q->picture[i]] : -1, q->head, q->eps + at, second);
        if (!pal_all_finite(q->eps + at, size) || (second && !pal_all_finite(second, size))) r->broken = true;
    }
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
