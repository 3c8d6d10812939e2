/* picture.h - a network that predicts the noise in pictures, behind the interface that the samplers and likelihoods of
 * image/ use (internal). */
#ifndef PAL_PICTURE_H
#define PAL_PICTURE_H

#include "../arch/unet.h"
#include "../image/denoise.h"
#include "../image/guidance.h"
#include "model.h"

/* The network of a picture model. */
static inline const pal_unet *pal_model_unet(const pal_model *m)
{
    return m->network;
}

/* The data of a picture model besides its network. */
struct pal_picture_model {
    pal_schedule schedule;
    double *log_alpha; /* array of the schedule, owned */
    char (*label)[64]; /* [info.labels], owned */
    char neighbours[128];
    pal_image_info info;
};

/* Reads the model's metadata; must be released even after a failure. */
pal_status pal_picture_open(pal_picture_model *p, const pal_unet *net, const pal_gguf *g, pal_error *err);
void pal_picture_release(pal_picture_model *p);

/* PAL_OK if the model can draw; otherwise the reason in *err. */
pal_status pal_picture_ready(const pal_model *m, pal_error *err);

/* Evaluates the network for a batch of pictures. */
typedef struct {
    const pal_model *model;
    pal_compute compute;
    pal_unet_scratch *scratch; /* [each], one for a picture at a time; the first can be used by all threads together */
    int each;                  /* threads that can evaluate a picture of their own */
    int32_t *label;            /* [count], -1: none */
    int64_t passes;            /* single pictures evaluated so far */
    bool broken;               /* the network has predicted NaN or infinity */
} pal_picture_runner;

/* A predictor that describes the network but cannot evaluate it. */
pal_noise_predictor pal_picture_shape(const pal_model *m);
/* Checks count, first, label, labels and guidance. */
pal_status pal_picture_check(const pal_model *m, const pal_image_options *o, pal_error *err);

void pal_picture_layout(pal_picture_runner *r, const pal_model *m, int32_t count, pal_arena *arena);
/* Copies the labels of the options.  The runner must not be moved afterwards. */
void pal_picture_start(pal_picture_runner *r, const pal_image_options *o);
/* Predictors that evaluate the network with labels, and without. */
pal_noise_predictor pal_picture_labelled(pal_picture_runner *r);
pal_noise_predictor pal_picture_unlabelled(pal_picture_runner *r);

/* Convert bytes to the network's range -1 .. 1 and back to the nearest byte; NaN becomes 0. */
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
