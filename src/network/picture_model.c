/* picture_model.c - reads the data of a picture model besides its network: labels, noise schedule and abilities. */
#include "model.h"
#include "picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void copy_name(char *out, size_t capacity, pal_str s)
{
    size_t size = s.size < capacity - 1 ? s.size : capacity - 1;
    if (size) memcpy(out, s.data, size);
    out[size] = '\0';
}

static pal_status take_labels(pal_picture_model *p, const pal_unet *net, pal_error *err)
{
    size_t cursor = 0;
    if (!net->labels) return PAL_OK;
    p->label = calloc((size_t)net->labels, sizeof *p->label);
    if (!p->label) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the labels", SIZE_MAX);
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
    if (!p->log_alpha) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the noise schedule", SIZE_MAX);
    p->schedule.log_alpha = p->log_alpha;
    if (s->cosine)
        pal_schedule_cosine(&p->schedule);
    else
        status = pal_schedule_linear(&p->schedule, s->beta_first, s->beta_last, err);
    return status ? pal_fail(err, PAL_E_FORMAT, "invalid noise schedule: every beta must be between 0 and 1", SIZE_MAX)
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

pal_status pal_picture_ready(const pal_model *m, pal_error *err)
{
    if (pal_model_has_texts(m))
        return pal_fail(err, PAL_E_UNSUPPORTED, "the file holds a text model, which cannot draw pictures", SIZE_MAX);
    if (!m->picture) return pal_fail(err, m->net_error.status, m->net_error.text, m->net_error.offset);
    if (m->as_stored)
        return pal_fail(err, PAL_E_OPTION, "the model was opened with PAL_OPEN_AS_STORED and cannot be evaluated",
                        SIZE_MAX);
    return PAL_OK;
}
