/* spm.c - encoding as SentencePiece does BPE (Kudo and Richardson, "SentencePiece: A simple and language
 * independent subword tokenizer and detokenizer", EMNLP 2018; the merging is that of Sennrich, Haddow and
 * Birch, ACL 2016, with a piece's score in place of the rank of its merge).
 *
 * 1. Cut the text into symbols: whole pieces where one matches (they never merge), else characters, else
 *    single bytes.
 * 2. Merge the adjacent pair whose concatenation is the piece with the highest score, the leftmost of
 *    equals, until no pair is a piece.
 * 3. Take unused pieces apart again the way they were put together; write what is no piece in bytes.
 *
 * The pairs wait in a heap.  A pair that was overtaken by another merge stays there and is recognised when
 * it comes up, so there is nothing to delete: every merge adds at most two pairs and takes one away, which
 * bounds the heap by twice the symbols. */
#include "vocab.h"

#include <string.h>

/* Symbols lie next to each other and are known by the byte they start at, so the one after a symbol is
 * found by its length and only the one before needs a link. */
typedef struct {
    uint32_t bytes; /* 0: merged into the one before.  With FROZEN set: a whole piece */
    uint32_t link;  /* start of the symbol before, NONE for the first; of a whole piece, its id */
} symbol;

#define FROZEN 0x80000000u
#define NONE   UINT32_MAX

typedef struct {
    float score;
    uint32_t left;  /* start of the left symbol */
    uint32_t bytes; /* of both together when they were put here */
} pair;

typedef struct {
    const pal_vocab *vocab;
    const char *text;
    uint32_t bytes;
    symbol *symbols; /* [bytes], valid where a symbol starts */
    pair *heap;      /* [2 * bytes], heap_count in use */
    uint32_t heap_count;
    uint16_t *left_part; /* [unused pieces] bytes of the left part that the piece was last made of */
} work;

/* ---- scratch --------------------------------------------------------------- */

size_t pal_vocab_scratch_bytes(const pal_vocab *v, size_t bytes)
{
    const size_t each = sizeof(symbol) + 2 * sizeof(pair) + 1; /* the last is for the copy with a prefix */
    size_t fixed = v->unused_count * sizeof(uint16_t) + each;
    if (bytes > INT32_MAX - 1 || bytes > (SIZE_MAX - 1 - fixed) / each) return SIZE_MAX;
    return bytes * each + fixed;
}

/* The parts follow one another from the most to the least aligned, so none needs padding. */
static work place(const pal_vocab *v, const char *text, size_t bytes, bool prefix, void *scratch)
{
    uint32_t n = (uint32_t)bytes + prefix;
    work w = {.vocab = v, .text = text, .bytes = n, .symbols = scratch};
    w.heap = (pair *)(w.symbols + n);
    w.left_part = (uint16_t *)(w.heap + 2 * (size_t)n);
    if (prefix) {
        char *copy = (char *)(w.left_part + v->unused_count);
        copy[0] = ' ';
        memcpy(copy + 1, text, bytes);
        w.text = copy;
    }
    return w;
}

/* ---- heap of pairs --------------------------------------------------------- */

static bool goes_first(pair a, pair b)
{
    return a.score > b.score || (a.score == b.score && a.left < b.left);
}

static void heap_push(work *w, pair p)
{
    uint32_t at = w->heap_count++;
    while (at > 0 && goes_first(p, w->heap[(at - 1) / 2])) {
        w->heap[at] = w->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    w->heap[at] = p;
}

static pair heap_pop(work *w)
{
    pair top = w->heap[0], last = w->heap[--w->heap_count];
    size_t at = 0, child; /* 2 * at + 2 may pass 32 bits */
    while ((child = 2 * at + 1) < w->heap_count) {
        if (child + 1 < w->heap_count && goes_first(w->heap[child + 1], w->heap[child])) child++;
        if (!goes_first(w->heap[child], last)) break;
        w->heap[at] = w->heap[child];
        at = child;
    }
    w->heap[at] = last;
    return top;
}

/* ---- symbols --------------------------------------------------------------- */

/* The longest whole piece that starts at byte `at`, NULL if none.  The range from low to high narrows from the
 * pieces with the same first byte to those with the same first two, three, ...; one that ends there comes
 * first. */
static const pal_whole *match_whole(const work *w, uint32_t at, bool special)
{
    const pal_vocab *v = w->vocab;
    const unsigned char *s = (const unsigned char *)w->text + at;
    size_t low = v->whole_from[s[0]], high = v->whole_from[s[0] + 1], left = w->bytes - at;
    const pal_whole *found = NULL;
    for (size_t depth = 1; low < high; depth++) {
        if (v->whole[low].text.size == depth) {
            if (special || !v->whole[low].control) found = &v->whole[low];
            low++;
        }
        if (depth == left) break;
        size_t bounds[2]; /* the first piece whose next byte is at least, and above, the text's */
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

static void cut_into_symbols(work *w, bool special, bool prefix)
{
    uint32_t before = NONE;
    for (uint32_t at = 0; at < w->bytes;) {
        /* The dummy space is not written in the text, so no control piece begins with it. */
        const pal_whole *whole = match_whole(w, at, special && !(prefix && at == 0));
        uint32_t n;
        if (whole) {
            n = (uint32_t)whole->text.size;
            w->symbols[at] = (symbol){n | FROZEN, (uint32_t)whole->id};
        } else {
            n = (uint32_t)pal_utf8_char(w->text + at, w->bytes - at);
            if (n == 0) n = 1;
            w->symbols[at] = (symbol){n, before};
        }
        before = at;
        at += n;
    }
}

/* ---- merging --------------------------------------------------------------- */

/* Adds the symbol at `left` and the one after it to the heap, if they make a piece. */
static void offer_pair(work *w, uint32_t left)
{
    const symbol *a = &w->symbols[left];
    if ((a->bytes & FROZEN) || a->bytes == w->bytes - left) return;
    const symbol *b = a + a->bytes;
    if (b->bytes & FROZEN) return;
    uint32_t bytes = a->bytes + b->bytes;
    if (bytes > w->vocab->longest) return;
    int32_t id = pal_vocab_find_text(w->vocab, (pal_str){w->text + left, bytes});
    if (id < 0) return;
    const pal_piece *piece = &w->vocab->pieces[id];
    if (piece->unused >= 0) w->left_part[piece->unused] = (uint16_t)a->bytes;
    heap_push(w, (pair){piece->score, left, bytes});
}

/* True while both symbols of the pair are as they were when it was offered: a symbol only ever grows, or
 * is taken in by the one before, so the sum tells. */
static bool is_current(const work *w, pair p)
{
    uint32_t left = w->symbols[p.left].bytes;
    return left < p.bytes && left + w->symbols[p.left + left].bytes == p.bytes;
}

static void merge_all(work *w)
{
    for (uint32_t at = 0; at < w->bytes; at += w->symbols[at].bytes & ~FROZEN) offer_pair(w, at);
    while (w->heap_count > 0) {
        pair p = heap_pop(w);
        if (!is_current(w, p)) continue;
        symbol *a = &w->symbols[p.left], *after = a + p.bytes;
        a[a->bytes].bytes = 0;
        a->bytes = p.bytes;
        if (p.bytes < w->bytes - p.left && !(after->bytes & FROZEN)) after->link = p.left;
        if (a->link != NONE) offer_pair(w, a->link);
        offer_pair(w, p.left);
    }
}

/* ---- writing tokens -------------------------------------------------------- */

typedef struct {
    int32_t *ids;
    size_t capacity, count;
    bool after_unknown; /* a run of unknown characters is one token */
} tokens;

static void put_id(tokens *out, int32_t id)
{
    if (out->count < out->capacity) out->ids[out->count] = id;
    out->count++;
    out->after_unknown = false;
}

static void put_bytes(tokens *out, const pal_vocab *v, const char *text, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (v->bytes[(unsigned char)text[i]] >= 0) continue;
        if (!out->after_unknown) put_id(out, v->special.unknown);
        out->after_unknown = true;
        return;
    }
    for (uint32_t i = 0; i < bytes; i++) put_id(out, v->bytes[(unsigned char)text[i]]);
}

/* Unused pieces are taken apart in place: the left part becomes a symbol that is looked at next, the right
 * part one after it.  A part is shorter than the whole, so this ends, at the latest with single characters;
 * an unused one of those is written as if there were no piece (measured on the package's version 0.2.3). */
static void put_symbols(work *w, tokens *out)
{
    for (uint32_t at = 0; at < w->bytes;) {
        symbol *s = &w->symbols[at];
        const char *text = w->text + at;
        if (s->bytes & FROZEN) {
            put_id(out, (int32_t)s->link);
            at += s->bytes & ~FROZEN;
            continue;
        }
        int32_t id = pal_vocab_find_text(w->vocab, (pal_str){text, s->bytes});
        int32_t unused = id < 0 ? -1 : w->vocab->pieces[id].unused;
        if (unused >= 0 && s->bytes > pal_utf8_char(text, s->bytes)) {
            uint32_t left = w->left_part[unused];
            s[left].bytes = s->bytes - left;
            s->bytes = left;
            continue;
        }
        if (id >= 0 && unused < 0)
            put_id(out, id);
        else
            put_bytes(out, w->vocab, text, s->bytes);
        at += s->bytes;
    }
}

size_t pal_vocab_encode(const pal_vocab *v, const char *text, size_t bytes, unsigned flags, int32_t *ids,
                        size_t capacity, void *scratch)
{
    if (bytes == 0) return 0;
    bool prefix = (flags & PAL_ENCODE_PREFIX) && v->special.add_space_prefix;
    work w = place(v, text, bytes, prefix, scratch);
    tokens out = {.capacity = capacity};
    out.ids = ids;
    cut_into_symbols(&w, (flags & PAL_ENCODE_SPECIAL) != 0, prefix);
    merge_all(&w);
    put_symbols(&w, &out);
    return out.count;
}
