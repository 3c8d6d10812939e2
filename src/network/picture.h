/* picture.h - a network that predicts the noise of pictures, as the samplers and likelihoods of image/ want it
 * (internal: for picture.c, picture_likelihood.c and model.c). */
#ifndef PAL_PICTURE_H
#define PAL_PICTURE_H

#include "../arch/unet.h"
#include "../image/denoise.h"
#include "../image/guidance.h"
#include "model.h"

/* Of a model of pictures. */
static inline const pal_unet *pal_model_unet(const pal_model *m)
{
    return m->network;
}

/* What a picture model holds beside its network. */
struct pal_picture_model {
    pal_schedule schedule;
    double *log_alpha; /* of the schedule, owned */
    char (*label)[64]; /* [info.labels], owned */
    char neighbours[128];
    pal_image_info info;
};

/* Reads what stands beside the network; to be released whatever it returns. */
pal_status pal_picture_open(pal_picture_model *p, const pal_unet *net, const pal_gguf *g, pal_error *err);
void pal_picture_release(pal_picture_model *p);

/* PAL_OK if the model can draw, else why not. */
pal_status pal_picture_ready(const pal_model *m, pal_error *err);

/* The network at work on a batch. */
typedef struct {
    const pal_model *model;
    pal_compute compute;
    pal_unet_scratch scratch; /* for one picture at a time */
    int32_t *label;           /* [count], -1: none */
    int64_t passes;           /* single pictures evaluated so far */
    bool broken;              /* it has predicted NaN or infinity */
} pal_picture_runner;

/* What the network is, without a way to evaluate it. */
pal_noise_predictor pal_picture_shape(const pal_model *m);
/* Checks of what says which pictures: count, first, label, labels and guidance. */
pal_status pal_picture_check(const pal_model *m, const pal_image_options *o, pal_error *err);

void pal_picture_layout(pal_picture_runner *r, const pal_model *m, int32_t count, pal_arena *arena);
/* Takes the labels of the options; the runner must stay where it is from then on. */
void pal_picture_start(pal_picture_runner *r, const pal_image_options *o);
/* The network told the labels, and not told. */
pal_noise_predictor pal_picture_labelled(pal_picture_runner *r);
pal_noise_predictor pal_picture_unlabelled(pal_picture_runner *r);

/* Bytes to the network's range and back: byte / 127.5 - 1, and the nearest byte; what is not a number is 0. */
static inline float pal_picture_value(uint8_t byte)
{
    return (float)byte / 127.5f - 1.0f;
}
static inline uint8_t pal_picture_byte(double value)
{
    double byte = (value + 1.0) * 127.5 + 0.5;
    return byte >= 255.0 ? 255 : byte > 0.0 ? (uint8_t)byte : 0;
}

#endif
