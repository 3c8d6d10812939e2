/* score_model.h - the exact score of a distribution of texts of three places, as a network, for test_reverse.c and
 * test_score_entropy.c.  Include cmocka.h first. */
#ifndef PAL_SCORE_MODEL_H
#define PAL_SCORE_MODEL_H

#include "core/random.h"
#include "text/fill.h"

#include <math.h>
#include <string.h>

enum { PLACES = 3, SYMBOLS = 3, MASK = SYMBOLS, VOCAB = SYMBOLS + 1, MOST_PAGES = 64 };

/* A page is a number in base `states`, place 0 its lowest digit. */
typedef struct {
    pal_noise noise;
    int32_t states, pages;
    double joint[MOST_PAGES]; /* of texts: zero on pages with masks */
    pal_classes classes;
    uint8_t of[VOCAB], byte[VOCAB];
    int32_t seen[PLACES];
    double sigma, probability[MOST_PAGES]; /* of pages at this noise level */
    double wrong;                          /* 0: the exact score; otherwise errors of its logarithm are up to this */
    double shift;                          /* added to all logits */
} score_model;

static inline int32_t token_of(const score_model *m, int32_t page, int32_t place)
{
    while (place--) page /= m->states;
    return page % m->states;
}

static inline int32_t page_of(const score_model *m, const int32_t *tokens)
{
    int32_t page = 0;
    for (int32_t i = PLACES; i > 0; i--) page = page * m->states + tokens[i - 1];
    return page;
}

/* The probabilities of all pages after noise sigma. */
static inline void set_level(score_model *m, double sigma)
{
    double moves[VOCAB][VOCAB] = {{0.0}};
    if (!(m->sigma < sigma) && !(m->sigma > sigma)) return;
    m->sigma = sigma;
    memset(m->probability, 0, sizeof m->probability);
    for (int32_t from = 0; from < m->states; from++)
        for (int32_t to = 0; to < m->states; to++) moves[from][to] = pal_noise_transition(&m->noise, sigma, from, to);
    for (int32_t from = 0; from < m->pages; from++)
        for (int32_t to = 0; m->joint[from] > 0.0 && to < m->pages; to++)
            m->probability[to] += m->joint[from] * moves[token_of(m, from, 0)][token_of(m, to, 0)] *
                                  moves[token_of(m, from, 1)][token_of(m, to, 1)] *
                                  moves[token_of(m, from, 2)][token_of(m, to, 2)];
}

static inline void evaluate(void *context, const pal_query *q)
{
    score_model *m = context;
    assert_int_equal(q->n, PLACES);
    memcpy(m->seen, q->tokens, sizeof m->seen);
    set_level(m, pal_noise_of_share(q->time < 1.0 ? q->time : 1.0 - 1e-12));
}

/* An error of the network, which does not depend on the noise level. */
static inline double error_at(const score_model *m, int32_t place, int32_t id)
{
    if (!(m->wrong > 0.0)) return 0.0;
    return m->wrong *
           (2.0 * pal_uniform(77, PAL_DRAW_TOKEN, (uint32_t)id, (uint32_t)place, (uint32_t)page_of(m, m->seen)) - 1.0);
}

/* Log scores, or logits from which they are computed. */
static inline bool logits(void *context, const int *at, int count, float *out)
{
    const score_model *m = context;
    const double more = m->noise.scaled ? log(expm1(m->sigma)) + log(VOCAB - 1.0) : 0.0;
    const double here = m->probability[page_of(m, m->seen)];
    for (int i = 0; i < count; i++)
        for (int32_t id = 0; id < VOCAB; id++) {
            int32_t tokens[PLACES];
            memcpy(tokens, m->seen, sizeof tokens);
            tokens[at[i]] = id;
            const double score = id < m->states ? m->probability[page_of(m, tokens)] / here : 0.0;
            out[i * VOCAB + id] = score > 0.0 ? (float)(log(score) + more + m->shift + error_at(m, at[i], id)) : -60.0f;
        }
    return true;
}

static inline pal_predictor predictor_of(score_model *m)
{
    return (pal_predictor){.context = m, .vocab = VOCAB, .evaluate = evaluate, .logits = logits, .reads_time = true};
}

/* A random distribution: some texts much more probable than others. */
static inline void make(score_model *m, pal_graph graph, uint32_t seed)
{
    double sum = 0.0;
    const bool absorbs = graph == PAL_GRAPH_ABSORB;
    *m = (score_model){.states = absorbs ? VOCAB : SYMBOLS};
    m->noise = (pal_noise){.graph = graph,
                           .schedule = PAL_NOISE_LOG_LINEAR,
                           .epsilon = 1e-3,
                           .scaled = absorbs,
                           .states = m->states,
                           .mask = MASK};
    m->pages = m->states * m->states * m->states;
    m->classes =
        (pal_classes){.vocab = VOCAB, .mask = MASK, .empty = -1, .noise = &m->noise, .of = m->of, .byte = m->byte};
    m->of[MASK] = PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT;
    for (int32_t page = 0; page < m->pages; page++) {
        bool clean = true;
        for (int32_t i = 0; i < PLACES; i++) clean = clean && token_of(m, page, i) < SYMBOLS;
        m->joint[page] = clean ? pow(-log(1.0 - pal_uniform(seed, PAL_DRAW_TOKEN, 0, 0, (uint32_t)page)), 2.0) : 0.0;
        sum += m->joint[page];
    }
    for (int32_t page = 0; page < m->pages; page++) m->joint[page] /= sum;
}

#endif
