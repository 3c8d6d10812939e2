/* forced.c - the order of a replayed fill that is given by the caller. The draws are in fill.c. */
#include "forced.h"
#include "samplers/samplers.h"

/* Places behind the end of a blank are not listed: they are revealed with the end. */
static bool ask_next(pal_fill *f)
{
    const int32_t *next = f->forced->order;
    while (!pal_fill_is_open(f, *next)) next++;
    f->chosen[0] = *next;
    pal_fill_ask(f, *next);
    return true;
}

static void draw_next(pal_fill *f)
{
    pal_fill_draw(f, f->chosen[0]);
}

void pal_forced_in_order(pal_fill *f)
{
    static const pal_sampler_row in_order = {
        .name = "in order", .is = {.exact = true}, .ask = ask_next, .step = draw_next};
    f->sampler = &in_order;
}
