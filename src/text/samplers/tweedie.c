/* tweedie.c - steps that remove noise by Bayes' rule, from the scores of each place alone.
 *
 * Lou, Meng and Ermon (2024), theorem 4.2: exact for one place with the exact score, however long the step; places
 * that change together change independently. */
#include "reverse.h"

pal_step_fn pal_tweedie_step;

void pal_tweedie_step(pal_fill *f)
{
    const pal_reverse r = pal_reverse_now(f);
    pal_reverse_make(f, &r, pal_reveal_tweedie, pal_weigh_tweedie, 0.0);
}
