#include "tiny.h"

#include "../core/math.h"

#include <string.h>

enum { MASK = PAL_TINY_SYMBOLS };

int32_t pal_tiny_page(const int32_t *tokens)
{
    return tokens[0] + PAL_TINY_VOCAB * (tokens[1] + PAL_TINY_VOCAB * tokens[2]);
}

int32_t pal_tiny_text(const int32_t *tokens)
{
    return tokens[0] + PAL_TINY_SYMBOLS * (tokens[1] + PAL_TINY_SYMBOLS * tokens[2]);
}

static int32_t on_page(int32_t page, int32_t place)
{
    return page >> (2 * place) & 3;
}

static bool agrees(int32_t text, int32_t page)
{
    for (int32_t i = 0; i < PAL_TINY_PLACES; i++)
        if (on_page(page, i) != MASK && on_page(page, i) != pal_tiny_symbol(text, i)) return false;
    return true;
}

/* The conditional probabilities of a page, and their logits: floats below 0. */
static void add_up(pal_tiny *t, int32_t page)
{
    double sum = 0.0;
    for (int32_t text = 0; text < PAL_TINY_TEXTS; text++) {
        if (!agrees(text, page)) continue;
        sum += t->joint[text];
        for (int32_t i = 0; i < PAL_TINY_PLACES; i++)
            t->conditional[page][i][pal_tiny_symbol(text, i)] += t->joint[text];
    }
    for (int32_t i = 0; i < PAL_TINY_PLACES; i++) {
        for (int32_t s = 0; s < PAL_TINY_SYMBOLS; s++) {
            double *p = &t->conditional[page][i][s];
            *p = sum > 0.0 ? *p / sum : 1.0 / (double)PAL_TINY_SYMBOLS;
            t->logit[page][i][s] = *p > 0.0 ? (float)pal_log(*p) : -1e30f;
        }
        t->logit[page][i][MASK] = -1e30f;
    }
}

void pal_tiny_make(pal_tiny *t, uint64_t seed, double evenness)
{
    double sum = 0.0;
    memset(t, 0, sizeof *t);
    for (uint32_t text = 0; text < PAL_TINY_TEXTS; text++) {
        const double u = pal_uniform(seed, PAL_DRAW_LAB, 0, 0, text), v = pal_uniform(seed, PAL_DRAW_LAB, 1, 0, text);
        t->joint[text] = -pal_log(1.0 - u) * pal_pow(v, 1.0 / evenness);
        sum += t->joint[text];
    }
    for (int32_t text = 0; text < PAL_TINY_TEXTS; text++) t->joint[text] /= sum;
    for (int32_t page = 0; page < PAL_TINY_PAGES; page++) add_up(t, page);
    t->classes = (pal_classes){.vocab = PAL_TINY_VOCAB, .mask = MASK, .empty = -1, .of = t->of, .byte = t->byte};
    t->of[MASK] = PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT;
}

static void evaluate(void *context, const pal_query *q)
{
    ((pal_tiny *)context)->seen = pal_tiny_page(q->tokens);
}

static bool logits(void *context, const int *at, int count, float *out)
{
    const pal_tiny *t = context;
    for (int i = 0; i < count; i++)
        memcpy(out + (ptrdiff_t)i * PAL_TINY_VOCAB, t->logit[t->seen][at[i]], sizeof t->logit[0][0]);
    return true;
}

pal_predictor pal_tiny_predictor(pal_tiny *t)
{
    return (pal_predictor){.context = t, .vocab = PAL_TINY_VOCAB, .evaluate = evaluate, .logits = logits};
}
