/* pages.c - pal_session: a page being filled with the samplers of text/, in the caller's block. */
#include "board_pages.h"
#include "../text/samplers/samplers.h"
#include "../text/support.h"
#include "../text/windows.h"

#include <string.h>

const char *pal_sampler_name(pal_sampler sampler)
{
    const pal_sampler_row *row = pal_sampler_row_of(sampler);
    return row ? row->name : NULL;
}

bool pal_sampler_find(const char *name, pal_sampler *out)
{
    for (int i = 0; i < PAL_SAMPLERS; i++)
        if (pal_sampler_row_of((pal_sampler)i) && strcmp(name, pal_sampler_name((pal_sampler)i)) == 0) {
            *out = (pal_sampler)i;
            return true;
        }
    return false;
}

const pal_sampler_properties *pal_sampler_about(pal_sampler sampler)
{
    const pal_sampler_row *row = pal_sampler_row_of(sampler);
    return row ? &row->is : NULL;
}

pal_sampler pal_default_sampler(const pal_model *model)
{
    return pal_sampler_of(&model->classes);
}

/* ---- making a session ------------------------------------------------------------------------------- */

static pal_status check_empty(const pal_model *m, const pal_infill_options *o, pal_error *err)
{
    if (o->empty_token < 0) return PAL_OK;
    if (!m->classes.ends)
        return pal_fail(err, PAL_E_OPTION, "empty-token is for models of query rows: this model has an end of its own",
                        SIZE_MAX);
    if (o->empty_token >= m->classes.vocab)
        return pal_fail(err, PAL_E_OPTION, "the token of empty-token is outside the vocabulary", SIZE_MAX);
    return PAL_OK;
}

static pal_status check(const pal_model *m, const pal_infill_options *o, pal_error *err)
{
    if (pal_of_boards && m->board) return pal_of_boards->check(m, o, err);
    pal_status s = pal_model_ready(m, err);
    if (s) return s;
    if (!pal_page_fills(m))
        return pal_fail(err, PAL_E_UNSUPPORTED,
                        "the model reads from left to right and cannot fill blanks: use a model that can, or an "
                        "adapter made for this model (pal_model_attach, --adapter FILE)",
                        SIZE_MAX);
    s = pal_fill_check(o, &m->classes, err);
    if (!s && o->loops)
        s = pal_fail(err, PAL_E_OPTION, "loops is an option of models of boards: this model fills texts", SIZE_MAX);
    if (!s) s = check_empty(m, o, err);
    if (!s && !m->rows.used && m->classes.mask < 0 && !m->classes.noise)
        s = pal_fail(err, PAL_E_OPTION, "the model has no mask token: it cannot fill blanks", SIZE_MAX);
    return s;
}

/* Only counts if the page has no arrays yet; otherwise fills them. */
static pal_status read_page(pal_page *page, const pal_model *m, const char *text, size_t bytes,
                            const pal_infill_options *o, pal_error *err)
{
    const pal_page_rules rules = {.longest = pal_page_context(m),
                                  .together = o->window ? INT32_MAX / 16 : 0,
                                  .free_min = o->free_min,
                                  .free_max = o->free_max};
    if (pal_of_boards && m->board) return pal_of_boards->read(page, m, text, bytes, err);
    if (bytes > INT32_MAX / 4) return pal_fail(err, PAL_E_CONTEXT, "the page is larger than 512 MiB", SIZE_MAX);
    return pal_page_read(page, text, bytes, &rules, err);
}

/* If the arena has no block, only measures, using the caller's *s.  Otherwise places the session first in the block,
 * and its arrays after it.  `page` must be counted already. */
static pal_session *lay_out(pal_session *s, const pal_model *m, const pal_page *page, const pal_infill_options *o,
                            pal_arena *arena)
{
    pal_session *placed = pal_take(arena, 1, sizeof *placed);
    if (placed) s = placed;
    s->page = *page;
    s->page.segments = pal_take(arena, page->count, sizeof *s->page.segments);
    s->page.text = pal_take(arena, page->bytes, 1);
    if (pal_of_boards && m->board) {
        pal_of_boards->lay_out(s, m, page, arena);
        return s;
    }
    size_t tokens = page->bytes + page->count + (size_t)page->places + 2;
    const int32_t longest = pal_window_longest(page, o, pal_page_context(m));
    const int32_t shown = tokens < (size_t)longest ? (int32_t)tokens : longest;
    const int32_t places = page->places < shown ? (int32_t)page->places : shown; /* of one window */
    pal_layout_arrays(&s->layout, &s->scratch, page, m->vocab, arena);
    pal_fill_layout(&s->fill, m->shape.vocab, shown, places, arena);
    if (m->classes.ends && o->sampler == PAL_SPECULATIVE) pal_fill_layout_drafts(&s->fill, m->shape.vocab, arena);
    pal_page_runner_layout(&s->runner, m, shown, places, arena);
    return s;
}

pal_status pal_session_measure(const pal_model *m, const char *text, size_t text_bytes, const pal_infill_options *o,
                               size_t *bytes, pal_error *err)
{
    pal_session measured;
    pal_page page = {0};
    pal_arena arena = {0};
    pal_status s = read_page(&page, m, text, text_bytes, o, err);
    if (s) return s;
    lay_out(&measured, m, &page, o, &arena);
    if (!pal_arena_bytes(&arena, bytes))
        return pal_fail(err, PAL_E_MEMORY, "the page needs more memory than can be addressed: use a shorter page",
                        SIZE_MAX);
    return PAL_OK;
}

pal_status pal_session_bytes(const pal_model *m, const char *text, size_t text_bytes, const pal_infill_options *o,
                             size_t *bytes, pal_error *err)
{
    pal_status s = check(m, o, err);
    return s ? s : pal_session_measure(m, text, text_bytes, o, bytes, err);
}

static pal_status pin_all(pal_session *s, const pal_infill_options *o, pal_error *err)
{
    for (size_t i = 0; i < o->pin_count; i++) {
        pal_status status = pal_session_pin(s, o->pins[i].blank, o->pins[i].index, o->pins[i].id, err);
        if (status) return status;
    }
    return PAL_OK;
}

static void start_fill(pal_session *s)
{
    pal_fill *f = &s->fill;
    f->predictor =
        pal_of_boards && s->model->board ? pal_of_boards->start(s) : pal_page_runner_start(&s->runner, s->model);
    f->classes = &s->classes;
    f->options = s->options;
    f->tokens = s->layout.tokens;
    f->from = f->before = f->after = 0;
    f->drops_empty = s->classes.empty >= 0 && !s->classes.ends;
    f->blanks = (int32_t)s->page.blanks;
    f->places = s->layout.places;
    f->blank = s->layout.blank;
    f->place = s->layout.place;
    pal_fill_start(f); /* of the whole page */
    for (int32_t i = 0; i < s->layout.windows; i++) s->layout.window[i].open = s->layout.window[i].places;
    s->window = 0;
    pal_session_enter(s, 0);
}

static pal_status check_lengths(const pal_session *s, pal_error *err)
{
    const pal_classes *c = &s->classes;
    const pal_segment *free = NULL; /* a blank of free length */
    for (size_t i = s->page.count; i > 0; i--)
        if (s->page.segments[i - 1].blank && s->page.segments[i - 1].min < s->page.segments[i - 1].max)
            free = &s->page.segments[i - 1];
    if (free && c->empty < 0)
        return pal_fail(err, PAL_E_UNSUPPORTED,
                        c->ends ? "the model names no token that ends a blank (palimpsest.empty_token_id is absent): "
                                  "give blanks exact lengths, such as [[5]], or choose a token with empty-token"
                                : "the model has no <empty> token: its blanks need exact lengths, such as [[5]]",
                        free->offset);
    if (free && c->ends && !pal_sampler_row_for(&s->options, c)->from_left)
        return pal_fail(err, PAL_E_OPTION,
                        "with this sampler blanks of this model need exact lengths, such as [[5]]: only "
                        "ascending, ascending-random and speculative can choose lengths",
                        SIZE_MAX);
    return PAL_OK;
}

static pal_status build(pal_session *s, const pal_infill_options *o, pal_error *err)
{
    const pal_model *m = s->model;
    if (pal_of_boards && m->board) {
        pal_of_boards->build(&s->layout, &s->page);
        return PAL_OK;
    }
    const pal_status status = check_lengths(s, err);
    if (status) return status;
    return pal_layout_build(&s->layout, &s->scratch, &s->page, m->vocab, m->as_written, o, pal_page_context(m), err);
}

pal_status pal_session_place(pal_session **out, const pal_model *m, const char *text, size_t text_bytes,
                             const pal_infill_options *o, void *block, size_t bytes, pal_error *err)
{
    size_t needed;
    pal_page page = {0};
    pal_session unplaced;
    pal_status status = pal_session_measure(m, text, text_bytes, o, &needed, err);
    if (status) return status;
    if (!block || bytes < needed)
        return pal_fail(err, PAL_E_MEMORY, "the memory block for the session is too small", SIZE_MAX);
    pal_arena arena = pal_arena_in(block);
    read_page(&page, m, text, text_bytes, o, NULL);
    pal_session *s = lay_out(&unplaced, m, &page, o, &arena);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == needed);
    s->model = m;
    s->options = *o;
    s->classes = m->classes;
    if (o->empty_token >= 0) s->classes.empty = o->empty_token;
    s->options.pins = NULL;
    read_page(&s->page, m, text, text_bytes, o, NULL);
    status = build(s, o, err);
    if (!status && m->classes.noise && m->classes.noise->graph == PAL_GRAPH_UNIFORM && s->layout.windows > 1)
        status = pal_fail(err, PAL_E_CONTEXT, "with uniform noise a page must fit into one window", SIZE_MAX);
    if (!status) {
        start_fill(s);
        status = pin_all(s, o, err);
    }
    if (status)
        pal_arena_return(&arena);
    else
        *out = s;
    return status;
}

pal_status pal_session_init(pal_session **out, const pal_model *m, const char *text, size_t text_bytes,
                            const pal_infill_options *o, void *block, size_t bytes, pal_error *err)
{
    pal_status s = check(m, o, err);
    return s ? s : pal_session_place(out, m, text, text_bytes, o, block, bytes, err);
}

pal_status pal_step(pal_session *s, pal_error *err)
{
    const pal_status status = pal_fill_step(&s->fill, err);
    if (status < 0) return status;
    return pal_session_go_on(s) ? PAL_MORE : PAL_OK;
}

/* ---- pins and rewinds ------------------------------------------------------------------------------- */

static void unpin(pal_session *s, int32_t place)
{
    s->fill.place[place].pinned = false;
    if (s->fill.place[place].step < 0) return;
    pal_fill_mask(&s->fill, place);
    /* A sampler that reopens places ends with its last time step, so a place opened later needs that step again. */
    int32_t last = s->fill.first_step + pal_fill_last(&s->fill);
    if (s->fill.sampler->is.reopens && s->fill.step >= last) s->fill.step = last - 1;
}

/* Whether a pin makes whole UTF-8 characters impossible in a blank with byte tokens. */
static bool cuts_a_character(const pal_session *s, const pal_blank *blank, int32_t index, int32_t id)
{
    const pal_classes *c = &s->classes;
    pal_support support;
    if (!s->options.byte_pieces && !c->moves) return (c->of[id] & PAL_CLASS_BYTE) != 0;
    pal_support_of_pin(&support, &s->fill, blank->place + index);
    return c->of[id] & PAL_CLASS_BYTE ? !support.byte[c->byte[id]] : !support.whole;
}

static pal_status check_pin(const pal_session *s, const pal_blank *blank, int32_t index, int32_t id, pal_error *err)
{
    const pal_classes *c = &s->classes;
    bool empty = id == c->empty;
    if (id >= c->vocab) return pal_fail(err, PAL_E_OPTION, "the pinned token is outside the vocabulary", SIZE_MAX);
    if (!empty && (c->of[id] & PAL_CLASS_NO_FILL))
        return pal_fail(err, PAL_E_OPTION, "a control, unknown or mask token cannot be pinned", SIZE_MAX);
    if (empty && (blank->min == blank->max || index < blank->min))
        return pal_fail(err, PAL_E_OPTION, "the length of the blank does not allow <empty> there", SIZE_MAX);
    if (cuts_a_character(s, blank, index, id))
        return pal_fail(err, PAL_E_OPTION,
                        "byte pieces cannot be pinned unless the session allows them, and only in "
                        "whole characters",
                        SIZE_MAX);
    if (index == 0 && ((blank->first == PAL_FIRST_WORD && !(c->of[id] & PAL_CLASS_WORD)) ||
                       (blank->first == PAL_FIRST_INSIDE && (c->of[id] & PAL_CLASS_WORD))))
        return pal_fail(err, PAL_E_OPTION,
                        "the text before the blank needs another kind of first token "
                        "(one that begins a word, or one that does not)",
                        SIZE_MAX);
    for (int32_t i = 0; i < blank->max; i++) {
        const pal_fill_place *other = &s->fill.place[blank->place + i];
        if (other->pinned &&
            (empty ? i > index && !pal_session_holds_empty(s, other) : i < index && pal_session_holds_empty(s, other)))
            return pal_fail(err, PAL_E_OPTION, "<empty> cannot stand before a pinned token of its blank", SIZE_MAX);
    }
    return PAL_OK;
}

/* If the network ends blanks, an end that was drawn at or before a pinned word is no end of this fill: the places behind
 * the word are drawn again. */
static void reopen_behind(pal_session *s, const pal_blank *blank, int32_t index, int32_t id)
{
    pal_fill_place *place = &s->fill.place[blank->place];
    if (!s->classes.ends || id == s->classes.empty || !pal_session_holds_empty(s, &place[index])) return;
    for (int32_t i = index + 1; i < blank->max; i++)
        if (!place[i].pinned) unpin(s, blank->place + i);
}

/* Pins in a blank of the current window. */
static pal_status pin_here(pal_session *s, const pal_blank *where, int32_t index, int32_t id, pal_error *err)
{
    pal_fill_place *place = &s->fill.place[where->place];
    if (id < 0) {
        bool tail = pal_session_holds_empty(s, &place[index]); /* <empty> was pinned up to the end of the blank */
        for (int32_t i = index; i < (tail ? where->max : index + 1); i++)
            if (place[i].pinned) unpin(s, where->place + i);
        return PAL_OK;
    }
    pal_status status = check_pin(s, where, index, id, err);
    if (status) return status;
    for (int32_t i = 0; i < index; i++) /* a word cannot follow <empty>: places before it that hold <empty> reopen */
        if (id != s->classes.empty && pal_session_holds_empty(s, &place[i])) unpin(s, where->place + i);
    reopen_behind(s, where, index, id);
    const int32_t end = id == s->classes.empty ? where->max : index + 1; /* only <empty> can follow <empty> */
    for (int32_t i = index; i < end; i++) pal_fill_pin(&s->fill, where->place + i, id);
    return PAL_OK;
}

pal_status pal_session_pin(pal_session *s, int32_t blank, int32_t index, int32_t id, pal_error *err)
{
    if (blank < 0 || (size_t)blank >= s->page.blanks || index < 0 || index >= s->layout.blank[blank].max)
        return pal_fail(err, PAL_E_OPTION, "no such blank, or no such place in it", SIZE_MAX);
    const pal_fill fill = s->fill;
    const int32_t before = s->window, window = pal_session_window_of(s, blank);
    if (window != before) pal_session_enter(s, window);
    const pal_status status = pin_here(s, &s->layout.blank[blank], index, id, err);
    if (status) {
        s->fill = fill;
        s->window = before;
    } else
        pal_session_go_on(s);
    return status;
}

pal_status pal_session_rewind(pal_session *s, int32_t step, pal_error *err)
{
    if (step < 0) return pal_fail(err, PAL_E_OPTION, "the step to go back to must not be negative", SIZE_MAX);
    if (step > 0 && (s->fill.sampler->is.reopens || pal_fill_is_noised(&s->fill)))
        return pal_fail(err, PAL_E_OPTION, "with this sampler only a rewind to step 0 is possible", SIZE_MAX);
    pal_session_open_after(s, step);
    pal_session_go_on(s);
    return PAL_OK;
}

void pal_session_reseed(pal_session *s, uint64_t seed, uint32_t draft)
{
    s->fill.options.seed = s->options.seed = seed;
    s->fill.options.draft = s->options.draft = draft;
}

/* ---- reading results -------------------------------------------------------------------------------- */

size_t pal_session_blanks(const pal_session *s)
{
    return s->page.blanks;
}

pal_progress pal_session_progress(const pal_session *s)
{
    return (pal_progress){.step = s->fill.step,
                          .steps = s->fill.sampler->is.steps ? pal_fill_last(&s->fill) * s->layout.windows : 0,
                          .evaluations = s->fill.evaluations,
                          .open = pal_session_open(s),
                          .places = s->layout.places,
                          .shown = s->layout.longest,
                          .tokens = s->layout.total,
                          .windows = s->layout.windows,
                          .windowed = s->layout.places && s->layout.longest < s->layout.total};
}
