/* table_model.h - networks given as tables, and pages small enough to visit every outcome of a sampler.
 *
 * A page is a sequence of up to four places, each a symbol or the mask, written as one number in base
 * symbols + 1 (place 0 is the lowest digit, the digit `symbols` is the mask).  A law is an array
 * [TABLE_PAGES] over all pages; laws of finished texts are zero on pages with masks.
 *
 * Used by the tests of samplers, blanks and likelihoods; knows nothing of cmocka, which is included once a program. */
#ifndef TABLE_MODEL_H
#define TABLE_MODEL_H

#include "text/fill.h"

enum { TABLE_PLACES = 4, TABLE_SYMBOLS = 4, TABLE_VOCAB = TABLE_SYMBOLS + 1, TABLE_PAGES = 625 };

typedef struct {
    int32_t places, symbols;                             /* symbols: 3, or 4 of which the last is <empty> */
    int32_t pages;                                       /* (symbols + 1) ^ places */
    double joint[TABLE_PAGES];                           /* a law of finished texts */
    float logit[TABLE_PAGES][TABLE_PLACES][TABLE_VOCAB]; /* what the network answers about a place of a page */
    bool causal;                  /* answers as a causal network: token 0 is BOS, row i tells token i + 1 */
    bool reads_time, reads_order; /* its answers depend on these too */
    int32_t seen;                 /* the page of the last evaluation */
    int32_t causal_seen[TABLE_PLACES + 1], rank[TABLE_PLACES + 1];
    double time; /* of the last evaluation, as the ranks are */
    int32_t evaluations;
    uint32_t asked; /* positions of the last evaluation, as bits */
    pal_classes classes;
    uint8_t of[TABLE_VOCAB], byte[TABLE_VOCAB];
} table_model;

/* An empty model; with_empty makes the last symbol <empty>. */
void table_init(table_model *m, int32_t places, int32_t symbols, bool with_empty);
pal_predictor table_predictor(table_model *m);

int32_t table_page(const table_model *m, const int32_t *tokens);
void table_tokens(const table_model *m, int32_t page, int32_t *tokens);
int32_t table_token(const table_model *m, int32_t page, int32_t place);
int32_t table_with(const table_model *m, int32_t page, int32_t place, int32_t token); /* the page with that token */
bool table_is_full(const table_model *m, int32_t page);
bool table_agrees(const table_model *m, int32_t full, int32_t page); /* full has what page reveals */
static inline int32_t table_masked(const table_model *m)
{
    return m->pages - 1;
}

/* ---- laws and networks; random ones come from a fixed seed ---- */

/* Weights -log(u) * v^(1 / shape): skewed like a Dirichlet law, the more the smaller shape is.  Texts that
 * `allowed` refuses (NULL: none) and a share `zeros` of the others get none. */
typedef bool table_allowed_fn(const table_model *m, int32_t full);
void table_random_joint(table_model *m, uint64_t seed, double shape, double zeros, table_allowed_fn *allowed);

/* Logits of the exact conditionals of m->joint.  They are floats: a conditional p / p_max is off by a
 * relative 2^-25 |log(p / p_max)|, which is what keeps a law of generated texts from being exact. */
void table_exact(table_model *m);

/* Logits like those of a trained network: log(conditional + 0.001) + 0.6 * a normal number, so that the
 * conditionals of different pages contradict each other (as in C06 of the reference checks). */
void table_learnt(table_model *m, uint64_t seed);

/* p(place = symbol | page) of the network: softmax of the logits in double precision, by libm. */
double table_conditional(const table_model *m, int32_t page, int32_t place, int32_t symbol);

/* How sure the network is of a place, as an adaptive sampler measures it: larger is surer. */
double table_score(const table_model *m, pal_sampler sampler, int32_t page, int32_t place);

/* law := all places drawn at once, independently of each other. */
void table_product(const table_model *m, double *probs);

/* law := m->joint given what page reveals; false if that is impossible. */
bool table_given(const table_model *m, int32_t page, double *probs);
double table_distance(const table_model *m, const double *a, const double *b); /* total variation */

/* ---- filling pages ---- */

typedef struct table_fill table_fill;
struct table_fill {
    table_model model;
    pal_fill fill;
    int32_t start; /* the page as it was given */
    int32_t tokens[TABLE_PLACES];
    pal_blank blank[TABLE_PLACES];
    pal_fill_place place[TABLE_PLACES];
    bool (*good)(const table_fill *t); /* NULL, or what must hold after every step */
    int32_t broken;                    /* how often it did not */
    double evaluations;                /* expected, of the last table_probs */
    double *history;                   /* NULL, or [steps + 1, pages]: the law after each time step */
    /* the outcome being visited, see table_model.c */
    bool high;
    int32_t depth, asked;
    int32_t taken[64], following[64];
    double weight;
    double reveal, remask;
    _Alignas(64) unsigned char block[4096];
};

/* Ready to fill `page`: every run of masks is a blank of that exact length; temperature 1, no truncation. */
void table_fill_start(table_fill *t, pal_sampler sampler, int32_t page);

/* The same, but the blanks are given: count of them, sorted, the i-th from place `from[i]` with length
 * min[i] to max[i]; tokens of the page inside them are pinned. */
void table_fill_blanks(table_fill *t, pal_sampler sampler, int32_t page, int32_t count, const int32_t *from,
                       const int32_t *min, const int32_t *max);

/* law := what the sampler makes of the page it was started with, by visiting every outcome of every draw.
 * Every interval of u that leads to one outcome is entered a hair (2^-46) inside its lower end and, in a
 * second pass, inside its upper end.  Returns the largest difference between the two passes: zero but for
 * rounding if the intervals are where they should be. */
double table_probs(table_fill *t, double *probs);

/* Fills the page by the engine's own random numbers. */
int32_t table_draw(table_fill *t, uint64_t seed, uint32_t draft);

#endif
