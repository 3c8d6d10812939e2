/* bpe.c - byte-level BPE (Radford and others, "Language models are unsupervised multitask learners", 2019).
 *
 * The text is split at whole pieces, the parts between them into words (split.h), and the bytes of each word are
 * merged: among the pairs in the file's list of merges, the first in the list. If merging the bytes of a piece produces
 * that piece, a word equal to it is looked up instead; these pieces are determined once, when the file is opened. */
#include "merge.h"
#include "unicode.h"

#include <stdlib.h>
#include <string.h>

/* ---- names ---------------------------------------------------------------------- */

/* The byte that a character of a name stands for, or -1. Printable bytes stand for themselves; the other 68, in order,
 * are U+0100, U+0101, ... */
static int byte_of(uint32_t code)
{
    if ((code >= 0x21 && code <= 0x7E) || (code >= 0xA1 && code <= 0xFF && code != 0xAD)) return (int)code;
    if (code < 0x100 || code > 0x143) return -1;
    uint32_t index = code - 0x100;
    return (int)(index <= 0x20 ? index : index <= 0x42 ? index - 0x21 + 0x7F : 0xAD);
}

bool pal_bpe_bytes(pal_str name, char *out, size_t *bytes)
{
    *bytes = 0;
    for (size_t at = 0; at < name.size;) {
        pal_char c = pal_char_at(name.data, at, name.size);
        int byte = byte_of(c.code);
        if (byte < 0) return false;
        out[(*bytes)++] = (char)byte;
        at += c.bytes;
    }
    return true;
}

/* ---- merges ----------------------------------------------------------------------- */

static uint32_t hash(int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (uint32_t)((key * 0x9E3779B97F4A7C15u) >> 32);
}

/* The slot of this pair, which holds it or is empty. NULL: too many collisions. */
static pal_merge *find_merge(const pal_vocab *v, int32_t left, int32_t right)
{
    uint32_t slot = hash(left, right);
    for (int step = 0; step < PAL_PROBE_MAX; step++, slot++) {
        pal_merge *m = &v->merges[slot & (v->merge_slots - 1)];
        if (m->left < 0 || (m->left == left && m->right == right)) return m;
    }
    return NULL;
}

static bool price(const pal_merger *m, pal_pair *p)
{
    const int32_t *left = &m->ids[p->left], *right = left + m->symbols[p->left].bytes;
    const pal_merge *merge = find_merge(m->vocab, *left, *right);
    if (!merge || merge->left < 0) return false;
    p->price = merge->rank;
    return true;
}

/* Merges the bytes of text[bytes]. */
static void merge_word(pal_merger *m, const char *text, uint32_t bytes)
{
    m->text = text;
    m->bytes = bytes;
    for (uint32_t at = 0; at < bytes; at++) {
        m->symbols[at] = (pal_symbol){1, at > 0 ? at - 1 : PAL_FIRST};
        m->ids[at] = m->vocab->bytes[(unsigned char)text[at]]; /* -1, for no piece, is not in any merge */
    }
    pal_merge_all(m, price);
}

/* The piece of this name that merges, or -1. */
static int32_t find_part(const pal_vocab *v, pal_str name)
{
    char bytes[PAL_PIECE_MAX];
    size_t size;
    if (name.size > sizeof bytes || !pal_bpe_bytes(name, bytes, &size)) return -1;
    return pal_vocab_find_text(v, (pal_str){bytes, size});
}

/* The piece that two others produce, or -1. */
static int32_t find_result(const pal_vocab *v, pal_str left, pal_str right)
{
    char bytes[PAL_PIECE_MAX];
    if (left.size + right.size > sizeof bytes) return -1;
    memcpy(bytes, left.data, left.size);
    memcpy(bytes + left.size, right.data, right.size);
    return pal_vocab_find_text(v, (pal_str){bytes, left.size + right.size});
}

/* Returns false if there are too many collisions. Of equal merges the first is used. *used := false for a merge with or
 * into something that is not a piece; the format's own reader identifies parts by their text only and would merge
 * further. */
static bool add_merge(pal_vocab *v, pal_str text, uint32_t rank, bool *used)
{
    const char *space = text.size > 1 ? memchr(text.data + 1, ' ', text.size - 1) : NULL;
    const size_t first = space ? (size_t)(space - text.data) : 0;
    const int32_t left = space ? find_part(v, (pal_str){text.data, first}) : -1;
    const int32_t right = space ? find_part(v, (pal_str){space + 1, text.size - first - 1}) : -1;
    const int32_t id = left < 0 || right < 0 ? -1 : find_result(v, v->pieces[left].text, v->pieces[right].text);
    v->made[rank] = id;
    *used = id >= 0;
    if (id < 0) return true;
    pal_merge *entry = find_merge(v, left, right);
    if (entry && entry->left < 0) *entry = (pal_merge){left, right, rank};
    return entry;
}

/* Marks the pieces that are words: those that merging their bytes produces; with the rule of Llama 3, all that
 * merge. */
static bool mark_words(pal_vocab *v)
{
    pal_merger m = {.vocab = v, .bytes = (uint32_t)v->longest, .made = v->made};
    void *scratch = malloc(v->longest * PAL_MERGER_EACH + 1);
    if (!scratch) return false;
    m.ids = pal_merger_layout(&m, scratch);
    for (int32_t i = 0; i < v->size; i++) {
        pal_piece *p = &v->pieces[i];
        if (!p->merges || pal_vocab_find_text(v, p->text) != i) continue;
        p->word = pal_split_ignores_merges(v->rule);
        if (p->word) continue;
        merge_word(&m, p->text.data, (uint32_t)p->text.size);
        p->word = m.symbols[0].bytes == p->text.size && m.ids[0] == i;
    }
    free(scratch);
    return true;
}

pal_status pal_bpe_read_merges(pal_vocab *v, pal_source *src, pal_error *err)
{
    const pal_gguf_value *merges = src->merges;
    size_t cursor = 0;
    for (uint32_t i = 0; i < v->merge_slots; i++) v->merges[i].left = -1;
    for (uint32_t rank = 0; rank < merges->count; rank++) {
        const pal_str text = pal_gguf_next_str(merges, &cursor);
        const size_t offset =
            pal_gguf_value_offset(src->gguf, merges) + (size_t)(text.data - (const char *)merges->data);
        bool used;
        if (!add_merge(v, text, rank, &used))
            return pal_fail(err, PAL_E_FORMAT, "too many merges share a hash value", offset);
        if (!used) src->notes |= PAL_NOTE_MERGES;
    }
    if (!mark_words(v)) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the vocabulary", SIZE_MAX);
    return PAL_OK;
}

/* ---- encoding ---------------------------------------------------------------------- */

typedef struct {
    pal_merger merger;
    const char *text; /* the whole text */
    pal_tokens *out;
} work;

static void put_word(void *context, size_t from, size_t to)
{
    work *w = context;
    const pal_vocab *v = w->merger.vocab;
    pal_str word = {w->text + from, to - from};
    int32_t id = word.size <= v->longest ? pal_vocab_find_text(v, word) : -1;
    if (id >= 0 && v->pieces[id].word) {
        pal_put_id(w->out, id);
        return;
    }
    merge_word(&w->merger, word.data, (uint32_t)word.size);
    for (uint32_t at = 0; at < w->merger.bytes; at += w->merger.symbols[at].bytes)
        if (w->merger.ids[at] >= 0) pal_put_id(w->out, w->merger.ids[at]); /* otherwise dropped, as in llama.cpp */
}

void pal_bpe_encode(const pal_vocab *v, const char *text, size_t bytes, bool special, pal_tokens *out, void *scratch)
{
    work w = {.merger = {.vocab = v, .bytes = (uint32_t)bytes, .made = v->made}, .text = text, .out = out};
    size_t from = 0;
    w.merger.ids = pal_merger_layout(&w.merger, scratch);
    for (size_t at = 0; at < bytes;) {
        const pal_whole *whole = pal_vocab_match_whole(v, text + at, bytes - at, special);
        if (!whole) {
            at++;
            continue;
        }
        pal_split(v->rule, text, from, at, put_word, &w);
        pal_put_id(out, whole->id);
        from = at += whole->text.size;
    }
    pal_split(v->rule, text, from, bytes, put_word, &w);
}
