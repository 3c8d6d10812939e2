/* tiny.h - a language of 27 texts, of which everything is known: three places, three symbols, one probability a text
 * (internal).
 *
 * Its conditional probabilities, computed by adding up, are given to the samplers of src/text as a network.  So whatever
 * a sampler gets wrong is its own fault. */
#ifndef PAL_LAB_TINY_H
#define PAL_LAB_TINY_H

#include "../text/fill.h"

enum {
    PAL_TINY_PLACES = 3,
    PAL_TINY_SYMBOLS = 3,
    PAL_TINY_VOCAB = 4,  /* with the mask, the last one */
    PAL_TINY_TEXTS = 27, /* number = symbol of place 0 + 3 (that of place 1 + 3 (that of place 2)) */
    PAL_TINY_PAGES = 64  /* the same in base 4, with masks */
};

typedef struct {
    double joint[PAL_TINY_TEXTS];
    /* p(symbol at a place | known places of a page); 1 / 3 for pages that are impossible. */
    double conditional[PAL_TINY_PAGES][PAL_TINY_PLACES][PAL_TINY_SYMBOLS];
    float logit[PAL_TINY_PAGES][PAL_TINY_PLACES][PAL_TINY_VOCAB];
    int32_t seen; /* the page of the last evaluation */
    pal_classes classes;
    uint8_t of[PAL_TINY_VOCAB], byte[PAL_TINY_VOCAB];
} pal_tiny;

/* A random language: weights -log(u) v^(1 / evenness), normalised, so a small evenness makes few texts likely. */
void pal_tiny_make(pal_tiny *t, uint64_t seed, double evenness);

/* The language as a network; t must stay where it is. */
pal_predictor pal_tiny_predictor(pal_tiny *t);

int32_t pal_tiny_page(const int32_t *tokens); /* tokens[3], the mask is 3 */
int32_t pal_tiny_text(const int32_t *tokens); /* tokens[3] without masks */
static inline int32_t pal_tiny_symbol(int32_t text, int32_t place)
{
    return place == 0 ? text % 3 : place == 1 ? text / 3 % 3 : text / 9;
}

#endif
