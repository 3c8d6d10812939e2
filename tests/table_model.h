/* table_model.h - networks given as tables, and pages small enough to visit every outcome of a sampler.
 *
 * A page is a sequence of up to four places, each a symbol or the mask, written as one number in base symbols + 1
 * (place 0 is the lowest digit, the digit `symbols` is the mask).  A probability distribution is an array [TABLE_PAGES]
 * over all pages; distributions of finished texts are zero on pages with masks.
 *
 * Used by the tests of samplers, blanks and likelihoods; does not use cmocka, which is included once per program. */
#ifndef TABLE_MODEL_H
#define TABLE_MODEL_H

#include "text/fill.h"

enum { TABLE_PLACES = 4, TABLE_SYMBOLS = 4, TABLE_VOCAB = TABLE_SYMBOLS + 1, TABLE_PAGES = 625 };

typedef struct {
    int32_t places, symbols;                             /* symbols: 3, or 4 if the last one is <empty> */
    int32_t pages;                                       /* (symbols + 1) ^ places */
    double joint[TABLE_PAGES];                           /* a distribution of finished texts */
    float logit[TABLE_PAGES][TABLE_PLACES][TABLE_VOCAB]; /* logits of the network for a place of a page */
    bool causal;                  /* works as a causal network: token 0 is BOS, row i predicts token i + 1 */
    bool reads_time, reads_order; /* the logits depend on these too */
    int32_t seen;                 /* the page of the last evaluation */
    int32_t causal_seen[TABLE_PLACES + 1], rank[TABLE_PLACES + 1];
    double time; /* of the last evaluation, and so are the ranks */
    int32_t evaluations;
    uint32_t asked; /* positions of the last evaluation, as a bit mask */
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
bool table_agrees(const table_model *m, int32_t full, int32_t page); /* with all revealed tokens */
static inline int32_t table_masked(const table_model *m)
{
    return m->pages - 1;
}

/* ---- distributions and networks; random ones come from a fixed seed ---- */

/* Random weights -log(u) * v^(1 / shape): skewed like a Dirichlet distribution, more so for a smaller shape.  Texts
 * that `allowed` refuses (NULL: allows all) and a fraction `zeros` of the others get weight 0. */
typedef bool table_allowed_fn(const table_model *m, int32_t full);
void table_random_joint(table_model *m, uint64_t seed, double shape, double zeros, table_allowed_fn *allowed);

/* Logits of the exact conditionals of m->joint.  They are floats: a conditional p / p_max has a relative error of 2^-25
 * |log(p / p_max)|, so a distribution of generated texts cannot be exact. */
void table_exact(table_model *m);

/* Logits like those of a trained network: log(conditional + 0.001) + 0.6 * a normal number, so the conditionals of
 * different pages contradict each other (as in C06 of the reference checks). */
void table_learnt(table_model *m, uint64_t seed);

/* p(place = symbol | page) of the network: softmax of the logits in double precision, by libm. */
double table_conditional(const table_model *m, int32_t page, int32_t place, int32_t symbol);

/* The score of a place as an adaptive sampler computes it: higher is more confident. */
double table_score(const table_model *m, pal_sampler sampler, int32_t page, int32_t place);

/* probs := the distribution of all places drawn at once, independently. */
void table_product(const table_model *m, double *probs);

/* probs := m->joint given the revealed tokens of page; false if they are impossible. */
bool table_given(const table_model *m, int32_t page, double *probs);
double table_distance(const table_model *m, const double *a, const double *b); /* total variation */

/* How far chi-square of drawn pages lies above a bound: df + 5 sqrt(2 df) + 10, which a value exceeds with a probability
 * below 1e-5.  Pages with fewer than 8 expected draws are one class.  Infinite if an impossible page was drawn. */
double table_excess(const table_model *m, const double *wanted, const int32_t *drawn, int32_t draws);

/* ---- filling pages ---- */

typedef struct table_fill table_fill;
struct table_fill {
    table_model model;
    pal_fill fill;
    int32_t start; /* the page as it was given */
    int32_t tokens[TABLE_PLACES];
    pal_blank blank[TABLE_PLACES];
    pal_fill_place place[TABLE_PLACES];
    bool (*good)(const table_fill *t); /* NULL, or a condition that must hold after every step */
    int32_t broken;                    /* how often it did not hold */
    double evaluations;                /* expected, of the last table_probs */
    double *history;                   /* NULL, or [steps + 1, pages]: the distribution after each time step */
    /* the outcome being visited, see table_model.c */
    bool high;
    int32_t depth, asked;
    int32_t taken[64], following[64];
    double weight;
    double reveal, remask;
    _Alignas(64) unsigned char block[4096];
};

/* Prepares to fill `page`: every run of masks is a blank of that exact length; temperature 1, no truncation. */
void table_fill_start(table_fill *t, pal_sampler sampler, int32_t page);

/* As above, but with given blanks: `count` of them, sorted; the i-th starts at place `from[i]` and has min[i] to max[i]
 * tokens.  Tokens of the page inside blanks are pinned. */
void table_fill_blanks(table_fill *t, pal_sampler sampler, int32_t page, int32_t count, const int32_t *from,
                       const int32_t *min, const int32_t *max);

/* probs := the sampler's distribution for the page that it was started with, computed by visiting every outcome of
 * every draw.  For every interval of u with one outcome it takes a u just inside (2^-46) the lower end and, in a second
 * pass, just inside the upper end.  Returns the largest difference between the two passes: zero except for rounding if
 * the intervals are correct. */
double table_probs(table_fill *t, double *probs);

/* Fills the page with the engine's own random numbers. */
int32_t table_draw(table_fill *t, uint64_t seed, uint32_t draft);

#endif
