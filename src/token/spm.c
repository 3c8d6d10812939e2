/* spm.c - BPE encoding as in SentencePiece (Kudo and Richardson, "SentencePiece: A simple and language independent
 * subword tokenizer and detokenizer", EMNLP 2018).
 *
 * 1. Split the text into symbols: a whole piece where one matches (it never merges), otherwise a character, otherwise a
 *    single byte.
 * 2. Merge the adjacent pair whose concatenation is the piece with the highest score, the leftmost among equals, until
 *    no pair is a piece.
 * 3. Split unused pieces again into the parts they were merged from; write symbols that are not pieces as bytes. */
#include "merge.h"

#include <string.h>

/* m->left_part[unused pieces] holds the bytes of the left part that the piece was last merged from. The arrays in
 * scratch are in order of decreasing alignment, so none needs padding. */
static pal_merger start_merger(const pal_vocab *v, const char *text, size_t bytes, bool prefix, void *scratch)
{
    pal_merger m = {.vocab = v, .text = text, .bytes = (uint32_t)bytes + prefix};
    m.left_part = pal_merger_layout(&m, scratch);
    if (prefix) {
        char *copy = (char *)(m.left_part + v->unused_count);
        copy[0] = ' ';
        memcpy(copy + 1, text, bytes);
        m.text = copy;
    }
    return m;
}

static void cut_into_symbols(pal_merger *m, bool special, bool prefix)
{
    uint32_t before = PAL_FIRST;
    for (uint32_t at = 0; at < m->bytes;) {
        /* The dummy space is not part of the text, so no control piece may begin with it. */
        const pal_whole *whole =
            pal_vocab_match_whole(m->vocab, m->text + at, m->bytes - at, special && !(prefix && at == 0));
        uint32_t n;
        if (whole) {
            n = (uint32_t)whole->text.size;
            m->symbols[at] = (pal_symbol){n | PAL_FROZEN, (uint32_t)whole->id};
        } else {
            n = (uint32_t)pal_utf8_char(m->text + at, m->bytes - at);
            if (n == 0) n = 1;
            m->symbols[at] = (pal_symbol){n, before};
        }
        before = at;
        at += n;
    }
}

/* ---- merging --------------------------------------------------------------- */

/* Maps a higher score to a lower price: read as an integer, the bits of a float increase with positive values and
 * decrease with negative ones. Adding zero turns -0 into +0. */
static uint32_t price_of_score(float score)
{
    uint32_t bits;
    score += 0.0F;
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x80000000u ? bits : ~bits & 0x7FFFFFFFu;
}

static bool price(const pal_merger *m, pal_pair *p)
{
    if (p->bytes > m->vocab->longest) return false;
    int32_t id = pal_vocab_find_text(m->vocab, (pal_str){m->text + p->left, p->bytes});
    if (id < 0) return false;
    const pal_piece *piece = &m->vocab->pieces[id];
    if (piece->unused >= 0) m->left_part[piece->unused] = (uint16_t)m->symbols[p->left].bytes;
    p->price = price_of_score(piece->score);
    return true;
}

/* ---- writing tokens -------------------------------------------------------- */

static void put_bytes(pal_tokens *out, const pal_vocab *v, const char *text, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (v->bytes[(unsigned char)text[i]] >= 0) continue;
        pal_put_unknown(out, v);
        return;
    }
    for (uint32_t i = 0; i < bytes; i++) pal_put_id(out, v->bytes[(unsigned char)text[i]]);
}

/* Unused pieces are split in place: the left part becomes a symbol that is processed next, the right part one after it.
 * A part is shorter than the whole, so this ends with single characters at the latest. An unused single character is
 * written as if there were no piece (measured with version 0.2.3 of the package). */
static void put_symbols(pal_merger *m, pal_tokens *out)
{
    for (uint32_t at = 0; at < m->bytes;) {
        pal_symbol *s = &m->symbols[at];
        const char *text = m->text + at;
        if (s->bytes & PAL_FROZEN) {
            pal_put_id(out, (int32_t)s->before);
            at += s->bytes & ~PAL_FROZEN;
            continue;
        }
        int32_t id = pal_vocab_find_text(m->vocab, (pal_str){text, s->bytes});
        int32_t unused = id < 0 ? -1 : m->vocab->pieces[id].unused;
        if (unused >= 0 && s->bytes > pal_utf8_char(text, s->bytes)) {
            uint32_t left = m->left_part[unused];
            s[left].bytes = s->bytes - left;
            s->bytes = left;
            continue;
        }
        if (id >= 0 && unused < 0)
            pal_put_id(out, id);
        else
            put_bytes(out, m->vocab, text, s->bytes);
        at += s->bytes;
    }
}

/* Writes the control pieces at the start of the text, usually a BOS. Then no dummy space is added. (The current version
 * of the tokenizers package does the same; older references add the space after them.) */
static size_t put_leading_control(const pal_vocab *v, const char *text, size_t bytes, pal_tokens *out)
{
    size_t at = 0;
    while (at < bytes) {
        const pal_whole *whole = pal_vocab_match_whole(v, text + at, bytes - at, true);
        if (!whole || !whole->control) break;
        pal_put_id(out, whole->id);
        at += whole->text.size;
    }
    return at;
}

void pal_spm_encode(const pal_vocab *v, const char *text, size_t bytes, bool prefix, bool special, pal_tokens *out,
                    void *scratch)
{
    const size_t begin = special ? put_leading_control(v, text, bytes, out) : 0;
    if (begin == bytes) return;
    if (begin > 0) prefix = false;
    pal_merger m = start_merger(v, text + begin, bytes - begin, prefix, scratch);
    cut_into_symbols(&m, special, prefix);
    pal_merge_all(&m, price);
    put_symbols(&m, out);
}
