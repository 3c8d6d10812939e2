/* pieces.c - builds the sorted list of the texts of all tokens. */
#include "pieces.h"

#include <string.h>

void pal_pieces_measure(pal_pieces *p, int32_t vocab, pal_piece_fn *piece, const void *context)
{
    *p = (pal_pieces){.vocab = vocab};
    for (int32_t id = 0; id < vocab; id++) {
        size_t bytes = piece(context, id, NULL, 0);
        if (bytes > p->longest) p->longest = bytes;
        if (__builtin_add_overflow(p->text_bytes, bytes, &p->text_bytes)) p->text_bytes = SIZE_MAX;
    }
}

void pal_pieces_layout(pal_pieces *p, pal_arena *arena)
{
    size_t n = (size_t)p->vocab;
    p->from = pal_take(arena, n + 1, sizeof *p->from);
    p->text = pal_take(arena, p->text_bytes <= UINT32_MAX ? p->text_bytes : SIZE_MAX, 1); /* larger: overflow */
    p->sorted = pal_take(arena, n, sizeof *p->sorted);
    p->scratch = pal_take(arena, n, sizeof *p->scratch);
}

static uint32_t shared_bytes(pal_str a, pal_str b)
{
    size_t min = a.size < b.size ? a.size : b.size, i = 0;
    while (i < min && a.data[i] == b.data[i]) i++;
    return (uint32_t)i;
}

static bool goes_first(const pal_pieces *p, int32_t a, int32_t b)
{
    pal_str s = pal_pieces_text(p, a), t = pal_pieces_text(p, b);
    int order = memcmp(s.data, t.data, s.size < t.size ? s.size : t.size);
    if (order) return order < 0;
    return s.size != t.size ? s.size < t.size : a < b;
}

/* Merges sorted runs of length `width` in `from` into runs of twice that length in `to`. */
static void merge_runs(const pal_pieces *p, const pal_sorted_piece *from, pal_sorted_piece *to, size_t width)
{
    size_t n = (size_t)p->count;
    for (size_t begin = 0; begin < n; begin += 2 * width) {
        size_t middle = begin + width < n ? begin + width : n, end = begin + 2 * width < n ? begin + 2 * width : n;
        for (size_t a = begin, b = middle, at = begin; at < end; at++) {
            bool first = b == end || (a < middle && goes_first(p, from[a].id, from[b].id));
            to[at] = first ? from[a++] : from[b++];
        }
    }
}

static void sort(pal_pieces *p)
{
    for (size_t width = 1; width < (size_t)p->count; width *= 2) {
        pal_sorted_piece *swap = p->sorted;
        merge_runs(p, p->sorted, p->scratch, width);
        p->sorted = p->scratch;
        p->scratch = swap;
    }
}

void pal_pieces_fill(pal_pieces *p, pal_piece_fn *piece, const void *context)
{
    uint32_t at = 0;
    p->count = 0;
    for (int32_t id = 0; id < p->vocab; id++) {
        uint32_t bytes = (uint32_t)piece(context, id, p->text + at, p->text_bytes - at);
        p->from[id] = at;
        at += bytes;
        if (bytes) p->sorted[p->count++] = (pal_sorted_piece){.id = id};
    }
    p->from[p->vocab] = at;
    sort(p);
    for (int32_t i = 1; i < p->count; i++)
        p->sorted[i].shared =
            shared_bytes(pal_pieces_text(p, p->sorted[i - 1].id), pal_pieces_text(p, p->sorted[i].id));
}
