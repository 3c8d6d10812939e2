/* page_text.c - writes a page being filled as text, and finds the positions of its places in that text. */
#include "pages.h"

#include <string.h>

enum { LONGEST_PIECE = 1024 }; /* bytes; pal_vocab_open refuses longer ones */

/* Writes a page.  With `notation` the result can be used as a page: text that would be read as a blank or an escape
 * gets backslashes, as in pal_page_escape, also if given text and tokens form it together.  Text is therefore processed
 * byte by byte.  In a run of brackets every second one completes a pair `[[`, which is then escaped. */
typedef struct {
    char *out;
    size_t capacity, length;
    bool notation;
    char last;         /* the last byte written; `out` may be too short to contain it */
    size_t slashes;    /* backslashes at the end of the text so far, or before the brackets at its end */
    size_t pairs;      /* escaped pairs among those brackets */
    bool bracket;      /* the last byte is a bracket, and a bracket after it would complete a pair */
    pal_place *places; /* places[known] have their offsets already */
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
    size_t last = w->length - 1, entry = w->known;
    char c = w->last;
    w->length = last;
    for (size_t i = 0; i < added; i++) put_byte(w, '\\');
    put_byte(w, c);
    while (entry > 0 && w->places[entry - 1].offset > last) w->places[--entry].offset += added;
    if (entry > 0 && w->places[entry - 1].offset + w->places[entry - 1].bytes > last)
        w->places[entry - 1].bytes += added; /* its text contains that byte */
}

static void put_text(writer *w, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        bool bracket = text[i] == '[';
        if (w->notation && w->bracket && bracket) {
            put_slashes(w, (w->pairs ? 0 : w->slashes) + 1); /* doubles the backslashes before the first pair */
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

/* Doubles the backslashes directly before a blank, or before a single bracket that precedes the blank. */
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

/* The text of a revealed place, without its leading space if that is given text or at the start of the page. */
static size_t token_text(const pal_session *s, const pal_blank *blank, const pal_fill_place *place,
                         char text[LONGEST_PIECE])
{
    int32_t id = s->layout.tokens[place->at];
    if (s->model->board) {
        text[0] = (char)('0' + id);
        return 1;
    }
    if (id == s->classes.empty) return 0; /* a token of any type */
    size_t bytes = pal_vocab_decode_one(s->model->vocab, id, false, text, LONGEST_PIECE);
    bool drop = place->index == 0 && blank->drop_space && (s->model->classes.of[id] & PAL_CLASS_WORD);
    if (drop && bytes) memmove(text, text + 1, --bytes);
    return bytes;
}

/* Writes *open adjacent open places: a blank with notation, otherwise nothing. */
static void put_open(writer *w, int32_t *open)
{
    if (*open && w->notation) put_blank(w, *open);
    *open = 0;
}

/* Writes the places of a blank, the first of which is place number `from`.  Sets the positions of places[i] for i below
 * `count`. */
static void put_places(writer *w, const pal_session *s, const pal_blank *blank, int32_t from, size_t count)
{
    char text[LONGEST_PIECE];
    int32_t open = 0;
    for (int32_t place = from; place < from + blank->max; place++) {
        const bool is_open = s->layout.place[place].step < 0;
        if (!is_open) put_open(w, &open);
        pal_place *entry = (size_t)place < count ? &w->places[w->known++] : NULL;
        if (entry) entry->offset = w->length;
        if (is_open && s->model->board)
            put_byte(w, '.');
        else if (is_open)
            open++;
        else
            put_text(w, text, token_text(s, blank, &s->layout.place[place], text));
        if (entry) entry->bytes = is_open && !s->model->board ? 0 : w->length - entry->offset;
    }
    put_open(w, &open);
}

static size_t render(const pal_session *s, bool notation, char *out, size_t capacity, pal_place *places, size_t count)
{
    writer w = {.out = out, .capacity = capacity, .notation = notation, .places = places};
    const pal_blank *blank = s->layout.blank;
    int32_t place = 0;
    for (size_t i = 0; i < s->page.count; i++) {
        const pal_segment *segment = &s->page.segments[i];
        if (segment->blank) {
            put_places(&w, s, blank++, place, places ? count : 0);
            place += segment->max;
        } else
            put_text(&w, s->page.text + segment->from, segment->bytes);
    }
    return w.length;
}

size_t pal_session_text(const pal_session *s, char *text, size_t capacity)
{
    return render(s, pal_session_open(s) > 0, text, capacity, NULL, 0);
}

size_t pal_session_reading(const pal_session *s, char *text, size_t capacity, pal_place *places, size_t count)
{
    return render(s, false, text, capacity, places, count);
}

size_t pal_session_tokens(const pal_session *s, pal_place *out, size_t capacity)
{
    size_t count = (size_t)s->layout.places;
    int32_t blank = -1;
    for (size_t i = 0; i < count && i < capacity; i++) {
        const pal_fill_place *place = &s->layout.place[i];
        if (place->index == 0) blank++;
        out[i] = (pal_place){.blank = blank,
                             .index = place->index,
                             .step = place->step,
                             .id = place->step < 0 && !pal_fill_is_noised(&s->fill) ? -1 : s->layout.tokens[place->at],
                             .empty = pal_session_holds_empty(s, place),
                             .space_given = place->index == 0 && s->layout.blank[blank].drop_space};
        if (place->step < 0) continue;
        out[i].probability = place->probability;
        out[i].alternatives = place->alternatives;
        memcpy(out[i].alternative_id, place->alternative_id, sizeof place->alternative_id);
        memcpy(out[i].alternative_probability, place->alternative_probability, sizeof place->alternative_probability);
    }
    render(s, pal_session_open(s) > 0, NULL, 0, out, capacity);
    return count;
}
