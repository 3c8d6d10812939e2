/* exactness.c - what each sampler of texts draws, against the distribution that it should draw from.
 *
 * Options: kinds.h.  Figures: 0 the probabilities [27] of the texts (tiny.h); 1 to 10 the shares [27] of the texts that each
 * row of `rows` drew; 11 their distances [10] from the probabilities (total variation: half the sum of the absolute
 * differences); 12 [1] the distance that an exact sampler has on average, by chance alone. */
#include "lab.h"
#include "tiny.h"
#include "kinds.h"

#include "../core/math.h"

#include <math.h>

enum { DRAWS, STEPS, EVENNESS, LANGUAGE, SEED };
enum { EXACT, DRAWN, ROWS = 10, DISTANCE = DRAWN + ROWS, CHANCE, AT_ONCE = 250 };

/* The trap is the order that looks at what was drawn: MaskGIT (Chang et al. 2022), and LLaDA above temperature 0. */
static const struct {
    bool trap, steps;
    pal_sampler sampler;
    int32_t distance;
} rows[ROWS] = {{.sampler = PAL_FIRST_HITTING},
                {.sampler = PAL_ASCENDING},
                {.sampler = PAL_CONFIDENCE},
                {.sampler = PAL_MARGIN},
                {.sampler = PAL_ENTROPY},
                {.sampler = PAL_ANCESTRAL, .steps = true},
                {.sampler = PAL_REMASK, .steps = true},
                {.sampler = PAL_PARALLEL, .distance = 2},
                {.sampler = PAL_PARALLEL, .distance = 1},
                {.trap = true}};

typedef struct {
    pal_lab lab;
    pal_tiny *tiny;
    pal_fill fill;
    int32_t row, drawn;
    int32_t tokens[PAL_TINY_PLACES];
    pal_blank blank;
    pal_fill_place place[PAL_TINY_PLACES];
} exactness;
_Static_assert(sizeof(exactness) <= PAL_LAB_STRUCT, "larger than promised");

static void layout(pal_lab *job, pal_arena *arena)
{
    exactness *e = (exactness *)job;
    e->tiny = pal_take(arena, 1, sizeof *e->tiny);
    for (int i = 0; i < ROWS + 1; i++) pal_lab_take(job, arena, i, PAL_TINY_TEXTS);
    pal_lab_take(job, arena, DISTANCE, ROWS);
    pal_lab_take(job, arena, CHANCE, 1);
    pal_fill_layout(&e->fill, PAL_TINY_VOCAB, PAL_TINY_PLACES, PAL_TINY_PLACES, arena);
}

/* The mean of |share - p| is sqrt(2 p (1 - p) / (pi n)) for many expected draws, and at most 2 p (1 - p). */
static double chance(const pal_tiny *t, double draws)
{
    double sum = 0.0;
    for (int32_t i = 0; i < PAL_TINY_TEXTS; i++) {
        const double spread = t->joint[i] * (1.0 - t->joint[i]);
        const double many = sqrt(2.0 * spread / (3.14159265358979323846 * draws));
        sum += many < 2.0 * spread ? many : 2.0 * spread;
    }
    return sum / 2.0;
}

/* Prepares the fill of one blank for a row of the table. */
static void begin_row(exactness *e)
{
    pal_fill *f = &e->fill;
    f->predictor = pal_tiny_predictor(e->tiny);
    f->classes = &e->tiny->classes;
    f->options = (pal_infill_options){.sampler = rows[e->row].sampler,
                                      .temperature = 1.0,
                                      .top_p = 1.0,
                                      .repetition_penalty = 1.0,
                                      .remask = -1.0,
                                      .free_min = 1,
                                      .free_max = 1,
                                      .distance = rows[e->row].distance,
                                      .steps = rows[e->row].steps ? (int32_t)e->lab.option[STEPS] : 0,
                                      .seed = pal_lab_whole(&e->lab, SEED)};
    f->n = f->places = PAL_TINY_PLACES;
    f->blanks = 1;
    f->tokens = e->tokens;
    f->blank = &e->blank;
    f->place = e->place;
    e->blank = (pal_blank){.min = PAL_TINY_PLACES, .max = PAL_TINY_PLACES};
    for (int32_t i = 0; i < PAL_TINY_PLACES; i++) e->place[i] = (pal_fill_place){.at = i, .index = i};
}

static void start(pal_lab *job)
{
    exactness *e = (exactness *)job;
    pal_tiny_make(e->tiny, pal_lab_whole(job, LANGUAGE), job->option[EVENNESS]);
    for (int32_t i = 0; i < PAL_TINY_TEXTS; i++) job->figures[EXACT].values[i] = e->tiny->joint[i];
    job->figures[CHANCE].values[0] = chance(e->tiny, job->option[DRAWS]);
    begin_row(e);
}

/* The symbol of an open place by inverse CDF. */
static int32_t symbol_of(const double *p, double u)
{
    for (int32_t s = 0; s < PAL_TINY_SYMBOLS - 1; s++) {
        if (u < p[s]) return s;
        u -= p[s];
    }
    return PAL_TINY_SYMBOLS - 1;
}

/* Draws a symbol for every open place, and keeps only the one whose symbol was the most probable. */
static void trap_step(exactness *e, uint32_t draft, uint32_t step)
{
    double best = -1.0;
    int32_t at = 0, kept = 0;
    const int32_t page = pal_tiny_page(e->tokens);
    for (int32_t i = 0; i < PAL_TINY_PLACES; i++) {
        const double *p = e->tiny->conditional[page][i];
        if (e->tokens[i] != PAL_TINY_SYMBOLS) continue;
        const int32_t s =
            symbol_of(p, pal_uniform(pal_lab_whole(&e->lab, SEED), PAL_DRAW_LAB, draft, step, (uint32_t)i));
        if (!(p[s] > best)) continue;
        best = p[s];
        at = i;
        kept = s;
    }
    e->tokens[at] = kept;
}

static int32_t draw(exactness *e)
{
    if (rows[e->row].trap) {
        for (int32_t i = 0; i < PAL_TINY_PLACES; i++) e->tokens[i] = PAL_TINY_SYMBOLS;
        for (uint32_t step = 1; step <= PAL_TINY_PLACES; step++) trap_step(e, (uint32_t)e->drawn, step);
        return pal_tiny_text(e->tokens);
    }
    pal_fill_start(&e->fill);
    e->fill.options.draft = (uint32_t)e->drawn;
    while (pal_fill_step(&e->fill, NULL) == PAL_MORE) {
    }
    return pal_tiny_text(e->tokens);
}

/* Counts become shares. */
static void end_row(exactness *e)
{
    double *share = e->lab.figures[DRAWN + e->row].values, sum = 0.0;
    for (int32_t i = 0; i < PAL_TINY_TEXTS; i++) {
        share[i] /= e->lab.option[DRAWS];
        sum += fabs(share[i] - e->tiny->joint[i]);
    }
    e->lab.figures[DISTANCE].values[e->row++] = sum / 2.0;
    e->drawn = 0;
    if (e->row < ROWS) begin_row(e);
}

static void step(pal_lab *job)
{
    exactness *e = (exactness *)job;
    const int32_t draws = (int32_t)job->option[DRAWS];
    for (int32_t i = 0; i < AT_ONCE && e->drawn < draws; i++, e->drawn++)
        job->figures[DRAWN + e->row].values[draw(e)] += 1.0;
    if (e->drawn == draws) end_row(e);
    job->done = ((double)e->row + (double)e->drawn / draws) / (double)ROWS;
}

static const pal_lab_option options[] = {PAL_LAB_EXACTNESS_OPTIONS};
const pal_lab_kind pal_lab_exactness = {.name = "exactness",
                                        .options = options,
                                        .option_count = sizeof options / sizeof *options,
                                        .bytes = sizeof(exactness),
                                        .layout = layout,
                                        .start = start,
                                        .step = step};
