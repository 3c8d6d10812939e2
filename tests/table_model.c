#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "table_model.h"
#include "text/samplers/samplers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- pages as numbers ------------------------------------------------------------------------------ */

void table_init(table_model *m, int32_t places, int32_t symbols, bool with_empty)
{
    memset(m, 0, sizeof *m);
    m->places = places;
    m->symbols = symbols;
    m->pages = 1;
    for (int32_t i = 0; i < places; i++) m->pages *= symbols + 1;
    m->classes = (pal_classes){.vocab = symbols + 1, .mask = symbols, .empty = with_empty ? symbols - 1 : -1};
    m->classes.of = m->of;
    m->classes.byte = m->byte;
    m->of[symbols] = PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT;
    if (with_empty) m->of[symbols - 1] = PAL_CLASS_NO_FILL; /* as in classes.c: a control piece */
    for (int32_t page = 0; page < m->pages; page++)         /* a network that gives the mask a high logit */
        for (int32_t place = 0; place < places; place++) m->logit[page][place][symbols] = 50.0f;
}

int32_t table_page(const table_model *m, const int32_t *tokens)
{
    int32_t page = 0;
    for (int32_t i = m->places - 1; i >= 0; i--) page = page * (m->symbols + 1) + tokens[i];
    return page;
}

int32_t table_token(const table_model *m, int32_t page, int32_t place)
{
    for (int32_t i = 0; i < place; i++) page /= m->symbols + 1;
    return page % (m->symbols + 1);
}

void table_tokens(const table_model *m, int32_t page, int32_t *tokens)
{
    for (int32_t i = 0; i < m->places; i++) tokens[i] = table_token(m, page, i);
}

int32_t table_with(const table_model *m, int32_t page, int32_t place, int32_t token)
{
    int32_t tokens[TABLE_PLACES];
    table_tokens(m, page, tokens);
    tokens[place] = token;
    return table_page(m, tokens);
}

bool table_agrees(const table_model *m, int32_t full, int32_t page)
{
    for (int32_t i = 0; i < m->places; i++) {
        int32_t token = table_token(m, page, i);
        if (token != m->symbols && token != table_token(m, full, i)) return false;
    }
    return true;
}

bool table_is_full(const table_model *m, int32_t page)
{
    for (int32_t i = 0; i < m->places; i++)
        if (table_token(m, page, i) == m->symbols) return false;
    return true;
}

/* ---- distributions and networks ----------------------------------------------------------------------------- */

static double uniform(uint64_t seed, uint32_t use, int32_t a, int32_t b)
{
    return pal_uniform(seed, PAL_DRAW_TOKEN, use, (uint32_t)a, (uint32_t)b);
}

void table_random_joint(table_model *m, uint64_t seed, double shape, double zeros, table_allowed_fn *allowed)
{
    double sum = 0.0;
    for (int32_t page = 0; page < m->pages; page++) {
        m->joint[page] = 0.0;
        if (!table_is_full(m, page) || (allowed && !allowed(m, page))) continue;
        if (uniform(seed, 1, page, 0) < zeros) continue;
        m->joint[page] = -log(1.0 - uniform(seed, 2, page, 0)) * pow(uniform(seed, 3, page, 0), 1.0 / shape);
        sum += m->joint[page];
    }
    for (int32_t page = 0; page < m->pages; page++) m->joint[page] /= sum;
}

bool table_given(const table_model *m, int32_t page, double *probs)
{
    double sum = 0.0;
    for (int32_t full = 0; full < m->pages; full++) {
        probs[full] = m->joint[full] > 0.0 && table_agrees(m, full, page) ? m->joint[full] : 0.0;
        sum += probs[full];
    }
    for (int32_t full = 0; full < m->pages && sum > 0.0; full++) probs[full] /= sum;
    return sum > 0.0;
}

/* p[place][symbol] given the revealed tokens of the page; uniform if the page is impossible. */
static void marginals(const table_model *m, int32_t page, double p[TABLE_PLACES][TABLE_SYMBOLS])
{
    double probs[TABLE_PAGES];
    bool possible = table_given(m, page, probs);
    for (int32_t place = 0; place < m->places; place++) {
        for (int32_t s = 0; s < TABLE_SYMBOLS; s++) p[place][s] = possible ? 0.0 : 1.0 / m->symbols;
        for (int32_t full = 0; possible && full < m->pages; full++)
            if (probs[full] > 0.0) p[place][table_token(m, full, place)] += probs[full];
    }
}

void table_exact(table_model *m)
{
    double p[TABLE_PLACES][TABLE_SYMBOLS];
    for (int32_t page = 0; page < m->pages; page++) {
        marginals(m, page, p);
        for (int32_t place = 0; place < m->places; place++) {
            double max = 0.0;
            for (int32_t s = 0; s < m->symbols; s++) max = fmax(max, p[place][s]);
            for (int32_t s = 0; s < m->symbols; s++)
                m->logit[page][place][s] = p[place][s] > 0.0 ? (float)log(p[place][s] / max) : -1e30f;
        }
    }
}

static double normal(uint64_t seed, int32_t a, int32_t b)
{
    double sum = -6.0; /* twelve uniform numbers have variance 1 */
    for (uint32_t i = 0; i < 12; i++) sum += uniform(seed, 100 + i, a, b);
    return sum;
}

void table_learnt(table_model *m, uint64_t seed)
{
    double p[TABLE_PLACES][TABLE_SYMBOLS];
    for (int32_t page = 0; page < m->pages; page++) {
        marginals(m, page, p);
        for (int32_t place = 0; place < m->places; place++)
            for (int32_t s = 0; s < m->symbols; s++)
                m->logit[page][place][s] =
                    (float)(log(p[place][s] + 0.001) + 0.6 * normal(seed, page, place * TABLE_SYMBOLS + s));
    }
}

double table_conditional(const table_model *m, int32_t page, int32_t place, int32_t symbol)
{
    const float *logit = m->logit[page][place];
    double sum = 0.0;
    for (int32_t s = 0; s < m->symbols; s++) sum += exp((double)logit[s] - (double)logit[symbol]);
    return 1.0 / sum;
}

double table_score(const table_model *m, pal_sampler sampler, int32_t page, int32_t place)
{
    double first = 0.0, second = 0.0, entropy = 0.0;
    for (int32_t s = 0; s < m->symbols; s++) {
        double p = table_conditional(m, page, place, s);
        entropy -= p * log(p);
        second = fmax(second, fmin(first, p));
        first = fmax(first, p);
    }
    return sampler == PAL_MARGIN ? first - second : sampler == PAL_ENTROPY ? -entropy : first;
}

void table_product(const table_model *m, double *probs)
{
    for (int32_t page = 0; page < m->pages; page++) {
        probs[page] = table_is_full(m, page) ? 1.0 : 0.0;
        for (int32_t i = 0; i < m->places && probs[page] > 0.0; i++)
            probs[page] *= table_conditional(m, table_masked(m), i, table_token(m, page, i));
    }
}

double table_distance(const table_model *m, const double *a, const double *b)
{
    double sum = 0.0;
    for (int32_t page = 0; page < m->pages; page++) sum += fabs(a[page] - b[page]);
    return sum / 2.0;
}

double table_excess(const table_model *m, const double *wanted, const int32_t *drawn, int32_t draws)
{
    double chi = 0.0, rest = 0.0, rest_drawn = 0.0, classes = 0.0;
    for (int32_t page = 0; page < m->pages; page++) {
        const double expected = draws * wanted[page];
        if (!(wanted[page] > 0.0) && drawn[page]) return INFINITY;
        if (expected < 8.0) {
            rest += expected;
            rest_drawn += drawn[page];
            continue;
        }
        chi += (drawn[page] - expected) * (drawn[page] - expected) / expected;
        classes++;
    }
    if (rest > 1.0) chi += (rest_drawn - rest) * (rest_drawn - rest) / rest;
    return chi - classes - 5.0 * sqrt(2.0 * classes) - 10.0;
}

/* ---- the network as the engine sees it -------------------------------------------------------------- */

static void evaluate(void *context, const pal_query *q)
{
    table_model *m = context;
    m->evaluations++;
    m->asked = 0;
    assert_true(q->count > 0);
    for (int i = 0; i < q->count; i++) m->asked |= 1u << q->at[i];
    m->time = q->time;
    memcpy(m->rank, q->rank, (size_t)q->n * sizeof *q->rank);
    if (m->causal)
        memcpy(m->causal_seen, q->tokens, (size_t)q->n * sizeof *q->tokens);
    else
        m->seen = table_page(m, q->tokens);
}

/* Row `at` of a causal network: the page holds the tokens of positions 1 .. at, and the row predicts position at +
 * 1. */
static const float *causal_row(const table_model *m, int32_t at)
{
    int32_t tokens[TABLE_PLACES];
    for (int32_t i = 0; i < m->places; i++) tokens[i] = i < at ? m->causal_seen[i + 1] : m->symbols;
    return m->logit[table_page(m, tokens)][at];
}

/* Added to the logit of the first symbol: 0 unless the network reads time or order. */
static float addition(const table_model *m)
{
    float sum = m->reads_time ? 2.0f * (float)m->time : 0.0f;
    for (int32_t i = 0; i < m->places && m->reads_order; i++)
        if (m->rank[i] != PAL_RANK_UNKNOWN) sum += 0.5f * (float)((i + 1) * m->rank[i]);
    return sum;
}

static bool logits(void *context, const int *at, int count, float *out)
{
    const table_model *m = context;
    for (int i = 0; i < count; i++) {
        float *row = out + (size_t)i * (size_t)m->classes.vocab;
        assert_true(m->asked >> at[i] & 1); /* no other row has been computed */
        memcpy(row, m->causal ? causal_row(m, at[i]) : m->logit[m->seen][at[i]],
               (size_t)m->classes.vocab * sizeof *out);
        row[0] += addition(m);
    }
    return true;
}

pal_predictor table_predictor(table_model *m)
{
    return (pal_predictor){.context = m,
                           .vocab = m->classes.vocab,
                           .evaluate = evaluate,
                           .logits = logits,
                           .reads_time = m->reads_time,
                           .reads_order = m->reads_order};
}

/* ---- pages being filled ----------------------------------------------------------------------------- */

static void set_places(table_fill *t)
{
    pal_fill *f = &t->fill;
    f->places = 0;
    for (int32_t b = 0; b < f->blanks; b++) {
        int32_t from = t->blank[b].place; /* a place until here, a slot from here on */
        t->blank[b].place = f->places;
        for (int32_t i = 0; i < t->blank[b].max; i++, f->places++) {
            bool pinned = t->tokens[from + i] != t->model.symbols;
            t->place[f->places] = (pal_fill_place){.at = from + i, .blank = b, .index = i, .pinned = pinned};
        }
    }
}

static void start(table_fill *t, pal_sampler sampler)
{
    pal_fill *f = &t->fill;
    pal_arena arena = {.base = t->block, .red_zones = true};
    t->start = table_page(&t->model, t->tokens);
    t->good = NULL;
    t->broken = 0;
    t->history = NULL;
    f->predictor = table_predictor(&t->model);
    f->classes = &t->model.classes;
    f->options = (pal_infill_options){.sampler = sampler, .temperature = 1.0, .top_p = 1.0};
    f->options.repetition_penalty = 1.0;
    f->options.remask = -1.0;
    f->options.free_min = f->options.free_max = 1;
    f->n = t->model.places;
    f->tokens = t->tokens;
    f->blank = t->blank;
    f->place = t->place;
    set_places(t);
    pal_fill_layout(f, t->model.classes.vocab, f->n, f->places, &arena);
    if (arena.used > sizeof t->block) abort();
    pal_fill_start(f);
}

void table_fill_start(table_fill *t, pal_sampler sampler, int32_t page)
{
    int32_t count = 0;
    table_tokens(&t->model, page, t->tokens);
    for (int32_t i = 0; i < t->model.places; i++) {
        if (t->tokens[i] != t->model.symbols) continue;
        if (i == 0 || t->tokens[i - 1] != t->model.symbols) t->blank[count++] = (pal_blank){.place = i};
        t->blank[count - 1].min = ++t->blank[count - 1].max;
    }
    t->fill.blanks = count;
    start(t, sampler);
}

void table_fill_blanks(table_fill *t, pal_sampler sampler, int32_t page, int32_t count, const int32_t *from,
                       const int32_t *min, const int32_t *max)
{
    table_tokens(&t->model, page, t->tokens);
    for (int32_t b = 0; b < count; b++) t->blank[b] = (pal_blank){.place = from[b], .min = min[b], .max = max[b]};
    t->fill.blanks = count;
    start(t, sampler);
}

int32_t table_draw(table_fill *t, uint64_t seed, uint32_t draft)
{
    pal_fill_start(&t->fill);
    t->fill.options.seed = seed;
    t->fill.options.draft = draft;
    while (pal_fill_step(&t->fill, NULL) == PAL_MORE) {
    }
    return table_page(&t->model, t->tokens);
}

/* ---- every outcome ---------------------------------------------------------------------------------- */

/* A step is run repeatedly.  Each random number that it requests has a few outcomes, intervals of u between known
 * edges.  A run takes one interval per request, and its probability is the product of their widths. taken[] holds the
 * choices of the run, following[] the next choice at that request (-1: none).  Together they count through a tree whose
 * shape becomes known during the walk. */

static int32_t next_interval(const double *edge, int32_t count, int32_t from)
{
    for (int32_t i = from; i < count; i++)
        if (edge[i + 1] > edge[i]) return i;
    return -1;
}

/* edge[count + 1], from 0 to 1. */
static double take_interval(table_fill *t, const double *edge, int32_t count)
{
    if (t->asked == t->depth) {
        if (t->depth == (int32_t)(sizeof t->taken / sizeof *t->taken)) abort();
        t->taken[t->depth++] = next_interval(edge, count, 0);
    }
    int32_t i = t->taken[t->asked];
    t->following[t->asked++] = next_interval(edge, count, i + 1);
    double low = edge[i], high = edge[i + 1], hair = 0x1p-46;
    t->weight *= high - low;
    if (high - low <= 4.0 * hair) return (low + high) / 2.0;
    return t->high ? high - hair : low + hair;
}

static bool next_outcome(table_fill *t)
{
    while (t->depth && t->following[t->depth - 1] < 0) t->depth--;
    if (!t->depth) return false;
    t->taken[t->depth - 1] = t->following[t->depth - 1];
    return true;
}

/* The intervals of a uniform number that choose a token: first that of <empty>, then the others in token order. */
static int32_t token_edges(const pal_fill *f, double edge[TABLE_VOCAB + 2])
{
    double mass[TABLE_VOCAB + 1];
    int32_t count = 0, empty = f->classes->empty;
    if (empty >= 0) mass[count++] = f->probs[empty];
    for (int32_t id = 0; id < f->classes->vocab; id++)
        if (id != empty) mass[count++] = f->probs[id];
    for (int32_t i = 0; i < count; i++) edge[i + 1] = edge[i] + mass[i];
    for (int32_t i = count; i > 0 && mass[i - 1] == 0.0; i--) edge[i - 1] = 1.0; /* none if the probability is 0 */
    return count;
}

/* Between how many places the sampler chooses. */
static int32_t candidates(const pal_fill *f)
{
    int32_t count = 0;
    for (int32_t i = 0; i < f->blanks; i++) count += pal_fill_leftmost(f, &f->blank[i]) >= 0;
    return f->sampler->from_left ? count : f->open;
}

static double answer(void *context, const pal_fill *f, pal_purpose purpose, int32_t place)
{
    table_fill *t = context;
    double edge[TABLE_VOCAB + 2] = {0.0};
    int32_t count = 2, among = candidates(f);
    (void)place;
    if (purpose == PAL_DRAW_TOKEN)
        count = token_edges(f, edge);
    else if (purpose == PAL_DRAW_POSITION)
        for (count = 0; count < among; count++) edge[count + 1] = (count + 1) / (double)among;
    else
        edge[1] = purpose == PAL_DRAW_REVEAL ? t->reveal : t->remask;
    edge[count] = 1.0;
    return take_interval(t, edge, count);
}

/* ReMDM (Wang et al. 2025; ancestral is sigma = 0): alpha = 1 - t on an even grid, from step / K to (step + 1) / K. */
static void set_rates(table_fill *t, int32_t step)
{
    const pal_infill_options *o = &t->fill.options;
    double steps = o->steps, alpha_t = step / steps, alpha_s = (step + 1) / steps;
    double cap = step ? fmin(1.0, (1.0 - alpha_s) / alpha_t) : 1.0;
    double sigma = pal_sampler_about(o->sampler)->reopens ? fmin(o->remask, cap) : 0.0;
    t->remask = sigma;
    t->reveal = (alpha_s - (1.0 - sigma) * alpha_t) / (1.0 - alpha_t);
}

static void set_page(table_fill *t, int32_t page, int32_t step)
{
    pal_fill *f = &t->fill;
    table_tokens(&t->model, page, t->tokens);
    f->open = 0;
    f->step = step;
    f->tokens_changed = f->order_changed = true;
    for (int32_t i = 0; i < f->places; i++) {
        bool open = t->tokens[t->place[i].at] == t->model.symbols;
        t->place[i].step = open ? -1 : t->place[i].pinned ? 0 : 1;
        bool closed = f->classes->ends && t->tokens[t->place[i].at] == f->classes->empty;
        t->place[i].rank = open || closed ? PAL_RANK_UNKNOWN : t->place[i].step;
        f->open += open;
    }
}

/* after := the distribution one step later, computed from `before`. */
static void push(table_fill *t, const double *before, double *after, int32_t step, bool timed)
{
    memset(after, 0, (size_t)t->model.pages * sizeof *after);
    for (int32_t page = 0; page < t->model.pages; page++) {
        if (before[page] == 0.0) continue;
        t->depth = 0;
        do {
            t->asked = 0;
            t->weight = 1.0;
            t->model.evaluations = 0;
            set_page(t, page, step);
            if (!timed)
                pal_fill_step(&t->fill, NULL);
            else
                pal_fill_sampler_step(&t->fill);
            after[table_page(&t->model, t->tokens)] += before[page] * t->weight;
            t->evaluations += before[page] * t->weight * t->model.evaluations;
            if (t->good && !t->good(t)) t->broken++;
        } while (next_outcome(t));
    }
}

static void note(const table_fill *t, const double *probs, int32_t step)
{
    size_t pages = (size_t)t->model.pages;
    if (t->history) memcpy(t->history + (size_t)step * pages, probs, pages * sizeof *probs);
}

static void one_pass(table_fill *t, int32_t page, double *probs)
{
    const pal_infill_options *o = &t->fill.options;
    bool timed = pal_sampler_about(o->sampler)->steps;
    int32_t steps = timed ? o->steps : t->fill.places;
    double before[TABLE_PAGES] = {0.0};
    before[page] = 1.0;
    t->evaluations = 0.0;
    note(t, before, 0);
    for (int32_t step = 0; step < steps; step++) {
        if (timed) set_rates(t, step);
        push(t, before, probs, step, timed);
        memcpy(before, probs, sizeof before);
        note(t, probs, step + 1);
    }
}

double table_probs(table_fill *t, double *probs)
{
    double other[TABLE_PAGES] = {0.0}, spread = 0.0;
    int32_t page = table_page(&t->model, t->tokens);
    t->fill.uniform = answer;
    t->fill.uniform_context = t;
    memset(probs, 0, sizeof other);
    t->high = false;
    one_pass(t, page, other);
    t->high = true;
    one_pass(t, page, probs);
    for (int32_t i = 0; i < t->model.pages; i++) spread = fmax(spread, fabs(probs[i] - other[i]));
    return spread;
}
