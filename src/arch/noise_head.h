/* noise_head.h - what the second head of a picture network predicts (internal). */
#ifndef PAL_NOISE_HEAD_H
#define PAL_NOISE_HEAD_H

/* Values per element of the picture. */
typedef enum {
    PAL_HEAD_NONE,
    PAL_HEAD_SECOND_MOMENT, /* SN: E[eps^2 | x] */
    PAL_HEAD_RESIDUAL       /* NPR: E[(eps - predicted eps)^2 | x] */
} pal_noise_head;

#endif
