/* lookup.c - finds pieces: by name, by text, and as the longest match at the start of a text. */
#include "unicode.h"
#include "vocab.h"

#include <stdlib.h>
#include <string.h>

#define SPACE_MARK       "\xE2\x96\x81" /* U+2581, how SentencePiece files write a space */
#define SPACE_MARK_BYTES 3

bool pal_is_space_mark(const char *s, size_t bytes)
{
    return bytes >= SPACE_MARK_BYTES && memcmp(s, SPACE_MARK, SPACE_MARK_BYTES) == 0;
}

bool pal_str_same(pal_str a, pal_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool pal_is_utf8(pal_str s)
{
    for (size_t at = 0; at < s.size;) {
        size_t n = pal_utf8_char(s.data + at, s.size - at);
        if (n == 0) return false;
        at += n;
    }
    return true;
}

/* ---- hash tables ------------------------------------------------------------ */

/* FNV-1a with U+2581 read as a space, so that both forms of a piece have the same hash. The last step moves the high
 * bits, which are mixed better, into the bits that the mask keeps. */
static uint32_t hash(pal_str s)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c == 0xE2 && pal_is_space_mark(s.data + i, s.size - i)) {
            c = ' ';
            i += SPACE_MARK_BYTES - 1;
        }
        h = (h ^ c) * 16777619u;
    }
    return h ^ (h >> 15);
}

int32_t pal_vocab_find(const pal_vocab *v, pal_str piece)
{
    uint32_t slot = hash(piece);
    for (int step = 0; step < PAL_PROBE_MAX; step++, slot++) {
        int32_t id = v->table[slot & (v->slots - 1)];
        if (id < 0 || pal_str_same(v->pieces[id].name, piece)) return id;
    }
    return -1;
}

int32_t pal_vocab_find_text(const pal_vocab *v, pal_str text)
{
    uint32_t slot = hash(text);
    for (int step = 0; step < PAL_PROBE_MAX; step++, slot++) {
        int32_t id = v->texts[slot & (v->slots - 1)];
        if (id < 0 || (v->pieces[id].merges && pal_str_same(v->pieces[id].text, text))) return id;
    }
    return -1;
}

/* Returns false if there are too many collisions. Of equal keys the first stays. */
static bool table_add(const pal_vocab *v, int32_t *table, int32_t id)
{
    const pal_piece *p = &v->pieces[id];
    bool by_name = table == v->table;
    uint32_t slot = hash(by_name ? p->name : p->text);
    for (int step = 0; step < PAL_PROBE_MAX; step++, slot++) {
        int32_t *entry = &table[slot & (v->slots - 1)];
        if (*entry < 0) {
            *entry = id;
            return true;
        }
        const pal_piece *other = &v->pieces[*entry];
        if (other->merges != p->merges) continue;
        if (by_name ? pal_str_same(other->name, p->name) : pal_str_same(other->text, p->text)) return true;
    }
    return false;
}

/* Each byte is written as its byte piece; in a byte-level vocabulary, the piece that merges is preferred. */
static void index_bytes(pal_vocab *v)
{
    for (int b = 0; b < 256; b++) {
        char byte = (char)b;
        v->bytes[b] = v->rule ? pal_vocab_find_text(v, (pal_str){&byte, 1}) : -1;
    }
    for (int32_t i = 0; i < v->size; i++) {
        int byte = v->pieces[i].byte;
        if (byte >= 0 && v->bytes[byte] < 0) v->bytes[byte] = i;
    }
}

bool pal_vocab_index_pieces(pal_vocab *v)
{
    bool two = v->texts != v->table;
    for (uint32_t i = 0; i < v->slots; i++) v->table[i] = v->texts[i] = -1;
    for (int32_t i = 0; i < v->size; i++) {
        if (!table_add(v, v->table, i)) return false;
        if (two && v->pieces[i].merges && !table_add(v, v->texts, i)) return false;
    }
    index_bytes(v);
    return true;
}

/* ---- whole pieces ------------------------------------------------------------ */

/* Orders by text; then user-defined before control; then by id. */
static int compare_whole(const void *left, const void *right)
{
    const pal_whole *a = left, *b = right;
    int order = memcmp(a->text.data, b->text.data, a->text.size < b->text.size ? a->text.size : b->text.size);
    if (order != 0) return order;
    if (a->text.size != b->text.size) return a->text.size < b->text.size ? -1 : 1;
    if (a->control != b->control) return a->control ? 1 : -1;
    return a->id < b->id ? -1 : 1;
}

void pal_vocab_index_whole(pal_vocab *v)
{
    size_t n = 0, kept = 0;
    for (int32_t i = 0; i < v->size; i++) {
        const pal_piece *p = &v->pieces[i];
        if (p->type != PAL_PIECE_USER && p->type != PAL_PIECE_CONTROL) continue;
        if (p->text.size > 0 && pal_is_utf8(p->name))
            v->whole[n++] = (pal_whole){p->text, i, p->type == PAL_PIECE_CONTROL};
    }
    if (n > 1) qsort(v->whole, n, sizeof *v->whole, compare_whole);
    for (size_t i = 0; i < n; i++) {
        const pal_whole *w = &v->whole[i], *last = kept ? &v->whole[kept - 1] : NULL;
        if (last && pal_str_same(last->text, w->text)) continue;
        v->whole[kept++] = *w;
    }
    v->whole_count = kept;
    size_t at = 0;
    for (int b = 0; b <= 256; b++) {
        while (at < kept && (unsigned char)v->whole[at].text.data[0] < b) at++;
        v->whole_from[b] = at;
    }
}

/* The range low .. high narrows from the pieces with the same first byte to those with the same first two bytes, three
 * bytes, ...; a piece that ends there is the first in the range. */
const pal_whole *pal_vocab_match_longest(const pal_vocab *v, const char *text, size_t bytes, bool special)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t low = v->whole_from[s[0]], high = v->whole_from[s[0] + 1];
    const pal_whole *found = NULL;
    for (size_t depth = 1; low < high; depth++) {
        if (v->whole[low].text.size == depth) {
            if (special || !v->whole[low].control) found = &v->whole[low];
            low++;
        }
        if (depth == bytes) break;
        size_t bounds[2]; /* the first piece whose next byte is at least the text's, and the first where it is above */
        for (int side = 0; side < 2; side++) {
            size_t a = low, b = high;
            while (a < b) {
                size_t middle = a + (b - a) / 2;
                if ((unsigned char)v->whole[middle].text.data[depth] < s[depth] + side)
                    a = middle + 1;
                else
                    b = middle;
            }
            bounds[side] = a;
        }
        low = bounds[0];
        high = bounds[1];
    }
    return found;
}
