/* layout.c - encodes a page as tokens and applies the border rules. */
#include "layout.h"
#include "normal.h"
#include "windows.h"

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
    l->window = pal_take(arena, page->blanks + 1, sizeof *l->window);
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

/* Whether given text stands behind this blank on its line. */
static bool text_follows_on_line(const pal_page *page, size_t index)
{
    for (size_t i = index + 1; i < page->count; i++) {
        const pal_segment *segment = &page->segments[i];
        if (segment->blank) continue;
        for (size_t k = 0; k < segment->bytes; k++) {
            const char c = page->text[segment->from + k];
            if (c == '\n' || c == '\r') return false;
            if (c != ' ' && c != '\t') return true;
        }
    }
    return false;
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
    blank->one_line = b->options->borders && text_follows_on_line(b->page, index);
    blank->drop_space = dropped_space || page_start;
    for (int32_t i = 0; i < segment->max; i++) {
        l->place[l->places++] = (pal_fill_place){.at = l->total, .blank = number, .index = i, .step = -1};
        l->tokens[l->total++] = pal_vocab_special(b->v)->mask;
    }
    if (l->total > b->context && b->too_long == SIZE_MAX) b->too_long = segment->offset;
}

/* The byte offset of a blank. */
static size_t offset_of_blank(const pal_page *page, int32_t blank)
{
    for (size_t i = 0; i < page->count; i++)
        if (page->segments[i].blank && blank-- == 0) return page->segments[i].offset;
    return SIZE_MAX;
}

static pal_status choose_windows(const builder *b, pal_error *err)
{
    pal_layout *l = b->l;
    if (!b->options->window && l->total > b->context && l->places)
        return pal_fail(
            err, PAL_E_CONTEXT,
            "the page has more tokens than the model's context (with the option window it is filled in parts)",
            b->too_long);
    const int32_t blank = pal_windows_choose(l, b->options, b->context);
    if (blank < 0) return PAL_OK;
    return pal_fail(err, PAL_E_CONTEXT,
                    "the blank is too long for this page: the model's context cannot hold it and some text around it",
                    offset_of_blank(b->page, blank));
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
    return choose_windows(&b, err);
}
