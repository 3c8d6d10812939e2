/* fit.h - a network of one hidden layer that learns the score of a density on a line from samples (internal).
 *
 * s(x) = sum of a_j tanh(w_j x + b_j) + c.  Denoising score matching (Vincent 2011): the mean of (s(x) + z / sigma)^2 over
 * noised samples x = x0 + sigma z.  Sliced score matching (Song et al. 2019): the mean of s(x)^2 / 2 + v s'(x) v over random
 * directions v, which on a line are -1 or 1, so that v does not matter.  Both are lowest at the score of the noised density.  Adam
 * (Kingma and Ba 2015) with a rate that falls linearly. */
#ifndef PAL_LAB_FIT_H
#define PAL_LAB_FIT_H

enum { PAL_FIT_HIDDEN = 16, PAL_FIT_WEIGHTS = 3 * PAL_FIT_HIDDEN + 1 };

typedef struct {
    double weight[PAL_FIT_WEIGHTS]; /* a, w, b, c */
    double gradient[PAL_FIT_WEIGHTS], first[PAL_FIT_WEIGHTS], second[PAL_FIT_WEIGHTS];
    double decay_first, decay_second; /* products of Adam's constants so far */
} pal_fit;

/* The hidden units are spread over -wide .. wide. */
void pal_fit_start(pal_fit *f, double wide);
double pal_fit_score(const pal_fit *f, double x);

/* Adds the gradient of one sample's loss. */
void pal_fit_denoising(pal_fit *f, double x, double target); /* target: -z / sigma */
void pal_fit_sliced(pal_fit *f, double x);

/* One step of Adam with the mean gradient of `samples` samples; clears it. */
void pal_fit_move(pal_fit *f, double rate, int samples);

#endif
