/* ascending.c - fills each blank from its left, one token per evaluation.
 *
 * The candidates are the leftmost open places of the blanks.  `ascending` takes the place whose largest probability is
 * largest, after forbidden tokens are removed, at temperature 1 and before truncation; <empty> counts like any other
 * token, and ties go to the first place.  `ascending-random` takes one of them, all with the same probability.  Neither
 * choice depends on the token to be drawn, so with true conditionals the joint distribution is reproduced exactly. */
#include "samplers.h"

pal_ask_fn pal_ascending_ask, pal_ascending_random_ask;
pal_step_fn pal_ascending_step, pal_ascending_random_step;

bool pal_ascending_ask(pal_fill *f)
{
    for (int32_t i = 0; i < f->blanks; i++) {
        const int32_t place = pal_fill_leftmost(f, &f->blank[i]);
        if (place >= 0) pal_fill_ask(f, place);
    }
    return true;
}

void pal_ascending_step(pal_fill *f)
{
    int32_t best = -1;
    pal_fill_measure(f, f->sampler->measure);
    for (int32_t i = 0; i < f->blanks; i++) {
        const int32_t place = pal_fill_leftmost(f, &f->blank[i]);
        if (place >= 0 && (best < 0 || f->score[place] > f->score[best])) best = place;
    }
    pal_fill_draw(f, best);
}

bool pal_ascending_random_ask(pal_fill *f)
{
    int32_t count = 0;
    for (int32_t i = 0; i < f->blanks; i++) {
        const int32_t place = pal_fill_leftmost(f, &f->blank[i]);
        if (place >= 0) f->chosen[count++] = place;
    }
    f->chosen[0] = f->chosen[(int32_t)(pal_fill_uniform(f, PAL_DRAW_POSITION, -1) * count)];
    pal_fill_ask(f, f->chosen[0]);
    return true;
}

void pal_ascending_random_step(pal_fill *f)
{
    pal_fill_draw(f, f->chosen[0]);
}
