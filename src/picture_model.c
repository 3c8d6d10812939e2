/* picture_model.c - what a picture model is and can, and its network behind the samplers' seam. */
#include "model.h"
#include "picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---------------------------------------------------------------------------------------- */

static void copy_name(char *out, size_t room, pal_str s)
{
    size_t size = s.size < room - 1 ? s.size : room - 1;
    if (size) memcpy(out, s.data, size);
    out[size] = '\0';
}

static pal_status take_labels(pal_picture_model *p, const pal_unet *net, pal_error *err)
{
    size_t cursor = 0;
    if (!net->labels) return PAL_OK;
    p->label = calloc((size_t)net->labels, sizeof *p->label);
    if (!p->label) return pal_fail(err, PAL_E_MEMORY, "no memory for the labels", SIZE_MAX);
    for (int32_t i = 0; net->label_names && i < net->labels; i++)
        copy_name(p->label[i], sizeof p->label[i], pal_gguf_next_str(net->label_names, &cursor));
    return PAL_OK;
}

static pal_status take_schedule(pal_picture_model *p, const pal_unet *net, pal_error *err)
{
    const pal_unet_schedule *s = &net->schedule;
    pal_arena measured = {0};
    pal_status status = pal_schedule_layout(&p->schedule, s->steps, &measured, err);
    if (status) return status;
    p->log_alpha = malloc(((size_t)s->steps + 1) * sizeof *p->log_alpha);
    if (!p->log_alpha) return pal_fail(err, PAL_E_MEMORY, "no memory for the noise schedule", SIZE_MAX);
    p->schedule.log_alpha = p->log_alpha;
    if (s->cosine)
        pal_schedule_cosine(&p->schedule);
    else
        status = pal_schedule_linear(&p->schedule, s->beta_first, s->beta_last, err);
    return status
               ? pal_fail(err, PAL_E_FORMAT, "the noise schedule is none: its betas must lie between 0 and 1", SIZE_MAX)
               : PAL_OK;
}

pal_status pal_picture_open(pal_picture_model *p, const pal_unet *net, const pal_gguf *g, pal_error *err)
{
    pal_str neighbours = {0};
    *p = (pal_picture_model){.info = {.width = net->width,
                                      .height = net->height,
                                      .channels = net->channels,
                                      .labels = net->labels,
                                      .guidance = net->labels > 0 && net->label_dropout > 0.0f,
                                      .second_moment = net->head[PAL_HEAD_SECOND_MOMENT].present,
                                      .residual = net->head[PAL_HEAD_RESIDUAL].present,
                                      .gamma = net->gammas > 0,
                                      .schedule = net->schedule.cosine ? "cosine" : "linear",
                                      .schedule_steps = net->schedule.steps}};
    pal_gguf_get_str(g, "palimpsest.neighbours", &neighbours);
    copy_name(p->neighbours, sizeof p->neighbours, neighbours);
    p->info.neighbours = p->neighbours;
    pal_status status = take_labels(p, net, err);
    return status ? status : take_schedule(p, net, err);
}

void pal_picture_release(pal_picture_model *p)
{
    free(p->label);
    free(p->log_alpha);
    *p = (pal_picture_model){0};
}

/* ---- asking it -------------------------------------------------------------------------------------- */

pal_status pal_picture_ready(const pal_model *m, pal_error *err)
{
    if (m->has_net)
        return pal_fail(err, PAL_E_UNSUPPORTED, "the file holds a text model and draws no pictures", SIZE_MAX);
    if (!m->has_unet) return pal_fail(err, m->net_error.status, m->net_error.text, m->net_error.offset);
    if (m->as_stored)
        return pal_fail(err, PAL_E_OPTION, "the model was opened as stored and cannot be evaluated", SIZE_MAX);
    return PAL_OK;
}

const pal_image_info *pal_model_image(const pal_model *m)
{
    return m->has_unet ? &m->picture.info : NULL;
}

const char *pal_image_label(const pal_model *m, int32_t label)
{
    return m->has_unet && label >= 0 && label < m->picture.info.labels ? m->picture.label[label] : NULL;
}

/* Whether two names differ by the case of their letters a to z at most. */
static bool alike(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        const int x = *a >= 'A' && *a <= 'Z' ? *a + ('a' - 'A') : *a,
                  y = *b >= 'A' && *b <= 'Z' ? *b + ('a' - 'A') : *b;
        if (x != y) return false;
    }
    return *a == *b;
}

bool pal_image_label_find(const pal_model *m, const char *name, int32_t *out)
{
    int32_t found = -1, count = 0;
    for (int32_t i = 0; m->has_unet && i < m->picture.info.labels; i++) {
        const bool exact = strcmp(m->picture.label[i], name) == 0;
        if (!exact && !alike(m->picture.label[i], name)) continue;
        found = i;
        count = exact ? 1 : count + 1;
        if (exact) break;
    }
    if (count == 1) *out = found;
    return count == 1;
}

bool pal_image_can(const pal_model *m, pal_image_sampler sampler, const char **why)
{
    pal_error err = {0};
    pal_status status;
    if (m->has_unet) {
        const pal_noise_predictor shape = pal_picture_shape(m);
        status = pal_denoise_can(sampler, &shape, &err);
    } else
        status = pal_picture_ready(m, &err);
    if (status && why) *why = err.text;
    return status == PAL_OK;
}

pal_image_sampler pal_image_best(const pal_model *m)
{
    static const pal_image_sampler wanted[] = {PAL_IMAGE_SN_DDPM, PAL_IMAGE_NPR_DDPM, PAL_IMAGE_ANALYTIC_DDPM};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (pal_image_can(m, wanted[i], NULL)) return wanted[i];
    return PAL_IMAGE_DDPM;
}

/* ---- checks ----------------------------------------------------------------------------------------- */

static pal_status check_label(const pal_image_info *info, const pal_image_options *o, int32_t label, size_t at,
                              pal_error *err)
{
    if (label < -1 || label >= info->labels)
        return pal_fail(err, PAL_E_OPTION,
                        info->labels ? "the model has no label of that number" : "the model knows no labels", at);
    if (label < 0 && info->labels && !info->guidance)
        return pal_fail(err, PAL_E_OPTION, "the model was trained with a label on every picture: give one", at);
    if (label < 0 && (o->guidance < 1.0 || o->guidance > 1.0))
        return pal_fail(err, PAL_E_OPTION, "guidance needs a label to guide to", at);
    return PAL_OK;
}

/* Only asked whether it is there. */
static void never(void *context, const pal_noise_query *q)
{
    (void)context, (void)q;
}

static pal_status check_guidance(const pal_image_info *info, const pal_image_options *o, pal_error *err)
{
    const pal_guidance g = {.with.evaluate = info->labels ? never : NULL,
                            .without.evaluate = info->guidance ? never : NULL,
                            .scale = o->guidance};
    if (!(o->guidance < 1.0) && !(o->guidance > 1.0) && o->guidance > 0.0) return PAL_OK;
    return pal_guidance_check(&g, err);
}

pal_status pal_picture_check(const pal_model *m, const pal_image_options *o, pal_error *err)
{
    enum { MOST_PICTURES = 65536 };
    const pal_image_info *info = &m->picture.info;
    pal_status status = pal_picture_ready(m, err);
    if (status) return status;
    if (o->count < 1 || o->count > MOST_PICTURES)
        return pal_fail(err, PAL_E_OPTION, "count must lie between 1 and 65536", SIZE_MAX);
    if ((uint32_t)(o->count - 1) > UINT32_MAX - o->first)
        return pal_fail(err, PAL_E_OPTION, "the number of the last picture exceeds 4294967295", SIZE_MAX);
    status = check_guidance(info, o, err);
    if (!status && !o->labels) return check_label(info, o, o->label, SIZE_MAX, err);
    for (int32_t i = 0; !status && i < o->count; i++) status = check_label(info, o, o->labels[i], (size_t)i, err);
    return status;
}

/* ---- the network behind the seam -------------------------------------------------------------------- */

pal_noise_predictor pal_picture_shape(const pal_model *m)
{
    const pal_image_info *info = &m->picture.info;
    return (pal_noise_predictor){.size = info->height * info->width * info->channels,
                                 .has_second_moment = info->second_moment,
                                 .has_residual = info->residual,
                                 .gammas = m->unet.gammas,
                                 .gamma = m->unet.gamma};
}

void pal_picture_layout(pal_picture_runner *r, const pal_model *m, int32_t count, pal_arena *arena)
{
    *r = (pal_picture_runner){.model = m};
    pal_unet_layout(&r->room, &m->unet, arena);
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
        pal_unet_forward(&r->model->unet, &r->model->kernels, &r->room, q->x + at, q->time[i],
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
