/* layout.c - encodes a page as tokens, applies the border rules and chooses the window. */
#include "layout.h"
#include "normal.h"

typedef struct {
    pal_layout *l;
    const pal_layout_scratch *s;
    const pal_page *page;
    const pal_vocab *v;
    bool as_written;
    const pal_infill_options *options;
    int32_t context;
    size_t too_long; /* byte of the page where it exceeds the context, or SIZE_MAX */
} builder;

void pal_layout_arrays(pal_layout *l, pal_layout_scratch *s, const pal_page *page, const pal_vocab *v, pal_arena *arena)
{
    /* A given segment has at most bytes + 1 tokens; BOS and EOS are two more. */
    size_t max = page->bytes + page->count + (size_t)page->places + 2;
    l->tokens = pal_take(arena, max, sizeof *l->tokens);
    l->blank = pal_take(arena, page->blanks, sizeof *l->blank);
    l->place = pal_take(arena, (size_t)page->places, sizeof *l->place);
    s->view = pal_take(arena, page->bytes, 1);
    s->encode = pal_take(arena, pal_vocab_scratch_bytes(v, page->bytes), 1);
}

/* Whether the last character of view[bytes] is a letter: an ASCII letter, or a non-ASCII character whose Unicode block
 * is not one of punctuation, symbols or spaces. */
static bool ends_in_letter(const char *view, size_t bytes)
{
    if (!bytes) return false;
    unsigned char last = (unsigned char)view[bytes - 1];
    if (last < 0x80) return (last | 32) >= 'a' && (last | 32) <= 'z';
    size_t at = bytes - 1;
    while (at > 0 && bytes - at < 4 && ((unsigned char)view[at] & 0xc0) == 0x80) at--;
    unsigned char lead = (unsigned char)view[at], second = at + 1 < bytes ? (unsigned char)view[at + 1] : 0;
    if (lead == 0xc2) return second == 0xaa || second == 0xb5 || second == 0xba; /* only these three are letters */
    if (lead == 0xc3) return second != 0x97 && second != 0xb7;                   /* multiplication and division signs */
    if (lead == 0xe2) return second >= 0xb0;                                     /* U+2000..2BFF are signs */
    if (lead == 0xe3) return second >= 0x81;                                     /* U+3000..303F are signs */
    return lead >= 0xc3 && lead < 0xf0;                                          /* emoji and others from U+10000 on are
                                                                                    not letters */
}

/* Sets b->too_long if the tokens from `first` on, which encode a given segment, exceed the context. Escapes before that
 * position in the same segment are not counted. */
static void note_given(builder *b, size_t index, int32_t first)
{
    if (b->l->total <= b->context || b->too_long != SIZE_MAX) return;
    const pal_segment *segment = &b->page->segments[index];
    size_t fits = b->context > first ? (size_t)(b->context - first) : 0;
    size_t view = pal_vocab_decode(b->v, b->l->tokens + first, fits, index == 0, false, NULL, 0);
    if (!b->as_written) view = pal_normal_origin(b->page->text + segment->from, segment->bytes, view);
    b->too_long = segment->offset + view;
}

static void add_given(builder *b, size_t index, bool *dropped_space, bool *after_letter)
{
    const pal_segment *segment = &b->page->segments[index];
    pal_layout *l = b->l;
    size_t bytes = pal_text_view(b->as_written, b->page->text + segment->from, segment->bytes, b->s->view);
    bool blank_follows = index + 1 < b->page->count;
    *dropped_space = b->options->borders && blank_follows && bytes && b->s->view[bytes - 1] == ' ';
    *after_letter = b->options->borders && blank_follows && ends_in_letter(b->s->view, bytes);
    bytes -= *dropped_space;
    int32_t first = l->total;
    l->total += (int32_t)pal_vocab_encode(b->v, b->s->view, bytes, index == 0 ? PAL_ENCODE_PREFIX : 0,
                                          l->tokens + l->total, bytes + 1, b->s->encode);
    note_given(b, index, first);
}

static void add_blank(builder *b, size_t index, bool dropped_space, bool after_letter)
{
    const pal_segment *segment = &b->page->segments[index];
    pal_layout *l = b->l;
    int32_t number = (int32_t)(l->places ? l->place[l->places - 1].blank + 1 : 0);
    /* Byte-level vocabularies have no dummy space, but words in most places have the mark. */
    const bool marked =
        pal_vocab_special(b->v)->add_space_prefix || (b->options->borders && pal_vocab_is_byte_level(b->v));
    const bool page_start = index == 0 && marked;
    pal_blank *blank = &l->blank[number];
    *blank = (pal_blank){.min = segment->min, .max = segment->max, .place = l->places};
    blank->first = b->options->borders && (dropped_space || page_start) ? PAL_FIRST_WORD
                   : after_letter                                       ? PAL_FIRST_INSIDE
                                                                        : PAL_FIRST_FREE;
    blank->drop_space = dropped_space || page_start;
    for (int32_t i = 0; i < segment->max; i++) {
        l->place[l->places++] = (pal_fill_place){.at = l->total, .blank = number, .index = i, .step = -1};
        l->tokens[l->total++] = pal_vocab_special(b->v)->mask;
    }
    if (l->total > b->context && b->too_long == SIZE_MAX) b->too_long = segment->offset;
}

/* Returns the byte offset of the first blank that extends beyond token `end`. */
static size_t blank_beyond(const builder *b, int32_t end)
{
    const pal_blank *blank = b->l->blank;
    for (size_t i = 0; i < b->page->count; i++) {
        if (!b->page->segments[i].blank) continue;
        if (b->l->place[blank->place].at + blank->max > end) return b->page->segments[i].offset;
        blank++;
    }
    return SIZE_MAX;
}

/* Chooses the window of a long page: all blanks, and as much text on both sides as fits. It never exceeds the context,
 * because the buffers have that capacity; a page without blanks may be longer, but is never evaluated. */
static pal_status choose_window(const builder *b, pal_error *err)
{
    pal_layout *l = b->l;
    int32_t context = b->context;
    l->shown_from = 0;
    l->shown = l->total < context ? l->total : context;
    if (l->total <= context || !l->places) return PAL_OK;
    if (!b->options->window)
        return pal_fail(
            err, PAL_E_CONTEXT,
            "the page has more tokens than the model's context (with the option window the model sees a part of it)",
            b->too_long);
    int32_t first = l->place[0].at, last = l->place[l->places - 1].at, spare = context - (last - first + 1);
    if (spare < 0)
        return pal_fail(err, PAL_E_CONTEXT, "the blanks and the text between them are longer than the model's context",
                        blank_beyond(b, first + context));
    int32_t from = first - spare / 2;
    if (from > l->total - context) from = l->total - context;
    if (from < 0) from = 0;
    l->shown_from = from;
    for (int32_t i = 0; i < l->places; i++) l->place[i].at -= from;
    return PAL_OK;
}

pal_status pal_layout_build(pal_layout *l, const pal_layout_scratch *s, const pal_page *page, const pal_vocab *v,
                            bool as_written, const pal_infill_options *options, int32_t context, pal_error *err)
{
    const pal_special *special = pal_vocab_special(v);
    builder b = {.l = l,
                 .s = s,
                 .page = page,
                 .v = v,
                 .as_written = as_written,
                 .options = options,
                 .context = context,
                 .too_long = SIZE_MAX};
    bool dropped_space = false, after_letter = false;
    l->total = l->places = 0;
    if (options->document && special->bos >= 0) l->tokens[l->total++] = special->bos;
    for (size_t i = 0; i < page->count; i++) {
        if (!page->segments[i].blank) {
            add_given(&b, i, &dropped_space, &after_letter);
            continue;
        }
        add_blank(&b, i, dropped_space, after_letter);
        dropped_space = after_letter = false;
    }
    if (options->document && special->eos >= 0) l->tokens[l->total++] = special->eos;
    return choose_window(&b, err);
}
