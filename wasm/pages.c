/* pages.c - functions of the text engine for JavaScript: pages and scores.  Generation is in generate.c.
 *
 * With PW_SCORES this is the engine of scores, for the networks of discrete diffusion (sedd, mdlm) and of boards (sudoku).
 * What they need beside the functions of the text engine (their forward passes, samplers and bound) would make everybody's
 * download larger. */
#include "palimpsest.h"
#include "api/fills.h"
#include "kernels/kernels.h"
#include "kernels/self_check.h"
#include "core/options.h"
#include "memory.h"
#include "api/board_pages.h"
#include "network/kinds.h"
#include "text/samplers/samplers.h"
#include "token/unicode.h"

#include <stdlib.h>
#include <string.h>

#ifdef PW_SCORES
const pal_network_kind pal_network_kinds[] = {PAL_KINDS_OF_DDIT, PAL_KINDS_OF_BOARDS, PAL_KIND_UNKNOWN};
#else
const pal_network_kind pal_network_kinds[] = {PAL_KINDS_OF_TRANSFORMERS, PAL_KIND_UNKNOWN};
const pal_score_sampling *const pal_of_scores = NULL;
const pal_board_pages *const pal_of_boards = NULL;
#endif
const size_t pal_network_kind_count = sizeof pal_network_kinds / sizeof *pal_network_kinds;

/* Whether the best kernels of this build compute correct results on this machine. */
int pw_self_check(void)
{
    return pal_self_check(pal_cpu_isa());
}

#ifdef PW_SCORES
/* The noise of a model that computes scores: whether it is geometric, its range, and its states (0: absorb).  0: the model
 * does not compute scores. */
enum { NOISE = 4 };
int pw_noise(const pal_model *model, double out[NOISE])
{
    pal_noise_info n;
    if (!pal_model_noise(model, &n)) return 0;
    const double figures[NOISE] = {model->classes.noise->schedule == PAL_NOISE_GEOMETRIC, n.sigma_min, n.sigma_max,
                                   n.states};
    memcpy(out, figures, sizeof figures);
    return 1;
}
#endif

/* ---- adapters ---------------------------------------------------------------------------------------- */

/* A second model over the weights of `base`, which must outlive it.  The caller keeps the image. */
pal_model *pw_model_attach(const pal_model *base, void *image, size_t bytes, pal_error *err)
{
    pal_model *model;
    return pal_model_attach(&model, base, image, bytes, err) ? NULL : model;
}

/* ---- classes of Unicode ------------------------------------------------------------------------------ */

/* Where JavaScript writes the table of classes before it tokenizes anything; NULL: the vocabulary does not need it. */
void *pw_unicode(const pal_model *model)
{
    return model->vocab && pal_vocab_is_byte_level(model->vocab) ? pal_unicode_later() : NULL;
}

/* ---- split models ------------------------------------------------------------------------------------ */

/* The parts of one model, in any order, each in a block of its own. */
pal_model *pw_model_open_parts(void *const *images, const size_t *bytes, size_t count, pal_error *err)
{
    pal_model *model;
    return pal_model_open_parts(&model, images, bytes, count, 0, err) ? NULL : model;
}

/* ---- pages ------------------------------------------------------------------------------------------- */

/* Whether the sampler can fill pages of the model. */
int pw_sampler_fits(const pal_model *model, int32_t sampler)
{
    pal_infill_options o = pal_infill_defaults();
    o.sampler = (pal_sampler)sampler;
    return pal_model_info(model)->can_infill && !pal_fill_check(&o, &model->classes, NULL);
}

/* A page being filled, and buffers to read it. */
typedef struct {
    pal_session *session;
    size_t count;
    pal_place *places; /* [count] */
    void *block;
} pw_fill;

void pw_fill_end(pw_fill *f)
{
    if (!f) return;
    free(f->places);
    free(f->block);
    free(f);
}

/* options[] has the rows of pal_infill_table; pins[pin_count] has the memory layout of pal_pin: blank, index, id.
 * earlier: NULL, or a fill that the new one may copy rows from (pal_session_reuse). */
pw_fill *pw_fill_start(const pal_model *model, const char *text, size_t text_bytes, const double *options,
                       const pal_pin *pins, size_t pin_count, const pw_fill *earlier, pal_error *err)
{
    size_t bytes;
    pal_infill_options o = pal_infill_defaults();
    pal_options_read(&pal_infill_table, options, &o);
    o.pins = pins;
    o.pin_count = pin_count;
    if (pal_session_bytes(model, text, text_bytes, &o, &bytes, err)) return NULL;
    pw_fill *f = calloc(1, sizeof *f);
    if (f) f->block = pw_alloc(bytes);
    if (!f || !f->block) {
        *err = (pal_error){PAL_E_MEMORY, "not enough memory to fill this page", SIZE_MAX};
        pw_fill_end(f);
        return NULL;
    }
    if (pal_session_init(&f->session, model, text, text_bytes, &o, f->block, bytes, err)) {
        pw_fill_end(f);
        return NULL;
    }
    if (earlier) pal_session_reuse(f->session, earlier->session);
    f->count = pal_session_tokens(f->session, NULL, 0);
    f->places = calloc(f->count + 1, sizeof *f->places);
    if (f->places) return f;
    *err = (pal_error){PAL_E_MEMORY, "not enough memory to fill this page", SIZE_MAX};
    pw_fill_end(f);
    return NULL;
}

int pw_fill_step(pw_fill *f, pal_error *err)
{
    return pal_step(f->session, err);
}

/* Makes the evaluations that the next steps of fills[count] need, as one batch.  Without enough memory it does nothing,
 * and each step makes its own evaluation. */
int pw_fill_together(const pal_model *model, pw_fill *const *fills, int32_t count)
{
    int64_t tokens = 0;
    size_t bytes = 0;
    pal_session **sessions = malloc(pal_times((size_t)count, sizeof *sessions));
    for (int32_t i = 0; sessions && i < count; i++) {
        sessions[i] = fills[i]->session;
        tokens += pal_session_progress(sessions[i]).shown;
    }
    pal_status s = PAL_E_MEMORY;
    if (sessions && tokens <= INT32_MAX) s = pal_together_bytes(model, (int32_t)tokens, &bytes, NULL);
    void *block = s ? NULL : pw_alloc(bytes);
    if (block) s = pal_evaluate_together(model, sessions, count, block, bytes, NULL);
    free(block);
    free(sessions);
    return s;
}

size_t pw_fill_text(const pw_fill *f, char *text, size_t capacity)
{
    return pal_session_text(f->session, text, capacity);
}

enum { PROGRESS = 9 };
void pw_fill_progress(const pw_fill *f, int32_t out[PROGRESS])
{
    pal_progress p = pal_session_progress(f->session);
    const int32_t words[PROGRESS] = {p.step,  p.steps,  p.evaluations, p.open,   p.places,
                                     p.shown, p.tokens, p.windowed,    p.windows};
    memcpy(out, words, sizeof words);
}

/* Writes the text for a reader, and sets the positions of f->places in it. */
size_t pw_fill_reading(pw_fill *f, char *text, size_t capacity)
{
    pal_session_tokens(f->session, f->places, f->count);
    return pal_session_reading(f->session, text, capacity, f->places, f->count);
}

/* The places as of the last pw_fill_reading.  engine.ts reads the memory of pal_place directly. */
const pal_place *pw_fill_places(const pw_fill *f)
{
    return f->places;
}

_Static_assert(sizeof(pal_place) == 4 * 19 && offsetof(pal_place, probability) == 16 &&
                   offsetof(pal_place, empty) == 20 && offsetof(pal_place, space_given) == 21 &&
                   offsetof(pal_place, offset) == 24 && offsetof(pal_place, alternatives) == 32 &&
                   offsetof(pal_place, alternative_probability) == 36 + 4 * PAL_ALTERNATIVES,
               "engine.ts reads places as 19 words");
_Static_assert(sizeof(pal_pin) == 12, "engine.ts writes pins as three words");

/* ---- scores ------------------------------------------------------------------------------------------ */

/* options[] has the rows of pal_score_table. */
pal_scoring *pw_score_start(const pal_model *model, const char *text, size_t bytes, const double *options,
                            pal_error *err)
{
    pal_scoring *s;
    pal_score_options o = {0};
    pal_options_default(&pal_score_table, &o);
    pal_options_read(&pal_score_table, options, &o);
    return pal_scoring_start(&s, model, text, bytes, &o, err) ? NULL : s;
}

enum { FIGURES = 12 };
void pw_score_figures(const pal_scoring *s, double out[FIGURES])
{
    pal_score_result r = pal_scoring_result(s);
    const double figures[FIGURES] = {r.bits_per_byte,
                                     r.nats_per_token,
                                     r.perplexity,
                                     r.standard_error,
                                     r.estimated,
                                     r.bound,
                                     (double)r.tokens,
                                     (double)r.bytes,
                                     (double)r.evaluations,
                                     r.method,
                                     (double)pal_scoring_progress(s).expected_evaluations,
                                     (double)r.left_out};
    memcpy(out, figures, sizeof figures);
}

/* ---- scores of fills --------------------------------------------------------------------------------- */

/* infill[] has the rows of pal_infill_table.  fills[count] and *options have the memory layouts of pal_given_fill and
 * pal_fills_options. */
pal_fills *pw_fills_start(const pal_model *model, const char *page, size_t page_bytes, const double *infill,
                          const pal_given_fill *fills, size_t count, const pal_fills_options *options, pal_error *err)
{
    pal_fills *job;
    pal_infill_options o = pal_infill_defaults();
    pal_options_read(&pal_infill_table, infill, &o);
    return pal_fills_start(&job, model, page, page_bytes, &o, fills, count, options, err) ? NULL : job;
}

/* In place of api/fills_left.c: JavaScript does not ask for it. */
pal_status pal_fills_read_left(pal_fills *job, const pal_fills_options *options, pal_error *err)
{
    (void)job;
    (void)options;
    (void)err;
    return PAL_OK;
}

enum { FILLS_FIGURES = 7 };
void pw_fills_figures(const pal_fills *job, double out[FILLS_FIGURES])
{
    const pal_fills_result r = pal_fills_result_of(job);
    const double figures[FILLS_FIGURES] = {r.nats,    r.standard_error,     r.bound, r.tokens, r.orders,
                                           r.windows, (double)r.evaluations};
    memcpy(out, figures, sizeof figures);
}

_Static_assert(sizeof(pal_given_fill) == 16 && sizeof(pal_drawn_place) == 8 && sizeof(pal_fills_options) == 16 &&
                   offsetof(pal_fills_options, left_only) == 8 && offsetof(pal_fills_options, orders) == 12 &&
                   sizeof(pal_fill_nats) == 24 && offsetof(pal_fill_nats, nats) == 16,
               "fills.ts reads and writes these as words");
