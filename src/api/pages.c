/* pages.c - a page being filled, in the caller's block: palimpsest.h's sessions on top of text/. */
#include "pages.h"
#include "../text/samplers/samplers.h"
#include "../text/support.h"

#include <string.h>

const char *pal_sampler_name(pal_sampler sampler)
{
    const pal_sampler_row *row = pal_sampler_row_of(sampler);
    return row ? row->name : NULL;
}

bool pal_sampler_find(const char *name, pal_sampler *out)
{
    for (int i = 0; i < PAL_SAMPLERS; i++)
        if (strcmp(name, pal_sampler_name((pal_sampler)i)) == 0) {
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

/* ---- making a session ------------------------------------------------------------------------------- */

static pal_status check(const pal_model *m, const pal_infill_options *o, pal_error *err)
{
    pal_status s = pal_model_ready(m, err);
    if (s) return s;
    if (m->shape.causal)
        return pal_fail(err, PAL_E_UNSUPPORTED,
                        "the model reads from left to right and cannot fill blanks: "
                        "infilling needs a diffusion model (architecture llada)",
                        SIZE_MAX);
    return pal_fill_check(o, &m->classes, err);
}

/* Counts, where the page has no arrays yet; otherwise fills them. */
static pal_status read_page(pal_page *page, const pal_model *m, const char *text, size_t bytes,
                            const pal_infill_options *o, pal_error *err)
{
    const pal_page_rules rules = {.longest = m->shape.context, .free_least = o->free_min, .free_most = o->free_max};
    if (bytes > INT32_MAX / 4) return pal_fail(err, PAL_E_CONTEXT, "the page is larger than 512 MiB", SIZE_MAX);
    return pal_page_read(page, text, bytes, &rules, err);
}

/* Measures with base NULL, filling the caller's *s on the way; otherwise places, and the session is the first
 * thing in the block.  `page` has been counted. */
static pal_session *lay_out(pal_session *s, const pal_model *m, const pal_page *page, pal_arena *arena)
{
    pal_session *placed = pal_take(arena, 1, sizeof *placed);
    if (placed) s = placed;
    size_t tokens = page->bytes + page->count + (size_t)page->places + 2;
    int32_t shown = tokens < (size_t)m->shape.context ? (int32_t)tokens : m->shape.context;
    s->page = *page;
    s->page.segments = pal_take(arena, page->count, sizeof *s->page.segments);
    s->page.text = pal_take(arena, page->bytes, 1);
    pal_layout_place(&s->layout, &s->scratch, page, m->vocab, arena);
    pal_fill_layout(&s->fill, m->shape.vocab, shown, (int32_t)page->places, arena);
    pal_runner_layout(&s->runner, m, shown, arena);
    return s;
}

pal_status pal_session_bytes(const pal_model *m, const char *text, size_t text_bytes, const pal_infill_options *o,
                             size_t *bytes, pal_error *err)
{
    pal_session measured;
    pal_page page = {0};
    pal_arena arena = {0};
    pal_status s = check(m, o, err);
    if (!s) s = read_page(&page, m, text, text_bytes, o, err);
    if (s) return s;
    lay_out(&measured, m, &page, &arena);
    if (!pal_arena_bytes(&arena, bytes))
        return pal_fail(err, PAL_E_MEMORY,
                        "the page would need more memory than there can be: a shorter page needs less", SIZE_MAX);
    return PAL_OK;
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
    f->predictor = pal_runner_start(&s->runner);
    f->classes = &s->model->classes;
    f->options = s->options;
    f->n = s->layout.shown;
    f->tokens = s->layout.tokens + s->layout.shown_from;
    f->drops_empty = true;
    f->blanks = (int32_t)s->page.blanks;
    f->slots = s->layout.slots;
    f->blank = s->layout.blank;
    f->slot = s->layout.slot;
    pal_fill_start(f);
}

pal_status pal_session_init(pal_session **out, const pal_model *m, const char *text, size_t text_bytes,
                            const pal_infill_options *o, void *block, size_t bytes, pal_error *err)
{
    size_t needed;
    pal_page page = {0};
    pal_session unplaced;
    pal_status status = pal_session_bytes(m, text, text_bytes, o, &needed, err);
    if (status) return status;
    if (!block || bytes < needed)
        return pal_fail(err, PAL_E_MEMORY, "the block lent to the session is too small", SIZE_MAX);
    pal_arena arena = pal_arena_in(block);
    read_page(&page, m, text, text_bytes, o, NULL);
    pal_session *s = lay_out(&unplaced, m, &page, &arena);
    PAL_ASSERT(arena.used + PAL_ARENA_SLACK == needed);
    s->model = m;
    s->options = *o;
    s->options.pins = NULL;
    read_page(&s->page, m, text, text_bytes, o, NULL);
    status = pal_layout_build(&s->layout, &s->scratch, &s->page, m->vocab, o, m->shape.context, err);
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

pal_status pal_step(pal_session *s, pal_error *err)
{
    return pal_fill_step(&s->fill, err);
}

/* ---- pins and rewinds ------------------------------------------------------------------------------- */

static bool holds_empty(const pal_session *s, const pal_slot *slot)
{
    return slot->step >= 0 && s->fill.tokens[slot->at] == s->model->classes.empty;
}

static void unpin(pal_session *s, int32_t slot)
{
    s->fill.slot[slot].pinned = false;
    if (s->fill.slot[slot].step < 0) return;
    pal_fill_mask(&s->fill, slot);
    /* A sampler that reopens has a last time step; what is opened after it is revealed by taking that step again. */
    int32_t last = pal_fill_steps(&s->fill);
    if (s->fill.sampler->is.reopens && s->fill.step >= last) s->fill.step = last - 1;
}

/* With byte pieces a pin must leave whole UTF-8 characters possible. */
static bool cuts_a_character(const pal_session *s, const pal_blank *blank, int32_t index, int32_t id)
{
    const pal_classes *c = &s->model->classes;
    pal_support support;
    if (!s->options.byte_pieces) return (c->of[id] & PAL_CLASS_BYTE) != 0;
    pal_support_of_pin(&support, &s->fill, blank->slot + index);
    return c->of[id] & PAL_CLASS_BYTE ? !support.byte[c->byte[id]] : !support.whole;
}

static pal_status check_pin(const pal_session *s, const pal_blank *blank, int32_t index, int32_t id, pal_error *err)
{
    const pal_classes *c = &s->model->classes;
    bool empty = id == c->empty;
    if (id >= c->vocab) return pal_fail(err, PAL_E_OPTION, "the pinned token lies outside the vocabulary", SIZE_MAX);
    if (!empty && (c->of[id] & PAL_CLASS_NO_FILL))
        return pal_fail(err, PAL_E_OPTION, "a control, unknown or mask token cannot be pinned", SIZE_MAX);
    if (empty && (blank->least == blank->most || index < blank->least))
        return pal_fail(err, PAL_E_OPTION, "the length of the blank does not allow <empty> there", SIZE_MAX);
    if (cuts_a_character(s, blank, index, id))
        return pal_fail(err, PAL_E_OPTION,
                        "byte pieces cannot be pinned unless the session allows them, and only in "
                        "whole characters",
                        SIZE_MAX);
    if (index == 0 && ((blank->first == PAL_FIRST_WORD && !(c->of[id] & PAL_CLASS_WORD)) ||
                       (blank->first == PAL_FIRST_INSIDE && (c->of[id] & PAL_CLASS_WORD))))
        return pal_fail(err, PAL_E_OPTION,
                        "what stands before the blank wants another kind of first token "
                        "(one that begins a word, or one that does not)",
                        SIZE_MAX);
    for (int32_t i = 0; i < blank->most; i++) {
        const pal_slot *other = &s->fill.slot[blank->slot + i];
        if (other->pinned && (empty ? i > index && !holds_empty(s, other) : i < index && holds_empty(s, other)))
            return pal_fail(err, PAL_E_OPTION, "<empty> cannot stand before a pinned token of its blank", SIZE_MAX);
    }
    return PAL_OK;
}

pal_status pal_session_pin(pal_session *s, int32_t blank, int32_t index, int32_t id, pal_error *err)
{
    if (blank < 0 || blank >= s->fill.blanks || index < 0 || index >= s->fill.blank[blank].most)
        return pal_fail(err, PAL_E_OPTION, "there is no such blank or no such place in it", SIZE_MAX);
    const pal_blank *where = &s->fill.blank[blank];
    pal_slot *slot = &s->fill.slot[where->slot];
    if (id < 0) {
        bool tail = holds_empty(s, &slot[index]); /* an <empty> was pinned together with what follows it */
        for (int32_t i = index; i < (tail ? where->most : index + 1); i++)
            if (slot[i].pinned) unpin(s, where->slot + i);
        return PAL_OK;
    }
    pal_status status = check_pin(s, where, index, id, err);
    if (status) return status;
    for (int32_t i = 0; i < index; i++) /* a word cannot follow an <empty>: those before it reopen */
        if (id != s->model->classes.empty && holds_empty(s, &slot[i])) unpin(s, where->slot + i);
    const int32_t end =
        id == s->model->classes.empty ? where->most : index + 1; /* what follows an <empty> is one too */
    for (int32_t i = index; i < end; i++) pal_fill_pin(&s->fill, where->slot + i, id);
    return PAL_OK;
}

pal_status pal_session_rewind(pal_session *s, int32_t step, pal_error *err)
{
    if (step < 0) return pal_fail(err, PAL_E_OPTION, "the step to go back to must not be negative", SIZE_MAX);
    if (step > 0 && s->fill.sampler->is.reopens)
        return pal_fail(err, PAL_E_OPTION, "this sampler masks places again: it can go back to step 0 only", SIZE_MAX);
    for (int32_t i = 0; i < s->fill.slots; i++)
        if (!s->fill.slot[i].pinned && s->fill.slot[i].step > step) pal_fill_mask(&s->fill, i);
    if (s->fill.step > step) s->fill.step = step;
    return PAL_OK;
}

void pal_session_reseed(pal_session *s, uint64_t seed, uint32_t draft)
{
    s->fill.options.seed = s->options.seed = seed;
    s->fill.options.draft = s->options.draft = draft;
}

/* ---- looking at it ---------------------------------------------------------------------------------- */

enum { LONGEST_PIECE = 1024 }; /* bytes; pal_vocab_open refuses longer ones */

/* Writes the page.  While places are open it writes the notation of pages, and what would be read as a blank
 * or an escape gets its backslashes, also where it comes together from given text and tokens. */
typedef struct {
    char *out;
    size_t capacity, length;
    bool notation;
    size_t slashes;    /* how many backslashes end the text so far, not counting a run of brackets behind them */
    size_t pairs;      /* of that run, escaped */
    char last;         /* byte written, while out may be too short to look it up */
    bool bracket;      /* its last one, which may be the first of a pair */
    pal_place *places; /* places[known] have their offsets */
    size_t known;
} writer;

static void put_byte(writer *w, char c)
{
    if (w->length < w->capacity) w->out[w->length] = c;
    w->length++;
    w->last = c;
}

/* Puts backslashes before the last byte. */
static void put_slashes(writer *w, size_t added)
{
    if (!added) return;
    size_t last = w->length - 1, place = w->known;
    char c = w->last;
    w->length = last;
    for (size_t i = 0; i < added; i++) put_byte(w, '\\');
    put_byte(w, c);
    while (place > 0 && w->places[place - 1].offset > last) w->places[--place].offset += added;
    if (place > 0 && w->places[place - 1].offset + w->places[place - 1].bytes > last)
        w->places[place - 1].bytes += added; /* its text holds that byte */
}

static void put_text(writer *w, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        bool bracket = text[i] == '[';
        if (w->notation && w->bracket && bracket) {
            put_slashes(w, (w->pairs ? 0 : w->slashes) + 1); /* as pal_page_escape does */
            put_byte(w, '[');
            w->pairs++;
            w->bracket = false;
            continue;
        }
        if (!bracket) {
            w->slashes = text[i] != '\\' ? 0 : w->bracket || w->pairs ? 1 : w->slashes + 1;
            w->pairs = 0;
        }
        w->bracket = bracket;
        put_byte(w, text[i]);
    }
}

/* Backslashes directly before a blank, and before one bracket in front of it, are doubled. */
static void end_before_blank(writer *w)
{
    if (!w->pairs) put_slashes(w, w->slashes);
    w->slashes = w->pairs = 0;
    w->bracket = false;
}

static void put_blank(writer *w, int32_t count)
{
    char digits[12];
    size_t length = 0;
    end_before_blank(w);
    for (; count; count /= 10) digits[length++] = (char)('0' + count % 10);
    put_byte(w, '[');
    put_byte(w, '[');
    while (length) put_byte(w, digits[--length]);
    put_byte(w, ']');
    put_byte(w, ']');
}

/* The text of a revealed place; without its space mark where the space is given or starts the page. */
static size_t token_text(const pal_session *s, const pal_slot *slot, char text[LONGEST_PIECE])
{
    int32_t id = s->fill.tokens[slot->at];
    size_t bytes = pal_vocab_decode_one(s->model->vocab, id, false, text, LONGEST_PIECE);
    bool drop =
        slot->index == 0 && s->fill.blank[slot->blank].drop_space && (s->model->classes.of[id] & PAL_CLASS_WORD);
    if (drop && bytes) memmove(text, text + 1, --bytes);
    return bytes;
}

/* In notation, open places are blanks and what would be read as one is escaped; otherwise they are nothing.
 * places[i], if given, learns where slot i stands in the text. */
static size_t render(const pal_session *s, bool notation, char *out, size_t capacity, pal_place *places, size_t most)
{
    writer w = {.out = out, .capacity = capacity, .notation = notation, .places = places};
    char text[LONGEST_PIECE];
    int32_t slot = 0;
    for (size_t i = 0; i < s->page.count; i++) {
        const pal_segment *segment = &s->page.segments[i];
        if (!segment->blank) put_text(&w, s->page.text + segment->from, segment->bytes);
        for (int32_t end = segment->blank ? slot + segment->most : slot, open = 0; slot < end; slot++) {
            bool hidden = s->fill.slot[slot].step < 0;
            if (!hidden && open) {
                if (notation) put_blank(&w, open);
                open = 0;
            }
            pal_place *place = places && (size_t)slot < most ? &places[w.known++] : NULL;
            if (place) place->offset = w.length;
            if (hidden)
                open++;
            else
                put_text(&w, text, token_text(s, &s->fill.slot[slot], text));
            if (place) place->bytes = hidden ? 0 : w.length - place->offset;
            if (notation && open && slot + 1 == end) put_blank(&w, open);
        }
    }
    return w.length;
}

size_t pal_session_text(const pal_session *s, char *text, size_t capacity)
{
    return render(s, s->fill.open > 0, text, capacity, NULL, 0);
}

size_t pal_session_reading(const pal_session *s, char *text, size_t capacity, pal_place *places, size_t count)
{
    return render(s, false, text, capacity, places, count);
}

size_t pal_session_blanks(const pal_session *s)
{
    return s->page.blanks;
}

size_t pal_session_tokens(const pal_session *s, pal_place *out, size_t capacity)
{
    size_t count = (size_t)s->fill.slots;
    for (size_t i = 0; i < count && i < capacity; i++) {
        const pal_slot *slot = &s->fill.slot[i];
        out[i] = (pal_place){.blank = slot->blank,
                             .index = slot->index,
                             .step = slot->step,
                             .id = slot->step < 0 ? -1 : s->fill.tokens[slot->at],
                             .empty = holds_empty(s, slot),
                             .space_given = slot->index == 0 && s->fill.blank[slot->blank].drop_space};
        if (slot->step < 0) continue;
        out[i].probability = slot->probability;
        out[i].alternatives = slot->alternatives;
        memcpy(out[i].alternative_id, slot->alternative_id, sizeof slot->alternative_id);
        memcpy(out[i].alternative_probability, slot->alternative_probability, sizeof slot->alternative_probability);
    }
    render(s, s->fill.open > 0, NULL, 0, out, capacity);
    return count;
}

pal_progress pal_session_progress(const pal_session *s)
{
    return (pal_progress){.step = s->fill.step,
                          .steps = s->fill.sampler->is.steps ? pal_fill_steps(&s->fill) : 0,
                          .evaluations = s->fill.evaluations,
                          .open = s->fill.open,
                          .places = s->fill.slots,
                          .shown = s->layout.shown,
                          .tokens = s->layout.total,
                          .windowed = s->fill.slots && s->layout.shown < s->layout.total};
}
